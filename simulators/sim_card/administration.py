# SPDX-License-Identifier: Apache-2.0
"""Creating, deleting and resizing files, ETSI TS 102 222 §6.3, §6.4 and §6.10, behind the administrative key.

Decides what of the maker's file system was changed since, and what the template of a new file may say. Rules:

1. What was changed survives: ``created``, ``deleted`` (paths) and ``sizes`` (by place) are facts of the memory, stored at once with the
   contents.
2. A file is created in the current directory and becomes the current one; creating and deleting are the directory's rule (EF_ARR), resizing
   is the file's own.
3. Access rules are named by their record of EF_ARR (8B); compact and expanded ones, BER-TLV files and applications are 6A81.
4. A link is a name: deleting it leaves the content, resizing changes what every name shows.

TERMINATE (§6.7 to §6.9) is not there: 6D00.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulators.sim_card.apdu import Command, Refused
from simulators.sim_card.crypto_sms import NotAPacket, objects
from simulators.sim_card.files import CURRENT_APPLICATION, MF, Directory, File, Structure
from simulators.sim_card.pins import permit

if TYPE_CHECKING:
    from simulators.sim_card.card import Card
    from simulators.sim_card.memory import Memory

ROOM = 0x4000
"""Bytes free for files on a card as the maker left it."""
TEMPLATE, DESCRIPTOR, IDENTIFIER, NAME, SIZE, STATUS, SFI, RULE, PROPRIETARY = 0x62, 0x82, 0x83, 0x84, 0x80, 0x8A, 0x88, 0x8B, 0xA5
FILLING, REPEATED = 0xC1, 0xC2
"""Initial content within the proprietary information, TS 102 222 table 4a."""
ONE_DIRECTORY, BER_TLV = 0x38, 0x39
SHAREABLE = 0x40
DEACTIVATED = b"\x04"
TRANSPARENT_MAX, RECORDS_MAX, RECORD_MAX = 0x7FFF, 254, 255
WRONG, NO_FUNCTION, EXISTS, NO_ROOM = 0x6A80, 0x6A81, 0x6A89, 0x6A84


def arranged(made: Directory, memory: Memory) -> Directory:
    """Return the maker's file system with what was changed since."""
    created, gone, sizes = memory.fact("created", []), memory.fact("deleted", []), memory.fact("sizes", {})

    def build(directory: Directory) -> Directory:
        new = [entry for entry in created if entry["within"] == directory.path]
        files = [file for file in directory.files if f"{directory.path}/{file.name}" not in gone]
        files += [_stored(entry) for entry in new if "size" in entry]
        below = [one for one in directory.directories if one.path not in gone]
        below += [Directory(entry["name"], entry["fid"], (), path=_below(directory, entry["name"])) for entry in new if "size" not in entry]
        return replace(directory, files=tuple(_sized(file, sizes) for file in files), directories=tuple(build(one) for one in below))

    return build(made)


def _stored(entry: dict[str, Any]) -> File:
    told = {name: value for name, value in entry.items() if name != "within"}
    return File(**{**told, "structure": Structure(told["structure"]), "place": f"{entry['within']}/{entry['name']}"})


