# SPDX-License-Identifier: Apache-2.0
"""The part of the maintenance process that takes two people: the operator's roster, requests, and what is done under warrants.

Decides nothing about who may: :mod:`firmware.core.staff` does, and :class:`~firmware.runtime.guarded.Guarded` writes it down. Rules
* A roster is installed only when the operator signed it and it is not older than the one here.
* Nothing is exported, shown, resent or ended here but through ``carry_out`` or ``audit_begin``, which both ask for the warrants first.
* The one value that is shown leaves in the answer and nowhere else.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Any

from firmware.core.errors import CoreError, Malformed, SignatureRefused, TwoPeopleRefused
from firmware.core.staff import Operation
from firmware.runtime import guarded, installation
from firmware.runtime.clock import Clock
from firmware.runtime.guarded import Guarded, NotHere, roster_of, stored_roster
from firmware.runtime.log_export import LogExport
from firmware.runtime.refused import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from firmware.core.keyring import Trust
    from firmware.core.staff import Request
    from firmware.journal import Journal
    from firmware.keystore import Signer
    from firmware.runtime.config import Config


class StaffOperations:
    """The guarded operations of one terminal at rest. The journal is opened for each of them, and stays open while a log is handed out.

    ``log`` opens it even where the controller keeps the keys shut, and gives the key to end an export with, if there is one.
    """

    def __init__(
        self,
        config: Config,
        *,
        journal: Callable[[], Journal],
        log: Callable[[], tuple[Journal, Signer | None]],
        trust: Callable[[], Trust],
    ) -> None:
        self._config = config
        self._serial = config.terminal.serial
        self._state = config.terminal.state_dir
        self._open_journal = journal
        self._open_log = log
        self._trust = trust
        self._export: LogExport | None = None
        self.operations: dict[str, Callable[..., dict[str, Any]]] = {
            "staff_install": self.install,
            "staff_request": self.request,
            "staff_carry_out": self.carry_out,
            "audit_begin": self.audit_begin,
            "audit_next": self.audit_next,
        }

    def install(self, roster: str) -> dict[str, Any]:
        """Put the operator's signed roster (hex) in place, unless the one here is newer."""
        message, trust = bytes.fromhex(roster), self._trust()
        with closing(self._open_log()[0]) as journal:
            seconds = Clock(journal.time_floor()).now().at
            try:
                found = roster_of(message, trust, seconds)
            except (SignatureRefused, Malformed) as error:
                raise Refused("verification", f"This is no roster of the terminal's operator ({error}).") from error
            known = stored_roster(self._state, trust, seconds)
            if known is not None and found.issued_at < known.issued_at:
                raise Refused("verification", "The terminal has a newer roster of its operator.")
            installation.put(self._state, guarded.ROSTER, message)
        people = [{"id": person.staff_id, "role": person.role.value} for person in found.people]
        return {"people": people, "expires": found.expires}

    def request(self, operation: str, reason: str, session: str = "", shown: str = "") -> dict[str, Any]:
        """Write down what is asked for and return the request (hex) that two people are to sign."""
        with closing(self._open_log()[0]) as journal:
            try:
                data = self._guarded(journal).request(operation, bytes.fromhex(session), reason, shown)
            except NotHere as error:
                raise Refused("not_here", f"Nothing was asked for: {error}.") from error
        return {"request": data.hex(), "serial": self._serial}

    def carry_out(self, request: str, warrants: Sequence[str]) -> dict[str, Any]:
        """Do what two people warrant; raises :class:`Refused` ``two_people`` when they do not."""
        with closing(self._open_journal()) as journal:
            work = self._guarded(journal)
            asked = self._warranted(journal, work, request, warrants)
            try:
                match asked.operation:
                    case Operation.EXPORT:
                        return {"bundle": work.bundle(asked.session).hex()}
                    case Operation.UNMASK:
                        return {"field": asked.shown.value, "value": work.show(asked.session, asked.shown)}
                    case Operation.VOID:
                        return {"outcome": work.void(asked)}
                    case Operation.LOG:
                        raise Refused("bad_request", "A log is handed out by audit_begin.")
                    case Operation.RESEND:
                        pass
            except NotHere as error:
                raise Refused("not_here", f"There is nothing to do: {error}.") from error
        return {"acknowledged": self._resend(asked.session)}

    def audit_begin(self, request: str = "", warrants: Sequence[str] = ()) -> dict[str, Any]:
        """Begin to hand out the audit log under two warrants, ended by a signed checkpoint; returns how many rows will come."""
        self.audit_end()
        journal, signer = self._open_log()
        try:
            asked = self._warranted(journal, self._guarded(journal), request, warrants)
            if asked.operation is not Operation.LOG:
                raise Refused("bad_request", "That request is about a session, not the log.")  # noqa: TRY301  # the journal is let go below
            self._export = LogExport(journal, self._serial, signer)
        except BaseException:
            journal.close()
            raise
        return {"serial": self._serial, "size": self._export.size}

    def audit_next(self) -> dict[str, Any]:
        """Return the next parts of the log as hex; an empty list when all were given."""
        if self._export is None:
            raise Refused("bad_request", "No export was begun.")
        parts = self._export.next()
        if not parts:
            self.audit_end()
        return {"parts": [part.hex() for part in parts]}

    def audit_end(self) -> None:
        """Let go of the journal."""
        if self._export is not None:
            self._export.close()
            self._export = None

    def _guarded(self, journal: Journal) -> Guarded:
        return Guarded(journal, Clock(journal.time_floor()), self._serial)

    def _warranted(self, journal: Journal, work: Guarded, request: str, warrants: Sequence[str]) -> Request:
        roster = stored_roster(self._state, self._trust(), Clock(journal.time_floor()).now().at)
        try:
            return work.warranted(bytes.fromhex(request), [bytes.fromhex(warrant) for warrant in warrants], roster)
        except TwoPeopleRefused as refused:
            raise Refused("two_people", f"Two people of the operator must warrant this ({refused.fault.value}).") from refused

    def _resend(self, session: bytes) -> bool:
        """Report a session's end once more; returns whether the operator has acknowledged it."""
        from firmware.runtime import wiring  # noqa: PLC0415  # it builds a whole unit, which stands on this module's neighbours
        from firmware.runtime.runner import Session  # noqa: PLC0415  # the same

        try:
            unit = wiring.build(self._config)
        except (wiring.NotProvisioned, CoreError) as error:
            raise Refused("not_provisioned", "The terminal cannot reach its operator: keys, certificates or trust are unusable.") from error
        try:
            return asyncio.run(Session(unit, session, _nothing_else).advise_again())
        finally:
            unit.backend.close()
            unit.journal.close()


async def _nothing_else() -> bool:
    return True
