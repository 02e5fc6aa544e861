# SPDX-License-Identifier: Apache-2.0
"""What software is on this terminal."""
