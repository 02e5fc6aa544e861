# SPDX-License-Identifier: Apache-2.0
"""The part of RFC 7512 that names a key on a token, and only that part.

``pkcs11:token=rnt;object=record?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/var/lib/rnt/keys/token.pin``

Rules
* Path: ``token`` and ``object`` are required; ``id``, ``serial`` (of the token) and ``type=private`` may stand beside them.
* Query: ``module-path`` and ``pin-source`` are required, both absolute paths. ``pin-value`` is refused: a secret does not stand in a
  configuration file. So are all other attributes: what is not understood may be what mattered.
* Each attribute stands once; its value is percent-encoded UTF-8 and not empty.

It looks at nothing but the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from firmware.keystore.errors import KeyUriMalformed

MAX_LENGTH: Final = 1024
LABEL_BYTES: Final = 32
"""A token's label is 32 bytes (PKCS#11 v2.40 §3.2, CK_TOKEN_INFO)."""
ID_BYTES: Final = 32
"""Longest ``id`` read; ours have 16."""
_PATH: Final = frozenset({"token", "object", "id", "serial", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/|]|%[0-9A-Fa-f]{2})+", re.ASCII)
"""pk11-pchar of RFC 7512 §2.3, one or more, with the ``/`` and ``|`` of the query; ``&`` and ``;`` part attributes."""
_OBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenUri:
    """Which key, on which token, through which module, with whose PIN. ``id`` is CKA_ID."""

    token: str
    object: str
    id: bytes | None
    serial: str | None
    module: Path
    pin_file: Path

    def provider_text(self, key_id: bytes) -> str:
        """Return the URI of the private key ``key_id`` as an OpenSSL provider wants it: without the module."""
        identity = "".join(f"%{byte:02X}" for byte in key_id)
        serial = f"serial={quote(self.serial, safe='')};" if self.serial else ""
        path = f"token={quote(self.token, safe='')};{serial}object={quote(self.object, safe='')};id={identity};type=private"
        return f"pkcs11:{path}?pin-source=file:{quote(str(self.pin_file))}"


def parse(text: str) -> TokenUri:
    """Return what the URI names; ``text`` is what follows ``pkcs11:``. Raises :class:`KeyUriMalformed`."""
    if len(text) > MAX_LENGTH:
        raise KeyUriMalformed("the key URI is too long")
    path_text, _, query_text = text.partition("?")
    path, query = _attributes(path_text, ";", _PATH), _attributes(query_text, "&", _QUERY)
    if query.keys() != _QUERY or not {"token", "object"} <= path.keys():
        raise KeyUriMalformed("a pkcs11: URI needs token and object, then ?module-path=…&pin-source=file:…")
    if path.get("type", b"private") != b"private":
        raise KeyUriMalformed("a key URI names a private key: type=private, or no type")
    token, name = _text(path["token"]), _text(path["object"])
    if len(path["token"]) > LABEL_BYTES or not _OBJECT.fullmatch(name) or len(path.get("id", b"")) > ID_BYTES:
        raise KeyUriMalformed("token is at most 32 bytes, object 1..64 of A-Z a-z 0-9 . _ -, id at most 32 bytes")
    serial = _text(path["serial"]) if "serial" in path else None
    source = _text(query["pin-source"])
    return TokenUri(token, name, path.get("id"), serial, _place(_text(query["module-path"])), _place(source.removeprefix("file:")))


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for attribute in text.split(separator) if text else ():
        name, _, value = attribute.partition("=")
        if name not in known or name in found:
            raise KeyUriMalformed(f"a key URI has each of {', '.join(sorted(known))} once, and nothing else there")
        if not _VALUE.fullmatch(value):
            raise KeyUriMalformed(f"{name} is empty or not percent-encoded")
        found[name] = unquote_to_bytes(value)
    return found


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise KeyUriMalformed("a key URI is UTF-8") from None
    if not text.isprintable():
        raise KeyUriMalformed("a key URI holds no control characters")
    return text


def _place(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or ".." in path.parts:
        raise KeyUriMalformed("module-path and pin-source are absolute paths")
    return path
