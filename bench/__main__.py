# SPDX-License-Identifier: Apache-2.0
"""Measure: ``python -m bench [--only NAME…]``. Prints a table and writes ``bench/latest.json``."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.figures import store, table

if TYPE_CHECKING:
    from bench.figures import Figure

MODULES: Final = {
    "bench.activation": (
        "activation.overhead_ratio",
        "activation.overhead_ms",
        "sim_card.write_verify.apdus_ratio",
        "terminal.start_s",
        "terminal.rss_mib",
        "terminal.workers_pss_mib",
    ),
    "bench.sim_card": (
        "sim_card.identify.apdus",
        "sim_card.write.apdus",
        "sim_card.write.bytes",
        "sim_card.write_verify.apdus",
        "sim_card.write_verify.bytes",
        "sim_card.discovery.apdus",
        "sim_card.line_ms_ta1_94",
        "sim_card.line_ms_ta1_96",
        "sim_card.own_time_vs_line",
    ),
    "bench.reader": (
        "id_reader.read_vs_wire",
        "id_reader.read_vs_wire_9600",
        "id_reader.redundant_commands",
        "id_reader.presented_to_holder_ms",
        "id_reader.waiting_cpu",
        "id_reader.usb.own_ms",
        "id_reader.usb.cable_out_ms",
        "id_reader.usb.cable_in_ms",
    ),
    "bench.noise": ("id_reader.noise.wrong_accepted", "id_reader.noise.recovered"),
    "bench.journal": ("journal.commit_vs_raw",),
    "bench.audit": ("journal.audited_vs_row", "audit.proof_bytes_1e6", "audit.verify_us_1e6"),
    "bench.keystore": ("record.sign_vs_raw.file", "record.sign_vs_raw.softhsm", "record.sign_vs_raw.tpm", "record.verify_vs_raw"),
    "bench.cli": ("cli.help_ms",),
    "bench.policy": ("policy.resolve_us",),
    "bench.clauses": ("clauses.proven", "clauses.awaiting", "scenarios.passing"),
    "bench.gateway": ("gateway.sqlite.vs_bare", "gateway.postgres.vs_bare", "gateway.p99_ms", "gateway.quota_race.over_limit"),
}
"""Module → the names its ``measure()`` returns."""

LATEST: Final = Path(__file__).with_name("latest.json")


def main() -> int:
    """Measure what was asked for."""
    names = [name for measured in MODULES.values() for name in measured]
    parser = argparse.ArgumentParser(prog="./run bench", description="Measurements as ratios in one run.")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"only these: {', '.join(names)}")
    wanted = set(parser.parse_args().only or names)
    figures: dict[str, Figure] = {}
    for module, measured in MODULES.items():
        if wanted.isdisjoint(measured):
            continue
        sys.stderr.write(f"measuring {', '.join(measured)}\n")
        found = importlib.import_module(module).measure()
        figures.update({name: figure for name, figure in found.items() if name in wanted})
    print(table(figures))  # noqa: T201  # the result of the program
    store(LATEST, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
