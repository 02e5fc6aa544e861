# SPDX-License-Identifier: Apache-2.0
"""The certificate request (PKCS#10, RFC 2986) of a device key: only this leaves the terminal, never the key.

Says: subject serialNumber and CN = serial, SAN ``urn:rnt:terminal:<serial>``, key usage digitalSignature, and a private extension with
purpose, protection level and work-order nonce. What the certificate may be used for is decided by the issuer.

``cryptography`` builds requests for keys it knows, and SM2 is none of them. A request of the gm suite is therefore built for a P-256 key
that is thrown away; then its SubjectPublicKeyInfo, which has the very length of an SM2 key's, is replaced and the whole signed with SM2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509.oid import NameOID

from firmware.core.suite import SM2_SM3
from firmware.keystore import sm2
from firmware.keystore.errors import KeyUnfit

if TYPE_CHECKING:
    from firmware.core.cose import Signer

CLAIMS_OID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
PURPOSES: Final = ("record", "tls")
_SERIAL: Final = re.compile(r"[A-Za-z0-9-]{1,32}", re.ASCII)
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_UTF8_STRING: Final = 0x0C  # DER tag, X.690 §8.23; every claims text is shorter than the 128 bytes of a short length
_COORDINATE_BYTES: Final = 32
_SM2_WITH_SM3: Final = bytes.fromhex("300a06082a811ccf55018375")
"""AlgorithmIdentifier 1.2.156.10197.1.501, no parameters (GB/T 33560)."""
_SEQUENCE, _BIT_STRING = 0x30, 0x03
_SHORT: Final = 0x80


class SignerKey(ec.EllipticCurvePrivateKey):
    """A :class:`Signer` in the shape the X.509 builder asks for; it can sign and tell its public half, nothing else."""

    def __init__(self, signer: Signer) -> None:
        public = load_der_public_key(signer.spki)
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise KeyUnfit("not a key on P-256")
        self._signer = signer
        self._public = public

    @property
    def curve(self) -> ec.EllipticCurve:
        """Return P-256."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Return 256."""
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public half."""
        return self._public

    def sign(self, data: bytes | bytearray | memoryview, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Return a DER signature; ``TypeError`` for another digest than SHA-256, or what the signer raises."""
        if not isinstance(signature_algorithm.algorithm, SHA256):
            raise TypeError("this key signs with SHA-256 only")
        raw = self._signer.sign(bytes(data))
        return encode_dss_signature(int.from_bytes(raw[:_COORDINATE_BYTES], "big"), int.from_bytes(raw[_COORDINATE_BYTES:], "big"))

    def exchange(self, *_: object, **__: object) -> NoReturn:
        """Refuse, with ``TypeError``."""
        raise TypeError("this key only signs")

    def private_numbers(self) -> NoReturn:
        """Refuse, with ``TypeError``."""
        raise TypeError("this key is never exported")

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        """Refuse, with ``TypeError``."""
        raise TypeError("this key is never exported")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def certificate_request(signer: Signer, *, serial: str, purpose: str, nonce: str) -> bytes:
    """Return the signed request, DER.

    ``serial`` 1..32 of ``A-Z a-z 0-9 -``, ``purpose`` ``record`` or ``tls``, ``nonce`` of the work order 1..64 of base64url; anything
    else is a ``ValueError``. Raises ``KeystoreError`` when the key cannot sign.
    """
    if not _SERIAL.fullmatch(serial):
        raise ValueError("serial must be 1..32 characters of A-Z a-z 0-9 -")
    if purpose not in PURPOSES:
        raise ValueError(f"purpose must be one of {', '.join(PURPOSES)}")
    if not _NONCE.fullmatch(nonce):
        raise ValueError("nonce must be 1..64 characters of base64url")
    claims = f"purpose={purpose};protection={signer.protection};order={nonce}".encode()
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial), x509.NameAttribute(NameOID.COMMON_NAME, serial)]))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:rnt:terminal:{serial}")]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.UnrecognizedExtension(CLAIMS_OID, bytes((_UTF8_STRING, len(claims))) + claims), critical=False)
    )
    if signer.alg == SM2_SM3:
        return _sm2_request(builder, signer)
    return builder.sign(SignerKey(signer), SHA256()).public_bytes(Encoding.DER)


def requested_key(request: x509.CertificateSigningRequest) -> tuple[bytes, bool]:
    """Return the DER SubjectPublicKeyInfo a request is for, and whether it signs itself; ``UnsupportedAlgorithm`` for other keys."""
    try:
        key = request.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return _requested_sm2_key(request)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), request.is_signature_valid


def certified_sm2_key(certificate: bytes) -> bytes:
    """Return the DER SubjectPublicKeyInfo of the SM2 key a DER certificate is for; ``UnsupportedAlgorithm`` for any other kind of key."""
    try:
        return sm2.PublicKey.certified(certificate).spki()
    except sm2.Sm2Refused:
        raise UnsupportedAlgorithm("neither P-256 nor SM2") from None


def _requested_sm2_key(request: x509.CertificateSigningRequest) -> tuple[bytes, bool]:
    try:
        key = sm2.PublicKey.requested(request.public_bytes(Encoding.DER))
    except sm2.Sm2Refused:
        raise UnsupportedAlgorithm("neither P-256 nor SM2") from None
    numbers = decode_dss_signature(request.signature)
    one_form = _signed(request.tbs_certrequest_bytes, request.signature) == request.public_bytes(Encoding.DER)
    if not one_form or not all(0 <= n < 1 << 8 * _COORDINATE_BYTES for n in numbers):
        return key.spki(), False
    raw = b"".join(n.to_bytes(_COORDINATE_BYTES, "big") for n in numbers)
    return key.spki(), key.verify(raw, request.tbs_certrequest_bytes)


def _sm2_request(builder: x509.CertificateSigningRequestBuilder, signer: Signer) -> bytes:
    thrown_away = ec.generate_private_key(ec.SECP256R1())
    template = thrown_away.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    tbs = builder.sign(thrown_away, SHA256()).tbs_certrequest_bytes
    if tbs.count(template) != 1 or len(template) != len(signer.spki):
        raise KeyUnfit("not a key on the SM2 curve")
    said = tbs.replace(template, signer.spki)
    raw = signer.sign(said)
    der = encode_dss_signature(int.from_bytes(raw[:_COORDINATE_BYTES], "big"), int.from_bytes(raw[_COORDINATE_BYTES:], "big"))
    return _signed(said, der)


def _signed(tbs: bytes, signature: bytes) -> bytes:
    """Return the one accepted form of a request signed with SM2: algorithm without parameters, no unused bits."""
    return _tlv(_SEQUENCE, tbs + _SM2_WITH_SM3 + _tlv(_BIT_STRING, b"\0" + signature))


def _tlv(tag: int, value: bytes) -> bytes:
    """Return DER tag, definite length, value."""
    if len(value) < _SHORT:
        return bytes((tag, len(value))) + value
    size = (len(value).bit_length() + 7) // 8
    return bytes((tag, _SHORT | size)) + len(value).to_bytes(size, "big") + value
