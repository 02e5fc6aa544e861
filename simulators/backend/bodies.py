# SPDX-License-Identifier: Apache-2.0
"""The JSON bodies of requests, read strictly: exactly the members asked for, no name twice, bytes in their one base64url form.

Everything else is the caller's error: :class:`ApiError` 400 INVALID_ARGUMENT.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from simulators.backend.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,3}")
APPROVAL_BYTES, CHALLENGE_BYTES = 16, 8
ANSWERS_MAX, ANSWER_BYTES = 256, 258
"""Of one round of a relay: answers, and bytes of each with its status word."""


def members(body: bytes, *names: str) -> Mapping[str, str]:
    """Return the body's members, which are exactly ``names``, all non-empty strings."""
    value = _object(body, *names)
    if not all(isinstance(entry, str) and entry for entry in value.values()):
        raise ApiError(400, "INVALID_ARGUMENT", "members")
    return value


def relay_round(body: bytes) -> tuple[bytes, int, list[bytes]]:
    """Return approval id, sequence and answers of one round; raises :class:`ApiError` 400."""
    value = _object(body, "approval", "sequence", "answers")
    approval, sequence, answers = value["approval"], value["sequence"], value["answers"]
    if not isinstance(approval, str) or not isinstance(sequence, str) or not _DECIMAL.fullmatch(sequence):
        raise ApiError(400, "INVALID_ARGUMENT", "members")
    if not isinstance(answers, list) or len(answers) > ANSWERS_MAX or not all(isinstance(answer, str) for answer in answers):
        raise ApiError(400, "INVALID_ARGUMENT", "answers")
    said = [octets(answer) for answer in answers]
    if any(len(answer) > ANSWER_BYTES for answer in said):
        raise ApiError(400, "INVALID_ARGUMENT", "answers")
    return octets(approval, APPROVAL_BYTES), int(sequence), said


def _object(body: bytes, *names: str) -> dict[str, Any]:
    """Return the body's JSON object, whose members are exactly ``names``."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise ApiError(400, "INVALID_ARGUMENT", "not JSON") from None
    if not isinstance(value, dict) or set(value) != set(names):
        raise ApiError(400, "INVALID_ARGUMENT", "members")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("duplicate name")
    return dict(pairs)


def octets(told: str, size: int | None = None) -> bytes:
    """Return the bytes of canonical base64url without padding, ``size`` of them when told; raises :class:`ApiError` 400."""
    if not _BASE64URL.fullmatch(told) or len(told) % 4 == 1:
        raise ApiError(400, "INVALID_ARGUMENT", "base64url")
    data = base64.urlsafe_b64decode(told + "=" * (-len(told) % 4))
    if text(data) != told or (size is not None and len(data) != size):
        raise ApiError(400, "INVALID_ARGUMENT", "base64url")
    return data


def text(data: bytes) -> str:
    """Return ``data`` as base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
