# SPDX-License-Identifier: Apache-2.0
"""Every document of the law, kind by kind: where it opens a number, and what a plan with it asks beside the usual."""

from __future__ import annotations

import pytest

from firmware import packs
from firmware.core.errors import PolicyRefused
from firmware.core.policy import Level, Plan, resolve

PERSONAL = ("D01", "D02", "D03", "D04", "D05", "D06", "D07", "D08", "D09", "D10", "D11")
CHIPS = {"D01", "D08", "D10"}
UNITS = ("U01", "U02", "U03", "U04", "U05", "U06")


def plan(kind: str, document: str, level: Level = Level.OWN_HALL) -> Plan:
    return resolve(kind, document, packs.floor(), level=level)


@pytest.mark.clause("TB-07", "O25-07", "DOC-2")
@pytest.mark.parametrize("document", PERSONAL)
def test_every_personal_document_of_the_list_opens_a_number_in_an_own_hall(document: str) -> None:
    made = plan("T01", document)
    assert made.parties == ("subscriber", "operator")
    assert ("chip-data" in made.evidence) is (document in CHIPS)
    assert {"document-image", "watermark"} <= set(made.evidence) or document in CHIPS


@pytest.mark.clause("TB-07", "O25-07", "XT-AF33")
@pytest.mark.parametrize("document", ["D12", "D13"])
def test_document_no_list_names_and_the_network_identity_open_no_number(document: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        plan("T01", document)
    assert refused.value.code == "R103"


@pytest.mark.clause("XT-AF33")
def test_network_identity_is_taken_for_a_re_verification_only() -> None:
    taken = []
    for kind in (f"T{number:02}" for number in range(1, 18)):
        try:
            plan(kind, "D13")
        except PolicyRefused:
            continue
        taken.append(kind)
    assert taken == ["T06"]


@pytest.mark.clause("O25-08a", "DOC-4", "DOC-6")
@pytest.mark.parametrize("document", UNITS)
def test_every_document_of_a_unit_opens_a_number_with_all_papers_and_both_people(document: str) -> None:
    made = plan("T09", document)
    assert {"handler", "responsible"} <= set(made.parties)
    assert made.papers == ("U-A", "U-B", "U-C", "U-D", "U-E", "U-F")
    assert ("issuer-level" in made.checks) is (document == "U05")


@pytest.mark.clause("O25-08a")
@pytest.mark.parametrize("document", ["U01", "U05"])
def test_document_of_a_unit_opens_no_number_of_a_person(document: str) -> None:
    with pytest.raises(PolicyRefused):
        plan("T01", document)


@pytest.mark.clause("CT-1")
@pytest.mark.parametrize("kind", ["T01", "T02", "T03", "T07"])
def test_owner_is_photographed_for_new_numbers_transfers_replacements_and_queries(kind: str) -> None:
    made = plan(kind, "D01")
    assert "portrait" in made.steps
    assert {"live-photo-commitment", "face-score"} <= set(made.evidence)


@pytest.mark.clause("O25-19")
def test_supplementary_registration_signs_and_buys_nothing() -> None:
    made = plan("T04", "D01")
    assert {"agreement", "commercial", "card"}.isdisjoint(made.steps)
    assert {"agreement-digest", "refund-account"}.isdisjoint(made.evidence)
    assert "restore-free" in made.evidence
