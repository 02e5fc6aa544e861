# SPDX-License-Identifier: Apache-2.0
"""An inspector's bundle (``messages.cddl``: bundle): a signed record with exactly the fields that may be seen.

Decides whether a bundle proves what it shows. Does not decide who may be shown what: whoever holds the items does.

Rules
* The container is not signed; everything it proves is proved by the signed messages inside, as they were signed.
* A field is its item ``[salt, field, value]``, proved by the record's salted digest. Fields left out stay hidden: nothing in the bundle
  lets anybody test a guess at them.
* An approval in the bundle must be the operator's word about this very record (external data); it needs the operator's key.
* One accepted form: items ascend by field, no field twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims, cose
from firmware.core.errors import Malformed
from firmware.core.keyring import Keyring, Purpose
from firmware.core.record import SignedRecord, disclose, read_record, verify_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RECORD, _ITEMS, _APPROVAL = 257, 258, 259
_NONCE: Final = 10
_KEYS: Final = frozenset({256, _RECORD, _ITEMS})
_OPTIONAL: Final = frozenset({_APPROVAL})
_NOTHING: Final = cbor.encode([])


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds, unverified: the record's and approval's signed bytes, and the items as CBOR."""

    record: bytes = field(repr=False)
    items: bytes = field(repr=False)
    approval: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a bundle proves: the record and the disclosed values. ``approved`` tells whether the operator's approval was in it."""

    record: SignedRecord
    values: Mapping[int, str | bytes] = field(repr=False)
    approved: bool


def build_bundle(record: bytes, items: bytes, fields: Iterable[int], *, approval: bytes | None = None) -> bytes:
    """Return the bundle that shows ``fields`` of a signed record, given all its opened ``items``.

    :class:`~firmware.core.errors.Malformed` when the items are not the record's; ``ValueError`` when the record has no such field.
    """
    chosen = set(fields)
    if not chosen <= disclose(read_record(record).record, items).keys():
        raise ValueError("the record has no such field")
    shown = [item for item in cbor.decode(items) if item[1] in chosen]
    content: dict[int, Any] = {256: 1, _RECORD: record, _ITEMS: sorted(shown, key=lambda item: int(item[1]))}
    if approval is not None:
        content[_APPROVAL] = approval
    return cbor.encode(content)


def record_alone(record: bytes) -> bytes:
    """Return the bundle that shows no field of a signed record; :class:`~firmware.core.errors.Malformed` when it is none."""
    return cbor.encode({256: 1, _RECORD: read_record(record).message, _ITEMS: []})


def read_bundle(data: bytes) -> Bundle:
    """Return the parts of a bundle, unverified; :class:`~firmware.core.errors.Malformed` for anything else."""
    c = claims.fields(cbor.decode(data), _KEYS, _OPTIONAL)
    claims.version(c[256])
    numbers = [claims.uint(claims.array(item, 3)[1]) for item in claims.array(c[_ITEMS])]
    if numbers != sorted(set(numbers)):
        raise Malformed("items ascend by field")
    approval = claims.octets(c[_APPROVAL]) if _APPROVAL in c else None
    return Bundle(claims.octets(c[_RECORD]), cbor.encode(c[_ITEMS]), approval)


def verify_bundle(data: bytes, *, keyring: Keyring, seconds: int | None = None) -> Disclosed:
    """Return what the bundle proves; ``keyring`` holds the terminal's record key and, for an approval, the operator's.

    Raises ``SignatureRefused`` or ``Malformed``; nothing of a bundle is believed when a part of it fails.
    """
    bundle = read_bundle(data)
    record = verify_record(bundle.record, keyring=keyring, seconds=seconds)
    values = disclose(record.record, bundle.items) if bundle.items != _NOTHING else {}
    if bundle.approval is not None:
        verified = cose.verify1(
            bundle.approval, typ=cose.Type.APPROVAL, keyring=keyring, purpose=Purpose.APPROVAL, aad=record.digest, seconds=seconds
        )
        if verified.claims.get(_NONCE) != record.nonce:
            raise Malformed("approval")
    return Disclosed(record, values, bundle.approval is not None)
