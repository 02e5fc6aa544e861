# SPDX-License-Identifier: Apache-2.0
"""DS-05: pixels without a mark exist in the camera worker's memory only, and only until its answer is out."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from firmware.runtime.memory import WIPING
from firmware.runtime.workers import DeviceWorker
from hal.camera.pages import document_page
from hal.camera.watermark import Watermark
from simulators.camera.papers import page_pgm
from simulators.kit.launch import RunningSimulator
from tests.support import canary, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = Watermark("MOBILE", "T01", "2026-11-30", "0123456789ABCDEF" * 2)
FACE = slice(490, 610)
"""Columns of the face on the page: tones of the persona's own, and lines of the mark across them."""


@pytest.fixture
def table() -> Iterator[RunningSimulator]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    with RunningSimulator("simulators.camera", "--socket", str(folder / "table"), "--table", control=folder / "control") as running:
        running.control("lay", document="D02", persona="canary", page=1)
        yield running
    shutil.rmtree(folder)


def unmarked(image: bytes) -> list[bytes]:
    """Return pieces of the page as they are without the mark, and are no longer with it."""
    plain, marked = evidence.rows_of(page_pgm("D02", "canary", 1)), evidence.rows_of(image)
    pieces = [row[FACE] for row, other in zip(plain, marked, strict=False) if row[FACE] != other[FACE] and len(set(row[FACE])) > 1]
    assert len(pieces) > 20
    return pieces


@pytest.mark.clause("DS-05")
def test_worker_that_has_answered_holds_no_pixel_without_its_mark(table: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WIPING.items():
        monkeypatch.setenv(name, value)  # as the terminal starts its workers

    async def taken() -> tuple[bytes, set[bytes]]:
        worker = DeviceWorker("camera", {"source": table.endpoints["source"], "documents": table.endpoints["source"]})
        try:
            answer = await worker.call("page", timeout=20, mark=MARK.to_json())
            image = document_page(answer["image"], MARK).image
            assert worker.pid is not None
            return image, canary.holds(worker.pid, unmarked(image))
        finally:
            await worker.stop()

    image, left = asyncio.run(taken())
    assert left == set()
    assert canary.holds(table.process.pid, unmarked(image)) != set()  # the search finds what is there: the camera itself knows the page
