# SPDX-License-Identifier: Apache-2.0
"""Which cards can lie in the slot: ATR, sizes, contents and keys of each. All numbers are synthetic.

A persona is one row of :data:`PERSONAS`; a new one needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

from simulators.sim_card.files import ADM1, FROZEN, OPEN, PIN1, PIN2, Directory, Sizes, usim_card
from simulators.sim_card.templates import access_rules, directory_entry


def atr(model: bytes) -> bytes:
    """Return the ATR of a card whose pre-issuing data are the 7 bytes ``model`` (ISO/IEC 7816-3 §8.2, TS 102 221 §6.3).

    TA1 95 (512/16), T=0 offered first, T=15 with clock stop and classes A–C, historical bytes 31 E0, 73 FE 21 1B, 67 model.
    """
    body = bytes.fromhex("9F95801FC78031E073FE211B67") + model
    return b"\x3b" + body + bytes([reduce(lambda a, b: a ^ b, body)])


@dataclass(frozen=True, slots=True)
class Persona:
    """One kind of card."""

    atr: bytes
    iccid: str
    adm: bytes
    imsi: bytes = b"\xff" * 9
    sizes: Sizes = field(default=Sizes())
    iccid_rule: int = OPEN
    adm_tries: int = 3
    pin_enabled: bool = False
    proactive: bool = False

    def tree(self) -> Directory:
        """Return the file system."""
        return usim_card(self.sizes, self.iccid_rule)

    def tries(self) -> dict[int, int]:
        """Return the fresh counters."""
        return {PIN1: 3, PIN2: 3, ADM1: self.adm_tries}

    def keys(self) -> dict[int, bytes]:
        """Return the key values, 8 bytes each."""
        return {PIN1: b"1234".ljust(8, b"\xff"), PIN2: b"5678".ljust(8, b"\xff"), ADM1: self.adm}

    def contents(self) -> dict[str, bytes]:
        """Return what every file holds when the card leaves its maker."""
        tree = self.tree()
        contents = {path: b"\xff" * file.length for path, file in tree.all_files()}
        digits = self.iccid.ljust(20, "F")
        fixed = {
            "MF/ICCID": bytes.fromhex("".join(digits[i + 1] + digits[i] for i in range(0, 20, 2))),
            "MF/PL": b"zhen",
            "MF/ARR": b"".join(rule.ljust(24, b"\xff") for rule in access_rules()),
            "MF/DIR": directory_entry(tree.directories[0], b"USIM").ljust(38, b"\xff"),
            "ADF.USIM/IMSI": self.imsi,
            "ADF.USIM/AD": bytes.fromhex("00000003").ljust(self.sizes.administrative, b"\0"),
            "ADF.USIM/ACC": bytes(2),
            "ADF.USIM/LI": b"zhen",
            "ADF.USIM/HPPLMN": b"\x05",
            "ADF.USIM/UST": bytes.fromhex("000E6CFF9EB2044E000000000000000000"),
            "ADF.USIM/EST": b"\0",
            "ADF.USIM/ECC": bytes.fromhex("11F0FF").ljust(19, b"\xff") + b"\x01" + b"\xff" * 20,
            "ADF.USIM/LOCI": bytes.fromhex("FFFFFFFFFFFFFF0000FF01"),
            "ADF.USIM/PSLOCI": bytes.fromhex("FFFFFFFFFFFFFFFFFFFF0000FF01"),
            "ADF.USIM/EPSLOCI": bytes.fromhex("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFF000001"),
            "ADF.USIM/PLMNwAcT": bytes.fromhex("FFFFFF0000") * (self.sizes.plmn_act // 5),
            "ADF.USIM/OPLMNwAcT": bytes.fromhex("FFFFFF0000") * (self.sizes.operator_plmn_act // 5),
            "ADF.USIM/HPLMNwAcT": bytes.fromhex("FFFFFF0000") * (self.sizes.home_plmn_act // 5),
        }
        for path, content in fixed.items():
            contents[path] = content.ljust(len(contents[path]), b"\xff")
        return contents


STANDARD, FIXED, UNKNOWN = atr(b"RNTUSM1"), atr(b"RNTUSF1"), atr(b"XXXXXX9")
KEY_1, KEY_2 = bytes.fromhex("A1B2C3D4E5F60718"), bytes.fromhex("1829303132333435")
SMALL = Sizes(home_plmn_act=25, forbidden=12, equivalent=12, smsp_alpha=12, administrative=5)
USED_IMSI = bytes.fromhex("084906990000000010")

PERSONAS: dict[str, Persona] = {
    "blank-usim": Persona(STANDARD, "89860099000000000011", KEY_1),
    "blank-usim-2": Persona(STANDARD, "89860099000000000029", KEY_2, sizes=SMALL),
    "personalised": Persona(STANDARD, "89860099000000000037", KEY_1, imsi=USED_IMSI),
    "fixed-iccid": Persona(FIXED, "89860099000000000045", KEY_1, iccid_rule=FROZEN),
    "unknown": Persona(UNKNOWN, "89860099000000000052", KEY_1),
    "pin-enabled": Persona(STANDARD, "89860099000000000060", KEY_1, pin_enabled=True),
    "proactive": Persona(STANDARD, "89860099000000000078", KEY_1, proactive=True),
}
