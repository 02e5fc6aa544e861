# SPDX-License-Identifier: Apache-2.0
"""``rnt staff`` on a terminal at rest and its operator: a roster, a request, two signatures, and what is done with them."""

import json
import time
from pathlib import Path

import pytest

from firmware.core import events, states
from firmware.core.session import fold
from firmware.journal import Journal
from firmware.keystore import load_store_key
from firmware.runtime.clock import Clock
from host_tools.rnt.outcome import ExitCode
from tests.support.rnt_bench import Bench
from tests.support.staff import Staff
from tests.unit.core_codecs.core_world import CARD, PLAIN_PROFILE, PROFILE, SERIAL

SESSION = b"S" * 16


@pytest.fixture
def staff(provisioned: Bench) -> Staff:
    """Two people and an engineer on the roster of a provisioned terminal."""

    def rnt(*arguments: str) -> None:
        done = provisioned.rnt(*arguments)
        assert done.code == 0, done.result

    made = Staff(
        provisioned.folder / "staff",
        lambda people: str(provisioned.operator.control("roster", people=people)["roster"]),
        rnt,
        f"local:{provisioned.config}",
    )
    made.install()
    return made


def journal(bench: Bench) -> Journal:
    return Journal.open(bench.state / "journal.db", load_store_key(bench.state / "keys/store.key"))


def leave_refused(bench: Bench) -> None:
    """Leave a session whose record was signed, which ended, and which the operator has not heard of."""
    now = Clock(0).now()
    with journal(bench) as opened:
        for event, erase in (
            (events.Opened(int(time.time()), now.boot_id, now.boot_ms, SERIAL, "T01", ("card",)), False),
            (events.CardIdentified(CARD.digest), False),
            (events.RecordSigned(int(time.time()), now.boot_id, now.boot_ms, bytes(32), b"N" * 16, 1), False),
            (events.Refused(int(time.time()), "R801"), False),
            (events.ReceiptDone(printed=False), False),  # the slip
            (events.Erased(int(time.time())), True),
        ):
            opened.append(SESSION, *events.encode(event), erase=erase)


@pytest.mark.clause("T-4")
@pytest.mark.slow
def test_report_is_resent_when_two_people_signed_on_their_own_machines(provisioned: Bench, staff: Staff) -> None:
    """Every step with the tool itself: the key, the request, two signatures, and one of them missing."""
    leave_refused(provisioned)
    terminal = f"local:{provisioned.config}"
    request, warrants = staff.file("request"), [staff.file("warrant"), staff.file("warrant")]
    asked = ["staff", "request", "resend", "--session", SESSION.hex(), "--reason", "undelivered", "--out", str(request)]
    assert provisioned.rnt(*asked, "--terminal", terminal).code == ExitCode.OK
    for out, staff_id in zip(warrants, ("c-17", "s-01"), strict=True):
        key = ["--key", f"file:{staff_id}.pem", "--key-dir", str(staff.folder), "--id", staff_id, "--out", str(out)]
        assert provisioned.rnt("staff", "sign", str(request), *key).data["operation"] == "resend"
    alone = provisioned.rnt("staff", "carry-out", "--request", str(request), "--warrant", str(warrants[0]), "--terminal", terminal, "--yes")
    assert alone.code == ExitCode.NOT_AUTHORISED
    both = [part for path in warrants for part in ("--warrant", str(path))]
    done = provisioned.rnt("staff", "carry-out", "--request", str(request), *both, "--terminal", terminal, "--yes")
    assert done.code == ExitCode.OK, done.result
    assert done.data["acknowledged"] is True
    with journal(provisioned) as opened:
        history = tuple(events.decode(row.kind, row.payload) for row in opened.rows(SESSION))
        assert fold(history).state == states.Closed("R801")
        kinds = [outline.kind for _, outline, _ in opened.outlines(0)]
    assert [kind for kind in kinds if kind.startswith("staff")] == ["staff.requested", "staff.refused", "staff.warranted"]
    (result,) = provisioned.operator.control("state")["results"]
    assert (result["session"], result["outcome"]) == (SESSION.hex(), "cancelled")


@pytest.mark.clause("DS-13")
@pytest.mark.slow
def test_value_two_people_see_goes_to_a_new_file_or_a_screen_and_never_into_json(provisioned: Bench, staff: Staff) -> None:
    now = Clock(0).now()
    with journal(provisioned) as opened:
        for event, items in (
            (events.Opened(now.at, now.boot_id, now.boot_ms, SERIAL, "T01", ("card",)), {}),
            (events.CardIdentified(CARD.digest), {}),
            (events.RecordSigned(now.at, now.boot_id, now.boot_ms, bytes(32), b"N" * 16, 1), {"profile": PLAIN_PROFILE}),
            (
                events.Approved(b"A" * 16, bytes(32), b"N" * 16, SERIAL, CARD.digest, "fields", bytes(32), now.boot_id, 2**60),  # type: ignore[arg-type]  # its word
                {},
            ),
        ):
            opened.append(SESSION, *events.encode(event), items=items)
    words = ["--session", SESSION.hex(), "--field", "msisdn"]
    out, terminal = staff.file("value"), ["--terminal", staff.terminal, "--yes"]
    without = provisioned.rnt("staff", "carry-out", *staff.warranted("unmask", *words), *terminal)
    assert without.code == ExitCode.USAGE
    done = provisioned.rnt("staff", "carry-out", *staff.warranted("unmask", *words), "--out", str(out), *terminal)
    assert done.code == ExitCode.OK
    assert out.read_text() == f"{PROFILE[3]}\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert str(PROFILE[3]) not in json.dumps(done.lines) + done.errors


@pytest.mark.clause("DS-13", "CM-3")
@pytest.mark.slow
def test_log_does_not_leave_a_terminal_without_two_people(provisioned: Bench, staff: Staff, tmp_path: Path) -> None:
    alone = ["--request", str(staff.request("log")), "--out", str(tmp_path / "log"), "--terminal", staff.terminal]
    refused = provisioned.rnt("audit", "export", *alone)
    assert refused.code == ExitCode.NOT_AUTHORISED
    assert "sign" in refused.result["hint"]
    assert list(tmp_path.iterdir()) == []
    done = provisioned.rnt("audit", "export", *staff.warranted("log"), "--out", str(tmp_path / "log"), "--terminal", staff.terminal)
    assert done.code == ExitCode.OK
    trust = provisioned.state / "trust"
    keys = ["--key", str(trust / "record-cert.pem"), "--trust", str(trust / "trust.json")]
    assert provisioned.rnt("audit", "verify", str(tmp_path / "log"), *keys).data["size"] == done.data["size"]


def test_persons_key_is_made_once_and_named_by_its_public_half_alone(bench: Bench) -> None:
    folder = bench.folder / "person"
    words = ["staff", "key", "--key", "file:me.pem", "--key-dir", str(folder)]
    first, second = bench.rnt(*words), bench.rnt(*words)
    assert first.data == second.data
    assert (folder / "me.pem").stat().st_mode & 0o777 == 0o600
    secret = (folder / "me.pem").read_text().splitlines()[1]
    assert secret not in json.dumps(first.lines)
    assert bench.rnt("staff", "sign", str(bench.config), "--id", "c-17", *words[2:], "--out", str(folder / "w")).code == ExitCode.USAGE
    other = ["--key", "file:none.pem", "--key-dir", str(folder), "--id", "c-17", "--out", str(folder / "w")]
    assert bench.rnt("staff", "sign", str(bench.config), *other).code in {ExitCode.USAGE, ExitCode.NOT_FOUND}
