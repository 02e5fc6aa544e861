# SPDX-License-Identifier: Apache-2.0
"""Run a private pcscd: ``python -m simulators.pcscd --run-dir DIR``.

Ready: ``{"ready": "pcscd", "pcscd_socket", "slot_socket", "reader", "second_reader", "rung"}``, after pcscd answered and lists the
reader. Clients set ``PCSCLITE_CSOCK_NAME`` to ``pcscd_socket``. Control: ``restart``, ``down``, ``up``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.kit import add_common_arguments, from_arguments
from simulators.pcscd.launch import CannotStart, Inside
from simulators.pcscd.probe import readers

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Start, say ready, serve the control socket until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m simulators.pcscd", description=__doc__)
    parser.add_argument("--run-dir", type=Path, required=True, help="directory of the sockets and the log; made if missing")
    parser.add_argument("--name", default="rnt SIM writer", help="the reader's name; pcscd adds two numbers")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    process = from_arguments("pcscd", arguments)
    try:
        inside = Inside(arguments.run_dir, arguments.name)
        service = arguments.run_dir.resolve() / "pcscd.comm"
        first, second = readers(service)
    except (CannotStart, OSError) as error:
        sys.exit(f"simulators.pcscd: {error}")

    def order(word: str) -> Callable[[dict[str, Any]], None]:
        def carry_out(_: dict[str, Any]) -> None:
            inside.order(word)
            process.transcript.note(f"pcscd: {word}")

        return carry_out

    for name, word in (("restart", "restart"), ("down", "stop"), ("up", "start")):
        process.command(name, order(word))
    slots = service.with_name("slot.sock")
    process.ready(pcscd_socket=str(service), slot_socket=str(slots), reader=first, second_reader=second, rung=inside.rung)
    process.run(inside.close)


if __name__ == "__main__":
    main()
