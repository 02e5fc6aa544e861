# SPDX-License-Identifier: Apache-2.0
"""No operation of a terminal's maintenance returns a private key or the store key, in any of the forms a key is written in."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from firmware.runtime import config as configuration
from firmware.runtime.maintenance import Maintenance, answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.rnt_bench import Bench

ASKED: dict[str, list[dict[str, Any]]] = {
    "info": [{}],
    "keygen": [{"order": "order"}, {"order": "order", "renew": True}],
    "install": [{"record_cert": "", "tls_cert": "", "ca": "", "trust": {}}],
    "install_packs": [{"packs": []}],
    "challenge": [{"nonce": "00" * 32}, {"nonce": ""}],
    "audit_begin": [{}],
    "audit_next": [{}, {}],
    "reader": [{}],
    "register_reader": [{"sam_id": "00" * 16}],
}
"""Operation → the arguments it is called with here. Operations that are not listed are called with none."""


def forms(secret: bytes) -> list[str]:
    """Return how 32 secret bytes would look in JSON."""
    return [
        secret.hex(),
        base64.b64encode(secret).decode().rstrip("="),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
        str(list(secret)),
    ]


def secrets_of(state: Path) -> list[bytes]:
    """Return the private scalars and the store key below a state directory."""
    found = [path.read_bytes() for path in state.rglob("store.key")]
    for path in state.rglob("*.pem"):
        if b"PRIVATE KEY" in path.read_bytes():
            key = load_pem_private_key(path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            found.append(key.private_numbers().private_value.to_bytes(32))
    return found


@pytest.mark.clause("AH-01")
def test_no_operation_returns_a_private_key_or_the_store_key(provisioned: Bench) -> None:
    maintenance = Maintenance(configuration.load(provisioned.config))
    assert ASKED.keys() <= maintenance.operations.keys()
    requests = [{"op": name, "args": arguments} for name in maintenance.operations for arguments in ASKED.get(name, [{}])]
    said = [json.dumps(answer(maintenance, json.dumps(request).encode())) for request in requests]
    keys = secrets_of(provisioned.state)
    assert len(keys) == 5  # record, TLS and store key in use, and the two that wait for certificates
    everything = "\n".join(said)
    assert "PRIVATE KEY" not in everything
    assert "SEALED KEY" not in everything
    for secret in keys:
        assert not [form for form in forms(secret) if form in everything]


def test_keys_that_wait_for_certificates_are_not_installed_by_anything_else(provisioned: Bench) -> None:
    """A renewal cut after its keys were made: packs or a reader may be changed meanwhile, and the keys in use stay in use."""
    maintenance = Maintenance(configuration.load(provisioned.config))
    before = maintenance.info()["keys"]
    waiting = maintenance.keygen("order", renew=True)
    maintenance.install_packs(())
    maintenance.register_reader("00" * 16)
    assert maintenance.info()["keys"] == before
    assert maintenance.info()["sam_id"] == "00" * 16
    assert maintenance.keygen("order", renew=True) == waiting
