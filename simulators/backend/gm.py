# SPDX-License-Identifier: Apache-2.0
"""国密 for the operator by the ``openssl`` command: SM2 keys, signatures, certificates and envelopes, without the terminal's code.

SM3 is :mod:`hashlib`'s, SM4-GCM the library's (the command has no GCM). Written from GB/T 32918 and GM/T 0009 by way of the message text
(CDDL: sealed-gm). Every failure of the command is :class:`Refused`.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulators.backend import strict_cbor

ALGORITHM = -65537
POINT_BYTES = 65
CURVE = bytes.fromhex("06082a811ccf5501822d")
"""DER OBJECT IDENTIFIER 1.2.156.10197.1.301."""
SPKI_BYTES = 91
DISTID = "distid:1234567812345678"
DEADLINE_S = 20


class Refused(Exception):
    """The openssl command did not do what was asked."""


def is_key(spki: bytes) -> bool:
    """Tell whether a DER SubjectPublicKeyInfo says it is on the SM2 curve."""
    return len(spki) == SPKI_BYTES and CURVE in spki[:-POINT_BYTES]


def is_private(pem: bytes) -> bool:
    """Tell whether a PEM private key is on the SM2 curve."""
    return b"SM2" in pem.split(b"\n", 1)[0]


def digest(data: bytes) -> bytes:
    """Return the SM3 digest."""
    return hashlib.new("sm3", data).digest()


def new_key() -> bytes:
    """Return a new private key: PKCS#8 in a PEM whose label is marked, so that nobody takes it for another kind."""
    return _run(["genpkey", "-algorithm", "SM2"]).replace(b"PRIVATE KEY", b"SM2 PRIVATE KEY")


def public_of(pem: bytes) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a private key."""
    return _run(["pkey", "-in", "{key}", "-pubout", "-outform", "DER"], key=_plain(pem))


def sign(pem: bytes, message: bytes) -> bytes:
    """Return the raw signature over ``message``."""
    der = _run(
        ["pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", "{key}", "-in", "{message}", "-pkeyopt", DISTID],
        key=_plain(pem),
        message=message,
    )
    r, s = _integers(der)
    return r.rjust(32, b"\0") + s.rjust(32, b"\0")


def verify(spki: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether the raw ``signature`` is the key's over ``message``."""
    numbers = b"".join(_integer(half) for half in (signature[:32], signature[32:]))
    numbers = bytes([0x30, len(numbers)]) + numbers
    command = ["pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-keyform", "DER", "-inkey", "{key}", "-in", "{message}"]
    try:
        _run([*command, "-sigfile", "{signature}", "-pkeyopt", DISTID], key=spki, message=message, signature=numbers)
    except Refused:
        return False
    return True


def seal(plaintext: bytes, *, point: bytes, info: bytes) -> bytes:
    """Return ``plaintext`` sealed to the key with this point, bound to ``info``."""
    secret = os.urandom(28)
    spki = bytes.fromhex("3059301306072a8648ce3d0201") + CURVE + bytes.fromhex("034200") + point
    wrapped = _run(["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "{key}", "-in", "{secret}"], key=spki, secret=secret)
    cipher = Cipher(algorithms.SM4(secret[:16]), modes.GCM(secret[16:])).encryptor()
    cipher.authenticate_additional_data(info)
    return strict_cbor.dumps([wrapped, cipher.update(plaintext) + cipher.finalize() + cipher.tag])


def unseal(sealed: bytes, *, pem: bytes, info: bytes) -> bytes:
    """Return the plaintext; raises :class:`Refused` when it was not sealed to this key and info."""
    try:
        wrapped, content = strict_cbor.loads(sealed)
        secret = _run(["pkeyutl", "-decrypt", "-inkey", "{key}", "-in", "{wrapped}"], key=_plain(pem), wrapped=wrapped)
        cipher = Cipher(algorithms.SM4(secret[:16]), modes.GCM(secret[16:28], content[-16:])).decryptor()
        cipher.authenticate_additional_data(info)
        return cipher.update(content[:-16]) + cipher.finalize()
    except (strict_cbor.Malformed, InvalidTag, ValueError, TypeError):
        raise Refused("sealed") from None


def requested_key(request: bytes) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a DER request that signs itself with SM2; raises :class:`Refused`."""
    text = _run(["req", "-inform", "DER", "-in", "{request}", "-verify", "-vfyopt", DISTID, "-text", "-noout"], both=True, request=request)
    if b"self-signature verify OK" not in text or b"Signature Algorithm: SM2-with-SM3" not in text:
        raise Refused("request")
    pem = _run(["req", "-inform", "DER", "-in", "{request}", "-pubkey", "-noout"], request=request)
    return _run(["pkey", "-pubin", "-in", "{pem}", "-outform", "DER"], pem=pem)


def certify(request: bytes, *, ca: bytes, ca_key: bytes, serial: str, days: float) -> bytes:
    """Return the PEM record certificate for a verified request, signed by the operator's international CA."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,32}", serial):
        raise Refused("serial")
    extensions = (
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        f"subjectAltName=URI:urn:rnt:terminal:{serial}\n"
    )
    issue = ["x509", "-req", "-inform", "DER", "-in", "{request}", "-vfyopt", DISTID, "-CA", "{ca}", "-CAkey", "{ca_key}", "-sha256"]
    issue += ["-set_serial", f"0x{os.urandom(15).hex()}", "-days", str(max(1, round(days))), "-extfile", "{extensions}"]
    return _run(issue, request=request, ca=ca, ca_key=ca_key, extensions=extensions.encode())


def _run(command: list[str], *, both: bool = False, **files: bytes) -> bytes:
    """Run openssl; each ``{name}`` is the path of a file with that content. ``both``: its standard error is part of the answer."""
    with tempfile.TemporaryDirectory(prefix="rnt-gm-") as folder:
        paths = {name: str(Path(folder) / name) for name in files}
        for name, content in files.items():
            Path(paths[name]).write_bytes(content)
        filled = [paths.get(word[1:-1], word) if word.startswith("{") else word for word in command]
        errors: Any = subprocess.STDOUT if both else subprocess.DEVNULL
        done = subprocess.run(["openssl", *filled], stdout=subprocess.PIPE, stderr=errors, check=False, timeout=DEADLINE_S)  # noqa: S603, S607  # the command is the point
    if done.returncode != 0:
        raise Refused(command[0])
    return done.stdout


def _plain(pem: bytes) -> bytes:
    return pem.replace(b"SM2 PRIVATE KEY", b"PRIVATE KEY")


def _integer(value: bytes) -> bytes:
    shortest = value.lstrip(b"\0") or b"\0"
    signed = b"\0" * (shortest[0] >> 7) + shortest
    return bytes([2, len(signed)]) + signed


def _integers(der: bytes) -> tuple[bytes, bytes]:
    """Return the two unsigned numbers of a short SEQUENCE."""
    first = der[4 : 4 + der[3]]
    rest = der[4 + der[3] :]
    return first.lstrip(b"\0"), rest[2 : 2 + rest[1]].lstrip(b"\0")
