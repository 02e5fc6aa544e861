# SPDX-License-Identifier: Apache-2.0
"""What the operator does with results: numbers become active once, reservations are released, wrong results are refused."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.backend.operator_messages import Operator, Request, Unit, b64, digest, dumps, person, sign1, unb64, verify1


def approved(unit: Unit, iccid: str, fields: dict[int, str | bytes] | None = None) -> tuple[Request, bytes, list[Any]]:
    """Return request, approval id and the read-back of a card written as approved."""
    request = unit.request(iccid, fields)
    _, answer = unit.submit(request)
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    return request, approval[7], [iccid, digest(unit.open_profile(request, answer))]


def test_a_written_card_becomes_active_and_the_approval_is_spent(operator: Operator, unit: Unit) -> None:
    iccid = operator.blank()
    request, approval_id, read_back = approved(unit, iccid)
    result = unit.result(request, "written", approval_id=approval_id, read_back=read_back)
    status, answer = unit.report(request.session, result)
    assert status == 200
    ack = unit.ack(result, answer)
    assert ack[257] == "active"
    assert (ack[7], set(ack)) == (request.session, {1, 6, 7, 256, 257})
    assert operator.rows("numbers", request.session)[0]["state"] == "active"
    assert operator.blank_state(iccid) == "used"
    assert operator.rows("spent", request.session)[0]["approval_id"] == approval_id.hex()


def test_a_result_sent_again_is_acknowledged_again_and_counts_once(operator: Operator, unit: Unit) -> None:
    request, approval_id, read_back = approved(unit, operator.blank())
    for _ in range(3):
        result = unit.result(request, "written", approval_id=approval_id, read_back=read_back)
        _, answer = unit.report(request.session, result)
        assert unit.ack(result, answer)[257] == "active"
    assert len(operator.rows("spent", request.session)) == 1


@pytest.mark.parametrize(("verdict", "card"), [("cancelled", "blank"), ("voided", "scrapped")])
@pytest.mark.parametrize("bound", [True, False])
def test_a_card_that_was_not_sold_releases_number_card_and_quota(
    operator: Operator, unit: Unit, verdict: str, card: str, *, bound: bool
) -> None:
    iccid, fields = operator.blank(), person()
    operator.control("quota", number=fields[2], held=4)
    request, approval_id, _ = approved(unit, iccid, fields)
    result = unit.result(request, verdict, approval_id=approval_id if bound else b"")
    _, answer = unit.report(request.session, result)
    assert unit.ack(result, answer)[257] == "released"
    assert operator.rows("numbers", request.session)[0]["state"] == "released"
    assert operator.blank_state(iccid) == card
    assert operator.rows("releases", request.session)[0]["outcome"] == verdict
    assert approved(unit, operator.blank(), fields)


def test_a_read_back_that_is_not_the_profile_is_not_activated(operator: Operator, unit: Unit) -> None:
    iccid = operator.blank()
    request, approval_id, _ = approved(unit, iccid)
    result = unit.result(request, "written", approval_id=approval_id, read_back=[iccid, bytes(32)])
    _, answer = unit.report(request.session, result)
    assert unit.ack(result, answer)[257] == "failed"
    assert operator.rows("numbers", request.session)[0]["state"] == "released"
    assert operator.blank_state(iccid) == "scrapped"


@pytest.mark.parametrize("verdict", ["cancelled", "voided"])
def test_an_unknown_session_may_be_given_up(operator: Operator, unit: Unit, verdict: str) -> None:
    request = unit.request(operator.blank())
    result = unit.result(request, verdict)
    _, answer = unit.report(request.session, result)
    assert unit.ack(result, answer)[257] == "released"
    assert unit.http("GET", f"/v1/activations/{request.session.hex()}")[0] == 404


def test_a_refused_session_may_be_given_up(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank(), c259="ocr")
    unit.submit(request)
    result = unit.result(request, "cancelled")
    assert unit.ack(result, unit.report(request.session, result)[1])[257] == "released"


def test_a_session_cannot_be_written_after_it_was_cancelled(operator: Operator, unit: Unit) -> None:
    iccid = operator.blank()
    request, approval_id, read_back = approved(unit, iccid)
    unit.report(request.session, unit.result(request, "cancelled", approval_id=approval_id))
    status, answer = unit.report(request.session, unit.result(request, "written", approval_id=approval_id, read_back=read_back))
    assert (status, answer["code"]) == (409, "INCOMPATIBLE_STATE")
    assert operator.blank_state(iccid) == "blank"


@pytest.mark.clause("CM-1")
def test_written_without_an_approval_is_refused(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    result = unit.result(request, "written", approval_id=os.urandom(16), read_back=["1", bytes(32)])
    assert unit.report(request.session, result)[0] == 422


@pytest.mark.parametrize(
    "changes",
    [
        {"c1": "RNT-X"},
        {"c7": bytes(16)},
        {"c256": 2},
        {"c257": "sold"},
        {"c258": "R711"},
        {"c259": bytes(16)},
        {"c260": bytes(32)},
        {"c299": 1},
    ],
)
def test_a_result_bound_to_something_else_is_refused(operator: Operator, unit: Unit, changes: dict[str, Any]) -> None:
    request, approval_id, read_back = approved(unit, operator.blank())
    status, answer = unit.report(request.session, unit.result(request, "written", approval_id=approval_id, read_back=read_back, **changes))
    assert (status, answer["code"]) == (422, "RESULT_REJECTED")
    assert operator.rows("numbers", request.session)[0]["state"] == "reserved"


@pytest.mark.parametrize("how", ["tls-key", "other-key", "typ", "aad", "no-read-back"])
def test_a_result_that_is_not_authentic_is_refused(operator: Operator, unit: Unit, how: str) -> None:
    request, approval_id, read_back = approved(unit, operator.blank())
    claims: dict[int, Any] = {1: unit.serial, 6: 1, 7: request.session, 256: 1, 257: "written", 258: ""}
    claims |= {259: approval_id, 260: digest(request.record), 261: read_back}
    if how == "no-read-back":
        del claims[261]
    key = {"tls-key": unit.tls_key, "other-key": ec.generate_private_key(ec.SECP256R1())}.get(how, unit.record_key)
    typ, aad = "rnt-record" if how == "typ" else "rnt-result", b"other" if how == "aad" else approval_id
    status, answer = unit.report(request.session, sign1(dumps(claims), key, typ, aad))
    assert (status, answer["code"]) == (422, "RESULT_REJECTED")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b'{"result":1}',
        b'{"result":""}',
        b'{"result":"="}',
        b'{"result":"AA","x":"y"}',
        b'{"result":"AA","result":"AA"}',
    ],
)
def test_a_body_the_api_does_not_allow_is_the_callers_error(unit: Unit, body: bytes) -> None:
    status, answer = unit.http("POST", f"/v1/activations/{bytes(16).hex()}/result", body)
    assert (status, answer["status"], answer["code"]) == (400, 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("key", ["", "x", "A" * 32, "0" * 31, "0" * 33])
def test_a_key_that_is_no_session_is_the_callers_error(unit: Unit, key: str) -> None:
    assert unit.http("POST", f"/v1/activations/{key}/result", {"result": b64(b"x")})[0] == 400
