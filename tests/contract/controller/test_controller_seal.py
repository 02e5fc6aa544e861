# SPDX-License-Identifier: Apache-2.0
"""The controller asked to unseal at the terminal's start, while the worker of a killed predecessor may still hold its port."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from firmware.keystore import KeyUnavailable
from firmware.runtime.sealing import ControllerSeal
from hal.controller.driver import BAUD
from hal.link.serial import SerialLink
from simulators.kit.launch import RunningSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT = bytes(32)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    with RunningSimulator("simulators.controller", "--state", "ready", control=tmp_path / "c.sock") as controller:
        yield str(controller.endpoints["port"])


def test_port_that_somebody_still_holds_is_waited_for(port: str) -> None:
    seal = ControllerSeal({"port": port})
    share, found = seal.share(CONTEXT), []
    predecessor = SerialLink(port, BAUD)
    asking = threading.Thread(target=lambda: found.append(seal.share(CONTEXT)))
    asking.start()
    asking.join(0.2)
    assert asking.is_alive()
    predecessor.close()
    asking.join(20)
    assert found == [share]


@pytest.mark.slow
def test_port_that_nobody_lets_go_is_one_error(port: str) -> None:
    with ExitStack() as stack:
        stack.callback(SerialLink(port, BAUD).close)
        with pytest.raises(KeyUnavailable):
            ControllerSeal({"port": port}).share(CONTEXT)
