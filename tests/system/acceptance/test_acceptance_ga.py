# SPDX-License-Identifier: Apache-2.0
"""GA-01 … GA-40 by their names, on a whole counter: what the table of scenarios says, and what must be true beyond the outcome."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import cbor2
import pytest

from firmware.core.bundle import read_bundle
from firmware.core.outcomes import OUTCOMES
from firmware.core.people import Field
from firmware.core.record import disclose, read_record
from host_tools.demo.scenarios import load
from simulators.personas import PERSONAS

if TYPE_CHECKING:
    from typing import Any

    from tests.system.acceptance.conftest import Counter


def record_of(counter: Counter, result: dict[str, Any]) -> bytes:
    """Return the signed record of a session, as the operator keeps it."""
    return read_bundle(bytes.fromhex(counter.station.device("backend", "bundle", session=result["session"])["bundle"])).record


@pytest.mark.clause("GA-01", "CM-1", "JX-32b", "XJU-14", "XJ-12", "XT-AF30")
def test_ga_01_adult_with_a_residents_card_gets_a_new_number(counter: Counter) -> None:
    [result] = counter.play("GA-01")
    assert counter.numbers(result) == ["active"]
    copy, receipt = counter.station.device("printer", "receipts")["receipts"][-2:]
    assert f"流水号 Session: {result['session']}" in receipt
    assert any("不得转让" in line for line in receipt)
    shown = counter.screen.last("view", session=result["session"], prompt="agreement")["agreement"]
    assert copy[:2] == ["乙方留存 / Customer's copy, no. 2", "入网协议 / Service agreement"]
    assert copy[2].endswith(shown["digest"][:16])
    facts = read_record(record_of(counter, result)).record.facts
    assert facts.session.hex() == result["session"]
    warnings = counter.screen.last("view", session=result["session"], prompt="warning")["warnings"]
    texts = {word: [word, said["zh"], said["en"]] for word, said in zip(("fraud-warning", "resale-ban"), warnings, strict=True)}
    assert dict(facts.evidence).items() >= {word: hashlib.sha256(cbor2.dumps(text)).digest() for word, text in texts.items()}.items()


@pytest.mark.clause("GA-03", "T-1", "XT-2019")
def test_ga_03_another_persons_face_is_r201_after_three_tries(counter: Counter) -> None:
    [result] = counter.play("GA-03")
    mine = [m for m in counter.screen.messages if m["type"] == "view" and m["session"] == result["session"] and m["prompt"] == "portrait"]
    assert len(mine) == 3
    assert "path V" in OUTCOMES["R201"].remedy_en
    assert counter.untouched()


@pytest.mark.clause("GA-04", "N182-2a", "TB-05")
def test_ga_04_silent_chip_or_copy_offers_no_typing(counter: Counter) -> None:
    silent, copy = counter.play("GA-04")
    assert "never typed" in silent["sentence"]["en"]
    assert copy["sentence"]["en"].startswith("not an original: bring the original")
    assert counter.untouched()


@pytest.mark.clause("GA-05")
def test_ga_05_expired_document_is_r105(counter: Counter) -> None:
    counter.play("GA-05")
    assert counter.untouched()


@pytest.mark.slow
@pytest.mark.clause("GA-06", "TB-12", "N182-2a")
def test_ga_06_unavailable_online_check_holds_expires_unchecked_and_resumes(counter: Counter) -> None:
    counter.play("GA-06")
    assert counter.untouched()
    counter.station.clear()
    counter.station.device("backend", "rules", online="silent")
    counter.station.fresh_card()
    counter.station.device("desk", "start")
    assert counter.screen.wait("view", step="hold")["code"] == "H114"
    assert counter.untouched()
    counter.station.device("backend", "rules", online="off")
    assert counter.screen.result()["outcome"] == "ACTIVE"


@pytest.mark.clause("GA-07", "N6")
def test_ga_07_five_cards_with_the_carrier_are_r401_and_the_way_on_is_told(counter: Counter) -> None:
    counter.play("GA-07")
    assert "T08" in counter.screen.last("view", state="closed")["sentence"]["en"]
    assert counter.untouched()


@pytest.mark.clause("GA-08", "UC-7")
def test_ga_08_sixth_postpaid_number_is_r402_and_with_the_national_cap_r401(counter: Counter) -> None:
    counter.play("GA-08")
    assert counter.untouched()


@pytest.mark.clause("GA-09", "DOC-1", "TB-08")
def test_ga_09_letter_for_another_kind_of_business_is_r209(counter: Counter) -> None:
    counter.play("GA-09")
    assert counter.untouched()


@pytest.mark.clause("GA-10", "XT-PI28-31")
def test_ga_10_minor_without_guardian_is_r206(counter: Counter) -> None:
    counter.play("GA-10")
    assert counter.untouched()


@pytest.mark.clause("GA-13")
def test_ga_13_residence_permit_is_d08_and_active(counter: Counter) -> None:
    [result] = counter.play("GA-13")
    assert counter.numbers(result) == ["active"]


@pytest.mark.slow
@pytest.mark.clause("GA-14", "XJ-2.1.7", "O25-08b", "TB-09", "TB-10", "XJU-2a")
def test_ga_14_unit_with_all_seven_papers_and_minus_each(counter: Counter) -> None:
    whole, *refused = counter.play("GA-14")
    assert counter.numbers(whole) == ["inactive"]  # until its user is bound
    assert len(refused) == 7
    assert counter.untouched()


@pytest.mark.slow
@pytest.mark.clause("GA-15", "TB-09", "XJ-2.1.9", "XJ-11.8")
def test_ga_15_units_card_stays_inactive_until_its_user_is_bound(counter: Counter) -> None:
    states = []
    for session in load()["GA-15"].sessions:
        counter.session(session)
        states.append(counter.station.device("backend", "life_of", msisdn=counter.number)["state"])
    assert states == ["inactive", "inactive", "active"]


@pytest.mark.slow
@pytest.mark.clause("GA-16", "XJU-4")
def test_ga_16_transfer_of_a_disputed_number_leaves_it_unchanged(counter: Counter) -> None:
    first, refused = counter.play("GA-16")
    assert counter.numbers(first) == ["active"]
    assert counter.numbers(refused) == []
    assert counter.untouched()


@pytest.mark.slow
@pytest.mark.clause("GA-17", "UC-9")
def test_ga_17_replacement_at_an_agent_of_unicom_is_sent_to_an_own_hall(counter: Counter) -> None:
    counter.play("GA-17")
    slip = counter.station.device("printer", "receipts")["receipts"][-1]
    assert "代码 Code: R211" in slip
    assert any(line.startswith("自有营业厅：") for line in slip)


@pytest.mark.slow
@pytest.mark.clause("GA-19", "SMS-16", "JX-39", "JX-33")
def test_ga_19_commercial_messages_declined_and_still_active(counter: Counter) -> None:
    for result in counter.play("GA-19"):
        record = read_record(record_of(counter, result)).record
        assert "C-5" not in dict(record.facts.consents)


@pytest.mark.slow
@pytest.mark.clause("GA-20", "JX-39", "SMS-16")
def test_ga_20_commercial_consent_is_given_then_withdrawn_at_once(counter: Counter) -> None:
    allowed = []
    for session in load()["GA-20"].sessions:
        counter.session(session)
        allowed.append(counter.station.device("backend", "may_send", msisdn=counter.number)["allowed"])
    assert allowed == [False, True, False]


@pytest.mark.clause("GA-22", "DS-21", "T-6")
def test_ga_22_approval_for_another_card_terminal_or_record_writes_nothing(counter: Counter) -> None:
    for session in counter.play("GA-22"):
        assert counter.numbers(session) in ([], ["released"])
    assert counter.untouched()


@pytest.mark.clause("GA-23", "T-9")
def test_ga_23_finished_card_is_r702_and_unknown_blank_r703(counter: Counter) -> None:
    counter.play("GA-23")
    assert counter.untouched()


@pytest.mark.clause("GA-24")
def test_ga_24_each_failed_write_voids_its_card_and_undoes_its_number(counter: Counter) -> None:
    results = counter.play("GA-24")
    blanks = {row["iccid"]: row["state"] for row in counter.station.operator()["blanks"]}
    assert [blanks[result["blank"]] for result in results] == ["scrapped", "scrapped"]
    assert [counter.numbers(result) for result in results] == [["released"], ["released"]]


@pytest.mark.clause("GA-25")
def test_ga_25_operator_down_writes_nothing(counter: Counter) -> None:
    [result] = counter.play("GA-25")
    assert counter.untouched()
    assert "active" not in counter.numbers(result)


@pytest.mark.slow
@pytest.mark.clause("GA-26", "TB-19", "O25-14", "N452", "N570")
def test_ga_26_agent_that_is_expired_a_sub_agent_or_blacklisted_writes_nothing(counter: Counter) -> None:
    counter.play("GA-26")
    assert counter.untouched()


@pytest.mark.slow
@pytest.mark.clause("GA-27")
def test_ga_27_moved_terminal_is_r507_and_has_a_case(counter: Counter) -> None:
    [result] = counter.play("GA-27")
    assert counter.numbers(result) == []
    assert counter.untouched()
    cases = counter.station.device("backend", "cases")["cases"]
    assert [case["event"] for case in cases if case["subject"] == "RNT-000001"].count("BR-08") == 1


@pytest.mark.slow
@pytest.mark.clause("GA-30", "TB-22", "DS-29")
def test_ga_30_lost_terminal_is_revoked_before_its_case_and_writes_nothing(counter: Counter) -> None:
    counter.play("GA-30")
    assert counter.untouched()
    events = counter.station.device("backend", "events", subject="RNT-000001")["events"]
    assert [event["kind"] for event in events][:2] == ["revoked", "case"]
    [case] = counter.station.device("backend", "cases")["cases"]
    assert (case["subject"], case["overdue"]) == ("RNT-000001", [])
    counter.station.device("backend", "clock", now=counter.station.device("backend", "clock")["now"] + 2 * 3600)
    assert counter.station.device("backend", "cases")["cases"][0]["overdue"] == ["oral"]


@pytest.mark.slow
@pytest.mark.clause("GA-35", "XT-ID")
def test_ga_35_rare_names_arrive_exactly(counter: Counter) -> None:
    for result, key in zip(counter.play("GA-35"), ("dotted_name", "rare_name"), strict=True):
        bundle = counter.station.device("backend", "bundle", session=result["session"], fields=[1])["bundle"]
        held = read_bundle(bytes.fromhex(bundle))
        assert disclose(read_record(held.record).record, held.items) == {Field.NAME: PERSONAS[key].name}


@pytest.mark.clause("GA-39")
def test_ga_39_clerk_who_is_the_customer_is_r514(counter: Counter) -> None:
    counter.play("GA-39")
    assert counter.untouched()


@pytest.mark.clause("GA-40", "DS-15", "T-5")
def test_ga_40_same_card_in_two_transactions_cannot_be_linked(counter: Counter) -> None:
    first, second = counter.play("GA-40")
    digests = [{digest for _, digest in read_record(record_of(counter, result)).record.digests} for result in (first, second)]
    assert digests[0].isdisjoint(digests[1])
