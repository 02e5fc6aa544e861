# SPDX-License-Identifier: Apache-2.0
"""A photo decoder on the whole counter: its picture at the portrait step and nowhere else, and no harm from a bad one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulators.kit.launch import RunningSimulator
from simulators.personas import PERSONAS, photo_block

if TYPE_CHECKING:
    from tests.support.station import Screen, Station


def serve(station: Station, behaviour: str) -> Screen:
    """Run one session of a terminal that has a decoder of this ``behaviour``."""
    library, toml = station.root / "decoder.so", station.terminal_toml.read_text(encoding="utf-8")
    with RunningSimulator("simulators.portrait", "--library", str(library), "--behaviour", behaviour, control=station.root / behaviour):
        pass
    station.terminal_toml.write_text(f'{toml}\n[portrait]\nlibrary = "{library}"\n', encoding="utf-8")
    try:
        screen = station.start()
        screen.ready()
        station.device("desk", "script", persona="zhang")
        station.device("desk", "start")
        assert screen.result()["outcome"] == "ACTIVE"
        screen.ready()
        return screen
    finally:
        station.terminal_toml.write_text(toml, encoding="utf-8")


def test_picture_is_shown_at_the_portrait_step_and_nowhere_else(station: Station) -> None:
    screen = serve(station, "decodes")
    shown = [message for message in screen.messages if "portrait" in message]
    assert [(message["prompt"], message["portrait"]["media_type"]) for message in shown] == [("portrait", "image/x-portable-pixmap")]
    picture = base64.b64decode(shown[0]["portrait"]["image"])
    photo = photo_block(PERSONAS["zhang"])
    assert (len(picture), picture[15:24]) == (15 + 102 * 126 * 3, bytes([photo[11]] * 3 + [photo[12]] * 3 + [photo[13]] * 3))
    assert station.terminal is not None
    pid = station.terminal.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    assert not [child for child in children if b"portrait" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["crashes", "hangs", "unlicensed"])
def test_decoder_that_fails_costs_the_picture_and_nothing_else(station: Station, behaviour: str) -> None:
    screen = serve(station, behaviour)
    assert [message for message in screen.messages if "portrait" in message] == []
