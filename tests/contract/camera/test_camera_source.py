# SPDX-License-Identifier: Apache-2.0
"""The camera driver against the camera simulator, at the wire."""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.camera.errors import NoFrame
from hal.camera.portrait import live_portrait
from hal.camera.service import CameraService
from hal.camera.source import capture
from hal.camera.watermark import Watermark
from hal.deadline import Deadline
from hal.errors import DeadlinePassed, HalError, LinkClosed, ProtocolError
from simulators.kit.launch import RunningSimulator

MARK = Watermark("MOBILE", "T01", "2026-11-30", "AB" * 16)


@pytest.fixture
def short_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="rnt-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def camera(short_dir: Path) -> Iterator[RunningSimulator]:
    with RunningSimulator("simulators.camera", "--socket", str(short_dir / "camera.sock"), control=short_dir / "control") as running:
        yield running


def test_capture_two_questions_give_two_fresh_pictures(camera: RunningSimulator) -> None:
    first, second = (capture(camera.endpoints["source"], Deadline.after(5)) for _ in range(2))
    assert (first.width, first.height) == (360, 450)
    assert first.image != second.image
    assert camera.control("frames")["count"] == 2


def test_capture_of_another_persona_is_another_picture(camera: RunningSimulator) -> None:
    service = CameraService({"source": camera.endpoints["source"]})
    answer = service.operations["capture"]({"mark": MARK.to_json()}, Deadline.after(5))
    camera.control("persona", persona="li")
    other = service.operations["capture"]({"mark": MARK.to_json()}, Deadline.after(5))
    pixels = [live_portrait(each["image"], MARK).image for each in (answer, other)]
    assert sum(one != two for one, two in zip(*pixels, strict=True)) > 10_000
    assert service.link_us > 0


@pytest.mark.parametrize(
    ("fault", "error", "reason"),
    [
        ({"do": "hang_up"}, LinkClosed, "hung_up"),
        ({"do": "oversize"}, ProtocolError, "oversize"),
        ({"do": "truncated"}, ProtocolError, "truncated"),
        ({"do": "truncated", "bytes": 2}, ProtocolError, "truncated"),
        ({"do": "garbage"}, ProtocolError, "header"),
        ({"do": "trailing"}, ProtocolError, "trailing"),
        ({"do": "silence"}, DeadlinePassed, None),
    ],
    ids=lambda value: value["do"] if isinstance(value, dict) else None,
)
def test_capture_with_a_fault_is_the_declared_error_and_the_next_one_works(
    camera: RunningSimulator, fault: dict[str, object], error: type[HalError], reason: str | None
) -> None:
    camera.control("fault", fault={"at": "frame", **fault})
    with pytest.raises(error) as raised:
        capture(camera.endpoints["source"], Deadline.after(0.3 if fault["do"] == "silence" else 5))
    assert raised.value.data.get("reason") == reason
    assert capture(camera.endpoints["source"], Deadline.after(5)).width == 360


def test_capture_while_held_passes_its_deadline(camera: RunningSimulator) -> None:
    camera.control("fault", fault={"at": "frame", "do": "hold"})
    with pytest.raises(DeadlinePassed):
        capture(camera.endpoints["source"], Deadline.after(0.2))
    assert camera.control("wait_held")["held"] == "frame"
    camera.control("release")


def test_capture_with_covered_lens_is_no_frame(camera: RunningSimulator) -> None:
    camera.control("cover")
    with pytest.raises(NoFrame):
        capture(camera.endpoints["source"], Deadline.after(5))
    camera.control("uncover")
    assert capture(camera.endpoints["source"], Deadline.after(5)).height == 450


def test_capture_after_the_source_died_is_link_closed(camera: RunningSimulator) -> None:
    camera.kill()
    with pytest.raises(LinkClosed):
        capture(camera.endpoints["source"], Deadline.after(5))


def test_capture_without_a_source_is_link_closed(short_dir: Path) -> None:
    with pytest.raises(LinkClosed):
        capture(str(short_dir / "nobody"), Deadline.after(5))


def test_capture_under_a_slow_trickle_keeps_one_deadline(short_dir: Path) -> None:
    """A source that sends a byte now and then must not stretch the deadline."""
    path = short_dir / "slow.sock"
    stop = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def trickle() -> None:
            channel, _ = listener.accept()
            with channel:
                channel.sendall((100_000).to_bytes(4, "big"))
                while not stop.wait(0.02):
                    try:
                        channel.sendall(b"P")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises(DeadlinePassed):
                capture(str(path), Deadline.after(0.2))
        finally:
            stop.set()
            thread.join()


def test_capture_path_too_long_for_a_socket_is_link_closed() -> None:
    with pytest.raises(LinkClosed):
        capture("/tmp/" + "x" * 200, Deadline.after(1))  # noqa: S108  # never created: too long for the kernel


def test_persona_nobody_knows_is_refused_and_the_old_one_stays(camera: RunningSimulator) -> None:
    with pytest.raises(RuntimeError, match="KeyError"):
        camera.control("persona", persona="nobody")
    assert capture(camera.endpoints["source"], Deadline.after(5)).width == 360
