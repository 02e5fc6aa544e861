# SPDX-License-Identifier: Apache-2.0
"""The canary's sessions leave nothing of the canary: not in a file, an output, a message, a core dump, nor in the memory of what runs on.

Whatever the ending, everything the terminal left is searched in every form a program may hold a text or a picture in. That the search can
find is shown while the canary's own session runs.
"""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulators.camera.picture import take
from tests.support import canary
from tests.support.station import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.station import Screen, Station


def served(station: Station) -> Screen:
    """Start the terminal and let the canary come in."""
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    return screen


def assert_forgotten(station: Station, screen: Screen) -> None:
    """Assert that neither memory nor files nor messages of a rested terminal hold a marker."""
    assert canary.in_memory(station) == {}
    assert canary.in_files(station) == {}
    assert canary.in_bytes(json.dumps(screen.messages, ensure_ascii=False).encode()) == set()


def test_face_marker_is_in_what_the_camera_takes() -> None:
    assert canary.in_bytes(take("canary", 1)) == {"face"}
    assert canary.in_bytes(take("li", 1)) == set()


def nothing(_station: Station) -> None:
    """Leave everything as it is."""


ENDINGS: list[tuple[str, Callable[[Station], object], str]] = [
    ("approved", nothing, "ACTIVE"),
    ("refused", lambda s: s.device("backend", "refuse", code="R404"), "R404"),
    ("cancelled", lambda s: s.device("desk", "script", cancel_at="agreement"), "R207"),
    ("face-refused", lambda s: s.device("desk", "script", face="li"), "R201"),
]


@pytest.mark.clause("TB-17", "O25-05", "O25-12", "XJ-5", "XJU-11", "SMS-13/14", "RC-2", "XT-35273", "XT-41819")
@pytest.mark.clause("DS-06", "DS-07", "DS-09", "DS-14", "GA-33")
@pytest.mark.slow
@pytest.mark.parametrize(("prepare", "code"), [case[1:] for case in ENDINGS], ids=[case[0] for case in ENDINGS])
def test_session_that_ended_leaves_nothing_of_the_subscriber(station: Station, prepare: Callable[[Station], object], code: str) -> None:
    prepare(station)
    screen = served(station)
    assert screen.result()["outcome"] == code
    screen.ready()
    assert_forgotten(station, screen)


@pytest.mark.clause("GA-33")
@pytest.mark.slow
def test_next_session_sees_nothing_of_the_one_before(station: Station) -> None:
    station.fault("desk", at="agreement", do="hold")
    screen = served(station)
    assert station.device("desk", "wait_held", timeout=20)["held"]
    live = canary.in_memory(station)
    assert {"name", "number", "appended", "issuer", "photo"} <= live["--config"]  # this is what would be found
    station.device("desk", "release")
    assert screen.result()["outcome"] == "ACTIVE"
    screen.ready()
    station.fresh_card()
    station.device("desk", "script", persona="li", silent_at="agreement")
    station.device("desk", "start")
    screen.wait("view", prompt="agreement")
    assert_forgotten(station, screen)


@pytest.mark.clause("DS-10", "GA-33")
@pytest.mark.slow
def test_session_that_was_killed_leaves_nothing_at_rest(station: Station) -> None:
    station.fault("backend", at="approve", do="hold")
    served(station)
    assert station.device("backend", "wait_held", timeout=20)["held"]
    station.stop(signal.SIGKILL)
    assert canary.in_files(station) == {}
    station.device("backend", "release")
    screen = station.start()
    screen.ready()
    assert_forgotten(station, screen)


@pytest.mark.clause("DS-14", "GA-33")
@pytest.mark.slow
def test_core_dump_in_the_middle_of_a_session_holds_no_memory(station: Station) -> None:
    station.fault("desk", at="agreement", do="hold")
    served(station)
    assert station.device("desk", "wait_held", timeout=20)["held"]
    assert {Path(f"/proc/{pid}/coredump_filter").read_text().strip() for pid in canary.processes(station)} == {"00000000"}
    assert station.terminal is not None
    pid, (_, most) = station.terminal.pid, resource.getrlimit(resource.RLIMIT_CORE)
    resource.prlimit(pid, resource.RLIMIT_CORE, (most, most))
    before = set(ROOT.glob("core*"))
    assert station.stop(signal.SIGABRT) == -signal.SIGABRT
    for core in set(ROOT.glob("core*")) - before:
        content = core.read_bytes()
        core.unlink()
        assert canary.in_bytes(content) == set()
    station.device("desk", "release")


@pytest.mark.clause("DS-01", "O24-1", "XT-PI13,17,19")
def test_reader_is_not_asked_for_a_card_before_the_notice_is_acknowledged(station: Station) -> None:
    """DS-01, at the wire: the card already lies on the reader, and neither find nor select nor a read is sent."""
    station.device("id_reader", "insert", persona="canary")
    station.fault("desk", at="notice", do="hold")
    transcript = Path(station.facts["devices"]["id_reader"]["transcript"])
    before = len(transcript.read_text(encoding="utf-8").splitlines())
    screen = served(station)
    screen.wait("view", prompt="notice")
    assert station.device("desk", "wait_held", timeout=20)["held"]
    assert touched(transcript, before) == []
    station.device("desk", "release")
    assert screen.result()["outcome"] == "ACTIVE"
    assert touched(transcript, before)[:1] == ["find"]


FIELD_ON = frozenset({"find", "select", "read", "append", "manage"})


def touched(transcript: Path, start: int) -> list[str]:
    """Return the requests behind line ``start`` of a transcript that switch the field on."""
    requests = (json.loads(line) for line in transcript.read_text(encoding="utf-8").splitlines()[start:])
    return [
        entry["note"] for entry in requests if entry.get("dir") == ">" and entry["note"] in {"find", "select", "read", "append", "manage"}
    ]
