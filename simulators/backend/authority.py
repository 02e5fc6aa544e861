# SPDX-License-Identifier: Apache-2.0
"""The operator's keys and certificates: its CA, the server's certificate, the approval key, the vault key, terminals' certificates.

Decides which certificate requests are granted. Rules
* P-256 keys only; the request signs itself; subject serialNumber, CN and the SAN URI name the same terminal
* the private extension names the purpose asked for, the protection level and the work order that pays for it
* a TLS certificate carries EKU clientAuth; a record certificate carries no EKU: one key, one purpose

Who may present which certificate later is the store's knowledge, not the CA's.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from simulators.backend import gm
from simulators.backend.signatures import key_id

if TYPE_CHECKING:
    from pathlib import Path

ENROLMENT = ObjectIdentifier("1.3.6.1.4.1.55555.1")
INTERNATIONAL, GM = "international", "gm"
SERVER_CERTIFICATES = ("good", "self-signed", "expired", "other-name")
_BACKDATE = dt.timedelta(minutes=5)
_USAGES = [
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
]


class RequestRefused(Exception):
    """A certificate request that is not granted; the text says why."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A granted certificate: PEM, SHA-256 of its DER, the key's DER SPKI, the protection level it claims."""

    pem: str
    fingerprint: bytes
    spki: bytes
    protection: str


