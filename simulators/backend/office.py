# SPDX-License-Identifier: Apache-2.0
"""The operator's back office, as commands on the control socket: numbers' lives, consents, retention, inspections, breaches, statistics.

Rules
* whoever inspects, holds or lets go comes in twos, names both and leaves an event; a case query of the police names its warrant
* statistics are counts; nothing personal is in them
* ``sweep`` does what the clock makes due: reservations, approvals, holds, steps of numbers, then deletions; ``blank`` and the like are
  :mod:`simulators.backend.console`'s
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import books, cases, lapses, life, petitions, retention, reviewing, signatures
from simulators.backend.rules import DAY
from simulators.backend.store.port import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.backend.authority import Authority
    from simulators.backend.clock import Clock
    from simulators.backend.evidence import Evidence
    from simulators.backend.rules import House
    from simulators.backend.store import Db, Store
    from simulators.backend.vault import Vault

Told = dict[str, Any]
OFFICERS = 2
FULL, REFUSED, FAILED = 100, 2, 5
"""The score of a channel: full marks, less what a refusal for its own fault (R5xx) and a failed card cost for each hundred records."""


@dataclass(frozen=True, slots=True)
class Office:
    """The commands."""

    store: Store
    vault: Vault
    authority: Authority
    objects: Evidence
    clock: Clock
    house: House
    operator_id: str

    def serve(self, command: Callable[[str, Callable[[Told], Told | None]], None]) -> None:
        """Register every command."""
        for one in (self.urge, self.stop_number, self.restore, self.close, self.sweep, self.life_of, self.notices, self.events):
            command(one.__name__, one)
        for other in (self.withdraw, self.may_send, self.consents, self.keep, self.kept, self.seal, self.unseal, self.inspect):
            command(other.__name__, other)
        for one in (self.complain, self.accept, self.decide, self.tell, self.petitions, self.trace, self.statistics, self.may_receive):
            command(one.__name__, one)
        for last in (self.breach, self.report, self.cases, self.refusals, self.scores, self.ledger, self.agent_list, self.evidence):
            command(last.__name__, last)

    def urge(self, told: Told) -> None:
        """Tell an unregistered user: 60 days from now."""
        self._change(told, frozenset({"active"}), "notified")

    def stop_number(self, told: Told) -> None:
        """Stop a number one way, for 15 days."""
        self._change(told, frozenset({"active"}), "single_stop")

    def restore(self, told: Told) -> None:
        """Bring a number back."""
        self._change(told, frozenset(life.STEPS) | {"full_stop"}, "active")

    def close(self, told: Told) -> None:
        """End a number."""

        def work(db: Db) -> None:
            row = db.one("number.living", str(told["msisdn"]))
            if row is None:
                raise ValueError("msisdn")
            life.end(db, row, self.clock.now())

        self.store.run(work)

    def sweep(self, _: Told) -> Told:
        """Do what is due, holds included; returns what was deleted."""
        now = self.clock.now()

        def work(db: Db) -> list[tuple[str, str]]:
            db.run("number.lapse", now, now)
            lapses.sweep(db, now, self.house.rules)
            reviewing.lapse(db, now)
            life.sweep(db, now)
            for row in db.all("register.ended_with_data", now):
                cases.running(db, "BR-09", str(row["serial"]), now)
            return retention.purge(db, now, self.objects)

        return {"purged": self.store.run(work)}

    def life_of(self, told: Told) -> Told:
        """Tell a number's state, what calls it allows and whether it is billed."""
        row = self.store.run(lambda db: db.one("number.living", str(told["msisdn"])))
        state = str(row["state"]) if row else "terminated"
        return {"state": state, "calls": life.CALLS.get(state, "none"), "billed": state in life.BILLED}

    def notices(self, told: Told) -> Told:
        """Tell what a number was sent."""
        return {"notices": self.store.run(lambda db: plain(db.all("book.notices", str(told["msisdn"]))))}

    def events(self, told: Told) -> Told:
        """Tell the events of a subject: a number, a terminal, a session in hex."""
        return {"events": self.store.run(lambda db: plain(db.all("book.events", str(told["subject"]))))}

    def withdraw(self, told: Told) -> Told:
        """Withdraw consent to commercial messages, at once."""
        return {"withdrawn": self.store.run(lambda db: books.withdraw(db, str(told["msisdn"]), self.clock.now()))}

    def may_send(self, told: Told) -> Told:
        """Tell whether a commercial message may go to a number now."""
        rows = self.store.run(lambda db: db.all("book.consents", str(told["msisdn"])))
        return {"allowed": any(row["withdrawn"] == 0 for row in rows)}

    def consents(self, told: Told) -> Told:
        """Tell the evidence of a number's consents."""
        return {"consents": self.store.run(lambda db: plain(db.all("book.consents", str(told["msisdn"]))))}

    def keep(self, told: Told) -> None:
        """Begin to keep something of a ``class`` under a ``key``, from ``began``."""
        kept, key, began = str(told["class"]), str(told["key"]), int(told["began"])
        if kept not in retention.MONTHS or began <= 0:
            raise ValueError("class or began")
        self.store.run(lambda db: db.do("book.keep", kept, key, began))

    def kept(self, told: Told) -> Told:
        """Tell what is kept under a key, since when the clock runs and when it was deleted."""
        return {"kept": self.store.run(lambda db: plain(db.all("book.kept_of", str(told["key"]))))}

    def seal(self, told: Told) -> None:
        """Put a legal hold on a key (封存): nothing of it is deleted."""
        officers, key = self._officers(told), str(told["key"])
        self._book(lambda db: db.do("book.hold", key, officers, self.clock.now()), "sealed", key, officers)

    def unseal(self, told: Told) -> None:
        """Release a legal hold."""
        officers, key = self._officers(told), str(told["key"])
        self._book(lambda db: db.do("book.unhold", key), "released", key, officers)

    def inspect(self, told: Told) -> Told:
        """Show an approved record with some of its fields, as a signed bundle."""
        officers = self._officers(told)
        if told.get("case") and not told.get("warrant"):
            raise ValueError("a case query names its warrant")
        shown = self.vault.bundle(told)
        asked = [f"{name} {told[name]}" for name in ("case", "warrant") if told.get(name)]
        self._book(lambda _: None, "inspected", str(told["session"]), "; ".join([officers, *asked]))
        return shown

    def breach(self, told: Told) -> Told:
        """Open a case about a ``subject``; a terminal that is lost, tampered with or runs bad software is off first."""
        event, subject = str(told["event"]), str(told["subject"])
        return {"case": self.store.run(lambda db: cases.opened(db, event, subject, self.clock.now()))}

    def report(self, told: Told) -> None:
        """Report a stage of a case."""
        self.store.run(lambda db: cases.report(db, int(told["case"]), str(told["stage"]), told, self.clock.now()))

    def cases(self, _: Told) -> Told:
        """Tell all cases and their clocks."""
        return {"cases": self.store.run(lambda db: cases.listing(db, self.clock.now()))}

    def refusals(self, _: Told) -> Told:
        """Count refusals by clerk and code."""
        return {"refusals": self.store.run(lambda db: plain(db.all("book.refusals")))}

    def scores(self, _: Told) -> Told:
        """Score every agent by what its counters did."""
        told: dict[str, dict[str, int]] = {}
        for row in self.store.run(lambda db: db.all("book.quality")):
            own = told.setdefault(str(row["agent"]), {"records": 0, "own_fault": 0, "failed": 0})
            own["records"] += int(row["times"])
            own["own_fault"] += int(row["times"]) if str(row["code"]).startswith("R5") else 0
            own["failed"] += int(row["times"]) if row["ack"] == "failed" else 0
        return {"scores": {agent: {**own, "score": _score(own)} for agent, own in told.items()}}

    def ledger(self, told: Told) -> Told:
        """Tell which records of a terminal are not handed over: decided, and no result acknowledged."""
        return {"open": self.store.run(lambda db: plain(db.all("book.open_records", str(told["serial"]))))}

    def agent_list(self, told: Told) -> Told:
        """Return the list of agents filed with the regulator as of ``at``, signed and dated."""
        at = int(told.get("at", self.clock.now()))
        rows = self.store.run(lambda db: plain(db.all("register.agents", at)))
        payload = json.dumps({"at": at, "agents": rows}, ensure_ascii=False, sort_keys=True).encode()
        key, kid = self.authority.approval_pem, self.authority.approval_kid
        return {"list": base64.b64encode(signatures.sign(payload, typ="rnt-agents", key_pem=key, kid=kid, aad=b"")).decode()}

    def complain(self, told: Told) -> Told:
        """Open a complaint ``about`` the service or messages, by whom or of what its ``subject`` says."""
        about, subject = str(told["about"]), str(told["subject"])
        if about not in petitions.ABOUT:
            raise ValueError("about")
        return {"petition": self.store.run(lambda db: petitions.opened(db, about, subject, None, self.clock.now()))}

    def accept(self, told: Told) -> None:
        """Accept a ``petition``."""
        self._step("petition.accept", told)

    def decide(self, told: Told) -> Told:
        """Decide a ``petition``: ``verdict`` granted or declined, ``reason``, ``officer``; returns what is told."""
        return {"told": self.store.run(lambda db: petitions.decide(db, int(told["petition"]), told, self.clock.now()))}

    def tell(self, told: Told) -> None:
        """Tell who asked how their ``petition`` was decided."""
        self._step("petition.tell", told)

    def petitions(self, _: Told) -> Told:
        """Tell all petitions and what is overdue."""
        return {"petitions": self.store.run(lambda db: petitions.listing(db, self.clock.now()))}

    def trace(self, told: Told) -> Told:
        """Tell whose a record is, as it was then: staff, agent, company; the question is noted with its ``officer``."""
        session, officer = bytes.fromhex(told["session"]), str(told["officer"])

        def work(db: Db) -> Told:
            row = db.one("book.trace", session)
            if row is None or not officer:
                raise ValueError("session or officer")
            db.do("book.event", self.clock.now(), "traced", session.hex(), officer)
            return {"staff": row["clerk"], "agent": row["agent"], "company": self.operator_id, "terminal": row["serial"]}

        return self.store.run(work)

    def statistics(self, _: Told) -> Told:
        """Count records by kind, outcome and code."""
        return {"records": self.store.run(lambda db: plain(db.all("book.statistics")))}

    def may_receive(self, told: Told) -> Told:
        """Tell whether messages reach a number: not for a day after its card was replaced."""
        row = self.store.run(lambda db: db.one("number.newest_card", str(told["msisdn"])))
        barred = row is not None and row["kind"] == books.REPLACEMENT and row["since"] + DAY > self.clock.now()
        return {"allowed": row is not None and not barred}

    def _step(self, statement: str, told: Told) -> None:
        if self.store.run(lambda db: db.run(statement, self.clock.now(), int(told["petition"]))) != 1:
            raise ValueError("no such petition, or not its next step")

    def evidence(self, told: Told) -> Told:
        """Tell which evidence a record names and which of it came."""
        session = bytes.fromhex(told["session"])
        return {"evidence": self.store.run(lambda db: plain(db.all("book.evidence_of", session)))}

    def _change(self, told: Told, states: frozenset[str], to: str) -> None:
        self.store.run(lambda db: life.change(db, str(told["msisdn"]), states, to, self.clock.now()))

    def _officers(self, told: Told) -> str:
        officers = sorted({str(name) for name in told["officers"] if str(name)})
        if len(officers) < OFFICERS:
            raise ValueError("two officers")
        return " ".join(officers)

    def _book(self, work: Callable[[Db], None], kind: str, subject: str, detail: str) -> None:
        def both(db: Db) -> None:
            work(db)
            db.do("book.event", self.clock.now(), kind, subject, detail)

        self.store.run(both)


def _score(own: dict[str, int]) -> int:
    lost = (REFUSED * own["own_fault"] + FAILED * own["failed"]) * 100
    return max(0, FULL - lost // max(1, own["records"]))
