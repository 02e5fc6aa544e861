# SPDX-License-Identifier: Apache-2.0
"""What a card offers to its key-bearing commands, reduced to four files. Files are selected by FID from anywhere."""

from dataclasses import dataclass, field

from simulators.sim_card.crypto_packet import KeySet
from simulators.sim_card.crypto_sms import Part
from simulators.sim_card.secured import Domain

K, OPC = bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
KIC, KID = bytes(range(16)), bytes(range(16, 32))
DES_KIC, DES_KID = bytes.fromhex("300102030405060708090a0b0c0d0e0f"), bytes.fromhex("301102030405060708090a0b0c0d0e0f")


@dataclass
class Store:
    numbers: dict[str, int] = field(default_factory=dict)


@dataclass
class SmallCard:
    subscriber_keys: tuple[bytes, bytes] | None = (K, OPC)
    domain: Domain | None = field(default_factory=lambda: Domain({1: KeySet(KIC, KID), 3: KeySet(DES_KIC, DES_KID, 5)}))
    memory: Store = field(default_factory=Store)
    message_parts: dict[int, Part] = field(default_factory=dict)
    files: dict[int, bytes] = field(
        default_factory=lambda: {0x6F07: b"\xff" * 9, 0x6F46: b"\xff" * 17, 0x2FE2: b"\xff" * 10, 0x6F60: b"\xff" * 250}
    )
    updates: int = 0
    opened: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    _file: int = 0
    _waiting: bytes = b""

    def run_apdu(self, apdu: bytes) -> tuple[bytes, int]:
        """SELECT, READ BINARY, UPDATE BINARY, GET RESPONSE, STORE DATA (answered backwards), at T=0."""
        waiting, self._waiting = self._waiting, b""
        match apdu[1]:
            case 0xC0:
                return waiting[: apdu[4] or 256], 0x9000 if waiting else 0x6985
            case 0xE2:
                return apdu[:4:-1], 0x9000
            case 0xA4:
                return b"", self._select(int.from_bytes(apdu[5:7], "big"), template=apdu[3] != 0x0C)
            case 0xB0 | 0xD6 if self._file in self.files:
                return self._access(apdu[1], apdu[4], apdu[5:])
        return b"", 0x6D00

    def open_domain(self, application: str = "") -> None:
        """A script begins."""
        self.opened.append(application)

    def send_message(self, tpdu: bytes) -> None:
        """The card wants a message sent."""
        self.messages.append(tpdu)

    def _select(self, fid: int, *, template: bool) -> int:
        if fid not in self.files and fid != 0x3F00:
            return 0x6A82
        self._file, self._waiting = fid, bytes(0x32) if template else b""
        return 0x6132 if template else 0x9000

    def _access(self, ins: int, length: int, data: bytes) -> tuple[bytes, int]:
        content = self.files[self._file]
        if ins == 0xB0:
            wanted = length or 256
            return (content[:wanted], 0x9000) if wanted <= len(content) else (b"", 0x6C00 | len(content))
        self.files[self._file] = data + content[len(data) :]
        self.updates += 1
        return b"", 0x9000


def select(fid: int) -> bytes:
    return bytes.fromhex("00A4000C02") + fid.to_bytes(2, "big")


def update(data: bytes) -> bytes:
    return bytes.fromhex("00D60000") + bytes([len(data)]) + data


def read(length: int) -> bytes:
    return bytes.fromhex("00B00000") + bytes([length])
