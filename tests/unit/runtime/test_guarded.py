# SPDX-License-Identifier: Apache-2.0
"""What takes two people, on a terminal at rest: nothing is done without them, everything is written down, nothing of a person with it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from firmware.core import cbor, events, states
from firmware.core.bundle import read_bundle
from firmware.core.errors import TwoPeopleRefused
from firmware.core.keyring import Key, Keyring, Purpose, Trust
from firmware.core.mode import Mode
from firmware.core.session import fold
from firmware.journal import ItemGone, Journal
from firmware.journal.audit_file import Head, LoggedRow, decode_part
from firmware.runtime import config
from firmware.runtime.clock import Clock, Moment
from firmware.runtime.guarded import Guarded, roster_of
from firmware.runtime.maintenance import answer
from firmware.runtime.staff_operations import StaffOperations
from tests.support import cddl
from tests.unit.core_codecs.core_world import CARD, OPERATOR, PLAIN_PROFILE, PROFILE, RECORD, SERIAL, SESSION
from tests.unit.runtime.test_session_end import CONFIG
from tests.unit.staff.staff_world import CLERK, ENGINEER, POLICY_KEY, SUPERVISOR, Member, roster_message, warrant

if TYPE_CHECKING:
    from pathlib import Path

MSISDN = str(PROFILE[3])
APPROVAL, DATA = b"\6" * 16, b"\5" * 32
NOW = int(time.time())
STORE_KEY = bytes(range(32))


class Desk:
    """A terminal at rest with one session, and what a laptop may ask of it, line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.operations = StaffOperations(
            config.parse(CONFIG.replace(b'"state"', f'"{folder}"'.encode())),
            journal=self.journal,
            log=lambda: (self.journal(), None),
            trust=lambda: TRUST,
        ).operations

    def journal(self) -> Journal:
        return Journal.open(self.folder / "journal.db", STORE_KEY)

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Ask as the maintenance process is asked; returns its whole answer."""
        return answer(self, json.dumps({"op": op, "args": arguments}).encode())  # type: ignore[arg-type]  # it has the operations, which is all that is asked of it

    def request(self, operation: str, shown: str = "") -> bytes:
        session = "" if operation == "log" else SESSION.hex()
        found = self.ask("staff_request", operation=operation, reason="complaint", session=session, shown=shown)
        return bytes.fromhex(found["ok"]["request"])

    def carry_out(self, request: bytes, *members: Member) -> dict[str, Any]:
        return self.ask("staff_carry_out", request=request.hex(), warrants=[warrant(member, request).hex() for member in members])

    def rows(self) -> list[LoggedRow]:
        with self.journal() as journal:
            return [LoggedRow(*row) for row in journal.outlines(0)]

    def told(self, kind: str) -> list[Any]:
        return [cbor.decode(row.message or b"") for row in self.rows() if row.outline.kind == kind]

    def state(self) -> states.State:
        with self.journal() as journal:
            return fold(tuple(events.decode(row.kind, row.payload) for row in journal.rows(SESSION))).state


TRUST = Trust(OPERATOR, "https://localhost", Keyring([Key.from_spki(POLICY_KEY.spki, Purpose.POLICY)]), bytes(32))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A session the operator approved, cut before its write, with all its items."""
    made = Desk(tmp_path)
    boot = Clock(0).now()
    with made.journal() as journal:
        for event, items in (
            (events.Opened(NOW, boot.boot_id, boot.boot_ms, SERIAL, "T01", ("card",)), {}),
            (events.CardIdentified(CARD.digest), {}),
            (events.RecordSigned(NOW, boot.boot_id, boot.boot_ms, RECORD.digest, RECORD.nonce, 1), {"record": RECORD.message}),
            (
                events.Approved(APPROVAL, RECORD.digest, RECORD.nonce, SERIAL, CARD.digest, Mode.FIELDS, DATA, boot.boot_id, 2**60),
                {"profile": PLAIN_PROFILE},
            ),
        ):
            journal.append(SESSION, *events.encode(event), items=items)
    roster = roster_message(c4=NOW + 3600, c5=NOW - 60, c6=NOW - 60)
    assert made.ask("staff_install", roster=roster.hex())["ok"]["people"][0] == {"id": "c-17", "role": "clerk"}
    return made


