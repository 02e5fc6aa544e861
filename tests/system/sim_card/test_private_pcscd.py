# SPDX-License-Identifier: Apache-2.0
"""The private PC/SC service: apart from every other one, and gone with whoever started it."""

import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.kit.launch import RunningSimulator
from simulators.pcscd.probe import readers

MODULE = "simulators.pcscd"


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="rnt-p-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _connect(path: str) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.settimeout(8)
    channel.connect(path)
    return channel


def _ended(channel: socket.socket) -> bool:
    """Whether the other end goes away; a connection that waited in the queue ends with a reset."""
    try:
        return channel.recv(1) in (b"", b"-")
    except ConnectionResetError:
        return True


def test_private_pcscd_twice_at_once_do_not_meet_and_leave_the_machine_alone(folder: Path) -> None:
    system = Path("/run/pcscd")
    before = sorted(system.iterdir()) if system.exists() else None
    with (
        RunningSimulator(MODULE, "--run-dir", str(folder / "a")) as one,
        RunningSimulator(MODULE, "--run-dir", str(folder / "b"), "--name", "x") as two,
    ):
        assert one.endpoints["reader"] == "rnt SIM writer 00 00"
        assert readers(Path(two.endpoints["pcscd_socket"])) == ["x 00 00", "x 00 01"]
    assert (sorted(system.iterdir()) if system.exists() else None) == before


def test_private_pcscd_ends_when_its_starter_is_killed(folder: Path) -> None:
    service = RunningSimulator(MODULE, "--run-dir", str(folder))
    with _connect(service.endpoints["slot_socket"]) as slots, _connect(service.endpoints["pcscd_socket"]) as clients:
        service.kill()
        assert _ended(slots)
        assert _ended(clients)


def test_private_pcscd_hands_out_a_connected_slot_and_refuses_others(folder: Path) -> None:
    with RunningSimulator(MODULE, "--run-dir", str(folder)) as service:
        for slot, answer, number in ((0, b"+", 1), (1, b"+", 1), (2, b"-", 0)):
            with _connect(service.endpoints["slot_socket"]) as channel:
                channel.sendall(bytes([slot]))
                data, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
                assert (data, len(descriptors)) == (answer, number)
                for descriptor in descriptors:
                    os.close(descriptor)


def test_private_pcscd_restarted_serves_at_the_same_socket(folder: Path) -> None:
    with RunningSimulator(MODULE, "--run-dir", str(folder), control=folder / "c.sock") as service:
        with _connect(service.endpoints["pcscd_socket"]) as old:
            old.sendall(struct.pack("=IIiiI", 12, 0x11, 4, 4, 0))  # its version, so that pcscd has taken the connection from the queue
            assert len(old.recv(12)) == 12
            service.control("restart")
            assert _ended(old)
        assert readers(Path(service.endpoints["pcscd_socket"]))[0] == service.endpoints["reader"]
