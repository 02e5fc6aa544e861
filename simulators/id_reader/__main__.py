# SPDX-License-Identifier: Apache-2.0
"""Start the reader: ``python -m simulators.id_reader --link /run/id-reader``. Control commands are listed in the README."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simulators.id_reader.device import Attachment, Device
from simulators.id_reader.port import Port
from simulators.id_reader.sam import BAUDS, Sam
from simulators.id_reader.usb import VARIANTS, UsbCable
from simulators.kit import add_common_arguments, from_arguments
from simulators.personas import PERSONAS
from simulators.usb.server import RedirServer

TUNABLE_CABLE = {"split", "empty_end"}
TUNABLE = {"find_policy", "fingers", "address_slots", "fixed_baud", "any_order", "management_bytes", *TUNABLE_CABLE}
"""What the control command ``tune`` may change while the reader runs."""
SAM_ID = "0500010009b8320105be1200adc5b111"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.id_reader", description=__doc__)
    add_common_arguments(parser)
    parser.add_argument("--link", type=Path, help="symbolic link to make to the pseudo-terminal")
    parser.add_argument("--persona", choices=sorted(PERSONAS), help="whose card lies on the reader at the start")
    parser.add_argument("--baud", type=int, choices=BAUDS, default=BAUDS[0])
    parser.add_argument("--pace", action=argparse.BooleanOptionalAction, default=True, help="answer at the line's rate")
    parser.add_argument("--find-policy", choices=("once", "always", "alternate"), default="once", help="find after a good read")
    parser.add_argument("--power-up-ms", type=int, default=0, help="silence after power-on")
    parser.add_argument("--restart-ms", type=int, default=2000, help="silence after the supply came back (facts: id_reader §1.5)")
    parser.add_argument("--sam-id", type=bytes.fromhex, default=bytes.fromhex(SAM_ID), help="16 bytes as hex")
    parser.add_argument("--iin", type=bytes.fromhex, default=bytes(4), help="4 bytes of find's answer as hex")
    parser.add_argument("--sn", type=bytes.fromhex, default=bytes(8), help="8 bytes of select's answer as hex")
    parser.add_argument("--sam-failure", type=lambda text: int(text, 16), default=0, help="60 or 66: the SAM is out of order")
    parser.add_argument("--fingers", type=int, choices=(0, 512, 1024), help="bytes of fingerprints in the answer, unasked")
    parser.add_argument("--address-slots", type=int, choices=(0, 1, 2, 3, 4), default=0, help="slots sent where there is an address at all")
    parser.add_argument("--fixed-baud", action="store_true", help="refuse to change the rate")
    parser.add_argument("--usb", choices=sorted(VARIANTS), help="a USB device of this kind, offered with usbredir at --socket")
    parser.add_argument("--socket", type=Path, help="Unix socket for --usb")
    parser.add_argument("--usb-split", type=int, default=0, help="cut answers into transfers of so many bytes")
    parser.add_argument("--usb-empty-end", action="store_true", help="end answers of whole packets with an empty one")
    return parser.parse_args()


def _attachment(arguments: argparse.Namespace) -> tuple[Attachment, dict[str, str]]:
    """Return how the reader hangs on the host, and what the ready line tells of it."""
    if not arguments.usb:
        port = Port(arguments.link)
        return port, {"port": port.name}
    cable = UsbCable(arguments.usb)
    cable.split, cable.empty_end = arguments.usb_split, arguments.usb_empty_end
    RedirServer(cable.model, arguments.socket)
    told = cable.model.descriptors
    return cable, {"socket": str(arguments.socket), "usb": f"{told.vendor:04x}:{told.product:04x}"}


def main() -> None:
    """Run until told to stop."""
    arguments = _arguments()
    process = from_arguments("id_reader", arguments)
    sam = Sam(
        arguments.sam_id,
        arguments.find_policy,
        arguments.baud,
        arguments.iin,
        arguments.sn,
        PERSONAS[arguments.persona] if arguments.persona else None,
        arguments.fingers,
        arguments.address_slots,
        arguments.fixed_baud,
        arguments.sam_failure,
    )
    port, endpoints = _attachment(arguments)
    device = Device(sam, port, process, pace=arguments.pace, power_up_ms=arguments.power_up_ms, restart_ms=arguments.restart_ms)

    def insert(request: dict[str, Any]) -> None:
        device.insert(PERSONAS[request.get("persona", "zhang")])

    def fail(request: dict[str, Any]) -> None:
        sam.failure = int(request["code"])

    def tune(request: dict[str, Any]) -> None:
        for name, value in request.items():
            if name in TUNABLE:
                setattr(port if name in TUNABLE_CABLE else sam, name, value)

    process.command("insert", insert)
    process.command("tune", tune)
    process.command("persona", insert)
    process.command("remove", lambda _: device.remove())
    process.command("sam", fail)
    process.command("hangup", lambda _: device.unplug())
    process.command("plug", lambda _: device.plug())
    process.command("power", lambda request: device.power(on=bool(request["on"])))
    process.command("counts", lambda _: {"counts": dict(device.counts)})
    process.command("baud", lambda _: {"baud": sam.baud})
    device.start()
    process.ready(**endpoints, sam_id=sam.sam_id.hex())
    process.run(lambda: arguments.link.unlink(missing_ok=True) if arguments.link else None)


if __name__ == "__main__":
    main()
