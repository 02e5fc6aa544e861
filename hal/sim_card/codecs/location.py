# SPDX-License-Identifier: Apache-2.0
"""Where the card was last: EF_LOCI and its kin, and the NAS security contexts kept beside them. TS 31.102 §4.2.17, annex E.

Decides codings only, as :mod:`hal.sim_card.codecs.basic` does. Security contexts hold keys: they are checked as data objects, and a
:class:`Context` shows its tags and lengths only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hal.sim_card import tlv
from hal.sim_card.codecs.basic import EMPTY_PLMN, PLMN_BYTES, decode_plmn, encode_plmn
from hal.sim_card.errors import MalformedCardData

CONTEXT = 0xA0
STATUS_BITS = 0x07


@dataclass(frozen=True, slots=True)
class Form:
    """One of the files: bytes of the temporary identity, of the area behind the network, and what the area holds on a new card."""

    name: str
    identity: int
    area: bytes
    between: bytes = b""
    """EF_LOCI's TMSI TIME, between the area and the status."""

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return self.identity + PLMN_BYTES + len(self.area) + len(self.between) + 1


LOCI = Form("EF_LOCI", 4, bytes.fromhex("0000"), b"\xff")
PSLOCI = Form("EF_PSLOCI", 7, bytes.fromhex("0000FF"))
EPSLOCI = Form("EF_EPSLOCI", 12, bytes.fromhex("0000"))
LOCI_5GS = Form("EF_5GS3GPPLOCI", 13, bytes.fromhex("000000"))


@dataclass(frozen=True, slots=True)
class Location:
    """Temporary identity, network (MCCMNC or empty), area code, status (0 = updated, 1 = not updated).

    ``spare`` is EF_LOCI's TMSI TIME.
    """

    identity: bytes = field(repr=False)
    network: str
    area: bytes
    status: int = 1
    spare: bytes = b""

    @property
    def updated(self) -> bool:
        """Whether the card was registered there."""
        return self.status & STATUS_BITS == 0


def unused(form: Form, home: str) -> Location:
    """Return what the file holds on a card never used (annex E): no identity, the home network, no area, not updated."""
    return Location(b"\xff" * form.identity, home, form.area, 1, form.between)


def encode_location(form: Form, value: Location, length: int) -> bytes:
    """Encode one of the files; ``length`` is the card's own and must hold it."""
    network = encode_plmn(value.network) if value.network else EMPTY_PLMN
    sizes = (len(value.identity), len(value.area), len(value.spare))
    if sizes != (form.identity, len(form.area), len(form.between)) or not 0 <= value.status <= 0xFF:  # noqa: PLR2004  # one byte
        raise ValueError("a location of another form")
    if length < form.length:
        raise ValueError("the location does not fit the file")
    return value.identity + network + value.area + value.spare + bytes([value.status])


def decode_location(form: Form, data: bytes) -> Location:
    """Inverse of :func:`encode_location`."""
    if len(data) != form.length:
        raise MalformedCardData("a location of another length", length=len(data))
    at = form.identity + PLMN_BYTES
    end = at + len(form.area)
    return Location(data[: form.identity], decode_plmn(data[form.identity : at]), data[at:end], data[-1], data[end:-1])


@dataclass(frozen=True, slots=True)
class Context:
    """A security context: data objects, or none. Values are keys and counters and stay out of ``repr``."""

    objects: tuple[tuple[int, bytes], ...] = field(repr=False, default=())

    @property
    def present(self) -> bool:
        """Whether there is one."""
        return bool(self.objects)


def encode_context(value: Context, length: int) -> bytes:
    """EF_EPSNSC, EF_5GS3GPPNSC, EF_5GSN3GPPNSC (TS 31.102 §4.2.92, §4.4.11.4, §4.4.11.5): A0 with what it holds, or all FF."""
    body = b"".join(tlv.encode(tag, data) for tag, data in value.objects)
    encoded = tlv.encode(CONTEXT, body) if value.present else b""
    if len(encoded) > length:
        raise ValueError("the context does not fit the record")
    return encoded.ljust(length, b"\xff")


def decode_context(data: bytes) -> Context:
    """Inverse of :func:`encode_context`."""
    found = list(tlv.objects(data))
    if not found:
        return Context()
    if len(found) != 1 or found[0][0] != CONTEXT:
        raise MalformedCardData("no security context")
    return Context(tuple(tlv.objects(found[0][1])))


def encode_objects(value: Context, length: int) -> bytes:
    """EF_5GAUTHKEYS and EF_SUPI_NAI, TS 31.102 §4.4.11.6 and §4.4.11.10: data objects one behind the other, FF behind."""
    encoded = b"".join(tlv.encode(tag, data) for tag, data in value.objects)
    if len(encoded) > length:
        raise ValueError("the data objects do not fit the file")
    return encoded.ljust(length, b"\xff")


def decode_objects(data: bytes) -> Context:
    """Inverse of :func:`encode_objects`."""
    return Context(tuple(tlv.objects(data)))
