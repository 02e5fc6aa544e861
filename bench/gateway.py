# SPDX-License-Identifier: Apache-2.0
"""Durable approvals of the operator's gateway beside the bare framework, and what a race for a person's quota leaves over.

Candidate and baseline are processes with the same server, the same TLS and the same load (32 kept connections of 32 units, whole signed
records), in turns; a figure is the median over blocks of the ratio. Every approval is verified, sealed, signed and durable before it is
answered. Load, gateway and its verifier share the machine's cores.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import Figure
from simulators.kit.launch import RunningSimulator
from tests.contract.backend.operator_messages import Operator, Unit, citizen_number, person
from tests.support.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LINES, EACH, BLOCKS = 32, 60, 5
PERSONS, AT_ONCE, ALLOWED = 100, 24, 5
SQLITE_LEAST, POSTGRES_LEAST, P99_MOST = 0.40, 0.20, 25.0
WORKERS = "1"


@dataclass(frozen=True, slots=True)
class Run:
    """What a load found."""

    rate: float
    p99_ms: float
    outcomes: dict[str, int]


def measure() -> dict[str, Figure]:
    """Return the ratios of both stores, the slowest hundredth's latency, and how many numbers a race gave out too many."""
    sqlite, p99, over = _store(None)
    with postgres() as dsn:
        fleet, _, over_fleet = _store(dsn)
    return {
        "gateway.sqlite.vs_bare": Figure(sqlite[0], "ratio", SQLITE_LEAST, sqlite[1], at_least=True),
        "gateway.postgres.vs_bare": Figure(fleet[0], "ratio", POSTGRES_LEAST, fleet[1], at_least=True),
        "gateway.p99_ms": Figure(p99, "ms", P99_MOST, None),
        "gateway.quota_race.over_limit": Figure(over + over_fleet, "count", 0, None),
    }


def _store(dsn: str | None) -> tuple[tuple[float, float], float, int]:
    """Return (ratio, bare rate), p99 of the gateway, and numbers over the limit, on one store."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rnt-bench-")))
        operator = stack.enter_context(_gateway(home, dsn))
        units = [Unit.enrolled(operator, home / "units" / f"{n:03}", f"RNT-LOAD-{n}") for n in range(LINES)]
        bare = stack.enter_context(_bare(home / "op"))
        ratios, rates, p99 = [], [], []
        for block in range(BLOCKS + 1):  # the first one warms up
            folder = _requests(home / f"block{block}", operator, units)
            plain = _load(bare, folder)
            full = _load(operator.url, folder)
            if full.outcomes != {"approved": LINES * EACH}:
                raise RuntimeError(f"not approved: {full.outcomes}")
            if block:
                ratios.append(full.rate / plain.rate)
                rates.append(plain.rate)
                p99.append(full.p99_ms)
        over = _race(home, operator)
    return (statistics.median(ratios), statistics.median(rates)), statistics.median(p99), over


def _race(home: Path, operator: Operator) -> int:
    """Let 24 units ask for each of 100 persons at once; returns how many numbers were given beyond five for each."""
    units = [Unit.enrolled(operator, home / "racers" / f"{n:03}", f"RNT-RACE-{n}") for n in range(AT_ONCE)]
    fields = [person(citizen_number(n, "19880808")) for n in range(PERSONS)]
    folder = _requests(home / "race", operator, units, fields)
    outcomes = _load(operator.url, folder).outcomes
    if sum(outcomes.values()) != PERSONS * AT_ONCE or set(outcomes) - {"approved", "R401"}:
        raise RuntimeError(f"the race ended otherwise: {outcomes}")
    held = [int(row["held"]) for row in operator.control("persons")["persons"]]
    return max(0, outcomes["approved"] - PERSONS * ALLOWED) + sum(max(0, count - ALLOWED) for count in held)


def _requests(folder: Path, operator: Operator, units: Sequence[Unit], persons: Sequence[dict[int, Any]] = ()) -> Path:
    """Write a load: each unit's next requests, for these persons or for somebody new each time."""
    folder.mkdir()
    shutil.copy(operator.ca, folder / "ca.pem")
    iccids = [f"8986{int.from_bytes(os.urandom(6)):015d}0" for _ in range(len(units) * (len(persons) or EACH))]
    blanks = folder / "blanks.json"
    blanks.write_text(json.dumps([{"iccid": iccid, "adm": "00" * 8} for iccid in iccids]))
    operator.control("blanks", file=str(blanks), timeout=60)
    for unit in units:
        place = folder / unit.serial
        shutil.copytree(unit.folder, place)
        made = []
        for fields in persons or [person() for _ in range(EACH)]:
            request = unit.request(iccids.pop(), fields)
            body = json.dumps(request.body).encode()
            head = "POST /v1/activations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            head += f"Idempotency-Key: {request.session.hex()}\r\nContent-Length: {len(body)}\r\n\r\n"
            made.append(head.encode() + body)
        (place / "requests").write_bytes(pickle.dumps(made))
    return folder


def _load(url: str, folder: Path) -> Run:
    command = [sys.executable, "-m", "bench.gateway_load", url, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own module
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("the load did not come up")
        told = json.loads(process.communicate("go\n")[0])
    latencies = sorted(told["latencies"])
    return Run(len(latencies) / told["seconds"], latencies[len(latencies) * 99 // 100] / 1000, told["outcomes"])


@contextmanager
def _gateway(home: Path, dsn: str | None) -> Iterator[Operator]:
    arguments = ["--state", str(home / "op"), "--workers", WORKERS, *(["--postgres", dsn] if dsn else [])]
    with RunningSimulator("simulators.backend", *arguments, control=home / "c") as running:
        yield Operator(running, home / "op")


@contextmanager
def _bare(state: Path) -> Iterator[str]:
    with RunningBare(state) as url:
        yield url


class RunningBare:
    """The bare server's process."""

    def __init__(self, state: Path) -> None:
        command = [sys.executable, "-m", "bench.gateway_bare", str(state)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own module

    def __enter__(self) -> str:
        """Return its URL."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        return str(json.loads(line)["url"])

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate()
