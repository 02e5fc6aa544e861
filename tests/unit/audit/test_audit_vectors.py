# SPDX-License-Identifier: Apache-2.0
"""Fixed messages of the audit log, and python-cwt as the referee of their signatures."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cwt import COSE, COSEKey

from firmware.core import cbor
from firmware.core.bundle import verify_bundle
from firmware.core.checkpoint import verify_checkpoint, verify_countersignature
from firmware.core.keyring import Key, Keyring, Purpose, key_id
from tests.unit.audit.audit_world import CHECKPOINT

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/audit/messages.json").read_text(encoding="utf-8"))
SPKI = {name: bytes.fromhex(VECTORS["keys"][f"{name}_spki"]) for name in ("record", "approval")}
KEYS = Keyring([Key.from_spki(SPKI["record"], Purpose.RECORD), Key.from_spki(SPKI["approval"], Purpose.APPROVAL)])
MESSAGE = {name: bytes.fromhex(VECTORS[name]["message"]) for name in ("checkpoint", "countersignature", "bundle")}


def test_vectors_verify_and_say_what_they_said() -> None:
    checkpoint = verify_checkpoint(MESSAGE["checkpoint"], keyring=KEYS)
    assert checkpoint == CHECKPOINT
    assert checkpoint.digest.hex() == VECTORS["checkpoint"]["digest"]
    found = verify_countersignature(MESSAGE["countersignature"], checkpoint=checkpoint, keyring=KEYS)
    assert (found.operator, found.seconds) == ("operator-test", 1_900_000_005)
    assert {int(field): value for field, value in verify_bundle(MESSAGE["bundle"], keyring=KEYS).values.items()} == {
        1: "测试甲",
        4: "19900307",
    }


@pytest.mark.parametrize(("name", "key", "aad"), [("checkpoint", "record", b""), ("countersignature", "approval", CHECKPOINT.digest)])
def test_python_cwt_verifies_them_with_their_external_data_alone(name: str, key: str, aad: bytes) -> None:
    pem = load_der_public_key(SPKI[key]).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    verifier = COSEKey.from_pem(pem, kid=key_id(SPKI[key]), alg="ES256")
    assert COSE.new().decode(MESSAGE[name], verifier, external_aad=aad) == cbor.decode(MESSAGE[name][1:])[2]
    with pytest.raises(Exception, match="verify"):
        COSE.new().decode(MESSAGE[name], verifier, external_aad=b"other")
