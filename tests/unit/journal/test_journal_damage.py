# SPDX-License-Identifier: Apache-2.0
"""Bytes that are not what was written: an error of the declared kind comes out, never other content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.journal import ItemGone, Journal, JournalCorrupt, JournalError, JournalFailed, RecordLink, Spend, sealing

if TYPE_CHECKING:
    from pathlib import Path

STORE_KEY = bytes(range(32))
A, B = b"a" * 16, b"b" * 16
WRAPPED = sealing.new_session_key(STORE_KEY, A)
SEALED = sealing.seal_item(STORE_KEY, WRAPPED, A, "holder", b"the content")


@given(st.binary(max_size=200))
@settings(max_examples=2000, deadline=None)
def test_random_bytes_do_not_open_as_item_or_key(content: bytes) -> None:
    for wrapped, sealed in ((WRAPPED, content), (content, SEALED)):
        with pytest.raises(sealing.Unsealable):
            sealing.open_item(STORE_KEY, wrapped, A, "holder", sealed)
    assert not sealing.is_store_key(STORE_KEY, content)


@pytest.mark.clause("DS-10")
@given(st.data())
@settings(max_examples=2000, deadline=None)
def test_flipped_truncated_or_extended_seals_do_not_open(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["flip", "cut", "grow"]))
    parts = [WRAPPED, SEALED]
    which = data.draw(st.integers(0, 1))
    if kind == "flip":
        bit = data.draw(st.integers(0, len(parts[which]) * 8 - 1))
        changed = bytearray(parts[which])
        changed[bit // 8] ^= 1 << bit % 8
        parts[which] = bytes(changed)
    elif kind == "cut":
        parts[which] = parts[which][: data.draw(st.integers(0, len(parts[which]) - 1))]
    else:
        parts[which] += data.draw(st.binary(min_size=1, max_size=10_000))
    with pytest.raises(sealing.Unsealable):
        sealing.open_item(STORE_KEY, parts[0], A, "holder", parts[1])


@pytest.mark.parametrize(
    ("key", "session", "name"), [(bytes(32), A, "holder"), (STORE_KEY, B, "holder"), (STORE_KEY, A, "portrait"), (STORE_KEY, A, "")]
)
def test_item_in_another_place_does_not_open(key: bytes, session: bytes, name: str) -> None:
    assert sealing.open_item(STORE_KEY, WRAPPED, A, "holder", SEALED) == b"the content"
    with pytest.raises(sealing.Unsealable):
        sealing.open_item(key, WRAPPED, session, name, SEALED)


def test_item_damaged_in_the_open_file_is_corrupt_and_stops_the_journal(journal: Journal) -> None:
    journal.append(A, "k", b"", items={"x": b"y"})
    journal._store.execute("UPDATE item SET sealed = zeroblob(50)")
    with pytest.raises(JournalCorrupt):
        journal.item(A, "x")
    with pytest.raises(JournalFailed):
        journal.append(A, "k", b"")


def test_session_key_damaged_in_the_open_file_is_corrupt_and_appends_nothing(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", items={"x": b"y"})
        journal._store.execute("UPDATE session_key SET wrapped = zeroblob(60)")
        with pytest.raises(JournalCorrupt):
            journal.append(A, "k", b"", items={"z": b"y"})
        with pytest.raises(JournalFailed):
            journal.rows(A)
    with pytest.raises(JournalCorrupt):
        Journal.open(path, STORE_KEY)


def _fill(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"one" * 50, items={"x": b"y" * 500}, spend=Spend(A, A, A * 2), record=RecordLink(1, b"d" * 32))
        journal.append(B, "k", b"two", items={"x": b"z"})
        journal.append(A, "k", b"three", erase=True)


def _content(journal: Journal) -> object:
    items: list[bytes | None] = []
    for session in (A, B):
        try:
            items.append(journal.item(session, "x"))
        except ItemGone:
            items.append(None)
    return journal.audit_head(), journal.rows(A), journal.rows(B), journal.open_sessions(), journal.last_record(), items


class Sound:
    """A sound file and what it means; not a dataclass, because a failing example prints those in full."""

    def __init__(self, path: Path, content: bytes, meaning: object) -> None:
        self.path, self.content, self.meaning = path, content, meaning


@pytest.fixture(scope="module")
def sound(ram: Path) -> Sound:
    path = ram / "journal.db"
    _fill(path)
    content = path.read_bytes()
    with Journal.open(path, STORE_KEY) as journal:
        return Sound(path, content, _content(journal))


def _open_changed(sound: Sound, content: bytes) -> None:
    sound.path.write_bytes(content)
    sound.path.with_name("journal.db-wal").unlink(missing_ok=True)
    try:
        with Journal.open(sound.path, STORE_KEY) as journal:
            assert _content(journal) == sound.meaning
    except JournalError:
        pass  # the declared answer


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
@given(bits=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=3))
@settings(max_examples=1000, deadline=None)
def test_file_with_flipped_bits_gives_the_same_content_or_an_error(sound: Sound, half: int, bits: list[int]) -> None:
    changed = bytearray(sound.content)
    size = len(changed) // 2
    for bit in bits:
        changed[half * size + bit // 8 % size] ^= 1 << bit % 8
    _open_changed(sound, bytes(changed))


@pytest.mark.slow
@given(st.integers(1, 1 << 17), st.binary(max_size=600))
@settings(max_examples=2000, deadline=None)
def test_file_cut_short_or_overwritten_gives_the_same_content_or_an_error(sound: Sound, at: int, garbage: bytes) -> None:
    _open_changed(sound, sound.content[:at] + garbage + sound.content[at + 600 :])
