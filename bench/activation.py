# SPDX-License-Identifier: Apache-2.0
"""Whole activations by the shipped terminal, beside the same device and operator exchanges done bare.

Both run against the same simulators in one run. People answer at once; their time is taken out by the terminal's own account
(``people_ms``). The identity card lies on the reader beforehand, as a clerk would have it.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import bare
from bench.figures import Figure
from bench.requests import RequestMaker
from firmware.journal import Journal
from firmware.keystore import open_signer
from hal.sim_card.planner import apdu_bound
from tests.support.station import Station

if TYPE_CHECKING:
    from typing import Any

ROUNDS = 9
RATIO, OVERHEAD_MS, APDUS_RATIO, RSS_MIB = 3.0, 50.0, 1.5, 64.0
ITEMS, WITHOUT_SFI = 10, 2
"""Files written: ICCID IMSI AD ACC SPN SMSP HPLMNwAcT FPLMN EHPLMN LOCI; SPN and SMSP have no short identifier."""
KIB_PER_MIB = 1024
CARD_S = 10.0
LOGS = ("id_reader", "sim_card", "printer")


def measure() -> dict[str, Figure]:
    """Return the activation's, the card's and the terminal's figures."""
    station = Station()
    try:
        station.provision()
        pcscd = station.facts["devices"]["pcscd"]["endpoints"]
        writer = bare.Writer(pcscd["reader"], pcscd["pcscd_socket"])
        start_s, memory, sessions, exchanged = _shipped(station)
        bare_ms = _bare(station, writer, exchanged)
        writer.close()
    finally:
        station.close()
    ours = statistics.median(session["total_ms"] - session["people_ms"] for session in sessions)
    base = statistics.median(bare_ms)
    bound = apdu_bound(ITEMS, WITHOUT_SFI)
    apdus = statistics.median(session["card_apdus"] for session in sessions)
    return {
        "activation.overhead_ratio": Figure(ours / base, "ratio", RATIO, base),
        "activation.overhead_ms": Figure(ours - base, "ms", OVERHEAD_MS, base),
        "sim_card.write_verify.apdus_ratio": Figure(apdus / bound, "ratio", APDUS_RATIO, bound),
        "terminal.start_s": Figure(start_s, "s", None, None),
        "terminal.rss_mib": Figure(memory[0], "MiB", RSS_MIB, None),
        "terminal.workers_pss_mib": Figure(memory[1], "MiB", None, None),
    }


def _shipped(station: Station) -> tuple[float, tuple[float, float], list[dict[str, Any]], dict[str, list[tuple[str, bytes]]]]:
    begin = time.perf_counter()
    screen = station.start()
    screen.ready()
    start_s = time.perf_counter() - begin
    sessions = []
    for number in range(ROUNDS + 1):
        station.forget_numbers()
        _put_in_card(station)
        station.device("desk", "script", persona="zhang", document=False)  # it lies there already
        station.device("id_reader", "insert", persona="zhang")
        offsets = {name: _log(station, name).stat().st_size for name in LOGS}
        station.device("desk", "start")
        result = screen.result()
        if result["outcome"] != "ACTIVE":
            raise RuntimeError(f"the activation ended {result['outcome']}")
        result["card_apdus"] = screen.last("step", step="write", phase="end")["detail"]["apdus"] + _read_back(screen)
        sessions += [result] if number else []  # the first one warms up
        screen.ready()
    exchanged = {name: bare.frames(_log(station, name), offsets[name]) for name in LOGS}
    memory = _memory(station)
    station.stop()
    return start_s, memory, sessions, exchanged


def _put_in_card(station: Station) -> str:
    """Put a fresh blank card in and wait until the service has powered it; returns its ICCID."""
    iccid = station.fresh_card()
    end = time.monotonic() + CARD_S
    while station.device("sim_card", "state")["power_ups"] == 0:
        if time.monotonic() > end:
            raise RuntimeError("the card put in was never powered")
    return iccid


def _read_back(screen: Any) -> int:
    return int(screen.last("step", step="verify", phase="end")["detail"]["apdus"])


def _bare(station: Station, writer: bare.Writer, exchanged: dict[str, list[tuple[str, bytes]]]) -> list[float]:
    maker = _maker(station)
    operator = bare.Operator(station, maker)
    devices = station.facts["devices"]
    times = []
    try:
        for _ in range(ROUNDS):
            station.forget_numbers()
            iccid = _put_in_card(station)
            station.device("id_reader", "insert", persona="zhang")
            times.append(
                bare.id_reader(devices["id_reader"]["endpoints"]["port"], exchanged["id_reader"])
                + writer.exchange(exchanged["sim_card"])
                + bare.camera(devices["camera"]["endpoints"]["source"])
                + bare.controller(devices["controller"]["endpoints"]["port"])
                + bare.printer(devices["printer"]["endpoints"]["port"], exchanged["printer"])
                + operator.activation(iccid)
            )
    finally:
        operator.close()
    return times


def _maker(station: Station) -> RequestMaker:
    state = station.state_dir
    with Journal.open(state / "journal.db", station.store_key()) as journal:
        last = journal.last_record()
    trust = json.loads((state / "trust" / "trust.json").read_bytes())
    return RequestMaker("RNT-000001", open_signer("file:keys/record.pem", state, station.seal()), trust, (last.seq, last.digest))


def _log(station: Station, name: str) -> Path:
    return Path(station.facts["devices"][name]["transcript"])


def _memory(station: Station) -> tuple[float, float]:
    """Return the terminal's resident set and its workers' proportional share, in MiB."""
    if station.terminal is None:
        raise RuntimeError("the terminal ended")
    pid = station.terminal.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    rss = _field(Path(f"/proc/{pid}/status"), "VmRSS:")
    return rss / KIB_PER_MIB, sum(_field(Path(f"/proc/{child}/smaps_rollup"), "Pss:") for child in children) / KIB_PER_MIB


def _field(path: Path, name: str) -> int:
    """Return a field of a /proc file in KiB."""
    return next(int(line.split()[1]) for line in path.read_text(encoding="ascii").splitlines() if line.startswith(name))
