# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001  # a folder of the guest's, not a package of ours
"""Runs inside the virtual machine in the place of MicroPython's ``rp2``: the raw flash behind the file system area."""

from machine import host  # type: ignore[import-not-found]  # the stand-in registered under this name
from uctypes import addressof  # type: ignore[import-not-found]  # exists on the virtual machine only


class Flash:
    """Blocks of 4096 bytes. No call reports an error; writing at an offset programs without erasing."""

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        """Read into ``buffer``."""
        host("flash_read", f"{block} {offset} {addressof(buffer)} {len(buffer)}")

    def writeblocks(self, block: int, data: bytes, offset: int | None = None) -> None:
        """Erase the block and program it; with an ``offset`` only program."""
        if offset is None:
            host("flash_erase", str(block))
        host("flash_program", f"{block} {offset or 0} {addressof(data)} {len(data)}")

    def ioctl(self, operation: int, block: int) -> int:
        """Erase ``block``: operation 6; no other is simulated."""
        if operation != 6:
            raise ValueError("only erasing is simulated")
        host("flash_erase", str(block))
        return 0
