# SPDX-License-Identifier: Apache-2.0
"""Start a USB bus in user space: ``python -m simulators.usb --device SOCKET``. See the README.

The bus is umockdev's, whose Python bindings belong to the system's Python: this process becomes that one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

WRAPPER = "/usr/bin/umockdev-wrapper"
"""Preloads umockdev, without which nobody hears the test bed's plug events."""
PYTHON = "/usr/bin/python3"


def main() -> None:
    """Become the test bed."""
    root = Path(__file__).resolve().parents[2]
    os.execve(WRAPPER, [WRAPPER, PYTHON, "-m", "simulators.usb.testbed", *sys.argv[1:]], {**os.environ, "PYTHONPATH": str(root)})  # noqa: S606  # fixed programs, no shell


if __name__ == "__main__":
    main()
