# SPDX-License-Identifier: Apache-2.0
"""One HTTP/1.1 connection over TLS 1.3 whose every wait ends at the caller's deadline.

Decides when an exchange has failed, and how. Rules
* the deadline bounds the whole exchange: connecting, the handshake, sending, and every byte of the answer
* an answer tells its own length; one that ends with the connection could have been cut anywhere and does not count
* an answer longer than ``MAX_ANSWER`` is not read to its end
* a connection is reused only when the last answer was whole, nothing follows it, and the server has not closed it: no byte of one
  answer is ever taken for the next
* :attr:`Channel.answered` tells whether any byte of the present answer came: only then the request is known to have arrived

It does not reconnect and knows no operation: :mod:`firmware.backend.client` does. Names are resolved by the system, whose
resolver knows no deadline; a terminal's hosts file or local resolver bounds it.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firmware.backend.errors import BackendAnswerInvalid, BackendUnreachable, Why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hal.deadline import Deadline

MAX_ANSWER = 256 * 1024
"""Longest body read, in bytes."""
MAX_HEAD = 32 * 1024
"""What status line, headers and chunk sizes may add to it."""
CHUNK = 16 * 1024
_CERTIFICATE_ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR")
"""Parts of the names of the alerts that judge a certificate (RFC 8446 §6.2); the last one: its issuer's signature is wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, media type and body of one answer."""

    status: int
    media_type: str
    body: bytes


class _Bounded(io.RawIOBase):
    """The reading half of the connection: each read waits no longer than the deadline, all reads no more than the limit."""

    def __init__(self, connection: ssl.SSLSocket, deadline: Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self.received = 0
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.ended:
            return 0
        if self.received > MAX_ANSWER + MAX_HEAD:
            raise BackendAnswerInvalid("too long")
        _arm(self._connection, self._deadline)
        count = self._connection.recv_into(buffer)
        self.received += count
        self.ended = count == 0
        return count


class _Reader(io.BufferedReader):
    """A buffered reader that stays open when :class:`http.client.HTTPResponse` has read its answer, to see what follows it."""

    def close(self) -> None:
        """Keep the buffer; it goes with the object."""


class _Endpoint:
    """What :class:`http.client.HTTPResponse` wants of a socket: one reading stream."""

    def __init__(self, stream: _Bounded) -> None:
        self.reader = _Reader(stream, CHUNK)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return self.reader


class Channel:
    """A connection to ``host``:``port`` that is open. Not for two threads at once."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, deadline: Deadline) -> None:
        self._host = f"{host}:{port}"
        self.answered = False
        self._whole = True
        plain = _connect(host, port, deadline)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            _arm(plain, deadline)
            self._connection = context.wrap_socket(plain, server_hostname=host)
        except (OSError, ValueError) as error:
            plain.close()
            raise BackendUnreachable(_why_handshake(error)) from None
        except BackendUnreachable:
            plain.close()
            raise

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> Answer:
        """Send one request and read its answer; raises :class:`BackendUnreachable` or :class:`BackendAnswerInvalid`."""
        request = _head(method, path, {"Host": self._host, **headers}, len(body)) + body
        self.answered, self._whole = False, False
        stream = _Bounded(self._connection, deadline)
        try:
            self._send(request, deadline)
            answer, whole = _read(stream, method)
        except TimeoutError:
            raise BackendUnreachable(Why.DEADLINE) from None
        except (OSError, http.client.IncompleteRead, http.client.RemoteDisconnected) as error:
            raise BackendUnreachable(_why_exchange(error)) from None
        except (http.client.HTTPException, ValueError):
            if stream.ended:
                raise BackendUnreachable(Why.CLOSED) from None
            raise BackendAnswerInvalid("not HTTP") from None
        finally:
            self.answered = stream.received > 0
        self._whole = whole
        return answer

    def reusable(self) -> bool:
        """Return whether another request may be sent: the last answer was whole, and the server has neither closed nor spoken on."""
        if not self._whole or self._connection.pending():
            return False
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, data: bytes, deadline: Deadline) -> None:
        rest = memoryview(data)
        while rest:
            _arm(self._connection, deadline)
            rest = rest[self._connection.send(rest[:CHUNK]) :]


def _head(method: str, path: str, headers: Mapping[str, str], length: int) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), f"Content-Length: {length}"]
    if any(not line.isascii() or not line.isprintable() for line in lines):
        raise ValueError("a request line or header holds characters HTTP does not allow")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _read(stream: _Bounded, method: str) -> tuple[Answer, bool]:
    """Return the answer, and whether it was whole: the connection stays open and nothing followed."""
    endpoint = _Endpoint(stream)
    response = http.client.HTTPResponse(endpoint, method=method)  # type: ignore[arg-type]  # it asks for makefile only
    response.begin()
    body = response.read(MAX_ANSWER + 1)
    if len(body) > MAX_ANSWER:
        raise BackendAnswerInvalid("too long")
    if stream.ended or response.length or (response.length is None and not response.chunked):
        raise http.client.IncompleteRead(b"", response.length)
    stream.ended = True
    followed = endpoint.reader.read()
    return Answer(response.status, response.headers.get_content_type(), body), not response.will_close and not followed


def _connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise BackendUnreachable(Why.ADDRESS) from None
    for family, kind, protocol, _, address in addresses:
        plain = socket.socket(family, kind, protocol)
        try:
            _arm(plain, deadline)
            plain.connect(address)
        except OSError:
            plain.close()
        except BackendUnreachable:
            plain.close()
            raise
        else:
            return plain
    raise BackendUnreachable(Why.CONNECT if deadline.left() else Why.DEADLINE)


def _arm(connection: socket.socket, deadline: Deadline) -> None:
    left = deadline.left()
    if left <= 0:
        raise BackendUnreachable(Why.DEADLINE)
    connection.settimeout(left)


def _why_handshake(error: Exception) -> Why:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Why.SERVER_CERTIFICATE
    if isinstance(error, TimeoutError):
        return Why.DEADLINE
    return Why.TLS


def _why_exchange(error: Exception) -> Why:
    """In TLS 1.3 the server judges the client's certificate after the client believes to be connected."""
    reason = str(getattr(error, "reason", ""))
    if isinstance(error, ssl.SSLError) and any(name in reason for name in _CERTIFICATE_ALERTS):
        return Why.CLIENT_CERTIFICATE
    return Why.CLOSED
