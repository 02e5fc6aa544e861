# SPDX-License-Identifier: Apache-2.0
"""The issue data of every mode: its form, its bounds, and that no mode takes another's."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor, hpke
from firmware.core.approval import check_approval
from firmware.core.challenge import Challenge
from firmware.core.errors import IssueDataRefused, Malformed
from firmware.core.issue_data import RelayOrder, Script, issue_data_info, open_issue_data, parse_issue_data
from firmware.core.mode import Mode
from firmware.core.profile import Profile
from tests.unit.core_codecs.core_world import (
    CARD,
    OPERATOR_KEYS,
    PROFILE,
    PROFILE_SECRET,
    RECORD,
    approval_message,
    situation,
)

RAND, AUTN, RES = bytes(range(16)), bytes(range(16, 32)), bytes(range(8))
CHALLENGE = [RAND, AUTN, hashlib.sha256(RAND + RES).digest()]
NUMBERS: dict[int, Any] = {1: CARD.iccid, 2: "460001234567890", 3: "8612000000001"}
STEP = [bytes.fromhex("80c2000003d10100"), [[0x9000, 0xFFFF], [0x6100, 0xFF00]], True]
DATA: dict[Mode, dict[int, Any]] = {
    Mode.FIELDS: PROFILE,
    Mode.UNLOCK: {key: value for key, value in PROFILE.items() if key != 10} | {12: 1},
    Mode.SCRIPT: NUMBERS | {4: [STEP, [bytes(4), [[0x9000, 0xFFFF]], False]]},
    Mode.RELAY: NUMBERS | {4: 40},
}


def parse(mode: Mode, **changes: Any) -> Any:
    """Parse the data of ``mode``; ``k4=…`` changes or (``None``) removes member 4."""
    value = DATA[mode] | {int(name[1:]): entry for name, entry in changes.items()}
    return parse_issue_data(mode, cbor.encode({key: entry for key, entry in value.items() if entry is not None}))


def malformed(mode: Mode, **changes: Any) -> bool:
    try:
        parse(mode, **changes)
    except Malformed:
        return True
    return False


def test_each_mode_has_its_form() -> None:
    assert isinstance(parse(Mode.FIELDS), Profile)
    assert parse(Mode.UNLOCK).to_card_dict()["unlock_ref"] == 1
    assert not {"adm", "adm_ref"} & parse(Mode.UNLOCK).to_card_dict().keys()
    script = parse(Mode.SCRIPT)
    assert isinstance(script, Script)
    assert script.steps[0].to_card_dict() == {"apdu": "80c2000003d10100", "accepted": [[0x9000, 0xFFFF], [0x6100, 0xFF00]], "keep": True}
    assert not script.steps[1].keep
    assert parse(Mode.RELAY) == RelayOrder(CARD.iccid, "460001234567890", "8612000000001", 40)


@pytest.mark.parametrize("mode", Mode)
def test_no_mode_takes_the_data_of_another(mode: Mode) -> None:
    for other in Mode:
        if other is not mode:
            with pytest.raises(Malformed):
                parse_issue_data(mode, cbor.encode(DATA[other]))


@pytest.mark.parametrize("mode", Mode)
def test_each_mode_may_carry_a_challenge(mode: Mode) -> None:
    assert parse(mode).challenge is None
    assert parse(mode, k11=CHALLENGE).challenge == Challenge(*CHALLENGE)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    "wrong",
    [[], CHALLENGE[:2], [*CHALLENGE, b""], [RAND[1:], AUTN, CHALLENGE[2]], [RAND, AUTN + b"x", CHALLENGE[2]], [RAND, AUTN, RES], "x"],
)
def test_challenge_of_another_form_is_malformed(mode: Mode, wrong: Any) -> None:
    assert malformed(mode, k11=wrong)


@pytest.mark.parametrize("mode", Mode)
def test_member_too_many_or_missing_is_malformed(mode: Mode) -> None:
    assert malformed(mode, k13=1)
    for key in DATA[mode]:
        changes: dict[str, Any] = {f"k{key}": None}
        assert malformed(mode, **changes)


@pytest.mark.parametrize(
    "step",
    [
        [],
        STEP[:2],
        [bytes(3), STEP[1], True],
        [bytes(262), STEP[1], True],
        [STEP[0], [], True],
        [STEP[0], [[0x9000, 0xFFFF]] * 17, True],
        [STEP[0], [[0x9000]], True],
        [STEP[0], [[0x10000, 0xFFFF]], True],
        [STEP[0], [[-1, 0xFFFF]], True],
        [STEP[0], STEP[1], 1],
        [STEP[0].hex(), STEP[1], True],  # type: ignore[attr-defined]  # it is bytes
    ],
)
def test_script_step_of_another_form_is_malformed(step: Any) -> None:
    assert malformed(Mode.SCRIPT, k4=[STEP, step])


def test_script_and_relay_have_bounds() -> None:
    assert len(parse(Mode.SCRIPT, k4=[STEP] * 64).steps) == 64
    assert malformed(Mode.SCRIPT, k4=[STEP] * 65)
    assert malformed(Mode.SCRIPT, k4=[])
    assert parse(Mode.RELAY, k4=256).most == 256
    for most in (0, 257, -1, True, "1"):
        assert malformed(Mode.RELAY, k4=most)


def test_unlock_brings_no_administrative_key_and_fields_no_unlock_key() -> None:
    assert malformed(Mode.UNLOCK, k10=PROFILE[10])
    assert malformed(Mode.FIELDS, k12=1)
    assert malformed(Mode.UNLOCK, k12=256)


@pytest.mark.parametrize("mode", Mode)
def test_repr_tells_nothing(mode: Mode) -> None:
    text = repr(parse(mode, k11=CHALLENGE))
    assert CARD.iccid not in text
    assert repr(RAND)[2:-1] not in text
    assert "\\xd1" not in text


@pytest.mark.parametrize("mode", Mode)
def test_open_takes_the_form_of_the_approved_mode_alone(mode: Mode) -> None:
    plaintext = cbor.encode(DATA[mode])
    sealed = hpke.seal(plaintext, public_key=hpke.public_of(PROFILE_SECRET), info=issue_data_info(RECORD.digest))
    digests: dict[str, Any] = {"c261": hashlib.sha256(plaintext).digest(), "c262": hashlib.sha256(sealed).digest()}
    for named in Mode:
        message = approval_message(c264=named.value, **digests)
        approval = check_approval(message, record=RECORD, keyring=OPERATOR_KEYS, sealed=sealed, situation=situation())
        if named is mode:
            assert open_issue_data(sealed, private_key=PROFILE_SECRET, approval=approval)[1] == plaintext
            continue
        with pytest.raises(IssueDataRefused) as caught:
            open_issue_data(sealed, private_key=PROFILE_SECRET, approval=approval)
        assert caught.value.code == "R704"


# ---- what an answer to the challenge proves


def test_challenge_is_proven_by_the_response_or_by_a_sequence_number_ahead() -> None:
    challenge = Challenge(*CHALLENGE)
    assert challenge.proves(b"\xdb\x08" + RES)
    assert challenge.proves(b"\xdb\x08" + RES + b"\x10rest of the answer")
    assert challenge.proves(b"\xdc\x0e" + bytes(14))


@pytest.mark.parametrize(
    "answer",
    [b"", b"\xdb", b"\xdb\x00", b"\xdb\x08" + RES[:7], b"\xdb\x07" + RES[:7], b"\xdb\x08" + bytes(8), b"\xdc\x0e", b"\xdc\x00", RES],
)
def test_challenge_is_not_proven_by_anything_else(answer: bytes) -> None:
    assert not Challenge(*CHALLENGE).proves(answer)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\xdb" + tail))
def test_challenge_is_not_proven_by_noise(answer: bytes) -> None:
    proven = Challenge(*CHALLENGE).proves(answer)
    assert not proven or answer[:10] == b"\xdb\x08" + RES or answer[:2] == b"\xdc\x0e"


# ---- noise


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(Mode), st.binary(max_size=200))
def test_parse_random_bytes_of_any_mode_is_malformed(mode: Mode, plaintext: bytes) -> None:
    with pytest.raises(Malformed):
        parse_issue_data(mode, plaintext)


@pytest.mark.parametrize("mode", [Mode.SCRIPT, Mode.RELAY, Mode.UNLOCK])
def test_parse_every_flipped_bit_and_every_cut_is_malformed_or_other_data(mode: Mode) -> None:
    good = cbor.encode(DATA[mode] | {11: CHALLENGE})
    said = parse_issue_data(mode, good)
    for bit in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(Malformed):
            assert parse_issue_data(mode, bytes(flipped)) != said
    for other in (*(good[:length] for length in range(len(good))), good + b"\x00"):
        with pytest.raises(Malformed):
            parse_issue_data(mode, other)
