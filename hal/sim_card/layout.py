# SPDX-License-Identifier: Apache-2.0
"""What a profile puts where on a card, as data: one row for each item. 3GPP TS 31.102 §4.2, TS 102 221 §13.

Decides which files a profile touches, in which order, and what each must begin with. Rules:

1. Every length is asked of the card; none stands here.
2. The order of :func:`targets` is the order of writing. The ICCID is first: from then on a card whose writing was cut bears the name the
   journal knows it by. Copies on the 2G side follow, the keys, then the USIM's files. The IMSI is last: until everything else
   is written the card has none, and a half-written one can never look finished.
3. A key is never read back; it is proven by AUTHENTICATE.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hal.sim_card.codecs import basic, fiveg, location, numbers, services
from hal.sim_card.codecs.numbers import Number
from hal.sim_card.codecs.table import CODECS
from hal.sim_card.errors import ProfileUnfit
from hal.sim_card.files import GSM, TELECOM, USIM, Directory, Ef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hal.sim_card.cards import CardType
    from hal.sim_card.profile import Profile


@dataclass(frozen=True, slots=True)
class Item:
    """One file and what a profile puts into it: ``content(profile, length)``; ``wanted`` tells whether the profile has it."""

    name: str
    content: Callable[[Profile, int], bytes]
    wanted: Callable[[Profile], bool] = lambda _: True
    empty: Callable[[Profile], bool] = lambda _: False
    """Whether nothing would stand there: a card without the file is then as good."""

    @property
    def ef(self) -> Ef:
        """Where the standard has it."""
        return CODECS[self.name].ef


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to be brought onto a card: what a file or record must begin with, given its length.

    ``checked``: it is compared when the card is read back. ``written``: it is a place of its own, no link. ``command``: header of the
    maker's command that takes it, instead of an update.
    """

    ef: Ef
    content: Callable[[int], bytes] = field(repr=False)
    checked: bool = True
    written: bool = True
    command: bytes = b""
    adm: int | None = None
    """The key reference it needs beside the profile's own."""

    @property
    def name(self) -> str:
        """Its name; one of several records bears its number."""
        return self.ef.name if self.ef.record < 2 else f"{self.ef.name}#{self.ef.record}"  # noqa: PLR2004  # the first has no number


ITEMS: tuple[Item, ...] = (
    Item("AD", lambda p, _: basic.encode_ad(p.mnc_length)),
    Item("ACC", lambda p, _: basic.encode_acc(p.imsi)),
    Item("LI", lambda p, length: services.encode_languages(p.li or (), length), lambda p: p.li is not None),
    Item("HPPLMN", lambda p, length: services.encode_search_period(p.hpplmn or 0, length), lambda p: p.hpplmn is not None),
    Item("UST", lambda p, length: services.encode_services(p.ust or frozenset(), length), lambda p: p.ust is not None),
    Item("PLMNwAcT", lambda p, length: basic.encode_plmn_act_list(p.plmn_act or (), length), lambda p: p.plmn_act is not None),
    Item("OPLMNwAcT", lambda p, length: basic.encode_plmn_act_list(p.oplmn_act or (), length), lambda p: p.oplmn_act is not None),
    Item("HPLMNwAcT", lambda p, length: basic.encode_plmn_act_list(p.hplmn_act, length), empty=lambda p: not p.hplmn_act),
    Item("EHPLMN", lambda p, length: basic.encode_plmn_list(p.ehplmn, length), empty=lambda p: not p.ehplmn),
    Item("FPLMN", lambda p, length: basic.encode_plmn_list(p.fplmn, length)),
    Item("LOCI", lambda p, length: location.encode_location(location.LOCI, location.unused(location.LOCI, p.home), length)),
    Item("SPN", lambda p, _: basic.encode_spn(p.spn)),
    Item("SMSP", lambda p, length: numbers.encode_smsp(p.smsc, length)),
    Item("MSISDN", lambda p, length: numbers.encode_msisdn(Number(p.msisdn), length), lambda p: p.msisdn_on_card),
)
"""What lies between ICCID and IMSI and is one file each. EF_ECC has a record for each number: :func:`_emergency`."""