def _sized(file: File, sizes: dict[str, int]) -> File:
    total = sizes.get(file.place)
    if total is None:
        return file
    return replace(file, records=total // file.size) if file.records else replace(file, size=total)


def _below(directory: Directory, name: str) -> str:
    return name if directory.fid == MF else f"{directory.path}/{name}"


def free(card: Card) -> int:
    """Return the bytes left for files."""
    return ROOM + _held(card.persona.tree()) - _held(card.mf)


def _held(directory: Directory) -> int:
    return sum({file.place: file.length for _, file in directory.all_files()}.values())


def create(card: Card, command: Command) -> bytes:
    """CREATE FILE, §6.3."""
    told, directory = _template(command), card.session.directory
    if directory.aid and not directory.label:
        raise Refused(0x6985)
    permit(card, card.persona.model.directory_rule.children)
    fid = _fid(told)
    parent = card.parent(directory)
    taken = {MF, CURRENT_APPLICATION, directory.fid, *(one.fid for one in directory.files), *(one.fid for one in directory.directories)}
    if fid in taken or (parent and fid == parent.fid):
        raise Refused(EXISTS)
    entry = {"within": directory.path, "name": f"{fid:04X}", "fid": fid}
    kind = _kind(told)
    contents = {}
    if kind != ONE_DIRECTORY:
        entry |= _described(card, told, kind)
        file = _stored(entry)
        if file.length > free(card):
            raise Refused(NO_ROOM)
        contents[file.place] = _initial(told, file.size) * max(1, file.records)
    elif NAME in told:
        raise Refused(NO_FUNCTION)
    inactive = [*card.memory.fact("inactive", []), *contents] if told.get(STATUS) == DEACTIVATED else card.memory.fact("inactive", [])
    card.memory.arrange(contents, created=[*card.memory.fact("created", []), entry], inactive=inactive)
    card.rearrange()
    _enter(card, fid)
    return b""


def _template(command: Command) -> dict[int, bytes]:
    """Return the objects of the FCP template a command brings; raises :class:`Refused`."""
    if command.p1 or command.p2:
        raise Refused(0x6A86)
    if not command.data:
        raise Refused(0x6700)
    try:
        [(tag, inner)] = objects(command.data)
        told = dict(objects(inner))
    except (NotAPacket, ValueError):
        raise Refused(WRONG) from None
    if tag != TEMPLATE:
        raise Refused(WRONG)
    return told


def _fid(told: dict[int, bytes]) -> int:
    fid = told.get(IDENTIFIER, b"")
    if len(fid) != 2:
        raise Refused(WRONG)
    return int.from_bytes(fid, "big")


def _kind(told: dict[int, bytes]) -> int:
    """Return what is to be created: :data:`ONE_DIRECTORY`, or the value of a structure."""
    descriptor = told.get(DESCRIPTOR, b"")
    kind = descriptor[0] & ~SHAREABLE if len(descriptor) >= 2 else 0
    if kind == BER_TLV:
        raise Refused(NO_FUNCTION)
    if kind not in (ONE_DIRECTORY, *(structure.value for structure in Structure)):
        raise Refused(WRONG)
    return kind


def _described(card: Card, told: dict[int, bytes], kind: int) -> dict[str, Any]:
    """Return what is stored of a new elementary file."""
    total, descriptor = _size(told), told[DESCRIPTOR]
    record = int.from_bytes(descriptor[2:4], "big") if kind != Structure.TRANSPARENT.value else 0
    if kind == Structure.TRANSPARENT.value:
        _fits_transparent(total)
    else:
        _fits_records(total, record)
    return {
        "size": record or total,
        "records": total // record if record else 0,
        "structure": kind,
        "rule": _rule(card, told),
        "sfi": _sfi(card, told),
    }


def _size(told: dict[int, bytes]) -> int:
    size = told.get(SIZE, b"")
    if not 1 <= len(size) <= 4:
        raise Refused(WRONG)
    return int.from_bytes(size, "big")


def _fits_transparent(total: int) -> None:
    if not 1 <= total <= TRANSPARENT_MAX:
        raise Refused(NO_ROOM if total else WRONG)


def _fits_records(total: int, record: int) -> None:
    if not 1 <= record <= RECORD_MAX or total % record or not 1 <= total // record <= RECORDS_MAX:
        raise Refused(WRONG)


def _rule(card: Card, told: dict[int, bytes]) -> int:
    """Return the record of EF_ARR: behind the file's identifier alone, or behind the environment it is for."""
    if RULE not in told:
        raise Refused(NO_FUNCTION if 0x8C in told or 0xAB in told else WRONG)
    named = told[RULE]
    if len(named) < 3 or not 1 <= named[-1] <= len(card.persona.model.rules):
        raise Refused(WRONG)
    return named[-1]


def _sfi(card: Card, told: dict[int, bytes]) -> int | None:
    """Return the short identifier: in tag 88, none when that is empty, the identifier's low five bits when it is absent."""
    given = told.get(SFI)
    if len(given or b"") > 1:
        raise Refused(WRONG)
    sfi = _fid(told) & 0x1F if given is None else given[0] >> 3 if given else 0
    taken = any(file.sfi == sfi for file in card.session.directory.files)
    if sfi and taken and given is not None:
        raise Refused(WRONG)
    return None if taken or not card.persona.model.short_identifiers else sfi or None


def _initial(told: dict[int, bytes], size: int) -> bytes:
    """Return the content of a new file or record: FF, or the filling or repeated pattern of the proprietary information."""
    try:
        own = dict(objects(told.get(PROPRIETARY, b"")))
    except NotAPacket:
        raise Refused(WRONG) from None
    filling = own.get(FILLING) or b"\xff"
    pattern = own.get(REPEATED) or filling + filling[-1:] * size
    return (pattern * size)[:size]


def _enter(card: Card, fid: int) -> None:
    session = card.session
    below = next((one for one in session.directory.directories if one.fid == fid), None)
    session.go(below or session.directory, next((file for file in session.directory.files if file.fid == fid), None))


def delete(card: Card, command: Command) -> bytes:
    """DELETE FILE, §6.4: a file or directory of the current directory, with all that is in it."""
    if command.p1 or command.p2:
        raise Refused(0x6A86)
    if len(command.data) != 2:
        raise Refused(0x6700)
    directory, fid = card.session.directory, int.from_bytes(command.data, "big")
    file = next((one for one in directory.files if one.fid == fid), None)
    below = next((one for one in directory.directories if one.fid == fid), None)
    if file is None and below is None:
        raise Refused(0x6A82)
    if below and below.aid:
        raise Refused(0x6985)
    permit(card, card.persona.model.directory_rule.children)
    path = f"{directory.path}/{file.name}" if file else below.path if below else ""
    created = [entry for entry in card.memory.fact("created", []) if not _inside(entry, path)]
    card.memory.arrange({}, created=created, deleted=[*card.memory.fact("deleted", []), path])
    card.rearrange()
    card.session.go(card.session.directory)
    return b""


def _inside(entry: dict[str, Any], path: str) -> bool:
    """Whether a created file or directory is the one at ``path``, or in it."""
    own = entry["name"] if entry["within"] == "MF" and "size" not in entry else f"{entry['within']}/{entry['name']}"
    return f"{own}/".startswith(f"{path}/")


def resize(card: Card, command: Command) -> bytes:
    """RESIZE FILE, §6.10: what is added is FF, what is cut is lost."""
    told = _template(command)
    fid = _fid(told)
    file = next((one for one in card.session.directory.files if one.fid == fid), None)
    if file is None:
        raise Refused(NO_FUNCTION if any(one.fid == fid for one in card.session.directory.directories) else 0x6A82)
    permit(card, card.persona.model.rules[file.rule - 1].resize)
    total = _size(told)
    if file.records:
        _fits_records(total, file.size)
    else:
        _fits_transparent(total)
    if total - file.length > free(card):
        raise Refused(NO_ROOM)
    content = card.memory.contents[file.place][:total].ljust(total, b"\xff")
    card.memory.arrange({file.place: content}, sizes={**card.memory.fact("sizes", {}), file.place: total})
    card.rearrange()
    _enter(card, fid)
    return b""
