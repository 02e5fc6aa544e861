# SPDX-License-Identifier: Apache-2.0
"""SM2 (GB/T 32918) by the platform's libcrypto 3, through its EVP interface: the only module that calls it.

Keys, also out of certificates and requests, signatures with SM3 under the default distinguishing id, and the transport of a short secret.
No curve arithmetic is done here, and none elsewhere: ``cryptography`` has SM3 and SM4 but not this curve.

Rules
* A public key is DER SubjectPublicKeyInfo in the one form RFC 5480 gives an uncompressed point on this curve; a private key is PKCS#8.
* A signature is raw r || s. Whether r and s are in range is libcrypto's to check.
* Every refusal of libcrypto is one error, :class:`Sm2Refused`; its texts stay inside and its error queue is left empty.

Functions may run in several threads at once: contexts are made for each call, and keys are only read.
"""

from __future__ import annotations

import ctypes
import weakref
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_void_p
from functools import cache
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

DISTINGUISHING_ID: Final = b"1234567812345678"
"""Who signs, where nobody agreed on another (GM/T 0009 §10); part of what is hashed."""
POINT_BYTES: Final = 65
"""04 || x || y."""
SPKI_HEAD: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
"""SubjectPublicKeyInfo before the point: id-ecPublicKey on curve 1.2.156.10197.1.301."""
LIBRARY: Final = "libcrypto.so.3"
_HALF: Final = 32
_P, _N, _B = c_void_p, c_size_t, c_char_p
_FUNCTIONS: Final[dict[str, tuple[object, ...]]] = {
    "ERR_clear_error": (None,),
    "EVP_PKEY_CTX_new_from_name": (_P, _P, _B, _B),
    "EVP_PKEY_CTX_new": (_P, _P, _P),
    "EVP_PKEY_CTX_free": (None, _P),
    "EVP_PKEY_CTX_set1_id": (c_int, _P, _B, c_int),
    "EVP_PKEY_keygen_init": (c_int, _P),
    "EVP_PKEY_generate": (c_int, _P, POINTER(c_void_p)),
    "EVP_PKEY_encrypt_init": (c_int, _P),
    "EVP_PKEY_encrypt": (c_int, _P, _P, POINTER(c_size_t), _B, _N),
    "EVP_PKEY_decrypt_init": (c_int, _P),
    "EVP_PKEY_decrypt": (c_int, _P, _P, POINTER(c_size_t), _B, _N),
    "EVP_PKEY_is_a": (c_int, _P, _B),
    "EVP_PKEY_free": (None, _P),
    "EVP_PKEY2PKCS8": (_P, _P),
    "PKCS8_PRIV_KEY_INFO_free": (None, _P),
    "i2d_PKCS8_PRIV_KEY_INFO": (c_int, _P, _P),
    "i2d_PUBKEY": (c_int, _P, _P),
    "d2i_PUBKEY": (_P, _P, POINTER(c_char_p), c_long),
    "d2i_X509": (_P, _P, POINTER(c_char_p), c_long),
    "X509_get_pubkey": (_P, _P),
    "X509_free": (None, _P),
    "d2i_X509_REQ": (_P, _P, POINTER(c_char_p), c_long),
    "X509_REQ_get_pubkey": (_P, _P),
    "X509_REQ_free": (None, _P),
    "d2i_AutoPrivateKey": (_P, _P, POINTER(c_char_p), c_long),
    "EVP_MD_CTX_new": (_P,),
    "EVP_MD_CTX_free": (None, _P),
    "EVP_sm3": (_P,),
    "EVP_DigestSignInit": (c_int, _P, POINTER(c_void_p), _P, _P, _P),
    "EVP_DigestSign": (c_int, _P, _P, POINTER(c_size_t), _B, _N),
    "EVP_DigestVerifyInit": (c_int, _P, POINTER(c_void_p), _P, _P, _P),
    "EVP_DigestVerify": (c_int, _P, _B, _N, _B, _N),
}
"""What is used of libcrypto: name, then result and argument types."""


class Sm2Refused(Exception):
    """Libcrypto has no SM2, or did not take these bytes. Says nothing about which, or about keys."""


@cache
def _libcrypto() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(LIBRARY)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        raise Sm2Refused("no libcrypto 3 with SM2") from None
    return library


def _done(result: int | None) -> int:
    """Return what libcrypto returned unless it reports failure: zero, negative, or a null pointer."""
    if result is None or result <= 0:
        _libcrypto().ERR_clear_error()
        raise Sm2Refused("libcrypto refused")
    return result


class _Handle:
    """A pointer to a key, freed with its last user."""

    __slots__ = ("__weakref__", "_key")

    def __init__(self, key: int | None) -> None:
        self._key = c_void_p(_done(key))
        weakref.finalize(self, _libcrypto().EVP_PKEY_free, self._key)
        _done(_libcrypto().EVP_PKEY_is_a(self._key, b"SM2"))


