# SPDX-License-Identifier: Apache-2.0
"""A SIM writer on the bench: private pcscd, a card at its wire, and the shipped worker process that drives it."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from simulators.kit.launch import RunningSimulator

PROFILE: dict[str, Any] = {
    "iccid": "89860112345678901234",
    "imsi": "460001112223334",
    "msisdn": "8613800000000",
    "spn": "中国移动",
    "smsc": "8613800100500",
    "hplmn_act": ["46000:4000", "46000:8000"],
    "ehplmn": ["46000", "46002"],
    "fplmn": ["46001"],
    "mnc_length": 2,
    "adm_ref": 10,
    "adm": "A1B2C3D4E5F60718",
}
"""Fits every simulated card; the key is that of ``blank-usim``."""

WHOLE: dict[str, Any] = {
    **PROFILE,
    "msisdn_on_card": True,
    "li": ["zh", "en"],
    "hpplmn": 10,
    "ust": [1, 2, 3, 10, 12, 19, 20, 21, 27, 38, 42, 122, 124],
    "plmn_act": ["46000:4000", "46002:4000"],
    "oplmn_act": ["46001:4000"],
    "ecc": ["110:01"],
    "k": "000102030405060708090A0B0C0D0E0F",
    "opc": "101112131415161718191A1B1C1D1E1F",
}
"""A whole profile of 18 items, for a card whose keys can be written."""
NO_KEYS = {"k": None, "opc": None}

_numbers = itertools.count(1)


class Worker:
    """One shipped worker process for the SIM writer."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "hal.worker", "sim_card", str(theirs.fileno())]
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self._stream = self._channel.makefile("rwb")
        self._send({"config": config})

    def _send(self, line: dict[str, Any]) -> None:
        self._stream.write(json.dumps(line).encode() + b"\n")
        self._stream.flush()

    def begin(self, op: str, timeout: float = 8.0, **args: Any) -> None:
        """Send one request; the answer is fetched by :meth:`end`."""
        self._send({"id": 1, "op": op, "args": args, "timeout": timeout})

    def end(self) -> dict[str, Any]:
        """Return the answer to what was begun; fails after 9 s: an operation that hangs is a defect."""
        self._channel.settimeout(9)
        answer: dict[str, Any] = json.loads(self._stream.readline())
        return answer

    def ask(self, op: str, timeout: float = 8.0, **args: Any) -> dict[str, Any]:
        """Run one operation and return the whole answer."""
        self.begin(op, timeout, **args)
        return self.end()

    def ok(self, op: str, timeout: float = 8.0, **args: Any) -> dict[str, Any]:
        """Run one operation that must succeed; returns its result."""
        answer = self.ask(op, timeout, **args)
        assert "ok" in answer, answer
        result: dict[str, Any] = answer["ok"]
        return result

    def error(self, op: str, timeout: float = 8.0, **args: Any) -> tuple[str, dict[str, Any]]:
        """Run one operation that must fail; returns the error's kind and data."""
        answer = self.ask(op, timeout, **args)
        assert "error" in answer, answer
        return answer["error"], answer["data"]

    def close(self) -> None:
        """End the process as the terminal ends a hanging one."""
        self.process.kill()
        self.process.wait()
        self._stream.close()
        self._channel.close()


class WriterBench:
    """A reader with a card, and a worker; everything ends with the ``with`` block."""

    def __init__(self, *card_options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rnt-w-"))
        self.pcscd = RunningSimulator("simulators.pcscd", "--run-dir", str(self.folder / "p"), control=self.folder / "p.sock")
        self.card = self.new_card(*card_options)
        self.config = {"reader": self.pcscd.endpoints["reader"], "pcscd_socket": self.pcscd.endpoints["pcscd_socket"]}
        self.worker = Worker(self.config)

    def new_card(self, *options: str, control: str = "c.sock") -> RunningSimulator:
        """Start a card process at the same reader."""
        slots = self.pcscd.endpoints["slot_socket"]
        return RunningSimulator("simulators.sim_card", "--slot-socket", slots, *options, control=self.folder / control)

    def fault(self, **fault: Any) -> None:
        """Plan one fault of the card."""
        self.card.control("fault", fault=fault)

    def file(self, path: str) -> bytes:
        """Return what the card really holds."""
        return bytes.fromhex(self.card.control("read_file", path=path)["content"])

    def fresh_blank(self, kind: str = "blank-usim") -> str:
        """Put in a blank card that was never used and wait for it; returns its ICCID."""
        iccid = f"898601999{next(_numbers):011d}"
        self.card.control("clear_faults")
        self.card.control("swap", card=kind, iccid=iccid)
        self.worker.ok("await_card")
        return iccid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.close()
        self.card.stop()
        self.pcscd.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def profile(**changes: Any) -> dict[str, Any]:
    """Return the profile with some values changed."""
    return {**PROFILE, **changes}
