# SPDX-License-Identifier: Apache-2.0
"""An operator's staff, each with a key of a known scalar, its signed roster, and a request of a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from firmware.core import cbor, cose
from firmware.core.keyring import Key, Keyring, Purpose
from firmware.core.staff import Operation, Reason, Request, Roster, Shown, read_roster, sign_warrant
from tests.unit.core_codecs.core_world import BOOT, NONCE, OPERATOR, SERIAL, SESSION, SIGNED_AT, ScalarSigner

POLICY_KEY: Final = ScalarSigner(0x4004)


@dataclass(frozen=True)
class Member:
    """One member of staff with the private half of the key."""

    staff_id: str
    role: str
    scalar: int
    signer: ScalarSigner = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signer", ScalarSigner(self.scalar))


CLERK = Member("c-17", "clerk", 0x7001)
OTHER_CLERK = Member("c-18", "clerk", 0x7002)
SUPERVISOR = Member("s-01", "supervisor", 0x7003)
INSPECTOR = Member("i-05", "inspector", 0x7004)
ENGINEER = Member("e-09", "engineer", 0x7005)
DEPOT = Member("d-02", "depot", 0x7006)
STRANGER = Member("x-99", "supervisor", 0x7007)
STAFF = (CLERK, OTHER_CLERK, SUPERVISOR, INSPECTOR, ENGINEER, DEPOT)


def roster_message(members: tuple[Member, ...] = STAFF, signer: ScalarSigner = POLICY_KEY, **changes: Any) -> bytes:
    """Return the operator's signed roster with changed claims (``c4=0``)."""
    people = sorted([member.staff_id, member.role, member.signer.spki] for member in members)
    claims: dict[int, Any] = {1: OPERATOR, 4: SIGNED_AT + 1000, 5: SIGNED_AT - 10, 6: SIGNED_AT - 10, 256: 1, 257: people}
    claims |= {int(name[1:]): value for name, value in changes.items()}
    return cose.sign1(cbor.encode(claims), typ=cose.Type.ROSTER, signer=signer)


def roster(message: bytes | None = None) -> Roster:
    """Return a roster as a terminal reads it."""
    keys = Keyring([Key.from_spki(POLICY_KEY.spki, Purpose.POLICY)])
    return read_roster(message or roster_message(), keyring=keys, operator=OPERATOR, seconds=SIGNED_AT)


def request(operation: Operation = Operation.UNMASK, **changes: Any) -> bytes:
    """Return a request's bytes."""
    shown = Shown.MSISDN if operation is Operation.UNMASK else Shown.NONE
    session = bytes(16) if operation is Operation.LOG else SESSION
    values: dict[str, Any] = {
        "terminal": SERIAL, "seconds": SIGNED_AT, "session": session, "nonce": NONCE, "operation": operation,
        "reason": Reason.COMPLAINT, "shown": shown, "boot_id": BOOT, "boot_ms": 1000,
    }  # fmt: skip
    return Request(**(values | changes)).encode()


ROSTER: Final = roster()
REQUEST: Final = request()


def warrant(member: Member, asked: bytes = REQUEST, *, staff_id: str = "") -> bytes:
    """Return a member's warrant for a request."""
    return sign_warrant(asked, staff_id=staff_id or member.staff_id, seconds=SIGNED_AT, signer=member.signer)
