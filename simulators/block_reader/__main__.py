# SPDX-License-Identifier: Apache-2.0
"""Start the reader: ``python -m simulators.block_reader --slot-socket PATH``. Control commands and faults are listed in the README."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simulators.block_reader.field import Field
from simulators.block_reader.slot import Slot
from simulators.kit import add_common_arguments, from_arguments
from simulators.personas import PERSONAS


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="simulators.block_reader", description=__doc__)
    add_common_arguments(parser)
    parser.add_argument("--slot-socket", type=Path, required=True, help="the slot socket of simulators.pcscd")
    parser.add_argument("--slot", type=int, default=0, help="which slot of the slot socket (0 or 1)")
    parser.add_argument("--persona", choices=sorted(PERSONAS), help="whose card lies on the reader at the start")
    arguments = parser.parse_args()
    process = from_arguments("block_reader", arguments)
    field = Field(process.faults)
    Slot(field, arguments.slot_socket, arguments.slot, process.transcript)

    def insert(request: dict[str, Any]) -> None:
        field.insert(PERSONAS[request.get("persona", "zhang")], foreign=bool(request.get("foreign", False)))

    process.command("insert", insert)
    process.command("remove", lambda _: field.remove())
    process.command("counts", lambda _: {"counts": field.counts})
    if arguments.persona:
        insert({"persona": arguments.persona})
    process.ready(slot=arguments.slot)
    process.run()


if __name__ == "__main__":
    main()
