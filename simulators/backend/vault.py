# SPDX-License-Identifier: Apache-2.0
"""The operator's vault: records with their items, still sealed to the vault key, and the bundles made of them for inspectors.

Decides nothing about who may see what; it shows exactly the fields it is told to. Erasing forgets the items and keeps the record.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from simulators.backend import signatures, strict_cbor

if TYPE_CHECKING:
    from simulators.backend.authority import Authority
    from simulators.backend.store import Store


class Vault:
    """Opens for a bundle what terminals sent; the approval's own work put it there."""

    def __init__(self, store: Store, authority: Authority) -> None:
        self._store, self._authority = store, authority

    def bundle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return ``{bundle}`` (hex) that shows ``fields`` (numbers) of the record of ``session`` (hex); ``ValueError`` when it cannot."""
        session, fields = bytes.fromhex(request["session"]), {int(number) for number in request.get("fields", [])}
        row = self._store.run(lambda db: db.one("activation.vault_find", session))
        if row is None or (fields and row["items"] is None):
            raise ValueError("nothing is kept of this session")
        shown = self._open(session, row["items"], fields) if fields else []
        content: dict[int, Any] = {256: 1, 257: bytes(row["record"]), 258: shown}
        approval = json.loads(row["answer"]).get("approval")
        if approval:
            content[259] = _octets(approval)
        return {"bundle": strict_cbor.dumps(content).hex()}

    def erase(self, request: dict[str, Any]) -> None:
        """Forget the items of ``session`` (hex): the retention term is over."""
        session = bytes.fromhex(request["session"])
        self._store.run(lambda db: db.do("activation.vault_erase", session))

    def _open(self, session: bytes, sealed: bytes, fields: set[int]) -> list[Any]:
        plain = signatures.unseal(sealed, private_key=self._authority.vault_private, info=b"rnt/items/1" + session)
        items = [item for item in strict_cbor.loads(plain) if item[1] in fields]
        if {item[1] for item in items} != fields:
            raise ValueError("the record has no such field")
        return sorted(items, key=lambda item: int(item[1]))


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
