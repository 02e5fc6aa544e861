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
from firmware.journal import Journal
from simulators.backend import packs as operator_side
from simulators.backend import signatures
from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.station import Station

SENT = ("cn/base", "cn/jiangxi", "cn/mobile")
PACKS = "policy/packs.cbor"


def signed(station: Station, *names: str, key: str = "policy-key.pem", expires: int = 10**6, more: tuple[Path, ...] = ()) -> bytes:
    """Return the file of packs as a key of the operator signs them, which end ``expires`` seconds from now; ``more`` are its own."""
    now = int(time.time())
    pem = (station.root / "operator" / key).read_bytes()
    public = load_pem_private_key(pem, None).public_key()
    kid = signatures.key_id(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    head = {1: "operator-0", 4: now + expires, 5: now - 1000, 6: now - 1000, 256: 1}
    payloads = [{**head, **operator_side.claims(operator_side._read(path))} for path in (*map(shipped.source_path, names), *more)]
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


def limited(station: Station, folder: Path, **limits: int) -> None:
    """Install a pack of the operator's own that sets ``limits``."""
    rules = [f'[[limit]]\nname = "{name}"\nvalue = {value}\nclauses = "O25-03"\nmark = "own"\n' for name, value in limits.items()]
    parent = f"cn/base@{shipped.floor().packs[0].version}"
    source = folder / "short.toml"
    source.write_text("\n".join([f'id = "cn/short"\nversion = 1\nparents = ["{parent}"]\n', *rules]), encoding="utf-8")
    (station.state_dir / PACKS).write_bytes(signed(station, *SENT, more=(source,)))


def left_open(station: Station) -> int:
    with Journal.open(station.state_dir / "journal.db", station.store_key()) as journal:
        return len(journal.open_sessions())


@pytest.mark.clause("O25-03")
@pytest.mark.slow
def test_capture_that_nobody_finishes_in_the_policys_time_is_r207(counter: Station, tmp_path: Path) -> None:
    """The people at the counter are given a minute for each answer; the policy gives the whole capture two seconds."""
    limited(counter, tmp_path, session_max_s=2)
    screen = counter.start()
    screen.ready()
    counter.device("desk", "script", silent_at="notice")
    counter.device("desk", "start")
    result = screen.result()
    assert result["outcome"] == "R207"
    assert counter.device("sim_card", "state")["updates"] == 0
    assert_clean_end(counter, result)


@pytest.mark.clause("RC-10")
@pytest.mark.slow
def test_capsule_over_the_policys_number_is_r511_and_none_of_it_is_kept(counter: Station, tmp_path: Path) -> None:
    limited(counter, tmp_path, offline_pieces=1)
    screen = counter.start()
    screen.ready()
    counter.fault("backend", at="approve", do="hangup", times=0)
    ends = []
    for _ in range(2):
        counter.device("desk", "start", kind="T16", modifiers="S")
        ends.append(screen.result()["outcome"])
        screen.ready()
    assert ends == ["STORED", "R511"]
    slip = counter.device("printer", "receipts")["receipts"][-1]
    assert "代码 Code: R511" in slip
    counter.stop()
    assert left_open(counter) == 1  # the one that waits
    counter.clear()
    counter.start().ready()
    counter.stop()
    assert left_open(counter) == 0  # handed over


@pytest.mark.slow
def test_answer_nobody_carries_in_before_an_approval_would_be_too_old_is_r801(counter: Station, tmp_path: Path) -> None:
    limited(counter, tmp_path, approval_max_age_s=6)
    as_configured = counter.terminal_toml.read_bytes()
    try:
        (tmp_path / "stick").mkdir()
        counter.terminal_toml.write_bytes(as_configured + f'\n[offline]\nfolder = "{tmp_path}/stick"\n'.encode())
        screen = counter.start()
        screen.ready()
    finally:
        counter.terminal_toml.write_bytes(as_configured)
    counter.fault("backend", at="any", do="hangup", times=0)
    counter.device("desk", "start")
    view = screen.wait("view", prompt="carry")
    result = screen.result()
    assert (result["session"], result["outcome"]) == (view["session"], "R801")
    assert list((tmp_path / "stick").iterdir()) == []
    assert counter.device("sim_card", "state")["updates"] == 0
    counter.clear()
    counter.stop()
    counter.start().ready()  # the operator has heard by then that nothing was written
    assert_clean_end(counter, result)
