# SPDX-License-Identifier: Apache-2.0
"""The seam for a photo decoder that somebody owns: a shared library, loaded in a process of its own."""
