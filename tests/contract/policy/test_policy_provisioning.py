# SPDX-License-Identifier: Apache-2.0
"""Signed packs from the operator to the terminal: encoded alike by both sides, verified before they are put in place."""

import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware import packs
from firmware.core import cbor
from firmware.runtime.policies import PACKS
from simulators.backend import packs as operator_side
from simulators.backend.authority import Authority
from simulators.kit.launch import RunningSimulator
from tests.support.rnt_bench import TEMPLATE, Bench

SHIPPED = ("cn/base", "cn/unicom", "cn/tibet")


@contextmanager
def bench_with(*options: str, folder: Path | None = None) -> Iterator[Bench]:
    """Yield a terminal and an operator with ``options``; a ``folder`` given is used again and left."""
    place = folder or Path(tempfile.mkdtemp(prefix="rnt-"))
    try:
        (place / "operator.sock").unlink(missing_ok=True)
        state = str(place / "operator")
        with RunningSimulator("simulators.backend", "--state", state, *options, control=place / "operator.sock") as operator:
            built = Bench(place, operator)
            built.config.write_text(TEMPLATE.format(folder=place, url=operator.endpoints["url"]), encoding="utf-8")
            built.new_order()
            yield built
    finally:
        if folder is None:
            shutil.rmtree(place)


def sent(*names: str) -> list[str]:
    return [part for name in names for part in ("--pack", str(packs.source_path(name)))]


def renewed(bench: Bench) -> Any:
    return bench.provision("--renew", serial="RNT-000001")


@pytest.mark.parametrize("name", packs.shipped())
def test_operator_and_terminal_encode_a_source_alike(name: str) -> None:
    theirs = operator_side.claims(operator_side._read(packs.source_path(name)))
    assert cbor.encode(theirs) == cbor.encode(packs.load(name).to_claims())


def test_provisioned_terminal_holds_the_operators_packs_and_says_so() -> None:
    with bench_with(*sent(*SHIPPED), "--channel", "2") as bench:
        assert bench.provision().code == 0
        policy = bench.info()["policy"]
    assert (policy["set"], policy["channel"], policy["refused"]) == ("cn/tibet+cn/unicom", 2, "")
    assert [pack["id"] for pack in policy["packs"]] == sorted(SHIPPED)
    assert policy["expires"] is not None


def test_operator_without_packs_leaves_the_floor() -> None:
    with bench_with() as bench:
        assert bench.provision().code == 0
        assert bench.info()["policy"]["set"] == "cn/base"


def test_weaker_pack_of_the_operator_is_not_installed(tmp_path: Path) -> None:
    weak = tmp_path / "cn-weak.toml"
    rule = '[[limit]]\nname = "read_tries"\nvalue = 9\nclauses = "N182-2a"\nmark = "own"\n'
    weak.write_text(f'id = "cn/weak"\nversion = 1\nparents = ["cn/base@2"]\n{rule}', encoding="utf-8")
    with bench_with("--pack", str(weak)) as bench:
        outcome = bench.provision()
        assert outcome.code == 7
        assert "read_tries 9, at 3 below" in outcome.result["message"]
        assert not (bench.state / PACKS).exists()
        assert not bench.info()["provisioned"]


def test_expired_packs_are_not_installed() -> None:
    with bench_with(*sent("cn/base"), "--pack-days", "-1") as bench:
        outcome = bench.provision()
    assert outcome.code == 7
    assert "expired" in outcome.result["message"]


@pytest.mark.clause("T-11")
def test_older_version_does_not_replace_a_newer_one_and_what_was_there_stays(tmp_path: Path) -> None:
    source = packs.source_path("cn/mobile").read_text(encoding="utf-8")
    newer = tmp_path / "cn-mobile.toml"
    newer.write_text(source.replace("version = 1", "version = 2"), encoding="utf-8")
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    try:
        with bench_with("--pack", str(newer), folder=folder) as bench:
            assert bench.provision().code == 0
            before = (bench.state / PACKS).read_bytes()
        with bench_with(*sent("cn/mobile"), folder=folder) as bench:
            outcome = renewed(bench)
            assert outcome.code == 7
            assert "version 1 would replace 2" in outcome.result["message"]
            assert (bench.state / PACKS).read_bytes() == before
    finally:
        shutil.rmtree(folder)


def test_renewed_terminal_holds_the_packs_of_the_last_time_only() -> None:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    try:
        with bench_with(*sent("cn/base", "cn/unicom"), folder=folder) as bench:
            assert bench.provision().code == 0
        with bench_with(*sent("cn/base", "cn/telecom"), folder=folder) as bench:
            assert renewed(bench).code == 0
            assert bench.info()["policy"]["set"] == "cn/telecom"
    finally:
        shutil.rmtree(folder)


def signed_files(bench: Bench, *names: str, days: float = 1) -> list[str]:
    """Return the files of packs as the operator of ``bench`` signs them now."""
    authority = Authority(bench.folder / "operator", tls_days=1, record_days=1)
    signed = operator_side.Packs(authority, "operator-0", [packs.source_path(name) for name in names], days).signed()
    files = []
    for name, text in zip(names, signed, strict=True):
        path = bench.folder / f"{name.replace('/', '-')}.cose"
        path.write_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        files.append(str(path))
    return files


def test_packs_signed_anew_are_installed_and_bad_ones_leave_what_was_there() -> None:
    with bench_with(*sent("cn/base")) as bench:
        assert bench.provision().code == 0
        terminal = ("--terminal", f"local:{bench.config}", "--yes")
        installed = bench.rnt("policy", "install", *signed_files(bench, "cn/base", "cn/telecom"), *terminal)
        assert (installed.code, installed.data["policy"]["set"]) == (0, "cn/telecom")
        before = (bench.state / PACKS).read_bytes()
        for files, told in (
            (signed_files(bench, "cn/telecom"), "cn/base: missing"),
            ([str(bench.config)], "malformed"),
        ):
            refused = bench.rnt("policy", "install", *files, *terminal)
            assert refused.code == 7
            assert told in refused.result["message"]
            assert (bench.state / PACKS).read_bytes() == before
        planned = bench.rnt("policy", "install", *signed_files(bench, "cn/base"), *terminal, "--dry-run")
        assert planned.data["files"] == ["cn-base.cose"]
        assert (bench.state / PACKS).read_bytes() == before
