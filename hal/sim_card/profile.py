# SPDX-License-Identifier: Apache-2.0
"""What is to be on the card: the operator's profile as plain values, checked once at the door.

Decides whether the values have the form the card's files can hold. It never corrects one: an ICCID that looks wrong is the
operator's affair. Numbers and the key stay out of ``repr``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hal.sim_card.errors import ProfileUnfit

FORMS: dict[str, str] = {
    "iccid": r"[0-9A-Ea-e]{18,20}",  # some operators use letters
    "imsi": r"[0-9]{6,15}",
    "msisdn": r"[0-9]{0,20}",
    "spn": r"[^\x00]{0,16}",
    "smsc": r"[0-9]{1,20}",
}
NETWORK = r"[0-9]{5,6}"
NETWORK_WITH_ACCESS = NETWORK + r":[0-9A-Fa-f]{4}"


@dataclass(frozen=True, slots=True)
class Profile:
    """One card's data. ``hplmn_act``: "MCCMNC:AcT" with AcT as 4 hex digits; the other lists "MCCMNC"; ``adm`` 8 bytes."""

    iccid: str
    imsi: str = field(repr=False)
    msisdn: str = field(repr=False)
    spn: str
    smsc: str
    hplmn_act: tuple[str, ...]
    ehplmn: tuple[str, ...]
    fplmn: tuple[str, ...]
    mnc_length: int
    adm_ref: int
    adm: bytes = field(repr=False)

    @property
    def home(self) -> str:
        """The home network, MCCMNC: the first digits of the IMSI."""
        return self.imsi[: 3 + self.mnc_length]


def from_json(value: dict[str, Any]) -> Profile:
    """Build a profile from its JSON object; raises :class:`ProfileUnfit` naming the first item that has not its form."""
    for name, form in FORMS.items():
        if not isinstance(value.get(name), str) or not re.fullmatch(form, value[name]):
            raise ProfileUnfit(item=name)
    lists = {name: _networks(value, name, form) for name, form in _LISTS.items()}
    if value.get("mnc_length") not in (2, 3):
        raise ProfileUnfit(item="mnc_length")
    reference, key = value.get("adm_ref"), value.get("adm")
    if not isinstance(reference, int) or not 1 <= reference <= 0xFF:  # noqa: PLR2004  # one byte
        raise ProfileUnfit(item="adm_ref")
    if not isinstance(key, str) or not re.fullmatch(r"[0-9A-Fa-f]{16}", key):
        raise ProfileUnfit(item="adm")
    return Profile(
        iccid=value["iccid"].upper(),
        imsi=value["imsi"],
        msisdn=value["msisdn"],
        spn=value["spn"],
        smsc=value["smsc"],
        hplmn_act=lists["hplmn_act"],
        ehplmn=lists["ehplmn"],
        fplmn=lists["fplmn"],
        mnc_length=value["mnc_length"],
        adm_ref=reference,
        adm=bytes.fromhex(key),
    )


_LISTS = {"hplmn_act": NETWORK_WITH_ACCESS, "ehplmn": NETWORK, "fplmn": NETWORK}


def _networks(value: dict[str, Any], name: str, form: str) -> tuple[str, ...]:
    networks = value.get(name)
    if not isinstance(networks, list) or not all(isinstance(one, str) and re.fullmatch(form, one) for one in networks):
        raise ProfileUnfit(item=name)
    return tuple(networks)