ICCID, IMSI = CODECS["ICCID"].ef, CODECS["IMSI"].ef
_2G_HOMES: dict[str, Directory] = {"SMSP": TELECOM, "MSISDN": TELECOM}


def targets(card_type: CardType, profile: Profile) -> tuple[Target, ...]:
    """Return everything ``profile`` wants on a card of this model, in order.

    Raises :class:`ProfileUnfit` for a file the model lacks, keys where it has no place for them, or a missing ADM of the keys' own.
    """
    here = [item for item in ITEMS if item.wanted(profile) and not (item.name in card_type.lacks and item.empty(profile))]
    plain = [Target(item.ef, _bound(item, profile)) for item in here]
    own = [*plain, *_emergency(profile), *_routing(profile)]
    lacking = next((target.ef.name for target in own if target.ef.name in card_type.lacks), None)
    if lacking:
        raise ProfileUnfit(item=lacking)
    iccid = Target(ICCID, lambda _: basic.encode_iccid(profile.iccid))
    imsi = Target(IMSI, lambda _: basic.encode_imsi(profile.imsi))
    by_name = {target.name: target for target in (*own, imsi)}
    copies = [replace(by_name[copy.of], ef=copy.ef, written=copy.separate) for copy in card_type.copies if copy.of in by_name]
    found = (iccid, *copies, *_keys(card_type, profile), *own, imsi)
    return tuple(replace(target, ef=home(target.ef, card_type)) for target in found)


def contents(wanted: Iterable[Target], lengths: Mapping[str, int]) -> dict[str, bytes]:
    """Return what each of ``wanted`` must begin with, by target name, given the card's ``lengths`` by file name.

    Raises :class:`ProfileUnfit`.
    """
    found = {}
    for target in wanted:
        length = lengths.get(target.ef.name, 0)
        try:
            data = target.content(length)
        except ValueError:
            raise ProfileUnfit(item=target.name) from None  # its text or context might hold a value
        if not target.command and len(data) > length:
            raise ProfileUnfit(item=target.name)
        found[target.name] = data
    return found


def _bound(item: Item, profile: Profile) -> Callable[[int], bytes]:
    return lambda length: item.content(profile, length)


def _emergency(profile: Profile) -> Iterator[Target]:
    for record, number in enumerate(profile.ecc or (), 1):
        yield Target(replace(CODECS["ECC"].ef, record=record), lambda length, number=number: numbers.encode_ecc(number, length))  # type: ignore[misc]  # a default binds the loop's value


def _routing(profile: Profile) -> Iterator[Target]:
    digits = profile.routing_indicator
    if digits is not None:
        yield Target(CODECS["Routing_Indicator"].ef, lambda length: fiveg.encode_routing(digits, length))


def _keys(card_type: CardType, profile: Profile) -> Iterator[Target]:
    if profile.k is None or profile.opc is None:
        return
    place, values = card_type.keys, {"k": profile.k, "opc": profile.opc}
    if place is None:
        raise ProfileUnfit(item="k")
    if place.adm is not None and profile.key_adm is None:
        raise ProfileUnfit(item="key_adm")
    for file in place.files:
        data = file.prefix + b"".join(values[part] for part in file.parts)
        yield Target(file.ef, lambda _, data=data: data, checked=False, adm=place.adm)  # type: ignore[misc]  # a default binds the loop's value
    for command in place.commands:
        value = values[command.part]
        ef = Ef(command.name, USIM, 0)
        yield Target(ef, lambda _, value=value: value, checked=False, command=command.header, adm=place.adm)  # type: ignore[misc]  # as above


def home(ef: Ef, card_type: CardType) -> Ef:
    """Return ``ef`` where this model has it: without short identifiers, or on the 2G side only."""
    if card_type.second_generation:
        directory = _2G_HOMES.get(ef.name, GSM) if ef.directory == USIM else ef.directory
        return replace(ef, directory=directory, sfi=0)
    return ef if card_type.short_identifiers else replace(ef, sfi=0)
