# SPDX-License-Identifier: Apache-2.0
"""Business that writes no card, through the real stacks: what is asked, what the record says, and that nothing is ever written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.truth import assert_clean_end
from tests.system.plans.serving import begun, record, serve

if TYPE_CHECKING:
    from tests.support.station import Station

CLOSING = ("record", "approval", "report", "receipt", "erase")
CAPTURE = ("notice", "document", "check", "portrait")
RECORDED: dict[str, tuple[str, ...]] = {
    "T05": (*CAPTURE, "confirm"),
    "T07": (*CAPTURE, "request"),
    "T08": (*CAPTURE, "confirm"),
    "T10": (*CAPTURE, "handler/document", "handler/check", "handler/portrait", "group-consent", "confirm"),
    "T13": (*CAPTURE, "agreement", "confirm"),
}
"""Kind → the steps of its capture: one for each variety."""


@pytest.mark.clause("XJ-0", "XJU-1", "XT-2021")
@pytest.mark.parametrize("kind", RECORDED)
def test_business_without_a_card_ends_well_and_writes_nothing(station: Station, kind: str) -> None:
    screen = station.start()
    screen.ready()
    result = serve(station, screen, kind)
    assert result["outcome"] == "ACTIVE"
    assert begun(screen) == (*RECORDED[kind], *CLOSING)
    assert (result["iccid"], result["apdus"]) == ("", 0)
    assert station.device("sim_card", "state")["updates"] == 0
    claims = record(station, result)
    assert (claims[257], claims[258], claims[259], claims[276], claims[279]) == (kind, "D01", "chip", 4, 1)
    assert not {264, 275} & claims.keys()
    assert 9 in claims[260]
    assert [party[1] for party in claims[277]] == (["handler"] if kind == "T10" else [])
    operator = station.operator()
    activation = next(row for row in operator["activations"] if row["session"] == result["session"])
    assert (activation["record"], activation["approval_id"]) == (result["record_digest"], result["approval_id"])
    assert [row["outcome"] for row in operator["results"] if row["session"] == result["session"]] == ["accepted"]
    assert_clean_end(station, result, written=False)


@pytest.mark.slow
@pytest.mark.clause("XT-AF10")
def test_own_numbers_are_printed_masked_and_a_dispute_locks_the_number(station: Station) -> None:
    screen = station.start()
    screen.ready()
    first = serve(station, screen, "T01")
    (number,) = [row["msisdn"] for row in station.operator()["numbers"] if row["session"] == first["session"]]
    station.device("desk", "script", about="dispute")
    result = serve(station, screen, "T07", line=number)
    assert result["outcome"] == "ACTIVE"
    receipt = station.device("printer", "receipts")["receipts"][-1]
    assert any(line.startswith("名下号码 Numbers in your name:") for line in receipt)
    assert f"{number[:5]}****{number[-4:]}" in receipt
    assert not any(number in line for line in receipt)
    assert [row["about"] for row in station.device("backend", "petitions")["petitions"] if row["subject"] == number] == ["dispute"]
    station.device("desk", "script", reset=True)
    assert serve(station, screen, "T05", line=number)["outcome"] == "R408"
    station.device("backend", "lock", msisdn=number)


@pytest.mark.clause("CM-4", "CM-5")
@pytest.mark.parametrize(
    ("kind", "document", "script", "fields", "evidence"),
    [("T04", "D01", {"old_card": "personalised"}, {30}, set()), ("T06", "D13", {}, {10}, {"network-token"})],
)
def test_card_in_use_and_network_identity_stand_in_the_record_beside_the_chip(
    station: Station, kind: str, document: str, script: dict[str, str], fields: set[int], evidence: set[str]
) -> None:
    station.device("desk", "script", **script)
    screen = station.start()
    screen.ready()
    result = serve(station, screen, kind, document=document)
    assert result["outcome"] == "ACTIVE", begun(screen)
    claims = record(station, result)
    assert (claims[258], claims[259], claims[276]) == ("D01", "chip", 4)
    assert fields <= claims[260].keys()
    assert evidence == dict(claims[280]).keys()
    assert_clean_end(station, result, written=False)


@pytest.mark.clause("JX-39", "SMS-16")
@pytest.mark.parametrize("commercial", [False, True])
def test_refusing_commercial_messages_is_never_a_reason_and_agreeing_is_in_the_record(station: Station, commercial: bool) -> None:  # noqa: FBT001  # a parameter
    station.device("desk", "script", commercial=commercial, old_card="personalised")
    screen = station.start()
    screen.ready()
    result = serve(station, screen, "T14")
    assert result["outcome"] == "ACTIVE"
    claims = record(station, result)
    assert 258 not in claims  # nobody's document is asked for: the card in use proves the number
    assert (30 in claims[260], "C-5" in dict(claims[262]), claims[276]) == (True, commercial, 0)
    assert "consent-object" in dict(claims[280])
    assert_clean_end(station, result, written=False)
