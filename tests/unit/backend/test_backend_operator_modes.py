# SPDX-License-Identifier: Apache-2.0
"""The operator's parts behind the issue modes, without a wire: EF codings, noise from terminals and cards."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.backend import shapes, strict_cbor
from simulators.backend.bodies import ANSWER_BYTES, ANSWERS_MAX, relay_round
from simulators.backend.card_crypto.files import imsi, message_parameters, plmn
from simulators.backend.conversation import Conversation
from simulators.backend.errors import ApiError
from simulators.backend.pool import MODES, NUMBERS, Blank, Pool
from simulators.backend.remote import unlock_code
from simulators.backend.store import SqliteStore
from simulators.backend.strict_cbor import Malformed
from simulators.sim_card.unlock import code

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = Path(__file__).parents[2] / "vectors"
EFS = json.loads((VECTORS / "sim_card" / "ef_codings.json").read_text(encoding="utf-8"))["vectors"]
CODES = json.loads((VECTORS / "sim_crypto" / "unlock.json").read_text(encoding="utf-8"))["vectors"]
SESSION = json.loads((VECTORS / "backend" / "session.json").read_text(encoding="utf-8"))
THOROUGH = settings(max_examples=2000, deadline=None)
CODINGS: dict[str, Callable[[Any, int], bytes]] = {
    "IMSI": lambda value, _: imsi(value),
    "SMSP": message_parameters,
    "FPLMN": lambda value, size: b"".join(plmn(entry) for entry in value).ljust(size, b"\xff"),
    "EHPLMN": lambda value, size: b"".join(plmn(entry) for entry in value).ljust(size, b"\xff"),
}


@pytest.mark.parametrize("row", [row for row in EFS if row["ef"] in CODINGS and not row.get("decode_only")], ids=lambda row: row["source"])
def test_a_file_is_coded_as_the_clause_has_it(row: dict[str, Any]) -> None:
    wanted = bytes.fromhex(row["bytes"])
    assert CODINGS[row["ef"]](row["value"], len(wanted)) == wanted


def test_a_record_too_short_for_a_service_centre_is_refused() -> None:
    with pytest.raises(ValueError, match="28"):
        message_parameters("8612000000500", 27)


def stored(iccid: str) -> bytes:
    padded = iccid.ljust(20, "F")
    return bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, 20, 2)))


@pytest.mark.parametrize("row", CODES, ids=lambda row: row["source"])
def test_operator_and_card_make_the_code_of_the_vector(row: dict[str, str]) -> None:
    key, challenge, wanted = (bytes.fromhex(row[name]) for name in ("key", "challenge", "code"))
    assert unlock_code(key, challenge, row["iccid"]) == wanted
    assert code(key, challenge, stored(row["iccid"])) == wanted


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.text("0123456789", min_size=18, max_size=20))
def test_operator_and_card_make_the_same_code(key: bytes, challenge: bytes, iccid: str) -> None:
    assert unlock_code(key, challenge, iccid) == code(key, challenge, stored(iccid))


JSON_LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=8) | st.integers(), max_size=4)
LIKELY = st.fixed_dictionaries(
    {"approval": st.just("A" * 21 + "A") | JSON_LEAF, "sequence": st.just("1") | JSON_LEAF, "answers": JSON_LEAF}
)


@pytest.mark.slow
@THOROUGH
@given(
    st.binary(max_size=200) | (LIKELY | st.dictionaries(st.text(max_size=9), JSON_LEAF, max_size=4)).map(lambda v: json.dumps(v).encode())
)
def test_any_body_of_a_round_is_a_round_or_the_callers_error(body: bytes) -> None:
    try:
        approval, sequence, answers = relay_round(body)
    except ApiError as error:
        assert error.status == 400  # noqa: PT017  # some bodies are good rounds
        return
    assert len(approval) == 16
    assert 0 <= sequence <= 9999
    assert len(answers) <= ANSWERS_MAX
    assert all(len(answer) <= ANSWER_BYTES for answer in answers)


ENTRY = st.lists(st.integers(-1, 70000) | st.binary(max_size=260) | st.none(), max_size=4)


@pytest.mark.slow
@THOROUGH
@given(st.sampled_from(["written", "answered", "voided", "cancelled"]), st.lists(ENTRY, max_size=3) | st.integers() | st.none())
def test_answers_of_another_shape_are_malformed(outcome: str, answers: Any) -> None:
    claims = strict_cbor.loads(bytes.fromhex(SESSION["result"]["payload"]))
    changed = {**claims, 257: outcome, 258: "" if outcome in shapes.SOLD else "R711", 262: answers}
    try:
        found = shapes.result(strict_cbor.dumps(changed))
    except Malformed:
        return
    assert outcome != "cancelled"
    assert all(len(entry) == 3 and entry[0] <= 0xFFFF and entry[1] <= 0xFFFF and len(entry[2]) <= 256 for entry in found[262])


BLANK = Blank("89860099000000000011", "relay", challenged=False, keys={"enc": bytes(16), "mac": bytes(range(16))}, numbers=dict(NUMBERS))


@pytest.mark.slow
@THOROUGH
@given(st.lists(st.lists(st.binary(max_size=40) | st.just(b"\x90\x00"), max_size=3), max_size=4), st.binary(min_size=29, max_size=32))
def test_a_card_that_says_anything_never_completes_a_relay_and_raises_nothing(rounds: list[list[bytes]], response: bytes) -> None:
    conversation = Conversation(BLANK, [bytes.fromhex("00B0000009")], "460001112223334")
    conversation.start()
    for answers in [[b"\x90\x00", response + b"\x90\x00"], *rounds]:
        conversation.then(answers)
    assert not conversation.complete


STORE = SqliteStore(Path(":memory:"))
WORDS = st.dictionaries(
    st.sampled_from(["iccid", "adm", "mode", "kic", "kid", "k", "opc", "challenge", "counter", "sqn", "smsp", "x"]),
    st.sampled_from(["8986", "00" * 8, "11" * 16, "script", "fields", "zz"]) | st.integers(-5, 5) | st.none() | st.booleans(),
)


@pytest.mark.slow
@THOROUGH
@given(WORDS)
def test_any_words_of_a_blank_are_taken_or_refused(words: dict[str, Any]) -> None:
    pool = Pool(STORE, "script")
    try:
        pool.add(words)
    except (ValueError, TypeError):
        return
    row = next(row for row in STORE.run(pool.listing) if row["iccid"] == words["iccid"])
    assert row["mode"] in MODES
    assert row["counter"] >= 0 <= row["sqn"]


def test_a_database_without_keys_of_blanks_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "operator.db"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE blank (iccid TEXT PRIMARY KEY, adm BLOB NOT NULL, state TEXT NOT NULL)")
        old.execute("INSERT INTO blank VALUES ('8986', x'0011223344556677', 'blank')")
    store = SqliteStore(path)
    pool = Pool(store)
    blank = store.run(lambda db: pool.take(db, "8986"))
    assert (blank.mode, blank.challenged, blank.keys["adm"].hex()) == ("fields", False, "0011223344556677")
    store.close()
