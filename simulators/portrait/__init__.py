# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a licensed photo decoder: a shared library built from C, for the rig's personas only."""
