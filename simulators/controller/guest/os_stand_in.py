# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001  # a folder of the guest's, not a package of ours
"""Runs inside the virtual machine in the place of MicroPython's ``os``: the chip's random numbers, and nothing else."""

from host import call  # type: ignore[import-not-found]  # the bridge out of the virtual machine


def urandom(count: int) -> bytes:
    """Return ``count`` random bytes."""
    return bytes.fromhex(call("random", str(count)))
