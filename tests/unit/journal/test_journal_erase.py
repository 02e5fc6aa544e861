# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from firmware.journal import ItemGone, Journal, sealing

if TYPE_CHECKING:
    from pathlib import Path

STORE_KEY = bytes(range(32))
A, B = b"a" * 16, b"b" * 16


def _on_disk(path: Path) -> bytes:
    """Every byte of the directory: the file, its log, whatever else was left."""
    return b"".join(entry.read_bytes() for entry in sorted(path.parent.iterdir()))


def _secrets(journal: Journal, session: bytes) -> list[bytes]:
    """The wrapped key and the sealed items of a session, in pieces of 16 bytes: all of a short one, one of each 512 bytes of a long one."""
    found = journal._store.query(
        "SELECT k.wrapped, i.sealed FROM session s JOIN session_key k ON k.session = s.id"
        " LEFT JOIN item i ON i.session = s.id WHERE s.name = ?",
        (session,),
    )
    return [blob[at : at + 16] for row in found for blob in row if blob for at in range(0, len(blob) - 15, 16 if len(blob) < 4000 else 512)]


def _left(path: Path, pieces: list[bytes]) -> int:
    disk = _on_disk(path)
    return sum(piece in disk for piece in pieces)


@pytest.mark.clause("DS-07")
@pytest.mark.parametrize("size", [1, 40, 3000, 5000, 300_000])
def test_erase_leaves_neither_key_nor_item_in_any_file(path: Path, size: int) -> None:
    plain = os.urandom(size)
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", items={"portrait": plain, "holder": b"second item, of 32 bytes........"})
        journal.append(B, "k", b"", items={"holder": b"another person"})
        pieces = _secrets(journal, A)
        assert _left(path, pieces) >= 0.9 * len(pieces)  # the search finds what is there; a few pieces lie across two pages
        assert plain[:16] not in _on_disk(path) or size < 16
        assert b"another person" not in _on_disk(path)
        journal.append(A, "session.erased", b"", erase=True)
        assert _left(path, pieces) == 0
        assert journal.item(B, "holder") == b"another person"
    assert _left(path, pieces) == 0


