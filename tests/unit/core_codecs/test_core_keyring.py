# SPDX-License-Identifier: Apache-2.0
import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.errors import Malformed
from firmware.core.international import PROVIDER
from firmware.core.keyring import Key, Keyring, Purpose, Trust
from firmware.core.suite import INTERNATIONAL
from tests.unit.core_codecs.core_world import OPERATOR_KEY, TERMINAL_KEY

ENTRY = {"kid": OPERATOR_KEY.kid.hex(), "spki": base64.b64encode(OPERATOR_KEY.spki).decode(), "purpose": "approval"}
TRUST: dict[str, Any] = {
    "operator_id": "operator-test",
    "backend_url": "https://localhost:1",
    "approval_keys": [ENTRY],
    "vault_key": base64.b64encode(bytes(range(32))).decode(),
}


def test_find_asks_kid_and_purpose() -> None:
    keyring = Keyring([Key.from_spki(OPERATOR_KEY.spki, Purpose.APPROVAL), Key.from_spki(TERMINAL_KEY.spki, Purpose.RECORD)])
    assert len(keyring) == 2
    found = keyring.find(OPERATOR_KEY.kid, Purpose.APPROVAL)
    assert found is not None
    assert found.alg == -7
    assert keyring.find(OPERATOR_KEY.kid, Purpose.RECORD) is None
    assert keyring.find(bytes(16), Purpose.RECORD) is None


def test_keyring_one_key_for_two_purposes_is_refused() -> None:
    with pytest.raises(ValueError, match="one purpose"):
        Keyring([Key.from_spki(OPERATOR_KEY.spki, Purpose.APPROVAL), Key.from_spki(OPERATOR_KEY.spki, Purpose.UPDATE)])


def test_key_stated_kid_of_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="kid"):
        Key(TERMINAL_KEY.kid, OPERATOR_KEY.spki, INTERNATIONAL, PROVIDER.verifier(OPERATOR_KEY.spki), Purpose.APPROVAL)


def test_key_that_no_accepted_suite_has_is_malformed() -> None:
    with pytest.raises(Malformed):
        Key.from_spki(OPERATOR_KEY.spki, Purpose.APPROVAL, accepted=())


def test_from_spki_other_kinds_of_keys_are_malformed() -> None:
    p384 = ec.derive_private_key(5, ec.SECP384R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    other = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    for spki in (
        p384,
        other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        OPERATOR_KEY.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        OPERATOR_KEY.spki + b"\x00",
        OPERATOR_KEY.spki[:-1],
        b"",
    ):
        with pytest.raises(Malformed):
            Key.from_spki(spki, Purpose.APPROVAL)


def test_trust_from_json_gives_keys_vault_and_names() -> None:
    trust = Trust.from_json(TRUST)
    assert (trust.operator_id, trust.backend_url, trust.vault_key) == ("operator-test", "https://localhost:1", bytes(range(32)))
    assert trust.keyring.find(OPERATOR_KEY.kid, Purpose.APPROVAL) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"operator_id": ""},
        {"operator_id": 7},
        {"backend_url": None},
        {"vault_key": "AA=="},
        {"vault_key": "not base64!"},
        {"vault_key": None},
        {"approval_keys": []},
        {"approval_keys": {}},
        {"approval_keys": ["x"]},
        {"approval_keys": [ENTRY, ENTRY]},
        {"approval_keys": [ENTRY | {"purpose": "record"}]},
        {"approval_keys": [ENTRY | {"kid": TERMINAL_KEY.kid.hex()}]},
        {"approval_keys": [ENTRY | {"spki": "AAAA"}]},
        {"approval_keys": [ENTRY | {"spki": "ä"}]},
        {"approval_keys": [ENTRY | {"not_after": "soon"}]},
    ],
)
def test_trust_from_json_wrong_part_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Trust.from_json(TRUST | changes)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=10)
entries = st.dictionaries(st.sampled_from(["kid", "spki", "purpose", "x"]), scalars, max_size=3)
json_values = scalars | entries | st.lists(scalars | entries, max_size=2)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.sampled_from(sorted(TRUST)), json_values)
def test_trust_from_json_random_part_is_malformed_or_a_name(key: str, value: Any) -> None:
    try:
        Trust.from_json(TRUST | {key: value})
    except Malformed:
        return
    assert key in {"operator_id", "backend_url"}
    assert isinstance(value, str)
