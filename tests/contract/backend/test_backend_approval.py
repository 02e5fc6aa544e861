# SPDX-License-Identifier: Apache-2.0
"""The operator's decisions, asked with messages made from the message text alone."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.backend.operator_messages import (
    Operator,
    Request,
    Unit,
    citizen_number,
    digest,
    dumps,
    person,
    sign1,
    unb64,
    verify1,
)

if TYPE_CHECKING:
    from pathlib import Path


def outcome(answer: tuple[int, dict[str, Any]]) -> str:
    status, body = answer
    assert status == 200, body
    return str(body.get("code", body["outcome"]))


def test_a_good_record_is_approved_and_bound_to_it(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    status, answer = unit.submit(request)
    assert (status, answer["outcome"]) == (200, "approved")
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    plain = unit.open_profile(request, answer)
    assert set(approval) == {1, 4, 5, 6, 7, 10, 256, 257, 258, 259, 260, 261, 262, 263, 264}
    assert approval[10] == request.claims[10]
    assert (approval[257], approval[258], approval[259]) == ("approved", unit.serial, request.session)
    assert approval[260] == request.claims[264]
    assert (approval[261], approval[262]) == (digest(plain), digest(unb64(answer["profile"])))
    assert approval[5] <= time.time() < approval[4]
    profile = cbor2.loads(plain)
    assert set(profile) == set(range(1, 11))
    assert profile[1] == request.claims[264][1]
    assert profile[2].startswith("46000")
    assert len(profile[2]) == 15
    assert len(profile[10][1]) == 8
    assert operator.rows("numbers", request.session)[0]["msisdn"] == profile[3]


@pytest.mark.clause("TB-11")
@pytest.mark.parametrize(
    ("code", "fields", "changes"),
    [
        ("R115", {}, {"c259": "ocr"}),
        ("R111", {2: citizen_number()[:17] + ("0" if citizen_number()[17] != "0" else "1"), 4: "19900307"}, {}),
        ("R111", {4: "19900308", 2: citizen_number()}, {}),
        ("R105", {7: "20200101"}, {}),
        ("R106", {6: "20990101"}, {}),
        ("R601", {}, {"c262": []}),
        ("R202", {}, {"c274": [93, False]}),
        ("R201", {}, {"c274": [79, True]}),
        ("R207", {}, {"c261": [["validity", False]], "c274": None, "c276": 0}),
        ("approved", {7: "long-term"}, {}),
    ],
)
def test_what_the_operator_judges_gets_its_code(
    operator: Operator, unit: Unit, code: str, fields: dict[int, str | bytes], changes: dict[str, Any]
) -> None:
    assert outcome(unit.submit(unit.request(operator.blank(), person() | fields, **changes))) == code


@pytest.mark.clause("TB-03", "UC-4", "O25-09")
@pytest.mark.parametrize("field", [1, 2, 3, 4, 5, 6, 7, 20, 21])
def test_a_mandatory_item_that_is_missing_is_refused(operator: Operator, unit: Unit, field: int) -> None:
    values = person()
    del values[field]
    assert outcome(unit.submit(unit.request(operator.blank(), values))) == "R802"


@pytest.mark.parametrize("damage", ["value", "salt", "double", "field", "none", "not-cbor"])
def test_items_that_do_not_match_their_digests_are_refused(operator: Operator, unit: Unit, damage: str) -> None:
    claims, items = unit.claims(operator.blank())
    changed: dict[str, list[Any]] = {
        "value": [[items[0][0], 1, "测试乙"], *items[1:]],
        "salt": [[os.urandom(32), *items[0][1:]], *items[1:]],
        "double": [*items, items[0]],
        "field": [[items[0][0], 8, items[0][2]], *items[1:]],
        "none": [],
        "not-cbor": [["x"]],
    }
    sealed = unit.sealed(claims[7], changed[damage])
    assert outcome(unit.submit(Request(claims[7], unit.signed(claims), sealed, claims))) == "R802"


def test_items_sealed_for_another_session_are_refused(operator: Operator, unit: Unit) -> None:
    claims, items = unit.claims(operator.blank())
    sealed = unit.sealed(os.urandom(16), items)
    assert outcome(unit.submit(Request(claims[7], unit.signed(claims), sealed, claims))) == "R802"


@pytest.mark.clause("T-9")
def test_a_card_outside_the_pool_is_refused(unit: Unit) -> None:
    assert outcome(unit.submit(unit.request("89860000000000000000"))) == "R703"


def test_a_card_that_is_reserved_or_used_is_refused(operator: Operator, unit: Unit) -> None:
    iccid = operator.blank()
    assert outcome(unit.submit(unit.request(iccid))) == "approved"
    assert outcome(unit.submit(unit.request(iccid))) == "R702"


@pytest.mark.clause("N6")
def test_the_sixth_number_of_a_person_is_refused(operator: Operator, unit: Unit) -> None:
    fields = person()
    operator.control("quota", number=fields[2], held=4)
    assert outcome(unit.submit(unit.request(operator.blank(), fields))) == "approved"
    iccid = operator.blank()
    assert outcome(unit.submit(unit.request(iccid, fields))) == "R401"
    assert operator.blank_state(iccid) == "blank"


def test_an_ordered_refusal_comes_once(operator: Operator, unit: Unit) -> None:
    operator.control("refuse", code="R404")
    assert outcome(unit.submit(unit.request(operator.blank()))) == "R404"
    assert outcome(unit.submit(unit.request(operator.blank()))) == "approved"


@pytest.mark.clause("DS-20", "AH-01")
def test_a_revoked_unit_is_refused(operator: Operator, unit: Unit) -> None:
    operator.control("revoke", serial=unit.serial)
    assert outcome(unit.submit(unit.request(operator.blank()))) == "R505"


@pytest.mark.clause("DS-20", "T-2", "XJU-8/9", "GA-02")
def test_a_nonce_is_good_once(operator: Operator, unit: Unit) -> None:
    first = unit.request(operator.blank())
    unit.submit(first)
    assert outcome(unit.submit(unit.request(operator.blank(), c10=first.claims[10]))) == "R802"


@pytest.mark.clause("DS-20", "AH-04")
@pytest.mark.parametrize(
    "changes",
    [
        {"c1": "RNT-OTHER"},
        {"c256": 2},
        {"c257": 1},
        {"c259": "typed"},
        {"c260": {99: bytes(32)}},
        {"c260": {700: bytes(32)}},
        {"c264": {1: "8986", 2: b""}},
        {"c266": "token"},
        {"c271": 0},
        {"c271": 7},
        {"c272": bytes(range(32))},
        {"c274": [101, True]},
        {"c275": bytes(31)},
        {"c299": True},
    ],
)
def test_a_record_of_another_shape_unit_or_place_in_the_chain_is_refused(operator: Operator, unit: Unit, changes: dict[str, Any]) -> None:
    good = (unit.sequence, unit.last)
    request = unit.request(operator.blank(), **changes)
    assert outcome(unit.submit(request)) == "R802"
    assert unit.http("GET", f"/v1/activations/{request.session.hex()}")[0] == 404
    unit.sequence, unit.last = good
    assert outcome(unit.submit(unit.request(operator.blank()))) == "approved"


def forged(unit: Unit, claims: dict[int, Any], how: str) -> bytes:
    """A record that is not a good signature of this unit's record key over this text."""
    payload, key = dumps(claims), unit.record_key
    good = sign1(payload, key, "rnt-record")
    tag = cbor2.loads(good)
    return {
        "tls-key": lambda: sign1(payload, unit.tls_key, "rnt-record"),
        "tls-key-record-kid": lambda: sign1(payload, unit.tls_key, "rnt-record", kid=cbor2.loads(tag.value[0])[4]),
        "other-key": lambda: sign1(payload, ec.generate_private_key(ec.SECP256R1()), "rnt-record"),
        "aad": lambda: sign1(payload, key, "rnt-record", b"x"),
        "rnt-approval": lambda: sign1(payload, key, "rnt-approval"),
        "rnt-result": lambda: sign1(payload, key, "rnt-result"),
        "rnt-ack": lambda: sign1(payload, key, "rnt-ack"),
        "float": lambda: sign1(cbor2.dumps({**claims, 6: 1.5}, canonical=True), key, "rnt-record"),
        "unsorted": lambda: sign1(cbor2.dumps(dict(reversed(claims.items()))), key, "rnt-record"),
        "trailing-payload": lambda: sign1(payload + b"\x00", key, "rnt-record"),
        "unprotected": lambda: dumps_tag([tag.value[0], {4: b"x"}, *tag.value[2:]]),
        "untagged": lambda: cbor2.dumps(tag.value),
        "trailing": lambda: good + b"\x00",
        "truncated": lambda: good[:-1],
        "signature": lambda: good[:-1] + bytes([good[-1] ^ 1]),
        "payload": lambda: dumps_tag([*tag.value[:2], dumps({**claims, 6: claims[6] + 1}), tag.value[3]]),
        "short-signature": lambda: dumps_tag([*tag.value[:3], tag.value[3][:63]]),
    }[how]()


