# SPDX-License-Identifier: Apache-2.0
"""The strict reading of the operator's answers: fixed cases, and everything else Hypothesis finds."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.backend import Approved, BackendAnswerInvalid, BackendRefusedRequest, Enrolled, Held, Refused, RelayRound
from firmware.backend.answers import (
    MAX_MESSAGE,
    acknowledgement,
    activation,
    authorisation,
    enrolment,
    evidence,
    now,
    octets_text,
    refused_request,
    relay_round,
)
from firmware.core.outcomes import OUTCOMES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "backend" / "answers.json").read_text(encoding="utf-8"))
THOROUGH = settings(max_examples=2000, deadline=None)
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
TRUST = {
    "operator_id": "operator-0",
    "backend_url": "https://localhost:1",
    "approval_keys": [{"kid": "00" * 16, "spki": base64.b64encode(b"key").decode(), "purpose": "approval"}],
    "vault_key": base64.b64encode(bytes(32)).decode(),
}
ENROLMENT = {"record_cert": PEM, "tls_cert": PEM, "ca": PEM, "trust": TRUST}
GOOD: dict[Callable[[bytes], object], bytes] = {
    activation: json.dumps({"outcome": "approved", "approval": octets_text(bytes(300)), "profile": octets_text(bytes(200))}).encode(),
    acknowledgement: json.dumps({"ack": octets_text(bytes(150))}).encode(),
    now: b'{"now":1800000000}',
    enrolment: json.dumps(ENROLMENT).encode(),
    evidence: json.dumps({"digest": bytes(range(32)).hex()}).encode(),
    authorisation: json.dumps({"auth_code": octets_text(bytes(8))}).encode(),
    relay_round: json.dumps({"commands": [octets_text(bytes(5)), octets_text(bytes(261))], "done": False}).encode(),
}


@pytest.mark.parametrize("case", VECTORS["activation"]["valid"], ids=lambda case: case["body"][:40])
def test_an_activation_answer_that_is_allowed_is_read(case: dict[str, Any]) -> None:
    if "until" in case:
        expected: Approved | Held | Refused = Held(case["code"], case["until"])
    elif "code" in case:
        expected = Refused(case["code"])
    else:
        expected = Approved(bytes.fromhex(case["approval"]), bytes.fromhex(case["profile"]))
    assert activation(case["body"].encode()) == expected


@pytest.mark.parametrize("case", VECTORS["activation"]["invalid"], ids=lambda case: case["why"])
def test_an_activation_answer_that_is_not_allowed_is_invalid(case: dict[str, str]) -> None:
    with pytest.raises(BackendAnswerInvalid):
        activation(case["body"].encode())


@pytest.mark.parametrize("case", VECTORS["time"]["valid"], ids=lambda case: case["body"])
def test_a_time_that_is_allowed_is_read(case: dict[str, Any]) -> None:
    assert now(case["body"].encode()) == case["now"]


@pytest.mark.parametrize("case", VECTORS["time"]["invalid"], ids=lambda case: case["why"])
def test_a_time_that_is_not_allowed_is_invalid(case: dict[str, str]) -> None:
    with pytest.raises(BackendAnswerInvalid):
        now(case["body"].encode())


@pytest.mark.parametrize(("length", "good"), [(7, False), (8, True), (16, True), (17, False)])
def test_an_answer_to_a_challenge_has_8_to_16_bytes(length: int, good: bool) -> None:  # noqa: FBT001  # a parameter
    body = json.dumps({"auth_code": octets_text(bytes(length))}).encode()
    if good:
        assert authorisation(body) == bytes(length)
        return
    with pytest.raises(BackendAnswerInvalid):
        authorisation(body)


def test_a_piece_of_evidence_is_confirmed_by_its_digest() -> None:
    assert evidence(GOOD[evidence]) == bytes(range(32))
    for text in ("", "0" * 63, "0" * 65, "A" * 64, "g" * 64, " " + "0" * 63):
        with pytest.raises(BackendAnswerInvalid):
            evidence(json.dumps({"digest": text}).encode())


def test_a_round_of_a_relay_is_read() -> None:
    assert relay_round(GOOD[relay_round]) == RelayRound((bytes(5), bytes(261)), done=False)
    assert relay_round(b'{"commands":[],"done":true,"contextCode":"X"}') == RelayRound((), done=True)
    assert "AAAA" not in repr(relay_round(GOOD[relay_round]))
    assert "x00" not in repr(relay_round(GOOD[relay_round]))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"commands": []},
        {"done": True},
        {"commands": [], "done": False},
        {"commands": ["AKQEAA"], "done": True},
        {"commands": ["AKQEAA"], "done": 0},
        {"commands": "AKQEAA", "done": False},
        {"commands": ["AKQEAA=="], "done": False},
        {"commands": ["AKQE"], "done": False},
        {"commands": [octets_text(bytes(262))], "done": False},
        {"commands": [None], "done": False},
        {"commands": ["AKQEAA"] * 257, "done": False},
    ],
)
def test_a_round_of_another_form_is_invalid(body: dict[str, Any]) -> None:
    with pytest.raises(BackendAnswerInvalid):
        relay_round(json.dumps(body).encode())


def test_every_refusal_of_the_table_is_read_and_nothing_else() -> None:
    for code, outcome in OUTCOMES.items():
        body = json.dumps({"outcome": "refused", "code": code}).encode()
        if outcome.kind is Kind.REFUSAL:
            assert activation(body) == Refused(code)
        else:
            with pytest.raises(BackendAnswerInvalid):
                activation(body)


def test_an_enrolment_keeps_the_trust_list_as_it_came() -> None:
    enrolled = enrolment(json.dumps({**ENROLMENT, "trust": {**TRUST, "policy": {"名": [1, None, True]}}}).encode())
    assert isinstance(enrolled, Enrolled)
    assert json.loads(enrolled.trust_json) == {**TRUST, "policy": {"名": [1, None, True]}}


@pytest.mark.parametrize(
    "change",
    [
        {"ca": "x"},
        {"ca": PEM + "x"},
        {"tls_cert": None},
        {"record_cert": PEM.replace("AAAA", "A" * 70000)},
        {"trust": []},
        {"trust": {**TRUST, "operator_id": ""}},
        {"trust": {**TRUST, "approval_keys": []}},
        {"trust": {**TRUST, "approval_keys": [{**TRUST, "purpose": "release"}]}},
        {"trust": {**TRUST, "approval_keys": [{"kid": "0", "spki": "AAAA", "purpose": "approval"}]}},
        {"trust": {**TRUST, "approval_keys": ["key"]}},
        {"trust": {**TRUST, "vault_key": base64.b64encode(bytes(31)).decode()}},
        {"trust": {**TRUST, "vault_key": "ä"}},
        {"trust": {**TRUST, "vault_key": 1}},
    ],
)
def test_an_enrolment_that_lacks_something_is_invalid(change: dict[str, Any]) -> None:
    with pytest.raises(BackendAnswerInvalid):
        enrolment(json.dumps({**ENROLMENT, **change}).encode())


@pytest.mark.parametrize("code", ["", "lower", "A B", "A" * 65, 7, None, "Ａ", "R\n"])
def test_an_error_code_of_another_form_is_dropped(code: Any) -> None:
    assert refused_request(503, json.dumps({"status": 503, "code": code, "message": "张三"}).encode()).code == ""


def test_errors_tell_nothing_of_the_body() -> None:
    body = b'{"outcome":"refused","code":"SECRET-13800000000"}'
    with pytest.raises(BackendAnswerInvalid) as invalid:
        activation(body)
    assert "13800000000" not in f"{invalid.value!r}{invalid.value.__cause__}{invalid.value.__suppress_context__}"
    assert "approval" not in repr(Approved(b"a", b"profile-secret")).replace("approval=", "")
    assert "profile-secret" not in repr(Approved(b"a", b"profile-secret"))


def only_invalid(parse: Callable[[bytes], object], body: bytes) -> None:
    try:
        parse(body)
    except BackendAnswerInvalid as error:
        assert len(str(error)) < 60  # noqa: PT017  # any input may also be a good answer


@THOROUGH
@given(st.sampled_from(sorted(GOOD, key=str)), st.binary(max_size=400))
def test_random_bytes_are_invalid(parse: Callable[[bytes], object], body: bytes) -> None:
    only_invalid(parse, body)
    assert isinstance(refused_request(500, body), BackendRefusedRequest)


@THOROUGH
@given(st.sampled_from(sorted(GOOD, key=str)), st.data())
def test_truncated_or_flipped_answers_are_invalid_or_whole(parse: Callable[[bytes], object], data: st.DataObject) -> None:
    body = bytearray(GOOD[parse])
    cut = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        with pytest.raises(BackendAnswerInvalid):
            parse(bytes(body[:cut]))
    else:
        body[cut] ^= 1 << data.draw(st.integers(0, 7))
        only_invalid(parse, bytes(body))


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(["approved", "refused", "R401", PEM])
JSON = (
    LEAF | st.lists(LEAF, max_size=2) | st.fixed_dictionaries({}, optional={"approval_keys": LEAF, "vault_key": LEAF, "operator_id": LEAF})
)
MEMBERS = [
    "auth_code",
    "commands",
    "done",
    "outcome",
    "code",
    "approval",
    "profile",
    "ack",
    "now",
    "trust",
    "ca",
    "tls_cert",
    "record_cert",
]


@pytest.mark.slow
@THOROUGH
@given(st.sampled_from(sorted(GOOD, key=str)), st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=3))
def test_any_json_object_is_an_answer_or_invalid(parse: Callable[[bytes], object], members: dict[str, Any]) -> None:
    only_invalid(parse, json.dumps(members).encode())
    good = json.loads(GOOD[parse])
    only_invalid(parse, json.dumps(good | members).encode())


@THOROUGH
@given(st.binary(min_size=1, max_size=2000))
def test_bytes_survive_their_text(data: bytes) -> None:
    assert acknowledgement(json.dumps({"ack": octets_text(data)}).encode()) == data


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"now":' + b"1" * 100_000 + b"}", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}"]
)
def test_oversized_and_foreign_encodings_are_invalid(body: bytes) -> None:
    for parse in GOOD:
        with pytest.raises(BackendAnswerInvalid):
            parse(body)


def test_a_message_beyond_the_limit_is_invalid() -> None:
    with pytest.raises(BackendAnswerInvalid):
        acknowledgement(json.dumps({"ack": octets_text(bytes(MAX_MESSAGE + 1))}).encode())
