# SPDX-License-Identifier: Apache-2.0
"""The simulated controller: ``python -m simulators.controller [--link PATH] [--state S] [--tamper-open] [--reader-control PATH]``.

Ready line ``{"ready": "controller", "port": PATH, "version": V}``, printed after the firmware answered a first HELLO.

Control commands beside the common ones
``press``      ``{"hold_ms": 200}``     press the button and let it go; answers after the release
``button``     ``{"down": bool}``       hold the button, or let it go
``tamper``     ``{"open": bool}``       open or close the case; ``{"pulse_ms": n}`` opens it for a moment
``light``      → colour, blinking, on, buzzer_ms (lengths of its sounds), sim_power, host_resets, reader_power, reader_off_ms
``secret``     → page: the secret page as hex
``reset``      pull the reset line; answers when the firmware runs again, with ``boots``
``power_cut``  ``{"off_ms": 0}``        take the power away; answers as ``reset``
``hang``       an endless loop in the firmware, until its watchdog bites; answers at once with ``boots``
``wait_boot``  ``{"after": n, "timeout": s}`` wait for a boot later than number ``after``
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from simulators.controller.device import FIRMWARE, Device
from simulators.controller.flash import PAGE, Flash, secret_page
from simulators.kit import SimulatorProcess, add_common_arguments, from_arguments
from simulators.kit.launch import control_request

_BOOT_S = 10.0
_WIRE_S = 1.5
"""Longest wait for the reader to take note of its supply: shorter than the firmware's watchdog."""


def main() -> None:
    """Run until told to stop."""
    arguments = _arguments()
    process = from_arguments("controller", arguments)
    flash = Flash(secret_page(arguments.state), arguments.flash)
    device = Device(flash, process.faults, process.transcript, arguments.firmware)
    if arguments.tamper_open:
        device.board.set_input("TAMPER", 1)
    _add_commands(process, device)
    if arguments.reader_control:
        device.board.wire("READER_OFF", lambda level: _switch(arguments.reader_control, process, on=not level))
    device.start()
    version = device.hello(_BOOT_S)
    device.wire.allow_faults()
    link: Path | None = arguments.link
    if link:
        link.unlink(missing_ok=True)
        link.symlink_to(device.wire.port)
    process.ready(port=str(link or device.wire.port), version=version)
    process.run(lambda: link.unlink(missing_ok=True) if link else None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The controller's firmware on a MicroPython virtual machine.")
    parser.add_argument("--link", type=Path, help="symbolic link to make to the serial port")
    parser.add_argument("--state", choices=("ready", "tampered", "unprovisioned"), default="ready", help="what the secret page holds")
    parser.add_argument("--tamper-open", action="store_true", help="the case is open at boot")
    parser.add_argument("--flash", type=Path, help="file to keep the flash in; when it exists, --state is not used")
    parser.add_argument("--reader-control", type=Path, help="control socket of the ID reader whose supply the controller switches")
    parser.add_argument("--firmware", type=Path, default=FIRMWARE, help="folder to mount as the controller's firmware")
    add_common_arguments(parser)
    return parser.parse_args()


def _switch(reader: Path, process: SimulatorProcess, *, on: bool) -> None:
    """Carry the load switch to the reader: it has lost its power, or has it back, when the firmware goes on."""
    try:
        control_request(reader, {"cmd": "power", "on": on}, timeout=_WIRE_S)
    except (OSError, RuntimeError, ValueError) as error:
        process.transcript.note(f"no reader on the switched port: {type(error).__name__}")
    else:
        process.transcript.note(f"reader's supply {'on' if on else 'off'}")


def _add_commands(process: SimulatorProcess, device: Device) -> None:
    board = device.board

    def press(request: dict[str, Any]) -> None:
        board.set_input("BUTTON", 0)
        time.sleep(float(request.get("hold_ms", 200)) / 1000)
        board.set_input("BUTTON", 1)

    def tamper(request: dict[str, Any]) -> None:
        if "pulse_ms" in request:
            board.set_input("TAMPER", 1)
            time.sleep(float(request["pulse_ms"]) / 1000)
            board.set_input("TAMPER", 0)
        else:
            board.set_input("TAMPER", 1 if request["open"] else 0)

    def restart(act: Any) -> dict[str, Any]:
        before = board.boots
        act()
        return {"boots": board.wait_boot(before, _BOOT_S)}

    process.command("press", press)
    process.command("button", lambda r: board.set_input("BUTTON", 0 if r["down"] else 1))
    process.command("tamper", tamper)
    process.command("light", lambda _: board.signals())
    process.command("secret", lambda _: {"page": board.flash.read(0, 0, PAGE).hex()})
    process.command("reset", lambda _: restart(device.reset))
    process.command("power_cut", lambda r: restart(lambda: device.power_cut(float(r.get("off_ms", 0)) / 1000)))
    process.command("hang", lambda _: {"boots": board.hang()})
    process.command("wait_boot", lambda r: {"boots": board.wait_boot(int(r["after"]), float(r.get("timeout", _BOOT_S)))})


if __name__ == "__main__":
    main()
