# SPDX-License-Identifier: Apache-2.0
"""Provisioning with a controller that seals the keys: its own firmware on MicroPython, the maintenance process, the operator's backend."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from firmware.journal import ItemGone, Journal
from firmware.keystore import SealBroken, SealedElsewhere, load_store_key, open_signer
from firmware.runtime import config as configuration
from firmware.runtime.device_keys import DeviceKeys
from firmware.runtime.maintenance import Maintenance
from firmware.runtime.sealing import seal_of
from host_tools.rnt.outcome import ExitCode
from simulators.kit.launch import RunningSimulator
from tests.support.staff import Staff
from tests.support.station import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.rnt_bench import Bench

SESSION = bytes(range(16))


@pytest.fixture
def controller(bench: Bench) -> Iterator[Callable[..., RunningSimulator]]:
    """Put a controller at the terminal's port, in place of any other; ``arguments`` are its simulator's."""
    bench.config.write_text(bench.config.read_text().replace('seal = "none"', 'seal = "controller"'))
    with ExitStack() as stack:
        running: list[RunningSimulator] = []

        def connect(*arguments: str) -> RunningSimulator:
            for old in running:
                old.stop()
            control, link = bench.folder / f"c{len(running)}.sock", bench.folder / "controller"
            new = RunningSimulator("simulators.controller", "--link", str(link), *arguments, control=control)
            running.append(stack.enter_context(new))
            return new

        yield connect


def plain_keys(state: Path) -> list[str]:
    return [path.name for path in state.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def started(bench: Bench) -> tuple[int, dict[str, str]]:
    """Start the terminal, which cannot work, and return how it ended."""
    command = [sys.executable, "-m", "firmware.runtime", "--config", str(bench.config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stderr.splitlines()[-1])


def test_provision_has_a_new_controller_make_its_secret_and_seals_every_key(
    bench: Bench, controller: Callable[..., RunningSimulator]
) -> None:
    first = controller("--state", "unprovisioned", "--flash", str(bench.folder / "flash"))
    assert bench.provision().code == ExitCode.OK
    secret = first.control("secret")["page"][8:72]
    assert first.control("secret")["page"][:8] == b"RNTS".hex()
    assert plain_keys(bench.state) == []
    assert not [p for p in bench.state.rglob("*") if p.is_file() and bytes.fromhex(secret) in p.read_bytes()]
    assert bench.doctor("key-files")["key-files"]["verdict"] == "ok"
    config = configuration.load(bench.config)
    copied = bench.folder / "stolen"
    shutil.copytree(bench.state, copied)
    signer = open_signer("file:keys/record.pem", copied, seal_of(config))
    assert len(signer.sign(b"x")) == 64
    controller("--state", "ready")  # the thief's: any other controller
    for call in (
        lambda: open_signer("file:keys/record.pem", copied, seal_of(config)),
        lambda: open_signer("file:keys/tls.pem", copied, seal_of(config)),
        lambda: load_store_key(copied / "keys" / "store.key", seal_of(config)),
    ):
        with pytest.raises(SealedElsewhere):
            call()
    first = controller("--flash", str(bench.folder / "flash"))
    assert len(open_signer("file:keys/record.pem", bench.state, seal_of(config)).sign(b"x")) == 64
    first.control("tamper", pulse_ms=0)
    with pytest.raises(SealBroken):
        open_signer("file:keys/record.pem", bench.state, seal_of(config))


def test_provision_with_a_silent_or_open_controller_makes_no_key(bench: Bench, controller: Callable[..., RunningSimulator]) -> None:
    outcome = bench.provision()
    assert outcome.code == ExitCode.NOT_FOUND
    assert "seal" in outcome.result["hint"]
    opened = controller("--state", "unprovisioned", "--tamper-open")
    outcome = bench.provision()
    assert outcome.code == ExitCode.NOT_FOUND
    assert "close it" in json.dumps(outcome.lines)
    assert not (bench.state / "keys").exists()
    opened.control("tamper", open=False)
    assert bench.provision().code == ExitCode.OK


@pytest.mark.slow
def test_replaced_controller_is_told_with_the_next_command_which_renews_and_keeps_the_log(
    bench: Bench, controller: Callable[..., RunningSimulator]
) -> None:
    controller("--state", "unprovisioned")
    assert bench.provision().code == ExitCode.OK
    keys = DeviceKeys(configuration.load(bench.config))
    with Journal.open(bench.state / "journal.db", keys.store_key()) as journal:
        journal.append(SESSION, "started", b"", items={"record": b"an item"})
        size, _ = journal.audit_head()
    controller("--state", "unprovisioned")
    code, told = started(bench)
    assert (code, told["error"]) == (6, "SealedElsewhere")
    assert "rnt provision --renew --serial RNT-000001" in told["text"]
    assert bench.info()["provisioned"] is True
    bench.new_order()
    assert bench.provision("--renew", "--serial", "RNT-000001").code == ExitCode.OK
    with Journal.open(bench.state / "journal.db", keys.store_key()) as journal:
        assert journal.audit_head()[0] == size + 1  # the row that says what was lost
        assert journal.open_sessions() == (SESSION,)
        with pytest.raises(ItemGone):
            journal.item(SESSION, "record")
        assert journal.verify() == size + 1
    assert not keys.lost()


@pytest.mark.slow
def test_tampered_controller_ends_the_keys_and_leaves_the_log_readable(bench: Bench, controller: Callable[..., RunningSimulator]) -> None:
    connected = controller("--state", "unprovisioned")
    assert bench.provision().code == ExitCode.OK
    connected.control("tamper", pulse_ms=0)
    bench.new_order()
    assert bench.provision("--renew", "--serial", "RNT-000001").code == ExitCode.UNSAFE
    out, terminal = bench.folder / "log.rnta", f"local:{bench.config}"
    staff = Staff(bench.folder / "staff", lambda people: bench.operator.control("roster", people=people)["roster"], bench.rnt, terminal)
    staff.install()
    exported = bench.rnt("audit", "export", "--terminal", terminal, "--out", str(out), *staff.warranted("log"))
    assert exported.code == ExitCode.OK, exported.lines
    assert out.stat().st_size > 0


def test_renewal_with_a_controller_seals_the_keys_of_before(bench: Bench, controller: Callable[..., RunningSimulator]) -> None:
    sealing = bench.config.read_text()
    bench.config.write_text(sealing.replace('seal = "controller"', 'seal = "none"'))
    assert bench.provision().code == ExitCode.OK
    assert sorted(plain_keys(bench.state)) == ["record.pem", "tls.pem"]
    store_key = load_store_key(bench.state / "keys" / "store.key")
    bench.config.write_text(sealing)
    controller()
    assert bench.doctor("key-files")["key-files"]["verdict"] == "warn"
    bench.new_order()
    assert bench.provision("--renew", "--serial", "RNT-000001").code == ExitCode.OK
    assert plain_keys(bench.state) == []
    assert DeviceKeys(configuration.load(bench.config)).store_key() == store_key


def cut_at(number: int, state: Path, work: Callable[[], object]) -> bool:
    """Run ``work`` in a child that dies at the ``number``-th change of a file under ``state``; returns whether it came to its end."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    left = number

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"}) and str(arguments[0]).startswith(str(state)):
            left -= 1
            if left < 0:
                os._exit(9)

    try:
        sys.addaudithook(count)
        work()
        os._exit(0)
    finally:
        os._exit(8)


