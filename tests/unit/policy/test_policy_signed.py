# SPDX-License-Identifier: Apache-2.0
"""Signed packs and sources: what is accepted, what is refused and how; hostile bytes let only the declared errors out."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import packs
from firmware.core import cbor, cose
from firmware.core.errors import Malformed, PackFault, PackRefused
from firmware.core.keyring import Key, Keyring, Purpose, Trust, key_id
from firmware.core.policy import Pack, SignedPack, check_demanded, parse_source, read_pack, sign_pack
from tests.support import cddl
from tests.unit.policy.pack_world import HEAD, source

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/policy/packs.json").read_text(encoding="utf-8"))
NOW = 1_900_000_000
OPERATOR = "operator-test"


class PolicySigner:
    """A P-256 key of a known scalar."""

    alg, protection = -7, "software"

    def __init__(self, scalar: int) -> None:
        self._key = ec.derive_private_key(scalar, ec.SECP256R1())
        self.spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.kid = key_id(self.spki)

    def sign(self, tbs: bytes) -> bytes:
        r, s = decode_dss_signature(self._key.sign(tbs, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


SIGNER, STRANGER, DECIDER = PolicySigner(0x4004), PolicySigner(0x5005), PolicySigner(0x6006)
KEYS = Keyring([Key.from_spki(SIGNER.spki, Purpose.POLICY), Key.from_spki(DECIDER.spki, Purpose.APPROVAL)])
UNICOM = SignedPack(packs.load("cn/unicom"), OPERATOR, NOW - 10, NOW - 10, NOW + 1000)
MESSAGE = sign_pack(UNICOM, SIGNER)


def read(message: bytes, seconds: int = NOW) -> SignedPack:
    return read_pack(message, keyring=KEYS, operator=OPERATOR, seconds=seconds)


def resigned(claims: dict[int, Any], typ: cose.Type = cose.Type.POLICY, signer: PolicySigner = SIGNER) -> bytes:
    return cose.sign1(cbor.encode(claims), typ=typ, signer=signer)


def claims_of(message: bytes = MESSAGE) -> dict[int, Any]:
    found: dict[int, Any] = cbor.decode(cbor.decode(message[1:])[2])
    return found


def fault_of(message: bytes) -> PackFault:
    with pytest.raises(PackRefused) as caught:
        read(message)
    return caught.value.fault


@pytest.mark.clause("XJU-17", "JX-16")
@pytest.mark.parametrize("name", packs.shipped())
def test_every_shipped_pack_signs_verifies_and_is_what_the_normative_text_says(name: str) -> None:
    signed = SignedPack(packs.load(name), OPERATOR, NOW, NOW, NOW + 1)
    message = sign_pack(signed, SIGNER)
    found = read(message)
    assert found.pack.digest == signed.pack.digest
    assert cddl.valid("policy-pack", cbor.decode(message[1:])[2])


def test_pack_holds_from_its_first_second_until_before_its_last() -> None:
    found = read(MESSAGE)
    for seconds, wanted in ((NOW - 11, PackFault.NOT_YET), (NOW + 1000, PackFault.EXPIRED)):
        with pytest.raises(PackRefused) as caught:
            found.check_time(seconds)
        assert (caught.value.fault, caught.value.pack, caught.value.code) == (wanted, "cn/unicom", "R510")
    found.check_time(NOW - 10)
    found.check_time(NOW + 999)


def test_other_signers_types_and_operators_are_refused() -> None:
    claims = claims_of()
    assert fault_of(resigned(claims, signer=STRANGER)) is PackFault.SIGNER
    assert fault_of(resigned(claims, signer=DECIDER)) is PackFault.SIGNER
    assert fault_of(resigned(claims, typ=cose.Type.APPROVAL)) is PackFault.MALFORMED
    assert fault_of(resigned({**claims, 1: "operator-other"})) is PackFault.OPERATOR
    assert fault_of(MESSAGE[:-1] + bytes([MESSAGE[-1] ^ 1])) is PackFault.SIGNER


def _rule(**change: Any) -> dict[int, Any]:
    claims = claims_of()
    rule = list(next(rule for rule in claims[260] if rule[0] == "limit"))
    for position, value in change.items():
        rule[int(position.removeprefix("at"))] = value
    return {**claims, 260: [rule]}


@pytest.mark.parametrize(
    "claims",
    [
        {**claims_of(), 261: 1},
        {key: value for key, value in claims_of().items() if key != 4},
        {**claims_of(), 256: 2},
        {**claims_of(), 257: "unicom"},
        {**claims_of(), 258: 0},
        {**claims_of(), 258: -1},
        {**claims_of(), 4: NOW - 10},
        {**claims_of(), 259: [["cn/base", 2], ["cn/a", 1]]},
        {**claims_of(), 259: [["cn/base", 2], ["cn/base", 3]]},
        {**claims_of(), 260: []},
        {**claims_of(), 260: list(reversed(claims_of()[260]))},
        {**claims_of(), 260: [claims_of()[260][0]] * 2},
        _rule(at0="allow"),
        _rule(at1="face_speed"),
        _rule(at2=-1),
        _rule(at2=True),
        _rule(at2=1001),
        _rule(at3={6: ["T01"]}),
        _rule(at3={1: ["T18"]}),
        _rule(at3={1: ["T02", "T01"]}),
        _rule(at3={1: []}),
        _rule(at3={5: [0]}),
        _rule(at3={5: [6]}),
        _rule(at4=[]),
        _rule(at4=["UC-7", "UC-1"]),
        _rule(at4=["because"]),
        _rule(at5="certain"),
        _rule(at6=1),
        _rule(at0="demand", at1="step", at2=["fingerprint"]),
        _rule(at0="demand", at1="secret", at2=["notice"]),
        _rule(at0="bar", at1="R999", at2=[]),
        _rule(at0="bar", at1="H114", at2=[]),
        _rule(at0="offer", at1="", at2=[], at3={}),
        _rule(at0="text", at1="C-9", at2=["notice", "文", "text"]),
        _rule(at0="text", at1="C-1", at2=["card", "文", "text"]),
        _rule(at0="text", at1="C-1", at2=["notice", "", "text"]),
    ],
)
def test_pack_with_an_unknown_field_word_or_order_is_malformed(claims: dict[int, Any]) -> None:
    assert fault_of(resigned(claims)) is PackFault.MALFORMED


def test_demanded_pack_that_is_not_there_is_missing() -> None:
    check_demanded([UNICOM], ["cn/unicom"])
    with pytest.raises(PackRefused) as caught:
        check_demanded([UNICOM], ["cn/tibet", "cn/unicom"])
    assert (caught.value.fault, caught.value.pack) == (PackFault.MISSING, "cn/tibet")


def test_signing_what_no_pack_can_say_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="no pack"):
        sign_pack(replace(UNICOM, expires=UNICOM.not_before), SIGNER)
    with pytest.raises(ValueError, match="no pack"):
        sign_pack(replace(UNICOM, pack=replace(UNICOM.pack, version=0)), SIGNER)


@pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda vector: vector["name"])
def test_pack_signed_by_another_library_is_read_as_it_was_meant(vector: dict[str, Any]) -> None:
    keys = Keyring([Key.from_spki(bytes.fromhex(vector["spki"]), Purpose.POLICY)])
    found = read_pack(bytes.fromhex(vector["message"]), keyring=keys, operator=vector["operator"], seconds=vector["not_before"])
    assert found.pack.digest.hex() == vector["digest"]
    assert found.pack.digest == parse_source(vector["toml"].encode()).digest
    assert (found.not_before, found.expires, found.pack.version) == (vector["not_before"], vector["expires"], vector["version"])


@settings(max_examples=2000, deadline=None)
@given(st.one_of(
    st.binary(max_size=300),
    st.integers(0, len(MESSAGE)).map(lambda cut: MESSAGE[:cut]),
    st.tuples(st.integers(0, len(MESSAGE) - 1), st.integers(1, 255)).map(
        lambda at: MESSAGE[: at[0]] + bytes([MESSAGE[at[0]] ^ at[1]]) + MESSAGE[at[0] + 1 :]),
    st.binary(min_size=1, max_size=20).map(lambda tail: MESSAGE + tail),
))  # fmt: skip
def test_hostile_message_is_refused_with_a_fault(message: bytes) -> None:
    try:
        assert read(message).pack.digest == UNICOM.pack.digest
    except PackRefused as refused:
        assert refused.code == "R510"  # noqa: PT017  # most inputs are refused; the few that are whole are judged above


WORDS = ["demand", "limit", "text", "step", "notice", "T01", "face_score", "own", "cn/base", "C-1", "TB-11", "", "名"]
PLAIN = st.one_of(st.integers(-2, 2**40), st.sampled_from(WORDS), st.booleans(), st.none(), st.binary(max_size=3))
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=4), st.dictionaries(st.integers(0, 6), st.lists(PLAIN, max_size=2), max_size=3))
SOME_RULES = claims_of()[260]


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.sampled_from([257, 258, 259, 260]), st.integers(0, len(SOME_RULES) - 1), st.integers(0, 7), VALUES)
def test_hostile_claims_are_malformed(key: int, number: int, position: int, value: object) -> None:
    claims = {**claims_of(), key: value}
    if position < 7:
        rule = [*SOME_RULES[number][:position], value, *SOME_RULES[number][position + 1 :]]
        claims = {**claims_of(), 260: sorted([*SOME_RULES[:number], rule, *SOME_RULES[number + 1 :]], key=cbor.encode)}
    try:
        Pack.from_claims(claims)
    except Malformed as error:
        assert str(error).isascii()  # noqa: PT017  # a changed value that is another good one is no fault


@settings(max_examples=2000, deadline=None)
@given(st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(str.encode),
    st.text(alphabet='[]="\n kindsoferblmtvau0123456789@/-', max_size=120).map(lambda text: (HEAD + text).encode()),
    st.tuples(st.integers(0, 1200), st.binary(min_size=1, max_size=3)).map(
        lambda at: (data := packs.source_path("cn/unicom").read_bytes())[: at[0]] + at[1] + data[at[0] + len(at[1]) :]),
))  # fmt: skip
def test_hostile_source_is_malformed(data: bytes) -> None:
    try:
        parse_source(data)
    except Malformed as error:
        assert str(error)  # noqa: PT017  # a changed letter in a comment leaves a good source


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "[[limits]]\n",
        '[[limit]]\nname = "face_score"\nvalue = 90\nclauses = "TB-11"\n',
        '[[limit]]\nname = "face_score"\nvalue = 90\nclauses = ""\nmark = "own"\n',
        '[[limit]]\nname = "face_score"\nvalue = 90.5\nclauses = "TB-11"\nmark = "own"\n',
        '[[limit]]\nname = "face_score"\nvalue = 90\nclauses = "TB-11"\nmark = "own"\nnote = "x"\n',
        '[[demand]]\nstep = "notice"\ncheck = "online"\nclauses = "TB-11"\nmark = "own"\n',
        '[[demand]]\nstep = "notice notice"\nclauses = "TB-11"\nmark = "own"\n',
        '[[demand]]\nstep = "notice"\nkinds = ["T01"]\nclauses = "TB-11"\nmark = "own"\n',
        '[[demand]]\nstep = "notice"\nlevels = "one"\nclauses = "TB-11"\nmark = "own"\n',
        '[[demand]]\nstep = "notice"\nawaiting = "yes"\nclauses = "TB-11"\nmark = "own"\n',
    ],
)
def test_source_with_a_fault_is_malformed(rules: str) -> None:
    with pytest.raises(Malformed):
        source(rules)


def test_policy_keys_of_the_trust_list_have_their_own_purpose_and_channel_is_the_strictest_untold() -> None:
    def entry(signer: PolicySigner, purpose: str) -> dict[str, str]:
        return {"kid": signer.kid.hex(), "spki": base64.b64encode(signer.spki).decode(), "purpose": purpose}

    trust: dict[str, Any] = {
        "operator_id": OPERATOR, "backend_url": "https://localhost", "approval_keys": [entry(DECIDER, "approval")],
        "policy_keys": [entry(SIGNER, "policy")], "vault_key": "A" * 43 + "=", "policy": {"packs": ["cn/unicom"]},
    }  # fmt: skip
    found = Trust.from_json(trust)
    assert (found.packs, found.channel) == (("cn/unicom",), 5)
    assert found.keyring.find(SIGNER.kid, Purpose.POLICY)
    assert not found.keyring.find(SIGNER.kid, Purpose.APPROVAL)
    assert not found.keyring.find(DECIDER.kid, Purpose.POLICY)
    changes: list[dict[str, Any]] = [
        {"policy_keys": [entry(SIGNER, "approval")]},
        {"policy_keys": [entry(DECIDER, "policy")]},
        {"policy_keys": {}},
        {"policy": []},
        {"policy": {"packs": "cn/a"}},
        {"policy": {"channel": 6}},
        {"policy": {"channel": True}},
    ]
    for change in changes:
        with pytest.raises(Malformed):
            Trust.from_json({**trust, **change})
