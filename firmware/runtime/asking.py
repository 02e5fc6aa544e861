# SPDX-License-Identifier: Apache-2.0
"""Asking the operator: how often one request is repeated, and which code the end of it means.

Only requests that are idempotent by their key are asked through here. It decides nothing about what follows.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, TypeVar

from firmware.backend.errors import BackendError, BackendRefusedRequest, BackendUnreachable, Why
from firmware.runtime.timing import SUBMIT_TRIES, pause_after
from firmware.runtime.unit import Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
UNREACHABLE: Final = "R801"
REJECTED: Final = "R802"
CERTIFICATE: Final = "R505"
_FORBIDDEN: Final = frozenset({401, 403})


async def rest(seconds: float) -> None:
    """Let ``seconds`` pass; nothing ends it early."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def ask(request: Callable[[], T], pause: Callable[[float], Awaitable[None]] = rest) -> T:
    """Return the operator's answer to the blocking ``request``, which is made up to three times with ``pause`` (seconds) in between.

    Raises :class:`Stop`, nothing touched: R801 no answer, R802 the request is refused for good, R505 this terminal is.
    """
    for attempt in range(1, SUBMIT_TRIES + 1):
        try:
            return await asyncio.to_thread(request)
        except BackendError as error:
            stop_if_final(error)
            if attempt == SUBMIT_TRIES:
                raise Stop(UNREACHABLE) from error
        await pause(pause_after(attempt))
    raise Stop(UNREACHABLE)


def stop_if_final(error: BackendError) -> None:
    """Raise the :class:`Stop` of an answer that asking again cannot better: this terminal or its request is refused."""
    if isinstance(error, BackendUnreachable) and error.why is Why.CLIENT_CERTIFICATE:
        raise Stop(CERTIFICATE) from error
    if isinstance(error, BackendRefusedRequest) and not error.retryable:
        raise Stop(CERTIFICATE if error.status in _FORBIDDEN else REJECTED) from error
