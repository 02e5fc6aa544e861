# SPDX-License-Identifier: Apache-2.0
"""The signed identity record (``messages.cddl``: record, items): what the terminal read, checked and had agreed.

Decides what stands in a record and whether bytes are one. Does not decide whether a session may go on.

Rules
* Who is in it, and that identity comes from readers alone, is :mod:`firmware.core.people`'s.
* What a plan did not do is not there: an agreement, a card with the key its profile is sealed to, a face, a second member of staff.
* The record holds salted digests; the values stand in the items, which leave the terminal sealed to the operator's vault. After the
  items are erased, record, approval and audit log still verify (ISO 18013-5's idea, DS-15, DS-16).
* The signed bytes are kept as they are; :class:`SignedRecord` carries them beside what they say.
* Random salts, nonce, keys and every time come in as arguments.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims, cose, international
from firmware.core.errors import Malformed
from firmware.core.keyring import Keyring, Purpose
from firmware.core.people import (
    FIELDS,
    PARTY_STEP,
    SOURCES,
    SUBSCRIBER,
    Field,
    Party,
    Person,
    face_claim,
    field_name,
    is_picture,
    numbered,
    read_checks,
    read_face,
)
from firmware.core.suite import INTERNATIONAL, Suite

if TYPE_CHECKING:
    from firmware.core.suite import Provider

SALT_LENGTH: Final = 32
MODIFIERS: Final = ("A", "M", "P", "S", "V")
MAX_CHANNEL: Final = 5
PROTECTIONS: Final = ("software", "token")
GENESIS: Final = bytes(32)
"""``previous`` of a unit's first record."""

_ITEMS_INFO: Final = b"rnt/items/1"
_EVIDENCE_INFO: Final = b"rnt/evidence/1"


SALTS_LENGTH: Final = SALT_LENGTH * len(Field)
"""Random bytes that :func:`build_record` asks for each person: one salt for each field, used or not."""


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
class RecordFacts:
    """Everything in a record that is not about one of the people in it. Times are Unix seconds or boot milliseconds."""

    terminal: str
    signed_at: int
    session: bytes
    nonce: bytes
    transaction: str
    consents: tuple[tuple[str, bytes], ...]
    agreement: bytes | None
    """Digest of the agreement as signed; ``None`` when the plan has none."""
    card: Card | None
    """The blank card; ``None`` when the plan writes none."""
    device: Device
    protection: str
    software: bytes
    policy: tuple[str, bytes]
    boot_id: bytes
    boot_ms: int
    sequence: int
    previous: bytes
    journal: bytes
    profile_key: bytes | None
    """Public key of this session, to which the operator seals the profile, as long as the suite's are; there exactly when a card is."""
    modifiers: tuple[str, ...] = ()
    """Ascending."""
    channel: int = MAX_CHANNEL
    """Level of the counter, 1 … 5."""
    evidence: tuple[tuple[str, bytes], ...] = ()
    """Word of the policy vocabulary and SHA-256 of what it is, ascending."""
    clerk: str = ""
    """Staff id of the person at the counter."""
    second: str | None = None
    """Staff id of the second member of staff, when the plan has one."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a record says."""

    subscriber: Party
    parties: tuple[Party, ...]
    """Every other party, in the order of the capture."""
    digests: tuple[tuple[int, bytes], ...]
    """Field number and salted digest, ascending."""
    facts: RecordFacts
    suite: Suite = INTERNATIONAL
    """The signing key's: how the digests of items, portraits and of the message itself are made. Not a claim."""

    @property
    def document(self) -> str:
        """Kind of the subscriber's document; empty when none was asked for."""
        return self.subscriber.document

    @property
    def source(self) -> str:
        """Where the subscriber's document was read."""
        return self.subscriber.source

    def field_name(self, number: int) -> str:
        """Return what the field of this number is called in words."""
        return field_name(number, tuple(party.role for party in self.parties))


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
    def card(self) -> Card | None:
        """Blank card the record was signed for, if any."""
        return self.record.facts.card


