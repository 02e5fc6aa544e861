# SPDX-License-Identifier: Apache-2.0
"""Run all simulators: ``python -m simulators.rig [--run-dir DIR]``.

Ready line: ``{"ready": "rig", "rig": …/rig.json, "terminal": …/terminal.toml}``. Control (at ``--control``, by default ``DIR/rig``):
``device {"device": NAME, "request": {…}}`` → ``{"answer": {…}}`` of that simulator, ``kill {"device": NAME}``, ``restart {"device":
NAME}``, ``endpoints {}``. Without ``--run-dir`` everything lies in a temporary directory that is removed at the end.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from simulators.kit import add_common_arguments, from_arguments
from simulators.kit.launch import SimulatorFailed
from simulators.personas import PERSONAS
from simulators.rig.blanks import write_pool
from simulators.rig.devices import Devices
from simulators.rig.files import in_words, write_list, write_terminal
from simulators.rig.layout import MODULES, Choices, Layout
from simulators.sim_card.personas import PERSONAS as CARDS

INTERRUPTED = 130


def main() -> None:
    """Run the rig."""
    arguments = _parser().parse_args()
    root: Path = arguments.run_dir or Path(tempfile.mkdtemp(prefix="rnt-rig-"))
    layout = Layout(root.resolve())
    layout.make()
    write_pool(layout.pool)
    arguments.control = arguments.control or layout.root / "rig"
    process = from_arguments("rig", arguments)
    devices = Devices(layout, _choices(arguments))

    def end() -> None:
        devices.stop_all()
        if arguments.run_dir is None:
            shutil.rmtree(root, ignore_errors=True)

    process.command("device", lambda request: devices.request(request["device"], request["request"]))
    process.command("kill", lambda request: devices.kill(request["device"]))
    process.command("restart", lambda request: devices.restart(request["device"]))
    process.command("endpoints", lambda _: {"endpoints": devices.endpoints})
    try:
        devices.start_all(arguments.only or [name for name in MODULES if name != "desk" or not arguments.no_desk])
    except SimulatorFailed as error:
        end()
        sys.exit(f"simulators.rig: {error}")
    if process.stopping:
        end()
        sys.exit(INTERRUPTED)
    terminal = write_terminal(layout, devices.endpoints)
    rig = write_list(layout, devices.endpoints, arguments.control, terminal)
    process.ready(rig=str(rig), terminal=str(terminal))
    if sys.stdout.isatty():
        sys.stdout.write(in_words(layout, devices.endpoints, terminal))
        sys.stdout.flush()
    process.run(end)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.rig", description="All simulators together, for one terminal.")
    parser.add_argument("--run-dir", type=Path, help="directory of sockets, links, transcripts and the terminal's state; keep it short")
    parser.add_argument("--only", action="append", choices=tuple(MODULES), metavar="DEVICE", help="only this device; may be repeated")
    parser.add_argument("--no-desk", action="store_true", help="nobody at the counter")
    parser.add_argument(
        "--persona", choices=sorted(PERSONAS), default="zhang", metavar="NAME", help=f"the subscriber: {', '.join(sorted(PERSONAS))}"
    )
    parser.add_argument(
        "--card", choices=sorted(CARDS), default="blank-usim", metavar="NAME", help=f"the card in the slot: {', '.join(sorted(CARDS))}"
    )
    parser.add_argument("--think-ms", type=float, default=0.0, help="how long the people at the counter think")
    parser.add_argument("--option", action="append", default=[], metavar="DEVICE=ARGUMENT", help="one more argument for a device")
    add_common_arguments(parser)
    return parser


def _choices(arguments: argparse.Namespace) -> Choices:
    options: dict[str, tuple[str, ...]] = {}
    for option in arguments.option:
        device, found, value = option.partition("=")
        if not found or device not in MODULES:
            sys.exit(f"simulators.rig: --option {option}: expected DEVICE=ARGUMENT with a device of {', '.join(MODULES)}")
        options[device] = (*options.get(device, ()), value)
    return Choices(arguments.persona, arguments.card, arguments.think_ms, options)


if __name__ == "__main__":
    main()
