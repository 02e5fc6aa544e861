# SPDX-License-Identifier: Apache-2.0
"""The operator's API as the terminal sees it: one blocking client, frozen answers, one error tree.

It carries signed bytes and judges none of them: what an approval says is :mod:`firmware.core.approval`'s business.
"""

from firmware.backend.answers import Approved, Enrolled, Held, LoggedOn, Refused, RelayRound
from firmware.backend.client import BackendClient
from firmware.backend.errors import BackendAnswerInvalid, BackendError, BackendRefusedRequest, BackendUnreachable, Why

__all__ = [
    "Approved",
    "BackendAnswerInvalid",
    "BackendClient",
    "BackendError",
    "BackendRefusedRequest",
    "BackendUnreachable",
    "Enrolled",
    "Held",
    "LoggedOn",
    "Refused",
    "RelayRound",
    "Why",
]
