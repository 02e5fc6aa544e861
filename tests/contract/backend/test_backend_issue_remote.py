# SPDX-License-Identifier: Apache-2.0
"""What the operator says to a card that is being written: unlocking codes and relayed commands, and every way to ask for them wrongly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from simulators.kit.launch import RunningSimulator
from tests.contract.backend.issued_cards import OK, USIM, Issued, issue
from tests.contract.backend.operator_messages import Operator, Unit, b64, unb64

if TYPE_CHECKING:
    from pathlib import Path

CHALLENGE = bytes.fromhex("0084000008")


def code(session: Issued, challenge: bytes, /, **changes: Any) -> tuple[int, dict[str, Any]]:
    return session.unit.ask(session.session, "unlock", **{"approval": session.approval_id, "challenge": challenge, **changes})


def test_a_code_opens_the_card_that_asked_and_no_other(unit: Unit) -> None:
    session, other = issue(unit, "unlock", "usim-unlock"), issue(unit, "unlock", "usim-unlock")
    assert set(session.data) == {*range(1, 10), 12}
    challenge = session.card.send(CHALLENGE)[:8]
    status, answer = code(session, challenge)
    assert (status, set(answer)) == (200, {"auth_code"})
    authenticate = bytes([0x00, 0x82, 0x00, session.data[12], 8]) + unb64(answer["auth_code"])
    other.card.card.session.challenge = challenge
    assert other.card.send(authenticate).hex() == "63c2"
    assert session.card.send(authenticate) == OK
    assert session.card.send(USIM) == OK
    assert session.card.send(bytes.fromhex("00D6870009084906001121223343")) == OK
    assert session.report("written") == "active"


def test_a_challenge_asked_again_gets_the_same_code_and_a_fourth_gets_none(unit: Unit) -> None:
    session = issue(unit, "unlock", "usim-unlock")
    challenges = [os.urandom(8) for _ in range(4)]
    codes = [code(session, challenge) for challenge in challenges[:3]]
    assert len({answer["auth_code"] for status, answer in codes if status == 200}) == 3
    status, answer = code(session, challenges[3])
    assert (status, answer["code"]) == (409, "INCOMPATIBLE_STATE")
    assert [code(session, challenge) for challenge in challenges[:3]] == codes


@pytest.mark.parametrize(
    "body",
    [
        {"challenge": bytes(7)},
        {"challenge": bytes(9)},
        {"challenge": ""},
        {"challenge": 1},
        {"approval": bytes(15)},
        {"approval": "="},
        {"more": "AA"},
    ],
)
def test_a_request_for_a_code_of_another_shape_is_the_callers_error(unit: Unit, body: dict[str, Any]) -> None:
    session = issue(unit, "unlock", "usim-unlock")
    status, answer = code(session, bytes(8), **body)
    assert (status, answer["code"]) == (400, "INVALID_ARGUMENT")


def asked(session: Issued, operation: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    body = {"challenge": bytes(8)} if operation == "unlock" else {"sequence": "0", "answers": []}
    return session.unit.ask(session.session, operation, **{"approval": session.approval_id, **body, **changes})


@pytest.mark.parametrize("operation", ["unlock", "relay"])
def test_a_session_without_this_mode_approval_or_owner_is_told_nothing(
    operator: Operator, unit: Unit, tmp_path: Path, operation: str
) -> None:
    right = issue(unit, operation, "usim-unlock")
    for mode in {"fields", "script", "unlock", "relay"} - {operation}:
        status, answer = asked(issue(unit, mode, "usim-unlock"), operation)
        assert (status, answer["code"]) == (409, "INCOMPATIBLE_STATE")
    other = issue(unit, operation, "usim-unlock")
    assert asked(right, operation, approval=other.approval_id)[0] == 409
    stranger = Unit.enrolled(operator, tmp_path / "stranger", "RNT-" + os.urandom(4).hex())
    right.unit = stranger
    assert asked(right, operation)[0] == 404
    right.unit = unit
    assert asked(right, operation)[0] == 200
    assert right.report("voided") == "released"
    assert asked(right, operation)[0] == 409
    unknown = unit.ask(os.urandom(16), operation, approval=bytes(16), **({"challenge": bytes(8)} if operation == "unlock" else NOTHING))
    assert unknown[0] == 404


NOTHING: dict[str, Any] = {"sequence": "0", "answers": []}


@pytest.mark.parametrize("kind", ["blank-usim", "blank-usim-2", "usim-no-sfi", "usim-91xx"])
def test_a_relay_makes_the_card_and_its_answers_make_it_active(operator: Operator, unit: Unit, kind: str) -> None:
    session = issue(unit, "relay", kind)
    assert set(session.data) == {1, 2, 3, 4}
    session.run_relay()
    assert len(session.commands) <= session.data[4] <= 256
    assert session.rounds <= 6
    plain = [command for command in session.commands if not command[0] & 0x04]
    assert [command[:2].hex() for command in plain] == ["00a4", "8050"]
    assert session.report("answered") == "active"
    assert operator.blank_state(session.iccid) == "used"
    imsi = session.data[2]
    assert session.card.read("ADF.USIM/IMSI").hex() == "08" + "".join(b + a for a, b in zip("9" + imsi[1::2], imsi[0::2], strict=True))


def test_a_relay_with_a_challenge_needs_its_answer(unit: Unit) -> None:
    for proven, ack in ((True, "active"), (False, "failed")):
        session = issue(unit, "relay", challenge=True)
        session.run_relay()
        if proven:
            session.prove_key()
        assert session.report("answered") == ack


def test_a_round_asked_again_gets_the_same_answer_and_no_other_round_is_answered(unit: Unit) -> None:
    session = issue(unit, "relay")
    first = session.ask_relay(0, [])
    assert session.ask_relay(0, []) == first
    answers = [session.card.send(unb64(command)) for command in first[1]["commands"]]
    assert [session.ask_relay(wrong, answers)[0] for wrong in (0, 2, 9999)] == [409] * 3
    second = session.ask_relay(1, answers)
    assert second[0] == 200
    assert not second[1]["done"]
    assert session.ask_relay(1, answers) == second
    assert session.ask_relay(1, answers[:1])[0] == 409
    assert session.ask_relay(0, [])[0] == 409


def test_answers_before_anything_was_asked_are_the_callers_error(unit: Unit) -> None:
    session = issue(unit, "relay")
    assert session.ask_relay(0, [OK])[0] == 400
    assert session.ask_relay(0, [])[0] == 200


@pytest.mark.parametrize("at", [0, 1, 2, 3])
@pytest.mark.parametrize("how", ["garbage", "short", "fewer", "more", "error", "flipped"])
def test_an_answer_that_is_not_the_cards_ends_the_relay_and_proves_nothing(operator: Operator, unit: Unit, at: int, how: str) -> None:
    session = issue(unit, "relay")
    answers: list[bytes] = []
    for number in range(at + 1):
        commands, done = session.relay(number, answers)
        assert not done
        answers = [session.card.send(command) for command in commands]
    last = answers[-1]
    bit = len(last) - 6 if at == 0 else len(last) - 3  # of the cryptogram before the counter, of the MAC
    bad = {
        "garbage": [*answers[:-1], os.urandom(28) + OK],
        "short": [*answers[:-1], b"\x90"],
        "fewer": answers[:-1],
        "more": [*answers, OK],
        "error": [*answers[:-1], b"\x69\x82"],
        "flipped": [*answers[:-1], last[:bit] + bytes([last[bit] ^ 1]) + last[bit + 1 :] if len(last) > 2 else b"\x63\x00"],
    }[how]
    assert session.relay(at + 1, bad) == ([], True)
    assert session.ask_relay(at + 2, [OK])[0] == 409
    session.answers = [[0, 0x9000, b""]]
    assert session.report("answered") == "failed"
    assert operator.blank_state(session.iccid) == "scrapped"


@pytest.mark.parametrize("how", ["none", "changed", "shifted", "early"])
def test_a_complete_relay_needs_its_own_last_answers(unit: Unit, how: str) -> None:
    session = issue(unit, "relay")
    session.run_relay()
    position, sw, data = session.answers[-1]
    session.answers = {
        "none": [],
        "changed": [[position, sw, data[:-1] + bytes([data[-1] ^ 1])]],
        "shifted": [[position + 1, sw, data]],
        "early": session.answers[:-1],
    }[how]
    assert session.report("answered", c262=session.answers) == "failed"


def test_a_relay_not_finished_proves_nothing(unit: Unit) -> None:
    session = issue(unit, "relay")
    commands, _ = session.relay(0, [])
    answers = [session.card.send(command) for command in commands]
    session.relay(1, answers)
    session.answers = [[1, 0x9000, answers[1][:-2]]]
    assert session.report("answered") == "failed"


@pytest.mark.parametrize(
    "body",
    [
        {"sequence": 0},
        {"sequence": "00"},
        {"sequence": "-1"},
        {"sequence": "1e1"},
        {"sequence": "10000"},
        {"answers": "AA"},
        {"answers": [1]},
        {"answers": [""]},
        {"answers": ["=="]},
        {"answers": [b64(bytes(259))]},
        {"answers": [b64(OK)] * 257},
        {"approval": 1},
        {"approval": b64(bytes(17))},
        {"more": []},
    ],
)
def test_a_round_of_another_shape_is_the_callers_error(unit: Unit, body: dict[str, Any]) -> None:
    session = issue(unit, "relay")
    status, answer = asked(session, "relay", **body)
    assert (status, answer["code"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(("operation", "mode"), [("unlock", "unlock"), ("relay", "relay")])
def test_an_answer_lost_on_the_way_is_given_again(operator: Operator, unit: Unit, operation: str, mode: str) -> None:
    session = issue(unit, mode, "usim-unlock")
    operator.fault(operation, "status", status=503)
    assert asked(session, operation)[0] == 503
    operator.fault(f"{operation}_done", "status", status=504)
    assert asked(session, operation)[0] == 504
    status, answer = asked(session, operation)
    assert status == 200
    assert asked(session, operation) == (200, answer)


def test_codes_outlive_the_operator_and_a_channel_does_not(short_folder: Path) -> None:
    arguments = ("--state", str(short_folder / "op"))
    sessions: list[Issued] = []
    before: list[tuple[int, dict[str, Any]]] = []
    for life in range(2):
        with RunningSimulator("simulators.backend", *arguments, control=short_folder / "control") as running:
            operator = Operator(running, short_folder / "op")
            if not life:
                unit = Unit.enrolled(operator, short_folder / "unit", "RNT-1")
                sessions = [issue(unit, mode, "usim-unlock") for mode in ("unlock", "relay")]
                before = [asked(sessions[0], "unlock"), asked(sessions[1], "relay")]
                running.kill()
                (short_folder / "control").unlink(missing_ok=True)
                continue
            for session in sessions:
                session.unit.operator = session.operator = operator
            assert [asked(sessions[0], "unlock"), asked(sessions[1], "relay")] == before
            answers = [sessions[1].card.send(unb64(command)) for command in before[1][1]["commands"]]
            assert sessions[1].relay(1, answers) == ([], True)
            sessions[1].answers = [[1, 0x9000, answers[1][:-2]]]
            assert sessions[1].report("answered") == "failed"
            assert sessions[0].report("written") == "active"
