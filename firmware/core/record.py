# SPDX-License-Identifier: Apache-2.0
"""The signed identity record (``messages.cddl``: record, items): what the terminal read, checked and had agreed.

Decides what stands in a record and whether bytes are one. Does not decide whether a session may go on.

Rules
* Identity enters only as a :class:`hal.document.Holder` and :class:`hal.document.Portrait`, which only reader and camera code can make.
* The record holds salted digests; the values stand in the items, which leave the terminal sealed to the operator's vault. After the
  items are erased, record, approval and audit log still verify (ISO 18013-5's idea, DS-15, DS-16).
* The signed bytes are kept as they are; :class:`SignedRecord` carries them beside what they say.
* Random salts, nonce, keys and every time come in as arguments.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims, cose, international
from firmware.core.errors import Malformed
from firmware.core.keyring import Keyring, Purpose
from firmware.core.suite import INTERNATIONAL, Suite
from hal.document import PortraitProvenance, is_holder, is_portrait

if TYPE_CHECKING:
    from firmware.core.suite import Provider
    from hal.document import Holder, Portrait

SALT_LENGTH: Final = 32
SOURCES: Final = ("chip", "mrz", "ocr")
PROTECTIONS: Final = ("software", "token")
GENESIS: Final = bytes(32)
"""``previous`` of a unit's first record."""

_ITEMS_INFO: Final = b"rnt/items/1"


class Field(IntEnum):
    """Field numbers of the items and of the salted digests."""

    NAME = 1
    NUMBER = 2
    ADDRESS = 3
    BIRTH = 4
    ISSUER = 5
    VALID_FROM = 6
    VALID_TO = 7
    NATIONALITY = 8
    CHIP_PORTRAIT = 20
    LIVE_PORTRAIT = 21


_PORTRAITS: Final = frozenset({Field.CHIP_PORTRAIT, Field.LIVE_PORTRAIT})
SALTS_LENGTH: Final = SALT_LENGTH * len(Field)
"""Random bytes that :func:`build_record` asks for: one salt for each field, used or not."""


@dataclass(frozen=True, slots=True)
class Card:
    """A blank card as read from the slot."""

    iccid: str = field(repr=False)
    """As read: 18 to 20 digits, letters A-F possible; empty or all F or 0 when the blank carries none."""
    atr: bytes
    type_name: str

    @property
    def digest(self) -> bytes:
        """SHA-256, in every suite, of the card as the record carries it: its name in events, where the identity itself need not stand."""
        return hashlib.sha256(cbor.encode(self.to_claim())).digest()

    def to_claim(self) -> dict[int, Any]:
        """Return the ``card`` map."""
        return {1: self.iccid, 2: self.atr, 3: self.type_name}

    @classmethod
    def from_claim(cls, value: Any) -> Card:
        """Return the card of a ``card`` map; ``Malformed`` when it is none."""
        card = claims.fields(value, frozenset({1, 2, 3}))
        return cls(claims.text(card[1]), claims.octets(card[2]), claims.text(card[3]))


@dataclass(frozen=True, slots=True)
class Device:
    """The devices behind the reading."""

    sam_id: bytes
    """16 raw bytes."""
    controller: str
    """Version of the controller's software."""


@dataclass(frozen=True, slots=True)
class Face:
    """How the live portrait compared with the chip's."""

    score: int
    """0 … 100."""
    live: bool


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """Everything in a record that is not the subscriber's identity. Times are Unix seconds or boot milliseconds."""

    terminal: str
    signed_at: int
    session: bytes
    nonce: bytes
    transaction: str
    checks: tuple[tuple[str, bool], ...]
    consents: tuple[tuple[str, bytes], ...]
    agreement: bytes
    card: Card
    device: Device
    protection: str
    software: bytes
    policy: tuple[str, bytes]
    boot_id: bytes
    boot_ms: int
    sequence: int
    previous: bytes
    journal: bytes
    face: Face
    profile_key: bytes
    """Public key of this session, to which the operator seals the profile; as long as the suite's are."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a record says."""

    document: str
    source: str
    digests: tuple[tuple[int, bytes], ...]
    """Field number and salted digest, ascending."""
    facts: RecordFacts
    suite: Suite = INTERNATIONAL
    """The signing key's: how the digests of items, portraits and of the message itself are made. Not a claim."""


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """A record before its signature. ``payload`` is what will be signed; ``items`` are the personal values with their salts."""

    payload: bytes
    items: bytes = field(repr=False)
    record: Record


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record's signed bytes, their digest, and what they say."""

    message: bytes = field(repr=False)
    digest: bytes
    """Digest of :attr:`message`: external data of the approval, ``previous`` of the next record."""
    record: Record

    @property
    def session(self) -> bytes:
        """Session, 16 bytes."""
        return self.record.facts.session

    @property
    def nonce(self) -> bytes:
        """Terminal nonce that the approval must repeat, 16 bytes."""
        return self.record.facts.nonce

    @property
    def card(self) -> Card:
        """Blank card the record was signed for."""
        return self.record.facts.card


