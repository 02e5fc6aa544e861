# SPDX-License-Identifier: Apache-2.0
"""``file:`` keys of the gm suite: PEM PKCS#8 on the SM2 curve, protection level ``software``.

The same place, guard and risk as :mod:`firmware.keystore.file_key`, which opens them too: what stands in a file tells its suite.
"""

from __future__ import annotations

import base64
import binascii
import textwrap
from typing import TYPE_CHECKING, Final

from firmware.core.keyring import key_id
from firmware.core.suite import SM2_SM3
from firmware.keystore import files, sealed, sm2
from firmware.keystore.errors import KeyUnfit

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.keystore.sealed import Seal

_BEGIN, _END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
_LINE: Final = 64


class Sm2FileSigner:
    """A private key held in memory; shows only its kid."""

    __slots__ = ("_key", "kid", "spki")
    alg: Final = SM2_SM3
    protection: Final = "software"

    def __init__(self, key: sm2.PrivateKey) -> None:
        self._key = key
        self.spki: Final = key.spki()
        self.kid: Final = key_id(self.spki)

    def sign(self, tbs: bytes) -> bytes:
        """Return raw r || s, 64 bytes, over ``tbs`` and the default distinguishing id."""
        return self._key.sign(tbs)

    def __repr__(self) -> str:
        """Name the key, not its value."""
        return f"Sm2FileSigner(kid={self.kid.hex()})"


def create(path: str, base: Path, seal: Seal | None) -> Sm2FileSigner:
    """Generate a key and write it to ``path`` under ``base``; raises ``KeyExists``, ``KeyUnsafe``, ``KeyUnfit`` without SM2 here."""
    try:
        key = sm2.PrivateKey.generate()
    except sm2.Sm2Refused as refused:
        raise KeyUnfit(f"the gm suite cannot be used here: {refused}") from None
    lines = textwrap.wrap(base64.b64encode(key.pkcs8()).decode(), _LINE)
    signer, place = Sm2FileSigner(key), files.place(path, base)
    pem = "\n".join((_BEGIN, *lines, _END, "")).encode()
    files.write_secret(place, sealed.wrap(pem, place.name, seal, signer.spki))
    return signer


def parse(pem: bytes) -> Sm2FileSigner | None:
    """Return the signer of a plain PEM key on the SM2 curve, ``None`` for anything else."""
    try:
        head, *lines, end = pem.decode("ascii").split("\n")[:-1]
        if (head, end) != (_BEGIN, _END):
            return None
        return Sm2FileSigner(sm2.PrivateKey.from_pkcs8(base64.b64decode("".join(lines), validate=True)))
    except (ValueError, binascii.Error, sm2.Sm2Refused):
        return None
