# SPDX-License-Identifier: Apache-2.0
"""The people at the counter against a terminal that this test plays itself, line by line."""

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.desk.script import PROMPTS, Script, from_text
from simulators.kit.launch import RunningSimulator


class Terminal:
    """One life of a terminal at the kiosk's socket; a second one at the same path is a restart."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._listener.settimeout(10)
        self._channel, _ = self._listener.accept()
        self._channel.settimeout(5)
        self._stream = self._channel.makefile("rb")
        self._seq = 0

    def show(self, prompt: str | None = None, state: str = "working", step: str | None = None) -> None:
        self._seq += 1
        self._send({"type": "view", "seq": self._seq, "session": "00", "state": state, "step": step or prompt, "prompt": prompt})

    def heard(self, *, ok: bool = True, reason: str = "") -> dict[str, Any]:
        intent: dict[str, Any] = json.loads(self._stream.readline())
        self._send({"type": "intent", "ok": ok, "reason": reason})
        return intent

    def hears_nothing(self) -> bool:
        self._channel.settimeout(0.15)
        try:
            return not self._channel.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self._channel.settimeout(5)

    def die(self) -> None:
        self._stream.close()
        self._channel.close()
        self._listener.close()

    def _send(self, message: dict[str, Any]) -> None:
        self._channel.sendall(json.dumps(message).encode() + b"\n")


class Counter:
    """A desk with an identity-card reader within reach, and the terminal before it."""

    def __init__(self, path: Path, desk: RunningSimulator) -> None:
        self.kiosk = path / "kiosk.sock"
        self.desk = desk
        self.terminal = Terminal(self.kiosk)

    def restart(self) -> None:
        self.terminal.die()
        self.terminal = Terminal(self.kiosk)

    def answers(self, count: int) -> list[tuple[str, bool]]:
        return [(answer["prompt"], answer["ok"]) for answer in self.desk.control("answers", count=count)["answers"]]


@pytest.fixture
def short_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="rnt-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def camera(short_dir: Path) -> Iterator[RunningSimulator]:
    with RunningSimulator("simulators.camera", "--socket", str(short_dir / "camera"), control=short_dir / "c") as running:
        yield running


@pytest.fixture
def counter(short_dir: Path, camera: RunningSimulator) -> Iterator[Counter]:
    arguments = ("--kiosk", str(short_dir / "kiosk.sock"), "--camera-control", str(camera.control_path))
    with RunningSimulator("simulators.desk", *arguments, control=short_dir / "d") as desk:
        counter = Counter(short_dir, desk)
        yield counter
        counter.terminal.die()


def test_people_start_only_when_the_terminal_is_ready(counter: Counter) -> None:
    counter.terminal.show(state="starting")
    counter.desk.control("start")
    assert counter.terminal.hears_nothing()
    counter.terminal.show(state="ready")
    assert counter.terminal.heard() == {"intent": "start", "kind": "T01"}


def test_people_start_refused_is_tried_again_at_the_next_ready(counter: Counter) -> None:
    counter.terminal.show(state="ready")
    counter.desk.control("start", kind="T02")
    assert counter.terminal.heard(ok=False, reason="not expected now")["kind"] == "T02"
    assert counter.terminal.hears_nothing()
    counter.terminal.show(state="ready")
    assert counter.terminal.heard()["kind"] == "T02"
    counter.terminal.show(state="ready")
    assert counter.terminal.hears_nothing()


def test_people_answer_the_prompts_of_a_session_as_willing_persons(counter: Counter) -> None:
    counter.terminal.show("notice")
    assert counter.terminal.heard() == {"intent": "notice", "acknowledged": True}
    counter.terminal.show("portrait")
    assert counter.terminal.heard() == {"intent": "portrait", "matched": True, "score": 93, "live": True}
    counter.terminal.show("warning")
    assert counter.terminal.heard() == {"intent": "warning", "acknowledged": True}
    counter.terminal.show("agreement")
    signed = counter.terminal.heard()
    assert (signed["intent"], signed["signed"], 2 <= len(signed["strokes"]) <= 3) == ("agreement", True, True)


def test_people_asked_again_answer_again(counter: Counter) -> None:
    for _ in range(3):
        counter.terminal.show("portrait")
        assert counter.terminal.heard()["intent"] == "portrait"
    assert counter.answers(3) == [("portrait", True)] * 3


def test_people_with_a_script_refuse_mismatch_and_cancel(counter: Counter) -> None:
    counter.desk.control("script", notice=False, face="li", live=False, cancel_at="agreement")
    counter.terminal.show("notice")
    assert counter.terminal.heard()["acknowledged"] is False
    counter.terminal.show("portrait")
    assert counter.terminal.heard() == {"intent": "portrait", "matched": False, "score": 21, "live": False}
    counter.terminal.show("agreement")
    assert counter.terminal.heard() == {"intent": "cancel"}
    counter.desk.control("script", reset=True)
    counter.terminal.show("notice")
    assert counter.terminal.heard()["acknowledged"] is True


def test_people_who_walk_away_say_nothing(counter: Counter) -> None:
    counter.desk.control("script", silent_at="notice")
    counter.terminal.show("notice")
    assert counter.terminal.hears_nothing()


def test_people_held_at_a_prompt_answer_after_the_release(counter: Counter) -> None:
    counter.desk.control("fault", fault={"at": "agreement", "do": "hold"})
    counter.terminal.show("agreement")
    assert counter.desk.control("wait_held")["held"] == "agreement"
    assert counter.terminal.hears_nothing()
    counter.desk.control("release")
    assert counter.terminal.heard()["intent"] == "agreement"


def test_people_held_while_the_terminal_restarts_look_before_they_act(counter: Counter) -> None:
    counter.desk.control("fault", fault={"at": "notice", "do": "hold"})
    counter.terminal.show("notice")
    assert counter.desk.control("wait_held")["held"] == "notice"
    counter.restart()
    counter.terminal.show(state="starting")
    counter.desk.control("release")
    assert counter.terminal.hears_nothing()
    counter.terminal.show("portrait")
    assert counter.terminal.heard()["intent"] == "portrait"


def test_people_come_back_to_the_same_prompt_after_a_restart(counter: Counter) -> None:
    counter.terminal.show("notice")
    counter.terminal.heard()
    counter.restart()
    counter.terminal.show("notice")
    assert counter.terminal.heard()["intent"] == "notice"


def test_people_without_the_device_they_need_note_it_and_stay(counter: Counter) -> None:
    counter.terminal.show("card")
    assert counter.answers(1) == [("card", False)]
    counter.terminal.show("notice")
    counter.terminal.heard()
    assert counter.answers(2)[-1] == ("notice", True)


def test_script_takes_every_prompt_for_the_one_at_which_people_stop() -> None:
    for prompt in PROMPTS:
        assert (Script().with_changes({"cancel_at": prompt}).cancel_at, Script().with_changes({"silent_at": prompt}).silent_at) == (
            prompt,
        ) * 2


@pytest.mark.parametrize("changes", [{"unknown": True}, {"notice": 1}, {"persona": None}, {"cancel_at": "receipt"}], ids=str)
def test_script_wrong_change_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Script().with_changes(changes)


def test_script_from_text_takes_an_object_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text('{"notice": false}')
    assert from_text(str(file)) == from_text('{"notice": false}') == {"notice": False}
    with pytest.raises(ValueError, match="object"):
        from_text(str(file.with_name("list.json")) if file.with_name("list.json").write_text("[]") else "")
