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
    from simulators.backend.store import Db, Store


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
        self.store.run(lambda db: db.do("terminal.order_write", _digest(token)))
        return token

    async def enrol(self, token: str, serial: str, record_csr: bytes, tls_csr: bytes) -> dict[str, Any]:
        """Return certificates and trust list; raises :class:`ApiError` 401, 403 or 400."""
        request = hashlib.sha256(b"|".join([serial.encode(), hashlib.sha256(record_csr).digest(), tls_csr])).digest()
        return await self.store.ask(lambda db: self._redeem(db, token, serial, request, (record_csr, tls_csr)))

    def _redeem(self, db: Db, token: str, serial: str, request: bytes, csr: tuple[bytes, bytes]) -> dict[str, Any]:
        order = db.one("terminal.order_find", _digest(token))
        if order is None:
            raise ApiError(401, "UNAUTHENTICATED", "no such work order")
        if order["answer"] is not None:
            if bytes(order["request"]) != request:
                raise ApiError(403, "PERMISSION_DENIED", "this work order was used")
            return dict(json.loads(order["answer"]))
        try:
            record = self.authority.grant(csr[0], serial=serial, purpose="record", order=token)
            tls = self.authority.grant(csr[1], serial=serial, purpose="tls", order=token)
        except RequestRefused as refused:
            raise ApiError(400, "INVALID_ARGUMENT", f"certificate request: {refused}") from None
        if record.spki == tls.spki:
            raise ApiError(400, "INVALID_ARGUMENT", "one key, one purpose")
        if self.refuse_software and record.protection == "software":
            raise ApiError(403, "PERMISSION_DENIED", "this operator takes no record key in software")
        answer = self._answer(record.pem, tls.pem)
        if db.run("terminal.order_use", request, json.dumps(answer), _digest(token)) != 1:
            raise ApiError(409, "ABORTED", "this work order is being used")
        db.do("terminal.enrol", serial, record.spki, record.protection, tls.fingerprint, bytes(32))
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
