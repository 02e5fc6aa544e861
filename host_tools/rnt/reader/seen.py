# SPDX-License-Identifier: Apache-2.0
"""What an engineer may see of a card that was read: that it was read right, never whose it is.

Rules
* Names and numbers are masked as on the receipt (DS-12), for the person at the bench; ``--json``, which is kept, has their lengths only.
* The checks are the terminal's own, with the machine's clock: what is refused here is refused there, with the same code.
* The holder made from the reading ends with the function that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from firmware.core.documents import check_document
from hal.document import masked_name, masked_number
from hal.id_reader.reading import to_holder

if TYPE_CHECKING:
    from hal.id_reader.driver import Reading

KINDS = {"D01": "resident identity card", "D08": "residence permit (Hong Kong, Macau, Taiwan)", "D10": "foreign permanent resident card"}


@dataclass(frozen=True, slots=True)
class Look:
    """One card: its kind, masked texts and their lengths, what the terminal would check, and the code it would refuse it with."""

    kind: str
    name: str
    number: str
    address_length: int
    moved: bool
    checks: tuple[tuple[str, bool], ...]
    refused: str | None
    photo_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return what may be kept."""
        return {
            "kind": self.kind,
            "number_length": len(self.number),
            "address_length": self.address_length,
            "moved": self.moved,
            "checks": dict(self.checks),
            "refused": self.refused,
            "photo_bytes": self.photo_bytes,
        }

    def lines(self) -> list[str]:
        """Return what the person at the bench sees."""
        made = ", ".join(name if passed else f"{name} FAILED" for name, passed in self.checks)
        address = f"{self.address_length} characters{', an appended one' if self.moved else ''}" if self.address_length else "none"
        return [
            f"card     {self.kind} {KINDS.get(self.kind, '')}".rstrip(),
            f"name     {self.name}",
            f"number   {self.number}",
            f"address  {address}",
            f"photo    {self.photo_bytes} bytes, not decoded",
            f"checks   {made}" + (f": the terminal would refuse it with {self.refused}" if self.refused else ""),
        ]


def look(reading: Reading) -> Look:
    """Return what may be seen of ``reading``; raises :class:`~hal.id_reader.errors.UnknownDocument`, ``BlockRefused``."""
    holder, portrait = to_holder(reading.text, reading.photo, reading.appended)
    checked = check_document(holder, datetime.now(UTC).astimezone().date())
    return Look(
        holder.kind,
        masked_name(holder.name),
        masked_number(holder.number),
        len(holder.address),
        reading.appended is not None,
        checked.checks,
        checked.outcome,
        len(portrait.image),
    )
