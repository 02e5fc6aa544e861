# SPDX-License-Identifier: Apache-2.0
"""A terminal made for tests from the message text alone: python-cwt, cbor2 and cryptography, nothing of firmware.

It enrols with a running operator, signs records and results, opens what it gets, and speaks HTTP through the standard library.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_der_public_key
from cryptography.x509.oid import NameOID, ObjectIdentifier
from cwt import COSE, COSEKey

if TYPE_CHECKING:
    from simulators.kit.launch import RunningSimulator

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
ENROLMENT = ObjectIdentifier("1.3.6.1.4.1.55555.1")
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def dumps(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def citizen_number(serial: int = 1, birth: str = "19900307") -> str:
    """A citizen number of an unassigned region with its check digit (GB 11643)."""
    first = f"990000{birth}{serial:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, weights, strict=True)) % 11]


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign1(payload: bytes, key: ec.EllipticCurvePrivateKey, typ: str, aad: bytes = b"", *, kid: bytes | None = None) -> bytes:
    kid = digest(spki(key))[:16] if kid is None else kid
    message: bytes = COSE.new().encode_and_sign(
        payload, COSEKey.from_pem(private_pem(key), kid=kid, alg="ES256"), protected={1: -7, 4: kid, 16: typ}, external_aad=aad
    )
    return message


def verify1(message: bytes, key_spki: bytes, typ: str, aad: bytes) -> dict[int, Any]:
    pem = load_der_public_key(key_spki).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    kid = digest(key_spki)[:16]
    protected, unprotected, payload = COSE.new().decode_with_headers(message, COSEKey.from_pem(pem, kid=kid, alg="ES256"), external_aad=aad)
    assert protected == {1: -7, 4: kid, 16: typ}
    assert unprotected == {}
    claims: dict[int, Any] = cbor2.loads(payload)
    assert dumps(claims) == payload
    assert dumps(cbor2.loads(message)) == message
    return claims


def request_der(key: ec.EllipticCurvePrivateKey, serial: str, purpose: str, order: str, *, protection: str = "software") -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial), x509.NameAttribute(NameOID.COMMON_NAME, serial)])
    text = f"purpose={purpose};protection={protection};order={order}".encode()
    length = bytes([len(text)]) if len(text) < 128 else bytes([0x81, len(text)])
    builder = x509.CertificateSigningRequestBuilder(subject)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:rnt:terminal:{serial}")]), critical=False
    )
    builder = builder.add_extension(x509.KeyUsage(**{usage: usage == "digital_signature" for usage in USAGES}), critical=True)
    builder = builder.add_extension(x509.UnrecognizedExtension(ENROLMENT, b"\x0c" + length + text), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(slots=True)
class Operator:
    """A running backend simulator and what the tests may know of it."""

    running: RunningSimulator
    state: Path
    counter: int = 0

    @property
    def url(self) -> str:
        return str(self.running.endpoints["url"])

    @property
    def ca(self) -> Path:
        return Path(self.running.endpoints["ca"])

    def control(self, command: str, **arguments: Any) -> dict[str, Any]:
        return self.running.control(command, **arguments)

    def fault(self, at: str, do: str, **options: Any) -> None:
        self.control("fault", fault={"at": at, "do": do, **options})

    def blank(self, **words: Any) -> str:
        """Put a fresh blank card into the pool, told by ``words`` too, and return its ICCID."""
        self.counter += 1
        iccid = f"898600{int(time.time()) % 10**6:06d}{self.counter:07d}0"
        self.control("blank", **{"iccid": iccid, "adm": os.urandom(8).hex(), **words})
        return iccid

    def rows(self, table: str, session: bytes) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.control("state")[table]
        return [row for row in rows if row["session"] == session.hex()]

    def blank_state(self, iccid: str) -> str:
        return str(self.blank_row(iccid)["state"])

    def blank_row(self, iccid: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.control("state")["blanks"]
        return next(row for row in rows if row["iccid"] == iccid)

    def http(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        context: ssl.SSLContext,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        port = int(self.url.rsplit(":", 1)[1])
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=15)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def anonymous(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


@dataclass(slots=True)
class Unit:
    """An enrolled terminal."""

    operator: Operator
    folder: Path
    serial: str
    record_key: ec.EllipticCurvePrivateKey
    tls_key: ec.EllipticCurvePrivateKey
    enrolment: dict[str, Any]
    sequence: int = 0
    last: bytes = bytes(32)
    profile_keys: dict[bytes, X25519PrivateKey] = field(default_factory=dict)

    @classmethod
    def enrolled(cls, operator: Operator, folder: Path, serial: str, record_key: ec.EllipticCurvePrivateKey | None = None) -> Unit:
        record_key, tls_key = record_key or ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        order = operator.control("work_order")["token"]
        body = enrolment_body(serial, record_key, tls_key, order)
        status, answer = operator.http(
            "POST", "/v1/enrolments", body, context=operator.anonymous(), headers={"Authorization": f"Bearer {order}"}
        )
        assert status == 200, answer
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tls.pem").write_text(answer["tls_cert"])
        (folder / "tls-key.pem").write_bytes(private_pem(tls_key))
        (folder / "record.pem").write_text(answer["record_cert"])
        (folder / "record-key.pem").write_bytes(private_pem(record_key))
        return cls(operator, folder, serial, record_key, tls_key, answer)

    @property
    def certificate(self) -> Path:
        return self.folder / "tls.pem"

    @property
    def key(self) -> Path:
        return self.folder / "tls-key.pem"

    @property
    def approval_spki(self) -> bytes:
        return base64.b64decode(self.enrolment["trust"]["approval_keys"][0]["spki"])

    def context(self, certificate: str = "tls.pem", key: str = "tls-key.pem") -> ssl.SSLContext:
        context = self.operator.anonymous()
        context.load_cert_chain(self.folder / certificate, self.folder / key)
        return context

    def http(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.operator.http(method, path, body, context=self.context(), headers=named)

    def claims(self, iccid: str, fields: dict[int, str | bytes] | None = None) -> tuple[dict[int, Any], list[Any]]:
        """A good record's claims and its items, for a card and a persona."""
        values = person() if fields is None else fields
        items = [[os.urandom(32), number, value] for number, value in sorted(values.items())]
        session, profile_key = os.urandom(16), X25519PrivateKey.generate()
        self.profile_keys[session] = profile_key
        claims: dict[int, Any] = {
            1: self.serial,
            6: int(time.time()),
            7: session,
            10: os.urandom(16),
            256: 1,
            257: "T01",
            258: "D01",
            259: "chip",
            260: {item[1]: digest(dumps(item)) for item in items},
            261: [["number", True], ["not-expired", True], ["face-match", True], ["liveness", True]],
            262: [["C-1", digest(b"notice")], ["C-4", digest(b"agreement")]],
            263: digest(b"agreement"),
            264: {1: iccid, 2: bytes.fromhex("3b9f96"), 3: "usim"},
            265: {1: os.urandom(16), 2: "1.0"},
            266: "software",
            267: digest(b"software"),
            268: ["cn/base/1", digest(b"pack")],
            269: os.urandom(16),
            270: 123456,
            271: self.sequence + 1,
            272: self.last,
            273: digest(b"rows"),
            274: [93, True],
            275: profile_key.public_key().public_bytes_raw(),
            276: 4,
            277: [],
            278: [],
            279: 5,
            280: [],
            281: "clerk-7",
        }
        return claims, items

    def signed(self, claims: dict[int, Any]) -> bytes:
        """Sign a record and move the unit's chain on."""
        message = sign1(dumps(claims), self.record_key, "rnt-record")
        self.sequence, self.last = claims[271], digest(message)
        return message

    def sealed(self, session: bytes, items: list[Any]) -> bytes:
        return vaulted(self, dumps(items), b"rnt/items/1" + session)

    def bring(self, session: bytes, content: bytes, **changes: Any) -> tuple[int, dict[str, Any]]:
        """Bring a piece of evidence, sealed to the vault; ``changes`` are ``digest``, ``sealed`` or the session it is ``sealed_for``."""
        sealed = changes.get("sealed") or vaulted(self, content, b"rnt/evidence/1" + changes.get("sealed_for", session))
        return self.ask(session, "evidence", digest=changes.get("digest", digest(content)).hex(), content=sealed)

    def request(self, iccid: str, fields: dict[int, str | bytes] | None = None, **changes: Any) -> Request:
        """A signed record with its sealed items; ``changes`` replace claims (``c259="ocr"``) or, as ``None``, leave them out."""
        claims, items = self.claims(iccid, fields)
        claims |= {int(name[1:]): value for name, value in changes.items()}
        claims = {number: value for number, value in claims.items() if value is not None}
        record = self.signed(claims)
        return Request(claims[7], record, self.sealed(claims[7], items), claims)

    def submit(self, request: Request) -> tuple[int, dict[str, Any]]:
        return self.http("POST", "/v1/activations", request.body, Idempotency_Key=request.session.hex())

    def open_profile(self, request: Request, answer: dict[str, Any]) -> bytes:
        key = self.profile_keys[request.session]
        return SUITE.decrypt(unb64(answer["profile"]), key, b"rnt/profile/1" + digest(request.record))

    def result(
        self, request: Request, outcome: str, *, approval_id: bytes = b"", read_back: list[Any] | None = None, **changes: Any
    ) -> bytes:
        """A signed result; bound to the approval when one is given."""
        claims: dict[int, Any] = {1: self.serial, 6: int(time.time()), 7: request.session, 256: 1, 257: outcome}
        claims |= {258: "" if outcome in {"written", "answered"} else "R711", 260: digest(request.record)}
        if approval_id:
            claims[259] = approval_id
        if read_back:
            claims[261] = read_back
        claims |= {int(name[1:]): value for name, value in changes.items()}
        return sign1(dumps(claims), self.record_key, "rnt-result", approval_id)

    def ask(self, session: bytes, operation: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """POST to ``unlock`` or ``relay``; bytes go out as base64url."""
        coded = {name: b64(value) if isinstance(value, bytes) else value for name, value in body.items()}
        return self.http("POST", f"/v1/activations/{session.hex()}/{operation}", coded)

    def report(self, session: bytes, result: bytes) -> tuple[int, dict[str, Any]]:
        return self.http("POST", f"/v1/activations/{session.hex()}/result", {"result": b64(result)})

    def ack(self, result: bytes, answer: dict[str, Any]) -> dict[int, Any]:
        return verify1(unb64(answer["ack"]), self.approval_spki, "rnt-ack", digest(result))


@dataclass(frozen=True, slots=True)
class Request:
    """One activation as it goes out."""

    session: bytes
    record: bytes
    items: bytes
    claims: dict[int, Any]

    @property
    def body(self) -> dict[str, str]:
        return {"record": b64(self.record), "items": b64(self.items)}


def vaulted(unit: Unit, content: bytes, info: bytes) -> bytes:
    """Return ``content`` sealed to the operator's vault key."""
    vault = X25519PublicKey.from_public_bytes(base64.b64decode(unit.enrolment["trust"]["vault_key"]))
    return SUITE.encrypt(content, vault, info)


def enrolment_body(serial: str, record_key: ec.EllipticCurvePrivateKey, tls_key: ec.EllipticCurvePrivateKey, order: str) -> dict[str, str]:
    return {
        "serial": serial,
        "record_csr": b64(request_der(record_key, serial, "record", order)),
        "tls_csr": b64(request_der(tls_key, serial, "tls", order)),
    }


COMPARED = [["face-match", True], ["liveness", True]]


def party(role: str, nth: int = 1, number: str | None = None, **changes: Any) -> tuple[dict[int, Any], dict[int, str | bytes]]:
    """A good party of a record, and its fields as those of the ``nth``; ``changes`` replace its members (``c6=3``) or leave them out."""
    claim: dict[int, Any] = {1: role, 2: "D01", 3: "chip", 4: COMPARED, 5: [90, True], 6: 4} | {
        int(name[1:]): value for name, value in changes.items()
    }
    kept = {number: value for number, value in claim.items() if value is not None}
    return kept, {100 * nth + field: value for field, value in person(number).items()}


def person(number: str | None = None) -> dict[int, str | bytes]:
    """A synthetic persona's document, a new one each time unless its number is given."""
    number = number or citizen_number(int.from_bytes(os.urandom(2)) % 1000, f"19{70 + os.urandom(1)[0] % 30}0{1 + os.urandom(1)[0] % 9}07")
    return {
        1: "测试甲",
        2: number,
        3: "虚构省虚构市一号",
        4: number[6:14],
        5: "虚构市公安局",
        6: "20200101",
        7: "20400101",
        20: digest(b"chip portrait"),
        21: digest(b"live portrait"),
    }