def dumps_tag(value: list[Any]) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(18, value), canonical=True)


@pytest.mark.clause("DS-20")
@pytest.mark.parametrize(
    "how",
    [
        "tls-key",
        "tls-key-record-kid",
        "other-key",
        "aad",
        "rnt-approval",
        "rnt-result",
        "rnt-ack",
        "float",
        "unsorted",
        "trailing-payload",
        "unprotected",
        "untagged",
        "trailing",
        "truncated",
        "signature",
        "payload",
        "short-signature",
    ],
)
def test_a_record_that_is_not_authentic_is_refused(operator: Operator, unit: Unit, how: str) -> None:
    claims, items = unit.claims(operator.blank())
    request = Request(claims[7], forged(unit, claims, how), unit.sealed(claims[7], items), claims)
    assert outcome(unit.submit(request)) == "R802"
    assert not operator.rows("activations", claims[7])


def test_a_record_of_another_unit_is_refused(operator: Operator, unit: Unit, tmp_path: Path) -> None:
    other = Unit.enrolled(operator, tmp_path / "other", "RNT-" + os.urandom(4).hex())
    assert outcome(unit.submit(other.request(operator.blank()))) == "R802"


def test_a_gap_in_the_chain_closes_with_the_units_own_cancellation(operator: Operator, unit: Unit) -> None:
    lost, refused = unit.request(operator.blank()), unit.request(operator.blank())
    assert outcome(unit.submit(refused)) == "R802"
    assert operator.control("state")["chain_breaks"][-1]["record"] == digest(refused.record).hex()
    assert unit.report(refused.session, unit.result(refused, "cancelled"))[0] == 200
    assert outcome(unit.submit(unit.request(operator.blank()))) == "approved"
    assert outcome(unit.submit(lost)) == "R802"


def test_a_record_that_never_arrived_is_cancelled_and_the_chain_goes_on(operator: Operator, unit: Unit) -> None:
    lost = unit.request(operator.blank())
    status, _ = unit.report(lost.session, unit.result(lost, "cancelled"))
    assert status == 200
    assert outcome(unit.submit(unit.request(operator.blank()))) == "approved"
    assert unit.submit(lost)[0] == 409