def build_record(facts: RecordFacts, people: tuple[Person, ...], *, salts: bytes, suite: Suite = INTERNATIONAL) -> RecordDraft:
    """Return the draft for what readers and cameras made; ``suite`` is that of the key which will sign it.

    ``people`` are the subscriber and every other party in the order of the capture; ``salts`` are :data:`SALTS_LENGTH` random bytes for
    each, fresh for this record. ``ValueError`` when a part is missing, doubled or outside what the CDDL allows, ``TypeError`` for an
    identity or a picture that no reader and no camera made (R115).
    """
    if len(salts) != SALTS_LENGTH * len(people):
        raise ValueError(f"{SALTS_LENGTH} bytes of salt are needed for each person")
    values = numbered(people, suite)
    numbers = [PARTY_STEP * nth + number for nth in range(len(people)) for number in Field]
    fresh = (salts[at : at + SALT_LENGTH] for at in range(0, len(salts), SALT_LENGTH))
    items = {number: cbor.encode([salt, number, values[number]]) for salt, number in zip(fresh, numbers, strict=True) if number in values}
    digests = tuple((number, suite.digest(item)) for number, item in items.items())
    subscriber, *others = (person.party() for person in people)
    record = Record(subscriber, tuple(others), digests, facts, suite)
    said = _to_claims(record)
    payload = cbor.encode(said)
    try:
        again = _from_claims(said, suite)  # what a reader of the payload gets: decoding an encoding changes nothing
    except Malformed as error:
        raise ValueError(f"no record can say this: {error}") from None
    if again != record or len(payload) > cbor.MAX_BYTES:
        raise ValueError("no record can say this")
    return RecordDraft(payload, cbor.encode_array(list(items.values())), record)


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


def evidence_info(session: bytes) -> bytes:
    """Return what a sealed picture of a session is bound to."""
    return _EVIDENCE_INFO + session


def disclose(record: Record, items: bytes) -> dict[int, str | bytes]:
    """Return the values that ``items`` (opened) disclose by field number, each proved against its digest; any subset will do.

    :class:`~firmware.core.errors.Malformed` when an item is doubled, unknown to the record, changed, or of the wrong type.
    """
    digests = dict(record.digests)
    values: dict[int, str | bytes] = {}
    disclosed = claims.array(cbor.decode(items))
    if not disclosed:
        raise Malformed("no items")
    for item in disclosed:
        salt, number, value = claims.array(item, 3)
        claims.octets(salt, SALT_LENGTH)
        if claims.uint(number) not in digests or number in values:
            raise Malformed("item field")
        values[number] = claims.digest(value) if is_picture(number) else claims.text(value)
        if record.suite.digest(cbor.encode(item)) != digests[number]:
            raise Malformed("item does not match the record")
    return values


def _signed(message: bytes, record: Record) -> SignedRecord:
    return SignedRecord(message, record.suite.digest(message), record)


def _to_claims(record: Record) -> dict[int, Any]:
    facts, subscriber = record.facts, record.subscriber
    said = {
        1: facts.terminal,
        6: facts.signed_at,
        7: facts.session,
        10: facts.nonce,
        256: 1,
        257: facts.transaction,
        258: subscriber.document or None,
        259: subscriber.source or None,
        260: dict(record.digests),
        261: [list(check) for check in subscriber.checks],
        262: [list(consent) for consent in facts.consents],
        263: facts.agreement,
        264: facts.card.to_claim() if facts.card else None,
        265: {1: facts.device.sam_id, 2: facts.device.controller},
        266: facts.protection,
        267: facts.software,
        268: list(facts.policy),
        269: facts.boot_id,
        270: facts.boot_ms,
        271: facts.sequence,
        272: facts.previous,
        273: facts.journal,
        274: face_claim(subscriber.face) if subscriber.face else None,
        275: facts.profile_key,
        276: subscriber.assurance,
        277: [party.to_claim() for party in record.parties],
        278: list(facts.modifiers),
        279: facts.channel,
        280: [list(evidence) for evidence in facts.evidence],
        281: facts.clerk,
        282: facts.second,
    }
    return {key: value for key, value in said.items() if value is not None}


