# SPDX-License-Identifier: Apache-2.0
"""Run the desk: ``python -m simulators.desk --kiosk PATH --controller-control PATH …``.

Ready line: ``{"ready": "desk", "kiosk": PATH}``; the terminal need not be there yet. Control: ``start {"kind": "T01"}``, also with
``document``, ``modifiers`` ("PM") and ``line``, ``logon {"staff": ID, "pin": PIN}``, ``script {…}``
(changes by name, see ``script.Script``; ``reset`` true forgets earlier ones), ``view {}``, ``answers {"count": n}`` (waits for n).
Events: ``start`` and each prompt's name; fault: ``hold``, before the person acts.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from simulators.desk.kiosk import Kiosk
from simulators.desk.people import People
from simulators.desk.script import Script, from_text
from simulators.kit import add_common_arguments, from_arguments

DEVICES = ("controller", "id_reader", "sim_card", "camera", "document_camera")


def main() -> None:
    """Run the people."""
    parser = argparse.ArgumentParser(prog="python -m simulators.desk", description="The people at the counter.")
    parser.add_argument("--kiosk", type=Path, required=True, help="the terminal's kiosk socket")
    for device in DEVICES:
        parser.add_argument(f"--{device.replace('_', '-')}-control", type=Path, metavar="PATH", help=f"control socket of the {device}")
    parser.add_argument("--think-ms", type=float, default=0.0, help="how long people think before they act")
    parser.add_argument("--script", type=from_text, default={}, help="JSON object, or a file with one: how people behave")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    process = from_arguments("desk", arguments)
    controls = {device: getattr(arguments, f"{device}_control") for device in DEVICES}
    kiosk = Kiosk(arguments.kiosk, process.transcript)
    people = People(
        process,
        kiosk,
        {device: path for device, path in controls.items() if path},
        Script().with_changes(arguments.script),
        arguments.think_ms / 1000,
    )

    def change(request: dict[str, Any]) -> dict[str, Any]:
        return {"script": dataclasses.asdict(people.change({key: value for key, value in request.items() if key != "cmd"}))}

    def start(request: dict[str, Any]) -> None:
        said = {key: value for key, value in request.items() if key != "cmd"}
        more = {"document": "D01", "modifiers": "", "line": ""}
        people.start(
            {"intent": "open", "kind": "T01", **more, **said} if more.keys() & said else {"intent": "start", "kind": "T01", **said}
        )

    process.command("start", start)
    process.command("logon", lambda request: people.start({"intent": "logon", "staff": request["staff"], "pin": request["pin"]}))
    process.command("script", change)
    process.command("view", lambda _: {"view": kiosk.view()})
    process.command("answers", lambda r: {"answers": people.answers(int(r.get("count", 0)), float(r.get("timeout", 10)))})
    process.ready(kiosk=str(arguments.kiosk))
    process.run()


if __name__ == "__main__":
    main()
