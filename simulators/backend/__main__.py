# SPDX-License-Identifier: Apache-2.0
"""Start the operator: ``python -m simulators.backend --state DIR``."""

from __future__ import annotations

import argparse
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.backend.activation import Activations
from simulators.backend.api import Api
from simulators.backend.app import application
from simulators.backend.approvals import Terms
from simulators.backend.audit import Witness
from simulators.backend.authority import GM, INTERNATIONAL, SERVER_CERTIFICATES, Authority
from simulators.backend.carried import Carried
from simulators.backend.clock import Clock
from simulators.backend.console import Console
from simulators.backend.enrolment import Enrolments
from simulators.backend.evidence import Directory, Uploads
from simulators.backend.logon import LogOn
from simulators.backend.numbers import Reservations
from simulators.backend.office import Office
from simulators.backend.packs import Packs
from simulators.backend.pool import FIELDS, MODES, Pool
from simulators.backend.remote import Remote
from simulators.backend.reports import Reports
from simulators.backend.reviewing import Reviewing
from simulators.backend.rules import House
from simulators.backend.store import SqliteStore, Store
from simulators.backend.vault import Vault
from simulators.backend.verification import Verification, Verifiers
from simulators.backend.wire import Server, Wire
from simulators.kit import add_common_arguments, from_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    options = _parser().parse_args(arguments)
    options.state.mkdir(parents=True, exist_ok=True)
    process = from_arguments("backend", options)
    authority = Authority(options.state, tls_days=options.tls_days, record_days=options.record_days, suite=options.suite)
    store = _store(options)
    clock, house = Clock(), House()
    terms = Terms(options.operator, valid_s=options.valid_s, max_age_s=options.max_age_s)
    verification = Verification(authority.vault_private, _pepper(options.state))
    verifiers = Verifiers(verification, options.workers)
    pool = Pool(store, options.mode)
    activations = Activations(store, pool, authority, terms, verifiers, clock, house, refuse_software=options.refuse_software_keys)
    packs = Packs(authority, options.operator, options.pack, options.pack_days, options.channel)
    enrolments = Enrolments(store, authority, options.operator, refuse_software=options.refuse_software_keys, packs=packs)
    reports = Reports(store, pool, authority, options.operator, verifiers, clock, house)
    witness, vault = Witness(store, authority, options.operator, verifiers, clock), Vault(store, authority)
    objects = Directory(options.state / "evidence")
    uploads = Uploads(store, objects, authority.vault_private, verifiers, clock)
    api = Api(
        store,
        activations,
        reports,
        enrolments,
        Remote(store, pool, terms.house),
        witness,
        Reservations(store, clock, house),
        LogOn(store, clock),
        uploads,
        clock,
    )
    for blank in options.blank:
        pool.add_text(blank)

    port_file = options.state / "port"
    port = options.port or (int(port_file.read_text()) if port_file.exists() else 0)
    context = authority.server_context(options.state, options.server_certificate, tls=options.tls)
    listening = socket.create_server(("127.0.0.1", port), backlog=128)
    app = application(api, process.faults, process.transcript)
    server = Server(app, context, listening, Wire(process.transcript, options.idle_s))
    port = listening.getsockname()[1]
    port_file.write_text(str(port))
    enrolments.url = f"https://localhost:{port}"
    order = options.state / "work-order.txt"
    order.write_text(enrolments.write_order())
    Console(store, pool, verification, activations, enrolments, clock, house).serve(process.command)
    Office(store, vault, authority, objects, clock, house, options.operator).serve(process.command)
    Reviewing(store, objects, clock).serve(process.command)
    process.command("drop_connections", lambda _: {"dropped": server.drop_connections(), "accepted": server.wire.accepted})
    process.command("checkpoints", witness.kept)
    process.command("bundle", vault.bundle)
    process.command("roster", packs.roster)
    process.command("erase_items", vault.erase)
    process.command("carried", Carried(store, activations).take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.listens.wait()
    process.ready(url=enrolments.url, ca=str(authority.ca_path), work_order=str(order))
    process.run(store.close)


def _store(options: argparse.Namespace) -> Store:
    if not options.postgres:
        return SqliteStore(options.state / "gateway.db")
    from simulators.backend.store.postgres import PostgresStore  # noqa: PLC0415  # psycopg is slow to load, and few gateways need it

    return PostgresStore(options.postgres)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.backend", description="The operator's backend on loopback")
    add_common_arguments(parser)
    parser.add_argument("--state", type=Path, required=True, help="directory of keys, certificates and database; kept between starts")
    parser.add_argument(
        "--postgres", metavar="DSN", help="keep everything in this PostgreSQL database instead of a file in the state directory"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that verify records (default: threads of this one)")
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


def _pepper(state: Path) -> bytes:
    path = state / "pepper.raw"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(os.urandom(32))
    return path.read_bytes()


if __name__ == "__main__":
    main()
