# SPDX-License-Identifier: Apache-2.0
"""MILENAGE and AUTHENTICATE: the standard's test sets, both sides against each other, replays, flips, noise."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.backend.card_crypto import Verdict, challenge, judge, opc, resynchronise
from simulators.sim_card.milenage import (
    GSM_CONTEXT,
    USIM_CONTEXT,
    Milenage,
    SequenceNumbers,
    authenticate,
    derive_opc,
    run_gsm_algorithm,
)
from tests.unit.sim_crypto.crypto_card import OPC, K, SmallCard, Store

MANY = settings(max_examples=2000, deadline=None)
VECTORS = json.loads(Path("tests/vectors/sim_crypto/milenage.json").read_text(encoding="utf-8"))
RAND = bytes.fromhex("23553cbe9637a89d218ae64dae47bf35")
BLOCK = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize("row", VECTORS["vectors"], ids=lambda row: row["source"][-1])
def test_milenage_of_a_standard_test_set_is_the_standards(row: dict[str, Any]) -> None:
    v = {name: bytes.fromhex(value) for name, value in row.items() if name != "source"}
    card = Milenage(v["k"], v["opc"])
    assert derive_opc(v["k"], v["op"]) == opc(v["k"], v["op"]) == v["opc"]
    assert card.f1(v["rand"], v["sqn"], v["amf"]) == (v["f1"], v["f1_star"])
    assert card.f2_f5(v["rand"]) == (v["f2"], v["f5"])
    assert (card.f3(v["rand"]), card.f4(v["rand"]), card.f5_star(v["rand"])) == (v["f3"], v["f4"], v["f5_star"])
    centre = challenge(v["k"], v["opc"], int.from_bytes(v["sqn"], "big"), v["rand"], v["amf"])
    concealed = bytes(a ^ b for a, b in zip(v["sqn"], v["f5"], strict=True))
    assert (centre.autn, centre.xres, centre.ck, centre.ik) == (concealed + v["amf"] + v["f1"], v["f2"], v["f3"], v["f4"])


def test_gsm_conversion_of_the_standard_test_set_is_the_standards() -> None:
    row = VECTORS["gsm"][0]
    sres, kc = bytes.fromhex(row["sres"]), bytes.fromhex(row["kc"])
    card = SmallCard()
    assert authenticate(card, GSM_CONTEXT, b"\x10" + RAND) == (b"\x04" + sres + b"\x08" + kc, 0x9000)
    assert run_gsm_algorithm(card, RAND) == (sres + kc, 0x9000)
    assert challenge(K, OPC, 32, RAND).kc == kc


@MANY
@given(k=BLOCK, op=BLOCK, rand=BLOCK, sqn=st.integers(32, (1 << 33) - 1))
def test_challenge_answered_by_a_fresh_card_is_right_on_both_sides(k: bytes, op: bytes, rand: bytes, sqn: int) -> None:
    keys = (k, opc(k, op))
    sent = challenge(*keys, sqn, rand)
    data, sw = authenticate(SmallCard(subscriber_keys=keys), USIM_CONTEXT, sent.data())
    assert (data, sw) == (b"\xdb\x08" + sent.xres + b"\x10" + sent.ck + b"\x10" + sent.ik + b"\x08" + sent.kc, 0x9000)
    assert judge(sent, data, sw) is Verdict.RIGHT


def test_challenge_repeated_is_a_sync_failure_whose_auts_tells_the_number() -> None:
    card, sent = SmallCard(), challenge(K, OPC, 7 << 5 | 3, RAND)
    assert authenticate(card, USIM_CONTEXT, sent.data())[0][:1] == b"\xdb"
    data, sw = authenticate(card, USIM_CONTEXT, sent.data())
    assert judge(sent, data, sw) is Verdict.RIGHT_BUT_STALE
    assert resynchronise(K, OPC, RAND, data[2:]) == 7 << 5 | 3
    assert card.memory.numbers == {"sqn.3": 7}


def test_auts_with_a_bit_flipped_resynchronises_nothing() -> None:
    card, sent = SmallCard(), challenge(K, OPC, 32, RAND)
    authenticate(card, USIM_CONTEXT, sent.data())
    auts = authenticate(card, USIM_CONTEXT, sent.data())[0][2:]
    for bit in range(len(auts) * 8):
        assert resynchronise(K, OPC, RAND, _flipped(auts, bit)) is None
    assert resynchronise(K, OPC, RAND, auts[:-1]) is None


def test_sequence_numbers_each_index_has_its_own_entry() -> None:
    card = SmallCard()
    for sqn, fresh in (
        (5 << 5 | 1, True),
        (4 << 5 | 2, True),
        (4 << 5 | 1, False),
        (5 << 5 | 1, False),
        (6 << 5 | 1, True),
        (4 << 5 | 2, False),
    ):
        data, _ = authenticate(card, USIM_CONTEXT, challenge(K, OPC, sqn, RAND).data())
        assert (data[0] == 0xDB) is fresh, sqn


def test_sequence_number_too_far_ahead_is_not_taken() -> None:
    card = SmallCard()
    far = challenge(K, OPC, ((1 << 28) + 1) << 5, RAND)
    assert authenticate(card, USIM_CONTEXT, far.data())[0][:1] == b"\xdc"
    assert card.memory.numbers == {}
    assert SequenceNumbers(Store().numbers, delta=1 << 43).accept(((1 << 28) + 1) << 5)


def test_sequence_numbers_outlive_the_card_object() -> None:
    first = SmallCard()
    sent = challenge(K, OPC, 64, RAND)
    authenticate(first, USIM_CONTEXT, sent.data())
    again = SmallCard(memory=Store(dict(first.memory.numbers)))
    assert authenticate(again, USIM_CONTEXT, sent.data())[0][:1] == b"\xdc"


def test_challenge_with_any_bit_flipped_is_9862_and_moves_nothing() -> None:
    card, sent = SmallCard(), challenge(K, OPC, 64, RAND)
    for bit in range(256):
        flipped = _flipped(sent.rand + sent.autn, bit)
        assert authenticate(card, USIM_CONTEXT, b"\x10" + flipped[:16] + b"\x10" + flipped[16:]) == (b"", 0x9862)
    assert card.memory.numbers == {}
    assert judge(sent, b"", 0x9862) is Verdict.WRONG


def test_challenge_for_another_key_is_judged_wrong() -> None:
    sent = challenge(K, OPC, 64, RAND)
    other = challenge(bytes(16), OPC, 64, RAND)
    assert authenticate(SmallCard(), USIM_CONTEXT, other.data()) == (b"", 0x9862)
    answered = authenticate(SmallCard(subscriber_keys=(bytes(16), OPC)), USIM_CONTEXT, other.data())
    assert judge(sent, *answered) is Verdict.WRONG


@pytest.mark.parametrize(
    ("p2", "data", "sw"),
    [(0x81, b"", 0x6700), (0x81, b"\x10" + RAND, 0x6700), (0x80, b"\x10" + RAND + b"\0", 0x6700), (0x80, b"\x0f" + RAND, 0x6700),
     (0x82, b"", 0x9864), (0x84, b"", 0x9864), (0x00, b"", 0x6A86), (0x01, b"", 0x6A86), (0xC1, b"", 0x6A86)],
)  # fmt: skip
def test_authenticate_with_wrong_parameters_is_refused(p2: int, data: bytes, sw: int) -> None:
    assert authenticate(SmallCard(), p2, data) == (b"", sw)


def test_authenticate_on_a_card_without_keys_is_6985() -> None:
    card = SmallCard(subscriber_keys=None)
    assert authenticate(card, USIM_CONTEXT, challenge(K, OPC, 64, RAND).data()) == (b"", 0x6985)
    assert run_gsm_algorithm(card, RAND) == (b"", 0x6985)
    assert run_gsm_algorithm(card, RAND[1:]) == (b"", 0x6700)


@MANY
@given(st.integers(0, 255), st.binary(max_size=300))
def test_authenticate_of_noise_answers_with_a_status_word(p2: int, data: bytes) -> None:
    card = SmallCard()
    for noise in (data, b"\x10" + data[:16].ljust(16) + b"\x10" + data[16:32].ljust(16)):
        answer, sw = authenticate(card, p2, noise)
        assert 0 <= sw <= 0xFFFF
        assert not answer or sw == 0x9000
        assert isinstance(judge(challenge(K, OPC, 32, RAND), noise, sw), Verdict)
    assert card.memory.numbers == {}


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
