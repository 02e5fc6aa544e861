# SPDX-License-Identifier: Apache-2.0
"""First code of the image. Mounts nothing, formats nothing, and lets only frozen modules be imported."""

import sys

sys.path[:] = [".frozen"]
