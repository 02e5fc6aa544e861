# SPDX-License-Identifier: Apache-2.0
"""The operator's decisions, asked with messages made from the message text alone."""

from __future__ import annotations

import cbor2

from tests.contract.backend.operator_messages import Operator, Unit, digest, unb64, verify1


def test_a_good_record_is_approved_and_bound_to_it(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    status, answer = unit.submit(request)
    assert (status, answer["outcome"]) == (200, "approved")
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    plain = unit.open_profile(request, answer)
    assert set(approval) == {1, 4, 5, 6, 7, 10, 256, 257, 258, 259, 260, 261, 262, 263}
    assert approval[10] == request.claims[10]
    assert (approval[257], approval[258], approval[259]) == ("approved", unit.serial, request.session)
    assert approval[260] == request.claims[264]
    assert (approval[261], approval[262]) == (digest(plain), digest(unb64(answer["profile"])))
    profile = cbor2.loads(plain)
    assert set(profile) == set(range(1, 11))
    assert profile[1] == request.claims[264][1]
    assert operator.rows("numbers", request.session)[0]["msisdn"] == profile[3]
