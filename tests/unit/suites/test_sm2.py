# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core import cbor
from firmware.core.errors import CannotOpen
from firmware.core.suite import GM, INTERNATIONAL, sm3
from firmware.keystore import gm, sm2
from firmware.keystore.sm2 import PrivateKey, PublicKey, Sm2Refused
from tests.unit.suites.suite_world import DISTID, PKCS8_HEAD, der_signature, integer, openssl, raw_signature, tlv

VECTORS: dict[str, list[dict[str, str]]] = json.loads(Path("tests/vectors/suites/gm.json").read_text(encoding="utf-8"))
KEY = PrivateKey.from_pkcs8(PKCS8_HEAD + bytes.fromhex(VECTORS["sm2_signature"][0]["private"]))
PUBLIC = PublicKey.from_spki(KEY.spki())
MESSAGE = b"what was signed"
SIGNATURE = KEY.sign(MESSAGE)


def octets(name: str, index: int = 0) -> dict[str, bytes]:
    return {key: bytes.fromhex(value) for key, value in VECTORS[name][index].items() if key != "source"}


@pytest.mark.parametrize("index", [0, 1])
def test_sm3_of_the_standards_examples_is_theirs_and_openssls(index: int) -> None:
    vector = octets("sm3", index)
    assert sm3(vector["message"]) == vector["digest"] == openssl("dgst", "-sm3", "-binary", data=vector["message"])


def test_sm4_gcm_of_the_rfcs_example_is_its() -> None:
    v = octets("sm4_gcm")
    assert gm.sm4_seal(v["key"], v["nonce"], v["plaintext"], v["aad"]) == v["sealed"]
    assert gm.sm4_open(v["key"], v["nonce"], v["sealed"], v["aad"]) == v["plaintext"]


def test_sm4_gcm_is_counter_mode_of_openssls_sm4() -> None:
    """The command has no GCM, but GCM's ciphertext is CTR from counter 2 (NIST SP 800-38D §7.1)."""
    key, nonce, plaintext = bytes(range(16)), bytes(range(12)), b"a secret of the session, 39 bytes long."
    counter = nonce + (2).to_bytes(4, "big")
    stream = openssl("enc", "-sm4-ctr", "-K", key.hex(), "-iv", counter.hex(), data=plaintext)
    assert gm.sm4_seal(key, nonce, plaintext, b"info")[:-16] == stream


def test_sm2_the_standards_signature_verifies_and_its_key_is_derived() -> None:
    vector = octets("sm2_signature")
    assert KEY.spki() == sm2.SPKI_HEAD + vector["point"]
    assert PUBLIC.verify(vector["signature"], vector["message"])
    assert not PUBLIC.verify(vector["signature"], vector["message"] + b".")


def test_sm2_the_standards_ciphertext_opens() -> None:
    v = octets("sm2_encryption")
    cipher = tlv(0x30, integer(v["c1"][1:33]) + integer(v["c1"][33:]) + tlv(4, v["c3"]) + tlv(4, v["c2"]))
    assert PrivateKey.from_pkcs8(PKCS8_HEAD + v["private"]).unwrap(cipher) == v["message"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a key of openssl's making, and its message."""
    base = tmp_path_factory.mktemp("openssl")
    openssl("genpkey", "-algorithm", "SM2", "-out", base / "key.pem")
    openssl("pkey", "-in", base / "key.pem", "-pubout", "-outform", "DER", "-out", base / "public.der")
    openssl("pkey", "-in", base / "key.pem", "-outform", "DER", "-out", base / "key.der")
    (base / "message").write_bytes(MESSAGE)
    return base


def test_signature_made_here_verifies_with_openssl(folder: Path) -> None:
    key = PrivateKey.generate()
    (folder / "ours.der").write_bytes(key.spki())
    (folder / "signature").write_bytes(der_signature(key.sign(MESSAGE)))
    verify = ("pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-keyform", "DER", "-inkey", folder / "ours.der")
    files = ("-sigfile", folder / "signature", "-in", folder / "message")
    openssl(*verify, *files, "-pkeyopt", DISTID)
    with pytest.raises(CalledProcessError):
        openssl(*verify, *files, "-pkeyopt", "distid:8765432187654321")
    (folder / "signature").write_bytes(der_signature(key.sign(MESSAGE + b".")))
    with pytest.raises(CalledProcessError):
        openssl(*verify, *files, "-pkeyopt", DISTID)


def test_signature_made_by_openssl_verifies_here(folder: Path) -> None:
    sign = ("pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", folder / "key.pem", "-in", folder / "message")
    public = PublicKey.from_spki((folder / "public.der").read_bytes())
    raw = raw_signature(openssl(*sign, "-pkeyopt", DISTID))
    assert public.verify(raw, MESSAGE)
    assert not PUBLIC.verify(raw, MESSAGE)
    other_id = raw_signature(openssl(*sign, "-pkeyopt", "distid:8765432187654321"))
    assert not public.verify(other_id, MESSAGE)


def test_secret_wrapped_on_either_side_opens_on_the_other(folder: Path) -> None:
    secret = bytes(range(28))
    wrapped = PublicKey.from_spki((folder / "public.der").read_bytes()).wrap(secret)
    assert openssl("pkeyutl", "-decrypt", "-inkey", folder / "key.pem", data=wrapped) == secret
    theirs = openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", folder / "public.der", data=secret)
    assert PrivateKey.from_pkcs8((folder / "key.der").read_bytes()).unwrap(theirs) == secret


def test_key_written_here_is_read_by_openssl_and_back(folder: Path) -> None:
    key = PrivateKey.generate()
    (folder / "made.der").write_bytes(key.pkcs8())
    assert openssl("pkey", "-inform", "DER", "-in", folder / "made.der", "-pubout", "-outform", "DER") == key.spki()
    assert PrivateKey.from_pkcs8(key.pkcs8()).spki() == key.spki()


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.binary(max_size=150), st.binary(max_size=40)).map(lambda parts: cbor.encode(list(parts))))
def test_sealed_random_bytes_do_not_open(data: bytes) -> None:
    with pytest.raises(CannotOpen):
        gm.PROVIDER.open_sealed(data, private_key=KEY.pkcs8(), info=b"")


