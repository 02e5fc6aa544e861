# SPDX-License-Identifier: Apache-2.0
"""Card types as data: how a model is recognised and where it differs from the standard. A new model is a new row.

Decides which card models may be written. Rules:

1. A card whose ATR matches no row, or two, is refused and named by its ATR: what its files mean is not known.
2. A row says where K and OPc live, or that they cannot be written; nobody looks for such a place on a card.
3. Some cards answer to reset as a USIM does and know class A0 alone: a row says what such a card is, or it is unknown.
4. A row says in which form the administrative key comes; a key of another form is refused before the card sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from hal.sim_card.errors import UnknownCard
from hal.sim_card.files import GSM, TELECOM, USIM, Directory, Ef

USIM_AID = bytes.fromhex("A0000000871002")
"""The 3GPP USIM application, TS 101 220 annex E: provider and application code; the rest is the maker's."""
ADM1, ADM2 = 0x0A, 0x0B


class KeyForm(Enum):
    """What the 8 bytes of an administrative key are."""

    BINARY = "any bytes"
    DIGITS = "4 to 8 ASCII digits, FF behind"

    def fits(self, key: bytes) -> bool:
        """Whether ``key`` has this form."""
        digits = key.rstrip(b"\xff")
        return self is KeyForm.BINARY or (len(digits) >= 4 and digits.isdigit())  # noqa: PLR2004  # the shortest PIN


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file that holds K or OPc or both: what stands before them, then the parts in order ("k", "opc")."""

    ef: Ef
    prefix: bytes
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyCommand:
    """A command of the maker's that takes a key: its header (CLA INS P1 P2), and what it carries."""

    name: str
    header: bytes
    part: str


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where K and OPc go. ``adm`` is the key reference that opens it, where it is not the one that opens the files."""

    files: tuple[KeyFile, ...] = ()
    commands: tuple[KeyCommand, ...] = ()
    adm: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A second place of the file ``of``. A link shows the same bytes and is only read back; a ``separate`` one is written."""

    ef: Ef
    of: str
    separate: bool


@dataclass(frozen=True, slots=True)
class CardType:
    """One model. ``atr`` is compared under ``mask``; ``adm`` the key reference that opens its files; ``keys`` None = not writable.

    ``short_identifiers`` False: every file is selected. ``second_generation``: class A0 only, there is no USIM. ``lacks``: files it has
    not; a profile that wants something there does not fit. ``unlock``: the key reference that opens the files by EXTERNAL AUTHENTICATE.
    ``without_usim``: the model of a card with this answer to reset that refuses class 00.
    """

    name: str
    atr: bytes
    mask: bytes
    adm: int = ADM1
    adm_form: KeyForm = KeyForm.BINARY
    aid: bytes = USIM_AID
    iccid_writable: bool = True
    keys: KeyPlace | None = None
    copies: tuple[Copy, ...] = field(default=())
    short_identifiers: bool = True
    second_generation: bool = False
    lacks: frozenset[str] = frozenset()
    unlock: int | None = None
    without_usim: CardType | None = None

    def matches(self, atr: bytes) -> bool:
        """Whether ``atr`` is of this model."""
        return len(atr) == len(self.atr) and all(a & m == b & m for a, b, m in zip(atr, self.atr, self.mask, strict=True))


def _exactly(atr: str) -> tuple[bytes, bytes]:
    value = bytes.fromhex(atr)
    return value, b"\xff" * len(value)


_KEY_FILE = KeyPlace((KeyFile(Ef("K", USIM, 0xAF20), b"\x01", ("k", "opc")),))
"""Pattern (a): one file, algorithm byte, K, OPc."""
_VENDOR = Directory("DF.VENDOR", (0x7FF7,))
_KEY_FILES = KeyPlace((KeyFile(Ef("K", _VENDOR, 0x6FF5), b"", ("k",)), KeyFile(Ef("OPc", _VENDOR, 0x6FF6), b"\x01", ("opc",))), adm=ADM2)
"""Pattern (b): two files under a directory of the maker's, another key."""
_KEY_COMMANDS = KeyPlace(commands=(KeyCommand("K", bytes.fromhex("80D40100"), "k"), KeyCommand("OPc", bytes.fromhex("80D40200"), "opc")))
"""Pattern (c): a command for each."""


