# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between the terminal and its operator. World errors only; a caller's mistake stays a built-in exception.

No error carries a body, a header or anything else of a request: a short reason or the API's own code, nothing more.
"""

from __future__ import annotations

from enum import StrEnum


class BackendError(Exception):
    """Root of everything the client lets out."""


class Why(StrEnum):
    """Where an exchange ended."""

    ADDRESS = "address"
    """The name did not resolve."""
    CONNECT = "connect"
    """Nobody listens there, or the network does not reach it."""
    TLS = "tls"
    """The handshake failed: no common version, or the server spoke something else."""
    SERVER_CERTIFICATE = "server_certificate"
    """The server's certificate is not the operator's, expired, or names another host."""
    CLIENT_CERTIFICATE = "client_certificate"
    """The server refused this terminal's certificate."""
    CLOSED = "closed"
    """The connection ended before the answer was whole."""
    DEADLINE = "deadline"
    """The time the caller had is over."""


class BackendUnreachable(BackendError):
    """No whole answer came. Whether the operator acted on the request is unknown: ask by the session's key."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class BackendAnswerInvalid(BackendError):
    """An answer came that the API does not allow; the text names the rule, never a value."""


class BackendRefusedRequest(BackendError):
    """The operator answered with an HTTP error: ``status``, and the API's ``code`` (empty when the body gave none)."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}".strip())
        self.status = status
        self.code = code

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later: the operator is busy or down, not of another opinion."""
        return self.status == 429 or self.status >= 500  # noqa: PLR2004  # RFC 6585 §4: too many requests
