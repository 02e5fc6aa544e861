# SPDX-License-Identifier: Apache-2.0
"""What the laptop verifies while it carries requests and certificates between a terminal and the operator's CA.

Rules
* A request is carried only when it signs itself, holds the key the terminal says it made, and names the terminal's serial number.
* Certificates go to the terminal only when they fit key, serial, purpose and this laptop's time under the CA file the *engineer*
  named; the CA that comes with the answer must be that very one.
* A terminal counts as provisioned only when it has signed a fresh challenge with both keys.

It opens no connection and asks nobody; :mod:`host_tools.rnt.provision` does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from firmware.core.errors import Malformed, PackRefused
from firmware.core.keyring import Trust
from firmware.keystore import PROVIDERS, provider_for, requested_key
from firmware.runtime import policies
from firmware.runtime.certificates import UNREADABLE, CertificateRefused, check_certificate, parse, spki_of
from firmware.runtime.maintenance import PURPOSES, possession_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firmware.backend.answers import Enrolled


class EnrolmentRefused(Exception):
    """Something that came from the terminal or the operator does not fit. Nothing was installed."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key the terminal made: DER request, DER SubjectPublicKeyInfo, protection level it claims."""

    request: bytes
    spki: bytes
    protection: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the SubjectPublicKeyInfo as hex: what the engineer compares."""
        return hashlib.sha256(self.spki).hexdigest()


def read_keys(answer: Mapping[str, Any], serial: str) -> dict[str, NewKey]:
    """Check the terminal's two certificate requests; raises :class:`EnrolmentRefused`."""
    found = {}
    for purpose in PURPOSES:
        try:
            key = NewKey(bytes.fromhex(answer[purpose]["csr"]), bytes.fromhex(answer[purpose]["spki"]), str(answer[purpose]["protection"]))
            request = x509.load_der_x509_csr(key.request)
            named = [a.value for a in request.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
            spki, signed = requested_key(request)
        except (KeyError, *UNREADABLE) as error:
            raise EnrolmentRefused(f"The terminal's {purpose} request cannot be read.") from error
        if not signed or spki != key.spki or named != [serial]:
            raise EnrolmentRefused(f"The terminal's {purpose} request does not fit its key or its serial number.")
        found[purpose] = key
    if found["record"].spki == found["tls"].spki:
        raise EnrolmentRefused("The terminal made one key for two purposes.")
    return found


def check_enrolment(answer: Enrolled, *, keys: Mapping[str, NewKey], serial: str, ca: bytes, now: datetime | None = None) -> dict[str, str]:
    """Check the operator's answer against the terminal's keys and the engineer's CA file; raises :class:`EnrolmentRefused`.

    Returns the certificates (PEM) by purpose.
    """
    certificates = {"record": answer.record_cert, "tls": answer.tls_cert}
    try:
        if parse(answer.ca.encode(), "operator's CA") != parse(ca, "CA file you named"):
            raise EnrolmentRefused("The operator's answer names another CA than the file you gave.")
        for purpose, pem in certificates.items():
            check_certificate(pem.encode(), ca=ca, spki=keys[purpose].spki, serial=serial, purpose=purpose, now=now or datetime.now(UTC))
    except CertificateRefused as refused:
        raise EnrolmentRefused(str(refused)) from refused
    check_packs(answer.packs, check_trust(json.loads(answer.trust_json), keys["record"].spki), now or datetime.now(UTC))
    return certificates


def check_trust(trust: object, record_key: bytes | None) -> Trust:
    """Return the trust list when it has all fields, its key ids fit its keys, and all of them are of the record key's suite.

    ``record_key`` is DER SubjectPublicKeyInfo; without it either suite will do. Raises :class:`EnrolmentRefused`.
    """
    if not isinstance(trust, dict):
        raise EnrolmentRefused("The operator's trust list is not a JSON object.")
    wrong = Malformed("suite")
    for provider in PROVIDERS:
        try:
            if record_key is None or provider is provider_for(record_key):
                return Trust.from_json(trust, provider)
        except Malformed as error:
            wrong = error
    raise EnrolmentRefused(f"The operator's trust list does not add up ({wrong}).") from wrong


def check_packs(packs: Iterable[bytes], trust: Trust, now: datetime) -> None:
    """Refuse policy packs the terminal could not work with now; raises :class:`EnrolmentRefused`."""
    seconds = int(now.timestamp())
    try:
        policies.verify(packs, trust, seconds).check_time(seconds)
    except PackRefused as refused:
        raise EnrolmentRefused(f"The operator's policy packs may not be used ({refused.reason}).") from refused


def check_possession(answer: Mapping[str, Any], challenge: bytes, certificates: Mapping[str, str]) -> None:
    """Check that the terminal signed ``challenge`` with both certified keys; raises :class:`EnrolmentRefused`."""
    for purpose in PURPOSES:
        try:
            spki = spki_of(parse(certificates[purpose].encode(), f"{purpose} certificate"))
            kid, raw = bytes.fromhex(answer[purpose]["kid"]), bytes.fromhex(answer[purpose]["signature"])
            proved = provider_for(spki).verifier(spki)(raw, possession_message(challenge, kid))
        except (Malformed, KeyError, *UNREADABLE) as error:
            raise EnrolmentRefused(f"The terminal did not prove that it holds the {purpose} key.") from error
        if not proved:
            raise EnrolmentRefused(f"The terminal did not prove that it holds the {purpose} key.")
