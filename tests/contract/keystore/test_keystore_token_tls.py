# SPDX-License-Identifier: Apache-2.0
"""A token's key for mutual TLS: used where the platform's OpenSSL has a PKCS#11 provider, refused in one sentence where it has none."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from firmware.keystore import KeyUnfit, create_key, tls_key_file
from firmware.keystore.token_tls import pem
from tests.support.openssl_provider import configuration
from tests.support.tokens import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tokens import SoftHsm

PROGRAM = """
import sys
from pathlib import Path
from firmware.keystore import KeyUnfit, create_key, tls_key_file
uri, base = sys.argv[1], Path(sys.argv[2])
create_key(uri, base)
try:
    with tls_key_file(uri, base) as path:
        print("usable", path.relative_to(base.resolve()))
except KeyUnfit as refused:
    print("refused", refused)
"""


def told(token: SoftHsm, base: Path, openssl: str) -> str:
    """Return what a terminal's process says of the token's TLS key under an OpenSSL configuration."""
    path = token.home / "openssl.cnf"
    path.write_text(openssl)
    command = [sys.executable, "-c", PROGRAM, token.uri("tls"), str(base)]
    environment = {**os.environ, "OPENSSL_CONF": str(path)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60, text=True).stdout.strip()


def test_key_on_a_token_is_no_tls_key_where_openssl_has_no_provider(softhsm: SoftHsm, base: Path) -> None:
    assert told(softhsm, base, "").startswith("refused this platform's OpenSSL has no PKCS#11 provider")


def test_key_on_a_token_is_a_tls_key_where_the_platform_has_the_provider(softhsm: SoftHsm, base: Path) -> None:
    assert told(softhsm, base, configuration(softhsm.home, softhsm.module).read_text()) == "usable keys/tls.uri.pem"


def test_refused_tls_key_leaves_no_secret_in_its_reference(softhsm: SoftHsm, base: Path) -> None:
    create_key(softhsm.uri("tls"), base)
    with pytest.raises(KeyUnfit), tls_key_file(softhsm.uri("tls"), base):
        pass
    text = (base / "keys" / "tls.uri.pem").read_text(encoding="ascii")
    assert text.startswith("-----BEGIN PKCS#11 PROVIDER URI-----\n")
    assert b"pin-value" not in base64.b64decode("".join(text.splitlines()[1:-1]))


def test_reference_is_the_providers_own_form() -> None:
    """SEQUENCE { VisibleString "PKCS#11 Provider URI v1.0", UTF8String uri }; pkcs11-provider 1.0 loaded such files in a handshake."""
    lines = pem("pkcs11:token=t").decode().splitlines()
    assert (lines[0], lines[-1]) == ("-----BEGIN PKCS#11 PROVIDER URI-----", "-----END PKCS#11 PROVIDER URI-----")
    der = base64.b64decode("".join(lines[1:-1]))
    assert der == bytes.fromhex("302b1a19") + b"PKCS#11 Provider URI v1.0" + bytes.fromhex("0c0e") + b"pkcs11:token=t"
    long = base64.b64decode("".join(pem("x" * 300).decode().splitlines()[1:-1]))
    assert long[:4] == bytes.fromhex("3082014b")
    assert long[31:35] == bytes.fromhex("0c82012c")
