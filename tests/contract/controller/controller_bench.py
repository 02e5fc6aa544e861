# SPDX-License-Identifier: Apache-2.0
"""A running controller simulator with the driver's service at its port."""

import time
from collections.abc import Callable
from typing import Any

from hal.controller.service import ControllerService
from hal.deadline import Deadline
from simulators.kit.launch import RunningSimulator


class Bench:
    """A running simulator and the service which talks to it."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.port: str = simulator.endpoints["port"]
        self.service = ControllerService({"port": self.port})

    def op(self, name: str, *, timeout: float = 5.0, **arguments: Any) -> dict[str, Any]:
        """Run one operation of the service."""
        return self.service.operations[name](arguments, Deadline.after(timeout))

    def until(self, what: Callable[[], bool], timeout: float = 8.0) -> None:
        """Ask again and again until it is so; raises ``DeadlinePassed``."""
        deadline = Deadline.after(timeout)
        while not what():
            deadline.check()
            time.sleep(0.01)

    def sounds(self) -> int:
        """Return how often the buzzer has sounded."""
        return len(self.control("light")["buzzer_ms"])

    def rounds(self) -> None:
        """Let the firmware's main loop go round for longer than any debounce: as long as its shortest sound."""
        sounds = self.sounds()
        self.op("buzz", pattern="ok")
        self.until(lambda: self.sounds() > sounds)
