# SPDX-License-Identifier: Apache-2.0
"""Build the stand-in decoder: ``python -m simulators.portrait --library FILE [--behaviour NAME]``.

Ready line: ``{"ready": "portrait", "library": FILE}``; then it waits to be ended, as every simulator does. Needs ``gcc``. Behaviours:
``decodes``, ``crashes``, ``hangs``, ``unlicensed``, ``leaks`` (prints the photograph and writes it to ``FILE.leak``).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from simulators.kit import add_common_arguments, from_arguments

BEHAVIOURS = ("decodes", "crashes", "hangs", "unlicensed", "leaks")
SOURCE = Path(__file__).with_name("decoder.c")


def main() -> None:
    """Build, tell, wait."""
    parser = argparse.ArgumentParser(prog="python -m simulators.portrait", description="A stand-in for a licensed photo decoder.")
    parser.add_argument("--library", type=Path, required=True, help="shared library to build")
    parser.add_argument("--behaviour", choices=BEHAVIOURS, default="decodes")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    process = from_arguments("portrait", arguments)
    build(arguments.library, arguments.behaviour)
    process.ready(library=str(arguments.library))
    process.run()


def build(library: Path, behaviour: str) -> None:
    """Compile the library."""
    defines = [f"-DBEHAVIOUR={BEHAVIOURS.index(behaviour)}", f'-DLEAK="{library}.leak"']
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", *defines, "-o", str(library), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own source, no shell
    if done.returncode:
        sys.exit(f"simulators.portrait: gcc: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
