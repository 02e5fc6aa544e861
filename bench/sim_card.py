# SPDX-License-Identifier: Apache-2.0
"""A whole profile written to a card and read back, in commands, bytes and time on the line, beside the least that could do it.

The shipped service meets blank cards of one model, one after the other, as a terminal does: it identifies a card, writes it, reads it back
and has its key proven by a challenge. The first card has to be discovered; of the later ones the model is known, and confirmed by one read
when the card is identified. The same commands are then sent to equal cards by the plain PC/SC library; what the service takes above that is
its own time.

Time on the line is counted, not measured: 12 elementary time units a character (ISO/IEC 7816-3 §7.2), and one character for each command
beside its own bytes and those of the answer (the procedure byte). Cards' memory takes its time besides.

PC/SC's library knows one service a process, so everything runs in a process of its own: ``python -m bench.sim_card``.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smartcard import scard

from bench import bare
from bench.figures import Figure
from hal.deadline import Deadline
from hal.sim_card.service import SimCardService
from simulators.backend.card_crypto.aka import challenge
from simulators.kit.launch import RunningSimulator

ROUNDS = 15
MODEL = "usim-compact"
PROFILE: dict[str, Any] = {
    "iccid": "89860112345678901234", "imsi": "460001112223334", "msisdn": "8613800000000", "spn": "Operator", "smsc": "8613800100500",
    "hplmn_act": ["46000:4000", "46000:8000"], "ehplmn": ["46000", "46002"], "fplmn": ["46001"], "mnc_length": 2, "adm_ref": 10,
    "adm": "A1B2C3D4E5F60718", "msisdn_on_card": True, "li": ["zh", "en"], "hpplmn": 5, "ust": [2, 10, 12, 19, 20, 21, 42, 43, 71, 85],
    "plmn_act": ["46000:4000"], "oplmn_act": ["46000:4000", "46007:4000"], "ecc": ["112:00"],
    "k": "465B5CE8B199B49FAA5F0A2EE238A6BC", "opc": "CD63CB71954A9F4E48A5994E37A02BAF",
}  # fmt: skip
"""Synthetic: ICCID, K and OPc, IMSI, AD, ACC, SPN, LI, HPPLMN, UST, PLMNwAcT, OPLMNwAcT, HPLMNwAcT, EHPLMN, FPLMN, LOCI, ECC, SMSP,
MSISDN."""

WRITE_APDUS, WRITE_BYTES, BOTH_APDUS, BOTH_BYTES, DISCOVERY_APDUS, OWN_TIME = 27, 620, 52, 1200, 25, 0.15
BOUND_WRITE, BOUND_BOTH = (25, 577), (49, 1125)
"""Commands and bytes of somebody who knows the card by heart, and reads the keys back: 18 items on a card with short identifiers."""
ETU_PER_CHARACTER = 12
MHZ = 4.0
ETU_CLOCKS = {"94": 512 / 8, "96": 512 / 32}
"""TA1 → clocks a unit, F/D of ISO/IEC 7816-3 tables 7 and 8."""
SEEN_S = 10.0
PATIENCE_S = 30.0
FRESH_SQN = 1 << 5
"""Above what a card that was never used has seen; the low five bits are an index, TS 33.102 annex C.1."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Commands and bytes both ways, status words included."""

    apdus: int
    octets: int

    def __add__(self, other: Cost) -> Cost:
        """Return both together."""
        return Cost(self.apdus + other.apdus, self.octets + other.octets)

    def __sub__(self, other: Cost) -> Cost:
        """Return what is more than the other."""
        return Cost(self.apdus - other.apdus, self.octets - other.octets)

    def line_ms(self, ta1: str) -> float:
        """Return the time on the line in ms."""
        return (self.octets + self.apdus) * ETU_PER_CHARACTER * ETU_CLOCKS[ta1] / MHZ / 1000


