# SPDX-License-Identifier: Apache-2.0
import contextlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor, cose
from firmware.core.errors import SignatureFault, SignatureRefused
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.suite import INTERNATIONAL, SIGNATURE_LENGTH
from tests.unit.core_codecs.core_world import OPERATOR_KEY, OPERATOR_KEYS, STRANGER_KEY, ScalarSigner

PAYLOAD = cbor.encode({1: "x", 256: [1, b"y"]})
AAD = b"external"
GOOD = cose.sign1(PAYLOAD, typ=cose.Type.APPROVAL, signer=OPERATOR_KEY, aad=AAD)
HEADER: dict[int, Any] = {1: -7, 4: OPERATOR_KEY.kid, 16: "rnt-approval"}


def verify(message: bytes, **changes: Any) -> cose.Verified:
    arguments: dict[str, Any] = {"typ": cose.Type.APPROVAL, "keyring": OPERATOR_KEYS, "purpose": Purpose.APPROVAL, "aad": AAD}
    return cose.verify1(message, **(arguments | changes))


def refusal(message: bytes, **changes: Any) -> SignatureFault:
    with pytest.raises(SignatureRefused) as caught:
        verify(message, **changes)
    return caught.value.reason


def forge(header: Any = HEADER, unprotected: Any = None, payload: bytes = PAYLOAD, context: str = "Signature1", aad: bytes = AAD) -> bytes:
    """Sign, with the right key, a message of any shape."""
    protected = header if isinstance(header, bytes) else cbor.encode(header)
    signature = OPERATOR_KEY.sign(cbor.encode([context, protected, aad, payload]))
    return b"\xd2" + cbor.encode([protected, {} if unprotected is None else unprotected, payload, signature])


def parts(message: bytes = GOOD) -> list[Any]:
    return list(cbor.decode(message[1:]))


def test_verify_good_message_gives_signed_bytes_and_key() -> None:
    assert verify(GOOD) == cose.Verified(PAYLOAD, OPERATOR_KEY.kid, {1: "x", 256: [1, b"y"]}, INTERNATIONAL)
    assert forge() == GOOD


def test_verify_every_single_bit_flip_is_refused() -> None:
    for bit in range(len(GOOD) * 8):
        flipped = bytearray(GOOD)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureRefused):
            verify(bytes(flipped))


def test_verify_every_truncation_and_a_trailing_byte_are_malformed() -> None:
    for length in range(len(GOOD)):
        assert refusal(GOOD[:length]) is SignatureFault.MALFORMED
    assert refusal(GOOD + b"\x00") is SignatureFault.MALFORMED


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (GOOD[1:], SignatureFault.MALFORMED),
        (b"\xd1" + GOOD[1:], SignatureFault.MALFORMED),
        (b"\xd8\x12" + GOOD[1:], SignatureFault.MALFORMED),
        (b"\xd2\xd2" + GOOD[1:], SignatureFault.MALFORMED),
        (b"\xd2" + cbor.encode([*parts(), b""]), SignatureFault.MALFORMED),
        (b"\xd2" + cbor.encode(parts()[:3]), SignatureFault.MALFORMED),
        (b"\xd2" + cbor.encode({}), SignatureFault.MALFORMED),
        (forge(unprotected={4: OPERATOR_KEY.kid}), SignatureFault.MALFORMED),
        (forge(unprotected=[]), SignatureFault.MALFORMED),
        (forge(b""), SignatureFault.MALFORMED),
        (forge(cbor.encode([])), SignatureFault.MALFORMED),
        (forge(cbor.encode(HEADER) + b"\x00"), SignatureFault.MALFORMED),
        (forge(bytes.fromhex("a3041a000000011026")), SignatureFault.MALFORMED),
        (forge({1: -7, 4: OPERATOR_KEY.kid}), SignatureFault.TYPE),
        (forge(HEADER | {16: "rnt-record"}), SignatureFault.TYPE),
        (forge(HEADER | {16: 61}), SignatureFault.TYPE),
        (forge(HEADER | {2: [16]}), SignatureFault.MALFORMED),
        (forge(HEADER | {3: 0}), SignatureFault.MALFORMED),
        (forge({1: -7, 16: "rnt-approval"}), SignatureFault.MALFORMED),
        (forge(HEADER | {4: OPERATOR_KEY.kid[:8]}), SignatureFault.MALFORMED),
        (forge(HEADER | {4: "kid"}), SignatureFault.MALFORMED),
        (forge(HEADER | {1: "ES256"}), SignatureFault.MALFORMED),
        (forge(HEADER | {4: bytes(16)}), SignatureFault.KEY),
        (forge(HEADER | {4: STRANGER_KEY.kid}), SignatureFault.KEY),
        (forge(HEADER | {1: -9}), SignatureFault.ALGORITHM),
        (forge(HEADER | {1: -8}), SignatureFault.ALGORITHM),
        (forge(HEADER | {1: 5}), SignatureFault.ALGORITHM),
        (forge(HEADER | {1: True}), SignatureFault.MALFORMED),
        (forge(context="Signature"), SignatureFault.SIGNATURE),
        (forge(aad=b""), SignatureFault.SIGNATURE),
        (forge(payload=b"\x00"), SignatureFault.MALFORMED),
        (forge(payload=b"\xa0\x00"), SignatureFault.MALFORMED),
        (forge(payload=b""), SignatureFault.MALFORMED),
        (forge(payload=b"\xa1\x18\x01\x01"), SignatureFault.MALFORMED),
    ],
)
def test_verify_wrong_shape_is_refused_with_its_reason(message: bytes, reason: SignatureFault) -> None:
    assert refusal(message) is reason


