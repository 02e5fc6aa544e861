# SPDX-License-Identifier: Apache-2.0
"""The operator computes itself how sure each identity is: what a record claims beyond what it holds is not believed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from firmware.core import documents
from simulators.backend import assurance
from tests.contract.backend.operator_messages import COMPARED, Operator, Unit, party, person

STAFF = [["attested", True], ["second-person", True]]
PRINTED = [["number", True], ["attested", True]]
CHECKS = ("face-match", "liveness", "number", "attested", "second-person", "passive-authentication")
DOCUMENTS = ("D01", "D02", "D08", "D09", "D10", "U01")


def asked(unit: Unit, fields: dict[int, str | bytes] | None = None, **changes: Any) -> str:
    status, answer = unit.submit(unit.request(unit.operator.blank(), fields, **changes))
    assert status == 200
    return str(answer.get("code", answer["outcome"]))


@pytest.mark.parametrize(
    ("document", "source", "checks", "level"),
    [
        ("D01", "chip", COMPARED, 4),
        ("D10", "chip", COMPARED, 4),
        ("D01", "chip", STAFF, 3),
        ("D09", "chip", [["passive-authentication", True], *COMPARED], 3),
        ("D09", "mrz", [*PRINTED, *COMPARED], 2),
        ("D09", "mrz", PRINTED, 1),
        ("D02", "image", [["attested", True], *COMPARED], 1),
        ("D03", "image", STAFF, 1),
    ],
)
def test_a_record_that_claims_what_it_amounts_to_is_believed_and_no_other_number(
    unit: Unit, document: str, source: str, checks: list[Any], level: int
) -> None:
    held: dict[str, Any] = {"c258": document, "c259": source, "c261": checks, "c274": [93, True] if COMPARED[0] in checks else None}
    for stated in range(5):
        assert asked(unit, c276=stated, **held) == ("approved" if stated == level else "R802")


@pytest.mark.clause("TB-08", "O25-06b")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "approved"),
        ({"c6": 3}, "R802"),
        ({"c4": STAFF, "c5": None}, "R802"),
        ({"c4": STAFF, "c5": None, "c6": 3}, "approved"),
        ({"c5": None}, "R802"),
        ({"c5": [79, True]}, "R201"),
        ({"c3": "image", "c6": 0}, "R115"),
        ({"c2": "D09", "c3": "image", "c4": [["number", True]], "c5": None, "c6": 0}, "R207"),
    ],
)
def test_another_party_is_believed_as_little_as_the_subscriber(unit: Unit, changes: dict[str, Any], code: str) -> None:
    claim, fields = party("proxy", **changes)
    assert asked(unit, {**person(), **fields}, c277=[claim], c278=["P"]) == code


@pytest.mark.clause("TB-08", "O25-09", "UC-6")
@pytest.mark.parametrize("field", [101, 102, 103, 107, 120, 121])
def test_another_partys_capture_is_as_complete_as_the_subscribers(unit: Unit, field: int) -> None:
    claim, fields = party("proxy")
    del fields[field]
    assert asked(unit, {**person(), **fields}, c277=[claim], c278=["P"]) == "R802"


def test_fields_of_nobody_are_no_record(unit: Unit) -> None:
    _, fields = party("proxy")
    assert asked(unit, {**person(), **fields}) == "R802"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"c274": None}, "R802"),
        ({"c278": ["V"]}, "R802"),
        ({"c278": ["V"], "c261": STAFF, "c274": None, "c276": 3}, "approved"),
        ({"c258": "D09", "c259": "mrz", "c261": [["number", True]], "c274": None, "c276": 0}, "R207"),
        ({"c258": "D08", "c259": "ocr", "c276": 2, "c261": [*PRINTED, *COMPARED]}, "R115"),
    ],
)
def test_a_comparison_without_a_face_is_none(unit: Unit, changes: dict[str, Any], code: str) -> None:
    assert asked(unit, **changes) == code


def test_the_operator_says_how_like_faces_must_be(operator: Operator, unit: Unit) -> None:
    assert asked(unit, c274=[90, True]) == "approved"
    operator.control("rules", face_score=95)
    assert asked(unit, c274=[90, True]) == "R201"
    operator.control("rules", face_score=80)


def test_terminal_and_operator_read_the_message_text_alike() -> None:
    for document, source in itertools.product(DOCUMENTS, ("chip", "mrz", "ocr", "image")):
        for made in itertools.product((None, True, False), repeat=len(CHECKS)):
            checks = [(name, passed) for name, passed in zip(CHECKS, made, strict=True) if passed is not None]
            assert assurance.level(document, source, checks) == documents.level(document, source, (*checks, ("online", True)))
