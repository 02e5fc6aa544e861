# SPDX-License-Identifier: Apache-2.0
"""The closed vocabulary of policy packs: what a rule may name, and which way each limit is strict.

A pack can only combine these words. What the product cannot do (a fingerprint, a typed number, a picture without a watermark) has no word
here, so no pack can ask for it. Adding a word is adding a line; a pack with a word that is not here does not load.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Verb(StrEnum):
    """What a rule does. Only an offer opens a business, and only the floor may offer; everything else can but tighten."""

    OFFER = "offer"
    """These kinds of transaction are done with these documents."""
    BAR = "bar"
    """What matches is not done here; the subject is the outcome code."""
    DEMAND = "demand"
    """What matches needs these items; the subject is the category."""
    LIMIT = "limit"
    """A number for what matches; the subject is its name."""
    TEXT = "text"
    """A text shown to the subscriber; the subject is its code."""


class Category(StrEnum):
    """What a rule can demand."""

    STEP = "step"
    PARTY = "party"
    EVIDENCE = "evidence"
    CHECK = "check"
    CONSENT = "consent"
    PAPER = "paper"


class Mark(StrEnum):
    """What a value rests on, after the tags of the requirements. Only the first two are settled; the lint prints every other."""

    SEED = "seed"
    """A text we hold (S0 to S3)."""
    OUT = "out"
    """A text outside, verified for the passage used."""
    OUT_WEAK = "out-weak"
    """A secondary page."""
    DRAFT = "draft"
    """A draft never seen in force (S4)."""
    UNVERIFIED = "unverified"
    """A text nobody here has read in full."""
    OWN = "own"
    """Our decision or inference."""


SETTLED: Final = frozenset({Mark.SEED, Mark.OUT})


class Level(IntEnum):
    """How far a counter is from the operator: the five channel levels (KYX-1, CH-1)."""

    OWN_HALL = 1
    FRANCHISE = 2
    CHAIN = 3
    AGENT = 4
    END = 5


KINDS: Final = tuple(f"T{number:02}" for number in range(1, 18))
DOCUMENTS: Final = (*(f"D{number:02}" for number in range(1, 14)), *(f"U{number:02}" for number in range(1, 8)))
MODIFIERS: Final = ("A", "M", "P", "S", "V")
"""Accessibility, minor, proxy, store-and-forward, visual check instead of the face."""

SUBSCRIBER: Final = "subscriber"
PARTIES: Final = (SUBSCRIBER, "owner", "guardian", "proxy", "handler", "responsible", "user", "second-staff", "operator", "reviewer")
CAPTURED: Final = ("owner", "guardian", "proxy", "handler", "responsible", "user")
"""Parties beside the subscriber who are captured in full, in this order; their steps are ``party/step``."""
CAPTURES: Final = ("document", "check", "portrait", "attest")
"""The steps of one party's capture, in this order; ``attest`` is two members of staff instead of the face."""
_SEQUENCE: Final = (
    "notice",
    *CAPTURES,
    "token",
    *(f"{party}/{step}" for party in CAPTURED for step in CAPTURES),
    "unit-document",
    "papers",
    "old-card",
    "release",
    "guardian-consent",
    "group-consent",
    "request",
    "agreement",
    "commercial",
    "confirm",
    "second-person",
    "seal",
    "card",
)
RANK: Final = {step: rank for rank, step in enumerate(_SEQUENCE)}
"""Every capture step, in the one order in which they are done (ST4 to ST12 of the requirements)."""


PAPER: Final = "paper"
"""Where a text stands that is printed and shown at no step: what an operator says of itself."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ITEMS: Final = {
    Category.STEP: frozenset(RANK),
    Category.PARTY: frozenset(PARTIES),
    Category.EVIDENCE: _words(
        "accessibility-mark chip-data chip-portrait-commitment consent-object debts-cleared device-list document-image "
        "dg2-portrait face-score history-version issuer-level live-photo-commitment live-photo-upload liveness-method mrz-data "
        "network-token notice-digest old-iccid owner-release purpose reader-identity refund-account request-form restore-free "
        "risk-assessment risk-level seal-image second-person-reason settlement-proof unit-document-image user-list watermark "
        "agreement-digest fraud-warning resale-ban sealed-capsule masked-count"
    ),
    Category.CHECK: _words(
        "origin kind number birth dates clock started not-expired age original face-match liveness online mrz-check-digits "
        "passive-authentication attested second-person owner-match same-person no-dispute no-debt quota-new-owner quota cool-down "
        "registry unit-seal issuer-level purpose-licensed cash-free user-rows risk-assessed function-limits device-lock whitelist "
        "guardian-relation proxy-scope proxy-quota reviewer not-reported-lost operator-not-customer port-code install-address "
        "withdrawal-wins offline-quota offline-age old-numbers-registered"
    ),
    Category.CONSENT: frozenset(f"C-{number}" for number in range(1, 8)),
    Category.PAPER: frozenset({*(f"P-{letter}" for letter in "ABCD"), *(f"U-{letter}" for letter in "ABCDEFG")}),
}
"""Category → the items it knows."""


class Way(StrEnum):
    """Which of two values is the stricter one."""

    LEAST = "least"
    MOST = "most"


@dataclass(frozen=True, slots=True)
class Measure:
    """What a limit is: its group, its unit, and which way it is strict."""

    group: str
    unit: str
    way: Way
    most: int

    def stricter(self, one: int, other: int) -> int:
        """Return the stricter of two values."""
        return min(one, other) if self.way is Way.LEAST else max(one, other)


def _measures(group: str, way: Way, **units: tuple[str, int]) -> dict[str, Measure]:
    return {name: Measure(group, unit, way, most) for name, (unit, most) in units.items()}


MEASURES: Final = {
    **_measures(
        "limit",
        Way.LEAST,
        approval_max_age_s=("s", 86_400),
        capture_max_age_s=("s", 86_400),
        session_max_s=("s", 86_400),
        read_tries=("tries", 20),
        face_tries=("tries", 20),
        write_tries=("cards", 20),
        offline_pieces=("pieces", 1000),
        offline_hours=("h", 8760),
        cards_per_confirmation=("cards", 100),
    ),
    **_measures(
        "limit",
        Way.MOST,
        face_score=("of 100", 100),
        minimum_age=("years", 150),
        guardian_identity_under=("years", 150),
        cool_down_s=("s", 31_536_000),
        replacement_sms_bar_h=("h", 720),
    ),
    **_measures("assurance", Way.MOST, assurance=("level", 4)),
    **_measures("assurance", Way.LEAST, assurance_best=("level", 4)),
    **_measures(
        "quota",
        Way.LEAST,
        numbers_per_person=("numbers", 1000),
        numbers_postpaid=("numbers", 1000),
        numbers_prepaid=("numbers", 1000),
        numbers_watch=("numbers", 1000),
        iot_per_person=("cards", 1000),
        proxy_per_day=("transactions", 1000),
    ),
    **_measures(
        "retention",
        Way.MOST,
        records_after_end_days=("d", 36_500),
        consent_evidence_months=("months", 1200),
        logs_months=("months", 1200),
        assessment_years=("years", 100),
    ),
    **_measures("privacy", Way.LEAST, device_data_hours=("h", 8760), live_frames_s=("s", 86_400), after_ack_s=("s", 86_400)),
    **_measures("privacy", Way.LEAST, photo_upload=("(1: with C-2)", 1), keep_sex=("(1: kept)", 1), keep_ethnicity=("(1: kept)", 1)),
}
"""Every limit by name. Strictest wins for limits, quotas, assurance and retention; most protective for privacy."""
