# SPDX-License-Identifier: Apache-2.0
"""Every refusal of the order: one code, a sentence in both languages, nothing written that should not be, nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firmware.core.outcomes import OUTCOMES
from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.station import Station


def people(**changes: object) -> Callable[[Station], object]:
    return lambda station: station.device("desk", "script", **changes)


def fault(device: str, **plan: object) -> Callable[[Station], object]:
    return lambda station: station.fault(device, **plan)


def bad_approval(variant: str) -> Callable[[Station], object]:
    return fault("backend", at="approve", do="bad_approval", variant=variant)


BEFORE_WRITE: list[tuple[str, Callable[[Station], object], str]] = [
    ("notice-refused", people(notice=False), "R601"),
    ("nobody-answers", people(silent_at="notice"), "R207"),
    ("no-document", people(document=False), "R101"),
    ("document-lifted", fault("id_reader", at="read", do="lifted", times=0), "R107"),
    ("sam-rejects-card", fault("id_reader", at="read", do="sw3", code=0x32, times=0), "R108"),
    ("sam-self-test-fails", fault("id_reader", at="select", do="sw3", code=0x60, times=0), "R513"),
    ("reader-unplugged", fault("id_reader", at="read", do="hangup"), "R516"),
    ("bad-check-digit", people(persona="bad_check"), "R111"),
    ("birth-contradicts-number", people(persona="birth_mismatch"), "R111"),
    ("expired", people(persona="expired"), "R105"),
    ("not-yet-valid", people(persona="not_yet"), "R106"),
    ("minor-alone", people(persona="minor"), "R206"),
    ("unknown-document", people(persona="unknown_type"), "R103"),
    ("another-face", people(face="li"), "R201"),
    ("photograph-held-up", people(live=False), "R202"),
    ("camera-silent", fault("camera", at="frame", do="silence", times=0), "R203"),
    ("warning-not-acknowledged", people(warning=False), "R604"),
    ("agreement-unsigned", people(agreement=False), "R603"),
    ("never-confirmed", people(confirm=False), "R207"),
    ("clerk-cancels", people(cancel_at="agreement"), "R207"),
    ("data-refused", people(refuse_at="document", refuse="R102 will-not-hand-over"), "R102"),
    ("forged", people(refuse_at="portrait", refuse="R109 altered-print"), "R109"),
    ("another-persons", people(refuse_at="portrait", refuse="R204 another-person"), "R204"),
    ("finished-card", lambda s: s.device("sim_card", "insert", card="personalised"), "R702"),
    ("unknown-card-model", lambda s: s.device("sim_card", "insert", card="unknown"), "R703"),
    ("blank-not-in-pool", lambda s: s.device("sim_card", "insert", card="blank-usim", iccid="8986011999999999999"), "R703"),
    ("operator-refuses", lambda s: s.device("backend", "refuse", code="R404"), "R404"),
    ("record-refused", lambda s: s.device("backend", "refuse", code="R802"), "R802"),
    ("operator-hangs-up", fault("backend", at="approve", do="hangup", times=0), "R801"),
    ("operator-unavailable", fault("backend", at="approve", do="status", status=503, times=0), "R801"),
    ("operator-talks-garbage", fault("backend", at="approve", do="garbage", times=0), "R801"),
    ("approval-badly-signed", bad_approval("bad_signature"), "R704"),
    ("approval-of-unknown-key", bad_approval("foreign_key"), "R704"),
    ("approval-of-wrong-type", bad_approval("wrong_typ"), "R704"),
    ("approval-of-another-record", bad_approval("wrong_record"), "R704"),
    ("approval-expired", bad_approval("expired"), "R705"),
    ("approval-not-yet-valid", bad_approval("not_yet"), "R705"),
    ("approval-for-another-terminal", bad_approval("wrong_terminal"), "R707"),
    ("approval-for-another-card", bad_approval("wrong_card"), "R707"),
    ("approval-with-another-nonce", bad_approval("wrong_nonce"), "R707"),
    ("approval-for-another-session", bad_approval("wrong_session"), "R707"),
    ("approval-with-another-profile", bad_approval("other_profile"), "R707"),
]

PATIENT = {"nobody-answers", "no-document", "camera-silent", "never-confirmed"}
"""Cases in which the terminal waits out its patience with a person or a device."""


@pytest.mark.clause("O25-06a", "O25-10", "TB-13", "N182-1", "XT-CT21", "XJU-3", "JX-33", "JX-37/42", "JX-38", "XT-PI13,17,19")
@pytest.mark.clause("T-1", "T-8", "XT-2018", "S1-AGENT", "XT-AF30")
@pytest.mark.parametrize(
    ("prepare", "code"),
    [pytest.param(*case[1:], id=case[0], marks=[pytest.mark.slow] if case[0] in PATIENT else []) for case in BEFORE_WRITE],
)
def test_refusal_before_the_write_leaves_the_card_untouched(station: Station, prepare: Callable[[Station], object], code: str) -> None:
    screen = station.start()
    screen.ready()
    prepare(station)
    paper = len(station.device("printer", "receipts")["receipts"])
    station.device("desk", "start")
    result = screen.result()
    [slip] = station.device("printer", "receipts")["receipts"][paper:]
    assert [line for line in slip if line.startswith("代码 Code: ")] == [f"代码 Code: {code}"]
    assert {"投诉电话 Complaints: 10086", "终端 Terminal: RNT-000001"} <= set(slip)
    view = screen.last("view", state="closed")
    assert (result["outcome"], view["code"]) == (code, code)
    assert OUTCOMES[code].remedy_en in view["sentence"]["en"]
    assert OUTCOMES[code].remedy_zh in view["sentence"]["zh"]
    assert station.device("sim_card", "state")["updates"] == 0
    station.clear()
    assert_clean_end(station, result)


DURING_WRITE = [
    ("memory-problem", {"at": "update#3", "do": "sw", "sw": "6581"}, "R708"),
    ("access-denied", {"at": "update#1", "do": "sw", "sw": "6982"}, "R708"),
    ("card-pulled", {"at": "update#4", "do": "remove", "when": "before"}, "R711"),
    ("update-lost", {"at": "update#2", "do": "sw", "sw": "9000"}, "R709"),
]


@pytest.mark.clause("T-12")
@pytest.mark.parametrize(("plan", "code"), [case[1:] for case in DURING_WRITE], ids=[case[0] for case in DURING_WRITE])
def test_failure_in_the_write_voids_the_card(station: Station, plan: dict[str, object], code: str) -> None:
    screen = station.start()
    screen.ready()
    station.fault("sim_card", **plan)
    station.device("desk", "start")
    result = screen.result()
    assert result["outcome"] == code
    assert_clean_end(station, result)


@pytest.mark.clause("T-6", "DS-21")
def test_card_swapped_between_approval_and_write_is_not_written(station: Station) -> None:
    screen = station.start()
    screen.ready()
    station.fault("backend", at="approve", do="hold")
    station.device("desk", "start")
    assert station.device("backend", "wait_held", timeout=20)["held"]
    station.device("sim_card", "insert", card="blank-usim-2")
    station.device("backend", "release")
    result = screen.result()
    assert result["outcome"] == "R707"
    assert station.device("sim_card", "state")["updates"] == 0
    assert_clean_end(station, result)


def test_no_blank_card_is_r701(station: Station) -> None:
    station.device("sim_card", "remove")
    station.device("desk", "script", card=False)
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    result = screen.result()
    assert result["outcome"] == "R701"
    assert_clean_end(station, result)


@pytest.mark.clause("DS-23", "JX-44c")
def test_tamper_in_a_session_is_r506_and_stops_all_work(station: Station) -> None:
    station.device("desk", "script", silent_at="agreement")
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    screen.wait("view", prompt="agreement")
    try:
        station.device("controller", "tamper", open=True)
        result = screen.result()
        assert result["outcome"] == "R506"
        assert screen.wait("view", state="out_of_service")["code"] == "R506"
        assert_clean_end(station, result)
    finally:
        station.replace_controller()


def test_operator_back_after_an_outage_serves_the_next_customer(station: Station) -> None:
    screen = station.start()
    screen.ready()
    station.fault("backend", at="approve", do="hangup", times=0)
    station.device("desk", "start")
    refused = screen.result()
    assert refused["outcome"] == "R801"
    station.clear()
    screen.ready()
    station.device("desk", "start")
    assert screen.result()["outcome"] == "ACTIVE"
    assert_clean_end(station, refused)


def test_report_rejected_for_good_does_not_stop_the_next_customer(station: Station) -> None:
    """The second customer comes as far as a written card (R710), not R801; the next start delivers what was rejected."""
    screen = station.start()
    screen.ready()
    station.fault("backend", at="approve", do="bad_approval", variant="wrong_card")
    station.fault("backend", at="result", do="status", status=409, times=0)
    station.device("desk", "start")
    refused = screen.result()
    assert refused["outcome"] == "R707"
    screen.ready()
    station.fresh_card()
    station.device("desk", "start")
    assert screen.result()["outcome"] == "R710"
    station.stop()
    station.clear()
    station.start().ready()
    assert_clean_end(station, refused)
