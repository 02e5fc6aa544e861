# SPDX-License-Identifier: Apache-2.0
"""The policy pack: which business with which document takes which steps, texts and limits.

Rules
* A pack is data. A new kind of transaction or document is a new offer in a pack, no branch in code.
* Every text shown is in the pack and named in the record by its digest; the record also names the pack by id and digest.
* A pack's digest covers all of it (deterministic CBOR). Packs other than :data:`BASE` will be signed; none is loaded yet.

``cn/base`` is the floor and deliberately small: a new SIM for an adult who comes with a card that the reader can open (resident identity
card, residence permit of Hong Kong, Macau and Taiwan residents, foreigner's permanent residence card). It compares the face on the terminal
and sends score and commitment only; uploading the live picture would need the separate consent C-2, which it does not ask.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware.core import cbor
from firmware.core.errors import PolicyRefused


class Step(StrEnum):
    """A step of evidence at the counter; what follows it (record, approval, write …) is the same for every plan."""

    NOTICE = "notice"
    DOCUMENT = "document"
    CHECK = "check"
    PORTRAIT = "portrait"
    AGREEMENT = "agreement"
    CONFIRM = "confirm"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class Consent:
    """A text the subscriber acknowledges or signs, and the step at which it is shown."""

    code: str
    step: Step
    zh: str
    en: str

    @property
    def digest(self) -> bytes:
        """Return SHA-256 of the deterministic CBOR of ``[code, zh, en]``: the text as shown."""
        return hashlib.sha256(cbor.encode([self.code, self.zh, self.en])).digest()


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers a pack sets. A stricter pack may lower them."""

    approval_max_age_s: int
    """Most seconds between signing the record and starting the write (DS-21: at most 10 minutes)."""
    read_tries: int
    """Reads of the document before R107."""
    face_tries: int
    """Comparisons before R201."""
    face_score: int
    """Least score, 0 … 100, that counts as the same person."""
    write_tries: int
    """Blank cards for one approval chain before R708; each needs its own approval."""
    minimum_age: int
    """Years from which a person may come alone (else R206)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of transaction with one kind of document."""

    transaction: str
    document: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class PolicyPack:
    """A pack: id ``<carrier>/<region>``, version, offers, texts, limits."""

    pack_id: str
    version: int
    offers: tuple[Offer, ...]
    consents: tuple[Consent, ...]
    limits: Limits
    keeps: tuple[str, ...] = ()
    """What this pack needs of a document beyond the minimisation list (``sex``, ``ethnicity``); the reader drops it otherwise."""

    @property
    def digest(self) -> bytes:
        """Return SHA-256 of the deterministic CBOR of everything in the pack."""
        limits = self.limits
        content = [
            self.pack_id,
            self.version,
            [[o.transaction, o.document, [step.value for step in o.steps]] for o in self.offers],
            [[c.code, c.step.value, c.zh, c.en] for c in self.consents],
            [
                limits.approval_max_age_s,
                limits.read_tries,
                limits.face_tries,
                limits.face_score,
                limits.write_tries,
                limits.minimum_age,
            ],
            list(self.keeps),
        ]
        return hashlib.sha256(cbor.encode(content)).digest()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one session does, resolved from a pack before anything personal is read."""

    transaction: str
    document: str
    steps: tuple[Step, ...]
    consents: tuple[Consent, ...]
    limits: Limits
    policy: tuple[str, bytes]
    """Pack id and digest, as the record carries them."""
    keeps: frozenset[str] = frozenset()
    """What the reader hands on beyond the minimisation list."""

    def consent(self, code: str) -> Consent:
        """Return the text with this code; ``KeyError`` when the plan does not show it."""
        for consent in self.consents:
            if consent.code == code:
                return consent
        raise KeyError(code)


BASE: Final = PolicyPack(
    pack_id="cn/base",
    version=1,
    offers=tuple(Offer("T01", document, tuple(Step)) for document in ("D01", "D08", "D10")),
    consents=(
        Consent(
            "C-1",
            Step.NOTICE,
            zh="为您办理手机卡实名登记，本机将读取您的身份证件芯片并现场拍照比对人像。处理者：为您办理入网的电信企业，联系方式见营业厅公示。"
            "用途：依法核验身份、办理入网。信息种类：姓名、证件号码、住址、出生日期、有效期、签发机关、人像比对结果。"
            "人像仅在本机比对，不上传照片，比对后删除；不同意人像比对可到自有营业厅人工核验。"
            "保存期限：服务期间及终止后二年；本机在移交后立即删除。您可以查询、更正、投诉，投诉电话见凭条。",
            en="To register your SIM card this terminal reads the chip of your identity card and compares your face with it on the spot. "
            "Processor: the telecom company you join; contact details are posted in the shop. Purpose: the identity check the law "
            "asks for, and your subscription. Data: name, document number, address, birth date, validity, issuer, result of the "
            "face comparison. The face is compared inside the terminal; the picture is not uploaded and is deleted afterwards. Who "
            "declines the face comparison may be checked by staff at a company-owned hall. Kept: during the service and two years "
            "after; this terminal erases its copy after hand-over. You may ask for your data, have it corrected, and complain: the "
            "phone number is on the slip.",
        ),
        Consent(
            "C-3",
            Step.NOTICE,
            zh="依照法律规定，您的身份信息将通过联网方式核验。",
            en="As the law requires, your identity data are checked online.",
        ),
        Consent(
            "C-4",
            Step.AGREEMENT,
            zh="入网协议：本人自愿办理本号码并按所选资费付费。本人确认号码由本人使用；不出租、出借、出售电话卡，知悉违者依法承担责任。"
            "谨防诈骗：任何要求您代办电话卡的均可能涉嫌违法犯罪。",
            en="Service agreement: I take this number of my own will and pay by the tariff I chose. I will use the number myself. I "
            "will not rent out, lend or sell the card and know that the law punishes it. Beware of fraud: whoever asks you to get a "
            "SIM card for somebody else may be committing a crime.",
        ),
    ),
    limits=Limits(approval_max_age_s=600, read_tries=3, face_tries=3, face_score=80, write_tries=3, minimum_age=16),
)


def resolve(transaction: str, document: str, pack: PolicyPack = BASE) -> Plan:
    """Return the plan for a kind of transaction and of document.

    :class:`~firmware.core.errors.PolicyRefused` with R410 when the pack does not offer the transaction here, R103 when it does, but not
    with this document.
    """
    offers = [offer for offer in pack.offers if offer.transaction == transaction]
    if not offers:
        raise PolicyRefused("R410", "transaction")
    for offer in offers:
        if offer.document == document:
            return Plan(transaction, document, offer.steps, pack.consents, pack.limits, (pack.pack_id, pack.digest), frozenset(pack.keeps))
    raise PolicyRefused("R103", "document")
