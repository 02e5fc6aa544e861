# SPDX-License-Identifier: Apache-2.0
"""What the screen's socket takes: the five intents exactly, and never a value of an identity."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.kiosk.intents import FIELDS, MAX_BYTES, BadIntent, parse

GOOD = [
    {"intent": "start", "kind": "T01"},
    {"intent": "notice", "acknowledged": True},
    {"intent": "portrait", "matched": True, "score": 93, "live": True},
    {"intent": "agreement", "signed": False},
    {"intent": "cancel"},
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
    """R115: no text a person typed reaches a session, but the kind of business and the words of the closed lists of a clerk's refusal."""
    texts = {(name, field) for name, fields in FIELDS.items() for field, kind in fields.items() if kind is str}
    assert texts == {("start", "kind"), ("refuse", "code"), ("refuse", "note")}


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
