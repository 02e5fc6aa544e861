# SPDX-License-Identifier: Apache-2.0
"""The serial link on a pseudo-terminal whose other end is this test."""

import errno
import os
import threading
import tty
from collections.abc import Iterator

import pytest

from hal.deadline import Deadline
from hal.errors import DeadlinePassed, LinkClosed, LinkError, ProtocolError
from hal.link.serial import SerialLink


class FarEnd:
    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.name = os.ttyname(self._slave)

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def pull(self) -> None:
        if self.master >= 0:
            os.close(self._slave)
            os.close(self.master)
            self.master = -1


@pytest.fixture
def far() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.pull()


@pytest.fixture
def link(far: FarEnd) -> Iterator[SerialLink]:
    opened = SerialLink(far.name, 115200)
    yield opened
    opened.close()


def soon() -> Deadline:
    return Deadline.after(5)


def test_read_exactly_takes_its_bytes_and_leaves_the_rest(far: FarEnd, link: SerialLink) -> None:
    far.send(bytes(range(200)))
    assert link.read_exactly(150, soon()) == bytes(range(150))
    assert link.read_some(4096, soon()) == bytes(range(150, 200))


def test_read_exactly_waits_for_bytes_that_come_in_pieces(far: FarEnd, link: SerialLink) -> None:
    def pieces() -> None:
        for at in range(0, 1300, 100):
            far.send(bytes([at // 100]) * 100)

    sender = threading.Thread(target=pieces)
    sender.start()
    assert len(link.read_exactly(1300, soon())) == 1300
    sender.join()
    assert link.waited_us > 0
    link.reset_waited()
    assert link.waited_us == 0


def test_read_at_its_deadline_keeps_what_came(far: FarEnd, link: SerialLink) -> None:
    far.send(b"abc")
    with pytest.raises(DeadlinePassed):
        link.read_exactly(4, Deadline.after(0.02))
    far.send(b"d")
    assert link.read_exactly(4, soon()) == b"abcd"


def test_read_until_returns_frames_one_by_one(far: FarEnd, link: SerialLink) -> None:
    far.send(b"one\0two\0")
    assert [link.read_until(b"\0", 16, soon()) for _ in range(2)] == [b"one\0", b"two\0"]


def test_read_until_without_an_end_is_refused_and_gone(far: FarEnd, link: SerialLink) -> None:
    far.send(b"0123456789\0next\0")
    with pytest.raises(ProtocolError):
        link.read_until(b"\0", 10, soon())
    assert link.read_until(b"\0", 10, soon()) == b"\0"
    assert link.read_until(b"\0", 10, soon()) == b"next\0"


def test_discard_throws_away_buffer_and_line_and_counts_them(far: FarEnd, link: SerialLink) -> None:
    far.send(b"12345")
    link.read_exactly(1, soon())
    far.send(b"678")
    while not link.quiet(Deadline.after(0.02)):
        assert link.discard() in (4, 7, 3)
    with pytest.raises(DeadlinePassed):
        link.read_some(1, Deadline.after(0.02))


def test_discard_on_a_babbling_line_gives_up(far: FarEnd, link: SerialLink) -> None:
    stop = threading.Event()

    def babble() -> None:
        while not stop.is_set():
            far.send(b"x" * 1000)

    sender = threading.Thread(target=babble)
    sender.start()
    try:
        for _ in range(200):
            try:
                link.discard()
            except LinkError:
                break
    finally:
        stop.set()
        link.discard()
        sender.join()


def test_write_arrives_whole(far: FarEnd, link: SerialLink) -> None:
    link.write(b"\xaa\x00\xff" * 100, soon())
    heard = b""
    while len(heard) < 300:
        heard += os.read(far.master, 300)
    assert heard == b"\xaa\x00\xff" * 100


def test_write_nobody_takes_passes_its_deadline(far: FarEnd, link: SerialLink) -> None:
    with pytest.raises(DeadlinePassed):
        link.write(bytes(1 << 20), Deadline.after(0.05))


def test_port_pulled_while_waiting_is_link_closed(far: FarEnd, link: SerialLink) -> None:
    puller = threading.Timer(0.05, far.pull)
    puller.start()
    with pytest.raises(LinkClosed):
        link.read_exactly(1, soon())
    puller.join()
    for call in (link.discard, lambda: link.write(b"x", soon()), lambda: link.quiet(soon())):
        with pytest.raises(LinkClosed):
            call()


def test_port_taken_absent_or_no_port_is_link_closed(far: FarEnd, link: SerialLink) -> None:
    for path in (far.name, "/dev/rnt-nowhere", "/dev/null"):
        with pytest.raises(LinkClosed):
            SerialLink(path, 115200)


def test_closed_link_is_link_closed(link: SerialLink) -> None:
    link.close()
    link.close()
    with pytest.raises(LinkClosed):
        link.discard()


def test_baud_can_change_on_an_open_link(far: FarEnd, link: SerialLink) -> None:
    link.set_baud(9600)
    far.send(b"ok")
    assert link.read_exactly(2, soon()) == b"ok"


def test_port_that_somebody_has_is_busy(far: FarEnd, link: SerialLink) -> None:
    with pytest.raises(LinkClosed) as error:
        SerialLink(far.name, 115200)
    assert error.value.data == {"errno": errno.EBUSY}
