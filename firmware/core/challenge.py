# SPDX-License-Identifier: Apache-2.0
"""The operator's challenge to the card's key (``messages.cddl``: challenge): whether the answer proves that the card has the right key.

The operator computes RAND and AUTN from the key (3GPP TS 33.102 §6.3); the terminal gets the digest of what the right key answers, so it
learns neither the key nor the response before the card gives it. It does not talk to the card.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Final

from firmware.core import claims

_RAND_LENGTH: Final = 16
_SUCCESS, _SYNC_FAILURE = 0xDB, 0xDC
"""First byte of an answer to AUTHENTICATE (3GPP TS 31.102 §7.1.2.1)."""
_AUTS_LENGTH: Final = 14


@dataclass(frozen=True, slots=True)
class Challenge:
    """RAND and AUTN of 16 bytes, and SHA-256 over RAND and the response expected."""

    rand: bytes = field(repr=False)
    autn: bytes = field(repr=False)
    expected: bytes = field(repr=False)

    def proves(self, answer: bytes) -> bool:
        """Whether ``answer`` (``DB`` length RES, or ``DC`` 0E AUTS) comes from the key the challenge was made with.

        A card whose sequence number is ahead answers AUTS: it has checked the network's code before, so its key is right too.
        """
        if len(answer) < 2 or answer[1] > len(answer) - 2:  # noqa: PLR2004  # tag and length
            return False
        value = answer[2 : 2 + answer[1]]
        if answer[0] == _SYNC_FAILURE:
            return len(value) == _AUTS_LENGTH
        return answer[0] == _SUCCESS and hmac.compare_digest(hashlib.sha256(self.rand + value).digest(), self.expected)


def read_challenge(value: Any) -> Challenge:
    """Return the challenge in a decoded claim; :class:`~firmware.core.errors.Malformed` when it is none."""
    rand, autn, expected = claims.array(value, 3)
    return Challenge(claims.octets(rand, _RAND_LENGTH), claims.octets(autn, _RAND_LENGTH), claims.digest(expected))
