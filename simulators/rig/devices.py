# SPDX-License-Identifier: Apache-2.0
"""Start the simulators of a rig at the same time, talk to them, end them.

Each waits only for what it needs. When one does not come up, all are ended and the reason is told. A device may be killed and started
again while the others run, as a plug is pulled and put back.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from simulators.kit.launch import RunningSimulator, SimulatorFailed, control_request
from simulators.rig.layout import AFTER, MODULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulators.rig.layout import Choices, Layout

START_S = 40.0


class Devices:
    """The running simulators of one rig, by name."""

    def __init__(self, layout: Layout, choices: Choices) -> None:
        self._layout = layout
        self._choices = choices
        self._lock = threading.Lock()
        self._running: dict[str, RunningSimulator] = {}

    def start_all(self, names: Iterable[str]) -> None:
        """Start ``names`` together; raises :class:`~simulators.kit.launch.SimulatorFailed` after ending all when one fails."""
        wanted = [name for name in MODULES if name in set(names)]
        coming: dict[str, Future[RunningSimulator]] = {}
        with ThreadPoolExecutor(len(wanted) or 1) as pool:
            for name in wanted:
                coming[name] = pool.submit(self._start_after, name, coming.get(AFTER.get(name, "")))
        failures = []
        for name, future in coming.items():
            error = future.exception()
            if error is None:
                self._running[name] = future.result()
            elif not isinstance(error, SimulatorFailed):
                failures.append(f"{name}: {error}")
            else:
                failures.append(str(error))
        if failures:
            self.stop_all()
            raise SimulatorFailed("; ".join(failures))

    def _start_after(self, name: str, needed: Future[RunningSimulator] | None) -> RunningSimulator:
        ready = {AFTER[name]: needed.result().endpoints} if needed else {}
        return self._start(name, ready)

    def _start(self, name: str, ready: dict[str, dict[str, Any]]) -> RunningSimulator:
        control = self._layout.control(name)
        control.unlink(missing_ok=True)
        arguments = self._layout.arguments(name, self._choices, ready)
        return RunningSimulator(MODULES[name], *arguments, control=control, deadline_s=START_S)

    @property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        """The ready lines, by name."""
        return {name: simulator.endpoints for name, simulator in self._running.items()}

    def request(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Hand ``request`` to the control socket of ``name``; ``ValueError`` when it is refused or nobody is there."""
        self._find(name)
        try:
            answer = control_request(self._layout.control(name), request, timeout=float(request.get("timeout", 10)) + 5)
        except RuntimeError as error:
            raise ValueError(f"{name}: {error}") from error
        return {"answer": answer}

    def kill(self, name: str) -> None:
        """Pull the plug of ``name``."""
        self._find(name).kill()

    def restart(self, name: str) -> dict[str, Any]:
        """Plug ``name`` in again, killing it first when it still runs; returns its endpoints."""
        with self._lock:
            self._find(name).kill()
            self._running[name] = self._start(name, self.endpoints)
            return {"endpoints": self._running[name].endpoints}

    def stop_all(self) -> None:
        """End everything, at the same time; what does not leave is killed."""
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(self._running) or 1) as pool:
            for simulator in self._running.values():
                stack.callback(pool.submit(simulator.stop).result)
        self._running.clear()

    def _find(self, name: str) -> RunningSimulator:
        if name not in self._running:
            raise ValueError(f"on this rig: {', '.join(self._running)}")
        return self._running[name]
