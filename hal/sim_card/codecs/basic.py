# SPDX-License-Identifier: Apache-2.0
"""The codings nearly every profile needs: digits, text, ICCID, IMSI, AD, ACC, SPN, networks. One pair of functions each, with its clause.

Decides codings only. ``decode`` raises :class:`~hal.sim_card.errors.MalformedCardData`, ``encode`` ``ValueError`` when the value does
not fit the coding or the space. A file or field of all FF is empty and decodes to an empty value.
"""

from __future__ import annotations

from hal.sim_card.errors import MalformedCardData

ICCID_BYTES, IMSI_BYTES, SPN_BYTES = 10, 9, 17
PLMN_BYTES, PLMN_ACT_BYTES = 3, 5
EMPTY_PLMN, EMPTY_PLMN_ACT = bytes.fromhex("FFFFFF"), bytes.fromhex("FFFFFF0000")

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM default alphabet by code, 3GPP TS 23.038 §6.2.1; code 1B is the escape to a second table, which is not used here."""
ESCAPE, UCS2 = 0x1B, 0x80


def swap(digits: str, length: int) -> bytes:
    """Two digits a byte, the first in the low half, F behind the last, FF up to ``length`` bytes."""
    padded = digits + "F" * (len(digits) % 2)
    data = bytes(int(padded[i + 1] + padded[i], 16) for i in range(0, len(padded), 2))
    if len(data) > length:
        raise ValueError("too many digits")
    return data.ljust(length, b"\xff")


def unswap(data: bytes) -> str:
    """Return the digits (0-9, A-E) up to the first F; raises when a digit follows it."""
    digits = "".join(f"{byte & 0x0F:X}{byte >> 4:X}" for byte in data)
    number = digits.split("F", 1)[0]
    if digits[len(number) :].strip("F"):
        raise MalformedCardData("digits behind the padding")
    return number


def decimal(digits: str) -> str:
    """Return ``digits`` when each is 0 to 9; raises :class:`MalformedCardData`."""
    if digits and not digits.isdecimal():
        raise MalformedCardData("a digit above 9")
    return digits


def encode_iccid(iccid: str) -> bytes:
    """EF_ICCID, TS 102 221 §13.2: up to 20 digits, swapped."""
    return swap(iccid, ICCID_BYTES)


def decode_iccid(data: bytes) -> str:
    """Inverse of :func:`encode_iccid`; letters A to E occur on some cards and are kept."""
    if len(data) != ICCID_BYTES:
        raise MalformedCardData("EF_ICCID has 10 bytes", length=len(data))
    return unswap(data)


def encode_imsi(imsi: str) -> bytes:
    """EF_IMSI, TS 31.102 §4.2.2: length, then a half byte of parity (9 odd, 1 even) and the digits, swapped."""
    if not 1 <= len(imsi) <= 15:  # noqa: PLR2004  # TS 23.003 §2.2
        raise ValueError("an IMSI has at most 15 digits")
    parity = "9" if len(imsi) % 2 else "1"
    body = swap(parity + imsi, IMSI_BYTES - 1)
    return bytes([(len(imsi) + 2) // 2]) + body


def decode_imsi(data: bytes) -> str:
    """Inverse of :func:`encode_imsi`; empty when the file is not personalised."""
    if len(data) != IMSI_BYTES:
        raise MalformedCardData("EF_IMSI has 9 bytes", length=len(data))
    if data == b"\xff" * IMSI_BYTES:
        return ""
    length = data[0]
    if not 1 <= length <= IMSI_BYTES - 1:
        raise MalformedCardData("EF_IMSI's length is out of range")
    digits = unswap(data[1 : 1 + length])
    if digits[:1] not in ("1", "9") or (digits[0] == "9") != (len(digits) % 2 == 0):
        raise MalformedCardData("EF_IMSI's parity does not match")
    return decimal(digits[1:])


def encode_ad(mnc_length: int) -> bytes:
    """EF_AD, TS 31.102 §4.2.18: normal operation, no additional information, length of the MNC. What follows is left as it is."""
    if mnc_length not in (2, 3):
        raise ValueError("an MNC has 2 or 3 digits")
    return bytes([0, 0, 0, mnc_length])


def decode_ad(data: bytes) -> int:
    """Return the length of the MNC in EF_AD."""
    if len(data) < 4 or data[3] & 0x0F not in (2, 3):  # noqa: PLR2004  # byte 4 holds it
        raise MalformedCardData("EF_AD holds no MNC length")
    return data[3] & 0x0F


def encode_acc(imsi: str) -> bytes:
    """EF_ACC, TS 31.102 §4.2.15 and TS 22.011 §4.2: the class is the last digit of the IMSI, as a bit."""
    return (1 << int(imsi[-1])).to_bytes(2, "big")


def encode_access_classes(classes: frozenset[int]) -> bytes:
    """EF_ACC from the classes themselves."""
    if any(not 0 <= one <= 15 for one in classes):  # noqa: PLR2004  # 16 bits
        raise ValueError("an access class is 0 to 15")
    return sum(1 << one for one in classes).to_bytes(2, "big")


def decode_acc(data: bytes) -> frozenset[int]:
    """Return the access classes of EF_ACC, 0 to 15."""
    if len(data) != 2:  # noqa: PLR2004  # §4.2.15
        raise MalformedCardData("EF_ACC has 2 bytes")
    mask = int.from_bytes(data, "big")
    return frozenset(bit for bit in range(16) if mask >> bit & 1)


def encode_text(text: str, length: int) -> bytes:
    """Text as in TS 102 221 annex A: the default alphabet where it suffices, else 80 and UCS2; FF behind."""
    if all(character in BASIC and character != chr(ESCAPE) for character in text):
        data = bytes(BASIC.index(character) for character in text)
    elif all(ord(character) <= 0xFFFF for character in text):  # noqa: PLR2004  # UCS2 has no surrogates
        data = bytes([UCS2]) + text.encode("utf-16-be", "surrogatepass")
    else:
        raise ValueError("a character outside UCS2")
    if len(data) > length:
        raise ValueError("text too long")
    return data.ljust(length, b"\xff")


def decode_text(data: bytes) -> str:
    """Inverse of :func:`encode_text`; the codings 81 and 82 of annex A are not written here and refused."""
    if data[:1] == bytes([UCS2]):
        pairs = [data[i : i + 2] for i in range(1, len(data) - 1, 2)]
        used = pairs[: pairs.index(b"\xff\xff")] if b"\xff\xff" in pairs else pairs
        return b"".join(used).decode("utf-16-be", "surrogatepass")
    used_bytes = data.rstrip(b"\xff")
    if any(byte >= len(BASIC) or byte == ESCAPE for byte in used_bytes):
        raise MalformedCardData("text outside the default alphabet")
    return "".join(BASIC[byte] for byte in used_bytes)


def encode_spn(name: str) -> bytes:
    """EF_SPN, TS 31.102 §4.2.12: 01 = show the network's name too when at home; 16 bytes of text."""
    return b"\x01" + encode_text(name, SPN_BYTES - 1)


