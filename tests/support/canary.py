# SPDX-License-Identifier: Apache-2.0
"""The canary's markers, and where to look for them: files, messages, and the memory of running processes.

A marker is a text of the canary persona (or a piece of its photograph, or of its face before the camera) in one of the forms in which a
program may hold, write or send it. Simulators are not searched: they are the people and the operator, who do know the canary.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.camera.picture import SCALE
from simulators.personas import PERSONAS, photo_block, portrait_pgm
from simulators.personas.portraits import HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station import Station

CANARY = PERSONAS["canary"]
_PIECE = 40
"""Bytes of a picture that make a marker: too many to be somebody else's."""
_EYE = 68, 38
"""Row and first column of a piece of the drawn face: the left eye's edge, in tones of the persona's own."""


def _texts() -> dict[str, str]:
    fields = {name: getattr(CANARY, name) for name in ("name", "number", "address", "issuer")}
    return {**fields, "appended": CANARY.appended[0], "birth": f'"{CANARY.birth}"', "valid_from": f'"{CANARY.valid_from}"'}


def _pictures() -> dict[str, bytes]:
    drawing, (row, column) = portrait_pgm(CANARY)[-WIDTH * HEIGHT :], _EYE
    eye = drawing[row * WIDTH + column : row * WIDTH + column + 12]
    return {"photo": photo_block(CANARY)[300 : 300 + _PIECE], "face": b"".join(bytes([tone]) * SCALE for tone in eye)}


def _base64_forms(data: bytes) -> list[bytes]:
    """Return how ``data`` looks inside longer base64, at each of the three alignments."""
    return [base64.b64encode(bytes(shift) + data).rstrip(b"=")[start:-2] for shift, start in ((0, 0), (1, 2), (2, 3))]


def _forms(data: bytes) -> list[bytes]:
    return [data, data.hex().encode(), data.hex().upper().encode(), *_base64_forms(data)]


def _markers() -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for name, text in _texts().items():
        for encoding in ("utf-8", "utf-16-le"):
            found |= dict.fromkeys(_forms(text.encode(encoding)), name)
        found |= {text.encode(encoding): name for encoding in ("utf-16-be", "utf-32-le", "gb18030")}
    for name, piece in _pictures().items():
        found |= dict.fromkeys(_forms(piece), name)
    return found


MARKERS = _markers()
"""Bytes to look for → what they are."""


def in_bytes(content: bytes) -> set[str]:
    """Return which markers stand in ``content``."""
    return {name for marker, name in MARKERS.items() if marker in content}


def in_files(station: Station) -> dict[str, set[str]]:
    """Return the files a terminal left, by name, that hold a marker."""
    found = {}
    for folder in (station.state_dir, station.root / "run"):
        for path in (path for path in folder.rglob("*") if path.is_file()):
            found[str(path)] = in_bytes(path.read_bytes()) | in_bytes(path.name.encode())
    found["output"] = in_bytes((station.root / "terminal.err").read_bytes())
    return {name: markers for name, markers in found.items() if markers}


def in_memory(station: Station) -> dict[str, set[str]]:
    """Return the terminal's processes, by their argument, whose writable memory, environment or command line holds a marker."""
    found = {}
    for pid in processes(station):
        folder = Path("/proc") / str(pid)
        command = (folder / "cmdline").read_bytes()
        markers = in_bytes(command + (folder / "environ").read_bytes())
        for part in _memory(folder):
            markers |= in_bytes(part)
        if markers:
            found[command.split(b"\0")[3].decode()] = markers
    return found


def holds(pid: int, markers: list[bytes]) -> set[bytes]:
    """Return which of ``markers`` stand in the writable memory of a process."""
    return {marker for part in _memory(Path("/proc") / str(pid)) for marker in markers if marker in part}


def processes(station: Station) -> list[int]:
    """Return the terminal's process and those of its workers."""
    if station.terminal is None:
        raise AssertionError("no terminal runs")
    pid = station.terminal.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())]


def _memory(folder: Path) -> Iterator[bytes]:
    """Yield each writable mapping of a process, without the untouched pages at its ends."""
    with (folder / "mem").open("rb", buffering=0) as memory:
        for line in (folder / "maps").read_text(encoding="utf-8").splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) .w", line)
            if found:
                start, end = int(found[1], 16), int(found[2], 16)
                memory.seek(start)
                yield memory.read(end - start).strip(b"\0")
