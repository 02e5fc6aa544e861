# SPDX-License-Identifier: Apache-2.0
"""The parts of one terminal, wired together; and what a session holds in memory while it is being captured.

Decides nothing. :mod:`firmware.runtime.wiring` builds a :class:`Unit`; everything else in this package is handed it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firmware import packs
from firmware.core.people import SUBSCRIBER, Person
from firmware.runtime.policies import Policies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware.backend.client import BackendClient
    from firmware.core.cose import Signer
    from firmware.core.events import Event
    from firmware.core.keyring import Trust
    from firmware.core.people import Face, Field
    from firmware.core.record import Card
    from firmware.journal import Journal, RecordLink
    from firmware.kiosk.server import Kiosk
    from firmware.runtime.clock import Clock
    from firmware.runtime.config import Config
    from firmware.runtime.workers import DeviceWorker
    from hal.document import Holder, Page, Portrait


@dataclass(slots=True)
class Unit:
    """One terminal. ``software`` is the digest of what is installed; ``interrupt`` carries a refusal code from the watch."""

    config: Config
    journal: Journal
    clock: Clock
    kiosk: Kiosk
    devices: Mapping[str, DeviceWorker]
    signer: Signer
    trust: Trust
    backend: BackendClient
    software: bytes
    interrupt: Interrupt
    policies: Policies = field(default_factory=lambda: Policies(packs.floor()))
    clerk: str = ""
    """Staff id of whoever logged on; empty for nobody."""
    registered_sam: bytes = b""
    """SAM id of the one reader this terminal may work with, 16 bytes; empty for none."""
    log_refused: bool = False
    """Whether the operator knows another audit log of this terminal: no work, and nothing to be carried either."""
    sealed: bool = False
    """Whether the controller seals this terminal's keys: tampered with, it takes them away."""
    sam_id: bytes = b""
    controller_version: str = ""

    @property
    def serial(self) -> str:
        """Serial number of this unit."""
        return self.config.terminal.serial

    @property
    def waited_us(self) -> int:
        """Microseconds spent so far waiting for devices and the operator."""
        return sum(device.waited_us for device in self.devices.values()) + self.backend.waited_us


class Interrupt:
    """A condition that ends whatever can be ended: tamper, a clerk's cancel, the terminal's stop."""

    def __init__(self) -> None:
        self.code = self._note = ""
        self._event = asyncio.Event()

    def raise_(self, code: str, note: str = "") -> None:
        """Set the refusal code that ends the running step, with the word a clerk notes it with; the first one stays."""
        if not self.code:
            self.code, self._note = code, note
            self._event.set()

    def note_of(self, code: str) -> str:
        """Return the note, when the session ends with the very code that was raised."""
        return self._note if code == self.code else ""

    def clear(self) -> None:
        """Forget it, before a new session."""
        self.code = self._note = ""
        self._event.clear()

    async def wait(self) -> str:
        """Wait until it is raised; returns the code."""
        await self._event.wait()
        return self.code


@dataclass(slots=True)
class Captured:
    """One party as captured so far."""

    role: str
    document: str = ""
    """Kind of a document that is only pictured."""
    holder: Holder | None = None
    chip_portrait: Portrait | None = None
    live_portrait: Portrait | None = None
    face: Face | None = None
    pages: list[Page] = field(default_factory=list)
    papers: list[Page] = field(default_factory=list)
    """Pictures of companion papers: they stand in the record as other evidence."""
    checks: list[tuple[str, bool]] = field(default_factory=list)
    numbers: dict[Field, str] = field(default_factory=dict)

    def person(self) -> Person:
        """Return the party as a record is built of it."""
        return Person(
            role=self.role,
            holder=self.holder,
            portraits=tuple(portrait for portrait in (self.chip_portrait, self.live_portrait) if portrait),
            pages=tuple(self.pages),
            document=self.document,
            checks=tuple(self.checks),
            face=self.face,
            numbers=tuple(self.numbers.items()),
        )


@dataclass(slots=True)
class Evidence:
    """What a session has gathered so far, in memory only. Dropped when the session ends."""

    session: bytes
    nonce: bytes
    consents: list[tuple[str, bytes]] = field(default_factory=list)
    agreement: bytes | None = None
    card: Card | None = None
    clerk: str = ""
    second: str | None = None
    other: dict[str, bytes] = field(default_factory=dict)
    """Word of the policy vocabulary → SHA-256 of the evidence."""
    masked: Mapping[str, str] = field(default_factory=dict)
    parties: dict[str, Captured] = field(default_factory=lambda: {SUBSCRIBER: Captured(SUBSCRIBER)})
    """Role → what was captured, in the order of the capture."""

    def of(self, role: str) -> Captured:
        """Return what was captured of a party, from now on."""
        return self.parties.setdefault(role, Captured(role))

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody captured, the subscriber first: as a record is built of them."""
        return tuple(party.person() for party in self.parties.values())


@dataclass(frozen=True, slots=True)
class Result:
    """How an effect ended: its event, the personal items to seal in the same transaction, the link of a new record."""

    event: Event
    items: Mapping[str, bytes] = field(default_factory=dict)
    record: RecordLink | None = None


class Stop(Exception):
    """The session must end with ``code``. ``touched``: the card may have been changed."""

    def __init__(self, code: str, *, touched: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.touched = touched