@dataclass(frozen=True, slots=True)
class Round:
    """One card: what it cost, the ms from the write on, and what was sent then, from one reset to the next."""

    identify: Cost
    write: Cost
    verify: Cost
    ms: float
    sent: tuple[list[bytes], ...]


def measure() -> dict[str, Figure]:
    """Return the SIM card's figures, measured in a process of their own."""
    done = subprocess.run([sys.executable, "-m", "bench.sim_card"], check=True, stdout=subprocess.PIPE)  # ourselves
    return {name: Figure(**figure) for name, figure in json.loads(done.stdout).items()}


def figures(first: Round, later: list[Round], bare_ms: list[float]) -> dict[str, Figure]:
    """Return the figures of the ``first`` card of a model, the ``later`` ones, and the bare sending of the same as those."""
    known = later[-1]
    both = known.write + known.verify
    own = statistics.median(ours.ms - alone for ours, alone in zip(later, bare_ms, strict=True))
    bound = Cost(*BOUND_BOTH)
    discovered = (first.identify + first.write).apdus - (known.identify + known.write).apdus
    return {
        "sim_card.identify.apdus": Figure(known.identify.apdus, "apdus", None, None),
        "sim_card.write.apdus": Figure(known.write.apdus, "apdus", WRITE_APDUS, BOUND_WRITE[0]),
        "sim_card.write.bytes": Figure(known.write.octets, "bytes", WRITE_BYTES, BOUND_WRITE[1]),
        "sim_card.write_verify.apdus": Figure(both.apdus, "apdus", BOTH_APDUS, bound.apdus),
        "sim_card.write_verify.bytes": Figure(both.octets, "bytes", BOTH_BYTES, bound.octets),
        "sim_card.discovery.apdus": Figure(discovered, "apdus", DISCOVERY_APDUS, None),
        "sim_card.line_ms_ta1_94": Figure(both.line_ms("94"), "ms", None, bound.line_ms("94")),
        "sim_card.line_ms_ta1_96": Figure(both.line_ms("96"), "ms", None, bound.line_ms("96")),
        "sim_card.own_time_vs_line": Figure(own / both.line_ms("96"), "ratio", OWN_TIME, both.line_ms("96")),
    }


def main() -> None:
    """Measure and print the figures as JSON."""
    with tempfile.TemporaryDirectory(prefix="rnt-b-") as name:
        folder = Path(name)
        with RunningSimulator("simulators.pcscd", "--run-dir", str(folder / "p")) as pcscd:
            slot, log = pcscd.endpoints["slot_socket"], folder / "card.jsonl"
            options = ("--slot-socket", slot, "--card", MODEL, "--transcript", str(log))
            with RunningSimulator("simulators.sim_card", *options, control=folder / "c.sock") as card:
                desk = Desk(pcscd.endpoints["reader"], pcscd.endpoints["pcscd_socket"], card, log)
                with closing(desk):
                    found = desk.all()
    sys.stdout.write(json.dumps({name: asdict(figure) for name, figure in found.items()}))


