# SPDX-License-Identifier: Apache-2.0
"""``file:`` keys: PEM PKCS#8 on P-256, protection level ``software``.

A record key of the gm suite (:mod:`firmware.keystore.sm2_file`) opens too.

States its risk: a copy of the flash is a copy of the key, and root can read it. Therefore the level travels in every record and
certificate request, and the backend may refuse it.
"""

from __future__ import annotations

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
from firmware.keystore import files, sm2_file
from firmware.keystore.errors import KeyUnfit

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.core.cose import Signer

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


def create(path: str, base: Path) -> FileSigner:
    """Generate a key and write it to ``path`` under ``base``; raises :class:`KeyExists`, :class:`KeyUnsafe`."""
    key = ec.generate_private_key(ec.SECP256R1())
    files.write_secret(files.place(path, base), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return FileSigner(key)


def open_key(path: str, base: Path) -> Signer:
    """Open the key at ``path`` under ``base``, of either suite; raises :class:`KeyMissing`, :class:`KeyUnsafe`, :class:`KeyUnfit`."""
    pem = files.read_secret(files.place(path, base))
    return sm2_file.parse(pem) or FileSigner(_parse(pem))


def exists(path: str, base: Path) -> bool:
    """Return whether something stands at ``path`` under ``base``; raises :class:`KeyUnsafe` when that leads out of it."""
    return base.is_dir() and files.place(path, base).exists()


def retire(path: str, base: Path) -> int:
    """Return 0: installing a new file has removed the old one. Raises as :func:`exists`."""
    files.place(path, base)
    return 0


def tls_path(path: str, base: Path) -> Path:
    """Return where :mod:`ssl` finds the key, after opening it once; raises as :func:`open_key`, ``KeyUnfit`` for a key on another curve."""
    place = files.place(path, base)
    _parse(files.read_secret(place))
    return place


def _parse(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: the PEM is encrypted
        raise KeyUnfit("not a plain PEM private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnfit("not a key on P-256")
    return key
