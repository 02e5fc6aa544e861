# SPDX-License-Identifier: Apache-2.0
"""The profile (``messages.cddl``: profile): what will be written to the card, opened and read strictly.

Rules
* Only the profile an :class:`~firmware.core.approval.Approval` names is opened: R707 when the sealed bytes or the plaintext are others,
  R704 when what the operator approved cannot be opened or is no profile.
* A card that has an ICCID keeps it: a profile for another one is R707. A blank without (all F or all 0) gets the profile's. An ICCID is
  never "corrected": some carry letters, and check rules differ.
* ``repr`` shows nothing; a profile lives in memory and in the journal's sealed items, never in an event, log or error.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from firmware.core import cbor, claims, hpke
from firmware.core.errors import CannotOpen, Malformed, ProfileRefused

if TYPE_CHECKING:
    from firmware.core.approval import Approval
    from firmware.core.record import Card

_INFO: Final = b"rnt/profile/1"
_KEYS: Final = frozenset(range(1, 11))
_ADM_LENGTH: Final = 8
_BLANK: Final = (frozenset("F"), frozenset("0"))
"""What the ICCID of a card without one reads as, if it reads at all."""
_ICCID: Final = re.compile(r"[0-9A-F]{18,20}", re.ASCII)
_NETWORK: Final = re.compile(r"[0-9]{5,6}", re.ASCII)
_NETWORK_WITH_ACCESS: Final = re.compile(r"[0-9]{5,6}:[0-9A-Fa-f]{4}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Profile:
    """The content of a card after the write."""

    iccid: str
    imsi: str
    msisdn: str
    """E.164 digits."""
    spn: str
    smsc: str
    """E.164 digits."""
    hplmn_act: tuple[str, ...]
    """``MCCMNC:AcT`` with AcT in hex, in the order of EF_HPLMNwAcT."""
    ehplmn: tuple[str, ...]
    fplmn: tuple[str, ...]
    mnc_length: int
    adm_ref: int
    """Key reference of VERIFY; 0x0A is ADM1."""
    adm: bytes
    """8-byte administrative key."""

    def __repr__(self) -> str:
        """Tell nothing."""
        return "<Profile>"

    def to_card_dict(self) -> dict[str, Any]:
        """Return the JSON form the SIM card service takes. It holds the card's secrets: memory only."""
        return {
            "iccid": self.iccid,
            "imsi": self.imsi,
            "msisdn": self.msisdn,
            "spn": self.spn,
            "smsc": self.smsc,
            "hplmn_act": list(self.hplmn_act),
            "ehplmn": list(self.ehplmn),
            "fplmn": list(self.fplmn),
            "mnc_length": self.mnc_length,
            "adm_ref": self.adm_ref,
            "adm": self.adm.hex(),
        }


def profile_info(record_digest: bytes) -> bytes:
    """Return the HPKE info of the profile for the record with this digest."""
    return _INFO + record_digest


def open_profile(sealed: bytes, *, private_key: bytes, approval: Approval) -> Profile:
    """Return the approved profile; ``private_key`` is the session's raw X25519 key whose public half stands in the record.

    :class:`~firmware.core.errors.ProfileRefused` with R707 or R704.
    """
    if hashlib.sha256(sealed).digest() != approval.sealed_profile:
        raise ProfileRefused("R707", "sealed profile")
    try:
        plaintext = hpke.open_sealed(sealed, private_key=private_key, info=profile_info(approval.record))
    except CannotOpen:
        raise ProfileRefused("R704", "profile cannot be opened") from None
    if hashlib.sha256(plaintext).digest() != approval.profile:
        raise ProfileRefused("R707", "profile")
    try:
        profile = parse_profile(plaintext)
    except Malformed:
        raise ProfileRefused("R704", "no profile") from None
    if _has_iccid(approval.card) and profile.iccid != approval.card.iccid:
        raise ProfileRefused("R707", "profile of another card")
    return profile


def parse_profile(plaintext: bytes) -> Profile:
    """Return the profile in its plaintext bytes; :class:`~firmware.core.errors.Malformed` when it is none."""
    c = claims.fields(cbor.decode(plaintext), _KEYS)
    administrative = claims.array(c[10], 2)
    mnc_length = claims.uint(c[9], 3)
    if mnc_length not in (2, 3):
        raise Malformed("MNC length")
    return Profile(
        iccid=_iccid(c[1]),
        imsi=claims.digits(c[2], 6, 15),
        msisdn=claims.digits(c[3], 3, 15),
        spn=claims.text(c[4]),
        smsc=claims.digits(c[5], 3, 15),
        hplmn_act=_networks(c[6], _NETWORK_WITH_ACCESS),
        ehplmn=_networks(c[7], _NETWORK),
        fplmn=_networks(c[8], _NETWORK),
        mnc_length=mnc_length,
        adm_ref=claims.uint(administrative[0], 0xFF),
        adm=claims.octets(administrative[1], _ADM_LENGTH),
    )


def _iccid(value: Any) -> str:
    if type(value) is not str or not _ICCID.fullmatch(value):
        raise Malformed("ICCID")
    return value


def _has_iccid(card: Card) -> bool:
    return not any(set(card.iccid) <= blank for blank in _BLANK)


def _networks(value: Any, form: re.Pattern[str]) -> tuple[str, ...]:
    entries = claims.array(value)
    if not all(type(entry) is str and form.fullmatch(entry) for entry in entries):
        raise Malformed("network")
    return tuple(entries)
