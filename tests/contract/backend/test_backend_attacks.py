# SPDX-License-Identifier: Apache-2.0
"""Repeated, reordered, cut and replayed requests, and stores that fail: nothing is lost, nothing doubled, one outcome."""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from simulators.kit.launch import RunningSimulator
from tests.contract.backend.operator_messages import Operator, Request, Unit, b64, digest, unb64, verify1
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    import ssl


def approve(unit: Unit, request: Request) -> tuple[bytes, list[Any]]:
    """Return approval id and read-back."""
    answer = unit.submit(request)[1]
    approval = verify1(unb64(answer["approval"]), unit.approval_spki, "rnt-approval", digest(request.record))
    return approval[7], [request.claims[264][1], digest(unit.open_profile(request, answer))]


def line(unit: Unit) -> ssl.SSLSocket:
    port = int(unit.operator.url.rsplit(":", 1)[1])
    return unit.context().wrap_socket(socket.create_connection(("localhost", port), timeout=15), server_hostname="localhost")


def raw(request: Request) -> bytes:
    body = f'{{"record":"{b64(request.record)}","items":"{b64(request.items)}"}}'.encode()
    head = f"POST /v1/activations HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {request.session.hex()}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("status", [500, 503])
def test_an_error_after_the_commit_is_cured_by_asking_again(operator: Operator, unit: Unit, status: int) -> None:
    request = unit.request(operator.blank())
    operator.fault("approve_done", "status", status=status)
    assert unit.submit(request)[0] == status
    assert unit.submit(request)[1]["outcome"] == "approved"
    approval_id, read_back = approve(unit, request)
    result = unit.result(request, "written", approval_id=approval_id, read_back=read_back)
    operator.fault("result_done", "status", status=status)
    assert unit.report(request.session, result)[0] == status
    assert unit.ack(result, unit.report(request.session, result)[1])[257] == "active"
    assert len(operator.rows("spent", request.session)) == 1


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_a_request_that_is_cut_is_no_request(operator: Operator, unit: Unit, cut: float) -> None:
    request = unit.request(operator.blank())
    whole = raw(request)
    with line(unit) as connection:
        connection.sendall(whole[: round(len(whole) * cut)])
    assert unit.http("GET", f"/v1/activations/{request.session.hex()}")[0] == 404
    assert unit.submit(request)[1]["outcome"] == "approved"


def test_a_caller_who_hangs_up_after_asking_finds_the_answer(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    operator.fault("approve", "hold")
    with line(unit) as connection:
        connection.sendall(raw(request))
        assert operator.control("wait_held")["held"] == "approve"
    operator.control("release")
    assert unit.submit(request)[1]["outcome"] == "approved"
    assert len(operator.rows("numbers", request.session)) == 1


def test_two_requests_in_one_piece_are_answered_in_order(operator: Operator, unit: Unit) -> None:
    first, second = unit.request(operator.blank()), unit.request(operator.blank(), c259="ocr")
    with line(unit) as connection:
        connection.sendall(raw(first) + raw(second))
        said = b""
        while said.count(b'"outcome"') < 2:
            said += connection.recv(65536)
    assert said.index(b'"approved"') < said.index(b'"R115"')


def test_records_in_another_order_are_out_of_the_chain(operator: Operator, unit: Unit) -> None:
    first, second = unit.request(operator.blank()), unit.request(operator.blank())
    assert unit.submit(second)[1]["code"] == "R802"
    assert unit.submit(first)[1]["outcome"] == "approved"
    assert unit.submit(second)[1]["outcome"] == "approved"


def test_a_result_before_its_record_closes_the_session(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    result = unit.result(request, "cancelled")
    assert unit.ack(result, unit.report(request.session, result)[1])[257] == "released"
    assert unit.submit(request)[0] == 409
    assert unit.http("GET", f"/v1/activations/{request.session.hex()}")[0] == 404


def test_one_capture_is_one_transaction(operator: Operator, unit: Unit) -> None:
    request = unit.request(operator.blank())
    assert unit.submit(request)[1]["outcome"] == "approved"
    replay = {**request.claims, 7: os.urandom(16), 264: {**request.claims[264], 1: operator.blank()}, 271: 2, 272: digest(request.record)}
    again = Request(replay[7], unit.signed(replay), request.items, replay)
    assert unit.submit(again)[1]["code"] == "R802"


def test_another_units_result_is_not_taken(operator: Operator, unit: Unit, tmp_path: Path) -> None:
    request = unit.request(operator.blank())
    approval_id, read_back = approve(unit, request)
    other = Unit.enrolled(operator, tmp_path / "other", "RNT-" + os.urandom(4).hex())
    result = unit.result(request, "written", approval_id=approval_id, read_back=read_back)
    assert other.report(request.session, result)[0] == 422
    assert operator.rows("numbers", request.session)[0]["state"] == "reserved"


def test_a_store_that_cannot_write_stops_and_nothing_half_done_is_left(short_folder: Path, tmp_path: Path) -> None:
    state = short_folder / "op"
    with RunningSimulator("simulators.backend", "--state", str(state), control=short_folder / "1") as running:
        operator = Operator(running, state)
        unit = Unit.enrolled(operator, tmp_path / "u", "RNT-FULL")
        before, after = unit.request(operator.blank()), unit.request(operator.blank())
        answer = unit.submit(before)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        assert unit.submit(after)[0] == 503
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        assert unit.http("GET", f"/v1/activations/{before.session.hex()}")[0] == 503
        running.kill()
    with RunningSimulator("simulators.backend", "--state", str(state), control=short_folder / "2") as running:
        unit.operator = Operator(running, state)
        assert unit.submit(before) == answer
        assert unit.submit(after)[1]["outcome"] == "approved"
        assert len(unit.operator.rows("numbers", after.session)) == 1


def test_a_database_that_hangs_up_is_asked_again(database: str, short_folder: Path, tmp_path: Path) -> None:
    dsn = fresh_database(database)
    name = dsn.rpartition("dbname=")[2]
    with RunningSimulator(
        "simulators.backend", "--state", str(short_folder / "op"), "--postgres", dsn, control=short_folder / "c"
    ) as running:
        operator = Operator(running, short_folder / "op")
        unit = Unit.enrolled(operator, tmp_path / "u", "RNT-PG")
        request = unit.request(operator.blank())
        with psycopg.connect(database, autocommit=True) as console:
            console.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))
        assert unit.submit(request)[1]["outcome"] == "approved"
        assert len(operator.rows("numbers", request.session)) == 1


STARTER = """
import sys
from tests.support.postgres import postgres
with postgres(durable=False) as dsn:
    print(dsn.split()[0].removeprefix("host="), flush=True)
    sys.stdin.read()
"""


def test_a_server_of_postgres_ends_with_whoever_started_it_even_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        folder = Path(starter.stdout.readline().strip())
        server = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        descriptor = os.pidfd_open(server)
        starter.send_signal(signal.SIGKILL)
    try:
        assert select.select([descriptor], [], [], 60)[0] == [descriptor]
    finally:
        os.close(descriptor)
        shutil.rmtree(folder)
