# SPDX-License-Identifier: Apache-2.0
"""What a rig writes: the configuration of a terminal wired to it, the list of what is where, and the same in plain words."""

from __future__ import annotations

import json
import sys
from shlex import quote
from typing import TYPE_CHECKING, Any

from simulators.rig.layout import MODULES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from simulators.rig.layout import Layout

SERIAL = "RNT-000001"
NOBODY = "https://localhost:9"
"""Stands in the configuration when the rig has no operator (RFC 863's port: nobody answers)."""

WHAT: Mapping[str, str] = {
    "pcscd": "PC/SC service with a virtual card reader",
    "sim_card": "SIM card in the writer's slot",
    "id_reader": "identity-card reader on a serial port",
    "controller": "microcontroller, its own firmware, on a serial port",
    "camera": "counter camera, a frame source",
    "document_camera": "document camera, a frame source; lay a page with its control socket",
    "printer": "receipt printer on a serial port",
    "backend": "the operator, HTTPS on loopback",
    "desk": "the clerk and the subscriber",
}

TELLING = frozenset({"reader", "iccid", "port", "source", "url", "kiosk"})
"""The endpoint of each device that a person wants to see."""


def write_terminal(layout: Layout, endpoints: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write ``terminal.toml``; a device that is not on the rig gets the path at which it would be."""
    pcscd = endpoints.get("pcscd", {})
    tables: dict[str, dict[str, str | int]] = {
        "terminal": {"serial": SERIAL, "state_dir": str(layout.state_dir), "run_dir": str(layout.run_dir)},
        "backend": {"url": endpoints.get("backend", {}).get("url", NOBODY), "timeout_s": 10},
        "keys": {"record": "file:keys/record.pem", "tls": "file:keys/tls.pem"},
        "id_reader": {"port": str(layout.device("id-reader")), "baud": 115200},
        "sim_card": {
            "reader": pcscd.get("reader", "rnt SIM writer 00 00"),
            "pcscd_socket": pcscd.get("pcscd_socket", str(layout.root / "pcscd" / "pcscd.comm")),
            "layouts": str(layout.state_dir / "card-layouts.json"),
        },
        "controller": {"port": str(layout.device("controller"))},
        "camera": {"source": str(layout.device("camera")), "documents": str(layout.device("document-camera"))},
        "printer": {"port": str(layout.device("printer"))},
    }
    text = "".join(
        f"[{table}]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()) + "\n"
        for table, values in tables.items()
    )
    path = layout.root / "terminal.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_list(layout: Layout, endpoints: Mapping[str, Mapping[str, Any]], control: Path, terminal: Path) -> Path:
    """Write ``rig.json``: everything that runs here and how to reach it."""
    backend = endpoints.get("backend", {})
    value = {
        "rig": str(layout.root),
        "control": str(control),
        "terminal": str(terminal),
        "kiosk": str(layout.kiosk),
        "url": backend.get("url"),
        "ca": backend.get("ca"),
        "work_order": backend.get("work_order"),
        "pcscd_socket": endpoints.get("pcscd", {}).get("pcscd_socket"),
        "devices": {
            name: {"control": str(layout.control(name)), "transcript": str(layout.transcript(name)), "endpoints": dict(endpoints[name])}
            for name in endpoints
        },
    }
    path = layout.root / "rig.json"
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def in_words(layout: Layout, endpoints: Mapping[str, Mapping[str, Any]], terminal: Path) -> str:
    """Return what a person who started the rig by hand wants to know."""
    lines = ["", "The rig is up. Everything below is simulated, and everybody on it is invented.", ""]
    for name in (name for name in MODULES if name in endpoints):
        place = next((str(value) for key, value in endpoints[name].items() if key in TELLING), "")
        lines.append(f"  {name:<11} {WHAT[name]:<52} {place}")
    python = quote(sys.executable)
    lines += ["", f"Terminal's configuration   {terminal}", f"Control sockets            {layout.root / 'control'}"]
    if "backend" in endpoints:
        backend = endpoints["backend"]
        lines += [
            "",
            "Give a terminal its keys, then start it:",
            f"  {python} -m host_tools.rnt provision --terminal {quote(f'local:{terminal}')} --operator {backend['url']} \\",
            f"      --operator-ca {quote(backend['ca'])} --work-order {quote(backend['work_order'])} --yes",
            f"  {python} -m firmware.runtime --config {quote(str(terminal))}",
        ]
    if "desk" in endpoints:
        start, view = '{"cmd": "start"}', '{"cmd": "view"}'
        ask = f"  {python} -m simulators.rig.ask {quote(str(layout.control('desk')))}"
        lines += ["Let a subscriber come in, and see what the terminal's screen says:", f"{ask} {quote(start)}", f"{ask} {quote(view)}"]
    if "pcscd" in endpoints:
        socket = endpoints["pcscd"]["pcscd_socket"]
        lines += ["", "Any PC/SC program sees the card when it is started with", f"  PCSCLITE_CSOCK_NAME={quote(socket)}"]
    return "\n".join([*lines, "", "Ctrl-C ends everything.", ""])
