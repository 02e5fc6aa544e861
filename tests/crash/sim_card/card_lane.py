# SPDX-License-Identifier: Apache-2.0
"""A SIM writer of one's own, asked as the terminal asks it: several stand side by side, because a pulled card is mostly waited for."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware.runtime.workers import DeviceFailed, DeviceWorker
from simulators.kit.launch import RunningSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KIND = "usim-compact"
ANSWER_S = 1.5
"""When the reader counts as hanging; the terminal's own default is 4 s."""
OPERATION_S = 6.0
PROFILE: dict[str, Any] = {
    "imsi": "460001112223334", "msisdn": "8613800000000", "spn": "Operator", "smsc": "8613800100500",
    "hplmn_act": ["46000:4000", "46000:8000"], "ehplmn": ["46000"], "fplmn": ["46001"], "mnc_length": 2, "adm_ref": 10,
    "adm": "A1B2C3D4E5F60718", "msisdn_on_card": True, "li": ["zh", "en"], "hpplmn": 10, "ust": [1, 2, 12, 19, 38, 42, 122],
    "plmn_act": ["46000:4000"], "oplmn_act": ["46001:4000"], "ecc": ["110:01"],
    "k": "000102030405060708090A0B0C0D0E0F", "opc": "101112131415161718191A1B1C1D1E1F",
}  # fmt: skip
"""A whole profile of 18 items but for its ICCID."""
SECRET = tuple(PROFILE[name].lower() for name in ("imsi", "msisdn", "adm", "k", "opc"))
NO_IMSI, IMSI = b"\xff" * 9, bytes.fromhex("084906001121223343")
_numbers = itertools.count(1)


class Lane:
    """One private PC/SC service, a card in a slot of its own, and a worker process as :class:`DeviceWorker` runs it."""

    def __init__(self, slot: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rnt-l-"))
        self.pcscd = RunningSimulator("simulators.pcscd", "--run-dir", str(self.folder / "p"), control=self.folder / "p.sock")
        self.card = self.another_card(slot, "--empty", control="c.sock")
        reader = self.pcscd.endpoints["second_reader" if slot else "reader"]
        config = {"reader": reader, "pcscd_socket": self.pcscd.endpoints["pcscd_socket"], "answer_s": ANSWER_S}
        self.device = DeviceWorker("sim_card", config)
        self.answers: list[str] = []
        self.iccid = ""
        """What the card in the slot is believed to bear; empty when it must not be used for another write."""
        self._runner = asyncio.Runner()
        self._processes = 0

    def another_card(self, slot: int, *options: str, control: str) -> RunningSimulator:
        """Start the process of a card at reader ``slot`` (0 or 1)."""
        slots = self.pcscd.endpoints["slot_socket"]
        return RunningSimulator("simulators.sim_card", "--slot-socket", slots, "--slot", str(slot), *options, control=self.folder / control)

    def ask(
        self, op: str, *, timeout: float = OPERATION_S, meanwhile: Callable[[], object] | None = None, **arguments: Any
    ) -> tuple[str, dict[str, Any]]:
        """Run one operation; returns ``ok`` and its result, or the kind of its error and the data. ``meanwhile`` runs beside it."""

        async def call() -> tuple[str, dict[str, Any]]:
            task = asyncio.ensure_future(self.device.call(op, timeout=timeout, **arguments))
            if meanwhile:
                await asyncio.to_thread(meanwhile)
            try:
                return "ok", await task
            except DeviceFailed as failure:
                return failure.kind, failure.data

        answer = self._runner.run(call())
        if answer[0] != "ok":
            self.answers.append(repr(answer))
        return answer

    def must(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Run one operation that must succeed."""
        kind, result = self.ask(op, **arguments)
        assert kind == "ok", (op, kind, result)
        return result

    def control(self, cmd: str, **request: Any) -> dict[str, Any]:
        """Send one control command to the card."""
        return self.card.control(cmd, **request)

    def file(self, path: str) -> bytes:
        """Return what the card really holds."""
        return bytes.fromhex(self.control("read_file", path=path)["content"])

    @property
    def updates(self) -> int:
        """Updates the card in the slot has seen."""
        return int(self.control("state")["updates"])

    # ---- cards

    def fresh(self) -> str:
        """Put in a blank that was never used, and have it known; returns its ICCID."""
        self.swap()
        self.must("await_card")
        return self.iccid

    def swap(self) -> None:
        """Put in another blank, and let the worker find out."""
        self.iccid = f"898601888{next(_numbers):011d}"
        self.control("swap", card=KIND, iccid=self.iccid)

    def blank(self) -> str:
        """Have a card without an IMSI in the slot, identified as a session does; returns its ICCID."""
        if not self.iccid or self.file("ADF.USIM/IMSI") != NO_IMSI:
            self.fresh()
        self.must("identify")
        return self.iccid

    def written(self, profile: Mapping[str, Any]) -> None:
        """Have a card with ``profile`` in the slot, identified."""
        if not self.iccid or self.file("ADF.USIM/IMSI") != IMSI:
            self.must("write", profile=profile, expected_iccid=self.blank())
            self.iccid = profile["iccid"]
        self.must("identify")

    def heal(self) -> None:
        """Have the card answer again, whatever was done: nothing planned, nothing held, a card that is found.

        A worker that was replaced learns the model anew, so that the same commands follow as before.
        """
        self.control("clear_faults")
        if self.control("state")["inserted"]:
            self.control("remove")
        self.control("insert")
        self.must("await_card")
        if self.device.restarts != self._processes:
            self._processes = self.device.restarts
            self.must("plan", profile={**PROFILE, "iccid": "89860177700000000000"})

    # ---- what is done while a command is held

    def during(self, act: str) -> Callable[[], None]:
        """Return what waits for the held command, does ``act`` and lets the command go on."""
        acts: dict[str, Callable[[], object]] = {
            "pull": lambda: self.control("remove"),
            "swap": self.swap,
            "restart": lambda: self.pcscd.control("restart"),
            "down": lambda: self.pcscd.control("down"),
            "kill": self._kill,
        }

        def work() -> None:
            if self.control("wait_held")["held"] is None:
                raise AssertionError("the command to be held never came")
            acts[act]()
            self.control("release")

        return work

    def _kill(self) -> None:
        if self.device.pid is not None:
            os.kill(self.device.pid, signal.SIGKILL)

    def close(self) -> None:
        """End everything."""
        self._runner.run(self.device.stop())
        self._runner.close()
        self.card.stop()
        self.pcscd.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
