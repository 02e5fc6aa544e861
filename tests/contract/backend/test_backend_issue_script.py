# SPDX-License-Identifier: Apache-2.0
"""Cards issued by a script or as fields: what is sealed, what a card does with it, and what its answers prove to the operator."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from simulators.kit.launch import RunningSimulator
from tests.contract.backend.issued_cards import Issued, issue
from tests.contract.backend.operator_messages import Operator, Unit, person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("kind", ["blank-usim", "blank-usim-2", "usim-no-sfi", "usim-91xx"])
def test_a_script_makes_the_card_and_the_proof_makes_it_active(operator: Operator, unit: Unit, kind: str) -> None:
    session = issue(unit, "script", kind)
    assert set(session.data) == {1, 2, 3, 4}
    assert [keep for _, _, keep in session.data[4]] == [False] * (len(session.data[4]) - 1) + [True]
    assert all(command[:4].hex() == "80c20000" and len(command) == 5 + command[4] for command, _, _ in session.data[4])
    session.run_script()
    assert session.report("answered") == "active"
    assert session.number()["state"] == "active"
    assert operator.blank_state(session.iccid) == "used"
    card, imsi = session.card, session.data[2]
    assert card.read("ADF.USIM/IMSI").hex() == "08" + "".join(b + a for a, b in zip("9" + imsi[1::2], imsi[0::2], strict=True))
    assert card.read("ADF.USIM/SPN")[:11] == b"\x01RNT MOBILE"
    assert card.read("ADF.USIM/HPLMNwAcT")[:15].hex() == "64f000400064f000800064f0000080"
    assert card.read("ADF.USIM/EHPLMN")[:6].hex() == "64f02064f070"
    assert card.read("ADF.USIM/FPLMN")[:9].hex() == "64f01064f03064f011"
    assert card.read("ADF.USIM/AD")[:4].hex() == "00000002"
    assert int.from_bytes(card.read("ADF.USIM/ACC"), "big") == 1 << int(imsi[-1])
    assert card.read("ADF.USIM/LOCI").hex() == "ffffffff64f0000000ff01"
    record = len(card.read("ADF.USIM/SMSP")) // 2
    assert card.read("ADF.USIM/SMSP")[record - 15 : record - 3].hex() == "0891682100000005f0ffffff"


@pytest.mark.parametrize("mode", ["script", "relay"])
def test_a_2g_side_with_files_of_its_own_is_written_too(unit: Unit, mode: str) -> None:
    session = issue(unit, mode, "usim-2g-separate")
    session.run_script() if mode == "script" else session.run_relay()
    assert session.report("answered") == "active"
    for name in ("IMSI", "SPN", "ACC", "LOCI", "AD"):
        assert session.card.read(f"DF.GSM/{name}") == session.card.read(f"ADF.USIM/{name}"), name
    assert session.card.read("DF.GSM/FPLMN")[:9].hex() == "64f01064f03064f011"
    assert session.card.read("DF.TELECOM/SMSP")[:44].hex().endswith("0891682100000005f0ffffffffffff")


def test_a_script_sent_again_writes_nothing(unit: Unit) -> None:
    session = issue(unit, "script")
    session.run_script()
    updates = session.card.card.counters["updates"]
    session.card.card.power_up()
    assert [session.card.send(command) for command, _, _ in session.data[4]][-1] == b"\x62\x00"
    assert session.card.card.counters["updates"] == updates == 9


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


GARBLED: dict[str, Callable[[list[list[Any]]], list[list[Any]]]] = {
    "none": lambda _: [],
    "empty": lambda kept: [[kept[0][0], 0x9000, b""]],
    "first bit": lambda kept: [[*kept[0][:2], flipped(kept[0][2], 0)]],
    "last bit": lambda kept: [[*kept[0][:2], flipped(kept[0][2], -1 % len(kept[0][2]))]],
    "cut": lambda kept: [[*kept[0][:2], kept[0][2][:-1]]],
    "other place": lambda kept: [[kept[0][0] + 1, *kept[0][1:]]],
    "twice": lambda kept: kept * 2,
}


@pytest.mark.parametrize("how", sorted(GARBLED))
def test_a_proof_that_is_not_the_cards_own_fails_and_scraps_the_card(operator: Operator, unit: Unit, how: str) -> None:
    fields = person()
    operator.control("quota", number=fields[2], held=4)
    session = issue(unit, "script", fields=fields)
    session.run_script()
    assert session.report("answered", c262=GARBLED[how](session.answers)) == "failed"
    assert session.number()["state"] == "released"
    assert operator.blank_state(session.iccid) == "scrapped"
    assert session.report("answered") == "failed"
    assert issue(unit, "script", fields=fields).approval_id


def test_the_proof_of_another_packet_proves_nothing(unit: Unit) -> None:
    first = issue(unit, "script")
    first.run_script()
    second = issue(unit, "script")
    second.run_script()
    second.answers = first.answers
    assert second.report("answered") == "failed"


@pytest.mark.parametrize(("mode", "verdict"), [("script", "written"), ("relay", "written"), ("fields", "answered"), ("unlock", "answered")])
def test_a_verdict_that_does_not_belong_to_the_mode_activates_nothing(operator: Operator, unit: Unit, mode: str, verdict: str) -> None:
    session = issue(unit, mode, "usim-unlock")
    answers = [[0, 0x9000, b""]] if verdict == "answered" else []
    assert session.report(verdict, **({"c262": answers} if answers else {})) == "failed"
    assert operator.blank_state(session.iccid) == "scrapped"


def test_a_cut_script_is_voided_with_what_the_card_said(operator: Operator, unit: Unit) -> None:
    session = issue(unit, "script")
    before = operator.control("state")["pool"].get("scrapped", 0)
    assert session.report("voided", c262=[[0, 0x6F00, b""]]) == "released"
    assert operator.control("state")["pool"]["scrapped"] == before + 1
    assert operator.blank_state(session.iccid) == "scrapped"


def test_a_card_given_back_gets_a_higher_counter(operator: Operator, unit: Unit) -> None:
    first = issue(unit, "script")
    assert operator.blank_row(first.iccid)["counter"] == 1
    assert first.report("cancelled") == "released"
    again = issue(unit, "script", iccid=first.iccid)
    assert operator.blank_row(first.iccid)["counter"] == 2
    again.card = first.card
    again.run_script()
    assert again.report("answered") == "active"


def challenged(unit: Unit, mode: str) -> Issued:
    session = issue(unit, mode, "usim-unlock", challenge=True)
    rand, autn, expected = session.data[11]
    assert (len(rand), len(autn), len(expected)) == (16, 16, 32)
    return session


def test_a_challenge_is_proven_by_the_cards_response(operator: Operator, unit: Unit) -> None:
    session = challenged(unit, "script")
    session.run_script()
    session.prove_key()
    assert hashlib.sha256(session.data[11][0] + session.answers[-1][2][2:]).digest() == session.data[11][2]
    assert session.report("answered") == "active"
    assert operator.blank_row(session.iccid)["sqn"] == 32


@pytest.mark.parametrize("mode", ["fields", "unlock"])
@pytest.mark.parametrize(
    ("told", "ack"), [("nothing", "active"), ("right", "active"), ("wrong", "failed"), ("mac", "failed"), ("else", "failed")]
)
def test_a_challenge_told_with_a_written_card_is_judged(unit: Unit, mode: str, told: str, ack: str) -> None:
    session = challenged(unit, mode)
    session.prove_key()
    position, sw, data = session.answers.pop()
    said = {
        "nothing": [],
        "right": [[position, sw, data]],
        "wrong": [[position, sw, flipped(data, 5)]],
        "mac": [[position, 0x9862, b""]],
        "else": [[position + 1, sw, data]],
    }
    session.answers = said[told]
    assert session.report("written") == ack


def test_a_challenge_not_answered_behind_a_script_fails(unit: Unit) -> None:
    session = challenged(unit, "script")
    session.run_script()
    assert session.report("answered") == "failed"


def test_a_card_ahead_of_the_operator_is_right_and_sets_its_sequence_number(operator: Operator, unit: Unit) -> None:
    session = challenged(unit, "fields")
    session.card.card.memory.numbers["sqn.0"] = 1000
    session.prove_key()
    assert session.answers[-1][2][:2].hex() == "dc0e"
    assert session.report("written") == "active"
    assert operator.blank_row(session.iccid)["sqn"] == 32000


def test_an_auts_of_another_key_proves_nothing(operator: Operator, unit: Unit) -> None:
    session = challenged(unit, "fields")
    session.answers = [[0, 0x9000, b"\xdc\x0e" + bytes(14)]]
    assert session.report("written") == "failed"
    assert operator.blank_row(session.iccid)["sqn"] == 32


@pytest.mark.parametrize(
    "words",
    [
        {"mode": "magic"},
        {"mode": "script"},
        {"mode": "relay", "kic": "00" * 16, "kid": "00" * 16},
        {"mode": "unlock"},
        {"challenge": True},
        {"kic": "00"},
        {"kid": "zz"},
        {"smsp": "53"},
        {"key": "00"},
        {"iccid": ""},
        {"iccid": "8986-1"},
    ],
)
def test_a_blank_the_operator_cannot_issue_is_refused(operator: Operator, words: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError):
        operator.blank(**words)


def test_a_blank_told_again_takes_the_new_mode_until_it_is_used(operator: Operator, unit: Unit) -> None:
    iccid = operator.blank(kic="01" * 16, kid="02" * 16)
    assert operator.blank_row(iccid)["mode"] == "fields"
    operator.control("blank", iccid=iccid, mode="script", counter=7)
    assert (operator.blank_row(iccid)["mode"], operator.blank_row(iccid)["counter"]) == ("script", 7)
    session = issue(unit, "script", iccid=iccid)
    operator.control("blank", iccid=iccid, mode="fields")
    assert (operator.blank_row(iccid)["mode"], operator.blank_row(iccid)["counter"]) == ("script", 8)
    assert session.report("cancelled") == "released"


def test_the_house_mode_is_taken_where_the_keys_allow_it_and_counters_outlive_the_operator(short_folder: Path) -> None:
    pool = short_folder / "blanks.json"
    pool.write_text(json.dumps([{"iccid": "89860000000000000018", "adm": "00" * 8, "kic": "01" * 16, "kid": "02" * 16}]))
    arguments = ("--state", str(short_folder / "op"), "--blank", f"@{pool}", "--blank", "89860000000000000026:0011223344556677")
    for counter in (1, 2):
        with RunningSimulator("simulators.backend", *arguments, "--mode", "script", control=short_folder / "control") as running:
            operator = Operator(running, short_folder / "op")
            unit = Unit.enrolled(operator, short_folder / "unit", f"RNT-{counter}")
            session = issue(unit, "script", iccid="89860000000000000018")
            assert operator.blank_row("89860000000000000018")["counter"] == counter
            assert operator.blank_row("89860000000000000026")["mode"] == "fields"
            assert session.report("cancelled") == "released"
            running.kill()
        (short_folder / "control").unlink(missing_ok=True)
