# SPDX-License-Identifier: Apache-2.0
"""What a simulated UICC says about its files: FCP templates, EF_DIR and EF_ARR. TS 102 221 §11.1.1.3, §13.1 and §9.2.4.

Decides coding only; the 2G forms are in :mod:`simulators.sim_card.second_generation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.sim_card.files import Access, Directory, File, Rule, Structure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ARR_FID = b"\x2f\x06"
INCREASE = b"\x32"
RESIZE = b"\xd4"
READ, UPDATE, DEACTIVATE, ACTIVATE = 0x01, 0x02, 0x08, 0x10
"""Access mode bits of an elementary file, TS 102 221 table 9.3."""
CHILDREN = 0x07
"""Of a directory: delete a child, create a file, create a directory."""

OPERATIONAL, DEACTIVATED = 0x05, 0x04
"""Life cycle status, TS 102 221 table 11.7b."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a maker writes its templates. ``security`` is the tag that tells the access rule: 8B, 8C or AB (TS 102 221 §9.2.4 ff)."""

    security: int = 0x8B
    filling: bytes = b""
    """A filling pattern (A5/C1, TS 102 222 table 4a): makes a template long."""

    sfi_tag: bool = True
    """False: tag 88 is left out, which means that the low five bits of the file identifier are the SFI."""


STANDARD = Style()


def tlv(tag: int, value: bytes) -> bytes:
    """Return one BER-TLV with a one-byte tag; lengths above 127 take the forms 81 xx and 82 xx xx."""
    if len(value) < 0x80:
        return bytes([tag, len(value)]) + value
    if len(value) < 0x100:
        return bytes([tag, 0x81, len(value)]) + value
    return bytes([tag, 0x82]) + len(value).to_bytes(2, "big") + value


def file_template(file: File, *, active: bool = True, style: Style = STANDARD, rules: Sequence[Rule] = ()) -> bytes:
    """Return the FCP of an elementary file, TS 102 221 table 11.3."""
    descriptor = bytes([0x40 | file.structure.value, 0x21])
    if file.structure is not Structure.TRANSPARENT:
        descriptor += file.size.to_bytes(2, "big") + bytes([file.records])
    sfi = tlv(0x88, b"" if file.sfi is None else bytes([file.sfi << 3]))
    if not style.sfi_tag and file.sfi == file.fid & 0x1F:
        sfi = b""
    return tlv(
        0x62,
        tlv(0x82, descriptor)
        + tlv(0x83, file.fid.to_bytes(2, "big"))
        + (tlv(0xA5, tlv(0xC1, style.filling)) if style.filling else b"")
        + tlv(0x8A, bytes([OPERATIONAL if active else DEACTIVATED]))
        + _security(style, file.rule, rules)
        + tlv(0x80, file.length.to_bytes(2, "big"))
        + sfi,
    )


def _security(style: Style, number: int, rules: Sequence[Rule]) -> bytes:
    if style.security == 0x8B:
        return tlv(0x8B, ARR_FID + bytes([number]))
    rule = rules[number - 1]
    return tlv(0xAB, access_rule(rule)) if style.security == 0xAB else tlv(0x8C, _compact(rule))


def _compact(rule: Rule) -> bytes:
    """Return the compact form: access mode byte, then one condition for each bit from the highest, TS 102 221 §9.2.5."""
    conditions = [(ACTIVATE, rule.manage), (DEACTIVATE, rule.manage), (UPDATE, rule.update), (READ, rule.read)]
    return bytes([ACTIVATE | DEACTIVATE | UPDATE | READ, *(_condition_byte(access) for _, access in conditions)])


def _condition_byte(access: Access) -> int:
    if access is Access.ALW:
        return 0x00
    if access is Access.NEV:
        return 0xFF
    return 0x90 | list(Access).index(access)  # user authentication by a key of that security environment


def directory_template(
    directory: Directory, pins: Iterable[tuple[int, bool]], *, style: Style = STANDARD, free: int = 0x4000, rule: int = 1
) -> bytes:
    """Return the FCP of the MF, a DF or an application, TS 102 221 tables 11.3a to 11.3c.

    ``pins``: (key reference, enabled) in the order of the PIN status template; ``free``: bytes left; ``rule``: record of EF_ARR.
    """
    listed = list(pins)
    # Proprietary information: UICC characteristics, application power consumption, minimum clock, free memory, supported features.
    proprietary = tlv(0x80, b"\x71") + tlv(0x81, b"\x02\x0a\x32") + tlv(0x82, b"\x0a") + tlv(0x83, free.to_bytes(4, "big"))
    proprietary += tlv(0x87, b"\x01") + (tlv(0xC1, style.filling) if style.filling else b"")
    content = sum(file.length for _, file in directory.all_files())
    return tlv(
        0x62,
        tlv(0x82, b"\x78\x21")
        + tlv(0x83, directory.fid.to_bytes(2, "big"))
        + (tlv(0x84, directory.aid) if directory.aid else b"")
        + tlv(0xA5, proprietary)
        + tlv(0x8A, bytes([OPERATIONAL]))
        + tlv(0x8B, ARR_FID + bytes([rule]))
        + tlv(0x81, content.to_bytes(2, "big"))
        + tlv(0xC6, _pin_status(listed)),
    )


def security_domain_template(domain: Directory) -> bytes:
    """Return the FCI of a security domain, GlobalPlatform Card Specification §11.9.3.1: its name, and 255 bytes of data at most."""
    return tlv(0x6F, tlv(0x84, domain.aid) + tlv(0xA5, b"\x9f\x65\x01\xff"))


def _pin_status(pins: Sequence[tuple[int, bool]]) -> bytes:
    """Return the PIN status template data object's value, TS 102 221 §11.1.1.4.10 and §9.5.2: bit 8 is the first key listed."""
    size = max(1, (len(pins) + 7) // 8)
    bits = sum(1 << (8 * size - 1 - place) for place, (_, enabled) in enumerate(pins) if enabled)
    keys = b"".join((tlv(0x95, b"\x08") if key == 0x11 else b"") + tlv(0x83, bytes([key])) for key, _ in pins)
    return tlv(0x90, bits.to_bytes(size, "big")) + keys


def directory_entry(application: Directory) -> bytes:
    """Return the record of EF_DIR for ``application``."""
    return tlv(0x61, tlv(0x4F, application.aid) + tlv(0x50, application.label.encode("ascii")))


def access_rule(rule: Rule) -> bytes:
    """Return the record of EF_ARR for ``rule``: what one condition opens stands together; what is not named is never allowed."""
    modes: dict[Access, int] = {}
    for mode, access in ((READ, rule.read), (UPDATE, rule.update), (DEACTIVATE | ACTIVATE, rule.manage), (CHILDREN, rule.children)):
        modes[access] = modes.get(access, 0) | mode
    modes.pop(Access.NEV, None)
    record = b"".join(tlv(0x80, bytes([mode])) + _condition(access) for access, mode in modes.items())
    if rule.increase is not Access.NEV:
        record += tlv(0x84, INCREASE) + _condition(rule.increase)
    if rule.resize is not Access.NEV:
        record += tlv(0x84, RESIZE) + _condition(rule.resize)
    return record


def _condition(access: Access) -> bytes:
    if access is Access.ALW or access.value is None:
        return tlv(0x90, b"")
    return tlv(0xA4, tlv(0x83, bytes([access.value])) + tlv(0x95, b"\x08"))


def rules_by_name(rules: Mapping[str, Rule]) -> dict[str, int]:
    """Return the record number of each rule."""
    return {name: number for number, name in enumerate(rules, 1)}