@pytest.mark.parametrize("length", [0, 63, 65, 70])
def test_verify_signature_of_other_length_is_refused_before_it_is_checked(length: int) -> None:
    assert refusal(b"\xd2" + cbor.encode([*parts()[:3], bytes(length)])) is SignatureFault.LENGTH


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, bytes(32) + b"\x01" * 32])
def test_verify_impossible_r_and_s_are_refused(signature: bytes) -> None:
    assert refusal(b"\xd2" + cbor.encode([*parts()[:3], signature])) is SignatureFault.SIGNATURE


def test_verify_other_external_data_purpose_or_keyring_is_refused() -> None:
    assert refusal(GOOD, aad=b"") is SignatureFault.SIGNATURE
    assert refusal(GOOD, typ=cose.Type.ACK) is SignatureFault.TYPE
    assert refusal(GOOD, purpose=Purpose.RECORD) is SignatureFault.KEY
    assert refusal(GOOD, keyring=Keyring()) is SignatureFault.KEY


def test_verify_foreign_key_under_our_kid_is_refused() -> None:
    protected = cbor.encode(HEADER)
    signature = STRANGER_KEY.sign(cbor.encode(["Signature1", protected, AAD, PAYLOAD]))
    assert refusal(b"\xd2" + cbor.encode([protected, {}, PAYLOAD, signature])) is SignatureFault.SIGNATURE


def test_verify_key_outside_its_time_is_refused() -> None:
    keyring = Keyring([Key.from_spki(OPERATOR_KEY.spki, Purpose.APPROVAL, not_before=100, not_after=200)])
    assert verify(GOOD, keyring=keyring, seconds=100).kid == OPERATOR_KEY.kid
    assert verify(GOOD, keyring=keyring, seconds=199).kid == OPERATOR_KEY.kid
    for seconds in (99, 200, None):
        assert refusal(GOOD, keyring=keyring, seconds=seconds) is SignatureFault.KEY


def test_verify_message_over_the_size_limit_is_refused() -> None:
    large = cbor.encode({1: bytes(cbor.MAX_BYTES)})
    assert refusal(cose.sign1(large, typ=cose.Type.APPROVAL, signer=OPERATOR_KEY, aad=AAD)) is SignatureFault.MALFORMED
    fits = cbor.encode({1: bytes(cbor.MAX_BYTES - 6)})
    assert len(fits) <= cbor.MAX_BYTES
    assert verify(cose.sign1(fits, typ=cose.Type.APPROVAL, signer=OPERATOR_KEY, aad=AAD)).payload == fits


def test_read_unverified_checks_shape_and_typ_only() -> None:
    assert cose.read_unverified(forge(aad=b"other"), typ=cose.Type.APPROVAL).payload == PAYLOAD
    with pytest.raises(SignatureRefused):
        cose.read_unverified(GOOD, typ=cose.Type.RECORD)


class ShortSigner(ScalarSigner):
    def sign(self, tbs: bytes) -> bytes:
        return super().sign(tbs)[:-1]


@pytest.mark.parametrize("signer", [replace(OPERATOR_KEY, alg=-8), ShortSigner(7)])
def test_sign_unfit_signer_is_a_callers_error(signer: ScalarSigner) -> None:
    with pytest.raises(ValueError, match="signer"):
        cose.sign1(PAYLOAD, typ=cose.Type.APPROVAL, signer=signer)


def test_signer_protocol_is_met_by_plain_attributes() -> None:
    signer: cose.Signer = OPERATOR_KEY
    assert len(signer.sign(b"x")) == SIGNATURE_LENGTH
    assert isinstance(OPERATOR_KEY.key.curve, ec.SECP256R1)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"\xd2" + tail))
def test_verify_random_bytes_is_refused(message: bytes) -> None:
    with pytest.raises(SignatureRefused):
        verify(message)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
def test_verify_spliced_message_is_refused(insert: bytes, start: int, end: int) -> None:
    message = GOOD[:start] + insert + GOOD[end:]
    if message == GOOD:
        assert verify(message).payload == PAYLOAD
        return
    with pytest.raises(SignatureRefused):
        verify(message)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.dictionaries(st.integers(0, 20), st.integers(-40, 40) | st.text(max_size=12) | st.binary(max_size=16), max_size=4))
def test_verify_any_signed_header_but_ours_is_refused(header: dict[int, Any]) -> None:
    with contextlib.suppress(SignatureRefused):
        assert verify(forge(header)).kid == OPERATOR_KEY.kid
        assert header == HEADER
