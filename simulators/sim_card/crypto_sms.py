# SPDX-License-Identifier: Apache-2.0
"""From an ENVELOPE to the secured packet in it: SMS-PP download (TS 31.111 §7.1.1), SMS-DELIVER (TS 23.040 §9.2.2.1), TS 31.115 §4.

Decides what is a short message with a Command Packet and what is none of our business. Rules:

1. Only objects that are whole are read: any length that runs out of the data is :class:`NotAPacket`.
2. The Command Packet follows a user data header with the element 70 of length 0 (CPI); the answer carries 71 (RPI).
3. The packet's own length decides where it ends: senders in the field put wrong user data lengths below it.

Concatenated short messages (element 00 of the header) are told by :class:`Part`; joining them is :mod:`simulators.sim_card.secured`'s. The
card's own messages (SMS-SUBMIT, TS 23.040 §9.2.2.2) carry a Response Packet the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SMS_PP_DOWNLOAD = 0xD1
COMMAND_PACKET, CONCATENATED = 0x70, 0x00
COMMAND_HEADER, RESPONSE_HEADER = bytes.fromhex("027000"), bytes.fromhex("027100")
USER_DATA_MAX = 140


class NotAPacket(Exception):
    """The ENVELOPE holds no readable secured packet."""


@dataclass(frozen=True, slots=True)
class Part:
    """User data of one short message behind its header. A packet in one message is part 1 of 1."""

    data: bytes
    secured: bool
    reference: int = 0
    total: int = 1
    number: int = 1
    sender: bytes = b""
    """TP-Originating-Address as it came: digits, type, number."""


def objects(data: bytes) -> list[tuple[int, bytes]]:
    """Split ``data`` into BER-TLV objects with one-byte tags, lengths of one to three bytes; raises :class:`NotAPacket`."""
    found, at = [], 0
    while at < len(data):
        length, start = length_at(data, at + 1)
        if start + length > len(data):
            raise NotAPacket("an object runs out of the data")
        found.append((data[at], data[start : start + length]))
        at = start + length
    return found


def length_at(data: bytes, at: int) -> tuple[int, int]:
    """Return (length, where the value starts) of the length field at ``at``; raises :class:`NotAPacket`."""
    if at >= len(data):
        raise NotAPacket("no length")
    if data[at] < 0x80:
        return data[at], at + 1
    size = data[at] & 0x7F
    if size not in (1, 2) or at + 1 + size > len(data):
        raise NotAPacket("length form")
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def short_message(envelope: bytes) -> Part | None:
    """Return the short message in ``envelope``, or None when it is another kind of ENVELOPE; raises :class:`NotAPacket`.

    Tags count without their comprehension bit: device identities 02, address 06, SMS TPDU 0B.
    """
    if envelope[:1] != bytes([SMS_PP_DOWNLOAD]):
        return None
    [(_, inner)] = objects(envelope) if len(objects(envelope)) == 1 else [(0, b"")]
    fields = {tag & 0x7F: value for tag, value in objects(inner)}
    if fields.get(0x02) != b"\x83\x81" or 0x0B not in fields:
        raise NotAPacket("not from the network, or no TPDU")
    return _user_data(fields[0x0B])


def _user_data(tpdu: bytes) -> Part:
    """Read an SMS-DELIVER for the card: protocol identifier 7F, class 2, 8 bit data (TS 23.040 §9.2.3.9, TS 23.038 §4)."""
    if len(tpdu) < 2 or tpdu[0] & 0x03:
        raise NotAPacket("not an SMS-DELIVER")
    at = 3 + (tpdu[1] + 1) // 2
    sender = tpdu[1:at]
    if len(tpdu) < at + 10 or tpdu[at] != 0x7F or not _class_2(tpdu[at + 1]):
        raise NotAPacket("not for the card")
    data, length = tpdu[at + 10 :], tpdu[at + 9]
    if length > len(data) or len(data) > USER_DATA_MAX:
        raise NotAPacket("user data length")
    if not tpdu[0] & 0x40:
        return Part(data, secured=False)
    return replace(_behind_header(data), sender=sender)


def _class_2(coding: int) -> bool:
    return coding & 0xF7 == 0xF6 or coding & 0xDF == 0x16


def _behind_header(data: bytes) -> Part:
    if not data or 1 + data[0] > len(data):
        raise NotAPacket("header length")
    header, rest = data[1 : 1 + data[0]], data[1 + data[0] :]
    elements = dict(objects(header))
    part = elements.get(CONCATENATED)
    if part is None:
        return Part(rest, secured=elements.get(COMMAND_PACKET) == b"")
    if len(part) != 3 or not 1 <= part[2] <= part[1]:
        raise NotAPacket("concatenation")
    return Part(rest, elements.get(COMMAND_PACKET) == b"", *part)


def submits(response: bytes, address: bytes) -> list[bytes]:
    """Return the SMS-SUBMITs to ``address`` that carry ``response`` (a Response Packet behind its user data header).

    8 bit data, class 2; no validity period. The first part alone has the element 71 (TS 31.115 §4.4).
    """
    front = b"\x41\x00" + address + b"\x00\xf6"
    if len(response) <= USER_DATA_MAX:
        return [front + bytes([len(response)]) + response]
    packet, room = response[len(RESPONSE_HEADER) :], USER_DATA_MAX - 6
    pieces = [packet[: room - 2], *(packet[at : at + room] for at in range(room - 2, len(packet), room))]
    heads = [bytes([5, CONCATENATED, 3, 1, len(pieces), number]) for number in range(1, len(pieces) + 1)]
    heads[0] = b"\x07" + heads[0][1:] + RESPONSE_HEADER[1:]
    return [front + bytes([len(head + piece)]) + head + piece for head, piece in zip(heads, pieces, strict=True)]
