# SPDX-License-Identifier: Apache-2.0
"""When the operator cannot be reached: the submission goes out by hand, and the operator's answer comes back the same way.

Decides nothing about the answer: what a person carries in is judged exactly as what comes over the network, by the caller.

Rules
* Only what is signed or sealed leaves: the record and the items for the operator's vault. A file in the configured folder, and the same
  lines on the screen for QR codes.
* The answer is looked for in the same folder, or read in line by line. What is no answer to this very session is told and forgotten; the
  terminal goes on waiting.
* The wait ends when no approval could be fresh any more, or when somebody cancels. The terminal never approves by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from firmware.backend import carried
from firmware.backend.errors import BackendAnswerInvalid
from firmware.runtime import texts
from firmware.runtime.asking import UNREACHABLE
from firmware.runtime.unit import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from firmware.backend.answers import Approved, Refused
    from firmware.runtime.unit import Unit

LOOK_S: Final = 1.0
"""How often the folder is looked at, in seconds."""
MAX_FILE: Final = carried.MAX_PARTS * (carried.MAX_LINE + 2)
STEP, PROMPT, INTENT = "approval", "carry", "carried"


class Carrying:
    """One submission of ``session`` on its way by hand."""

    def __init__(self, unit: Unit, session: bytes) -> None:
        self._unit = unit
        self._session = session
        folder = unit.config.offline.folder
        self._folder = Path(folder) if folder else None
        self._scanned: list[str] = []
        self._refused = ""

    async def ask(self, record: bytes, items: bytes, seconds: float) -> Approved | Refused:
        """Return the operator's answer, carried in within ``seconds``; raises :class:`Stop` R801 when none was."""
        lines = carried.submission(self._session, record, items)
        written = await asyncio.to_thread(self._write_out, lines)
        begin = time.monotonic_ns()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await self._answer(lines, written)
        except TimeoutError:
            raise Stop(UNREACHABLE) from None
        finally:
            self._unit.backend.waited_us += (time.monotonic_ns() - begin) // 1000
            await asyncio.to_thread(self._tidy)

    async def _answer(self, lines: Sequence[str], written: str) -> Approved | Refused:
        while True:
            self._show(lines, written)
            intent = asyncio.ensure_future(self._unit.kiosk.wait_for(INTENT))
            try:
                if answer := await self._look_until(intent, lambda: self._show(lines, written)):
                    return answer
            finally:
                intent.cancel()
            if answer := self._take(intent.result()["part"]):
                return answer

    async def _look_until(self, intent: asyncio.Future[dict[str, Any]], show: Callable[[], None]) -> Approved | Refused | None:
        """Look into the folder again and again until somebody reads a line in; returns the answer found there."""
        while not intent.done():
            before = self._refused
            await asyncio.wait((intent,), timeout=LOOK_S)
            found = await asyncio.to_thread(self._read_in)
            if found and (answer := self._judged(found)):
                return answer
            if self._refused != before:
                show()
        return None

    def _take(self, line: str) -> Approved | Refused | None:
        """Add one scanned line; returns the answer when it is whole."""
        try:
            wanting = carried.missing([*self._scanned, line])
        except BackendAnswerInvalid as error:
            self._refused, self._scanned = str(error), []
            return None
        self._scanned.append(line)
        if wanting:
            return None
        whole, self._scanned = self._scanned, []
        return self._judged(whole)

    def _judged(self, lines: Sequence[str]) -> Approved | Refused | None:
        try:
            return carried.answer(lines, self._session)
        except BackendAnswerInvalid as error:
            self._refused = str(error)
            return None

    def _show(self, lines: Sequence[str], written: str) -> None:
        detail: dict[str, Any] = {"file": written, "parts": list(lines), "scanned": len(self._scanned), "refused": self._refused}
        self._unit.kiosk.show(
            session=self._session.hex(),
            state="waiting",
            step=STEP,
            prompt=PROMPT,
            sentence=texts.sentence(texts.CARRY),
            code=None,
            carry=detail,
        )

    def _place(self, kind: str) -> Path | None:
        return self._folder and self._folder / f"rnt-{self._session.hex()}-{kind}.txt"

    def _write_out(self, lines: Sequence[str]) -> str:
        """Write the submission's file; returns its name, empty when there is no such folder now: the lines are on the screen as well."""
        path = self._place("submission")
        if path is None:
            return ""
        half = path.with_name(f".{path.name}")
        try:
            with half.open("w", encoding="ascii") as file:
                file.writelines(line + "\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
        except OSError:
            return ""
        return path.name

    def _read_in(self) -> list[str]:
        """Return the lines of the answer's file; none when it is not there yet."""
        path = self._place("answer")
        try:
            with path.open("rb") if path else contextlib.nullcontext() as file:
                content = file.read(MAX_FILE) if file else b""
        except OSError:
            return []
        return content.decode("ascii", errors="replace").split()

    def _tidy(self) -> None:
        """Leave nothing of this session in the folder; a stick already pulled keeps its copy."""
        for kind in ("submission", "answer"):
            path = self._place(kind)
            with contextlib.suppress(OSError):
                if path:
                    path.unlink()
