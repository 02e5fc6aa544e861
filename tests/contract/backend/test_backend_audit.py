# SPDX-License-Identifier: Apache-2.0
"""The operator as the witness of a terminal's log: what it countersigns, what it calls a breach; the shipped client against it."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from firmware.backend import BackendAnswerInvalid, BackendClient, BackendRefusedRequest
from firmware.core.bundle import verify_bundle
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.people import Field
from firmware.journal import merkle
from tests.contract.backend.operator_messages import b64, digest, dumps, person, sign1, spki, unb64, verify1

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

    from tests.contract.backend.operator_messages import Operator, Unit


class Log:
    """A log of leaves, made here from the RFC's definition."""

    def __init__(self, unit: Unit, size: int, branch: str = "") -> None:
        self.unit = unit
        self.leaves = [self._leaf(number, "") for number in range(size)]
        self.branch = branch

    @staticmethod
    def _leaf(number: int, branch: str) -> bytes:
        return hashlib.sha256(b"\0" + f"{branch}{number}".encode()).digest()

    def grow(self, by: int) -> Log:
        """Return the log with more leaves, told apart by the branch."""
        other = Log(self.unit, 0, self.branch)
        other.leaves = self.leaves + [self._leaf(len(self.leaves) + number, self.branch) for number in range(by)]
        return other

    def message(self, *, key: ec.EllipticCurvePrivateKey | None = None, typ: str = "rnt-checkpoint", **changes: Any) -> bytes:
        """Return its signed checkpoint, with changed claims."""
        claims: dict[int, Any] = {1: self.unit.serial, 6: int(time.time()), 256: 1, 257: len(self.leaves), 258: merkle.root(self.leaves)}
        claims |= {259: os.urandom(16), 260: 1, 261: bytes(32)} | {int(name[1:]): value for name, value in changes.items()}
        return sign1(dumps({k: v for k, v in claims.items() if v is not None}), key or self.unit.record_key, typ)

    def show(self, old: int, message: bytes | None = None, proof: list[bytes] | None = None) -> tuple[int, dict[str, Any]]:
        """Show the log's head with the proof that it begins with its first ``old`` leaves."""
        known = proof if proof is not None else merkle.consistency_proof(old, self.leaves) if 0 < old <= len(self.leaves) else []
        body = {"checkpoint": b64(message or self.message()), "old_size": old, "proof": [b64(node) for node in known]}
        return self.unit.http("POST", "/v1/checkpoints", body)


def known(unit: Unit) -> int:
    status, answer = unit.http("GET", "/v1/checkpoints")
    assert status == 200
    return int(answer["size"])


def breaches(unit: Unit) -> list[str]:
    return [breach["code"] for breach in unit.operator.control("checkpoints", serial=unit.serial)["breaches"]]


def revoked(unit: Unit) -> bool:
    return any(row["serial"] == unit.serial and row["revoked"] for row in unit.operator.control("state")["terminals"])


def test_log_that_grows_is_countersigned_at_every_step(unit: Unit) -> None:
    log, seen = Log(unit, 0), 0
    assert known(unit) == 0
    for by in (0, 1, 2, 5, 13, 0):
        log = log.grow(by)
        message = log.message()
        status, answer = log.show(seen, message)
        assert status == 200, answer
        claims = verify1(unb64(answer["countersignature"]), unit.approval_spki, "rnt-countersignature", digest(message))
        assert claims.pop(6) >= int(time.time()) - 5
        assert claims == {1: "operator-0", 256: 1, 257: unit.serial, 258: len(log.leaves), 259: merkle.root(log.leaves)}
        seen = len(log.leaves)
        assert known(unit) == seen
    assert (breaches(unit), revoked(unit)) == ([], False)


def test_same_checkpoint_again_is_countersigned_again(unit: Unit) -> None:
    log = Log(unit, 5)
    message = log.message()
    assert log.show(0, message)[0] == 200
    assert log.show(5, message)[0] == 200
    assert len(unit.operator.control("checkpoints", serial=unit.serial)["checkpoints"]) == 1


@pytest.mark.parametrize("size", [0, 1, 6])
def test_log_that_is_shorter_is_a_breach(unit: Unit, size: int) -> None:
    assert Log(unit, 7).show(0)[0] == 200
    status, answer = Log(unit, size).show(min(size, 7))
    assert (status, answer["code"]) == (409, "LOG_TRUNCATED")
    assert (breaches(unit), revoked(unit), known(unit)) == (["LOG_TRUNCATED"], True, 7)


@pytest.mark.parametrize(("common", "by"), [(6, 1), (6, 9), (3, 4), (3, 30), (0, 7)])
def test_log_with_another_history_is_a_breach(unit: Unit, common: int, by: int) -> None:
    """Whatever proof it brings: its own, the good log's, none."""
    good = Log(unit, 7)
    assert good.show(0)[0] == 200
    other = Log(unit, common, "other").grow(by)
    proofs = [merkle.consistency_proof(7, other.leaves), merkle.consistency_proof(7, good.grow(len(other.leaves) - 7).leaves)]
    for proof in (*proofs, [], [bytes(32)] * 4):
        status, answer = other.show(7, proof=proof)
        assert (status, answer["code"]) == (409, "LOG_FORKED"), proof
    assert set(breaches(unit)) == {"LOG_FORKED"}
    assert revoked(unit)
    assert known(unit) == 7


def test_breach_keeps_both_sides_as_evidence(unit: Unit) -> None:
    good, other = Log(unit, 7), Log(unit, 3, "other").grow(6)
    told, lie = good.message(), other.message()
    good.show(0, told)
    other.show(7, lie)
    (breach,) = unit.operator.control("checkpoints", serial=unit.serial)["breaches"]
    assert (breach["known"], breach["shown"]) == (told.hex(), lie.hex())


