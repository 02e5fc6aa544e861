# SPDX-License-Identifier: Apache-2.0
"""Let the people act: one answer to each view that asks for something.

Rules
* What is asked is read from the screen only; a view that asks again (another try) is answered again.
* Before acting a person looks once more: after a pause or a ``hold`` the screen may show something else, or nothing.
* Things are put back: the identity card leaves the reader when the terminal asks for something else or is done.
* The button is pressed again and again while the screen asks for it, as people do; the controller counts what it was armed for.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from simulators.desk import pen
from simulators.kit.launch import control_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from simulators.desk.kiosk import Kiosk
    from simulators.desk.script import Script
    from simulators.kit import SimulatorProcess

PRESS_AGAIN_S = 0.05
HOLD_MS = 40  # longer than a button takes to settle


class People:
    """The clerk and the subscriber. ``devices`` are the control sockets of what they can touch, by name."""

    def __init__(self, process: SimulatorProcess, kiosk: Kiosk, devices: Mapping[str, Path], script: Script, think_s: float) -> None:
        self._process = process
        self._kiosk = kiosk
        self._devices = devices
        self._first = script
        self._think_s = think_s
        self._script = script
        self._starts: list[dict[str, Any]] = []
        self._wishes = 0
        self._signed = 0
        self._card_lies = False
        self._answers: list[dict[str, Any]] = []
        self._acts: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "notice": lambda _: self._say(intent="notice", acknowledged=self._script.notice),
            "document": self._lay_document,
            "portrait": lambda _: self._say(intent="portrait", **self._script.portrait()),
            "page": self._lay_page,
            "attest": lambda _: self._say(intent="attest", same=self._script.attested, staff=self._script.staff, pin=self._script.pin),
            "token": lambda _: self._say(intent="token", token=self._script.token),
            "paper": self._lay_paper,
            "old-card": self._insert_old,
            "release": lambda _: self._say(intent="release", signed=self._script.release),
            "guardian-consent": lambda _: self._say(intent="consent", agreed=self._script.consent),
            "group-consent": lambda _: self._say(intent="consent", agreed=self._script.consent),
            "request": lambda view: self._say(intent="request", about=self._script.about or view["choices"][0]),
            "commercial": lambda _: self._say(intent="consent", agreed=self._script.commercial),
            "second-person": lambda _: self._say(intent="second", staff=self._script.staff, pin=self._script.pin),
            "warning": lambda _: self._say(intent="warning", acknowledged=self._script.warning),
            "agreement": self._sign,
            "confirm": self._press,
            "card": self._insert_blank,
        }
        threading.Thread(target=self._live, daemon=True).start()

    def start(self, wish: dict[str, Any]) -> None:
        """Ask for a new session, or log on, as soon as the terminal is ready; ``wish`` is the intent."""
        with self._kiosk.changed:
            self._starts.append(wish)
            self._wishes += 1
            self._kiosk.changed.notify_all()

    def change(self, changes: dict[str, Any]) -> Script:
        """Behave otherwise from now on; ``reset`` true goes back to the first script before that. Returns the script."""
        base = self._first if changes.pop("reset", False) else self._script
        self._script = base.with_changes(changes)
        return self._script

    def answers(self, count: int, timeout: float) -> list[dict[str, Any]]:
        """Return what people answered so far, after waiting ``timeout`` seconds at most for ``count`` answers."""
        with self._kiosk.changed:
            self._kiosk.changed.wait_for(lambda: len(self._answers) >= count, timeout)
            return list(self._answers)

    # ---- one view after the other

    def _live(self) -> None:
        view: dict[str, Any] = {}
        wishes = 0
        while True:
            view, wishes = self._next(view, wishes)
            if view:
                self._act(view)

    def _next(self, seen: dict[str, Any], wishes: int) -> tuple[dict[str, Any], int]:
        """Wait until the screen shows something else or somebody wants a session; returns both as they are now."""
        with self._kiosk.changed:
            self._kiosk.changed.wait_for(lambda: self._kiosk.view() != seen or self._wishes != wishes)
            return self._kiosk.view(), self._wishes

    def _act(self, view: dict[str, Any]) -> None:
        prompt = view.get("prompt")
        if self._card_lies and prompt != "document" and view.get("step") not in {"document", "check"}:
            self._touch("id_reader", cmd="remove")
            self._card_lies = False
        if prompt is None and view.get("state") == "ready" and self._starts:
            prompt = "start"
        if prompt is None or prompt == self._script.silent_at:
            return
        self._process.faults.next(prompt)
        threading.Event().wait(self._think_s)
        if not self._kiosk.is_current(view):
            return
        answer = self._answer(prompt, view)
        with self._kiosk.changed:
            self._answers.append({"session": view.get("session"), "prompt": prompt, "ok": answer["ok"], "reason": answer["reason"]})
            self._kiosk.changed.notify_all()
        self._process.transcript.note(f"{prompt}: {answer}")

    def _answer(self, prompt: str, view: dict[str, Any]) -> dict[str, Any]:
        if prompt == "start":
            return self._begin()
        if prompt == self._script.cancel_at:
            return self._say(intent="cancel")
        if prompt == self._script.refuse_at:
            code, _, note = self._script.refuse.partition(" ")
            return self._say(intent="refuse", code=code, note=note)
        act = self._acts.get(prompt)
        return act(view) if act else {"ok": False, "reason": "nobody knows what is asked"}

    # ---- what they do

    def _begin(self) -> dict[str, Any]:
        self._stand(self._script.face or self._script.persona)
        if self._script.blank:  # the last customer's card must not be taken for the one this customer brings
            self._touch("sim_card", cmd="remove")
        answer = self._say(**self._starts[0])
        if answer["ok"]:
            del self._starts[0]
        return answer

    def _say(self, **intent: Any) -> dict[str, Any]:
        answer = self._kiosk.post(intent)
        return {"ok": answer["ok"], "reason": answer.get("reason", "")}

    def _lay_document(self, view: dict[str, Any]) -> dict[str, Any]:
        if not self._script.document:
            return {"ok": True, "reason": "lays nothing down"}
        persona = self._persona(view)
        if not persona:
            return {"ok": True, "reason": "nobody comes"}
        if self._card_lies:  # the card of the party before
            self._touch("id_reader", cmd="remove")
        self._card_lies = True
        self._stand(self._script.face or persona if persona == self._script.persona else persona)
        return self._touch("id_reader", cmd="insert", persona=persona)

    def _persona(self, view: dict[str, Any]) -> str:
        """Return who is meant; empty where nobody comes."""
        role = view.get("party", "subscriber")
        return self._script.persona if role == "subscriber" else str(getattr(self._script, role))

    def _stand(self, persona: str) -> None:
        if "camera" in self._devices:
            self._touch("camera", cmd="persona", persona=persona)

    def _lay_page(self, view: dict[str, Any]) -> dict[str, Any]:
        laid = self._touch("document_camera", cmd="lay", document=view["document"], persona=self._script.persona, page=view["page"])
        return self._say(intent="page", original=self._script.original) if laid["ok"] else laid

    def _lay_paper(self, view: dict[str, Any]) -> dict[str, Any]:
        code = view["paper"]
        laid = self._touch("document_camera", cmd="lay", document=code, persona=self._script.persona)
        if not laid["ok"]:
            return laid
        return self._say(intent="paper", shown=code != self._script.missing, fits=code != self._script.unfit)

    def _insert_old(self, _view: dict[str, Any]) -> dict[str, Any]:
        if not self._script.old_card:
            return {"ok": True, "reason": "leaves the slot as it is"}
        return self._touch("sim_card", cmd="insert", card=self._script.old_card)

    def _sign(self, _view: dict[str, Any]) -> dict[str, Any]:
        self._signed += 1
        return self._say(intent="agreement", **pen.answer(signs=self._script.agreement, persona=self._script.persona, time=self._signed))

    def _press(self, view: dict[str, Any]) -> dict[str, Any]:
        if not self._script.confirm:
            return {"ok": True, "reason": "does not press"}
        answer: dict[str, Any] = {"ok": True, "reason": ""}
        while answer["ok"] and self._kiosk.is_current(view):
            answer = self._touch("controller", cmd="press", hold_ms=HOLD_MS)
            with self._kiosk.changed:
                self._kiosk.changed.wait_for(lambda: not self._kiosk.is_current(view), PRESS_AGAIN_S)
        return answer

    def _insert_blank(self, _view: dict[str, Any]) -> dict[str, Any]:
        if not self._script.card:
            return {"ok": True, "reason": "brings no card"}
        if self._script.blank:
            return self._touch("sim_card", cmd="insert", card=self._script.blank)
        found = self._touch("sim_card", cmd="state")
        return found if not found["ok"] or found["inserted"] else self._touch("sim_card", cmd="insert")

    def _touch(self, device: str, **request: Any) -> dict[str, Any]:
        path = self._devices.get(device)
        if path is None:
            return {"ok": False, "reason": f"no {device} on this desk"}
        try:
            return {"ok": True, "reason": "", **control_request(path, request)}
        except (RuntimeError, OSError, ValueError) as error:
            return {"ok": False, "reason": f"{device}: {error}"}
