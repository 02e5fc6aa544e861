# SPDX-License-Identifier: Apache-2.0
"""Whether a certificate may be used for one of a terminal's keys. Both the laptop and the terminal ask, each for itself.

Rules: issued by this CA · for this very key · for this serial number (subject and ``urn:rnt:terminal:`` name) · signs, and is no CA ·
``clientAuth`` exactly when it is the TLS key's, so that neither key does the other's work · valid now, where a trusted clock says
what now is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.keystore import certified_sm2_key

if TYPE_CHECKING:
    from collections.abc import Iterator

E = TypeVar("E", bound=x509.ExtensionType)
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""Everything ``cryptography`` raises for bytes that are no good certificate or request; they have no common root."""
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far the issuer's clock may be ahead of ours."""


class CertificateRefused(Exception):
    """A certificate is not for this key, this terminal or this purpose. Nothing may be installed; ask the operator's CA."""


def parse(pem: bytes, name: str) -> x509.Certificate:
    """Read exactly one PEM certificate; raises :class:`CertificateRefused`."""
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem)
    except UNREADABLE as error:
        raise CertificateRefused(f"The {name} is not one PEM certificate.") from error
    return certificate


def spki_of(certificate: x509.Certificate) -> bytes:
    """Return the certificate's key, of either suite, as DER SubjectPublicKeyInfo; raises one of :data:`UNREADABLE`."""
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (UnsupportedAlgorithm, ValueError):
        return certified_sm2_key(certificate.public_bytes(Encoding.DER))


def check_certificate(pem: bytes, *, ca: bytes, spki: bytes, serial: str, purpose: str, now: datetime | None = None) -> x509.Certificate:
    """Return the parsed certificate of the ``purpose`` key when every rule above holds; raises :class:`CertificateRefused`."""
    name = f"{purpose} certificate"
    try:
        certificate = parse(pem, name)
        for complaint in _complaints(certificate, parse(ca, "CA certificate"), spki, serial, purpose, now):
            raise CertificateRefused(f"The {name} {complaint}.")
    except UNREADABLE as error:
        raise CertificateRefused(f"The {name} or its CA cannot be read.") from error
    return certificate


def _complaints(
    certificate: x509.Certificate, ca: x509.Certificate, spki: bytes, serial: str, purpose: str, now: datetime | None
) -> Iterator[str]:
    if not _issued_by(certificate, ca):
        yield "was not issued by the operator's CA"
    if spki_of(certificate) != spki:
        yield "is for another key than the terminal made"
    if [a.value for a in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)] != [serial]:
        yield "names another serial number"
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is None or f"urn:rnt:terminal:{serial}" not in names.get_values_for_type(x509.UniformResourceIdentifier):
        yield "lacks the terminal's name urn:rnt:terminal:…"
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        yield "is a CA's"
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        yield "does not allow signatures"
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    if (extended is not None and ExtendedKeyUsageOID.CLIENT_AUTH in extended) != (purpose == "tls"):
        yield "mixes the purposes of the two keys"
    if now is not None and not certificate.not_valid_before_utc - CLOCK_TOLERANCE <= now <= certificate.not_valid_after_utc:
        yield "is not valid at this laptop's time"


def _issued_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    constraints = _extension(ca, x509.BasicConstraints)
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, *UNREADABLE):
        return False
    return constraints is not None and constraints.ca


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def days_left(certificate: x509.Certificate, now: datetime | None = None) -> float:
    """Return the days until the certificate expires; negative after that."""
    return (certificate.not_valid_after_utc - (now or datetime.now(UTC))) / timedelta(days=1)


def dates(certificate: x509.Certificate) -> dict[str, str]:
    """Return when the certificate begins and ends, and who issued it."""
    return {
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "issuer": certificate.issuer.rfc4514_string(),
    }
