# SPDX-License-Identifier: Apache-2.0
"""The same key, again and at the same time: one decision, one number, one count."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from simulators.kit.launch import RunningSimulator
from tests.contract.backend.operator_messages import Operator, Request, Unit, person

if TYPE_CHECKING:
    from pathlib import Path


def test_the_same_key_and_record_get_the_same_answer(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    answers = [unit.submit(request) for _ in range(3)]
    answers.append(unit.http("GET", f"/v1/activations/{request.session.hex()}"))
    assert all(answer == answers[0] for answer in answers)
    assert len(operator.rows("numbers", request.session)) == 1


def test_the_same_key_and_record_sealed_again_get_the_same_answer(operator: Operator, unit: Unit) -> None:
    claims, items = unit.claims(operator.blank())
    record = unit.signed(claims)
    first, second = (unit.submit(Request(claims[7], record, unit.sealed(claims[7], items), claims)) for _ in range(2))
    assert first == second


def test_the_same_key_with_another_record_is_refused(operator: Operator, unit: Unit) -> None:
    first = unit.request(operator.blank())
    unit.submit(first)
    second = unit.request(operator.blank(), c7=first.session)
    status, answer = unit.submit(second)
    assert (status, answer["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_that_is_not_the_records_session_is_refused(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    status, _ = unit.http("POST", "/v1/activations", request.body, Idempotency_Key=bytes(16).hex())
    assert status == 400
    assert unit.submit(request)[1]["outcome"] == "approved"


@pytest.mark.parametrize("refusing", [True, False])
def test_one_key_sent_at_the_same_time_is_decided_once(operator: Operator, unit: Unit, *, refusing: bool) -> None:
    request = unit.request(operator.blank(), c259="ocr" if refusing else "chip")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(unit.submit, [request] * 16))
    assert all(answer == answers[0] for answer in answers)
    assert len(operator.rows("activations", request.session)) == 1
    assert len(operator.rows("numbers", request.session)) == (0 if refusing else 1)


@pytest.mark.clause("N6")
@pytest.mark.slow
def test_one_person_at_many_terminals_never_holds_more_than_five(operator: Operator, tmp_path: Path) -> None:
    fields = person()
    units = [Unit.enrolled(operator, tmp_path / str(n), f"RNT-RACE-{n}") for n in range(12)]
    requests = [unit.request(operator.blank(), fields) for unit in units]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda pair: pair[0].submit(pair[1])[1], zip(units, requests, strict=True)))
    outcomes = [answer.get("code", answer["outcome"]) for answer in answers]
    assert outcomes.count("approved") == 5
    assert outcomes.count("R401") == 7


@pytest.mark.parametrize("moment", ["approve", "approve_done"])
def test_a_killed_operator_decides_a_repeated_key_once(short_folder: Path, tmp_path: Path, moment: str) -> None:
    state = short_folder / "op"
    with RunningSimulator("simulators.backend", "--state", str(state), control=short_folder / "one") as running:
        operator = Operator(running, state)
        unit = Unit.enrolled(operator, tmp_path / "unit", "RNT-KILL")
        request = unit.request(operator.blank())
        operator.fault(moment, "hold")
        with ThreadPoolExecutor(1) as pool:
            lost = pool.submit(unit.submit, request)
            assert operator.control("wait_held")["held"] == moment
            running.kill()
            assert isinstance(lost.exception(10), OSError)
    with RunningSimulator("simulators.backend", "--state", str(state), control=short_folder / "two") as running:
        unit.operator = Operator(running, state)
        assert running.endpoints["url"] == operator.url
        status, answer = unit.http("GET", f"/v1/activations/{request.session.hex()}")
        assert status == (404 if moment == "approve" else 200)
        assert unit.submit(request)[1]["outcome"] == "approved"
        assert len(unit.operator.rows("numbers", request.session)) == 1
        if moment == "approve_done":
            assert json.dumps(unit.submit(request)[1]) == json.dumps(answer)