class PublicKey(_Handle):
    """Verifies, and takes secrets in."""

    __slots__ = ()

    @classmethod
    def from_spki(cls, spki: bytes) -> Self:
        """Return the key; :class:`Sm2Refused` unless it is a point of the curve in the one accepted form."""
        if len(spki) != len(SPKI_HEAD) + POINT_BYTES or not spki.startswith(SPKI_HEAD + b"\x04"):
            raise Sm2Refused("not an SM2 key in the accepted form")
        return cls(_libcrypto().d2i_PUBKEY(None, byref(c_char_p(spki)), len(spki)))

    @classmethod
    def certified(cls, certificate: bytes) -> Self:
        """Return the key a DER certificate is for; :class:`Sm2Refused` when it is of another kind."""
        return cls(_subject_key("X509", certificate))

    @classmethod
    def requested(cls, request: bytes) -> Self:
        """Return the key a DER PKCS#10 request is for; :class:`Sm2Refused` when it is of another kind."""
        return cls(_subject_key("X509_REQ", request))

    def spki(self) -> bytes:
        """Return the key, DER SubjectPublicKeyInfo."""
        return _der(_libcrypto().i2d_PUBKEY, self._key)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the raw ``signature`` is this key's over ``message``."""
        if len(signature) != 2 * _HALF:
            return False
        library = _libcrypto()
        der = encode_dss_signature(int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big"))
        context = _done(library.EVP_MD_CTX_new())
        try:
            inner = c_void_p()
            _done(library.EVP_DigestVerifyInit(context, byref(inner), library.EVP_sm3(), None, self._key))
            _done(library.EVP_PKEY_CTX_set1_id(inner, DISTINGUISHING_ID, len(DISTINGUISHING_ID)))
            good: bool = library.EVP_DigestVerify(context, der, len(der), message, len(message)) == 1
        finally:
            library.EVP_MD_CTX_free(context)
            library.ERR_clear_error()
        return good

    def wrap(self, secret: bytes) -> bytes:
        """Return ``secret`` encrypted to this key: the DER SM2Cipher of GM/T 0009 §7.2."""
        return _crypt(self._key, "encrypt", secret)


class PrivateKey(_Handle):
    """Signs, and gives secrets back. Shows nothing of itself."""

    __slots__ = ()

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        library = _libcrypto()
        context = _done(library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None))
        try:
            key = c_void_p()
            _done(library.EVP_PKEY_keygen_init(context))
            _done(library.EVP_PKEY_generate(context, byref(key)))
        finally:
            library.EVP_PKEY_CTX_free(context)
        return cls(key.value)

    @classmethod
    def from_pkcs8(cls, der: bytes) -> Self:
        """Return the key in a plain PKCS#8 structure; raises :class:`Sm2Refused`."""
        return cls(_libcrypto().d2i_AutoPrivateKey(None, byref(c_char_p(der)), len(der)))

    def pkcs8(self) -> bytes:
        """Return the key, plain, for the file it lives in."""
        library = _libcrypto()
        info = _done(library.EVP_PKEY2PKCS8(self._key))
        try:
            return _der(library.i2d_PKCS8_PRIV_KEY_INFO, c_void_p(info))
        finally:
            library.PKCS8_PRIV_KEY_INFO_free(info)

    def spki(self) -> bytes:
        """Return the public half, DER SubjectPublicKeyInfo."""
        return _der(_libcrypto().i2d_PUBKEY, self._key)

    def sign(self, message: bytes) -> bytes:
        """Return the raw signature over ``message``."""
        library = _libcrypto()
        context = _done(library.EVP_MD_CTX_new())
        try:
            inner, length = c_void_p(), c_size_t()
            _done(library.EVP_DigestSignInit(context, byref(inner), library.EVP_sm3(), None, self._key))
            _done(library.EVP_PKEY_CTX_set1_id(inner, DISTINGUISHING_ID, len(DISTINGUISHING_ID)))
            _done(library.EVP_DigestSign(context, None, byref(length), message, len(message)))
            buffer = ctypes.create_string_buffer(length.value)
            _done(library.EVP_DigestSign(context, buffer, byref(length), message, len(message)))
        finally:
            library.EVP_MD_CTX_free(context)
        r, s = decode_dss_signature(buffer.raw[: length.value])
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return the secret in a DER SM2Cipher; :class:`Sm2Refused` for another key or content."""
        return _crypt(self._key, "decrypt", wrapped)


def _subject_key(kind: str, der: bytes) -> int:
    library = _libcrypto()
    parsed = _done(getattr(library, f"d2i_{kind}")(None, byref(c_char_p(der)), len(der)))
    try:
        return _done(getattr(library, f"{kind}_get_pubkey")(parsed))
    finally:
        getattr(library, f"{kind}_free")(parsed)


def _crypt(key: c_void_p, name: str, content: bytes) -> bytes:
    library = _libcrypto()
    context = _done(library.EVP_PKEY_CTX_new(key, None))
    try:
        length = c_size_t()
        _done(getattr(library, f"EVP_PKEY_{name}_init")(context))
        crypt = getattr(library, f"EVP_PKEY_{name}")
        _done(crypt(context, None, byref(length), content, len(content)))
        buffer = ctypes.create_string_buffer(length.value)
        _done(crypt(context, buffer, byref(length), content, len(content)))
    finally:
        library.EVP_PKEY_CTX_free(context)
    return buffer.raw[: length.value]


def _der(encode: ctypes._NamedFuncPointer, value: c_void_p) -> bytes:  # ctypes gives its functions no public name
    """Return what an ``i2d`` function writes: asked for the length first, then given room for it."""
    length = _done(encode(value, None))
    buffer = ctypes.create_string_buffer(length)
    _done(encode(value, byref(ctypes.cast(buffer, c_void_p))))
    return buffer.raw
