# SPDX-License-Identifier: Apache-2.0
"""A secret file that opens only beside its controller: AES-256-GCM under a key that neither the flash nor the controller has alone.

    share = what the controller makes of SHA-256("rnt/keystore/context/1" || half)        asked over its link, untampered only
    key   = HKDF-SHA256(share || half, info = "rnt/keystore/wrap/1")
    file  = PEM "RNT SEALED KEY" of deterministic CBOR {1: 1, 2: half, 3: nonce, 4: ciphertext || tag, ? 5: public half}

Rules
* ``half`` is 32 random bytes of the file's own. Who listens on the controller's line learns a share and has no half; who copies the flash
  has the half and no share.
* The associated data is the file's name, ``half`` and the public half: no sealed file opens in another's place.
* A secret that is not sealed is read as it stands: which there is, the file says. What is written anew is sealed when there is a
  controller to seal with.
* The public half of a private key can be read without the controller, for those who only ask which key it is.

It does not know how the controller is asked: :class:`Seal` is handed in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import textwrap
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firmware.core import cbor, claims
from firmware.core.errors import Malformed
from firmware.keystore.errors import KeyUnavailable, KeyUnfit, SealedElsewhere

LABEL: Final = "RNT SEALED KEY"
HALF_BYTES: Final = 32
SHARE_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_BEGIN, _END = f"-----BEGIN {LABEL}-----", f"-----END {LABEL}-----"
_LINE: Final = 64
_CONTEXT: Final = b"rnt/keystore/context/1"
_INFO: Final = b"rnt/keystore/wrap/1"
_REQUIRED, _OPTIONAL = frozenset({1, 2, 3, 4}), frozenset({5})


class Seal(Protocol):
    """The controller, as far as keys are concerned."""

    def share(self, context: bytes) -> bytes:
        """Return the 32 bytes the controller makes of ``context`` (32 bytes).

        Raises ``SealBroken`` when it was tampered with, ``SealedElsewhere`` when it has no secret, ``KeyUnavailable`` when it is silent.
        """


@dataclass(frozen=True, slots=True)
class _Envelope:
    half: bytes
    nonce: bytes
    content: bytes
    spki: bytes


def is_sealed(content: bytes) -> bool:
    """Return whether a secret file's content is sealed."""
    return content.startswith(_BEGIN.encode())


def wrap(plain: bytes, name: str, seal: Seal | None, spki: bytes = b"") -> bytes:
    """Return what the file ``name`` shall hold: ``plain`` itself without a seal. Raises what :meth:`Seal.share` raises."""
    if seal is None:
        return plain
    half, nonce = os.urandom(HALF_BYTES), os.urandom(NONCE_BYTES)
    content = AESGCM(_key(seal, half)).encrypt(nonce, plain, _place(name, half, spki))
    said: dict[int, Any] = {1: 1, 2: half, 3: nonce, 4: content} | ({5: spki} if spki else {})
    lines = textwrap.wrap(base64.b64encode(cbor.encode(said)).decode(), _LINE)
    return "\n".join((_BEGIN, *lines, _END, "")).encode()


def unwrap(content: bytes, name: str, seal: Seal | None) -> bytes:
    """Return the secret in the file ``name``.

    Raises ``KeyUnfit`` for a damaged file, ``KeyUnavailable`` when the configuration names no controller to open it with,
    ``SealedElsewhere`` when this controller does not open it, and what :meth:`Seal.share` raises.
    """
    if not is_sealed(content):
        return content
    envelope = _parse(content, name)
    if seal is None:
        raise KeyUnavailable("controller", f'{name} is sealed by a controller; set [keys] seal = "controller"')
    try:
        return AESGCM(_key(seal, envelope.half)).decrypt(envelope.nonce, envelope.content, _place(name, envelope.half, envelope.spki))
    except InvalidTag:
        raise SealedElsewhere(f"{name} was sealed by another controller than the one that is connected, or was changed") from None


def public_half(content: bytes, name: str) -> bytes:
    """Return the DER SubjectPublicKeyInfo a sealed file shows; empty when it shows none. Raises ``KeyUnfit``."""
    return _parse(content, name).spki


def plain_length(content: bytes, name: str) -> int:
    """Return how long the secret in the file is, without opening it. Raises ``KeyUnfit``."""
    return len(_parse(content, name).content) - TAG_BYTES if is_sealed(content) else len(content)


def _parse(content: bytes, name: str) -> _Envelope:
    try:
        head, *lines, end = content.decode("ascii").split("\n")[:-1]
        said = claims.fields(cbor.decode(base64.b64decode("".join(lines), validate=True)), _REQUIRED, _OPTIONAL)
        claims.version(said[1])
        half, nonce = claims.octets(said[2], HALF_BYTES), claims.octets(said[3], NONCE_BYTES)
        envelope = _Envelope(half, nonce, claims.octets(said[4]), claims.octets(said.get(5, b"")))
    except (ValueError, binascii.Error, Malformed):
        raise KeyUnfit(f"{name} is damaged") from None
    if (head, end) != (_BEGIN, _END) or len(envelope.content) < TAG_BYTES:
        raise KeyUnfit(f"{name} is damaged")
    return envelope


def _key(seal: Seal, half: bytes) -> bytes:
    share = seal.share(hashlib.sha256(_CONTEXT + half).digest())
    if len(share) != SHARE_BYTES:
        raise KeyUnavailable("controller", "the controller gave no share")
    return HKDF(SHA256(), 32, None, _INFO).derive(share + half)


def _place(name: str, half: bytes, spki: bytes) -> bytes:
    return cbor.encode([name, half, spki])