def test_item_replaced_by_a_longer_one_leaves_no_older_one_after_erase(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        pieces: list[bytes] = []
        for size in (100, 20_000, 50, 4000):
            journal.append(A, "k", b"", items={"portrait": bytes(size)})
            pieces += _secrets(journal, A)
        assert journal.item(A, "portrait") == bytes(4000)
        journal.append(A, "k", b"", erase=True)
        assert _left(path, pieces) == 0


def test_erase_after_reopening_leaves_nothing(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", items={"holder": b"x" * 999})
        pieces = _secrets(journal, A)
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", erase=True)
        assert _left(path, pieces) == 0


@pytest.mark.parametrize("seed", range(4))
def test_erase_among_many_sessions_leaves_only_what_is_still_wanted(path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # sizes and order, no secrets
    pieces: dict[bytes, list[bytes]] = {}
    erased: list[bytes] = []
    with Journal.open(path, STORE_KEY) as journal:
        for _ in range(60):
            session = draw.randbytes(16)
            items = {f"i{number}": draw.randbytes(draw.choice((10, 200, 1500, 9000))) for number in range(draw.randrange(1, 4))}
            journal.append(session, "k", draw.randbytes(200), items=items)
            pieces[session] = _secrets(journal, session)
            if draw.random() < 0.6:
                victim = draw.choice(sorted(pieces))
                journal.append(victim, "erased", b"", erase=True, close=True)
                assert _left(path, pieces[victim]) == 0
                erased += pieces.pop(victim)
        for victim in sorted(pieces):
            journal.append(victim, "erased", b"", erase=True, close=True)
        erased += [piece for kept in pieces.values() for piece in kept]
        assert _left(path, erased) == 0


def test_items_after_erase_are_gone_and_never_taken_again(journal: Journal) -> None:
    journal.append(A, "k", b"", items={"x": b"y"})
    journal.append(A, "k", b"", erase=True)
    with pytest.raises(ItemGone):
        journal.item(A, "x")
    with pytest.raises(ValueError, match="erased"):
        journal.append(A, "k", b"", items={"x": b"y"})
    journal.append(A, "k", b"later events go on")
    journal.append(A, "k", b"", erase=True, close=True)


def test_erased_session_takes_no_items_after_reopening(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", erase=True)
    with Journal.open(path, STORE_KEY) as journal, pytest.raises(ValueError, match="erased"):
        journal.append(A, "k", b"", items={"x": b"y"})


def test_item_never_stored_is_gone(journal: Journal) -> None:
    with pytest.raises(ItemGone):
        journal.item(A, "x")


@pytest.mark.clause("DS-10")
def test_two_sessions_have_different_keys_and_ciphertexts_for_the_same_item(journal: Journal) -> None:
    for session in (A, B):
        journal.append(session, "k", b"", items={"holder": b"same person, same bytes, 32 long"})
    assert not set(_secrets(journal, A)) & set(_secrets(journal, B))


def test_opening_empties_a_log_left_by_a_crash(path: Path, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", items={"x": b"y" * 100})
        pieces = _secrets(journal, A)
        empty_log = journal._store.checkpoint

        def power_goes() -> None:
            """Keep what is on the disk between the commit of the erasing row and the emptying of the log."""
            if not list(crashed.iterdir()):
                for entry in path.parent.glob("journal.db*"):
                    (crashed / entry.name).write_bytes(entry.read_bytes())
            empty_log()

        journal._store.checkpoint = power_goes  # type: ignore[method-assign]  # the moment between two calls of the journal
        journal.append(A, "k", b"", erase=True)
    assert _left(crashed / "journal.db", pieces) > 0
    with Journal.open(crashed / "journal.db", STORE_KEY) as journal:
        assert _left(crashed / "journal.db", pieces) == 0
        with pytest.raises(ItemGone):
            journal.item(A, "x")


def test_item_kept_when_erasing_lasts_until_the_session_is_closed_and_under_another_key(path: Path) -> None:
    answers, personal = b"receipt of the card " * 9, b"the person's own" * 9
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", items={"holder": personal, "answers": answers})
        pieces = _secrets(journal, A)
        journal.append(A, "erased", b"", erase=True, keep=("answers",))
        assert _left(path, pieces) == 0
        assert journal.item(A, "answers") == answers
        with pytest.raises(ItemGone):
            journal.item(A, "holder")
    with Journal.open(path, STORE_KEY) as journal:
        assert journal.item(A, "answers") == answers
        pieces = _secrets(journal, A)
        assert _left(path, pieces) >= 0.9 * len(pieces)
        with pytest.raises(ValueError, match="erased"):
            journal.append(A, "k", b"", items={"answers": b"others"})
        journal.append(A, "acknowledged", b"", close=True)
        assert _left(path, pieces) == 0
        with pytest.raises(ItemGone):
            journal.item(A, "answers")


def test_keeping_what_is_not_there_or_without_erasing_appends_nothing(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        journal.append(A, "k", b"", items={"holder": b"x"})
        with pytest.raises(ItemGone):
            journal.append(A, "erased", b"", erase=True, keep=("answers",))
        for erase, close in ((False, False), (True, True)):
            with pytest.raises(ValueError, match="keeps"):
                journal.append(A, "erased", b"", keep=("holder",), erase=erase, close=close)
        assert len(journal.rows(A)) == 1
        assert journal.item(A, "holder") == b"x"


# ---- pictures of faces and papers lie apart (DS-10)


@pytest.mark.clause("DS-10")
def test_picture_lies_in_another_table_under_another_key(journal: Journal) -> None:
    journal.append(A, "k", b"", items={"masked": b"text", "biometric/live": b"picture"})
    rows = {table: journal._store.query(f"SELECT name FROM {table}") for table in ("item", "biometric")}  # noqa: S608  # tables of ours
    assert rows == {"item": [("masked",)], "biometric": [("biometric/live",)]}
    (text_key,), (picture_key,) = (journal._store.query(f"SELECT wrapped FROM {table}")[0] for table in ("session_key", "biometric_key"))  # noqa: S608  # the same
    (sealed,) = journal._store.query("SELECT sealed FROM biometric")[0]
    assert sealing.open_item(STORE_KEY, picture_key, A, "biometric/live", sealed, sealing.BIOMETRIC) == b"picture"
    for wrapped, drawer in ((text_key, sealing.TEXTS), (text_key, sealing.BIOMETRIC), (picture_key, sealing.TEXTS)):
        with pytest.raises(sealing.Unsealable):
            sealing.open_item(STORE_KEY, wrapped, A, "biometric/live", sealed, drawer)


@pytest.mark.parametrize("length", [16, 32])
def test_key_that_wraps_the_keys_of_pictures_is_the_store_key_of_no_text(length: int) -> None:
    store_key = bytes(range(length))
    assert sealing.TEXTS.wrapping_key(store_key) == store_key
    apart = sealing.BIOMETRIC.wrapping_key(store_key)
    assert len(apart) == length
    assert apart != store_key
    with pytest.raises(sealing.Unsealable):
        sealing.open_item(apart, sealing.new_session_key(store_key, A), A, "x", b"0" * 40)


def test_picture_is_erased_with_its_session_alone(path: Path) -> None:
    with Journal.open(path, STORE_KEY) as journal:
        for session in (A, B):
            journal.append(session, "k", b"", items={"biometric/live": os.urandom(9000)})
        (key, sealed), _ = journal._store.query(
            "SELECT k.wrapped, b.sealed FROM biometric b JOIN biometric_key k USING (session) ORDER BY b.id"
        )
        pieces = [blob[at : at + 16] for blob in (key, sealed) for at in range(0, len(blob) - 15, 256)]
        assert _left(path, pieces) >= 0.9 * len(pieces)
        journal.append(A, "erased", b"", erase=True)
        assert _left(path, pieces) == 0
        with pytest.raises(ItemGone):
            journal.item(A, "biometric/live")
        assert len(journal.item(B, "biometric/live")) == 9000
    with Journal.open(path, STORE_KEY) as journal:
        assert len(journal.item(B, "biometric/live")) == 9000
