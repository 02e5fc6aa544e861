# SPDX-License-Identifier: Apache-2.0
"""The profile (``messages.cddl``: profile): the fields the terminal writes itself in the modes fields and unlock, read strictly.

``repr`` shows nothing. Whether a profile may be used is decided by :mod:`firmware.core.issue_data`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from firmware.core import claims
from firmware.core.challenge import Challenge, read_challenge
from firmware.core.errors import Malformed

_KEYS: Final = frozenset(range(1, 10))
_ADM, _CHALLENGE, _UNLOCK = 10, 11, 12
_ADM_LENGTH: Final = 8
_ICCID: Final = re.compile(r"[0-9A-F]{18,20}", re.ASCII)
_NETWORK: Final = re.compile(r"[0-9]{5,6}", re.ASCII)
_NETWORK_WITH_ACCESS: Final = re.compile(r"[0-9]{5,6}:[0-9A-Fa-f]{4}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class AdministrativeKey:
    """Presented by VERIFY: reference (0x0A is ADM1) and 8-byte value."""

    reference: int
    secret: bytes

    def to_card_dict(self) -> dict[str, Any]:
        """Return the members of the profile's JSON form."""
        return {"adm_ref": self.reference, "adm": self.secret.hex()}


@dataclass(frozen=True, slots=True, repr=False)
class UnlockKey:
    """Answered for by the operator in EXTERNAL AUTHENTICATE: its reference, no value."""

    reference: int

    def to_card_dict(self) -> dict[str, Any]:
        """Return the members of the profile's JSON form."""
        return {"unlock_ref": self.reference}


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
    key: AdministrativeKey | UnlockKey
    """What opens the files."""
    challenge: Challenge | None = None

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
            **self.key.to_card_dict(),
        }


def read_profile(value: Any, *, unlocked: bool) -> Profile:
    """Return the profile in a decoded map; :class:`~firmware.core.errors.Malformed` when it is none.

    ``unlocked``: of mode unlock, which names the key of EXTERNAL AUTHENTICATE and brings no administrative key.
    """
    c = claims.fields(value, _KEYS | {_UNLOCK if unlocked else _ADM}, frozenset({_CHALLENGE}))
    mnc_length = claims.uint(c[9], 3)
    if mnc_length not in (2, 3):
        raise Malformed("MNC length")
    return Profile(
        iccid=iccid(c[1]),
        imsi=claims.digits(c[2], 6, 15),
        msisdn=claims.digits(c[3], 3, 15),
        spn=claims.text(c[4]),
        smsc=claims.digits(c[5], 3, 15),
        hplmn_act=_networks(c[6], _NETWORK_WITH_ACCESS),
        ehplmn=_networks(c[7], _NETWORK),
        fplmn=_networks(c[8], _NETWORK),
        mnc_length=mnc_length,
        key=_unlock_key(c[_UNLOCK]) if unlocked else _administrative_key(c[_ADM]),
        challenge=read_challenge(c[_CHALLENGE]) if _CHALLENGE in c else None,
    )


def iccid(value: Any) -> str:
    """Return an ICCID of 18 to 20 characters 0-9 A-F; never "corrected": some carry letters, and check rules differ."""
    if type(value) is not str or not _ICCID.fullmatch(value):
        raise Malformed("ICCID")
    return value


def _administrative_key(value: Any) -> AdministrativeKey:
    reference, secret = claims.array(value, 2)
    return AdministrativeKey(claims.uint(reference, 0xFF), claims.octets(secret, _ADM_LENGTH))


def _unlock_key(value: Any) -> UnlockKey:
    return UnlockKey(claims.uint(value, 0xFF))


def _networks(value: Any, form: re.Pattern[str]) -> tuple[str, ...]:
    entries = claims.array(value)
    if not all(type(entry) is str and form.fullmatch(entry) for entry in entries):
        raise Malformed("network")
    return tuple(entries)
