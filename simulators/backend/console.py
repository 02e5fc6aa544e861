# SPDX-License-Identifier: Apache-2.0
"""The operator's console: what people of the operator do, as commands on the control socket.

Each command takes the request's members and answers with members; a word it does not know is the caller's mistake (``ValueError``).
Persons are named by kind and number of their document and kept as pseudonyms.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import logon, units
from simulators.backend.judgement import ANSWERS
from simulators.backend.quota import NATIONAL, QUOTA
from simulators.backend.store.port import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulators.backend.activation import Activations
    from simulators.backend.clock import Clock
    from simulators.backend.enrolment import Enrolments
    from simulators.backend.pool import Pool
    from simulators.backend.rules import House
    from simulators.backend.store import Store
    from simulators.backend.verification import Verification

Told = dict[str, Any]
FOREVER = 253402300799


@dataclass(frozen=True, slots=True)
class Console:
    """The commands about terminals, cards, registers, rules, reviews and the clock."""

    store: Store
    pool: Pool
    verification: Verification
    activations: Activations
    enrolments: Enrolments
    clock: Clock
    house: House

    def serve(self, command: Callable[[str, Callable[[Told], Told | None]], None]) -> None:
        """Register every command."""
        command("blank", lambda told: self.pool.add({name: value for name, value in told.items() if name != "cmd"}))
        command("blanks", lambda told: self.pool.add_text(f"@{told['file']}"))
        command("work_order", lambda _: {"token": self.enrolments.write_order()})
        command("persons", lambda _: {"persons": self.store.run(lambda db: db.dump("quota", "person, held"))})
        command("state", lambda _: _state(self.store, self.pool))
        command("clock", lambda told: {"now": self.clock.set(int(told["now"])) if "now" in told else self.clock.now()})
        for one in (self.refuse, self.quota, self.revoke, self.rules, self.agent, self.agents, self.clerk, self.site, self.seen):
            command(one.__name__, one)
        for other in (
            self.software,
            self.person,
            self.lock,
            self.number,
            self.holds,
            self.review,
            self.unit,
            self.users,
            self.suspend,
            self.clerks,
        ):
            command(other.__name__, other)

    def refuse(self, told: Told) -> None:
        """Refuse the next authentic record with ``code``."""
        self.activations.refuse_next = str(told["code"])

    def quota(self, told: Told) -> None:
        """Set how many numbers a person holds."""
        held, scope = int(told["held"]), str(told.get("scope", NATIONAL))
        if not 0 <= held <= (QUOTA if scope == NATIONAL else 2 * QUOTA):
            raise ValueError("held")
        person = self._person(told)
        self.store.run(lambda db: db.do("quota.set", person, scope, held))

    def revoke(self, told: Told) -> None:
        """Put a terminal on the deny-list (R505)."""
        if self.store.run(lambda db: db.run("terminal.revoke", told["serial"])) != 1:
            raise ValueError("serial")

    def rules(self, told: Told) -> Told:
        """Change rules, or tell them."""
        self.house.rules = self.house.rules.changed({name: value for name, value in told.items() if name != "cmd"})
        return {"rules": {name: getattr(self.house.rules, name) for name in self.house.rules.__slots__}}

    def agent(self, told: Told) -> None:
        """Write an agent into the register: ``code`` and what differs from a good one."""
        row = (str(told["code"]), str(told.get("name", told["code"])), int(told.get("contract_until", FOREVER)))
        rest = (int(told.get("filed", True)), str(told.get("parent", "")), int(told.get("blacklisted", False)))
        self.store.run(lambda db: db.do("register.agent", *row, *rest, str(told.get("measures", "suspend"))))

    def agents(self, told: Told) -> Told:
        """Tell the agents whose contract runs at ``at``: the public list."""
        at = int(told.get("at", self.clock.now()))
        return {"agents": self.store.run(lambda db: plain(db.all("register.agents", at)))}

    def clerk(self, told: Told) -> None:
        """Write a clerk into the register; with ``number``, also who they are, with ``pin``, what they log on with."""
        person = self._person(told) if "number" in told else None
        row = (str(told["staff"]), str(told["agent"]), int(told.get("trained_until", FOREVER)), int(told.get("barred", False)), person)
        vetted = (int(told.get("vetted", self.clock.now())), str(told.get("role", "clerk")))
        self.store.run(lambda db: db.do("register.clerk", *row, *vetted))
        if "pin" in told:
            self.store.run(lambda db: logon.keep(db, row[0], str(told["pin"])))

    def clerks(self, told: Told) -> Told:
        """Tell an ``agent``'s clerks: role, when vetted, until when trained."""
        return {"clerks": self.store.run(lambda db: plain(db.all("register.clerks", str(told["agent"]))))}

    def site(self, told: Told) -> None:
        """Write where a terminal stands: its agent and the cells it may be in."""
        cells, seen = json.dumps(list(told.get("cells", []))), str(told.get("seen", ""))
        row = (str(told["serial"]), str(told["agent"]), cells, seen, int(told.get("withdrawn", False)))
        self.store.run(lambda db: db.do("register.site", *row))

    def seen(self, told: Told) -> None:
        """Hear from the network in which cell a terminal is."""
        if self.store.run(lambda db: db.run("register.seen", str(told["cell"]), str(told["serial"]))) != 1:
            raise ValueError("serial")

    def software(self, told: Told) -> None:
        """Write a software release: ``digest`` and its number."""
        self.store.run(lambda db: db.do("register.release", bytes.fromhex(told["digest"]), int(told["number"])))

    def person(self, told: Told) -> None:
        """Write what the police register answers of a person, and whether the law restricts them."""
        online = str(told.get("online", "MATCH"))
        if online not in ANSWERS:
            raise ValueError("online")
        person = self._person(told)
        self.store.run(lambda db: db.do("register.person", person, online, int(told.get("restricted", False))))

    def lock(self, told: Told) -> None:
        """Lock a number for a ``reason`` (debt, dispute, case), or unlock it without one."""
        row = [str(told["msisdn"]), *([str(told["reason"])] if told.get("reason") else [])]
        self.store.run(lambda db: db.do("register.lock" if len(row) > 1 else "register.unlock", *row))

    def number(self, told: Told) -> None:
        """Say what became of a number: its ``state``, and with ``registered: false`` that nobody is registered for it."""
        msisdn, state = str(told["msisdn"]), str(told["state"])
        if self.store.run(lambda db: db.run("number.say", state, self.clock.now(), msisdn)) != 1:
            raise ValueError("msisdn")
        if told.get("registered", True) is False:
            self.store.run(lambda db: db.do("number.nobody", msisdn))

    def unit(self, told: Told) -> None:
        """Write a unit into the register: ``code``, ``handler`` (a document's number) and what differs from a good one."""
        purpose = str(told.get("purpose", "office"))
        if purpose not in units.PURPOSES:
            raise ValueError("purpose")
        handler = self.verification.person(str(told.get("kind", "D01")), str(told["handler"]))
        row = (str(told["code"]), handler, purpose, str(told.get("licence", "")), str(told.get("assessment", "")), "")
        self.store.run(lambda db: db.do("unit.write", *row))

    def users(self, told: Told) -> None:
        """Take the list of a ``unit``'s users, by their documents' numbers; ``seal``: SHA-256 (hex) of the sealed paper's picture."""
        people = [self.verification.person(str(told.get("kind", "D01")), str(number)) for number in told["numbers"]]
        seal = bytes.fromhex(told["seal"]) if told.get("seal") else None
        self.store.run(lambda db: units.listed(db, str(told["unit"]), people, seal))

    def suspend(self, told: Told) -> None:
        """Suspend a ``unit`` for a ``reason``, or let it go on without one."""
        code, reason = str(told["unit"]), str(told.get("reason", ""))
        if self.store.run(lambda db: db.run("unit.suspend", reason, code)) != 1:
            raise ValueError("unit")

    def holds(self, _: Told) -> Told:
        """Tell what waits for a decision."""
        return {"holds": self.store.run(lambda db: plain(db.all("register.holds")))}

    def review(self, told: Told) -> None:
        """Decide a held session: ``verdict`` is ``pass`` or a code, by an ``officer``."""
        verdict, officer = str(told["verdict"]), str(told["officer"])
        if not officer or not (verdict == "pass" or (len(verdict) == 4 and verdict[0] == "R" and verdict[1:].isdigit())):
            raise ValueError("verdict")
        session = bytes.fromhex(told["session"])
        if self.store.run(lambda db: db.run("register.review", verdict, officer, session)) != 1:
            raise ValueError("nothing is held under this session")

    def _person(self, told: Told) -> bytes:
        return self.verification.person(str(told.get("kind", "D01")), str(told["number"]))


SHOWN: Mapping[str, tuple[str, str]] = {
    "numbers": ("number", "id, msisdn, imsi, iccid, state, session"),
    "activations": ("activation", "id, session, serial, outcome, code, record, approval_id, iccid"),
    "results": ("result", "id, session, serial, outcome, code, record, ack"),
    "spent": ("spent", "id, approval_id, session"),
    "terminals": ("terminal", "serial, protection, sequence, last, revoked"),
    "chain_breaks": ("chain_break", "id, serial, record, sequence"),
    "issues": ("issue", "id, session, iccid, mode"),
    "unlockings": ("unlocking", "id, session, challenge"),
    "relay_rounds": ("relay_round", "id, session, sequence, done"),
}
"""What ``state`` tells: name → table, columns. No key, code or answer of a card is among them."""


def _state(store: Store, pool: Pool) -> dict[str, Any]:
    """Return everything a test may see, as it was at one moment."""
    told, blanks = store.run(lambda db: ({name: db.dump(table, columns) for name, (table, columns) in SHOWN.items()}, pool.listing(db)))
    releases = [row for row in told["results"] if row["ack"] != "active"]
    return {**told, "releases": releases, "blanks": blanks, "pool": Counter(blank["state"] for blank in blanks)}