def test_field_is_shown_to_two_people_and_stands_nowhere_else(desk: Desk) -> None:
    done = desk.carry_out(desk.request("unmask", "msisdn"), CLERK, SUPERVISOR)
    assert done == {"ok": {"field": "msisdn", "value": MSISDN}}
    (row,) = desk.told("staff.warranted")
    assert row[1:] == ["unmask", "complaint", SESSION, [["c-17", "clerk"], ["s-01", "supervisor"]]]
    assert cddl.valid("warranted", cbor.encode(row))
    for path in desk.folder.rglob("*"):
        assert not path.is_file() or MSISDN.encode() not in path.read_bytes()


def test_bundle_is_exported_to_two_people_and_shows_no_field(desk: Desk) -> None:
    done = desk.carry_out(desk.request("export"), CLERK, SUPERVISOR)
    bundle = read_bundle(bytes.fromhex(done["ok"]["bundle"]))
    assert bundle.record == RECORD.message
    assert cbor.decode(bundle.items) == []


def test_session_is_voided_by_two_people_and_the_operator_is_still_told(desk: Desk) -> None:
    assert desk.carry_out(desk.request("void"), CLERK, SUPERVISOR) == {"ok": {"outcome": "R207"}}
    assert desk.state() == states.Advising("R207", states.Advice("cancelled", RECORD.digest, APPROVAL))
    with desk.journal() as journal:
        for name in ("record", "profile"):
            with pytest.raises(ItemGone):
                journal.item(SESSION, name)
    assert desk.carry_out(desk.request("void"), CLERK, SUPERVISOR) == {"ok": {"outcome": "R207"}}
    assert desk.state() == states.Closed("R207")
    assert desk.carry_out(desk.request("void"), CLERK, SUPERVISOR)["error"] == "not_here"


def test_log_is_handed_out_under_two_warrants_and_tells_who_asked(desk: Desk) -> None:
    request = desk.request("log")
    warrants = [warrant(member, request).hex() for member in (ENGINEER, SUPERVISOR)]
    assert desk.ask("audit_begin", request=request.hex(), warrants=warrants)["ok"]["serial"] == SERIAL
    parts = [decode_part(bytes.fromhex(part)) for part in desk.ask("audit_next")["ok"]["parts"]]
    assert parts[0] == Head(SERIAL)
    rows = {row.outline.kind: row.message for part in parts if isinstance(part, tuple) for row in part}
    assert rows["staff.requested"] == request
    assert cbor.decode(rows["staff.warranted"] or b"")[4] == [["e-09", "engineer"], ["s-01", "supervisor"]]
    assert rows["opened"] is None


OPERATIONS = {"log": "", "export": "", "resend": "", "void": "", "unmask": "msisdn"}


@pytest.mark.clause("DS-13")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("members", "fault", "known"),
    [((), "number", []), ((SUPERVISOR,), "number", ["s-01"]), ((SUPERVISOR, SUPERVISOR), "same-person", ["s-01"])],
    ids=["nobody", "one", "one-twice"],
)
def test_nothing_is_done_without_two_people_and_the_attempt_is_written_down(
    desk: Desk, operation: str, members: tuple[Member, ...], fault: str, known: list[str]
) -> None:
    """BR-07, for each of the operations."""
    before = desk.state()
    request = desk.request(operation, OPERATIONS[operation])
    warrants = [warrant(member, request).hex() for member in members]
    op = "audit_begin" if operation == "log" else "staff_carry_out"
    refused = desk.ask(op, request=request.hex(), warrants=warrants)
    assert (refused["error"], fault in refused["message"]) == ("two_people", True)
    assert desk.ask("audit_next")["error"] == "bad_request"
    assert desk.state() == before
    (row,) = desk.told("staff.refused")
    assert row[1:3] == [operation, "complaint"]
    assert row[4:] == [fault, known]
    assert cddl.valid("refused-two", cbor.encode(row))
    assert desk.told("staff.warranted") == []


@pytest.mark.clause("DS-18")
def test_engineer_never_gets_at_what_is_somebodys(desk: Desk) -> None:
    """DS-18: whoever stands beside."""
    for operation, shown in (("unmask", "msisdn"), ("export", ""), ("void", ""), ("resend", "")):
        refused = desk.carry_out(desk.request(operation, shown), ENGINEER, SUPERVISOR)
        assert (refused["error"], "role" in refused["message"]) == ("two_people", True), operation


def test_request_is_carried_out_once(desk: Desk) -> None:
    request = desk.request("unmask", "imsi")
    assert desk.carry_out(request, CLERK, SUPERVISOR)["ok"]["value"] == PROFILE[2]
    again = desk.carry_out(request, CLERK, SUPERVISOR)
    assert (again["error"], "request" in again["message"]) == ("two_people", True)
    assert len(desk.told("staff.warranted")) == 1


