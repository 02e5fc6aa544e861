# SPDX-License-Identifier: Apache-2.0
"""The ID reader's worker with the last rung of its ladder: the controller takes the reader's power away and gives it back.

Rules
* The driver climbs first: it finds again, resets the SAM and opens the port anew (:mod:`hal.id_reader.ladder`). Power is for a reader that
  is silent after all that, or whose process hangs. One that is not there (its cable is out) or reports a fault of its own gets none.
* Each part has its deadline: the controller's answer, the power's return, the reader's. The operation that failed is then asked once more.
* Power that did not help is not switched again for the same fault. The fault is over when the reader does what it did not do, or reads a
  card, or was plugged in anew; until then what failed fails as before, and the refusal's words are for the clerk.
* ``power_cycles`` and ``power_helped`` count since the start and stand in a file, for ``rnt doctor``: a reader that needs its power
  switched works today and may not tomorrow.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Final

from firmware.runtime.timing import DEVICE_S, POWER_POLL_S, READER_BACK_S, READER_OFF_MS
from firmware.runtime.workers import HANGS, DeviceFailed, DeviceWorker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LEDGER: Final = "id-reader-power.json"
"""Name of the file with the counts, in the run directory."""
SILENT: Final[Mapping[str, frozenset[str]]] = {
    "open": frozenset({"reader_silent", HANGS, "deadline"}),
    "await_card": frozenset({"reader_silent", HANGS}),
    "read": frozenset({"reader_silent", HANGS, "deadline"}),
}
"""Operation → the failures that mean a reader past answering. The ``deadline`` of a wait for a card means that nobody laid one down."""


class ReaderWorker(DeviceWorker):
    """The worker of the ID reader on the port whose supply ``controller`` switches."""

    def __init__(self, config: dict[str, Any], controller: DeviceWorker, ledger: Path) -> None:
        super().__init__("id_reader", config)
        self._ledger = ledger
        self.power_cycles = 0
        self.power_helped = 0
        self._controller = controller
        self._controller_speaks = asyncio.Event()
        """Never set: the controller speaks only when spoken to."""
        self._fault = ""
        """The operation that failed and for which the power was switched; empty for a reader that is well."""

    async def call(self, op: str, *, timeout: float, aside: bool = False, **arguments: Any) -> dict[str, Any]:  # noqa: ASYNC109  # as in the base
        """Run one operation, and once more after the reader's power was switched if that is what it needs."""
        try:
            result = await super().call(op, timeout=timeout, aside=aside, **arguments)
        except DeviceFailed as failure:
            if failure.kind == "link_closed":
                self._fault = ""  # gone: what comes back was plugged in by somebody
            if failure.kind not in SILENT.get(op, ()) or not await self._power_cycled(op):
                raise
            result = await self._again(op, timeout, arguments)
            self.power_helped += 1
            self._write_ledger()
        if op in {self._fault, "read"}:
            self._fault = ""
        return result

    async def _power_cycled(self, op: str) -> bool:
        """Switch the reader's power off and on and return whether it answers; not twice for one fault."""
        if self._fault:
            return False
        self._fault = op
        self.power_cycles += 1
        self._write_ledger()
        try:
            await self._controller.call("reader_cycle", timeout=DEVICE_S, off_ms=READER_OFF_MS)
            await self._power_is_back()
            await super().call("await_reader", timeout=READER_BACK_S)
        except DeviceFailed:
            return False
        return True

    def _write_ledger(self) -> None:
        with contextlib.suppress(OSError):  # what cannot be counted is no reason to serve nobody
            self._ledger.write_text(json.dumps({"switched": self.power_cycles, "helped": self.power_helped}) + "\n", encoding="ascii")

    async def _power_is_back(self) -> None:
        start = time.monotonic()
        while (await self._controller.call("state", timeout=DEVICE_S))["reader_off"]:
            if time.monotonic() - start > DEVICE_S:
                raise DeviceFailed("controller", "deadline", {})
            pause = time.monotonic_ns()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POWER_POLL_S):
                    await self._controller_speaks.wait()
            self.waited_us += (time.monotonic_ns() - pause) // 1000

    async def _again(self, op: str, timeout: float, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: ASYNC109  # as in the base
        try:
            return await super().call(op, timeout=timeout, **arguments)
        except DeviceFailed as failure:
            if op == "read" and failure.kind == "no_card":
                raise DeviceFailed(self.name, "card_lifted", failure.data) from failure  # it was there before
            raise
