# SPDX-License-Identifier: Apache-2.0
"""Run a printer: ``python -m simulators.printer [--link PATH]``.

Ready line: ``{"ready": "printer", "port": TTY}``. Control: ``lines {}`` → every line printed, ``receipts {}`` → the lines of each
receipt that was cut off, ``unknown {}`` → commands it did not know, ``paper {"present": bool}``, ``offline {"offline": bool}``.
Events: ``status`` (a question at once), ``line``, ``cut``, ``report``, ``reset``. Faults: ``no_paper``, ``offline``, ``silence``,
``garbage`` (for ``status`` and ``report``), ``hold``.
"""

from __future__ import annotations

import argparse
import os
import tty
from pathlib import Path

from simulators.kit import add_common_arguments, from_arguments
from simulators.printer.mechanism import Mechanism


def main() -> None:
    """Run the simulator."""
    parser = argparse.ArgumentParser(prog="python -m simulators.printer", description="A receipt printer on a pseudo-terminal.")
    parser.add_argument("--link", type=Path, help="symbolic link to make to the pseudo-terminal")
    parser.add_argument("--no-paper", action="store_true", help="start without paper")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    process = from_arguments("printer", arguments)
    master, line = os.openpty()  # the line end stays open here too, or the printer would hang up whenever nobody listens
    tty.setraw(line)
    mechanism = Mechanism(process, master)
    mechanism.set(paper=not arguments.no_paper)
    process.command("lines", lambda _: {"lines": list(mechanism.lines)})
    process.command("receipts", lambda _: {"receipts": list(mechanism.receipts)})
    process.command("unknown", lambda _: {"unknown": list(mechanism.unknown)})
    process.command("paper", lambda request: mechanism.set(paper=bool(request["present"])))
    process.command("offline", lambda request: mechanism.set(offline=bool(request["offline"])))
    link: Path | None = arguments.link
    if link:
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(line))
    process.ready(port=str(link or os.ttyname(line)))
    process.run(lambda: link.unlink(missing_ok=True) if link else None)


if __name__ == "__main__":
    main()
