# SPDX-License-Identifier: Apache-2.0
"""The signed pack (``messages.cddl``: policy-pack; typ ``rnt-policy``): the operator's word on which rules hold, and until when.

Decides whether bytes are a pack that this operator signed, and whether it holds now. Whether it fits the others is the merge's question.

Rules
* A pack is signed by a key of purpose ``policy`` and of nothing else: who approves writes cannot change the rules, nor the other way round.
* The version of a pack and its time are under the signature; an expired one is R510, like every other pack that may not be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from firmware.core import cbor, claims, cose
from firmware.core.errors import Malformed, PackFault, PackRefused, SignatureFault, SignatureRefused
from firmware.core.keyring import Keyring, Purpose
from firmware.core.policy.rules import Pack

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHAPE: Final = frozenset({SignatureFault.MALFORMED, SignatureFault.TYPE})
_KEYS: Final = frozenset({1, 4, 5, 6, *range(256, 261)})


@dataclass(frozen=True, slots=True)
class SignedPack:
    """A pack with the operator and the time in which it holds; times are Unix seconds, ``expires`` exclusive."""

    pack: Pack
    operator: str
    issued_at: int
    not_before: int
    expires: int

    def check_time(self, seconds: int) -> None:
        """Refuse a pack that does not hold at ``seconds``: :class:`~firmware.core.errors.PackRefused`."""
        if seconds < self.not_before:
            raise PackRefused(PackFault.NOT_YET, self.pack.pack_id)
        if seconds >= self.expires:
            raise PackRefused(PackFault.EXPIRED, self.pack.pack_id)


def sign_pack(signed: SignedPack, signer: cose.Signer) -> bytes:
    """Return the pack signed; the operator's side, and what tests are made with. ``ValueError`` when it says nothing a pack can say."""
    payload = cbor.encode(_to_claims(signed))
    try:
        again = _from_claims(cbor.decode(payload))
    except Malformed as error:
        raise ValueError(f"no pack can say this: {error}") from None
    if again.pack.digest != signed.pack.digest:
        raise ValueError("no pack can say this")
    return cose.sign1(payload, typ=cose.Type.POLICY, signer=signer)


def read_pack(message: bytes, *, keyring: Keyring, operator: str, seconds: int) -> SignedPack:
    """Return the pack in ``message``; :class:`~firmware.core.errors.PackRefused` when it is none this operator signed.

    ``seconds`` (Unix time) judges the key. Whether the pack holds now is :meth:`SignedPack.check_time`: an expired one still rules what was
    begun under it.
    """
    try:
        verified = cose.verify1(message, typ=cose.Type.POLICY, keyring=keyring, purpose=Purpose.POLICY, seconds=seconds)
        found = _from_claims(dict(verified.claims))
    except SignatureRefused as error:
        fault = PackFault.MALFORMED if error.reason in _SHAPE else PackFault.SIGNER
        raise PackRefused(fault, value=error.reason.value) from None
    except Malformed as error:
        raise PackRefused(PackFault.MALFORMED, value=str(error)) from None
    if found.operator != operator:
        raise PackRefused(PackFault.OPERATOR, found.pack.pack_id)
    return found


def check_demanded(packs: Iterable[SignedPack], demanded: Iterable[str]) -> None:
    """Refuse a set that lacks a pack the operator demands: leaving out a stricter pack must not open what it closed."""
    here = {signed.pack.pack_id for signed in packs}
    for name in sorted(set(demanded) - here):
        raise PackRefused(PackFault.MISSING, name)


def _to_claims(signed: SignedPack) -> dict[int, object]:
    head = {1: signed.operator, 4: signed.expires, 5: signed.not_before, 6: signed.issued_at, 256: 1}
    return {**head, **signed.pack.to_claims()}


def _from_claims(value: object) -> SignedPack:
    found = claims.fields(value, _KEYS)
    claims.version(found[256])
    signed = SignedPack(Pack.from_claims(found), claims.text(found[1]), claims.uint(found[6]), claims.uint(found[5]), claims.uint(found[4]))
    if signed.not_before >= signed.expires:
        raise Malformed("validity")
    return signed
