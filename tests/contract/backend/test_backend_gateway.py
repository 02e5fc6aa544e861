# SPDX-License-Identifier: Apache-2.0
"""The gateway as a server: verifiers in processes of their own, two gateways on one database, silent and broken connections."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simulators.kit.launch import RunningSimulator
from tests.contract.backend.operator_messages import Operator, Request, Unit, person
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@pytest.fixture
def with_worker(short_folder: Path) -> Iterator[Operator]:
    arguments = ("--state", str(short_folder / "op"), "--workers", "1", "--idle-s", "0.5")
    with RunningSimulator("simulators.backend", *arguments, control=short_folder / "c") as running:
        yield Operator(running, short_folder / "op")


def children(operator: Operator) -> list[int]:
    pid = operator.running.process.pid
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def line(operator: Operator, unit: Unit) -> ssl.SSLSocket:
    port = int(operator.url.rsplit(":", 1)[1])
    return unit.context().wrap_socket(socket.create_connection(("localhost", port), timeout=15), server_hostname="localhost")


def test_records_are_verified_by_another_process_with_the_same_outcomes(with_worker: Operator, tmp_path: Path) -> None:
    unit = Unit.enrolled(with_worker, tmp_path / "u", "RNT-W")
    good, forged = unit.request(with_worker.blank()), unit.request(with_worker.blank(), c259="ocr")
    assert unit.submit(good)[1]["outcome"] == "approved"
    assert unit.submit(forged)[1]["code"] == "R115"
    assert unit.http("POST", "/v1/activations", b"{", Idempotency_Key="0" * 32)[0] == 400
    assert unit.submit(good)[1]["outcome"] == "approved"


def test_without_its_verifier_the_gateway_says_unavailable(with_worker: Operator, tmp_path: Path) -> None:
    unit = Unit.enrolled(with_worker, tmp_path / "u", "RNT-W")
    first = unit.request(with_worker.blank())
    assert unit.submit(first)[1]["outcome"] == "approved"
    (verifier,) = children(with_worker)
    os.kill(verifier, signal.SIGKILL)
    assert unit.submit(unit.request(with_worker.blank()))[0] == 503
    assert unit.http("GET", f"/v1/activations/{first.session.hex()}")[1]["outcome"] == "approved"


def test_a_verifier_ends_with_its_gateway(with_worker: Operator) -> None:
    (verifier,) = children(with_worker)
    stat = Path(f"/proc/{verifier}/stat")
    born = stat.read_text().rsplit(")", 1)[1].split()[19]
    with_worker.running.kill()
    for _ in iter(lambda: stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[19] == born and not _zombie(stat), False):
        os.sched_yield()


def _zombie(stat: Path) -> bool:
    return stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.mark.parametrize(
    "said", [b"", b"POST /v1/time HTTP/1.1\r\nContent-Le", b"POST /v1/heartbeat HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_connection_that_goes_silent_is_closed(with_worker: Operator, tmp_path: Path, said: bytes) -> None:
    unit = Unit.enrolled(with_worker, tmp_path / "u", "RNT-W")
    with line(with_worker, unit) as connection:
        connection.sendall(said)
        assert connection.recv(1) == b""
    assert unit.http("GET", "/v1/time")[0] == 200


@pytest.mark.parametrize("said", [b"\x16\x03\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"POST /v1/time HTTP/1.1\r\nContent-Length: -1\r\n\r\n"])
def test_what_is_no_http_is_answered_in_the_form_of_errors(operator: Operator, unit: Unit, said: bytes) -> None:
    with line(operator, unit) as connection:
        connection.sendall(said)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))
    assert b'"code": "INVALID_ARGUMENT"' in answer


def test_a_correlator_comes_back_and_a_bad_one_is_refused(unit: Unit) -> None:
    port = int(unit.operator.url.rsplit(":", 1)[1])
    for told, status in (("a-1.b:2", b"200"), ("b c", b"400")):
        with line(unit.operator, unit) as connection:
            connection.sendall(
                f"GET /v1/time HTTP/1.1\r\nHost: localhost:{port}\r\nX-Correlator: {told}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: connection.recv(4096), b"")).lower()
        assert answer.split()[1] == status
        assert (f"x-correlator: {told}\r\n".encode() in answer) is (status == b"200")


def test_two_gateways_on_one_database_are_one_operator(database: str, short_folder: Path, tmp_path: Path) -> None:
    arguments = ("--state", str(short_folder / "op"), "--postgres", fresh_database(database))
    with RunningSimulator("simulators.backend", *arguments, control=short_folder / "1") as one:
        first = Operator(one, short_folder / "op")
        unit = Unit.enrolled(first, tmp_path / "u", "RNT-TWO")
        with RunningSimulator("simulators.backend", *arguments, "--port", free_port(), control=short_folder / "2") as two:
            second = Operator(two, short_folder / "op", counter=1000)
            request = unit.request(first.blank())
            assert answers_of_both(unit, request, [first, second] * 4) == {"approved"}
            assert len(second.rows("numbers", request.session)) == 1
            fields = person()
            racers = [Unit.enrolled(second, tmp_path / str(n), f"RNT-{n}") for n in range(8)]
            requests = [racer.request(first.blank(), fields) for racer in racers]
            for racer, operator in zip(racers, [first, second] * 4, strict=True):
                racer.operator = operator
            with ThreadPoolExecutor(8) as pool:
                ends = [end["outcome"] for _, end in pool.map(lambda pair: pair[0].submit(pair[1]), zip(racers, requests, strict=True))]
            assert ends.count("approved") == 5


def answers_of_both(unit: Unit, request: Request, operators: list[Operator]) -> set[Any]:
    """Send one request to several gateways at once; returns the outcomes. All answers are the same."""
    context = unit.context()

    def ask(operator: Operator) -> tuple[int, dict[str, Any]]:
        return operator.http("POST", "/v1/activations", request.body, context=context, headers={"Idempotency-Key": request.session.hex()})

    with ThreadPoolExecutor(len(operators)) as pool:
        answers = list(pool.map(ask, operators))
    assert all(answer == answers[0] for answer in answers)
    return {answer["outcome"] for _, answer in answers}


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])
