# SPDX-License-Identifier: Apache-2.0
"""What the simulated card says about its files: FCP templates, EF_DIR and EF_ARR, TS 102 221 §11.1.1.3, §13.1 and §9.2.4."""

from __future__ import annotations

from simulators.sim_card.files import ADM1, PIN1, PIN2, RULES, Access, Directory, File

ARR_FID = b"\x2f\x06"


def tlv(tag: int, value: bytes) -> bytes:
    """Return one BER-TLV with a one-byte tag; lengths above 127 take the form 81 xx."""
    length = bytes([len(value)]) if len(value) < 128 else bytes([0x81, len(value)])
    return bytes([tag]) + length + value


def file_template(file: File) -> bytes:
    """Return the FCP of an elementary file."""
    records = file.size.to_bytes(2, "big") + bytes([file.records])
    descriptor = bytes.fromhex("4221") + records if file.records else bytes.fromhex("4121")
    return tlv(
        0x62,
        tlv(0x82, descriptor)
        + tlv(0x83, file.fid.to_bytes(2, "big"))
        + tlv(0x8A, b"\x05")
        + tlv(0x8B, ARR_FID + bytes([file.rule]))
        + tlv(0x80, file.length.to_bytes(2, "big"))
        + tlv(0x88, b"" if file.sfi is None else bytes([file.sfi << 3])),
    )


def directory_template(directory: Directory, *, pin_enabled: bool) -> bytes:
    """Return the FCP of a directory or application, with the PIN status template (tag C6)."""
    status = 0x80 if pin_enabled else 0x00
    pins = tlv(0x90, bytes([status])) + b"".join(tlv(0x83, bytes([key])) for key in (PIN1, PIN2, ADM1))
    # Proprietary information: UICC characteristics, application power consumption, minimum clock, supported features.
    proprietary = tlv(0xA5, tlv(0x80, b"\x71") + tlv(0x81, b"\x00\x0a\x01") + tlv(0x82, b"\x0a") + tlv(0x87, b"\x01"))
    return tlv(
        0x62,
        tlv(0x82, b"\x78\x21")
        + tlv(0x83, directory.fid.to_bytes(2, "big"))
        + (tlv(0x84, directory.aid) if directory.aid else b"")
        + proprietary
        + tlv(0x8A, b"\x05")
        + tlv(0x8B, ARR_FID + b"\x01")
        + tlv(0xC6, pins),
    )


def directory_entry(application: Directory, label: bytes) -> bytes:
    """Return the record of EF_DIR for ``application``."""
    return tlv(0x61, tlv(0x4F, application.aid) + tlv(0x50, label))


def access_rules() -> list[bytes]:
    """Return the records of EF_ARR: for each rule its read part and, unless it is NEVER, its update part."""
    return [_condition(0x01, rule.read) + _condition(0x02, rule.update) for rule in RULES]


def _condition(mode: int, access: Access) -> bytes:
    if access is Access.NEV:
        return b""  # no condition for a mode = never
    if access is Access.ALW:
        return tlv(0x80, bytes([mode])) + tlv(0x90, b"")
    return tlv(0x80, bytes([mode])) + tlv(0xA4, tlv(0x83, bytes([access.value])) + tlv(0x95, b"\x08"))
