# SPDX-License-Identifier: Apache-2.0
"""What the operator makes of a key's purpose and of where it says it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from simulators.kit.launch import RunningSimulator
from tests.contract.backend.operator_messages import Operator, Unit, b64, enrolment_body, request_der

if TYPE_CHECKING:
    from pathlib import Path


def running(folder: Path, *options: str) -> RunningSimulator:
    return RunningSimulator("simulators.backend", "--state", str(folder / "op"), *options, control=folder / f"control{len(options)}")


def enrol(operator: Operator, protection: str) -> tuple[int, str]:
    record, tls, order = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
        operator.control("work_order")["token"],
    )
    body = enrolment_body("RNT-1", record, tls, order)
    body["record_csr"] = b64(request_der(record, "RNT-1", "record", order, protection=protection))
    headers = {"Authorization": f"Bearer {order}"}
    status, answer = operator.http("POST", "/v1/enrolments", body, context=operator.anonymous(), headers=headers)
    return status, answer.get("code", "")


@pytest.mark.clause("AH-02")
def test_operator_that_refuses_software_keys_enrols_tokens_only(base: Path) -> None:
    with running(base, "--refuse-software-keys") as process:
        operator = Operator(process, base / "op")
        assert enrol(operator, "software") == (403, "PERMISSION_DENIED")
        assert enrol(operator, "token") == (200, "")


@pytest.mark.clause("AH-02")
def test_operator_that_comes_to_refuse_software_keys_refuses_their_records(base: Path) -> None:
    with running(base) as process:
        unit = Unit.enrolled(Operator(process, base / "op"), base / "unit", "RNT-1")
        iccid = unit.operator.blank()
        assert unit.submit(unit.request(iccid))[1]["outcome"] == "approved"
    with running(base, "--refuse-software-keys") as process:
        unit.operator = Operator(process, base / "op")
        answer = unit.submit(unit.request(unit.operator.blank()))[1]
    assert (answer["outcome"], answer["code"]) == ("refused", "R505")


def test_record_signed_by_the_tls_key_is_refused(base: Path) -> None:
    with running(base) as process:
        unit = Unit.enrolled(Operator(process, base / "op"), base / "unit", "RNT-1")
        unit.record_key, kept = unit.tls_key, unit.record_key
        answer = unit.submit(unit.request(unit.operator.blank()))[1]
        assert (answer["outcome"], answer["code"]) == ("refused", "R802")
        unit.record_key, unit.sequence, unit.last = kept, 0, bytes(32)
        assert unit.submit(unit.request(unit.operator.blank()))[1]["outcome"] == "approved"
