# SPDX-License-Identifier: Apache-2.0
"""The controller as the seal of this terminal's key files (:mod:`firmware.keystore.sealed`).

Rules
* It is asked before its worker process has the port: at the terminal's start, and by the engineer's tool while the terminal is stopped. The
  port is opened for one question and let go. The worker of a terminal that was killed a moment ago may still hold it: it is waited for.
* What the controller answers is told apart: tampered (the keys are gone), no secret (another controller), silent (ask again).
* Only provisioning has the controller make its secret; nothing else ever does.
"""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING, Any, Final

from firmware.keystore import KeyUnavailable, SealBroken, SealedElsewhere
from hal.controller.errors import Refused, Tampered
from hal.controller.service import ControllerService
from hal.deadline import Deadline
from hal.errors import HalError

if TYPE_CHECKING:
    from firmware.runtime.config import Config

ANSWER_S: Final = 5.0
"""What the controller gets for one answer, in seconds."""
PAUSE_S: Final = 0.05
"""Before a port that somebody holds is tried again."""
BROKEN: Final = "the controller was tampered with and has destroyed its secret: the keys it sealed are gone"
READY, UNPROVISIONED, TAMPERED = "ready", "unprovisioned", "tampered"


class ControllerSeal:
    """The seal; see the module docstring. Implements :class:`firmware.keystore.Seal`."""

    def __init__(self, table: dict[str, Any]) -> None:
        """``table`` is the controller's own of the configuration."""
        self._table = table

    def share(self, context: bytes) -> bytes:
        """Return the controller's share of ``context``; see :meth:`firmware.keystore.Seal.share`."""
        return bytes.fromhex(self._ask("share", context=context.hex())["share"])

    def prepare(self) -> None:
        """Have a controller that never had a secret make one, with the case closed. Raises as :meth:`share`."""
        found = self._ask("state")
        if found["state"] == TAMPERED:
            raise SealBroken(BROKEN)
        if found["tamper"]:
            raise KeyUnavailable("controller", "the case is open, and the controller makes no secret then; close it")
        if found["state"] == UNPROVISIONED:
            try:
                self._ask("make_secret")
            except SealedElsewhere:  # its answer was lost on the way, and the question asked again
                if self._ask("state")["state"] != READY:
                    raise

    def _ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        deadline, pausing = Deadline.after(ANSWER_S), threading.Event()
        while True:
            try:
                return self._asked_once(operation, arguments, deadline)
            except Tampered:
                raise SealBroken(BROKEN) from None
            except Refused as refused:
                text = f"the controller is {refused.data['state']} and does not do this (answer {refused.data['code']})"
                raise SealedElsewhere(text) from None
            except HalError as error:
                if error.data.get("errno") != errno.EBUSY or deadline.left() <= PAUSE_S:
                    raise KeyUnavailable("controller", f"the controller that seals the keys does not answer ({error.kind})") from None
            pausing.wait(PAUSE_S)

    def _asked_once(self, operation: str, arguments: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        service = ControllerService(self._table)
        try:
            return service.operations[operation](arguments, deadline)
        finally:
            service.close()


def seal_of(config: Config) -> ControllerSeal | None:
    """Return the seal a configuration names."""
    return ControllerSeal(config.device("controller")) if config.keys.seal == "controller" else None
