# SPDX-License-Identifier: Apache-2.0
"""The fault plan: what goes wrong, and at which frame.

A fault is a JSON object ``{"at": N | "EVENT" | "EVENT#N", "do": KIND, …}``. Devices name their events (``find``, ``apdu``,
``approve``); a plain number counts all events from 1, ``EVENT#N`` counts that event's own. Each fault fires once unless it
says ``"times": K`` (0 = always). What a kind means is the device's business, except ``hold``: the device stops in the middle
of the event, the control socket tells who asked (``wait_held``), and goes on after ``release``.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Fault:
    """One planned misbehaviour; ``options`` are the keys a kind adds (``ms``, ``byte``, ``bit`` …)."""

    at: int | str
    do: str
    times: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Fault:
        """Build a fault from its JSON object; raises ``ValueError`` when ``at`` or ``do`` is missing or of the wrong type."""
        rest = dict(value)
        at, do, times = rest.pop("at", None), rest.pop("do", None), rest.pop("times", 1)
        if not isinstance(at, int | str) or isinstance(at, bool) or not isinstance(do, str) or not isinstance(times, int):
            raise ValueError("a fault needs at (number or event name) and do (kind)")  # noqa: TRY004  # bad JSON content, not a caller's type
        return cls(at, do, times, rest)


class FaultPlan:
    """Counts the device's events and hands out the fault that is due; thread-safe."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self._faults = list(faults or [])
        self._lock = threading.Condition()
        self._total = 0
        self._counts: dict[str, int] = {}
        self._held: str | None = None
        self._release = False

    def add(self, fault: Fault) -> None:
        """Plan one more fault. ``EVENT#N`` and numbers count from now on for faults added later than the start."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all planned faults, restart the counting and let a held event go on."""
        with self._lock:
            self._faults.clear()
            self._counts.clear()
            self._total = 0
            self._release = True
            self._lock.notify_all()

    @property
    def quiet(self) -> bool:
        """Whether nothing is planned now: :meth:`next` will only count, and hold nobody."""
        return not self._faults

    def next(self, event: str) -> Fault | None:
        """Count ``event`` and return the fault due at it. A ``hold`` is carried out here and then not returned."""
        with self._lock:
            self._total += 1
            count = self._counts[event] = self._counts.get(event, 0) + 1
            keys = (self._total, event, f"{event}#{count}")
            due = next((f for f in self._faults if f.at in keys), None)
            if due is None:
                return None
            if due.times == 1:
                self._faults.remove(due)
            elif due.times > 1:
                due.times -= 1
            if due.do != "hold":
                return due
            self._held, self._release = event, False
            self._lock.notify_all()
            self._lock.wait_for(lambda: self._release)
            self._held = None
            return None

    def wait_held(self, timeout: float) -> str | None:
        """Wait until some event is held; returns its name, or ``None`` after ``timeout`` seconds."""
        with self._lock:
            self._lock.wait_for(lambda: self._held is not None, timeout)
            return self._held

    def release(self) -> None:
        """Let the held event go on."""
        with self._lock:
            self._release = True
            self._lock.notify_all()