def _copies(*, separate: bool) -> tuple[Copy, ...]:
    """Return the 2G side's copies, TS 31.102 annex L and TS 51.011 §10."""
    gsm = (("IMSI", 0x6F07), ("HPPLMN", 0x6F31), ("SPN", 0x6F46), ("ACC", 0x6F78), ("FPLMN", 0x6F7B), ("LOCI", 0x6F7E), ("AD", 0x6FAD))
    telecom = (("MSISDN", 0x6F40), ("SMSP", 0x6F42))
    return (
        *(Copy(Ef(f"2G {name}", GSM, fid), name, separate) for name, fid in gsm),
        *(Copy(Ef(f"2G {name}", TELECOM, fid, record=1), name, separate) for name, fid in telecom),
    )


_NOT_2G = frozenset({"PLMNwAcT", "OPLMNwAcT", "HPLMNwAcT", "EHPLMN", "UST", "ECC", "Routing_Indicator"})
"""What TS 51.011 has not, or has in another form."""


_SIM_2G = CardType("rnt-sim-2g-1", *_exactly("3B1694524E54473131"), adm=0x04, second_generation=True, lacks=_NOT_2G)

CARD_TYPES: tuple[CardType, ...] = (
    CardType("rnt-usim-1", *_exactly("3B9F95801FC78031E073FE211B67524E5455534D31E1")),
    CardType("rnt-usim-fixed-iccid-1", *_exactly("3B9F95801FC78031E073FE211B67524E5455534631EA"), iccid_writable=False),
    CardType(
        "rnt-usim-2g3g-1",
        *_exactly("3B9F95801FC78031E073FE211B67524E54553247318A"),
        copies=_copies(separate=False),
        without_usim=_SIM_2G,
    ),
    CardType("rnt-usim-2g-separate-1", *_exactly("3B9F95801FC78031E073FE211B67524E54553253319E"), copies=_copies(separate=True)),
    CardType("rnt-usim-no-sfi-1", *_exactly("3B9F95801FC78031E073FE211B67524E54554E5331E2"), short_identifiers=False),
    CardType("rnt-usim-91xx-1", *_exactly("3B9F95801FC78031E073FE211B67524E5455393131F7")),
    CardType("rnt-usim-long-fcp-1", *_exactly("3B9F95801FC78031E073FE211B67524E54554C4631F5")),
    CardType("rnt-usim-key-file-1", *_exactly("3B9F95801FC78031E073FE211B67524E54554B4131F5"), keys=_KEY_FILE),
    CardType("rnt-usim-key-files-1", *_exactly("3B9F95801FC78031E073FE211B67524E54554B4231F6"), keys=_KEY_FILES),
    CardType("rnt-usim-key-command-1", *_exactly("3B9F95801FC78031E073FE211B67524E54554B4331F7"), keys=_KEY_COMMANDS),
    _SIM_2G,
    CardType("rnt-usim-unlock-1", *_exactly("3B9F95801FC78031E073FE211B67524E5455554C31E6"), unlock=0x0A),
    CardType("rnt-usim-compact-1", *_exactly("3B9F95801FC78031E073FE211B67524E5455434F31F3"), keys=_KEY_FILE),
)
"""The models known. All are the simulator's; the row of a real one is added after it was tried on the bench."""


def identify(atr: bytes, types: tuple[CardType, ...] = CARD_TYPES) -> CardType:
    """Return the card type of ``atr``; raises :class:`UnknownCard` with the ATR, and the number of types it could be."""
    found = [card_type for card_type in types if card_type.matches(atr)]
    if len(found) != 1:
        raise UnknownCard(atr=atr.hex().upper(), types=len(found))
    return found[0]
