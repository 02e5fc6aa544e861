# SPDX-License-Identifier: Apache-2.0
"""The operator's desk for submissions that come by hand: lines of a file or of QR codes in, lines of the answer out.

    RNT1:S:NAME:1/3:BASE32      S submission, A answer; NAME: first 8 bytes of the content's SHA-256; content: deterministic CBOR in base32

A carried submission is decided by the very rules of one that came over the network; whose it is says its own signature, for there is no TLS
certificate here. What the operator cannot decide now is not answered.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import signatures, strict_cbor
from simulators.backend.activation import Asked, Unit
from simulators.backend.errors import ApiError
from simulators.backend.signatures import NotAuthentic
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulators.backend.activation import Activations
    from simulators.backend.store import Store

_LINE = re.compile(r"RNT1:S:([0-9A-F]{16}):(\d{1,2})/(\d{1,2}):([A-Z2-7]+)")
_PART = 1000


@dataclass(frozen=True, slots=True)
class Carried:
    """Answers what people bring."""

    store: Store
    activations: Activations

    def take(self, request: dict[str, Any]) -> dict[str, Any]:
        """Control command ``carried {lines}`` → ``{lines}``; ``ValueError`` for what is no submission of a terminal of ours."""
        try:
            said = strict_cbor.loads(_content(request["lines"]))
            body = json.dumps({"record": _text(said[3]), "items": _text(said[4])}).encode()
            asked = Asked(self._unit(said[3]), said[2], body, request.get("variant"))
            answer = asyncio.run(self.activations.decide(asked))
        except (ApiError, KeyError, TypeError, Malformed) as error:
            raise ValueError(f"no submission: {type(error).__name__}") from error
        return {"lines": _lines(_said(said[2], answer))}

    def _unit(self, record: bytes) -> Unit:
        """Return the terminal whose record key signed ``record``; raises ``ValueError`` when none of ours did."""
        for row in self.store.run(lambda db: db.dump("terminal", "serial, spki, protection, tls")):
            unit = Unit(row["serial"], bytes.fromhex(row["spki"]), row["protection"], bytes.fromhex(row["tls"]))
            try:
                signatures.verify(record, typ="rnt-record", keys={signatures.key_id(unit.spki): unit.spki})
            except (NotAuthentic, Malformed):
                continue
            return unit
        raise ValueError("no terminal of ours signed this")


def _said(session: bytes, answer: dict[str, Any]) -> dict[int, Any]:
    if answer["outcome"] == "approved":
        profile = {4: _octets(answer["profile"])} if "profile" in answer else {}
        return {1: 1, 2: session, 3: _octets(answer["approval"])} | profile
    if answer["outcome"] == "refused":
        return {1: 1, 2: session, 5: answer["code"]}
    raise ValueError("not decided yet")


def _content(lines: Sequence[str]) -> bytes:
    parts: dict[int, str] = {}
    names, counts = set(), set()
    for line in lines:
        found = _LINE.fullmatch(line)
        if not found:
            raise ValueError("not a line of a submission")
        names.add(found[1])
        counts.add(int(found[3]))
        parts[int(found[2])] = found[4]
    if len(names) != 1 or counts != {len(parts)} or sorted(parts) != list(range(1, len(parts) + 1)):
        raise ValueError("lines are missing, or of more than one submission")
    text = "".join(parts[number] for number in sorted(parts))
    content = base64.b32decode(text + "=" * (-len(text) % 8))
    if hashlib.sha256(content).digest()[:8].hex().upper() not in names:
        raise ValueError("misread")
    return content


def _lines(said: dict[int, Any]) -> list[str]:
    content = strict_cbor.dumps(said)
    name, text = hashlib.sha256(content).digest()[:8].hex().upper(), base64.b32encode(content).decode().rstrip("=")
    parts = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    return [f"RNT1:A:{name}:{number}/{len(parts)}:{part}" for number, part in enumerate(parts, 1)]


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
