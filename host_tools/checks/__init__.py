# SPDX-License-Identifier: Apache-2.0
"""``./run check``: every check of this repository that is not a test of behaviour, in one place."""
