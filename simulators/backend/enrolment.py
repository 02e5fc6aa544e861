# SPDX-License-Identifier: Apache-2.0
"""Enrolment: a work order is exchanged, once, for a terminal's two certificates and the operator's trust list.

Rules: the token must be one this operator wrote and nobody used; both requests carry it as their order; the same request with the
same token gets the same answer again. A unit that is enrolled anew starts a new chain of records, and its old certificates end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.backend.authority import RequestRefused
from simulators.backend.errors import ApiError

if TYPE_CHECKING:
    from simulators.backend.authority import Authority
    from simulators.backend.packs import Packs
    from simulators.backend.store import Store


@dataclass(slots=True)
class Enrolments:
    """Writes work orders and redeems them; ``url`` is known once the server listens. ``refuse_software``: record keys live on tokens."""

    store: Store
    authority: Authority
    operator_id: str
    url: str = field(default="")
    refuse_software: bool = False
    packs: Packs | None = None

    def write_order(self) -> str:
        """Return a fresh work-order token."""
        token = secrets.token_urlsafe(24)
        with self.store.transaction() as db:
            db.execute("INSERT INTO work_order VALUES (?, NULL, NULL)", (_digest(token),))
        return token

    def enrol(self, token: str, serial: str, record_csr: bytes, tls_csr: bytes) -> dict[str, Any]:
        """Return certificates and trust list; raises :class:`ApiError` 401, 403 or 400."""
        request = hashlib.sha256(b"|".join([serial.encode(), hashlib.sha256(record_csr).digest(), tls_csr])).digest()
        with self.store.transaction() as db:
            order = db.execute("SELECT request, answer FROM work_order WHERE token = ?", (_digest(token),)).fetchone()
            if order is None:
                raise ApiError(401, "UNAUTHENTICATED", "no such work order")
            if order["answer"] is not None:
                if order["request"] != request:
                    raise ApiError(403, "PERMISSION_DENIED", "this work order was used")
                return dict(json.loads(order["answer"]))
            try:
                record = self.authority.grant(record_csr, serial=serial, purpose="record", order=token)
                tls = self.authority.grant(tls_csr, serial=serial, purpose="tls", order=token)
            except RequestRefused as refused:
                raise ApiError(400, "INVALID_ARGUMENT", f"certificate request: {refused}") from None
            if record.spki == tls.spki:
                raise ApiError(400, "INVALID_ARGUMENT", "one key, one purpose")
            if self.refuse_software and record.protection == "software":
                raise ApiError(403, "PERMISSION_DENIED", "this operator takes no record key in software")
            answer = self._answer(record.pem, tls.pem)
            unit = (serial, record.spki, record.protection, tls.fingerprint, 0, bytes(32), 0)
            db.execute("INSERT OR REPLACE INTO terminal VALUES (?, ?, ?, ?, ?, ?, ?)", unit)
            db.execute("UPDATE work_order SET request = ?, answer = ? WHERE token = ?", (request, json.dumps(answer), _digest(token)))
        return answer

    def _answer(self, record_pem: str, tls_pem: str) -> dict[str, Any]:
        return {
            "record_cert": record_pem,
            "tls_cert": tls_pem,
            "ca": self.authority.ca_path.read_text(),
            "trust": {
                "operator_id": self.operator_id,
                "backend_url": self.url,
                "approval_keys": self.authority.approval_keys(),
                "vault_key": base64.b64encode(self.authority.vault_public).decode(),
                **(self.packs.trust() if self.packs else {}),
            },
            "packs": self.packs.signed() if self.packs else [],
        }


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
