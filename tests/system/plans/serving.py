# SPDX-License-Identifier: Apache-2.0
"""Serve one customer with any business, and read what the record then says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cbor2

if TYPE_CHECKING:
    from tests.support.station import Screen, Station


def begun(screen: Screen) -> tuple[str, ...]:
    """Return the steps of the newest session, in order."""
    return tuple(m["step"] for m in screen.messages if m["type"] == "step" and m["phase"] == "begin")


def serve(station: Station, screen: Screen, kind: str, **wish: Any) -> dict[str, Any]:
    """Open a session of ``kind`` and return its result; ``wish`` has document, modifiers, line."""
    screen.messages.clear()
    station.device("desk", "start", kind=kind, **({"line": "8613900000001"} | wish))
    return screen.result()


def record(station: Station, result: dict[str, Any]) -> dict[int, Any]:
    """Return the claims of the session's record as the operator has it."""
    bundle = cbor2.loads(bytes.fromhex(station.device("backend", "bundle", session=result["session"])["bundle"]))
    claims: dict[int, Any] = cbor2.loads(cbor2.loads(bundle[257]).value[2])
    return claims