def decode_spn(data: bytes) -> str:
    """Return the name in EF_SPN."""
    if len(data) != SPN_BYTES:
        raise MalformedCardData("EF_SPN has 17 bytes", length=len(data))
    return decode_text(data[1:])


def encode_plmn(network: str) -> bytes:
    """Encode a network MCCMNC, TS 24.008 §10.5.1.13: MCC2 MCC1, MNC3 MCC3, MNC2 MNC1; MNC3 is F for a two-digit MNC."""
    if len(network) not in (5, 6):
        raise ValueError("a network has 5 or 6 digits")
    mcc, mnc = network[:3], network[3:].ljust(3, "F")
    return bytes.fromhex(mcc[1] + mcc[0] + mnc[2] + mcc[2] + mnc[1] + mnc[0])


def decode_plmn(data: bytes) -> str:
    """Inverse of :func:`encode_plmn`; empty for FFFFFF."""
    if len(data) != PLMN_BYTES:
        raise MalformedCardData("a network has 3 bytes")
    if data == EMPTY_PLMN:
        return ""
    digits = data.hex()
    network = digits[1] + digits[0] + digits[3] + digits[5] + digits[4] + digits[2].strip("f")
    return decimal(network)


def encode_plmn_list(networks: tuple[str, ...], length: int) -> bytes:
    """EF_FPLMN and EF_EHPLMN, TS 31.102 §4.2.16 and §4.2.84: 3 bytes each, the rest of the file empty."""
    data = b"".join(encode_plmn(network) for network in networks)
    if len(data) > length:
        raise ValueError("more networks than the file holds")
    return data.ljust(length, b"\xff")


def decode_plmn_list(data: bytes) -> tuple[str, ...]:
    """Return the networks, empty entries left out."""
    entries = (data[i : i + PLMN_BYTES] for i in range(0, len(data) - len(data) % PLMN_BYTES, PLMN_BYTES))
    return tuple(network for network in map(decode_plmn, entries) if network)


def encode_plmn_act_list(networks: tuple[str, ...], length: int) -> bytes:
    """EF_HPLMNwAcT and its kin, TS 31.102 §4.2.5: network and two bytes of access technologies; empty entries FFFFFF0000."""
    pairs = (network.split(":") for network in networks)
    data = b"".join(encode_plmn(network) + bytes.fromhex(access) for network, access in pairs)
    if len(data) > length:
        raise ValueError("more networks than the file holds")
    data += EMPTY_PLMN_ACT * ((length - len(data)) // PLMN_ACT_BYTES)
    return data.ljust(length, b"\xff")


def decode_plmn_act_list(data: bytes) -> tuple[str, ...]:
    """Return "MCCMNC:AcT" for each entry that is not empty."""
    entries = (data[i : i + PLMN_ACT_BYTES] for i in range(0, len(data) - len(data) % PLMN_ACT_BYTES, PLMN_ACT_BYTES))
    pairs = ((decode_plmn(entry[:PLMN_BYTES]), entry[PLMN_BYTES:].hex().upper()) for entry in entries)
    return tuple(f"{network}:{access}" for network, access in pairs if network)
