# SPDX-License-Identifier: Apache-2.0
"""Every image a power cut may leave opens as an exact prefix of the history, with everything in it that was acknowledged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firmware.journal import Journal, JournalCorrupt, JournalError
from tests.crash.journal import power_cut
from tests.crash.journal.journal_history import HISTORIES, STORE_KEY, expected_states, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.journal.power_cut import Call

SUBSETS = 4


@pytest.fixture
def ram(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: thousands of images are opened, and no disk is under test here."""
    home = Path("/dev/shm") / f"rnt-{tmp_path.parent.name}-{tmp_path.name}"  # noqa: S108  # made by us, private
    if not home.parent.is_dir():
        yield tmp_path
        return
    home.mkdir(mode=0o700)
    yield home
    shutil.rmtree(home)


def _record(tmp_path: Path, history: str, *options: str) -> list[Call]:
    home = tmp_path / "run"
    home.mkdir()
    calls = power_cut.record(home, str(home / "journal.db"), history, *options)
    assert sum(call.name == "ack" for call in calls) == len(HISTORIES[history]) + 1
    assert any(call.name == "sync-names" for call in calls)
    return calls


def _open(ram: Path, image: dict[str, bytes]) -> tuple[Any, ...]:
    """Return what the shipped journal makes of an image, nothing when it calls it corrupt."""
    for old in ram.glob("journal.db*"):
        old.unlink()
    for file, content in image.items():
        (ram / file).write_bytes(content)
    try:
        with Journal.open(ram / "journal.db", STORE_KEY) as journal:
            return state(journal)
    except JournalCorrupt:
        return ()


@pytest.mark.slow
@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("seed", range(2))
def test_power_cut_anywhere_loses_nothing_acknowledged(tmp_path: Path, ram: Path, history: str, seed: int) -> None:
    states = expected_states(HISTORIES[history])
    count = 0
    for acknowledged, image in power_cut.images(_record(tmp_path, history), seed=seed, subsets=SUBSETS):
        found = _open(ram, image)
        assert found in states, f"image {count}: no prefix of the history"
        assert states.index(found) >= acknowledged, f"image {count}: step {acknowledged} was acknowledged"
        count += 1
    assert count > 100


@pytest.mark.slow
def test_power_cut_with_weaker_flushing_is_noticed(tmp_path: Path, ram: Path) -> None:
    states = expected_states(HISTORIES["activation"])
    lost = 0
    for acknowledged, image in power_cut.images(_record(tmp_path, "activation", "--normal"), seed=0, subsets=SUBSETS):
        found = _open(ram, image)
        lost += found not in states or states.index(found) < acknowledged
    assert lost > 20


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_torn_tail_of_the_log_is_an_exact_prefix(tmp_path: Path, ram: Path, damage: str) -> None:
    """The log as it stands before the last flush, cut at every 97th byte, bare and with garbage behind the cut."""
    steps = HISTORIES["two"][:6]
    states = expected_states(steps)
    image: dict[str, bytes] = {}
    for acknowledged, files in power_cut.images(_record(tmp_path, "two"), seed=0, subsets=0):
        if acknowledged == len(steps):
            image = files
            break
    log, before = image["journal.db-wal"], 0
    for cut in range(0, len(log), 97):
        tail = bytes(range(256)) * 16 if damage == "garbage" else b""
        found = _open(ram, {**image, "journal.db-wal": log[:cut] + tail})
        assert found in states, f"cut at {cut}"
        assert states.index(found) >= before
        before = states.index(found)
    assert before >= len(steps) - 1


def test_image_without_any_file_is_a_new_journal(ram: Path) -> None:
    assert _open(ram, {}) == expected_states(())[0]


def test_harness_refuses_what_is_not_a_journal(ram: Path) -> None:
    (ram / "journal.db").write_bytes(b"\0" * 4096)
    with pytest.raises(JournalError):
        Journal.open(ram / "journal.db", STORE_KEY)