@pytest.mark.slow
def test_power_cut_at_every_file_of_a_renewal_after_a_replaced_controller_loses_no_row(
    bench: Bench, controller: Callable[..., RunningSimulator]
) -> None:
    """The child dies before each change of a file; the same request made again finds a terminal that it can finish."""
    controller("--state", "unprovisioned")
    config = configuration.load(bench.config)
    maintenance = Maintenance(config)
    maintenance.keygen("order")
    keys = DeviceKeys(config)
    with Journal.open(bench.state / "journal.db", keys.store_key()) as journal:
        journal.append(SESSION, "started", b"", items={"record": b"an item"}, close=True)
    shutil.copytree(bench.state, bench.folder / "before")
    controller("--state", "unprovisioned")
    number, whole = 0, False
    while not whole:
        whole = cut_at(number, bench.state, lambda: maintenance.keygen("order", renew=True))
        made = maintenance.keygen("order", renew=True)
        assert made == maintenance.keygen("order", renew=True)
        with Journal.open(bench.state / "journal.db", keys.store_key()) as journal:
            assert len(journal.rows(SESSION)) == 1
            assert journal.verify() in {2, 3}
        assert not list(bench.state.glob("keys/*.next"))
        shutil.rmtree(bench.state)
        shutil.copytree(bench.folder / "before", bench.state)
        number += 1
    assert number > 12
