# SPDX-License-Identifier: Apache-2.0
"""COSE_Sign1 and HPKE of the operator, written from RFC 9052 and RFC 9180 over the plain primitives of the cryptography library.

python-cwt and pyhpke, which the gateway itself does not use, are the referees in tests: they accept what is made here, and what they
make is accepted here. Keys are read once and kept: reading one costs a fifth of a verification.

Decides whether a signed message is authentic: exactly one header form (alg, kid, typ; nothing unprotected), the key named by
``kid`` among those given, the ``typ`` asked for, the external data given. It decides nothing about the content.

The key decides the suite: what is done with a key on the SM2 curve is :mod:`simulators.backend.gm`'s.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from simulators.backend import gm, strict_cbor
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

ES256 = -7
SIGN1_TAG = 18
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
_ECDSA = ec.ECDSA(hashes.SHA256())
KEPT_KEYS = 4096


class NotAuthentic(Exception):
    """Signature, header or key is not the expected one; the text says which."""


def key_id(spki: bytes) -> bytes:
    """Return the 16-byte ``kid`` of a DER SubjectPublicKeyInfo."""
    return hashlib.sha256(spki).digest()[:16]


def sign(payload: bytes, *, typ: str, key_pem: bytes, kid: bytes, aad: bytes) -> bytes:
    """Return a tagged COSE_Sign1 over ``payload``."""
    if gm.is_private(key_pem):
        protected = strict_cbor.dumps({1: gm.ALGORITHM, 4: kid, 16: typ})
        signature = gm.sign(key_pem, _to_be_signed(protected, aad, payload))
        return _message(protected, payload, signature)
    protected = strict_cbor.encode({1: ES256, 4: kid, 16: typ})
    r, s = decode_dss_signature(_private(key_pem).sign(_to_be_signed(protected, aad, payload), _ECDSA))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return _message(protected, payload, signature)


def _message(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    return b"\xd2\x84" + strict_cbor.octets(protected) + b"\xa0" + strict_cbor.octets(payload) + strict_cbor.octets(signature)


def verify(message: bytes, *, typ: str, keys: Mapping[bytes, bytes], aad: bytes = b"") -> bytes:
    """Return the payload of ``message`` signed by one of ``keys`` (kid → DER SPKI); raises :class:`NotAuthentic`."""
    try:
        protected, payload, signature = _parts(message)
        header = _header(protected)
    except Malformed:
        raise NotAuthentic("not a COSE_Sign1 in the deterministic encoding") from None
    if type(header) is not dict or set(header) != {1, 4, 16} or header[16] != typ or len(signature) != 64:
        raise NotAuthentic("header")
    spki = keys.get(header[4]) if type(header[4]) is bytes else None
    if spki is None:
        raise NotAuthentic("kid")
    if type(header[1]) is not int or header[1] != (gm.ALGORITHM if gm.is_key(spki) else ES256):
        raise NotAuthentic("algorithm")
    if gm.is_key(spki):
        good = gm.verify(spki, signature, _to_be_signed(protected, aad, payload))
    else:
        good = _verify_es256(spki, signature, _to_be_signed(protected, aad, payload))
    if not good:
        raise NotAuthentic("signature")
    return payload


def _to_be_signed(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure (RFC 9052 §4.4)."""
    return b"\x84\x6aSignature1" + strict_cbor.octets(protected) + strict_cbor.octets(aad) + strict_cbor.octets(payload)


def _parts(message: bytes) -> tuple[bytes, bytes, bytes]:
    """Return protected header, payload and signature of a tagged COSE_Sign1 without unprotected header; raises :class:`Malformed`."""
    if message[:2] != b"\xd2\x84":
        raise Malformed("not a COSE_Sign1")
    protected, at = strict_cbor.take_octets(message, 2)
    if message[at : at + 1] != b"\xa0":
        raise Malformed("not a COSE_Sign1")
    payload, at = strict_cbor.take_octets(message, at + 1)
    signature, at = strict_cbor.take_octets(message, at)
    if at != len(message):
        raise Malformed("trailing bytes")
    return protected, payload, signature


@lru_cache(KEPT_KEYS)
def _header(protected: bytes) -> Any:
    return strict_cbor.loads(protected, 256)


def _verify_es256(spki: bytes, signature: bytes, message: bytes) -> bool:
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        _public(spki).verify(der, message, _ECDSA)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


@lru_cache(KEPT_KEYS)
def _public(spki: bytes) -> ec.EllipticCurvePublicKey:
    key = load_der_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("not a P-256 key")
    return key


@lru_cache(8)
def _private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an EC key")
    return key


@lru_cache(8)
def _opening(private: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(private)


def digest(data: bytes, like: bytes) -> bytes:
    """Return the digest of the suite to which the sealing key ``like`` belongs."""
    return gm.digest(data) if len(like) == gm.POINT_BYTES else hashlib.sha256(data).digest()


def like(message: bytes) -> bytes:
    """Return zeros of the length a sealing key has in the suite of a verified message's key."""
    return bytes(gm.POINT_BYTES if _header(_parts(message)[0])[1] == gm.ALGORITHM else 32)


def message_digest(message: bytes) -> bytes:
    """Return the digest of a signed message that was verified, in the suite of its key."""
    return digest(message, like(message))


def seal(plaintext: bytes, *, public_key: bytes, info: bytes) -> bytes:
    """Return ``enc || ciphertext`` for a raw X25519 ``public_key`` (RFC 9180 base mode, empty aad), an envelope for an SM2 point."""
    try:
        if len(public_key) == gm.POINT_BYTES:
            return gm.seal(plaintext, point=public_key, info=info)
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), info)
    except (ValueError, gm.Refused):
        raise Malformed("public key") from None


def unseal(sealed: bytes, *, private_key: bytes, info: bytes) -> bytes:
    """Return the plaintext of sealed bytes; raises :class:`NotAuthentic` when they were not sealed to this key and info."""
    try:
        if gm.is_private(private_key):
            return gm.unseal(sealed, pem=private_key, info=info)
        return _SUITE.decrypt(sealed, _opening(private_key), info)
    except (InvalidTag, ValueError, gm.Refused):
        raise NotAuthentic("sealed") from None
