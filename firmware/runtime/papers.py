# SPDX-License-Identifier: Apache-2.0
"""The other steps of a capture: papers and unit documents, consents and releases, requests, tokens, the second person, the capsule's seal.

Each word of the vocabulary has one performer here. What a person answers is yes or no or one of a closed list; papers are pictured, marked.
Evidence without a field of its own stands in the record as SHA-256 of what it is (claim 280): of a picture's bytes, or of the
deterministic CBOR of a short array that the operator can make again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from firmware.core.people import SUBSCRIBER, Field
from firmware.runtime import bringing, refusals
from firmware.runtime.desk import UNCLEAR, digest_of, done
from firmware.runtime.timing import DEVICE_S
from firmware.runtime.unit import Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from firmware.runtime.desk import Desk
    from firmware.runtime.unit import Result

CAPTURED_ELSEWHERE: Final = frozenset({"U-D", "U-E", "U-F", "U-G"})
"""Companion papers that are people: handler, responsible person, the handler's live picture, the users."""
PROVES: Final[dict[str, tuple[str, str]]] = {
    "P-A": ("proxy", "proxy-scope"),
    "P-B": ("guardian", "guardian-relation"),
    "U-B": (SUBSCRIBER, "unit-seal"),
}
"""Paper → whose check it passes."""
SHOWS: Final[dict[str, tuple[str, ...]]] = {"U-A": ("purpose",), "U-B": ("seal-image",), "U-C": ("user-list",)}
"""Paper → words of the evidence its picture is, beside its own."""
REQUESTS: Final[dict[str, tuple[str, ...]]] = {
    "T07": ("list", "dispute"),
    "T15": ("customer-left", "wrong-card", "wrong-tariff", "wrong-person"),
    "T17": ("access", "correct", "delete"),
}
"""Kind of business → what may be asked for."""
FORMS: Final = {"T07": "request-form", "T15": "second-person-reason", "T17": "request-form"}


class Papers:
    """Performs the steps of one session that are nobody's identity. ``steps`` are its performers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._evidence = desk.evidence
        self.steps: Mapping[str, Callable[[], Awaitable[Result]]] = {
            "token": self._token,
            "unit-document": self._unit_document,
            "papers": self._papers,
            "old-card": self._old_card,
            "release": self._release,
            "guardian-consent": lambda: self._consent("guardian-consent"),
            "group-consent": lambda: self._consent("group-consent"),
            "request": self._request,
            "commercial": self._commercial,
            "second-person": self._second_person,
            "seal": self._seal,
        }

    async def _papers(self) -> Result:
        """Have each companion paper laid down, looked at and pictured."""
        seen = []
        for code in sorted(set(self._desk.plan.papers) - CAPTURED_ELSEWHERE):
            seen.append(await self._paper("papers", code))
            for word in (code, *SHOWS.get(code, ())):
                self._evidence.other[word] = seen[-1]
            if code in PROVES:
                role, check = PROVES[code]
                self._evidence.of(role).checks.append((check, True))
        return done("papers", seen)

    async def _paper(self, step: str, code: str) -> bytes:
        """Return the digest of a paper's picture; the code of its row when it is missing or not as it must be."""
        answer = await self._desk.ask("paper", "paper", paper=code)
        if not answer["shown"]:
            raise refusals.stop(f"{step}/{code}", "missing")
        if not answer["fits"]:
            raise refusals.stop(f"{step}/{code}", "unfit")
        page = await self._desk.page(bringing.paper(code))
        self._evidence.of(SUBSCRIBER).papers.append(page)
        return page.digest

    async def _unit_document(self) -> Result:
        """Picture the unit's document: the subscriber is the unit, and nobody reads its paper here."""
        unit, kind = self._evidence.of(SUBSCRIBER), self._desk.plan.document
        answer = await self._desk.ask("paper", "paper", paper=kind)
        if not answer["shown"]:
            raise refusals.stop(f"unit-document/{kind}", "missing")
        if not answer["fits"]:
            raise refusals.stop(f"unit-document/{kind}", "unfit")
        page = await self._desk.page(bringing.page(1))
        unit.document = kind
        unit.pages.append(page)
        unit.checks += [("original", True), ("attested", True)]
        self._evidence.other["unit-document-image"] = page.digest
        return done("unit-document", [kind, page.digest])

    async def _old_card(self) -> Result:
        """Read the number on the card that is in use; nothing is written to it."""
        writer = self._desk.unit.devices["sim_card"]
        self._desk.prompt("old-card")
        await writer.call("await_card", timeout=self._desk.patience_s)
        found = await writer.call("identify", timeout=DEVICE_S)
        if found["blank"] or not found["iccid"]:
            raise refusals.stop("old-card", "blank")
        self._evidence.of(SUBSCRIBER).numbers[Field.OLD_ICCID] = found["iccid"]
        return done("old-card", [found["card_type"]])

    async def _release(self) -> Result:
        answer = await self._desk.ask("release", "release", role="owner")
        if not answer["signed"]:
            raise Stop("R603")
        self._evidence.other["owner-release"] = digest_of(["owner-release", self._evidence.session])
        return done("release", [self._evidence.other["owner-release"]])

    async def _consent(self, step: str) -> Result:
        """Ask for a consent the business cannot go without."""
        answer = await self._desk.ask(step, "consent")
        if not answer["agreed"]:
            raise Stop("R602")
        self._desk.consented(step)
        return done(step, self._evidence.consents)

    async def _commercial(self) -> Result:
        """Ask for the one consent that is nobody's condition: refused unless it is given, and refusing is never a reason."""
        answer = await self._desk.ask("commercial", "consent")
        if answer["agreed"]:
            self._desk.consented("commercial")
        self._evidence.other["consent-object"] = digest_of(["C-5", answer["agreed"]])
        return done("commercial", [self._evidence.other["consent-object"]])

    async def _request(self) -> Result:
        kind = self._desk.plan.transaction
        answer = await self._desk.ask("request", "request", choices=list(REQUESTS[kind]))
        if answer["about"] not in REQUESTS[kind]:
            raise Stop(UNCLEAR)
        self._evidence.other[FORMS[kind]] = digest_of([kind, answer["about"]])
        return done("request", [self._evidence.other[FORMS[kind]]])

    async def _second_person(self) -> Result:
        staff = await self._desk.staff(await self._desk.ask("second-person", "second"))
        self._evidence.of(SUBSCRIBER).checks.append(("second-person", True))
        return done("second-person", [staff])

    async def _token(self) -> Result:
        """Take the token of the network identity, which only the operator can verify."""
        token = (await self._desk.ask("token", "token"))["token"]
        self._evidence.of(SUBSCRIBER).numbers[Field.TOKEN] = token
        self._evidence.other["network-token"] = hashlib.sha256(token.encode()).digest()
        return done("token", [self._evidence.other["network-token"]])

    async def _seal(self) -> Result:
        """Make sure that one more capsule may wait, and say to whom it will be closed."""
        waiting = len(self._desk.unit.journal.open_sessions()) - 1
        if waiting >= self._desk.plan.settings["offline_pieces"]:
            raise Stop("R511")
        self._evidence.other["sealed-capsule"] = hashlib.sha256(self._desk.unit.trust.vault_key).digest()
        return done("seal", [self._evidence.other["sealed-capsule"]])
