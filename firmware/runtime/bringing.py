# SPDX-License-Identifier: Apache-2.0
"""Brings a session's evidence to the operator, who keeps it and whose reviewer looks at it: pictures of pages and papers, the agreement.

Rules
* They go when the operator knows the record and has not refused it: while a hold waits, and before an approval is acted upon. No card is
  written, and no business carried out, before the operator has confirmed every piece of it.
* Pictures come first: they are what somebody may be waiting for. Each piece goes sealed to the operator's vault key and bound to the
  session, under the digest the record has of it. Bringing it again is harmless, so nothing is noted: after a cut the session's sealed
  items are brought again, and they are erased with all others.
* What could not be brought is tried again, ever more patiently, as long as the answer could still be used.

A submission carried by hand brings none: nobody answers there. It decides nothing about the session's outcome.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final

from firmware.backend.errors import BackendError
from firmware.core import agreement
from firmware.core.record import evidence_info
from firmware.runtime.agreeing import ITEM
from firmware.runtime.asking import UNREACHABLE, stop_if_final
from firmware.runtime.timing import HOLD_S, pause_after
from firmware.runtime.unit import Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from firmware.core.suite import Suite
    from firmware.runtime.unit import Unit

_PAGE: Final = "biometric/page-"
_PAPER: Final = "biometric/paper-"


def page(number: int) -> str:
    """Return the name of the item that is a picture of a document's page, counted from 1."""
    return f"{_PAGE}{number}"


def paper(code: str) -> str:
    """Return the name of the item that is a picture of a companion paper."""
    return f"{_PAPER}{code}"


class Bringing:
    """The evidence of one session on its way."""

    def __init__(self, unit: Unit, session: bytes) -> None:
        self._unit = unit
        self._session = session
        self._there: set[str] = set()

    async def once(self) -> bool:
        """Bring what the operator has not confirmed yet, each once; returns whether it has everything now.

        Raises :class:`Stop` when it will not take a piece.
        """
        for name in self._left():
            content = self._unit.journal.item(self._session, name)
            try:
                await asyncio.to_thread(self._bring, name, content)
            except BackendError as error:
                stop_if_final(error)
                return False
            self._there.add(name)
        return True

    async def all(self, until: int, pause: Callable[[float], Awaitable[None]]) -> None:
        """Bring everything; raises :class:`Stop` R801 when that was not done by ``until`` (Unix seconds)."""
        attempt = 0
        while not await self.once():
            attempt += 1
            if self._unit.clock.now().at >= until:
                raise Stop(UNREACHABLE)
            await pause(pause_after(attempt, most=HOLD_S))

    def _left(self) -> list[str]:
        names = self._unit.journal.item_names(self._session)
        pictures = [name for name in names if name.startswith((_PAGE, _PAPER))]
        return [name for name in (*pictures, *({ITEM} & set(names))) if name not in self._there]

    def _bring(self, name: str, content: bytes) -> None:
        provider = self._unit.trust.provider
        sealed = provider.seal(content, public_key=self._unit.trust.vault_key, info=evidence_info(self._session))
        self._unit.backend.evidence(self._session, _digest(name, content, provider.suite), sealed)


def _digest(name: str, content: bytes, suite: Suite) -> bytes:
    """Return the digest a record has of a piece: its suite's in a field, SHA-256 among other evidence, the agreement's own."""
    if name == ITEM:
        return agreement.digest_of(content)
    return suite.digest(content) if name.startswith(_PAGE) else hashlib.sha256(content).digest()