def build_record(
    facts: RecordFacts, *, holder: Holder, portraits: tuple[Portrait, ...], salts: bytes, suite: Suite = INTERNATIONAL
) -> RecordDraft:
    """Return the draft for what a reader and a camera made; ``suite`` is that of the key which will sign it.

    ``portraits`` holds at most one of each provenance and always a live one. ``salts`` are :data:`SALTS_LENGTH` random bytes, fresh for
    this record. ``ValueError`` when a part is missing, doubled or outside what the CDDL allows, ``TypeError`` for an identity or a picture
    that no reader and no camera made (R115).
    """
    if not is_holder(holder) or not all(is_portrait(portrait) for portrait in portraits):
        raise TypeError("an identity comes from a reader")
    if len(salts) != SALTS_LENGTH:
        raise ValueError(f"{SALTS_LENGTH} bytes of salt are needed")
    values = _identity(holder) | _portraits(portraits, suite)
    fresh = (salts[at : at + SALT_LENGTH] for at in range(0, SALTS_LENGTH, SALT_LENGTH))
    items = {int(number): [salt, int(number), values[number]] for salt, number in zip(fresh, Field, strict=True) if number in values}
    digests = tuple((number, _item_digest(item, suite)) for number, item in items.items())
    record = Record(holder.kind, holder.provenance.value, digests, facts, suite)
    said = _to_claims(record)
    payload = cbor.encode(said)
    try:
        again = _from_claims(said, suite)  # what a reader of the payload gets: decoding an encoding changes nothing
    except Malformed as error:
        raise ValueError(f"no record can say this: {error}") from None
    if again != record or len(payload) > cbor.MAX_BYTES:
        raise ValueError("no record can say this")
    return RecordDraft(payload, cbor.encode(list(items.values())), record)


def sign_record(draft: RecordDraft, signer: cose.Signer) -> SignedRecord:
    """Return the record signed by the unit's record key; ``ValueError`` when the draft is for a key of another suite or protection."""
    if draft.record.facts.protection != signer.protection:
        raise ValueError("the record states another protection level than the key's")
    if draft.record.suite.alg != signer.alg:
        raise ValueError("the record was drafted for a key of another suite")
    message = cose.sign1(draft.payload, typ=cose.Type.RECORD, signer=signer)
    return _signed(message, draft.record)


def verify_record(message: bytes, *, keyring: Keyring, seconds: int | None = None) -> SignedRecord:
    """Return the record in ``message``; raises ``SignatureRefused``, or ``Malformed`` when a valid signature covers no record."""
    verified = cose.verify1(message, typ=cose.Type.RECORD, keyring=keyring, purpose=Purpose.RECORD, seconds=seconds)
    return _signed(message, _from_claims(verified.claims, verified.suite))


def read_record(message: bytes) -> SignedRecord:
    """Return the record in bytes this terminal signed, as found in its own journal: parsed strictly, the signature not asked."""
    read = cose.read_unverified(message, typ=cose.Type.RECORD)
    return _signed(message, _from_claims(read.claims, read.suite))


def seal_items(draft: RecordDraft, *, vault_key: bytes, provider: Provider = international.PROVIDER) -> bytes:
    """Return the draft's items, sealed to the operator's vault key and bound to the session."""
    return provider.seal(draft.items, public_key=vault_key, info=items_info(draft.record.facts.session))


def items_info(session: bytes) -> bytes:
    """Return what a session's sealed items are bound to."""
    return _ITEMS_INFO + session


def disclose(record: Record, items: bytes) -> dict[Field, str | bytes]:
    """Return the values that ``items`` (opened) disclose, each proved against its digest; any subset will do.

    :class:`~firmware.core.errors.Malformed` when an item is doubled, unknown to the record, changed, or of the wrong type.
    """
    digests = dict(record.digests)
    values: dict[Field, str | bytes] = {}
    disclosed = claims.array(cbor.decode(items))
    if not disclosed:
        raise Malformed("no items")
    for item in disclosed:
        salt, number, value = claims.array(item, 3)
        claims.octets(salt, SALT_LENGTH)
        if claims.uint(number) not in digests or number in values:
            raise Malformed("item field")
        values[Field(number)] = claims.digest(value) if number in _PORTRAITS else claims.text(value)
        if _item_digest(item, record.suite) != digests[number]:
            raise Malformed("item does not match the record")
    return values


