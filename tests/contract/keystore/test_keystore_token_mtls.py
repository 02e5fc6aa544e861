# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS with a key that never leaves its token: the platform's OpenSSL, Debian's pkcs11-provider, a real operator on the wire."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from host_tools.rnt.outcome import ExitCode
from simulators.kit.launch import RunningSimulator
from tests.contract.keystore.conftest import token
from tests.support.openssl_provider import configuration
from tests.support.rnt_bench import TEMPLATE, Bench
from tests.support.tokens import TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bench() -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="rnt-"))
    try:
        with RunningSimulator("simulators.backend", "--state", str(folder / "operator"), control=folder / "operator.sock") as operator:
            yield Bench(folder, operator)
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TOKENS)
def test_operator_is_reached_with_a_tls_key_that_stays_on_its_token(bench: Bench, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Provisioned by configuration only; without the provider, or without the token, the very same terminal is refused."""
    with token(kind, monkeypatch) as made:
        text = TEMPLATE.format(folder=bench.folder, url=bench.operator.endpoints["url"])
        bench.config.write_text(text.replace("[keys]", f'[keys]\ntls = "{made.uri("tls")}"'))
        bench.new_order()
        with monkeypatch.context() as loaded:
            loaded.setenv("OPENSSL_CONF", str(configuration(made.home, made.module)))
            assert bench.provision().code == ExitCode.OK
            assert bench.info()["keys"]["tls"]["protection"] == "token"
            assert bench.doctor("backend")["backend"]["verdict"] == "ok"
            assert "PRIVATE KEY" not in (bench.state / "keys" / "tls.uri.pem").read_text()
            assert not (bench.state / "keys" / "tls.pem").exists()
        assert bench.doctor("backend")["backend"]["verdict"] == "unknown"  # no provider is configured
        made.unplug()
        with monkeypatch.context() as loaded:
            loaded.setenv("OPENSSL_CONF", str(configuration(made.home, made.module)))
            assert bench.doctor("backend")["backend"]["verdict"] != "ok"
