# SPDX-License-Identifier: Apache-2.0
"""Start the operator: ``python -m simulators.backend --state DIR``."""

from __future__ import annotations

import argparse
import os
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.backend.activation import Activations
from simulators.backend.api import Api
from simulators.backend.approvals import Terms
from simulators.backend.audit import Witness
from simulators.backend.authority import GM, INTERNATIONAL, SERVER_CERTIFICATES, Authority
from simulators.backend.enrolment import Enrolments
from simulators.backend.packs import Packs
from simulators.backend.pool import FIELDS, MODES, Pool
from simulators.backend.remote import Remote
from simulators.backend.reports import Reports
from simulators.backend.server import Server
from simulators.backend.store import QUOTA, Store, dump
from simulators.backend.vault import Vault
from simulators.kit import SimulatorProcess, add_common_arguments, from_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    options = _parser().parse_args(arguments)
    options.state.mkdir(parents=True, exist_ok=True)
    process = from_arguments("backend", options)
    authority = Authority(options.state, tls_days=options.tls_days, record_days=options.record_days, suite=options.suite)
    store = Store(options.state / "operator.db")
    terms = Terms(options.operator, valid_s=options.valid_s, max_age_s=options.max_age_s)
    pool = Pool(store, options.mode)
    activations = Activations(store, pool, authority, terms, _pepper(options.state), refuse_software=options.refuse_software_keys)
    packs = Packs(authority, options.operator, options.pack, options.pack_days, options.channel)
    enrolments = Enrolments(store, authority, options.operator, refuse_software=options.refuse_software_keys, packs=packs)
    reports = Reports(store, pool, authority, options.operator)
    witness, vault = Witness(store, authority, options.operator), Vault(store, authority)
    api = Api(store, activations, reports, enrolments, Remote(store, pool, terms.house), witness, vault)
    for blank in options.blank:
        pool.add_text(blank)

    port_file = options.state / "port"
    port = options.port or (int(port_file.read_text()) if port_file.exists() else 0)
    context = authority.server_context(options.state, options.server_certificate, tls=options.tls)
    server = Server(port, context, api, process.faults, process.transcript, options.idle_s)
    port_file.write_text(str(server.server_port))
    enrolments.url = f"https://localhost:{server.server_port}"
    order = options.state / "work-order.txt"
    order.write_text(enrolments.write_order())
    _commands(process, store, pool, activations, enrolments, server)
    process.command("checkpoints", witness.kept)
    process.command("bundle", vault.bundle)
    process.command("erase_items", vault.erase)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    process.ready(url=enrolments.url, ca=str(authority.ca_path), work_order=str(order))
    process.run(store.close)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.backend", description="The operator's backend on loopback")
    add_common_arguments(parser)
    parser.add_argument("--state", type=Path, required=True, help="directory of keys, certificates and database; kept between starts")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: the last one of this state, else a free one)")
    parser.add_argument(
        "--blank", action="append", default=[], metavar="ICCID:ADMHEX|@FILE", help="a blank card of the pool, or a JSON list of them"
    )
    parser.add_argument(
        "--mode", choices=MODES, default=FIELDS, help="how blanks are issued whose mode is not told and whose keys allow it"
    )
    parser.add_argument("--operator", default="operator-0", help="operator id in trust list, approvals and acknowledgements")
    parser.add_argument("--valid-s", type=int, default=900, help="seconds until an approval expires")
    parser.add_argument("--max-age-s", type=int, default=600, help="age limit in an approval, on the terminal's boot clock")
    parser.add_argument("--tls-days", type=float, default=30, help="life of a terminal's TLS certificate")
    parser.add_argument("--record-days", type=float, default=90, help="life of a terminal's record certificate")
    parser.add_argument(
        "--pack", action="append", default=[], type=Path, metavar="FILE", help="source of a policy pack, signed for terminals"
    )
    parser.add_argument("--pack-days", type=float, default=365, help="days until a signed policy pack expires")
    parser.add_argument("--channel", type=int, choices=range(1, 6), help="channel level of the counters, 1 own hall to 5 end")
    parser.add_argument("--suite", choices=(INTERNATIONAL, GM), default=INTERNATIONAL, help="suite of its own keys and of record keys")
    parser.add_argument("--refuse-software-keys", action="store_true", help="record keys must claim to live on a token")
    parser.add_argument("--idle-s", type=float, default=120, help="seconds until a silent connection is closed")
    parser.add_argument("--server-certificate", choices=SERVER_CERTIFICATES, default="good", help="certificate the server shows")
    parser.add_argument("--tls", choices=("1.3", "1.2"), default="1.3", help="the one TLS version spoken")
    return parser


def _commands(
    process: SimulatorProcess, store: Store, pool: Pool, activations: Activations, enrolments: Enrolments, server: Server
) -> None:
    def refuse(request: dict[str, Any]) -> None:
        activations.refuse_next = str(request["code"])

    def quota(request: dict[str, Any]) -> None:
        held = int(request["held"])
        if not 0 <= held <= QUOTA:
            raise ValueError("held")
        with store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO quota VALUES (?, ?)", (activations.person(request.get("kind", "D01"), request["number"]), held)
            )

    def revoke(request: dict[str, Any]) -> None:
        with store.transaction() as db:
            if db.execute("UPDATE terminal SET revoked = 1 WHERE serial = ?", (request["serial"],)).rowcount != 1:
                raise ValueError("serial")

    process.command("blank", lambda request: pool.add({name: value for name, value in request.items() if name != "cmd"}))
    process.command("refuse", refuse)
    process.command("quota", quota)
    process.command("revoke", revoke)
    process.command("work_order", lambda _: {"token": enrolments.write_order()})
    process.command("drop_connections", lambda _: {"dropped": server.drop_connections(), "accepted": server.accepted})
    process.command("persons", lambda _: {"persons": store.dump("quota", "person, held")})
    process.command("state", lambda _: _state(store, pool))


SHOWN: Mapping[str, tuple[str, str]] = {
    "numbers": ("number", "msisdn, imsi, iccid, state, session"),
    "activations": ("activation", "session, serial, outcome, code, record, approval_id, iccid"),
    "results": ("result", "session, serial, outcome, code, record, ack"),
    "spent": ("spent", "approval_id, session"),
    "terminals": ("terminal", "serial, protection, sequence, last, revoked"),
    "chain_breaks": ("chain_break", "serial, record, sequence"),
    "issues": ("issue", "session, iccid, mode"),
    "unlockings": ("unlocking", "session, challenge"),
    "relay_rounds": ("relay_round", "session, sequence, done"),
}
"""What ``state`` tells: name → table, columns. No key, code or answer of a card is among them."""


def _state(store: Store, pool: Pool) -> dict[str, Any]:
    """Return everything a test may see, as it was at one moment."""
    with store.transaction() as db:
        told: dict[str, Any] = {name: dump(db, table, columns) for name, (table, columns) in SHOWN.items()}
        blanks = pool.listing(db)
    releases = [row for row in told["results"] if row["ack"] != "active"]
    return {**told, "releases": releases, "blanks": blanks, "pool": Counter(blank["state"] for blank in blanks)}


def _pepper(state: Path) -> bytes:
    path = state / "pepper.raw"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(os.urandom(32))
    return path.read_bytes()


if __name__ == "__main__":
    main()
