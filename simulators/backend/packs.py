# SPDX-License-Identifier: Apache-2.0
"""The operator signs policy packs, from their sources (TOML) to the signed messages its terminals get with the trust list, and its roster.

Written from the normative text (``policy-pack``, ``roster``), without the terminal's code. The operator does not judge what it signs:
whether packs fit together is for the terminal to say, and a test may want them not to.
"""

from __future__ import annotations

import base64
import time
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import signatures, strict_cbor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulators.backend.authority import Authority

CATEGORIES = ("step", "party", "evidence", "check", "consent", "paper")
SELECTORS = ("kinds", "documents", "having", "without", "levels")
BACKDATE_S = 300
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Packs:
    """What the operator holds its terminals to. ``days``: life of a signature; ``channel``: level of every counter, ``None`` untold."""

    authority: Authority
    operator: str
    sources: Sequence[Path] = ()
    days: float = 365
    channel: int | None = None

    def signed(self) -> list[str]:
        """Return the packs signed now, as base64url."""
        return [self._sign(path) for path in self.sources]

    def trust(self) -> dict[str, Any]:
        """Return what the trust list says of policy: the key, the packs without which no session may begin, the channel level."""
        policy: dict[str, Any] = {"packs": [str(_read(path)["id"]) for path in self.sources]}
        if self.channel is not None:
            policy["channel"] = self.channel
        return {"policy_keys": self.authority.policy_keys(), "policy": policy}

    def roster(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the signed roster of ``people`` (``id``, ``role``, ``spki`` as hex), in force for ``days``, issued ``ago_s`` ago."""
        now = int(time.time()) - int(request.get("ago_s", 0))
        people = sorted([str(person["id"]), str(person["role"]), bytes.fromhex(person["spki"])] for person in request["people"])
        end = int(now + float(request.get("days", 365)) * DAY_S)
        payload = strict_cbor.dumps({1: self.operator, 4: end, 5: min(now, end) - BACKDATE_S, 6: now, 256: 1, 257: people})
        return {"roster": self._signed(payload, "rnt-roster").hex()}

    def _sign(self, path: Path) -> str:
        now = int(time.time())
        head = {1: self.operator, 4: int(now + self.days * DAY_S), 5: min(now, int(now + self.days * DAY_S)) - BACKDATE_S, 6: now, 256: 1}
        payload = strict_cbor.dumps({**head, **claims(_read(path))})
        return base64.urlsafe_b64encode(self._signed(payload, "rnt-policy")).rstrip(b"=").decode()

    def _signed(self, payload: bytes, typ: str) -> bytes:
        return signatures.sign(payload, typ=typ, key_pem=self.authority.policy_pem, kid=self.authority.policy_kid, aad=b"")


def claims(source: dict[str, Any]) -> dict[int, Any]:
    """Return the claims 257 to 260 of a pack's source."""
    rules = [_rule(verb, table) for verb in ("offer", "bar", "demand", "limit", "text") for table in source.get(verb, [])]
    parents = [[name, int(version)] for name, version in (parent.split("@") for parent in source["parents"])]
    return {257: source["id"], 258: source["version"], 259: sorted(parents), 260: sorted(rules, key=strict_cbor.dumps)}


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _rule(verb: str, table: dict[str, Any]) -> list[Any]:
    when: dict[int, Any] = {number: sorted(table[name].split()) for number, name in enumerate(SELECTORS, 1) if name in table}
    if "levels" in table:
        when[5] = [int(level) for level in when[5]]
    return [verb, *_content(verb, table), when, sorted(table["clauses"].split()), table["mark"], not table.get("awaiting", False)]


def _content(verb: str, table: dict[str, Any]) -> tuple[str, Any]:
    """Return a rule's subject and value."""
    match verb:
        case "offer":
            return "", []
        case "bar":
            return table["code"], []
        case "demand":
            category = next(name for name in CATEGORIES if name in table)
            return category, sorted(table[category].split())
        case "limit":
            return table["name"], table["value"]
        case _:
            return table["code"], [table["step"], table["zh"], table["en"]]
