# SPDX-License-Identifier: Apache-2.0
"""The printer itself: paper, an ear that answers at once, and a mechanism that prints in its turn.

``DLE EOT n`` is answered when it arrives, even while the mechanism stands still; everything else waits in the buffer. Without paper
or offline the mechanism stops and goes on by itself when that is over, as real printers do.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from simulators.printer.decoder import CUT, LINE, REPORT, UNKNOWN, Action, Decoder

if TYPE_CHECKING:
    from simulators.kit import Fault, SimulatorProcess

_FIXED = 0x12  # bits 1 and 4 of every DLE EOT answer
_OFFLINE = 0x08  # DLE EOT 1, bit 3
_PAPER_END = 0x60  # DLE EOT 4, bits 5 and 6
_REPORT_PAPER_END = 0x0C  # GS r 1, bits 2 and 3


class Mechanism:
    """Prints on ``master``, the printer's end of the pseudo-terminal."""

    def __init__(self, process: SimulatorProcess, master: int) -> None:
        self._process = process
        self._master = master
        self._state = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self.paper = True
        self.offline = False
        self.lines: list[str] = []
        self.receipts: list[list[str]] = []
        self.unknown: list[str] = []
        self._open_receipt: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._work, daemon=True).start()

    def set(self, *, paper: bool | None = None, offline: bool | None = None) -> None:
        """Change what a person can change at the printer."""
        with self._state:
            self.paper = self.paper if paper is None else paper
            self.offline = self.offline if offline is None else offline
            self._state.notify_all()

    # ---- the ear

    def _listen(self) -> None:
        pending = b""
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:
                return
            self._process.transcript.frame(">", data)
            pending = self._split(pending + data)

    def _split(self, data: bytes) -> bytes:
        """Answer the questions in ``data``, put the rest into the buffer; returns a question that is not whole yet."""
        while (at := data.find(b"\x10")) >= 0:
            self._buffer(data[:at])
            question = data[at : at + 3]
            if len(question) < 3 and b"\x10\x04".startswith(question[:2]):
                return question
            if question[1] == 4:
                self._answer_now(question[2])
                data = data[at + 3 :]
            else:
                data = data[at + 1 :]
        self._buffer(data)
        return b""

    def _buffer(self, data: bytes) -> None:
        if data:
            with self._state:
                self._waiting.append(data)
                self._state.notify_all()

    def _answer_now(self, number: int) -> None:
        fault = self._fault("status")
        with self._state:
            extra = {1: _OFFLINE * (self.offline or not self.paper), 4: _PAPER_END * (not self.paper)}.get(number, 0)
        self._send(_FIXED | extra, fault)

    # ---- the mechanism

    def _work(self) -> None:
        decoder = Decoder()
        while True:
            with self._state:
                self._state.wait_for(lambda: self._waiting)
                data = self._waiting.popleft()
            for action in decoder.feed(data):
                self._do(action)

    def _do(self, action: Action) -> None:
        fault = self._fault(action.kind)
        with self._state:
            self._state.wait_for(lambda: self.paper and not self.offline)
            if action.kind == LINE:
                self.lines.append(action.text)
                self._open_receipt.append(action.text)
            elif action.kind == CUT:
                self.receipts.append(self._open_receipt)
                self._open_receipt = []
            elif action.kind == UNKNOWN:
                self.unknown.append(action.text)
        if action.kind == REPORT:
            self._send(_REPORT_PAPER_END * (not self.paper), fault)

    # ---- both

    def _fault(self, event: str) -> Fault | None:
        fault = self._process.faults.next(event)
        if fault:
            self._process.transcript.note(f"fault {fault.do} at {event}")
            if fault.do == "no_paper":
                self.set(paper=False)
            elif fault.do == "offline":
                self.set(offline=True)
        return fault

    def _send(self, status: int, fault: Fault | None) -> None:
        if fault and fault.do == "silence":
            return
        answer = bytes([0xFF if fault and fault.do == "garbage" else status])
        self._process.transcript.frame("<", answer)
        os.write(self._master, answer)
