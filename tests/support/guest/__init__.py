# SPDX-License-Identifier: Apache-2.0
"""A machine with a kernel of its own, in which the shipped reader driver runs: QEMU without virtualisation help. See the README."""
