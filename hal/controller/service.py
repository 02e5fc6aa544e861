# SPDX-License-Identifier: Apache-2.0
"""The controller as the worker offers it: named operations with plain JSON values.

Decides when the port is opened: at the first operation, and again after a link error. A HELLO comes first each time, so that a wrong
device on the port is found before it gets a command. Configuration: ``port``, optional ``baud``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from hal.controller.driver import BAUD, Controller
from hal.controller.errors import Refused
from hal.controller.messages import MAX_LEASE_S, MAX_OFF_MS, MIN_OFF_MS, Colour, Pattern, Status
from hal.errors import LinkError
from hal.link.serial import SerialLink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import IntEnum

    from hal.controller.messages import Hello
    from hal.deadline import Deadline
    from hal.worker import Operation

    Named = TypeVar("Named", bound=IntEnum)

LEASE_S = 30
"""Default lease of one heartbeat in seconds."""


class ControllerService:
    """Operations of the controller; see the module docstring."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._port: str = config["port"]
        self._baud: int = config.get("baud", BAUD)
        self._link: SerialLink | None = None
        self._controller: Controller | None = None
        self.link_us = 0
        self.operations: Mapping[str, Operation] = {
            "hello": self._hello,
            "state": self._with(self._state),
            "light": self._with(lambda c, a, d: c.light(_named(Colour, a["colour"]), d, blink=bool(a.get("blink", False)))),
            "buzz": self._with(lambda c, a, d: c.buzz(_named(Pattern, a["pattern"]), d)),
            "arm": self._with(_arm),
            "disarm": self._with(lambda c, _, d: c.disarm(d)),
            "heartbeat": self._with(_heartbeat),
            "make_secret": self._with(lambda c, _, d: c.make_secret(d)),
            "share": self._with(_share),
            "sim_power": self._with(lambda c, a, d: c.sim_power(d, on=bool(a["on"]))),
            "reader_cycle": self._with(_reader_cycle),
        }

    def close(self) -> None:
        """Let go of the port."""
        if self._link:
            self._link.close()
        self._link = self._controller = None

    def _open(self, deadline: Deadline) -> tuple[Controller, Hello]:
        self.close()
        self._link = SerialLink(self._port, self._baud)
        controller = Controller(self._link)
        hello = controller.hello(deadline)
        self._controller = controller
        return controller, hello

    def _hello(self, _: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        def act() -> dict[str, Any]:
            hello = self._controller.hello(deadline) if self._controller else self._open(deadline)[1]
            return {
                "boot_id": hello.boot_id.hex(),
                "version": hello.version,
                "reset_cause": hello.reset_cause,
                "state": hello.state.name.lower(),
            }

        return self._timed(act)

    @staticmethod
    def _state(controller: Controller, _: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        report = controller.report(deadline)
        return {
            "state": report.state.name.lower(),
            "tamper": report.case_open,
            "armed": report.armed,
            "pressed": report.pressed.hex() if report.pressed else None,
            "boot_id": report.boot_id.hex(),
            "reader_off": report.reader_off,
        }

    def _with(self, action: Callable[[Controller, dict[str, Any], Deadline], dict[str, Any] | None]) -> Operation:
        def operation(arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
            return self._timed(lambda: action(self._controller or self._open(deadline)[0], arguments, deadline) or {})

        return operation

    def _timed(self, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run ``action`` and count the link's waiting; after a link error the next operation opens the port anew."""
        if self._link:
            self._link.reset_waited()
        try:
            return action()
        except LinkError:
            self._count()
            self.close()
            raise
        finally:
            self._count()

    def _count(self) -> None:
        if self._link:
            self.link_us += self._link.waited_us
            self._link.reset_waited()


def _arm(controller: Controller, arguments: dict[str, Any], deadline: Deadline) -> None:
    try:
        controller.arm(bytes.fromhex(arguments["nonce"]), int(arguments["seconds"]), deadline)
    except ValueError as error:
        raise Refused("ARM cannot say this", code=Status.MALFORMED) from error


def _share(controller: Controller, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    try:
        return {"share": controller.share(bytes.fromhex(arguments["context"]), deadline).hex()}
    except ValueError as error:
        raise Refused("SHARE cannot say this", code=Status.MALFORMED) from error


def _heartbeat(controller: Controller, arguments: dict[str, Any], deadline: Deadline) -> None:
    seconds = int(arguments.get("seconds", LEASE_S))
    if not 0 <= seconds <= MAX_LEASE_S:
        raise Refused("a lease is 0 to 60 s", code=Status.MALFORMED)
    controller.heartbeat(seconds, deadline)


def _reader_cycle(controller: Controller, arguments: dict[str, Any], deadline: Deadline) -> None:
    milliseconds = int(arguments["off_ms"])
    if not MIN_OFF_MS <= milliseconds <= MAX_OFF_MS:
        raise Refused(f"a reader is off for {MIN_OFF_MS} to {MAX_OFF_MS} ms", code=Status.MALFORMED)
    controller.reader_cycle(milliseconds, deadline)


def _named(kind: type[Named], name: str) -> Named:
    """Return the member of ``kind`` called ``name`` in lower case; :class:`Refused` when there is none."""
    try:
        return kind[name.upper()]
    except KeyError as error:
        raise Refused(f"no {kind.__name__.lower()} of that name", code=Status.MALFORMED) from error