@pytest.mark.parametrize(
    "changed", [{7: b"\x11" * 16}, {10: b"\x11" * 16}, {258: "fault"}, {261: 0}], ids=["session", "nonce", "reason", "time"]
)
def test_request_this_terminal_never_made_is_refused(desk: Desk, changed: dict[int, Any]) -> None:
    forged = cbor.encode(cbor.decode(desk.request("unmask", "msisdn")) | changed)
    assert desk.carry_out(forged, CLERK, SUPERVISOR)["error"] == "two_people"


class ClockAt:
    """A clock that stands at one moment."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment

    def now(self) -> Moment:
        return self.moment


@pytest.mark.parametrize(
    ("boot", "later_ms", "good"),
    [(b"1" * 16, 900_000, True), (b"1" * 16, 900_001, False), (b"2" * 16, 1, False)],
    ids=["quarter-of-an-hour", "later", "another-boot"],
)
def test_request_is_good_for_a_quarter_of_an_hour_of_its_boot(
    tmp_path: Path,
    boot: bytes,
    later_ms: int,
    good: bool,  # noqa: FBT001  # the parameter under test
) -> None:
    roster = roster_of(roster_message(c4=NOW + 3600, c5=NOW - 60), TRUST, NOW)
    with Journal.open(tmp_path / "journal.db", STORE_KEY) as journal:
        clock = ClockAt(Moment(NOW, b"1" * 16, 1000))
        guarded = Guarded(journal, clock, SERIAL)  # type: ignore[arg-type]  # it tells the time
        request = guarded.request("log", b"", "inspection", "")
        clock.moment = Moment(NOW, boot, 1000 + later_ms)
        warrants = [warrant(CLERK, request), warrant(SUPERVISOR, request)]
        if good:
            assert guarded.warranted(request, warrants, roster).operation == "log"
        else:
            with pytest.raises(TwoPeopleRefused, match="request"):
                guarded.warranted(request, warrants, roster)


def test_item_that_was_erased_is_not_shown_or_exported(desk: Desk) -> None:
    desk.carry_out(desk.request("void"), CLERK, SUPERVISOR)
    for operation, shown in (("unmask", "msisdn"), ("export", "")):
        assert desk.carry_out(desk.request(operation, shown), CLERK, SUPERVISOR)["error"] == "not_here"


@pytest.mark.parametrize(
    "arguments",
    [
        {"operation": "void", "reason": "complaint", "session": "11" * 16},
        {"operation": "void", "reason": "complaint", "session": "xx"},
        {"operation": "void", "reason": "no such reason", "session": SESSION.hex()},
        {"operation": "format", "reason": "complaint", "session": SESSION.hex()},
        {"operation": "unmask", "reason": "complaint", "session": SESSION.hex(), "shown": "name"},
        {"operation": "unmask", "reason": "complaint", "session": SESSION.hex()},
    ],
    ids=["unknown-session", "no-session", "reason", "operation", "field", "no-field"],
)
def test_request_nobody_can_make_writes_nothing_down(desk: Desk, arguments: dict[str, str]) -> None:
    assert desk.ask("staff_request", **arguments)["error"] in {"not_here", "bad_request"}
    assert desk.told("staff.requested") == []


@pytest.mark.parametrize(
    "roster",
    [
        roster_message(c4=NOW + 3600, c5=NOW - 99, c6=NOW - 61),
        roster_message(signer=CLERK.signer),
        roster_message(c1="operator-other"),
        b"x",
    ],
    ids=["older", "not-the-operator's", "another-operator's", "bytes"],
)
def test_roster_older_or_not_the_operators_is_not_installed(desk: Desk, roster: bytes) -> None:
    before = (desk.folder / "policy/staff.cose").read_bytes()
    assert desk.ask("staff_install", roster=roster.hex())["error"] == "verification"
    assert (desk.folder / "policy/staff.cose").read_bytes() == before


@pytest.mark.parametrize("how", ["missing", "damaged", "expired"])
def test_terminal_without_a_roster_in_force_does_nothing(desk: Desk, how: str) -> None:
    path = desk.folder / "policy/staff.cose"
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] if how == "damaged" else roster_message(c4=NOW - 1, c5=NOW - 99, c6=NOW - 99))
    refused = desk.carry_out(desk.request("unmask", "msisdn"), CLERK, SUPERVISOR)
    assert (refused["error"], "roster" in refused["message"]) == ("two_people", True)