_DOCUMENT, _SOURCE, _AGREEMENT, _CARD, _FACE, _PROFILE_KEY, _SECOND = 258, 259, 263, 264, 274, 275, 282
_OPTIONAL: Final = frozenset({_DOCUMENT, _SOURCE, _AGREEMENT, _CARD, _FACE, _PROFILE_KEY, _SECOND})
_KEYS: Final = frozenset({1, 6, 7, 10, *range(256, 283)}) - _OPTIONAL


def _from_claims(value: Any, suite: Suite) -> Record:
    """Return the record a decoded payload of ``suite`` says; ``Malformed`` for anything the CDDL does not allow."""
    c = claims.fields(value, _KEYS, _OPTIONAL)
    claims.version(c[256])
    device = claims.fields(c[265], frozenset({1, 2}))
    policy = claims.array(c[268], 2)
    facts = RecordFacts(
        terminal=claims.text(c[1]),
        signed_at=claims.uint(c[6]),
        session=claims.id16(c[7]),
        nonce=claims.id16(c[10]),
        transaction=claims.text(c[257]),
        consents=_named_digests(c[262]),
        agreement=claims.digest(c[_AGREEMENT]) if _AGREEMENT in c else None,
        card=Card.from_claim(c[_CARD]) if _CARD in c else None,
        device=Device(claims.id16(device[1]), claims.text(device[2])),
        protection=claims.word(c[266], *PROTECTIONS),
        software=claims.digest(c[267]),
        policy=(claims.text(policy[0]), claims.digest(policy[1])),
        boot_id=claims.id16(c[269]),
        boot_ms=claims.uint(c[270]),
        sequence=claims.uint(c[271]),
        previous=claims.digest(c[272]),
        journal=claims.digest(c[273]),
        profile_key=claims.octets(c[_PROFILE_KEY], suite.sealing_key_length) if _PROFILE_KEY in c else None,
        modifiers=tuple(claims.word(modifier, *MODIFIERS) for modifier in claims.array(c[278])),
        channel=claims.uint(c[279], MAX_CHANNEL),
        evidence=_named_digests(c[280]),
        clerk=claims.text(c[281]),
        second=claims.text(c[_SECOND]) if _SECOND in c else None,
    )
    if facts.sequence < 1 or facts.channel < 1:
        raise Malformed("sequence or channel")
    if (facts.card is None) != (facts.profile_key is None):
        raise Malformed("exactly a card has a profile key")
    if list(facts.modifiers) != sorted(set(facts.modifiers)) or list(facts.evidence) != sorted(dict(facts.evidence).items()):
        raise Malformed("modifiers and evidence ascend")
    parties = tuple(Party.from_claim(party) for party in claims.array(c[277]))
    return Record(_subscriber(c), parties, _digests(c[260], len(parties)), facts, suite)


def _subscriber(c: dict[int, Any]) -> Party:
    """Return the subscriber of a record's claims; ``Malformed`` when it states another assurance than it amounts to."""
    document = claims.text(c[_DOCUMENT]) if _DOCUMENT in c else ""
    source = claims.word(c[_SOURCE], *SOURCES) if _SOURCE in c else ""
    if bool(document) != bool(source):
        raise Malformed("a document and where it was read")
    subscriber = Party(SUBSCRIBER, document, source, read_checks(c[261]), read_face(c[_FACE]) if _FACE in c else None)
    if claims.uint(c[276]) != subscriber.assurance:
        raise Malformed("assurance")
    return subscriber


def _digests(value: Any, others: int) -> tuple[tuple[int, bytes], ...]:
    """Return the salted digests, ascending by field; each belongs to the subscriber or to one of ``others``."""
    digests = claims.fields(value, frozenset(), FIELDS)
    if digests and max(digests) // PARTY_STEP > others:
        raise Malformed("a field of nobody")
    return tuple((number, claims.digest(digest)) for number, digest in sorted(digests.items()))


def _named_digests(value: Any) -> tuple[tuple[str, bytes], ...]:
    return tuple((claims.text(name), claims.digest(digest)) for name, digest in (claims.array(pair, 2) for pair in claims.array(value)))
