# SPDX-License-Identifier: Apache-2.0
"""SELECT and STATUS, ETSI TS 102 221 §8.4, §11.1.1 and §11.1.2: what becomes current, and what is said of it.

Rules: a SELECT that fails leaves the selection as it was; by identifier a card looks at the MF, the current application (7FFF), then at
the current directory's children, itself, its parent and its siblings, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.sim_card.apdu import Command, Refused, exact
from simulators.sim_card.files import CURRENT_APPLICATION, MF, Directory, File
from simulators.sim_card.templates import directory_template, file_template, security_domain_template, tlv

if TYPE_CHECKING:
    from simulators.sim_card.card import Card

Target = tuple[Directory, File | None]

BY_FID, CHILD, PARENT, BY_NAME, FROM_MF, FROM_CURRENT = 0x00, 0x01, 0x03, 0x04, 0x08, 0x09
FCI, FCP, NOTHING = 0x00, 0x04, 0x0C
"""What SELECT returns. ISO/IEC 7816-4's FCI is not of TS 102 221; cards give the FCP for it, and so does this one."""
TERMINATION = 0x40
LOCAL_KEYS = range(0x81, 0x89)
"""Keys of one application, TS 102 221 §9.5.1: forgotten when another one is opened."""


def select(card: Card, command: Command) -> bytes:
    """SELECT, §11.1.1."""
    if command.p2 & 0x1C not in (FCP, FCI, NOTHING) or command.p2 & 0xA0 or (command.p2 & 0x43 and command.p1 != BY_NAME):
        raise Refused(0x6A86)
    if command.p1 == BY_NAME:
        target: Target = (_application(card, command.data, command.p2 & 0x03), None)
    else:
        target = locate(card, command.p1, command.data)
    session, (directory, file) = card.session, target
    if command.p1 == BY_NAME:
        _open(card, directory, terminate=bool(command.p2 & TERMINATION))
    else:
        session.go(directory, file)
        if directory.aid:
            session.application = directory
    if command.p2 & 0x1C != NOTHING:
        return session.later(template(card, directory, file))
    if file is not None and not card.active(file):
        raise Refused(0x6283)
    return b""


def locate(card: Card, p1: int, data: bytes) -> Target:
    """Return what ``p1`` and ``data`` name; raises :class:`Refused`. Changes nothing."""
    here = card.session.directory
    if p1 == BY_FID and not data:
        return card.mf, None
    if p1 == PARENT:
        if data:
            raise Refused(0x6700)
        return _found(card.parent(here)), None
    if p1 in (FROM_MF, FROM_CURRENT):
        return _by_path(card, data, card.mf if p1 == FROM_MF else here)
    if p1 not in (BY_FID, CHILD):
        raise Refused(0x6A86)
    if len(data) != 2:
        raise Refused(0x6700)
    fid = int.from_bytes(data, "big")
    if p1 == CHILD:
        return _found(next((d for d in here.directories if d.fid == fid), None)), None
    return by_fid(card, fid)


def by_fid(card: Card, fid: int) -> Target:
    """Return the file of that identifier by the rules of §8.4.2; raises :class:`Refused` (6A82)."""
    here = card.session.directory
    if fid == MF:
        return card.mf, None
    if fid == CURRENT_APPLICATION:
        return _found(card.session.application), None
    child = _child(here, fid)
    if child:
        return child
    above = card.parent(here)
    near = (here, above, *above.directories) if above else (here,)
    return _found(next((directory for directory in near if directory.fid == fid), None)), None


def _child(directory: Directory, fid: int) -> Target | None:
    for file in directory.files:
        if file.fid == fid:
            return directory, file
    return next(((below, None) for below in directory.directories if below.fid == fid), None)


def _found(directory: Directory | None) -> Directory:
    if directory is None:
        raise Refused(0x6A82)
    return directory


def _by_path(card: Card, path: bytes, start: Directory) -> Target:
    if not path or len(path) % 2:
        raise Refused(0x6700)
    target: Target | None = (start, None)
    for at in range(0, len(path), 2):
        fid = int.from_bytes(path[at : at + 2], "big")
        if target is None or target[1] is not None:
            raise Refused(0x6A82)
        if at == 0 and fid == CURRENT_APPLICATION:
            target = _found(card.session.application), None
        elif at or fid != MF or start is not card.mf:
            target = _child(target[0], fid)
    if target is None:
        raise Refused(0x6A82)
    return target


def _application(card: Card, aid: bytes, occurrence: int) -> Directory:
    """Return the application whose AID begins with ``aid``; ``occurrence``: 0 first, 1 last, 2 next, 3 previous one after the current.

    No name at all is the issuer's security domain, GlobalPlatform Card Specification §11.9.
    """
    if not aid:
        return _found(next((directory for directory in card.mf.directories if directory.aid and not directory.label), None))
    matching = [directory for directory in card.mf.directories if directory.aid and directory.aid.startswith(aid)]
    matching.sort(key=lambda directory: directory.label != "USIM")  # the USIM is the first entry of EF_DIR
    if len(aid) > 16 or not matching:
        raise Refused(0x6A82)
    if occurrence < 2:
        return matching[-occurrence]
    current = card.session.application
    place = matching.index(current) if current in matching else (-1 if occurrence == 2 else len(matching))
    wanted = place + (1 if occurrence == 2 else -1)
    if not 0 <= wanted < len(matching):
        raise Refused(0x6A82)
    return matching[wanted]


def _open(card: Card, application: Directory, *, terminate: bool) -> None:
    """Open or end an application session, §8.4.4 and §8.5."""
    session = card.session
    if terminate:
        if session.application is not application:
            raise Refused(0x6985)
        session.application = None
        session.go(card.mf)
    else:
        session.go(application)
    if session.application is not application:
        session.verified -= set(LOCAL_KEYS)
        session.application = None if terminate else application


def template(card: Card, directory: Directory, file: File | None) -> bytes:
    """Return the FCP of a file, or of the directory."""
    model = card.persona.model
    if directory.aid and not directory.label:
        return security_domain_template(directory)
    if file is not None:
        return file_template(file, active=card.active(file), style=model.style, rules=model.rules)
    rule = model.rules.index(model.directory_rule) + 1
    return directory_template(directory, card.pins.listed(), style=model.style, free=card.free, rule=rule)


def status(card: Card, command: Command) -> bytes:
    """STATUS, §11.1.2."""
    if command.p1 > 2 or command.p2 not in (0x00, 0x01, 0x0C):
        raise Refused(0x6A86)
    if command.p2 == 0x0C:
        return b""
    if command.p2 == 0x00:
        return exact(template(card, card.session.directory, None), command.expected)
    application = card.session.application
    return exact(tlv(0x84, application.aid if application else b""), command.expected)
