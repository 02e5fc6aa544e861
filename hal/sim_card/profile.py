# SPDX-License-Identifier: Apache-2.0
"""What is to be on the card: the operator's profile as plain values, checked once at the door.

Decides whether the values have the form the card's files can hold. It never corrects one: an ICCID that looks wrong is the
operator's affair. Numbers and keys stay out of ``repr``. An optional item that is absent (None) is not written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hal.sim_card.codecs.numbers import EmergencyNumber
from hal.sim_card.errors import ProfileUnfit

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS: dict[str, str] = {
    "iccid": r"[0-9A-Ea-e]{18,20}",  # some operators use letters
    "imsi": r"[0-9]{6,15}",
    "msisdn": r"[0-9]{0,20}",
    "spn": r"[^\x00]{0,16}",
    "smsc": r"[0-9]{1,20}",
}
NETWORK = r"[0-9]{5,6}"
NETWORK_WITH_ACCESS = NETWORK + r":[0-9A-Fa-f]{4}"
EMERGENCY = r"[0-9]{1,6}:[0-9A-Fa-f]{2}"
KEY_128, KEY_64 = r"[0-9A-Fa-f]{32}", r"[0-9A-Fa-f]{16}"
REQUIRED = frozenset(FORMS) | {"hplmn_act", "ehplmn", "fplmn", "mnc_length"}
KEY = frozenset({"adm_ref", "adm"})


@dataclass(frozen=True, slots=True)
class Profile:
    """One card's data. ``hplmn_act`` and its kin: "MCCMNC:AcT" with AcT as 4 hex digits; other lists "MCCMNC".

    What opens the card: ``adm_ref`` and ``adm`` (8 bytes) for VERIFY; or ``unlock_ref``, the key reference for EXTERNAL AUTHENTICATE, whose
    code is no part of a profile. Never both.
    Optional, None = not written: ``li`` language codes, ``hpplmn`` the search period as the card counts it, ``ust`` the services
    switched on, ``ecc`` one record each, ``k`` and ``opc`` 16 bytes (both or none), ``key_adm`` 8 bytes for the key's own place,
    ``routing_indicator`` 1 to 4 digits; ``msisdn_on_card`` = write the MSISDN.
    """

    iccid: str
    imsi: str = field(repr=False)
    msisdn: str = field(repr=False)
    spn: str
    smsc: str
    hplmn_act: tuple[str, ...]
    ehplmn: tuple[str, ...]
    fplmn: tuple[str, ...]
    mnc_length: int
    adm_ref: int = 0
    adm: bytes = field(default=b"", repr=False)
    unlock_ref: int | None = None
    msisdn_on_card: bool = field(default=False, repr=False)
    li: tuple[str, ...] | None = None
    hpplmn: int | None = None
    ust: frozenset[int] | None = None
    plmn_act: tuple[str, ...] | None = None
    oplmn_act: tuple[str, ...] | None = None
    ecc: tuple[EmergencyNumber, ...] | None = None
    routing_indicator: str | None = None
    k: bytes | None = field(default=None, repr=False)
    opc: bytes | None = field(default=None, repr=False)
    key_adm: bytes | None = field(default=None, repr=False)

    @property
    def home(self) -> str:
        """The home network, MCCMNC: the first digits of the IMSI."""
        return self.imsi[: 3 + self.mnc_length]


def from_json(value: dict[str, Any]) -> Profile:
    """Build a profile from its JSON object; raises :class:`ProfileUnfit` naming the first item that has not its form.

    An item nobody here knows is refused too: what the operator wants on a card is written or said to be impossible.
    """
    if set(value) - REQUIRED - KEY - set(OPTIONAL):
        raise ProfileUnfit(item="unknown")
    for name, form in FORMS.items():
        _text(value.get(name), form, name)
    optional = {name: read(value[name], name) for name, read in OPTIONAL.items() if value.get(name) is not None}
    if ("k" in optional) != ("opc" in optional):
        raise ProfileUnfit(item="opc" if "k" in optional else "k")
    return Profile(
        iccid=value["iccid"].upper(),
        imsi=value["imsi"],
        msisdn=value["msisdn"],
        spn=value["spn"],
        smsc=value["smsc"],
        hplmn_act=_texts(value.get("hplmn_act"), NETWORK_WITH_ACCESS, "hplmn_act"),
        ehplmn=_texts(value.get("ehplmn"), NETWORK, "ehplmn"),
        fplmn=_texts(value.get("fplmn"), NETWORK, "fplmn"),
        mnc_length=_number(value.get("mnc_length"), 2, 3, "mnc_length"),
        **_key(value),
        **optional,
    )


def _key(value: dict[str, Any]) -> dict[str, Any]:
    """Return what opens the card by VERIFY: nothing where ``unlock_ref`` says that it is not opened so."""
    if value.get("unlock_ref") is not None:
        if value.get("adm") is not None or value.get("adm_ref") is not None:
            raise ProfileUnfit(item="adm")
        return {}
    reference = _number(value.get("adm_ref"), 1, 0xFF, "adm_ref")
    return {"adm_ref": reference, "adm": bytes.fromhex(_text(value.get("adm"), KEY_64, "adm"))}


def _text(value: Any, form: str, name: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(form, value):
        raise ProfileUnfit(item=name)
    return value


def _texts(value: Any, form: str, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ProfileUnfit(item=name)
    return tuple(_text(one, form, name) for one in value)


def _number(value: Any, least: int, most: int, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ProfileUnfit(item=name)
    return value


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ProfileUnfit(item=name)
    return value


def _services(value: Any, name: str) -> frozenset[int]:
    if not isinstance(value, list):
        raise ProfileUnfit(item=name)
    return frozenset(_number(one, 1, 8 * 256, name) for one in value)


def _emergency(value: Any, name: str) -> tuple[EmergencyNumber, ...]:
    pairs = [one.split(":") for one in _texts(value, EMERGENCY, name)]
    return tuple(EmergencyNumber(digits, category=int(category, 16)) for digits, category in pairs)


def _secret(form: str) -> Callable[[Any, str], bytes]:
    return lambda value, name: bytes.fromhex(_text(value, form, name))


OPTIONAL: dict[str, Callable[[Any, str], Any]] = {
    "unlock_ref": lambda value, name: _number(value, 1, 0xFF, name),
    "msisdn_on_card": _flag,
    "li": lambda value, name: _texts(value, r"[a-z]{2}", name),
    "hpplmn": lambda value, name: _number(value, 0, 0xFF, name),
    "ust": _services,
    "plmn_act": lambda value, name: _texts(value, NETWORK_WITH_ACCESS, name),
    "oplmn_act": lambda value, name: _texts(value, NETWORK_WITH_ACCESS, name),
    "ecc": _emergency,
    "routing_indicator": lambda value, name: _text(value, r"[0-9]{1,4}", name),
    "k": _secret(KEY_128),
    "opc": _secret(KEY_128),
    "key_adm": _secret(KEY_64),
}
"""Item → how it is read from JSON; raises :class:`ProfileUnfit`."""
