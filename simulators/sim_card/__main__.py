# SPDX-License-Identifier: Apache-2.0
"""Run a simulated SIM card: ``python -m simulators.sim_card --slot-socket PATH | --vpcd HOST:PORT``.

Ready: ``{"ready": "sim_card", "atr", "iccid", "adm", "shared"}`` (hex, digits, hex, the keys an operator shares with it), which ``insert``
and ``swap`` answer too. Control: ``insert`` {card?, iccid?}, ``remove``, ``swap`` {card, iccid?} (``iccid``: another piece of that kind),
``state`` {}, ``read_file`` {path}, ``wait_stalled`` {timeout?}. Fault kinds: :mod:`simulators.sim_card.slot`.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from simulators.kit import add_common_arguments, from_arguments
from simulators.sim_card.line import Line, by_address, by_slot_socket
from simulators.sim_card.personas import CARDS, Persona
from simulators.sim_card.slot import Slot


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.sim_card", description=__doc__)
    reader = parser.add_mutually_exclusive_group(required=True)
    reader.add_argument("--slot-socket", type=Path, help="the slot socket of simulators.pcscd")
    reader.add_argument("--vpcd", metavar="HOST:PORT", help="a vpcd port to connect to")
    parser.add_argument("--slot", type=int, default=0, help="which slot of the slot socket (0 or 1)")
    parser.add_argument("--card", choices=sorted(CARDS), default="blank-usim", help="the card to start with")
    parser.add_argument("--empty", action="store_true", help="start with an empty slot; insert puts --card in")
    parser.add_argument("--nvm", type=Path, help="file that keeps the cards' memory when the process ends or is killed")
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Put the card in, say ready, serve until told to stop."""
    arguments = _arguments()
    process = from_arguments("sim_card", arguments)
    slot = Slot(process.faults, arguments.nvm)
    persona = CARDS[arguments.card]
    slot.insert(arguments.card)
    if arguments.empty:
        slot.remove()
    if arguments.vpcd:
        connect = functools.partial(by_address, arguments.vpcd)
    else:
        connect = functools.partial(by_slot_socket, arguments.slot_socket, arguments.slot)
    Line(slot, connect, process.transcript)

    def insert(request: dict[str, Any]) -> dict[str, Any]:
        card = slot.insert(request.get("card"), request.get("iccid"))
        return _told(card.persona)

    def swap(request: dict[str, Any]) -> dict[str, Any]:
        return insert({"card": request["card"], "iccid": request.get("iccid")})

    process.command("insert", insert)
    process.command("swap", swap)
    process.command("remove", lambda _: slot.remove())
    process.command("wait_stalled", lambda request: {"stalled": slot.wait_stalled(float(request.get("timeout", 10)))})
    process.command("state", lambda _: slot.state())
    process.command("read_file", lambda request: {"content": slot.read_file(request["path"])})
    process.ready(**_told(persona))
    process.run()


def _told(persona: Persona) -> dict[str, Any]:
    return {"atr": persona.atr.hex(), "iccid": persona.iccid, "adm": persona.adm.hex(), "shared": persona.shared()}


if __name__ == "__main__":
    main()
