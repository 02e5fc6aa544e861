# SPDX-License-Identifier: Apache-2.0
"""Enrolment, and who may speak to the operator afterwards."""

from __future__ import annotations

import base64
import datetime as dt
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.contract.backend.operator_messages import Operator, Unit, b64, digest, enrolment_body, private_pem, request_der


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def post(operator: Operator, order: str, body: Any) -> tuple[int, dict[str, Any]]:
    return operator.http("POST", "/v1/enrolments", body, context=operator.anonymous(), headers={"Authorization": f"Bearer {order}"})


@pytest.mark.clause("AH-01")
def test_an_enrolment_gives_certificates_of_one_purpose_each(unit: Unit) -> None:
    tls = x509.load_pem_x509_certificate(unit.enrolment["tls_cert"].encode())
    record = x509.load_pem_x509_certificate(unit.enrolment["record_cert"].encode())
    ca = x509.load_pem_x509_certificate(unit.enrolment["ca"].encode())
    for certificate in (tls, record):
        certificate.verify_directly_issued_by(ca)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"urn:rnt:terminal:{unit.serial}"]
    assert list(tls.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert all(not isinstance(extension.value, x509.ExtendedKeyUsage) for extension in record.extensions)


def test_the_trust_list_names_operator_keys_and_address(operator: Operator, unit: Unit) -> None:
    trust = unit.enrolment["trust"]
    assert set(trust) == {"operator_id", "backend_url", "approval_keys", "vault_key", "policy_keys", "policy"}
    assert trust["backend_url"] == operator.url
    assert len(base64.b64decode(trust["vault_key"], validate=True)) == 32
    (approval,) = trust["approval_keys"]
    assert approval["kid"] == digest(base64.b64decode(approval["spki"], validate=True))[:16].hex()
    assert approval["purpose"] == "approval"


def test_the_ready_line_names_a_usable_work_order(operator: Operator) -> None:
    order = Path(operator.running.endpoints["work_order"]).read_text()
    assert post(operator, order, enrolment_body("RNT-READY", key(), key(), order))[0] == 200


def test_a_work_order_is_good_once_but_its_request_may_be_repeated(operator: Operator) -> None:
    order = operator.control("work_order")["token"]
    body = enrolment_body("RNT-ONCE", key(), key(), order)
    assert post(operator, order, body) == post(operator, order, body)
    status, answer = post(operator, order, enrolment_body("RNT-ONCE", key(), key(), order))
    assert (status, answer["code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("order", ["", "nonsense"])
def test_without_a_work_order_nobody_enrols(operator: Operator, order: str) -> None:
    assert post(operator, order, enrolment_body("RNT-NO", key(), key(), order))[0] == 401


@pytest.mark.parametrize("wrong", ["serial", "purpose", "order", "one-key", "garbage", "protection", "curve"])
def test_a_certificate_request_that_does_not_fit_is_refused_and_costs_nothing(operator: Operator, wrong: str) -> None:
    order = operator.control("work_order")["token"]
    record, tls = key(), key()
    body = enrolment_body("RNT-WRONG", record, tls, order)
    other = {
        "serial": lambda: request_der(tls, "RNT-ELSE", "tls", order),
        "purpose": lambda: request_der(tls, "RNT-WRONG", "record", order),
        "order": lambda: request_der(tls, "RNT-WRONG", "tls", "another"),
        "one-key": lambda: request_der(record, "RNT-WRONG", "tls", order),
        "garbage": lambda: os.urandom(300),
        "protection": lambda: request_der(tls, "RNT-WRONG", "tls", order, protection="hope"),
        "curve": lambda: request_der(ec.generate_private_key(ec.SECP384R1()), "RNT-WRONG", "tls", order),
    }
    assert post(operator, order, {**body, "tls_csr": b64(other[wrong]())})[0] == 400
    assert post(operator, order, body)[0] == 200


def test_every_other_path_demands_a_certificate(operator: Operator) -> None:
    for method, path in (("GET", "/v1/time"), ("POST", "/v1/activations"), ("GET", "/v1/activations/" + "0" * 32), ("GET", "/")):
        assert operator.http(method, path, {} if method == "POST" else None, context=operator.anonymous())[0] == 401


def test_the_record_certificate_does_not_open_the_door(unit: Unit) -> None:
    status, answer = unit.operator.http("GET", "/v1/time", context=unit.context("record.pem", "record-key.pem"))
    assert (status, answer["code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.clause("AH-01")
def test_a_replaced_certificate_ends_with_the_new_one(operator: Operator, unit: Unit, tmp_path: Path) -> None:
    again = Unit.enrolled(operator, tmp_path / "again", unit.serial)
    assert unit.http("GET", "/v1/time")[0] == 403
    assert again.http("GET", "/v1/time")[0] == 200
    assert again.submit(again.request(operator.blank()))[1]["outcome"] == "approved"


def test_a_certificate_of_another_ca_is_refused_in_the_handshake(operator: Operator, unit: Unit) -> None:
    foreign = key()
    (unit.folder / "foreign-key.pem").write_bytes(private_pem(foreign))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, unit.serial)])
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    builder = x509.CertificateBuilder(name, name, foreign.public_key(), 1, begin, begin + dt.timedelta(days=1))
    (unit.folder / "foreign.pem").write_bytes(builder.sign(foreign, hashes.SHA256()).public_bytes(Encoding.PEM))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        operator.http("GET", "/v1/time", context=unit.context("foreign.pem", "foreign-key.pem"))


def test_a_heartbeat_names_its_own_terminal(unit: Unit) -> None:
    assert unit.http("POST", "/v1/heartbeat", {"serial": unit.serial})[0] == 200
    assert unit.http("POST", "/v1/heartbeat", {"serial": "RNT-ELSE"})[0] == 403


def test_another_terminals_activation_is_not_shown(operator: Operator, unit: Unit, tmp_path: Path) -> None:
    request = unit.request(operator.blank())
    unit.submit(request)
    other = Unit.enrolled(operator, tmp_path / "other", "RNT-" + os.urandom(4).hex())
    assert other.http("GET", f"/v1/activations/{request.session.hex()}")[0] == 404
