# SPDX-License-Identifier: Apache-2.0
"""Whom the client talks to, and as whom: every wrong certificate, on either side, ends in its own reason."""

from __future__ import annotations

import datetime as dt
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from firmware.backend import BackendClient, BackendError, BackendRefusedRequest, BackendUnreachable, Why
from hal.deadline import Deadline
from simulators.kit.launch import RunningSimulator
from tests.contract.backend.operator_messages import private_pem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.backend.operator_messages import Operator, Unit


def failure(client: BackendClient) -> BackendError:
    with client, pytest.raises(BackendError) as raised:
        client.time()
    return raised.value


def why(client: BackendClient) -> Why:
    error = failure(client)
    assert isinstance(error, BackendUnreachable)
    return error.why


@pytest.mark.clause("DS-11")
@pytest.mark.parametrize("certificate", ["self-signed", "expired", "other-name"])
def test_a_server_that_is_not_the_operator_is_refused(short_folder: Path, certificate: str) -> None:
    arguments = ("--state", str(short_folder / "op"), "--server-certificate", certificate)
    with RunningSimulator("simulators.backend", *arguments) as running:
        client = BackendClient(running.endpoints["url"], short_folder / "op" / "ca.pem", None, None, 5)
        assert why(client) is Why.SERVER_CERTIFICATE


def test_another_operators_server_is_refused(operator: Operator, short_folder: Path) -> None:
    with RunningSimulator("simulators.backend", "--state", str(short_folder / "op")) as running:
        assert why(BackendClient(operator.url, short_folder / "op" / "ca.pem", None, None, 5)) is Why.SERVER_CERTIFICATE
        assert why(BackendClient(running.endpoints["url"], operator.ca, None, None, 5)) is Why.SERVER_CERTIFICATE


def test_a_server_of_an_older_tls_is_refused(short_folder: Path) -> None:
    with RunningSimulator("simulators.backend", "--state", str(short_folder / "op"), "--tls", "1.2") as running:
        assert why(BackendClient(running.endpoints["url"], short_folder / "op" / "ca.pem", None, None, 5)) is Why.TLS


@pytest.mark.clause("DS-11")
def test_without_a_certificate_the_terminal_is_refused(operator: Operator) -> None:
    error = failure(BackendClient(operator.url, operator.ca, None, None, 5))
    assert isinstance(error, BackendRefusedRequest)
    assert (error.status, error.code) == (401, "UNAUTHENTICATED")


def test_with_the_record_certificate_the_terminal_is_refused(operator: Operator, unit: Unit) -> None:
    client = BackendClient(operator.url, operator.ca, unit.folder / "record.pem", unit.folder / "record-key.pem", 5)
    error = failure(client)
    assert isinstance(error, BackendRefusedRequest)
    assert error.status == 403


def certificate(folder: Path, issuer: ec.EllipticCurvePrivateKey, issuer_name: x509.Name, *, days: int) -> tuple[Path, Path]:
    """A client certificate from one issuer that ends in ``days``."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "RNT-1")])
    end = now + dt.timedelta(days=days)
    builder = x509.CertificateBuilder(issuer_name, subject, key.public_key(), 7, end - dt.timedelta(days=9), end)
    (folder / "made.pem").write_bytes(builder.sign(issuer, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "made-key.pem").write_bytes(private_pem(key))
    return folder / "made.pem", folder / "made-key.pem"


def test_with_an_expired_certificate_the_terminal_is_refused(operator: Operator, tmp_path: Path) -> None:
    ca_key = load_pem_private_key((operator.state / "ca-key.pem").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    ca = x509.load_pem_x509_certificate(operator.ca.read_bytes())
    assert why(BackendClient(operator.url, operator.ca, *certificate(tmp_path, ca_key, ca.subject, days=-1), 5)) is Why.CLIENT_CERTIFICATE


def test_with_another_cas_certificate_the_terminal_is_refused(operator: Operator, tmp_path: Path) -> None:
    ca = x509.load_pem_x509_certificate(operator.ca.read_bytes())
    foreign = ec.generate_private_key(ec.SECP256R1())
    assert why(BackendClient(operator.url, operator.ca, *certificate(tmp_path, foreign, ca.subject, days=1), 5)) is Why.CLIENT_CERTIFICATE


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_port_where_nobody_listens_is_no_connection(operator: Operator, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert why(BackendClient(f"https://127.0.0.1:{port}", operator.ca, None, None, 5)) is Why.CONNECT


def test_a_listener_that_never_shakes_hands_ends_at_the_deadline(operator: Operator, listener: socket.socket) -> None:
    client = BackendClient(f"https://127.0.0.1:{listener.getsockname()[1]}", operator.ca, None, None, 5)
    with client, pytest.raises(BackendUnreachable) as lost:
        client.time(deadline=Deadline.after(0.2))
    assert lost.value.why is Why.DEADLINE


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_a_listener_that_speaks_something_else_is_no_tls(operator: Operator, listener: socket.socket, greeting: bytes) -> None:
    def greet() -> None:
        with listener.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(greeting)

    thread = threading.Thread(target=greet)
    thread.start()
    client = BackendClient(f"https://127.0.0.1:{listener.getsockname()[1]}", operator.ca, None, None, 5)
    assert why(client) is Why.TLS
    thread.join()


def test_a_name_that_does_not_resolve_has_no_address(operator: Operator) -> None:
    assert why(BackendClient("https://nowhere.invalid", operator.ca, None, None, 5)) is Why.ADDRESS
