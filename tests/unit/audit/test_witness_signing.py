# SPDX-License-Identifier: Apache-2.0
"""The witness and a key that takes its time: nobody waits for it, and what it signs is the log as it stands."""

from __future__ import annotations

import asyncio
import functools
import queue
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from firmware.core.checkpoint import read_checkpoint
from firmware.journal import Journal
from firmware.keystore import KeystoreError
from firmware.runtime.clock import Clock
from firmware.runtime.unit import Interrupt
from firmware.runtime.witness import TRIES, Witness
from tests.unit.audit.audit_world import STORE_KEY, countersign
from tests.unit.core_codecs.core_world import OPERATOR, OPERATOR_KEYS, SERIAL, TERMINAL_KEY, ScalarSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_S = 10


@dataclass(frozen=True)
class SlowSigner(ScalarSigner):
    """A key that tells when it is asked for a signature, and makes it when it is let go."""

    asked: queue.Queue[None] = field(default_factory=queue.Queue)
    let_go: queue.Queue[None] = field(default_factory=queue.Queue)

    def sign(self, tbs: bytes) -> bytes:
        self.asked.put(None)
        try:
            self.let_go.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise KeystoreError("never let go") from None
        return super().sign(tbs)


class Operator:
    """An operator that has seen nothing yet and countersigns everything."""

    def known_log(self) -> int:
        return 0

    def checkpoint(self, message: bytes, _known: int, _proof: list[bytes]) -> bytes:
        return countersign(read_checkpoint(message))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db", STORE_KEY) as opened:
        grow(opened, 1)
        yield opened


def grow(journal: Journal, number: int) -> None:
    journal.append(bytes([number]) * 16, "something", b"", close=True)


def sync_while(journal: Journal, *meanwhile: Callable[[], None]) -> bool:
    """Have the log countersigned, doing one thing after the other on the witness's loop while the key makes its signatures."""
    signer = SlowSigner(TERMINAL_KEY.scalar)
    trust = SimpleNamespace(keyring=OPERATOR_KEYS, operator_id=OPERATOR)
    unit = SimpleNamespace(
        journal=journal, serial=SERIAL, clock=Clock(0), signer=signer, backend=Operator(), trust=trust, interrupt=Interrupt()
    )

    async def run() -> bool:
        syncing = asyncio.ensure_future(Witness(cast("Any", unit)).sync())
        for act in meanwhile:
            await asyncio.to_thread(signer.asked.get, timeout=PATIENCE_S)
            act()
            signer.let_go.put(None)
        return await syncing

    return asyncio.run(run())


def growing(journal: Journal, times: int) -> list[Callable[[], None]]:
    return [functools.partial(grow, journal, number) for number in range(2, 2 + times)]


def nothing() -> None:
    pass


def test_sync_while_the_key_takes_its_time_leaves_the_loop_to_others(journal: Journal) -> None:
    assert sync_while(journal, nothing)
    last = journal.last_checkpoint()
    assert last is not None
    assert (last.seq, last.countersigned) == (2, 3)


@pytest.mark.parametrize("times", [1, TRIES - 1])
def test_sync_of_a_log_that_grew_while_the_key_signed_covers_what_came(journal: Journal, times: int) -> None:
    assert sync_while(journal, *growing(journal, times), nothing)
    last = journal.last_checkpoint()
    assert last is not None
    assert read_checkpoint(last.message).checkpoint.size == 1 + times
    assert (last.seq, last.countersigned) == (2 + times, 3 + times)


def test_sync_of_a_log_that_never_stands_still_leaves_it_alone(journal: Journal) -> None:
    assert not sync_while(journal, *growing(journal, TRIES))
    assert journal.last_checkpoint() is None
    assert sync_while(journal, nothing)
