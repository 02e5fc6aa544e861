# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange over a socket pair, where the other end says anything at all."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.backend import BackendAnswerInvalid, BackendError, BackendUnreachable, Why
from firmware.backend.channel import MAX_ANSWER, Answer, Channel
from hal.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

THOROUGH = settings(max_examples=2000, deadline=None)
GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"now":1}'
CHUNKED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"now\r\n4\r\n":1}\r\n0\r\n\r\n'
JSON = "application/json"


def exchanged(said: bytes) -> tuple[Answer | BackendError, Channel]:
    """Send a request to a peer that answers ``said`` and closes."""
    near, far = socket.socketpair()
    channel = Channel.__new__(Channel)
    channel._host, channel._connection = "test", near  # type: ignore[assignment]  # a plain socket reads and writes alike
    with near, far:
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        try:
            return channel.exchange("GET", "/", {}, b"", Deadline.after(5)), channel
        except BackendError as error:
            return error, channel


@pytest.mark.parametrize("said", [GOOD, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD])
def test_a_whole_answer_is_read(said: bytes) -> None:
    answer, channel = exchanged(said)
    assert answer == Answer(200, JSON, b'{"now":1}')
    assert channel._whole
    assert channel.answered


@pytest.mark.parametrize("said", [GOOD + b"x", GOOD + GOOD, GOOD.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n")])
def test_a_connection_with_something_left_on_it_is_not_used_again(said: bytes) -> None:
    answer, channel = exchanged(said)
    assert answer == Answer(200, JSON, b'{"now":1}')
    assert not channel._whole


@pytest.mark.parametrize("said", [GOOD, CHUNKED])
def test_an_answer_cut_anywhere_is_no_answer(said: bytes) -> None:
    for length in range(len(said)):
        error, channel = exchanged(said[:length])
        assert isinstance(error, BackendUnreachable)
        assert error.why is Why.CLOSED
        assert channel.answered == (length > 0)


@pytest.mark.parametrize(
    "said",
    [
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"now":1}',
        GOOD.replace(b"Content-Length: 9", b"Content-Length: -9"),
        GOOD.replace(b"Content-Length: 9", b"Content-Length: 1e9"),
        CHUNKED.replace(b"5\r\n", b"zz\r\n"),
    ],
)
def test_an_answer_without_a_length_is_no_answer(said: bytes) -> None:
    assert isinstance(exchanged(said)[0], BackendUnreachable)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-x\r\n" * 9,
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n" * 9,
    ],
)
def test_what_is_not_http_is_an_error(said: bytes) -> None:
    assert isinstance(exchanged(said)[0], BackendError)


@pytest.mark.parametrize("head", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"])
def test_a_body_beyond_the_limit_is_not_read_to_its_end(head: bytes) -> None:
    body = b"x" * (MAX_ANSWER + 1)
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    channel = Channel.__new__(Channel)
    channel._host, channel._connection = "test", near  # type: ignore[assignment]  # a plain socket reads and writes alike
    with near, far:
        chunk = b"%x\r\n" % len(body) if b"chunked" in head else b""
        far.settimeout(5)
        far.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + chunk + body)
        with pytest.raises(BackendAnswerInvalid):
            channel.exchange("GET", "/", {}, b"", Deadline.after(5))


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_continue_without_end_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    channel = Channel.__new__(Channel)
    channel._host, channel._connection = "test", near  # type: ignore[assignment]  # a plain socket reads and writes alike
    far.setblocking(False)
    sent = far.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000)
    assert sent > 0
    with pytest.raises(BackendError):
        channel.exchange("GET", "/", {}, b"", Deadline.after(0.5))


@pytest.mark.slow
@THOROUGH
@given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]))
def test_random_answers_end_in_an_answer_or_the_declared_error(said: bytes, head: bytes) -> None:
    assert isinstance(exchanged(head + said)[0], Answer | BackendError)


@pytest.mark.slow
@THOROUGH
@given(st.sampled_from([GOOD, CHUNKED]), st.data())
def test_a_flipped_answer_ends_in_an_answer_or_the_declared_error(said: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(said) * 8 - 1))
    flipped = bytearray(said)
    flipped[position // 8] ^= 1 << position % 8
    assert isinstance(exchanged(bytes(flipped))[0], Answer | BackendError)
