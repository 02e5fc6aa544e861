# SPDX-License-Identifier: Apache-2.0
"""The decoder seam as the terminal uses it: a worker process with the rig's stand-in library, well-behaved and not."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firmware.runtime.workers import DeviceFailed, DeviceWorker
from simulators.kit.launch import RunningSimulator
from simulators.personas import PERSONAS, photo_block

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTOR = json.loads((Path(__file__).parents[2] / "vectors/portrait/stand_in.json").read_text())
PHOTO = photo_block(PERSONAS["zhang"])


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="rnt-"))
    yield made
    shutil.rmtree(made)


def library(folder: Path, behaviour: str) -> Path:
    built = folder / "decoder.so"
    with RunningSimulator(
        "simulators.portrait", "--library", str(built), "--behaviour", behaviour, control=folder / "control"
    ) as simulator:
        assert simulator.endpoints["library"] == str(built)
    return built


def decode(path: Path, photo: bytes, timeout: float = 5.0) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        worker = DeviceWorker("portrait", {"library": str(path)})
        try:
            return await worker.call("decode", timeout=timeout, photo=photo.hex())
        finally:
            await worker.stop()

    return asyncio.run(ask())


def test_photograph_of_the_vector_is_shown_as_its_picture(folder: Path) -> None:
    made = decode(library(folder, "decodes"), bytes.fromhex(VECTOR["photo"]))
    header, picture = made["image"][:15], made["image"][15:]
    assert (made["media_type"], header) == ("image/x-portable-pixmap", b"P6\n102 126\n255\n")
    assert hashlib.sha256(picture).hexdigest() == VECTOR["rgb_sha256"]


@pytest.mark.parametrize(
    ("behaviour", "kind", "data"),
    [("crashes", "worker_ended", {}), ("hangs", "hangs", {}), ("unlicensed", "not_decoded", {"code": -5})],
)
def test_library_that_does_not_decode_ends_its_own_process_at_most(folder: Path, behaviour: str, kind: str, data: dict[str, Any]) -> None:
    with pytest.raises(DeviceFailed) as failed:
        decode(library(folder, behaviour), PHOTO, timeout=0.5)
    assert (failed.value.kind, failed.value.data) == (kind, data)


def test_library_that_prints_and_writes_files_gets_neither(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    built = library(folder, "leaks")
    capfd.readouterr()
    assert decode(built, PHOTO)["image"]
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert Path(f"{built}.leak").read_bytes() == b""


@pytest.mark.parametrize("content", [None, b"", b"\x7fELF no library"])
def test_file_that_is_no_decoder_is_unusable(folder: Path, content: bytes | None) -> None:
    path = folder / "decoder.so"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeviceFailed) as failed:
        decode(path, PHOTO)
    assert (failed.value.kind, failed.value.data) == ("decoder_unusable", {"reason": "OSError"})


def test_library_without_the_function_is_unusable() -> None:
    with pytest.raises(DeviceFailed) as failed:
        decode(Path("libc.so.6"), PHOTO)
    assert (failed.value.kind, failed.value.data) == ("decoder_unusable", {"reason": "AttributeError"})


@pytest.mark.parametrize("size", [0, 1023, 1025])
def test_photograph_of_another_size_never_reaches_the_library(folder: Path, size: int) -> None:
    with pytest.raises(DeviceFailed) as failed:
        decode(folder / "none.so", bytes(size))
    assert failed.value.kind == "protocol"
