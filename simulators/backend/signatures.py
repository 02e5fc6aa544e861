# SPDX-License-Identifier: Apache-2.0
"""COSE_Sign1 and HPKE of the operator, with libraries the terminal does not use (python-cwt, pyhpke).

Decides whether a signed message is authentic: exactly one header form (alg, kid, typ; nothing unprotected), the key named by
``kid`` among those given, the ``typ`` asked for, the external data given. It decides nothing about the content.

The key decides the suite: what is done with a key on the SM2 curve is :mod:`simulators.backend.gm`'s.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import cbor2
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cwt import COSE, COSEKey
from cwt.exceptions import CWTError
from pyhpke import AEADId, CipherSuite, KDFId, KEMId
from pyhpke.exceptions import PyHPKEError

from simulators.backend import gm, strict_cbor
from simulators.backend.strict_cbor import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

ES256 = -7
SIGN1_TAG = 18
ENC_BYTES = 32
"""Length of an encapsulated X25519 key at the head of sealed bytes."""
_SUITE: Any = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)


class NotAuthentic(Exception):
    """Signature, header or key is not the expected one; the text says which."""


def key_id(spki: bytes) -> bytes:
    """Return the 16-byte ``kid`` of a DER SubjectPublicKeyInfo."""
    return hashlib.sha256(spki).digest()[:16]


def sign(payload: bytes, *, typ: str, key_pem: bytes, kid: bytes, aad: bytes) -> bytes:
    """Return a tagged COSE_Sign1 over ``payload``."""
    if gm.is_private(key_pem):
        protected = strict_cbor.dumps({1: gm.ALGORITHM, 4: kid, 16: typ})
        signature = gm.sign(key_pem, strict_cbor.dumps(["Signature1", protected, aad, payload]))
        return b"\xd2" + strict_cbor.dumps([protected, {}, payload, signature])
    key = COSEKey.from_pem(key_pem, kid=kid, alg="ES256")
    message: bytes = COSE.new().encode_and_sign(payload, key, protected={1: ES256, 4: kid, 16: typ}, external_aad=aad)
    return message


def verify(message: bytes, *, typ: str, keys: Mapping[bytes, bytes], aad: bytes = b"") -> bytes:
    """Return the payload of ``message`` signed by one of ``keys`` (kid → DER SPKI); raises :class:`NotAuthentic`."""
    try:
        outer = cbor2.loads(message)
        if type(outer) is not cbor2.CBORTag or outer.tag != SIGN1_TAG or type(outer.value) is not list or len(outer.value) != 4:
            raise NotAuthentic("not a COSE_Sign1")
        protected, unprotected, payload, signature = outer.value
        if type(protected) is not bytes or unprotected != {} or type(payload) is not bytes or type(signature) is not bytes:
            raise NotAuthentic("not a COSE_Sign1")
        if cbor2.dumps(outer, canonical=True) != message:
            raise NotAuthentic("not the deterministic encoding")
        header = strict_cbor.loads(protected, 256)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        raise NotAuthentic("not CBOR") from None
    if type(header) is not dict or set(header) != {1, 4, 16} or header[16] != typ or len(signature) != 64:
        raise NotAuthentic("header")
    spki = keys.get(header[4]) if type(header[4]) is bytes else None
    if spki is None:
        raise NotAuthentic("kid")
    if type(header[1]) is not int or header[1] != (gm.ALGORITHM if gm.is_key(spki) else ES256):
        raise NotAuthentic("algorithm")
    if gm.is_key(spki):
        good = gm.verify(spki, signature, strict_cbor.dumps(["Signature1", protected, aad, payload]))
    else:
        good = _verify_es256(message, spki, aad)
    if not good:
        raise NotAuthentic("signature")
    return payload


def _verify_es256(message: bytes, spki: bytes, aad: bytes) -> bool:
    pem = load_der_public_key(spki).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        COSE.new().decode_with_headers(message, COSEKey.from_pem(pem, kid=key_id(spki), alg="ES256"), external_aad=aad)
    except (CWTError, ValueError):
        return False
    return True


def digest(data: bytes, like: bytes) -> bytes:
    """Return the digest of the suite to which the sealing key ``like`` belongs."""
    return gm.digest(data) if len(like) == gm.POINT_BYTES else hashlib.sha256(data).digest()


def message_digest(message: bytes) -> bytes:
    """Return the digest of a signed message that was verified, in the suite of its key."""
    header = cbor2.loads(cbor2.loads(message).value[0])
    return gm.digest(message) if header[1] == gm.ALGORITHM else hashlib.sha256(message).digest()


def seal(plaintext: bytes, *, public_key: bytes, info: bytes) -> bytes:
    """Return ``enc || ciphertext`` for a raw X25519 ``public_key`` (RFC 9180 base mode, empty aad), an envelope for an SM2 point."""
    try:
        if len(public_key) == gm.POINT_BYTES:
            return gm.seal(plaintext, point=public_key, info=info)
        enc, context = _SUITE.create_sender_context(_SUITE.kem.deserialize_public_key(public_key), info=info)
        ciphertext: bytes = context.seal(plaintext)
    except (PyHPKEError, ValueError, gm.Refused):
        raise Malformed("public key") from None
    return bytes(enc) + ciphertext


def unseal(sealed: bytes, *, private_key: bytes, info: bytes) -> bytes:
    """Return the plaintext of sealed bytes; raises :class:`NotAuthentic` when they were not sealed to this key and info."""
    try:
        if gm.is_private(private_key):
            return gm.unseal(sealed, pem=private_key, info=info)
        context = _SUITE.create_recipient_context(sealed[:ENC_BYTES], _SUITE.kem.deserialize_private_key(private_key), info=info)
        plaintext: bytes = context.open(sealed[ENC_BYTES:])
    except (PyHPKEError, ValueError, gm.Refused):
        raise NotAuthentic("sealed") from None
    return plaintext
