# SPDX-License-Identifier: Apache-2.0
"""Follow one activation on the terminal's screen and tell it, through a power cut if one was planned."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

from host_tools.demo.ending import ACTIVE, Facts
from host_tools.demo.errors import DemoFailed

if TYPE_CHECKING:
    from host_tools.demo.cut import PowerCut
    from host_tools.demo.paper import Paper
    from host_tools.demo.rig import Rig
    from host_tools.demo.terminal import Screen, Terminal
    from host_tools.demo.texts import Words

READY_S = 30.0
SILENCE_S = 120.0
"""Longest silence of the screen that is waited for: more than any person or device in the plan takes."""
CLOSED_S = 3.0
"""How long after a cut a terminal that is ready again may still tell how the session ended."""

Message = dict[str, Any]


class Story:
    """One session as seen on the screen; ``session`` is known from its first message on, ``cut`` says whether the power went during it."""

    def __init__(self, rig: Rig, terminal: Terminal, screen: Screen, paper: Paper, words: Words, mode: str) -> None:
        self._rig, self._terminal, self._screen, self._paper, self._words = rig, terminal, screen, paper, words
        self._mode = mode
        self.session = ""
        self.cut = False
        self._open_step = ""
        self._over: set[str] = set()
        """Sessions whose result was told: the operator may hear of them while the next one runs, and that is no part of it."""

    def begin(self) -> None:
        """Switch the terminal on and wait until it is ready for a customer; raises :class:`DemoFailed` when it does not get there."""
        self._terminal.switch_on()
        end, reason = time.monotonic() + READY_S, "its screen says nothing"
        while (left := end - time.monotonic()) > 0:
            message = self._next(left)
            if message["type"] == "view" and message["state"] == "ready":
                return
            if message["type"] == "view" and message["state"] == "out_of_service":
                reason = message["sentence"][self._words.language]
        raise DemoFailed(f"the terminal was not ready within {READY_S:.0f} s: {reason}")

    def follow(self, cut: PowerCut | None) -> Message:
        """Tell every step until the session's result, and return it."""
        while True:
            message = self._wait(cut)
            match message["type"]:
                case "gone" if cut and cut.struck.is_set() and not self.cut:
                    self.cut = True
                    cut.dark.wait()
                    self._tell_cut()
                    self._terminal.switch_on()
                case "step" if message["session"] not in self._over:
                    self._step(message, cut)
                case "view" if self.cut and message["state"] == "ready":
                    return self._late_result()
                case "result" if message["session"] == self.session:
                    self._over.add(self.session)
                    return message
                case "view" if message["state"] == "closed" and message["session"] is None:  # refused before a session began
                    return {"type": "result", "session": "", "outcome": message["code"], "sentence": message["sentence"]}

    def _wait(self, cut: PowerCut | None) -> Message:
        label = self._words.step(self._open_step) if self._open_step else ""
        with self._paper.working(label, ""):
            return self._next(SILENCE_S, cut)

    def _next(self, timeout: float, cut: PowerCut | None = None) -> Message:
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            try:
                return self._screen.messages.get(timeout=min(left, 0.5))
            except queue.Empty:
                code = self._terminal.ended()
                if code is not None and not (cut and cut.struck.is_set()):
                    raise DemoFailed(f"the terminal ended with code {code}; its reason stands above") from None
        raise DemoFailed(f"the terminal's screen did not change for {timeout:.0f} s")

    def _late_result(self) -> Message:
        """Return the result of a session that the terminal has already left: told late, or closed before the power went."""
        end = time.monotonic() + CLOSED_S
        while (left := end - time.monotonic()) > 0:
            try:
                message = self._screen.messages.get(timeout=left)
            except queue.Empty:
                break
            if message["type"] == "result" and message["session"] == self.session:
                return message
        self._paper.line("✓", "", self._words("cut.closed"))
        facts = Facts.of(self._rig, self.session)
        return {"type": "result", "session": self.session, "outcome": ACTIVE if facts.active or facts.waiting else "closed"}

    def _step(self, message: Message, cut: PowerCut | None) -> None:
        self.session = self.session or message["session"]
        self._paper.event(**_as_event(message))
        if message["phase"] == "begin":
            self._open_step = message["step"]
            if cut:
                cut.begun(message["step"])
        else:
            self._open_step = ""
            self._tell_step(message)

    def _tell_step(self, message: Message) -> None:
        step, detail = message["step"], message.get("detail") or {}
        duration = self._words.duration(message["ms"])
        if "code" in detail:
            self._paper.line("✗", self._words.step(step), self._words("stopped", code=detail["code"]), duration)
        elif detail.get("equal") is False:
            self._paper.line("✗", self._words.step(step), self._words("not_equal"), duration)
        elif detail.get("printed") is False:
            self._paper.line("!", self._words(step), self._words(f"{step}.none"), duration)
        else:
            shown = {"name": detail.get("name", ""), "number": detail.get("number", "")}
            self._paper.line("✓", self._words.step(step), self._words.done(step, self._mode, **shown), duration)

    def _tell_cut(self) -> None:
        step = self._open_step
        self._open_step = ""
        text = self._words("cut.now", step=self._words(step)) if step else self._words("cut.between")
        self._paper.event("power_cut", during=step or None)
        self._paper.line("!", "", text, style="yellow")
        self._paper.line("!", "", self._words("cut.back"), style="yellow")


def _as_event(message: Message) -> Message:
    return {"kind": message["type"], **{key: value for key, value in message.items() if key != "type"}}
