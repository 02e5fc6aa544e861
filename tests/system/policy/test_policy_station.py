# SPDX-License-Identifier: Apache-2.0
"""A terminal under signed packs: what its records name, and what keeps new sessions out (R510)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import cbor2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from firmware import packs as shipped
from firmware.core.bundle import read_bundle
from firmware.core.policy import assemble
from firmware.core.record import read_record
from simulators.backend import packs as operator_side
from simulators.backend import signatures

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.station import Station

SENT = ("cn/base", "cn/jiangxi", "cn/mobile")
PACKS = "policy/packs.cbor"


def signed(station: Station, *names: str, key: str = "policy-key.pem", expires: int = 10**6) -> bytes:
    """Return the file of packs as a key of the operator signs them, which end ``expires`` seconds from now."""
    now = int(time.time())
    pem = (station.root / "operator" / key).read_bytes()
    public = load_pem_private_key(pem, None).public_key()
    kid = signatures.key_id(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    head = {1: "operator-0", 4: now + expires, 5: now - 1000, 6: now - 1000, 256: 1}
    payloads = [{**head, **operator_side.claims(operator_side._read(shipped.source_path(name)))} for name in names]
    messages = [
        signatures.sign(cbor2.dumps(payload, canonical=True), typ="rnt-policy", key_pem=pem, kid=kid, aad=b"") for payload in payloads
    ]
    return cbor2.dumps(messages, canonical=True)


@pytest.mark.clause("DS-16")
def test_record_names_the_whole_set_of_packs(counter: Station) -> None:
    screen = counter.start()
    screen.ready()
    counter.device("desk", "start")
    result = screen.result()
    assert result["outcome"] == "ACTIVE"
    bundle = counter.device("backend", "bundle", session=result["session"])["bundle"]
    facts = read_record(read_bundle(bytes.fromhex(bundle)).record).record.facts
    expected = assemble(shipped.load("cn/base"), [shipped.load(name) for name in SENT])
    assert facts.policy == ("cn/jiangxi+cn/mobile", expected.digest)


@pytest.mark.parametrize(("kind", "code"), [("T15", "R211"), ("T99", "R410")])
def test_business_that_is_not_done_here_is_refused_before_anything_is_asked(counter: Station, kind: str, code: str) -> None:
    screen = counter.start()
    screen.ready()
    counter.device("desk", "start", kind=kind)
    view = screen.wait("view", state="closed")
    assert (view["code"], view["session"]) == (code, None)
    screen.ready()
    assert [m for m in screen.messages if m["type"] == "step"] == []


def left_out(station: Station) -> bytes:
    return signed(station, "cn/base", "cn/mobile")


def expired(station: Station) -> bytes:
    return signed(station, *SENT, expires=-1)


def wrong_key(station: Station) -> bytes:
    return signed(station, *SENT, key="approval-key.pem")


def changed(station: Station) -> bytes:
    content = bytearray((station.state_dir / PACKS).read_bytes())
    content[len(content) // 2] ^= 1
    return bytes(content)


@pytest.mark.clause("T-11")
@pytest.mark.parametrize("spoil", [left_out, expired, wrong_key, changed, lambda _: b"\xff"])
def test_packs_that_may_not_be_used_keep_new_sessions_out(counter: Station, spoil: Callable[[Station], bytes]) -> None:
    (counter.state_dir / PACKS).write_bytes(spoil(counter))
    screen = counter.start()
    view = screen.wait("view", state="out_of_service")
    assert view["code"] == "R510"
    assert screen.session() is None


def test_packs_signed_anew_in_time_open_the_terminal_again(counter: Station) -> None:
    (counter.state_dir / PACKS).write_bytes(signed(counter, *SENT))
    counter.start().ready()