class Authority:
    """All keys of the operator, made in ``state`` at the first start and found there again."""

    def __init__(self, state: Path, *, tls_days: float, record_days: float, suite: str = INTERNATIONAL) -> None:
        self._suite = suite
        self._days = {"tls": tls_days, "record": record_days}
        self._key = _load_key(state / "ca-key.pem")
        self.ca_path = state / "ca.pem"
        if not self.ca_path.exists():
            self.ca_path.write_bytes(self._self_signed("operator CA", self._key, ca=True).public_bytes(Encoding.PEM))
        self._ca = x509.load_pem_x509_certificate(self.ca_path.read_bytes())
        approval = _load_key(state / "approval-key.pem")
        self.approval_pem = _private_pem(approval)
        self.approval_spki = _spki(approval.public_key())
        self.approval_kid = key_id(self.approval_spki)
        policy = _load_key(state / "policy-key.pem")
        self.policy_pem = _private_pem(policy)
        self._policy_spki = _spki(policy.public_key())
        self.policy_kid = key_id(self._policy_spki)
        if suite == GM:
            self._take_gm_keys(state)
            return
        vault = state / "vault-key.raw"
        if not vault.exists():
            _write_private(vault, X25519PrivateKey.generate().private_bytes_raw())
        self.vault_private = vault.read_bytes()
        self.vault_public = X25519PrivateKey.from_private_bytes(self.vault_private).public_key().public_bytes_raw()

    def _take_gm_keys(self, state: Path) -> None:
        """Sign approvals and packs with SM2, and open items with it; certificates and TLS stay on P-256."""
        for name in ("approval", "policy", "vault"):
            path = state / f"{name}-gm-key.pem"
            if not path.exists():
                _write_private(path, gm.new_key())
        self.approval_pem, self.policy_pem, self.vault_private = (
            (state / f"{name}-gm-key.pem").read_bytes() for name in ("approval", "policy", "vault")
        )
        self.approval_spki, self._policy_spki = gm.public_of(self.approval_pem), gm.public_of(self.policy_pem)
        self.approval_kid, self.policy_kid = key_id(self.approval_spki), key_id(self._policy_spki)
        self.vault_public = gm.public_of(self.vault_private)[-gm.POINT_BYTES :]

    def approval_keys(self) -> list[dict[str, str]]:
        """Return the trust list's approval keys."""
        return [{"kid": self.approval_kid.hex(), "spki": base64.b64encode(self.approval_spki).decode(), "purpose": "approval"}]

    def policy_keys(self) -> list[dict[str, str]]:
        """Return the trust list's keys for policy packs."""
        return [{"kid": self.policy_kid.hex(), "spki": base64.b64encode(self._policy_spki).decode(), "purpose": "policy"}]

    def server_context(self, state: Path, kind: str, *, tls: str) -> ssl.SSLContext:
        """Return the server side of TLS with a certificate of ``kind``, asking clients for theirs without demanding it."""
        key = _load_key(state / "server-key.pem")
        path = state / "server.pem"
        path.write_bytes(self._server_certificate(kind, key).public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2 if tls == "1.2" else ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(path, state / "server-key.pem")
        context.load_verify_locations(self.ca_path)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.num_tickets = 0
        return context

    def grant(self, request: bytes, *, serial: str, purpose: str, order: str) -> Issued:
        """Return a certificate for a DER PKCS#10 ``request``; raises :class:`RequestRefused`.

        A record key is of the operator's own suite, a TLS key always on P-256.
        """
        if purpose == "record" and self._suite == GM:
            return self._grant_gm(request, serial, order)
        try:
            csr = x509.load_der_x509_csr(request)
            valid = csr.is_signature_valid
            key = csr.public_key()
            claims = _enrolment_claims(csr, serial)
        except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
            raise RequestRefused(f"unreadable request: {type(error).__name__}") from None
        if not valid or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise RequestRefused("signature or key type")
        if claims.get("purpose") != purpose or claims.get("order") != order or claims.get("protection") not in {"software", "token"}:
            raise RequestRefused("enrolment extension")
        try:
            certificate = self._terminal_certificate(key, serial, purpose)
        except ValueError:
            raise RequestRefused("a serial holds characters a certificate cannot") from None
        return Issued(
            certificate.public_bytes(Encoding.PEM).decode(), certificate.fingerprint(hashes.SHA256()), _spki(key), claims["protection"]
        )

    def _grant_gm(self, request: bytes, serial: str, order: str) -> Issued:
        try:
            spki = gm.requested_key(request)
            claims = _enrolment_claims(x509.load_der_x509_csr(request), serial)
            if not gm.is_key(spki):
                raise RequestRefused("key of another suite")
            if claims.get("purpose") != "record" or claims.get("order") != order or claims.get("protection") not in {"software", "token"}:
                raise RequestRefused("enrolment extension")
            pem = gm.certify(
                request, ca=self.ca_path.read_bytes(), ca_key=_private_pem(self._key), serial=serial, days=self._days["record"]
            )
        except (gm.Refused, ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
            raise RequestRefused(f"request under gm: {type(error).__name__}") from None
        return Issued(pem.decode(), x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()), spki, claims["protection"])

    def _terminal_certificate(self, key: ec.EllipticCurvePublicKey, serial: str, purpose: str) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial), x509.NameAttribute(NameOID.COMMON_NAME, serial)])
        builder = self._builder(name, key, days=self._days[purpose]).add_extension(_usage("digital_signature"), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(_urn(serial))]), critical=False)
        if purpose == "tls":
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _server_certificate(self, kind: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        if kind == "self-signed":
            return self._self_signed("localhost", key, ca=False)
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        if kind == "other-name":
            names = [x509.DNSName("elsewhere.test")]
        builder = self._builder(_common_name("operator backend"), key.public_key(), days=-1 if kind == "expired" else 90)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(_usage("digital_signature"), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: float) -> x509.CertificateBuilder:
        end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        begin = min(dt.datetime.now(dt.UTC), end) - _BACKDATE
        builder = x509.CertificateBuilder(self._ca.subject, subject, key, x509.random_serial_number(), begin, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)

    @staticmethod
    def _self_signed(common_name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        name, public, now = _common_name(common_name), key.public_key(), dt.datetime.now(dt.UTC)
        end = now + dt.timedelta(days=3650)
        builder = x509.CertificateBuilder(name, name, public, x509.random_serial_number(), now - _BACKDATE, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        builder = builder.add_extension(_usage(*(("key_cert_sign", "crl_sign") if ca else ("digital_signature",))), critical=True)
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        return builder.sign(key, hashes.SHA256())


def _enrolment_claims(csr: x509.CertificateSigningRequest, serial: str) -> dict[str, str]:
    """Return the private extension's ``name=value`` pairs after checking that the request names ``serial`` everywhere."""
    subject = {attribute.oid: attribute.value for attribute in csr.subject}
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if subject != {NameOID.SERIAL_NUMBER: serial, NameOID.COMMON_NAME: serial} or list(names) != [
        x509.UniformResourceIdentifier(_urn(serial))
    ]:
        raise ValueError("names")
    if not csr.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
        raise ValueError("key usage")
    extension: Any = csr.extensions.get_extension_for_oid(ENROLMENT).value
    return dict(pair.split("=", 1) for pair in _utf8_string(extension.value).split(";"))


def _utf8_string(der: bytes) -> str:
    """Return the text of a DER UTF8String shorter than 256 bytes."""
    head = 2 if len(der) < 130 else 3
    length = der[1] if head == 2 else der[2]
    if der[0] != 0x0C or (head == 3 and der[1] != 0x81) or len(der) != head + length:
        raise ValueError("not a UTF8String")
    return der[head:].decode()


def _urn(serial: str) -> str:
    return f"urn:rnt:terminal:{serial}"


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*granted: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in granted for usage in _USAGES})


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        _write_private(path, _private_pem(ec.generate_private_key(ec.SECP256R1())))
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path.name} holds no EC key")
    return key


def _write_private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
