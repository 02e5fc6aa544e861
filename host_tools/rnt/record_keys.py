# SPDX-License-Identifier: Apache-2.0
"""Public keys from files: all that records, bundles and audit logs are verified with.

A terminal's key is a PEM certificate (then it must have been valid when it signed, and be the given CA's when one is given) or a PEM
public key. The operator's keys come from a trust list (``trust.json``). Nothing here is secret, and nothing is fetched.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from firmware.core.errors import Malformed
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.keystore import PROVIDERS
from firmware.runtime.certificates import CertificateRefused, check_certificate, parse, spki_of
from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography import x509

MAX_FILE = 1 << 20
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_PUBLIC_KEY = re.compile(rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")

key_option = click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    type=click.Path(dir_okay=False),
    help="PEM certificate or public key of the terminal's record key; repeat it for a renewed one.",
)
ca_option = click.option(
    "--operator-ca", type=click.Path(dir_okay=False), help="PEM file of the CA that must have issued the certificates."
)
trust_option = click.option(
    "--trust", type=click.Path(dir_okay=False), help="The operator's trust list (trust.json), for what the operator signed."
)


def read_file(path: Path, limit: int = MAX_FILE) -> bytes:
    """Return a file's content; raises :class:`Stopped`."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"{path} cannot be read: {error.strerror}.", "check the path") from error
    if len(data) > limit:
        raise Stopped(ExitCode.USAGE, f"{path} is too large to be what was asked for.", "check the path")
    return data


def terminal_keys(paths: Sequence[Path], ca: Path | None) -> list[Key]:
    """Return the record keys in ``paths``; raises :class:`Stopped`."""
    authority = read_file(ca) if ca else None
    found = {key.kid: key for key in (_terminal_key(path, authority) for path in paths)}
    return list(found.values())


def operator_keys(path: Path) -> list[Key]:
    """Return the approval keys of a trust list; raises :class:`Stopped`."""
    try:
        trust = json.loads(read_file(path))
        entries = trust["approval_keys"]
        kids = [bytes.fromhex(entry["kid"]) for entry in entries]
        windows = [(entry.get("not_before"), entry.get("not_after")) for entry in entries]
        ring = Keyring.from_trust_json(trust, PROVIDERS)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Malformed) as error:
        raise Stopped(ExitCode.USAGE, f"{path} is not a trust list.", "check --trust") from error
    times = [next((t for t in window if t is not None), None) for window in windows]
    return [key for kid, time in zip(kids, times, strict=True) if (key := ring.find(kid, Purpose.APPROVAL, time))]


def _terminal_key(path: Path, authority: bytes | None) -> Key:
    data = read_file(path)
    try:
        if _CERTIFICATE in data:
            return _certified(data, authority)
        if authority is not None:
            raise Stopped(ExitCode.USAGE, f"{path} is a bare key, which no CA has issued.", "give its certificate, or no --operator-ca")
        return Key.from_spki(_bare(data), Purpose.RECORD, accepted=PROVIDERS)
    except CertificateRefused as error:
        raise Stopped(ExitCode.VERIFICATION, str(error), "check --key and --operator-ca") from error
    except (ValueError, UnsupportedAlgorithm, Malformed) as error:
        raise Stopped(ExitCode.USAGE, f"{path} holds no P-256 or SM2 key or certificate in PEM.", "check --key") from error


def _bare(pem: bytes) -> bytes:
    """Return the DER content of one PEM public key; ``ValueError`` for anything else."""
    found = _PUBLIC_KEY.fullmatch(pem.strip())
    if found is None:
        raise ValueError("not one PEM public key")
    return base64.b64decode(b"".join(found[1].split()), validate=True)


def _certified(pem: bytes, authority: bytes | None) -> Key:
    certificate = parse(pem, "record certificate")
    spki = spki_of(certificate)
    if authority is not None:
        check_certificate(pem, ca=authority, spki=spki, serial=_serial(certificate), purpose="record")
    begin, end = (int(moment.timestamp()) for moment in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    return Key.from_spki(spki, Purpose.RECORD, accepted=PROVIDERS, not_before=begin, not_after=end + 1)


def _serial(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return str(names[0].value) if names else ""
