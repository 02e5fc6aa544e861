# SPDX-License-Identifier: Apache-2.0
"""What a card tells of itself without a key: model, numbers, counters of its keys, files. Changes nothing on it.

Decides what is asked of a card of an unknown model: names and descriptions, but no key counter. What an unknown card does with an empty
VERIFY is not known, and a lost try may be its last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hal.sim_card import commands, fcp
from hal.sim_card.cards import USIM_AID
from hal.sim_card.channel import Transport, exchange
from hal.sim_card.codecs import basic
from hal.sim_card.errors import MalformedCardData
from hal.sim_card.personalise import Identity
from hal.sim_card.status import Action, Sw
from host_tools.rnt.card.known_files import DF_5GS, FILES, MF, USIM, KnownFile
from host_tools.rnt.card.wire import Untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hal.deadline import Deadline
    from host_tools.rnt.card.driver import CardInReader, Met

KEYS = {0x01: "PIN1", 0x81: "PIN2", 0x0A: "ADM1", 0x0B: "ADM2", 0x0C: "ADM3", 0x0D: "ADM4", 0x0E: "ADM5"}
"""Key references, TS 102 221 §9.5.1."""
READABLE = (Action.DONE, Action.COUNTED)
SHOWN_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Key:
    """A key's reference and the tries it has left; None = the card does not tell."""

    reference: int
    left: int | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"reference": f"{self.reference:02X}", "name": KEYS.get(self.reference, ""), "left": self.left}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file the card has; ``info`` None where its description cannot be understood."""

    file: KnownFile
    info: fcp.FileInfo | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; sizes in bytes."""
        found: dict[str, Any] = {"path": self.file.path, "fid": f"{self.file.fid:04X}"}
        if self.info:
            found |= {"sfi": self.info.sfi, "size": self.info.size, "records": self.info.records, "record_length": self.info.record_length}
        return found


@dataclass(frozen=True, slots=True)
class Look:
    """All that was seen."""

    met: Met
    identity: Identity
    keys: tuple[Key, ...]
    files: tuple[FoundFile, ...]

    @property
    def state(self) -> str:
        """``blank``, ``personalised``, or ``hidden``: the card does not let its subscriber be read."""
        return {"": "blank", None: "hidden"}.get(self.identity.imsi, "personalised")


def look(card: CardInReader, deadline: Deadline) -> Look:
    """Look at the card in the reader; raises ``HalError``."""
    met = card.meet(deadline)
    transport = Untouched(card.transport)
    identity = met.identity or _identify(transport, deadline)
    if met.card_type and met.card_type.second_generation:
        return Look(met, identity, (), ())  # another class, other files, and no way to ask a counter
    card.reset(deadline)
    references = (0x01, 0x81, met.card_type.adm) if met.card_type else ()
    keys, files = [], list(_find(MF, transport, deadline))
    for directory, selection in ((USIM, commands.select_aid(USIM_AID)), (DF_5GS, commands.select_fid(0x5FC0))):
        if exchange(transport, selection, deadline).sw.action not in READABLE:
            break
        if directory == USIM:
            keys = [_counter(reference, transport, deadline) for reference in references]
        files += _find(directory, transport, deadline)
    return Look(met, identity, tuple(key for key in keys if key), tuple(files))


def mask(imsi: str) -> str:
    """Return the network's digits of an IMSI, the subscriber's replaced."""
    return imsi[:SHOWN_DIGITS] + "*" * (len(imsi) - SHOWN_DIGITS)


def _identify(transport: Transport, deadline: Deadline) -> Identity:
    """Read ICCID and IMSI of a card of an unknown model, by the standard's places; empty and None where it does not tell."""
    iccid = _number(_read(commands.select_fid(0x2FE2), basic.ICCID_BYTES, transport, deadline), basic.decode_iccid)
    selected = exchange(transport, commands.select_aid(USIM_AID), deadline)
    if selected.sw.action not in READABLE:
        return Identity(iccid or "", None)
    return Identity(iccid or "", _number(_read(commands.select_fid(0x6F07), basic.IMSI_BYTES, transport, deadline), basic.decode_imsi))


def _read(select: bytes, length: int, transport: Transport, deadline: Deadline) -> bytes | None:
    if exchange(transport, select, deadline).sw.action not in READABLE:
        return None
    answer = exchange(transport, commands.read_binary(0, length), deadline)
    return answer.data if answer.sw.action in READABLE else None


def _number(data: bytes | None, decode: Callable[[bytes], str]) -> str | None:
    try:
        return decode(data) if data is not None else None
    except MalformedCardData:
        return None


def _counter(reference: int, transport: Transport, deadline: Deadline) -> Key | None:
    """Ask how many tries a key has left; None when the card has no such key."""
    _, word = transport.transmit(commands.ask_tries(reference), deadline)
    sw = Sw(word)
    match sw.action:
        case Action.COUNTED:
            return Key(reference, sw & 0x0F)
        case Action.BLOCKED:
            return Key(reference, 0)
        case Action.MISSING:
            return None
    return Key(reference, None)


def _find(directory: str, transport: Transport, deadline: Deadline) -> Iterator[FoundFile]:
    """Ask the current directory for each file it may have."""
    for file in FILES:
        if file.directory == directory:
            answer = exchange(transport, commands.select_fid(file.fid, describe=True), deadline)
            if answer.sw.action in READABLE:
                yield FoundFile(file, _description(answer.data))


def _description(template: bytes) -> fcp.FileInfo | None:
    try:
        return fcp.parse(template)
    except MalformedCardData:
        return None
