# SPDX-License-Identifier: Apache-2.0
"""``file:`` keys: PEM PKCS#8 on P-256, sealed by the controller where there is one, protection level ``software``.

A record key of the gm suite (:mod:`firmware.keystore.sm2_file`) opens too.

States its risk: root can read the key, and unsealed a copy of the flash is a copy of the key. Therefore the level travels in every record
and certificate request, and the backend may refuse it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from firmware.core.keyring import key_id
from firmware.core.suite import ES256
from firmware.keystore import files, sealed, sm2_file
from firmware.keystore.errors import KeyUnfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firmware.core.cose import Signer
    from firmware.keystore.sealed import Seal

_COORDINATE_BYTES: Final = 32


class FileSigner:
    """A private key held in memory; shows only its kid."""

    __slots__ = ("_key", "kid", "spki")
    alg: Final = ES256
    protection: Final = "software"

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.spki: Final = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.kid: Final = key_id(self.spki)

    def sign(self, tbs: bytes) -> bytes:
        """Return raw r || s, 64 bytes, over SHA-256 of ``tbs``."""
        r, s = decode_dss_signature(self._key.sign(tbs, ec.ECDSA(SHA256())))
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")

    def __repr__(self) -> str:
        """Name the key, not its value."""
        return f"FileSigner(kid={self.kid.hex()})"


def create(path: str, base: Path, seal: Seal | None) -> FileSigner:
    """Generate a key and write it, sealed, to ``path`` under ``base``; raises ``KeyExists``, ``KeyUnsafe``, what the seal raises."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer, place = FileSigner(key), files.place(path, base)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.write_secret(place, sealed.wrap(pem, place.name, seal, signer.spki))
    return signer


def open_key(path: str, base: Path, seal: Seal | None) -> Signer:
    """Open the key at ``path`` under ``base``, of either suite; raises :class:`KeyMissing`, :class:`KeyUnsafe`, :class:`KeyUnfit`."""
    pem = _read(files.place(path, base), seal)
    return sm2_file.parse(pem) or FileSigner(_parse(pem))


def public(path: str, base: Path) -> tuple[bytes, str]:
    """Return the key's DER SubjectPublicKeyInfo and protection, the controller not asked; raises as :func:`open_key`."""
    place = files.place(path, base)
    content = files.read_secret(place)
    if not sealed.is_sealed(content):
        return open_key(path, base, None).spki, FileSigner.protection
    if not (spki := sealed.public_half(content, place.name)):
        raise KeyUnfit(f"{place.name} is no private key")
    return spki, FileSigner.protection


def exists(path: str, base: Path) -> bool:
    """Return whether something stands at ``path`` under ``base``; raises :class:`KeyUnsafe` when that leads out of it."""
    return base.is_dir() and files.place(path, base).exists()


def retire(path: str, base: Path) -> int:
    """Return 0: installing a new file has removed the old one. Raises as :func:`exists`."""
    files.place(path, base)
    return 0


@contextmanager
def tls_file(path: str, base: Path, seal: Seal | None) -> Iterator[Path]:
    """Yield where :mod:`ssl` finds the key, after opening it once; raises as :func:`open_key`, ``KeyUnfit`` for a key on another curve.

    A sealed key lies, for as long as it is loaded, in a file of this process's memory and in no file system.
    """
    place = files.place(path, base)
    stored = files.read_secret(place)
    pem = sealed.unwrap(stored, place.name, seal)
    _parse(pem)
    if pem == stored:
        yield place
        return
    handle = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(handle, pem)
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.ftruncate(handle, 0)
        os.close(handle)


def _read(place: Path, seal: Seal | None) -> bytes:
    return sealed.unwrap(files.read_secret(place), place.name, seal)


def _parse(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: the PEM is encrypted
        raise KeyUnfit("not a plain PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnfit("not a key on P-256")
    return key
