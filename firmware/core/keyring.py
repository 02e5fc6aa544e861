# SPDX-License-Identifier: Apache-2.0
"""Which public key may speak for what. The keyring, never the message, decides algorithm and purpose.

Rules
* A key's own encoding says of which suite it is (:mod:`firmware.core.suite`), among those its reader accepts; its algorithm follows.
* ``kid`` is the first 16 bytes of SHA-256 over the key's DER SubjectPublicKeyInfo; a stated kid that differs is refused.
* One key, one purpose: a kid stands in a keyring once.
* A key with a time window needs a time to be found; without one it is not found.

Does not verify signatures (:mod:`firmware.core.cose`) and does not hold private keys (``firmware.keystore``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from firmware.core import international
from firmware.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firmware.core.suite import Provider, Suite, Verifier

KID_LENGTH: Final = 16
_STRICTEST_CHANNEL: Final = 5


class Purpose(StrEnum):
    """What a key may sign; its holder is a terminal (record) or the operator."""

    RECORD = "record"
    APPROVAL = "approval"
    """The operator's decision key: approvals and acknowledgements; ``typ`` tells them apart."""
    UPDATE = "update"
    POLICY = "policy"
    """The operator's word on the rules: policy packs and the roster of its staff."""
    STAFF = "staff"
    """One person's word that an operation which takes two may be carried out."""


def key_id(spki: bytes) -> bytes:
    """Return the 16-byte kid of a DER SubjectPublicKeyInfo."""
    return hashlib.sha256(spki).digest()[:KID_LENGTH]


@dataclass(frozen=True, slots=True)
class Key:
    """One public key with the one algorithm and purpose it is good for; times are Unix seconds, ``not_after`` exclusive."""

    kid: bytes
    spki: bytes = field(repr=False)
    """DER SubjectPublicKeyInfo."""
    suite: Suite
    """What the key signs under."""
    verifies: Verifier = field(repr=False, compare=False)
    """Takes a raw signature and what was signed."""
    purpose: Purpose
    not_before: int | None = None
    not_after: int | None = None

    def __post_init__(self) -> None:
        """Refuse, with ``ValueError``, a kid that is not the key's."""
        if self.kid != key_id(self.spki):
            raise ValueError("kid is not the key's")

    @property
    def alg(self) -> int:
        """The one COSE algorithm this key signs with."""
        return self.suite.alg

    @classmethod
    def from_spki(
        cls,
        spki: bytes,
        purpose: Purpose,
        *,
        accepted: Iterable[Provider] = (international.PROVIDER,),
        not_before: int | None = None,
        not_after: int | None = None,
    ) -> Self:
        """Return the key of a DER SubjectPublicKeyInfo; :class:`~firmware.core.errors.Malformed` when no accepted suite has such keys."""
        for provider in accepted:
            with suppress(Malformed):
                return cls(key_id(spki), spki, provider.suite, provider.verifier(spki), purpose, not_before, not_after)
        raise Malformed("public key")

    def good_at(self, seconds: int | None) -> bool:
        """Return whether the key may be used at ``seconds``."""
        if self.not_before is None and self.not_after is None:
            return True
        if seconds is None:
            return False
        return (self.not_before is None or self.not_before <= seconds) and (self.not_after is None or seconds < self.not_after)


class Keyring:
    """The keys a verifier trusts."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        """Take ``keys``; ``ValueError`` when one kid appears twice."""
        self._keys: dict[bytes, Key] = {}
        for key in keys:
            if key.kid in self._keys:
                raise ValueError("one key, one purpose, once")
            self._keys[key.kid] = key

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: bytes, purpose: Purpose, seconds: int | None = None) -> Key | None:
        """Return the key named ``kid`` if it serves ``purpose`` and is good at ``seconds`` (Unix time), else ``None``."""
        key = self._keys.get(kid)
        return key if key is not None and key.purpose == purpose and key.good_at(seconds) else None

    @classmethod
    def from_trust_json(cls, trust: Mapping[str, Any], accepted: Iterable[Provider] = (international.PROVIDER,)) -> Self:
        """Return the operator's keys of a decoded ``trust.json``; ``Malformed`` when an entry is not right or of no accepted suite.

        ``approval_keys`` must be there, ``policy_keys`` may be; each key stands once and in the list of its purpose.
        """
        entries, policy, providers = trust.get("approval_keys"), trust.get("policy_keys", []), tuple(accepted)
        if not isinstance(entries, list) or not entries:
            raise Malformed("approval_keys")
        if not isinstance(policy, list):
            raise Malformed("policy_keys")
        keys = [_trusted_key(entry, Purpose.APPROVAL, providers) for entry in entries]
        keys += [_trusted_key(entry, Purpose.POLICY, providers) for entry in policy]
        if len({key.kid for key in keys}) != len(keys):
            raise Malformed("approval_keys")
        return cls(keys)


@dataclass(frozen=True, slots=True)
class Trust:
    """What enrolment gave the terminal: whom it believes and to whom it seals."""

    operator_id: str
    backend_url: str
    keyring: Keyring
    vault_key: bytes
    """Public key of the operator's vault, as long as the suite's are."""
    packs: tuple[str, ...] = ()
    """Ids of the policy packs without which no session may begin; none: the floor alone holds."""
    channel: int = 5
    """Channel level of the counter, 1 (own hall) to 5 (end of the chain, the strictest)."""
    provider: Provider = international.PROVIDER
    """The terminal's suite; every key above is of it."""

    @classmethod
    def from_json(cls, trust: Mapping[str, Any], provider: Provider = international.PROVIDER) -> Self:
        """Return the trust of a decoded ``trust.json``; :class:`~firmware.core.errors.Malformed` when a part is missing or wrong.

        ``provider`` is that of the terminal's own record key; a key of another suite is wrong.
        """
        operator_id, backend_url = trust.get("operator_id"), trust.get("backend_url")
        if not (isinstance(operator_id, str) and operator_id and isinstance(backend_url, str) and backend_url):
            raise Malformed("trust")
        vault_key = _base64(trust.get("vault_key"))
        if len(vault_key) != provider.suite.sealing_key_length:
            raise Malformed("vault_key")
        packs, channel = _policy(trust.get("policy", {}))
        return cls(operator_id, backend_url, Keyring.from_trust_json(trust, (provider,)), vault_key, packs, channel, provider)


def _policy(policy: Any) -> tuple[tuple[str, ...], int]:
    """Return the packs demanded and the channel level of a trust list's ``policy``."""
    if not isinstance(policy, dict):
        raise Malformed("policy")
    packs, channel = policy.get("packs", []), policy.get("channel", _STRICTEST_CHANNEL)
    if not isinstance(packs, list) or not all(isinstance(name, str) and name for name in packs):
        raise Malformed("policy")
    if type(channel) is not int or not 1 <= channel <= _STRICTEST_CHANNEL:
        raise Malformed("policy")
    return tuple(packs), channel


def _trusted_key(entry: Any, purpose: Purpose, accepted: tuple[Provider, ...]) -> Key:
    if not isinstance(entry, dict) or entry.get("purpose") != purpose:
        raise Malformed("approval_keys")
    window = entry.get("not_before"), entry.get("not_after")
    if not all(bound is None or type(bound) is int for bound in window):
        raise Malformed("approval_keys")
    spki = _base64(entry.get("spki"))
    key = Key.from_spki(spki, purpose, accepted=accepted, not_before=window[0], not_after=window[1])
    if entry.get("kid") != key.kid.hex():
        raise Malformed("kid is not the key's")
    return key


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        raise Malformed("base64") from None
