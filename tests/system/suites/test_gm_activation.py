# SPDX-License-Identifier: Apache-2.0
"""A counter under 国密: provisioned, sold, cancelled, attacked and audited, with an operator whose SM2 is the openssl command's."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware.core import cbor
from firmware.core.cose import Type, read_unverified
from firmware.core.keyring import key_id
from firmware.core.suite import GM, INTERNATIONAL
from firmware.keystore import provider_for
from firmware.runtime import config as configuration
from firmware.runtime import installation
from firmware.runtime.maintenance import Maintenance
from simulators.personas import PERSONAS
from tests.support.staff import Staff
from tests.support.station import ROOT, Station

if TYPE_CHECKING:
    from collections.abc import Iterator

PERSON = PERSONAS["zhang"]


def rnt(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "host_tools.rnt", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def provision(station: Station, *words: str) -> subprocess.CompletedProcess[str]:
    facts = station.facts
    where = ("--terminal", f"local:{station.terminal_toml}", "--operator", facts["url"], "--operator-ca", facts["ca"])
    return rnt("provision", "--yes", *where, "--work-order", facts["work_order"], *words)


@pytest.fixture(scope="module")
def gm_station() -> Iterator[Station]:
    station = Station("--option", "id_reader=--no-pace", "--option", "backend=--suite=gm")
    try:
        refused = provision(station)
        assert refused.returncode != 0, "an operator of the gm suite took a P-256 record key"
        shutil.rmtree(station.state_dir)
        done = provision(station, "--suite", "gm")
        assert done.returncode == 0, done.stdout + done.stderr
        yield station
    finally:
        station.close()


@pytest.fixture
def counter(gm_station: Station) -> Iterator[Station]:
    gm_station.clear()
    gm_station.screen = None
    yield gm_station
    gm_station.stop()


def activate(station: Station) -> dict[str, Any]:
    station.fresh_card()
    station.forget_numbers()
    screen = station.screen or station.start()
    screen.ready()
    station.device("desk", "script", persona="zhang")
    station.device("desk", "start")
    return screen.result()


def trust_keys(counter: Station) -> tuple[str, ...]:
    trust = counter.state_dir / "trust"
    return ("--key", str(trust / "record-cert.pem"), "--operator-ca", counter.facts["ca"], "--trust", str(trust / "trust.json"))


@pytest.mark.slow
def test_activation_under_gm_ends_active_and_verifies_offline(counter: Station) -> None:
    result = activate(counter)
    assert result["outcome"] == "ACTIVE"
    shown = counter.root / "shown.bundle"
    shown.write_bytes(bytes.fromhex(counter.device("backend", "bundle", session=result["session"], fields=[1, 2])["bundle"]))
    counter.stop()
    verified = rnt("record", "verify", str(shown), *trust_keys(counter), "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert result["record_digest"] in verified.stdout
    bundle = cbor.decode(shown.read_bytes())
    for message, kind in ((bundle[257], Type.RECORD), (bundle[259], Type.APPROVAL)):
        assert read_unverified(message, typ=kind).suite is GM
    assert GM.digest(bundle[257]).hex() == result["record_digest"]


@pytest.mark.slow
def test_log_under_gm_is_exported_countersigned_and_verified(counter: Station) -> None:
    assert activate(counter)["outcome"] == "ACTIVE"
    counter.stop()
    log, terminal = counter.root / "unit.log", f"local:{counter.terminal_toml}"
    staff = Staff(counter.root / "staff", lambda people: counter.device("backend", "roster", people=people)["roster"], rnt, terminal, GM)
    staff.install()
    exported = rnt("audit", "export", "--terminal", terminal, "--out", str(log), *staff.warranted("log"))
    assert exported.returncode == 0, exported.stdout + exported.stderr
    verified = rnt("audit", "verify", str(log), *trust_keys(counter))
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.slow
def test_approval_signed_by_a_key_of_the_other_suite_is_refused(counter: Station) -> None:
    counter.fault("backend", at="approve", do="bad_approval", variant="foreign_key")
    assert activate(counter)["outcome"] == "R704"


@pytest.mark.slow
def test_items_under_gm_lie_under_sm4_and_in_the_clear_nowhere(counter: Station) -> None:
    assert activate(counter)["outcome"] == "ACTIVE"
    counter.stop()
    assert len(counter.store_key()) == GM.store_key_length
    files = {path: path.read_bytes() for path in counter.state_dir.rglob("*") if path.is_file()}
    for secret in (PERSON.number.encode(), PERSON.name.encode(), PERSON.address.encode()):
        assert [path for path, content in files.items() if secret in content] == []


def test_certificate_of_an_sm2_key_is_the_cas_and_says_so_to_openssl(gm_station: Station) -> None:
    certificate = gm_station.state_dir / "trust" / "record-cert.pem"
    checked = subprocess.run(
        ["openssl", "verify", "-CAfile", gm_station.facts["ca"], certificate], capture_output=True, text=True, check=True
    )
    shown = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-text"], capture_output=True, text=True, check=True)
    assert "OK" in checked.stdout
    assert "ASN1 OID: SM2" in shown.stdout


def test_terminal_keeps_its_suite(gm_station: Station) -> None:
    serial = json.loads(rnt("terminal", "info", "--terminal", f"local:{gm_station.terminal_toml}", "--json").stdout.splitlines()[-1])[
        "data"
    ]["serial"]
    Path(gm_station.facts["work_order"]).write_text(gm_station.device("backend", "work_order")["token"], encoding="utf-8")
    other = provision(gm_station, "--renew", "--serial", serial, "--suite", "international")
    assert other.returncode != 0
    assert "gm suite for good" in other.stdout + other.stderr
    try:
        made = Maintenance(configuration.load(gm_station.terminal_toml)).keygen("a-later-order", renew=True)
    finally:
        installation.discard(gm_station.state_dir)
    assert provider_for(bytes.fromhex(made["record"]["spki"])).suite is GM
    assert provider_for(bytes.fromhex(made["tls"]["spki"])).suite is INTERNATIONAL


def test_terminal_whose_trust_or_store_key_is_of_the_other_suite_does_not_start(gm_station: Station) -> None:
    state = gm_station.state_dir
    for name, wrong in (("trust/trust.json", international_trust), ("keys/store.key", lambda _: os.urandom(32))):
        path = state / name
        good = path.read_bytes()
        path.write_bytes(wrong(good))
        try:
            entry = [sys.executable, "-m", "firmware.runtime", "--config", str(gm_station.terminal_toml)]
            ended = subprocess.run(entry, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        finally:
            path.write_bytes(good)
        assert ended.returncode != 0


def international_trust(trust: bytes) -> bytes:
    """Return the trust list with an approval key on P-256 instead."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    entry = {"kid": key_id(key).hex(), "spki": base64.b64encode(key).decode(), "purpose": "approval"}
    return json.dumps({**json.loads(trust), "approval_keys": [entry]}).encode()