def flipped(data: bytes) -> list[bytes]:
    return [data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :] for bit in range(8 * len(data))]


def test_signature_every_bit_flip_and_every_cut_is_refused() -> None:
    assert [flip for flip in flipped(SIGNATURE) if PUBLIC.verify(flip, MESSAGE)] == []
    assert [n for n in range(64) if PUBLIC.verify(SIGNATURE[:n], MESSAGE)] == []
    assert not PUBLIC.verify(SIGNATURE + b"\0", MESSAGE)
    for edge in (bytes(32), b"\xff" * 32):
        assert not PUBLIC.verify(edge + SIGNATURE[32:], MESSAGE)
        assert not PUBLIC.verify(SIGNATURE[:32] + edge, MESSAGE)
    assert PUBLIC.verify(SIGNATURE, MESSAGE)


def test_public_key_every_bit_flip_is_another_key_or_none() -> None:
    for flip in flipped(KEY.spki()):
        try:
            key = PublicKey.from_spki(flip)
        except Sm2Refused:
            continue
        raise AssertionError(f"{flip.hex()} was taken for {key}")


@pytest.mark.parametrize(
    "change",
    [
        lambda spki: spki[:-1],
        lambda spki: spki + b"\0",
        lambda spki: spki[:0],
        lambda spki: spki[:26] + b"\x02" + spki[27:59],
        lambda spki: spki[:27] + bytes(64),
        lambda spki: spki.replace(bytes.fromhex("2a811ccf5501822d"), bytes.fromhex("2a8648ce3d030107")),
    ],
)
def test_public_key_in_another_form_is_refused(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Sm2Refused):
        PublicKey.from_spki(change(KEY.spki()))


def test_private_key_of_another_curve_is_refused() -> None:
    der = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER")
    with pytest.raises(Sm2Refused):
        PrivateKey.from_pkcs8(der)


@pytest.mark.clause("DS-25")
def test_suites_differ_in_everything_they_decide() -> None:
    assert (INTERNATIONAL.alg, GM.alg) == (-7, -65537)
    assert (INTERNATIONAL.sealing_key_length, GM.sealing_key_length) == (32, 65)
    assert (INTERNATIONAL.store_key_length, GM.store_key_length) == (32, 16)
    assert INTERNATIONAL.digest(b"") != GM.digest(b"")


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=120) | st.binary(max_size=66).map(lambda tail: sm2.SPKI_HEAD + tail))
def test_public_key_random_bytes_are_refused(data: bytes) -> None:
    try:
        PublicKey.from_spki(data)
    except Sm2Refused:
        return
    assert data[:27] == sm2.SPKI_HEAD + b"\x04"


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200))
def test_private_key_and_wrapped_secret_random_bytes_are_refused(data: bytes) -> None:
    for take in (PrivateKey.from_pkcs8, KEY.unwrap):
        with pytest.raises(Sm2Refused):
            take(data)