def test_proof_from_another_size_is_a_race_and_no_breach(unit: Unit) -> None:
    log = Log(unit, 9)
    assert log.show(4)[1]["code"] == "ABORTED"
    assert log.show(0)[0] == 200
    assert log.grow(3).show(4)[1]["code"] == "ABORTED"
    assert (breaches(unit), revoked(unit)) == ([], False)


def test_checkpoint_that_is_not_the_units_is_refused(unit: Unit, operator: Operator, tmp_path: Path) -> None:
    log = Log(unit, 3)
    stranger = type(unit).enrolled(operator, tmp_path / "stranger", f"RNT-{os.urandom(4).hex().upper()}")
    good = log.message()
    for message in (
        log.message(key=stranger.record_key),
        log.message(key=unit.tls_key),
        log.message(typ="rnt-record"),
        log.message(c1=stranger.serial),
        log.message(c258=bytes(31)),
        log.message(c257=-1),
        log.message(c261=None),
        log.message(c999=0),
        good[:-1],
        good + b"\x00",
        good[:-1] + bytes([good[-1] ^ 1]),
    ):
        status, answer = log.show(0, message)
        assert (status, answer["code"]) == (422, "CHECKPOINT_REJECTED")
    assert (known(unit), breaches(unit)) == (0, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        {"checkpoint": "AA", "old_size": 0},
        {"checkpoint": "AA", "old_size": "0", "proof": []},
        {"checkpoint": "AA", "old_size": True, "proof": []},
        {"checkpoint": "AA", "old_size": -1, "proof": []},
        {"checkpoint": "A", "old_size": 0, "proof": []},
        {"checkpoint": "AA", "old_size": 0, "proof": ["AA"]},
        {"checkpoint": "AA", "old_size": 0, "proof": [b64(bytes(32))] * 65},
        {"checkpoint": "AA", "old_size": 0, "proof": "AA"},
        {"checkpoint": "AA", "old_size": 0, "proof": [], "more": 1},
        {"checkpoint": 1, "old_size": 0, "proof": []},
    ],
)
def test_malformed_request_is_the_callers_error(unit: Unit, body: Any) -> None:
    assert unit.http("POST", "/v1/checkpoints", body)[0] == 400


def test_log_is_shown_by_enrolled_terminals_only(operator: Operator) -> None:
    for method in ("GET", "POST"):
        assert operator.http(method, "/v1/checkpoints", {}, context=operator.anonymous())[0] == 401


@pytest.fixture
def client(unit: Unit) -> Iterator[BackendClient]:
    with BackendClient(unit.operator.url, unit.operator.ca, unit.certificate, unit.key, 10) as opened:
        yield opened


def test_client_shows_a_log_and_brings_the_countersignature_back(unit: Unit, client: BackendClient) -> None:
    log = Log(unit, 5)
    assert client.known_log() == 0
    message = log.message()
    answer = client.checkpoint(message, 0, [])
    verify1(answer, unit.approval_spki, "rnt-countersignature", digest(message))
    grown = log.grow(6)
    client.checkpoint(grown.message(), client.known_log(), merkle.consistency_proof(5, grown.leaves))
    with pytest.raises(BackendRefusedRequest) as caught:
        client.checkpoint(log.message(), 11, [])
    assert (caught.value.code, caught.value.retryable) == ("LOG_TRUNCATED", False)


@pytest.mark.parametrize("text", ["{}", '{"size": -1}', '{"size": 1.5}', '{"size": true}', f'{{"size": {2**63}}}', "[]"])
def test_client_given_no_size_calls_the_answer_invalid(unit: Unit, client: BackendClient, text: str) -> None:
    unit.operator.fault("log", "garbage", text=text)
    with pytest.raises(BackendAnswerInvalid):
        client.known_log()


@pytest.mark.parametrize("text", ["{}", '{"countersignature": ""}', '{"countersignature": "A"}', '{"countersignature": 1}'])
def test_client_given_no_countersignature_calls_the_answer_invalid(unit: Unit, client: BackendClient, text: str) -> None:
    unit.operator.fault("checkpoint", "garbage", text=text)
    with pytest.raises(BackendAnswerInvalid):
        client.checkpoint(Log(unit, 1).message(), 0, [])


# ---- the operator's vault


def keys(unit: Unit) -> Keyring:
    return Keyring([Key.from_spki(spki(unit.record_key), Purpose.RECORD), Key.from_spki(unit.approval_spki, Purpose.APPROVAL)])


def test_vault_makes_bundles_that_verify_and_forgets_items_when_told(unit: Unit) -> None:
    fields = person()
    request = unit.request(unit.operator.blank(), fields)
    assert unit.submit(request)[1]["outcome"] == "approved"
    session = request.session.hex()
    made = bytes.fromhex(unit.operator.control("bundle", session=session, fields=[1, 4])["bundle"])
    found = verify_bundle(made, keyring=keys(unit))
    assert dict(found.values) == {Field.NAME: fields[1], Field.BIRTH: fields[4]}
    assert found.approved
    assert str(fields[2]).encode() not in made
    unit.operator.control("erase_items", session=session)
    bare = verify_bundle(bytes.fromhex(unit.operator.control("bundle", session=session)["bundle"]), keyring=keys(unit))
    assert dict(bare.values) == {}
    assert bare.approved
    for asked in ({"session": session, "fields": [1]}, {"session": "00" * 16}):
        with pytest.raises(Exception, match="kept"):
            unit.operator.control("bundle", **asked)