class Desk:
    """One reader, fresh cards of one model, and two ways to send to them."""

    def __init__(self, reader: str, socket: str, card: RunningSimulator, log: Path) -> None:
        self._reader, self._card, self._log = reader, card, log
        self._service = SimCardService({"reader": reader, "pcscd_socket": socket})
        self._numbers = iter(range(1, 1_000_000))

    def all(self) -> dict[str, Figure]:
        """Write one card after the other, each second one bare."""
        first = self._written()
        pairs = [self._pair() for _ in range(ROUNDS)]
        return figures(first, [ours for ours, _ in pairs], [alone for _, alone in pairs])

    def _pair(self) -> tuple[Round, float]:
        ours = self._written()
        return ours, self._bare(ours.sent)

    def close(self) -> None:
        """Let go of the reader."""
        self._service.close()

    def _fresh(self) -> str:
        """Put in a blank card that was never used, and wait until the service of the reader has powered it."""
        iccid = f"898601999{next(self._numbers):011d}"
        self._card.control("swap", card=MODEL, iccid=iccid)
        end = time.monotonic() + SEEN_S
        while self._card.control("state")["power_ups"] == 0:
            if time.monotonic() > end:
                raise RuntimeError("the card put in was never powered")
        return iccid

    def _written(self) -> Round:
        """Meet a fresh card, write it, read it back and prove its key with the shipped service."""
        iccid, deadline = self._fresh(), Deadline.after(PATIENCE_S)
        self._ask("await_card", deadline)
        spent = self._ask("counters", deadline)
        self._ask("identify", deadline)
        identify = _cost(self._ask("counters", deadline), spent)
        challenged = challenge(bytes.fromhex(PROFILE["k"]), bytes.fromhex(PROFILE["opc"]), FRESH_SQN, os.urandom(16))
        steps: tuple[tuple[str, dict[str, Any]], ...] = (
            ("write", {"profile": PROFILE, "expected_iccid": iccid}),
            ("read_back", {"profile": PROFILE}),
            ("authenticate", {"rand": challenged.rand.hex(), "autn": challenged.autn.hex(), "xres": challenged.xres.hex()}),
        )
        ends, answers = [self._log.stat().st_size], []
        begin = time.perf_counter()
        for op, arguments in steps:
            answers.append(self._ask(op, deadline, **arguments))
            ends.append(self._log.stat().st_size)
        ms = (time.perf_counter() - begin) * 1000
        self._service.close()
        wrote, read, proven = answers
        if not read["equal"] or proven["result"] != "res" or wrote["skipped"]:
            raise RuntimeError(f"the card is not as it should be: {read['mismatched']}, {proven['result']}, {wrote['skipped']}")
        counts = [len(_commands(self._log, end)) for end in ends]
        sent = _commands(self._log, ends[0])
        parts = tuple(sent[counts[0] - before : counts[0] - after] for before, after in itertools.pairwise(counts))
        return Round(identify, _cost(wrote), _cost(read) + _cost(proven), ms, parts)

    def _ask(self, op: str, deadline: Deadline, **arguments: Any) -> dict[str, Any]:
        return self._service.operations[op](arguments, deadline)

    def _bare(self, parts: tuple[list[bytes], ...]) -> float:
        """Send the same to a fresh card by the plain library, with the same resets between; returns ms."""
        self._fresh()
        (context,) = _done(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
        mode, protocols = scard.SCARD_SHARE_EXCLUSIVE, bare.ANY_PROTOCOL
        card, protocol = _done(scard.SCardConnect(context, self._reader, mode, protocols))
        commands = [[list(command) for command in part] for part in parts]

        def run() -> None:
            for part in commands:
                _done(scard.SCardReconnect(card, mode, protocols, scard.SCARD_UNPOWER_CARD))
                for command in part:
                    _done(scard.SCardTransmit(card, bare.HEADERS[protocol], command))

        ms = bare.milliseconds(run)
        _done(scard.SCardDisconnect(card, scard.SCARD_UNPOWER_CARD))
        scard.SCardReleaseContext(context)
        return ms


def _commands(log: Path, offset: int) -> list[bytes]:
    """Return the commands in a transcript after ``offset`` bytes."""
    return [data for direction, data in bare.frames(log, offset) if direction == ">"]


def _cost(counted: dict[str, Any], before: dict[str, Any] | None = None) -> Cost:
    """Return what an answer counts, or what was added since ``before``."""
    return Cost(counted["apdus"], counted["bytes"]) if before is None else _cost(counted) - _cost(before)


def _done(answer: Any) -> Any:
    """Return what a PC/SC call answered beside its code; ``RuntimeError`` when the code is not success."""
    code, *rest = answer if isinstance(answer, list | tuple) else (answer,)
    if code != scard.SCARD_S_SUCCESS:
        raise RuntimeError(scard.SCardGetErrorMessage(code))
    return rest


if __name__ == "__main__":
    main()
