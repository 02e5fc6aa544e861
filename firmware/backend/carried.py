# SPDX-License-Identifier: Apache-2.0
"""A submission and its answer as text that a person can carry: lines of a file on a stick, or QR codes, one line each.

    RNT1:S:0123456789ABCDEF:1/3:MZXW6YTBOI…      S submission, A answer; name of the whole; part of how many; content

Decides whether lines are a whole submission or answer. Rules
* The content is deterministic CBOR (``messages.cddl``: carried-submission, carried-answer) in base32 (RFC 4648 §6, no padding), cut into
  parts of at most :data:`PART` characters: with its head a line has only characters of a QR code's alphanumeric mode.
* The name is the first 8 bytes of the content's SHA-256: it holds parts of one whole together and finds what was misread. It proves
  nothing; the signatures inside do.
* Lines come in any order and more than once. One that is no part, of another kind or of another whole is an error, and so is a missing one.

It verifies no signature: what comes back this way passes the same checks as an answer that came over the network.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from firmware.backend.answers import MAX_MESSAGE, Approved, Refused
from firmware.backend.errors import BackendAnswerInvalid
from firmware.core import cbor, claims
from firmware.core.errors import Malformed
from firmware.core.outcomes import OUTCOMES, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

PART: Final = 1000
MAX_PARTS: Final = 99
MAX_LINE: Final = PART + 40
SUBMISSION, ANSWER = "S", "A"
_NAME_BYTES: Final = 8
_LINE: Final = re.compile(r"RNT1:([SA]):([0-9A-F]{16}):([1-9][0-9]?)/([1-9][0-9]?):([A-Z2-7]{1,1000})", re.ASCII)


def submission(session: bytes, record: bytes, items: bytes) -> list[str]:
    """Return the lines that carry a signed ``record`` and its sealed ``items`` to the operator."""
    return _lines(SUBMISSION, {1: 1, 2: session, 3: record, 4: items})


def answer(lines: Iterable[str], session: bytes) -> Approved | Refused:
    """Return the operator's answer for ``session`` that ``lines`` carry; raises :class:`BackendAnswerInvalid`."""
    try:
        said = claims.fields(cbor.decode(_whole(ANSWER, lines), 3 * MAX_MESSAGE), frozenset({1, 2}), frozenset({3, 4, 5}))
        claims.version(said[1])
        if claims.id16(said[2]) != session:
            raise BackendAnswerInvalid("of another session")
        return _outcome(said)
    except Malformed as error:
        raise BackendAnswerInvalid(f"carried: {error}") from None


def missing(lines: Iterable[str]) -> int:
    """Return how many parts are wanting beside ``lines``, which are parts of one whole; raises :class:`BackendAnswerInvalid`."""
    parts, count = _parts(ANSWER, lines)
    return count - len(parts)


def _outcome(said: dict[int, Any]) -> Approved | Refused:
    if said.keys() == {1, 2, 5}:
        code = claims.text(said[5])
        if code not in OUTCOMES or OUTCOMES[code].kind is not Kind.REFUSAL:
            raise BackendAnswerInvalid("code")
        return Refused(code)
    if 3 not in said or 5 in said:  # noqa: PLR2004  # the approval's and the code's own numbers
        raise BackendAnswerInvalid("outcome")
    approved = Approved(claims.octets(said[3]), claims.octets(said.get(4, b"")))
    if max(len(approved.approval), len(approved.profile)) > MAX_MESSAGE:
        raise BackendAnswerInvalid("too long")
    return approved


def _lines(kind: str, said: dict[int, Any]) -> list[str]:
    content = cbor.encode(said)
    text = base64.b32encode(content).decode().rstrip("=")
    parts = [text[at : at + PART] for at in range(0, len(text), PART)]
    if len(parts) > MAX_PARTS:
        raise ValueError("too long to be carried")
    return [f"RNT1:{kind}:{_name(content)}:{number}/{len(parts)}:{part}" for number, part in enumerate(parts, start=1)]


def _whole(kind: str, lines: Iterable[str]) -> bytes:
    parts, count = _parts(kind, lines)
    if len(parts) != count:
        raise BackendAnswerInvalid("parts are missing")
    text = "".join(part for _, part in sorted((number, part) for (_, number), part in parts.items()))
    try:
        content = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raise BackendAnswerInvalid("not base32") from None
    (name,) = {name for name, _ in parts}
    if base64.b32encode(content).decode().rstrip("=") != text or _name(content) != name:
        raise BackendAnswerInvalid("misread")
    return content


def _parts(kind: str, lines: Iterable[str]) -> tuple[dict[tuple[str, int], str], int]:
    """Return (name, number) → content of the parts, all of one whole, and how many that has."""
    parts: dict[tuple[str, int], str] = {}
    wholes: set[tuple[str, int]] = set()
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None or found[1] != kind or int(found[3]) > int(found[4]):
            raise BackendAnswerInvalid("no part of an answer")
        wholes.add((found[2], int(found[4])))
        if parts.setdefault((found[2], int(found[3])), found[5]) != found[5] or len(wholes) > 1:
            raise BackendAnswerInvalid("parts of different answers")
    if not wholes:
        raise BackendAnswerInvalid("nothing")
    ((_, count),) = wholes
    return parts, count


def _name(content: bytes) -> str:
    return hashlib.sha256(content).digest()[:_NAME_BYTES].hex().upper()