def _signed(message: bytes, record: Record) -> SignedRecord:
    return SignedRecord(message, record.suite.digest(message), record)


def _item_digest(item: list[Any], suite: Suite) -> bytes:
    return suite.digest(cbor.encode(item))


def _identity(holder: Holder) -> dict[Field, str | bytes]:
    values = {
        Field.NAME: holder.name,
        Field.NUMBER: holder.number,
        Field.ADDRESS: holder.address,
        Field.BIRTH: holder.birth,
        Field.ISSUER: holder.issuer,
        Field.VALID_FROM: holder.valid_from,
        Field.VALID_TO: holder.valid_to,
        Field.NATIONALITY: holder.nationality or "",
    }
    return {number: value for number, value in values.items() if value}


def _portraits(portraits: tuple[Portrait, ...], suite: Suite) -> dict[Field, str | bytes]:
    field_of = {PortraitProvenance.CHIP: Field.CHIP_PORTRAIT, PortraitProvenance.CAMERA: Field.LIVE_PORTRAIT}
    values: dict[Field, str | bytes] = {field_of[p.provenance]: suite.digest(p.image) for p in portraits}
    if len(values) != len(portraits) or Field.LIVE_PORTRAIT not in values:
        raise ValueError("one live portrait, and at most one from the chip")
    return values


def _to_claims(record: Record) -> dict[int, Any]:
    facts = record.facts
    return {
        1: facts.terminal,
        6: facts.signed_at,
        7: facts.session,
        10: facts.nonce,
        256: 1,
        257: facts.transaction,
        258: record.document,
        259: record.source,
        260: dict(record.digests),
        261: [list(check) for check in facts.checks],
        262: [list(consent) for consent in facts.consents],
        263: facts.agreement,
        264: facts.card.to_claim(),
        265: {1: facts.device.sam_id, 2: facts.device.controller},
        266: facts.protection,
        267: facts.software,
        268: list(facts.policy),
        269: facts.boot_id,
        270: facts.boot_ms,
        271: facts.sequence,
        272: facts.previous,
        273: facts.journal,
        274: [facts.face.score, facts.face.live],
        275: facts.profile_key,
    }


_KEYS: Final = frozenset({1, 6, 7, 10, *range(256, 276)})


def _from_claims(value: Any, suite: Suite) -> Record:
    """Return the record a decoded payload of ``suite`` says; ``Malformed`` for anything the CDDL does not allow."""
    c = claims.fields(value, _KEYS)
    claims.version(c[256])
    digests = claims.fields(c[260], frozenset(), frozenset(Field))
    if not digests:
        raise Malformed("digests")
    device = claims.fields(c[265], frozenset({1, 2}))
    policy = claims.array(c[268], 2)
    face = claims.array(c[274], 2)
    facts = RecordFacts(
        terminal=claims.text(c[1]),
        signed_at=claims.uint(c[6]),
        session=claims.id16(c[7]),
        nonce=claims.id16(c[10]),
        transaction=claims.text(c[257]),
        checks=tuple((claims.text(n), claims.flag(p)) for n, p in (claims.array(pair, 2) for pair in claims.array(c[261]))),
        consents=tuple((claims.text(n), claims.digest(d)) for n, d in (claims.array(pair, 2) for pair in claims.array(c[262]))),
        agreement=claims.digest(c[263]),
        card=Card.from_claim(c[264]),
        device=Device(claims.id16(device[1]), claims.text(device[2])),
        protection=claims.word(c[266], *PROTECTIONS),
        software=claims.digest(c[267]),
        policy=(claims.text(policy[0]), claims.digest(policy[1])),
        boot_id=claims.id16(c[269]),
        boot_ms=claims.uint(c[270]),
        sequence=claims.uint(c[271]),
        previous=claims.digest(c[272]),
        journal=claims.digest(c[273]),
        face=Face(claims.uint(face[0], 100), claims.flag(face[1])),
        profile_key=claims.octets(c[275], suite.sealing_key_length),
    )
    if facts.sequence < 1:
        raise Malformed("sequence")
    salted = tuple((n, claims.digest(d)) for n, d in sorted(digests.items()))
    return Record(claims.text(c[258]), claims.word(c[259], *SOURCES), salted, facts, suite)
