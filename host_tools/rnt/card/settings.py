# SPDX-License-Identifier: Apache-2.0
"""``--set NAME=VALUE``: single items of a profile on the command line, over those of its file.

Decides how a value is written there: lists with commas, numbers of services also as ranges (``12,19,42-43``), ``true`` and ``false``; an
empty value is an empty list. Rules

1. Neither a secret nor a number of the subscriber stands on a command line: other people of the machine see it.
2. No message repeats a value.

Whether it has the form the card needs is judged by :func:`hal.sim_card.profile.from_json`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HIDDEN = ("adm", "k", "opc", "key_adm")
PERSONAL = ("imsi", "msisdn")
MOST = 4096
"""Services a range may name."""
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _text(value: str) -> str:
    return value


def _texts(value: str) -> list[str]:
    return [one.strip() for one in value.split(",")] if value else []


def _number(value: str) -> int:
    return int(value, 16) if value[:2].lower() == "0x" else int(value)


def _truth(value: str) -> bool:
    return TRUTH[value.lower()]


def _numbers(value: str) -> list[int]:
    found: list[int] = []
    for part in _texts(value):
        form = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part)
        if form is None:
            raise ValueError
        first, last = int(form[1]), int(form[2] or form[1])
        if not first <= last < first + MOST:
            raise ValueError
        found += range(first, last + 1)
    return found


READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("iccid", "spn", "smsc", "routing_indicator"), _text),
    **dict.fromkeys(("hplmn_act", "ehplmn", "fplmn", "li", "plmn_act", "oplmn_act", "ecc"), _texts),
    **dict.fromkeys(("mnc_length", "adm_ref", "unlock_ref", "hpplmn"), _number),
    "msisdn_on_card": _truth,
    "ust": _numbers,
}
"""Item → how its value is read; raises ``ValueError`` or ``KeyError``."""
HINT = "rnt card plan --help names the items and their forms"


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the items set by ``NAME=VALUE`` texts, the last one of a name; raises :class:`Stopped` (usage)."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if name in HIDDEN:
            raise Stopped(
                ExitCode.USAGE, f"{name} is a secret and does not belong on a command line.", "--secrets FILE (mode 0600), or --secrets -"
            )
        if name in PERSONAL:
            raise Stopped(
                ExitCode.USAGE, f"{name} is the subscriber's and does not belong on a command line.", "put it in the profile file"
            )
        if not equals or name not in READ:
            raise Stopped(ExitCode.USAGE, f"--set knows no item {name!r:.40}." if equals else "--set wants NAME=VALUE.", HINT)
        try:
            found[name] = READ[name](value.strip())
        except (ValueError, KeyError):
            raise Stopped(ExitCode.USAGE, f"The value of --set {name} has not its form.", HINT) from None
    return found
