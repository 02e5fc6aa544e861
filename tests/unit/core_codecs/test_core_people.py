# SPDX-License-Identifier: Apache-2.0
"""Records of every form a plan can ask for: other parties, pictures instead of a reading, no card, no face; and what is no record."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from firmware.core import cbor, cose
from firmware.core.approval import Acceptance, Approval, check_acceptance, check_approval
from firmware.core.errors import ApprovalRefused, Malformed
from firmware.core.people import FIELDS, ROLES, Face, Field, Person
from firmware.core.record import SALTS_LENGTH, RecordDraft, SignedRecord, build_record, disclose, sign_record, verify_record
from hal.document import Page, PageProvenance, Provenance
from hal.minting import mint_page
from tests.support import cddl
from tests.unit.core_codecs import core_world as world

NO_CARD: dict[str, Any] = {"card": None, "profile_key": None}


def page(content: bytes) -> Page:
    return mint_page(image=content, media_type="image/x-portable-graymap", provenance=PageProvenance.DOCUMENT_CAMERA)


PAGES = (page(b"front, watermarked"), page(b"back, watermarked"))
PROXY = world.person(role="proxy", holder=world.holder(name="测试乙"), checks=(*world.CHECKS, ("proxy-scope", True)))
VISUAL = world.person(portraits=world.portraits()[:1], face=None, checks=(("number", True), ("attested", True), ("second-person", True)))
PICTURED = Person(
    document="D04",
    pages=PAGES,
    portraits=world.portraits()[1:],
    face=Face(88, live=True),
    checks=(("face-match", True), ("liveness", True), ("attested", True)),
)
MARKED = Person(numbers=((Field.SERVICE_NUMBER, "8612000000001"), (Field.TOKEN, "A" * 64), (Field.OLD_ICCID, "89860000000000000012")))
FORMS: dict[str, tuple[dict[str, Any], tuple[Person, ...], int]] = {
    "chip": ({}, (world.person(),), 4),
    "no card": ({**NO_CARD, "transaction": "T05", "agreement": None}, (world.person(numbers=MARKED.numbers),), 4),
    "proxy": ({"modifiers": ("P",)}, (world.person(), PROXY), 4),
    "visual": ({"modifiers": ("V",), "channel": 1, "second": "clerk-8"}, (VISUAL,), 3),
    "pictures": ({"channel": 1, "evidence": (("purpose", bytes(32)), ("watermark", bytes(32)))}, (PICTURED,), 1),
    "nobody": ({**NO_CARD, "transaction": "T14", "agreement": None}, (MARKED,), 0),
    "everybody": ({"modifiers": ("A", "M", "P")}, (world.person(), *(world.person(role=role) for role in ROLES)), 4),
}


def draft(form: str, **changes: Any) -> RecordDraft:
    facts, people, _ = FORMS[form]
    salts = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(len(people) * SALTS_LENGTH // 32))
    return build_record(world.facts(**(facts | changes)), people, salts=salts)


def signed(form: str) -> SignedRecord:
    return sign_record(draft(form), world.TERMINAL_KEY)


@pytest.mark.parametrize("form", FORMS)
def test_record_of_every_form_verifies_is_what_the_text_says_and_discloses(form: str) -> None:
    made = draft(form)
    record = verify_record(sign_record(made, world.TERMINAL_KEY).message, keyring=world.RECORD_KEYS).record
    assert record == made.record
    assert cddl.valid("record", made.payload)
    values = disclose(record, made.items)
    assert list(values) == [number for number, _ in record.digests]
    assert record.subscriber.assurance == cbor.decode(made.payload)[276] == FORMS[form][2]


def test_other_parties_fields_are_numbered_and_named_after_them() -> None:
    made = draft("proxy")
    values = disclose(made.record, made.items)
    assert (values[Field.NAME], values[100 + Field.NAME]) == ("测试甲", "测试乙")
    assert [made.record.field_name(number) for number in (Field.BIRTH, 100 + Field.CHIP_PORTRAIT)] == ["birth", "proxy: chip portrait"]
    assert [(party.role, party.document, party.source, party.assurance) for party in made.record.parties] == [("proxy", "D01", "chip", 4)]
    assert set(disclose(draft("everybody").record, draft("everybody").items)) < FIELDS


def test_document_in_pictures_has_its_pages_and_no_identity() -> None:
    made = draft("pictures")
    values = disclose(made.record, made.items)
    assert (made.record.document, made.record.source) == ("D04", "image")
    assert [values[number] for number in (22, 23)] == [laid.digest for laid in PAGES]
    assert not {*range(1, 9)} & values.keys()


WRONG_PEOPLE: dict[str, tuple[Person, ...]] = {
    "nobody": (),
    "face without a picture": (world.person(portraits=world.portraits()[:1]),),
    "picture without a face": (world.person(face=None),),
    "nine pages": (Person(document="D04", pages=PAGES[:1] * 9),),
    "typed number": (world.person(numbers=((Field.NUMBER, world.NUMBER),)),),
    "another subscriber": (world.person(), world.person()),
    "stranger": (world.person(), world.person(role="neighbour")),
    "proxy without a document": (world.person(), Person(role="proxy")),
    "seven others": (world.person(), *(world.person(role="user"),) * 7),
}


@pytest.mark.parametrize("people", WRONG_PEOPLE.values(), ids=WRONG_PEOPLE)
def test_people_that_no_record_can_hold_are_a_callers_error(people: tuple[Person, ...]) -> None:
    with pytest.raises(ValueError, match=r"salt|portrait|pages|number|record|unpack"):
        build_record(world.facts(), people, salts=bytes(SALTS_LENGTH * len(people)))


def forged(form: str, changes: dict[int, Any]) -> bytes:
    claims = cbor.decode(draft(form).payload) | changes
    payload = cbor.encode({key: value for key, value in claims.items() if value is not None})
    return cose.sign1(payload, typ=cose.Type.RECORD, signer=world.TERMINAL_KEY)


def party(**changes: Any) -> list[dict[int, Any]]:
    told = cbor.decode(draft("proxy").payload)[277][0] | {int(name[1:]): value for name, value in changes.items()}
    return [{key: value for key, value in told.items() if value is not None}]


NO_PARTIES: list[Any] = [None, [{}], [[]], {}, []]
HOSTILE: list[tuple[str, dict[int, Any]]] = [
    *[("chip", {276: level}) for level in (0, 1, 2, 3, 5)],
    *[("pictures", {276: level}) for level in (0, 2, 3, 4)],
    ("visual", {276: 4}),
    ("chip", {258: None}),
    ("chip", {259: None}),
    ("chip", {264: None}),
    ("chip", {275: None}),
    ("no card", {275: bytes(32)}),
    ("chip", {278: ["P", "A"]}),
    ("chip", {278: ["A", "A"]}),
    ("chip", {278: ["B"]}),
    ("chip", {279: 0}),
    ("chip", {279: 6}),
    ("chip", {280: [["purpose", bytes(32)], ["device-list", bytes(32)]]}),
    ("chip", {280: [["purpose", bytes(31)]]}),
    ("chip", {281: None}),
    ("chip", {282: 7}),
    *[("proxy", {277: value}) for value in NO_PARTIES],
    *[
        ("proxy", {277: party(**{key: value})})
        for key, value in (("c1", "neighbour"), ("c3", "typed"), ("c3", None), ("c3", ""), ("c6", 3))
    ],
    *[("proxy", {277: party(**{key: value})}) for key, value in (("c5", [101, True]), ("c7", 1), ("c4", [["x"]]))],
]


@pytest.mark.parametrize(("form", "changes"), HOSTILE)
def test_signed_record_that_contradicts_itself_is_malformed(form: str, changes: dict[int, Any]) -> None:
    with pytest.raises(Malformed):
        verify_record(forged(form, changes), keyring=world.RECORD_KEYS)


# ---- the operator's word on a record without a card


NO_ISSUE: dict[str, Any] = dict.fromkeys(("c260", "c261", "c262", "c264"))
WITHOUT = signed("no card")
HERE: dict[str, Any] = {"record": WITHOUT, "keyring": world.OPERATOR_KEYS, "situation": world.situation(card=None)}


def word(**changes: Any) -> bytes:
    return world.approval_message(aad=WITHOUT.digest, **(NO_ISSUE | changes))


def test_acceptance_carries_what_the_subscriber_is_told_and_permits_no_write() -> None:
    found = check_acceptance(word(c265=["3 numbers", "861*****01"]), **HERE)
    assert (found.record, found.lines) == (WITHOUT.digest, ("3 numbers", "861*****01"))
    assert check_acceptance(word(), **HERE).lines == ()
    assert not issubclass(Acceptance, Approval)
    with pytest.raises(TypeError, match="check_acceptance"):
        Acceptance(object(), *(b"",) * 4, "", (), 0, b"")
    for claims in (world.approval_claims(), world.approval_claims(**NO_ISSUE), world.approval_claims(**NO_ISSUE, c265=["x"] * 40)):
        assert cddl.valid("approval", cbor.encode(claims))
    for claims in (world.approval_claims(c265=["x"]), world.approval_claims(c261=None), world.approval_claims(**NO_ISSUE, c265=["x"] * 41)):
        assert not cddl.valid("approval", cbor.encode(claims))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (world.approval_message(aad=WITHOUT.digest), "R707"),
        (world.approval_message(**NO_ISSUE), "R704"),
        (word(c258="RNT-000002"), "R707"),
        (word(c259=bytes(16)), "R707"),
        (word(c10=bytes(16)), "R707"),
        (word(c4=world.SIGNED_AT + 3), "R705"),
        (word(c6=world.SIGNED_AT + 3600, c4=world.SIGNED_AT + 7200), "R705"),
        (word(c1="operator-other"), "R704"),
        (word(c261=bytes(32)), "R704"),
        (word(c265=["x"] * 41), "R704"),
        (word(c265=[7]), "R704"),
        (word(c257="denied"), "R704"),
        (word(signer=world.STRANGER_KEY), "R704"),
    ],
)
def test_word_that_is_not_about_this_record_is_refused_with_its_code(message: bytes, code: str) -> None:
    with pytest.raises(ApprovalRefused) as refused:
        check_acceptance(message, **HERE)
    assert refused.value.code == code


def test_word_without_a_card_never_permits_a_write_of_a_record_with_one() -> None:
    for message in (world.approval_message(**NO_ISSUE), world.approval_message(**NO_ISSUE, c265=["x"])):
        with pytest.raises(ApprovalRefused) as refused:
            check_approval(
                message, record=world.RECORD, keyring=world.OPERATOR_KEYS, sealed=world.SEALED_PROFILE, situation=world.situation()
            )
        assert refused.value.code == "R707"
    with pytest.raises(ApprovalRefused) as lines:
        world.check(world.approval_message(c265=["x"]))
    assert lines.value.code == "R704"


def test_resident_card_in_a_picture_amounts_to_nothing() -> None:
    read = world.person(holder=world.holder(provenance=Provenance.OCR))
    for person in (read, Person(document="D01", pages=PAGES, checks=(("attested", True), ("second-person", True)))):
        assert person.party().assurance == 0
