# SPDX-License-Identifier: Apache-2.0
"""What the screen's socket takes: the intents exactly, and never a value of an identity."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.kiosk.intents import FIELDS, FORMS, MAX_BYTES, BadIntent, parse

GOOD = [
    {"intent": "start", "kind": "T01"},
    {"intent": "notice", "acknowledged": True},
    {"intent": "portrait", "matched": True, "score": 93, "live": True},
    {"intent": "warning", "acknowledged": False},
    {"intent": "agreement", "signed": False, "strokes": []},
    {"intent": "agreement", "signed": True, "strokes": [[[100 + 40 * n, 200 + n, n * 15] for n in range(12)]]},
    {"intent": "cancel"},
    {"intent": "open", "kind": "T08", "document": "D01", "modifiers": "MP", "line": "8612000000001"},
    {"intent": "logon", "staff": "CLERK-7", "pin": "000007"},
    {"intent": "page", "original": True},
    {"intent": "attest", "same": True, "staff": "CLERK-8", "pin": "000008"},
    {"intent": "paper", "shown": True, "fits": False},
    {"intent": "release", "signed": True},
    {"intent": "consent", "agreed": False},
    {"intent": "request", "about": "wrong-card"},
    {"intent": "second", "staff": "CLERK-8", "pin": "000008"},
    {"intent": "token", "token": "A" * 64},
]


@pytest.mark.parametrize("intent", GOOD)
def test_intent_exact_form_is_taken(intent: dict[str, object]) -> None:
    assert parse(json.dumps(intent).encode()) == intent


@pytest.mark.parametrize(
    "line",
    [
        b'{"intent":"start"}',
        b'{"intent":"start","kind":"T01","name":"x"}',
        b'{"intent":"notice","acknowledged":1}',
        b'{"intent":"portrait","matched":true,"score":101,"live":true}',
        b'{"intent":"portrait","matched":true,"score":true,"live":true}',
        b'{"intent":"identity","name":"x","number":"y"}',
        b'["start"]',
        b'{"intent":3}',
        b'{"intent":"cancel"}' + b" " * MAX_BYTES,
        b"[" * 4000,
    ],
)
def test_intent_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(BadIntent):
        parse(line)


@pytest.mark.clause("DS-03", "GA-34")
def test_intents_carry_no_identity_field() -> None:
    """R115: no text a person typed reaches a session, but codes, words of closed lists, a credential, a number, a token, signed lines."""
    texts = {field for fields in FIELDS.values() for field, kind in fields.items() if kind is str}
    assert texts == {"kind", "document", "modifiers", "line", "staff", "pin", "about", "token", "code", "note", "part"} == FORMS.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "T1"},
        {"document": "身份证"},
        {"modifiers": "XY"},
        {"modifiers": "PMVASP"},
        {"line": "990101199003071234"},
        {"line": "张样例"},
        {"line": "8612000000001\n"},
    ],
)
def test_word_of_another_form_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(BadIntent):
        parse(json.dumps({"intent": "open", "kind": "T08", "document": "D01", "modifiers": "", "line": ""} | change).encode())


@pytest.mark.clause("GA-34")
@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=300))
def test_intent_random_bytes_are_refused(line: bytes) -> None:
    with pytest.raises(BadIntent):
        parse(line)


@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(GOOD), st.data())
def test_intent_damaged_line_is_refused_or_well_formed(intent: dict[str, object], data: st.DataObject) -> None:
    line = json.dumps(intent).encode()
    cut = data.draw(st.integers(0, len(line) - 1))
    flipped = line[:cut] + bytes([line[cut] ^ 1 << data.draw(st.integers(0, 7))]) + line[cut + 1 :]
    for damaged in (flipped, line[:cut], line + line):
        try:
            value = parse(damaged)
        except BadIntent:
            continue
        assert set(value) == {"intent", *FIELDS[value["intent"]]}
