# SPDX-License-Identifier: Apache-2.0
"""The terminal's client against the operator's process: every fault ends in the one declared error, and none is repeated unasked."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from firmware.backend import (
    Approved,
    BackendAnswerInvalid,
    BackendClient,
    BackendRefusedRequest,
    BackendUnreachable,
    Refused,
    Why,
)
from hal.deadline import Deadline
from tests.contract.backend.operator_messages import Operator, Unit, digest, enrolment_body, unb64, vaulted, verify1

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client(operator: Operator, unit: Unit) -> Iterator[BackendClient]:
    with BackendClient(operator.url, operator.ca, unit.certificate, unit.key, 10) as connected:
        yield connected


def handshakes(operator: Operator) -> int:
    return int(operator.control("drop_connections")["accepted"])


def test_an_approval_and_its_profile_arrive_as_bytes(operator: Operator, unit: Unit, client: BackendClient) -> None:
    request = unit.request(operator.blank())
    answer = client.submit(request.session, request.record, request.items)
    assert isinstance(answer, Approved)
    approval = verify1(answer.approval, unit.approval_spki, "rnt-approval", digest(request.record))
    assert approval[262] == digest(answer.profile)
    assert client.status(request.session) == answer


def test_a_refusal_arrives_as_its_code(operator: Operator, unit: Unit, client: BackendClient) -> None:
    request = unit.request(operator.blank(), c259="ocr")
    assert client.submit(request.session, request.record, request.items) == Refused("R115")


def test_an_unknown_session_has_no_status(client: BackendClient) -> None:
    assert client.status(bytes(16)) is None


def test_a_report_returns_the_signed_acknowledgement(operator: Operator, unit: Unit, client: BackendClient) -> None:
    request = unit.request(operator.blank())
    result = unit.result(request, "cancelled")
    message = client.report(request.session, result)
    assert verify1(message, unit.approval_spki, "rnt-ack", digest(result))[257] == "released"


def test_a_picture_is_confirmed_under_its_own_digest_or_not_at_all(operator: Operator, unit: Unit, client: BackendClient) -> None:
    request, paper = unit.request(operator.blank(), c280=[["P-A", digest(b"a paper")]]), b"a paper"
    client.submit(request.session, request.record, request.items)
    sealed = vaulted(unit, paper, b"rnt/evidence/1" + request.session)
    for _ in range(2):
        client.evidence(request.session, digest(paper), sealed)
    operator.fault("evidence", "garbage", text=f'{{"digest": "{digest(b"another").hex()}"}}')
    with pytest.raises(BackendAnswerInvalid):
        client.evidence(request.session, digest(paper), sealed)
    with pytest.raises(BackendRefusedRequest) as refused:
        client.evidence(request.session, digest(b"another"), sealed)
    assert (refused.value.status, refused.value.code, refused.value.retryable) == (422, "EVIDENCE_NOT_NAMED", False)


def test_time_and_heartbeat_tell_the_operators_clock(unit: Unit, client: BackendClient) -> None:
    before = int(time.time())
    assert before <= client.time() <= client.heartbeat(unit.serial) <= int(time.time())


def test_an_enrolment_needs_no_client_certificate(operator: Operator, unit: Unit) -> None:
    order = operator.control("work_order")["token"]
    body = enrolment_body("RNT-NEW", unit.record_key, unit.tls_key, order)
    with BackendClient(operator.url, operator.ca, None, None, 10) as anonymous:
        enrolled = anonymous.enrol(order, "RNT-NEW", unb64(body["record_csr"]), unb64(body["tls_csr"]))
        with pytest.raises(BackendRefusedRequest) as refused:
            anonymous.enrol("another", "RNT-NEW", unb64(body["record_csr"]), unb64(body["tls_csr"]))
    assert enrolled.ca == operator.ca.read_text()
    assert b"vault_key" in enrolled.trust_json
    assert (refused.value.status, refused.value.code, refused.value.retryable) == (401, "UNAUTHENTICATED", False)


def test_requests_share_one_connection_and_count_their_waiting(operator: Operator, client: BackendClient) -> None:
    start = handshakes(operator)
    for _ in range(5):
        client.time()
    assert client.waited_us > 0
    assert handshakes(operator) == start + 1


def test_a_connection_the_server_closed_is_replaced(operator: Operator, client: BackendClient) -> None:
    client.time()
    start = handshakes(operator)
    assert client.time() > 0
    assert handshakes(operator) == start + 1


def test_a_kept_connection_that_dies_silently_under_the_request_is_replaced_once(
    operator: Operator, unit: Unit, client: BackendClient
) -> None:
    client.time()
    operator.fault("approve", "hangup")
    request = unit.request(operator.blank())
    assert isinstance(client.submit(request.session, request.record, request.items), Approved)


def test_a_fresh_connection_that_is_closed_is_not_tried_again(operator: Operator, client: BackendClient) -> None:
    operator.fault("time", "hangup")
    with pytest.raises(BackendUnreachable) as lost:
        client.time()
    assert lost.value.why is Why.CLOSED
    assert client.time() > 0


def test_a_reply_lost_after_the_commit_is_found_by_its_key(operator: Operator, unit: Unit, client: BackendClient) -> None:
    operator.fault("approve", "hangup", after=True)
    request = unit.request(operator.blank())
    with pytest.raises(BackendUnreachable):
        client.submit(request.session, request.record, request.items)
    found = client.status(request.session)
    assert isinstance(found, Approved)
    assert client.submit(request.session, request.record, request.items) == found
    assert len(operator.rows("numbers", request.session)) == 1


def test_a_reply_lost_before_the_commit_is_not_found(operator: Operator, unit: Unit, client: BackendClient) -> None:
    operator.fault("approve", "hangup")
    request = unit.request(operator.blank())
    with pytest.raises(BackendUnreachable):
        client.submit(request.session, request.record, request.items)
    assert client.status(request.session) is None


def test_a_kept_connection_closed_after_the_commit_gets_the_stored_answer(operator: Operator, unit: Unit, client: BackendClient) -> None:
    client.time()
    operator.fault("approve", "hangup", after=True)
    request = unit.request(operator.blank())
    assert isinstance(client.submit(request.session, request.record, request.items), Approved)
    assert len(operator.rows("numbers", request.session)) == 1


def test_half_an_answer_is_no_answer_and_is_not_repeated(operator: Operator, client: BackendClient) -> None:
    client.time()
    operator.fault("time", "cut")
    with pytest.raises(BackendUnreachable) as lost:
        client.time()
    assert lost.value.why is Why.CLOSED


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("fault", [{"do": "drip", "ms": 20}, {"do": "delay", "ms": 3000}])
def test_a_slow_answer_ends_at_the_deadline(operator: Operator, client: BackendClient, fault: dict[str, str | int], *, kept: bool) -> None:
    if kept:
        client.time()
    operator.control("fault", fault={"at": "time", **fault})
    with pytest.raises(BackendUnreachable) as lost:
        client.time(deadline=Deadline.after(0.3))
    assert lost.value.why is Why.DEADLINE
    assert client.time() > 0


def test_a_held_answer_does_not_keep_a_second_caller_beyond_its_deadline(operator: Operator, client: BackendClient) -> None:
    operator.fault("time", "hold")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.time)
        assert operator.control("wait_held")["held"] == "time"
        with pytest.raises(BackendUnreachable) as lost:
            client.time(deadline=Deadline.after(0.1))
        operator.control("release")
        assert first.result(10) > 0
    assert lost.value.why is Why.DEADLINE


def test_a_passed_deadline_sends_nothing(client: BackendClient) -> None:
    with pytest.raises(BackendUnreachable) as lost:
        client.time(deadline=Deadline.after(-1))
    assert lost.value.why is Why.DEADLINE


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "null",
        "[]",
        "{}",
        '{"now":1.5}',
        '{"now":NaN}',
        '{"now":true}',
        '{"now":-1}',
        '{"now":1,"now":1}',
        '{"now":"1"}',
        '{"now":1}{"now":1}',
        '{"now":99999999999999999999}',
    ],
)
def test_an_answer_the_api_does_not_allow_is_invalid(operator: Operator, client: BackendClient, text: str | None) -> None:
    operator.fault("time", "garbage", **({} if text is None else {"text": text}))
    with pytest.raises(BackendAnswerInvalid):
        client.time()
    assert client.time() > 0


@pytest.mark.parametrize("size", [262_145, 1 << 20, 8 << 20])
def test_an_answer_without_end_is_not_read_to_its_end(operator: Operator, client: BackendClient, size: int) -> None:
    operator.fault("time", "oversized", bytes=size)
    with pytest.raises(BackendAnswerInvalid):
        client.time()
    assert client.time() > 0


def test_an_answer_sent_twice_is_never_taken_for_the_next_one(operator: Operator, unit: Unit, client: BackendClient) -> None:
    refused = unit.request(operator.blank(), c259="ocr")
    operator.fault("approve", "double")
    assert client.submit(refused.session, refused.record, refused.items) == Refused("R115")
    request = unit.request(operator.blank())
    assert isinstance(client.submit(request.session, request.record, request.items), Approved)


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (403, False), (429, True), (500, True), (503, True)])
def test_an_http_error_arrives_with_status_and_code(operator: Operator, client: BackendClient, status: int, *, retryable: bool) -> None:
    operator.fault("time", "status", status=status, code="SOME_CODE")
    with pytest.raises(BackendRefusedRequest) as refused:
        client.time()
    assert (refused.value.status, refused.value.code, refused.value.retryable) == (status, "SOME_CODE", retryable)


def test_an_error_code_that_is_no_code_is_dropped(operator: Operator, client: BackendClient) -> None:
    operator.fault("time", "status", code="张三 123")
    with pytest.raises(BackendRefusedRequest) as refused:
        client.time()
    assert refused.value.code == ""


def test_the_key_reused_for_another_record_is_told_apart(operator: Operator, unit: Unit, client: BackendClient) -> None:
    first = unit.request(operator.blank())
    client.submit(first.session, first.record, first.items)
    second = unit.request(operator.blank())
    with pytest.raises(BackendRefusedRequest) as refused:
        client.submit(first.session, second.record, second.items)
    assert (refused.value.status, refused.value.code) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_threads_share_the_client_without_mixing_answers(operator: Operator, unit: Unit, client: BackendClient) -> None:
    requests = [unit.request(operator.blank()) for _ in range(8)]
    first = [client.submit(request.session, request.record, request.items) for request in requests]
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda request: client.status(request.session), requests * 3))
    assert again == first * 3


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "https://", "localhost", "https://u@localhost", "https://localhost/x", "https://localhost?x"]
)
def test_a_url_that_is_not_plain_https_is_the_callers_mistake(operator: Operator, url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        BackendClient(url, operator.ca, None, None, 1)


def test_a_session_of_another_length_is_the_callers_mistake(client: BackendClient) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        client.status(os.urandom(15))


def test_a_header_that_would_smuggle_a_line_is_the_callers_mistake(operator: Operator) -> None:
    with BackendClient(operator.url, operator.ca, None, None, 5) as client, pytest.raises(ValueError, match="HTTP"):
        client.enrol("x\r\nIdempotency-Key: y", "RNT-1", b"x", b"y")
