# SPDX-License-Identifier: Apache-2.0
"""The operator as the witness of its terminals' audit logs (RFC 9162 trees, known by signed checkpoints).

Rules, in order
1. a checkpoint is signed by the record key the unit is enrolled with, and names that unit: else 422 CHECKPOINT_REJECTED
2. a log never gets shorter: 409 LOG_TRUNCATED (a journal cut or restored)
3. it begins with the log seen last, proven by a consistency proof from that size: else 409 LOG_FORKED (a cloned or rewritten log)
4. 2 and 3 are breaches: both sides of the story are kept as evidence and the unit is on the deny-list (R505) from then on
5. otherwise the checkpoint is kept and countersigned; the same checkpoint again gets a countersignature again

A proof that starts at another size than the one kept is no breach but a race: 409 ABORTED, ask again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.backend import signatures, strict_cbor
from simulators.backend.errors import ApiError
from simulators.backend.signatures import NotAuthentic
from simulators.backend.store.port import plain
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulators.backend.activation import Unit
    from simulators.backend.authority import Authority
    from simulators.backend.clock import Clock
    from simulators.backend.store import Db, Store
    from simulators.backend.verification import Verifiers

_HASH = 32
_MAX_PROOF = 64
_KEYS = {1, 6, *range(256, 262)}


@dataclass(frozen=True, slots=True)
class Shown:
    """An authentic checkpoint."""

    message: bytes
    size: int
    root: bytes


class Witness:
    """Keeps the checkpoints of all terminals and countersigns them."""

    def __init__(self, store: Store, authority: Authority, operator_id: str, verifiers: Verifiers, clock: Clock) -> None:
        self._store, self._authority, self._operator_id = store, authority, operator_id
        self._verifiers, self._clock = verifiers, clock

    async def known(self, serial: str) -> dict[str, Any]:
        """Return how many leaves of the unit's log were seen; 0 when none."""
        last = await self._store.ask(lambda db: db.one("log.last", serial))
        return {"size": last["size"] if last else 0}

    async def take(self, unit: Unit, body: bytes) -> dict[str, Any]:
        """Return the countersignature of a checkpoint; raises :class:`ApiError`."""
        message, old, proof = _request(body)
        shown = await self._verifiers.aside(lambda: _authentic(unit, message))
        answer = await self._verifiers.aside(lambda: self._countersign(unit.serial, shown))
        code = await self._store.ask(lambda db: self._keep(db, unit, shown, old, proof, answer))
        if code:
            raise ApiError(409, code, "this is not the log that was seen before")
        return {"countersignature": _b64(answer)}

    def _keep(self, db: Db, unit: Unit, shown: Shown, old: int, proof: Sequence[bytes], answer: bytes) -> str:
        """Keep a checkpoint with its countersignature, or a breach; returns the breach's code."""
        if db.one("terminal.heard", self._clock.now(), unit.serial, unit.tls) is None:
            raise ApiError(403, "PERMISSION_DENIED", "not the current TLS certificate of a terminal")
        last = db.one("log.last", unit.serial)
        code = _judge(last, shown, old, proof)
        if code and last:
            db.do("log.breach", unit.serial, code, bytes(last["message"]), shown.message)
            db.do("terminal.revoke", unit.serial)
        elif last is None or bytes(last["message"]) != shown.message:
            db.do("log.keep", unit.serial, shown.size, shown.root, shown.message, answer)
        return code

    def kept(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return all checkpoints of ``serial`` with their countersignatures, oldest first, and the breaches: bytes as hex."""
        serial = str(request["serial"])
        rows, breaches = self._store.run(lambda db: (db.all("log.checkpoints", serial), db.all("log.breaches", serial)))
        return {"checkpoints": plain(rows), "breaches": plain(breaches)}

    def _countersign(self, serial: str, shown: Shown) -> bytes:
        payload = strict_cbor.dumps({1: self._operator_id, 6: self._clock.now(), 256: 1, 257: serial, 258: shown.size, 259: shown.root})
        aad = signatures.message_digest(shown.message)
        key, kid = self._authority.approval_pem, self._authority.approval_kid
        return signatures.sign(payload, typ="rnt-countersignature", key_pem=key, kid=kid, aad=aad)


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the tree of ``size`` leaves begins with that of ``old`` (RFC 9162 §2.1.4.2)."""
    if old == size:
        return old_root == root and not proof
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not 0 < old < size or not path:
        return False
    first, second = old - 1, size - 1
    while first % 2:
        first, second = first // 2, second // 2
    from_old = from_new = path[0]
    for node in path[1:]:
        if second == 0:
            return False
        if first % 2 or first == second:
            from_old, from_new = _node(node, from_old), _node(node, from_new)
            while first % 2 == 0 and first:
                first, second = first // 2, second // 2
        else:
            from_new = _node(from_new, node)
        first, second = first // 2, second // 2
    return second == 0 and from_old == old_root and from_new == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _judge(last: Mapping[str, Any] | None, shown: Shown, old: int, proof: Sequence[bytes]) -> str:
    """Return the code of a breach, or nothing; raises :class:`ApiError` for a proof from another size."""
    if last is None:
        if old or proof:
            raise ApiError(409, "ABORTED", "no log is known")
        return ""
    if shown.size < last["size"]:
        return "LOG_TRUNCATED"
    if old != last["size"]:
        raise ApiError(409, "ABORTED", "another size is known")
    if old == 0 and not proof:  # every log begins with the empty one
        return ""
    return "" if consistent(old, bytes(last["root"]), shown.size, shown.root, proof) else "LOG_FORKED"


def _authentic(unit: Unit, message: bytes) -> Shown:
    try:
        payload = signatures.verify(message, typ="rnt-checkpoint", keys={signatures.key_id(unit.spki): unit.spki})
        claims = strict_cbor.loads(payload)
    except (NotAuthentic, Malformed):
        raise ApiError(422, "CHECKPOINT_REJECTED", "signature or encoding") from None
    if type(claims) is not dict or set(claims) != _KEYS or (claims[1], claims[256]) != (unit.serial, 1):
        raise ApiError(422, "CHECKPOINT_REJECTED", "content")
    numbers, digests = [claims[6], claims[257], claims[260]], [claims[258], claims[261]]
    if not all(type(n) is int and 0 <= n < 1 << 63 for n in numbers) or not all(type(d) is bytes and len(d) == _HASH for d in digests):
        raise ApiError(422, "CHECKPOINT_REJECTED", "content")
    return Shown(message, claims[257], claims[258])


def _request(body: bytes) -> tuple[bytes, int, list[bytes]]:
    """Read ``{checkpoint, old_size, proof}``; raises :class:`ApiError`."""
    try:
        value = json.loads(body)
        message, proof = _bytes(value["checkpoint"]), [_bytes(node) for node in value["proof"]]
        old = value["old_size"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ApiError(400, "INVALID_ARGUMENT", "members") from None
    right = set(value) == {"checkpoint", "old_size", "proof"} and type(old) is int and old >= 0 and type(value["proof"]) is list
    if not right or len(proof) > _MAX_PROOF or any(len(node) != _HASH for node in proof):
        raise ApiError(400, "INVALID_ARGUMENT", "members")
    return message, old, proof


def _bytes(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _b64(data) != text:
        raise ValueError("base64url")
    return data


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
