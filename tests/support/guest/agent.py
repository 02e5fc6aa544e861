# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest, as its only service: starts udev with the board's rules and device workers, and carries their lines to the host.

Each line from the host is one JSON object, and so is each line to it.

===============================================  ==========================================================================
``{"start": n, "config": {…}, "uid": u}``        worker ``n``, the shipped ``hal.worker`` body, as user ``u``; no reply
``{"worker": n, "line": {…}}``                   a request to it; its answers come back in the same form, when they come
``{"stop": n}``                                  its channel is closed, its end awaited: ``{"reply": exit code}``
``{"run": [argv]}``                              a program of the host's, at most 20 s: ``{"reply": [code, output]}``
===============================================  ==========================================================================

A worker is forked from here, with the driver's modules loaded before it becomes another user: reading Python files is slow in the guest,
and the checkout may lie where that user could not look.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import selectors
import shutil
import socket
import subprocess
import traceback
from pathlib import Path
from typing import Any

import hal.id_reader
import hal.link
import hal.worker

CHECKOUT = Path(__file__).resolve().parents[3]
RNT = 990
"""The terminal's user and group in the guest."""


def load() -> None:
    """Import what a worker may need while every file may still be read."""
    importlib.import_module("usb.backend.libusb1")
    for package in (hal.id_reader, hal.link):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def prepare() -> None:
    """Make the guest a terminal as far as device nodes go: the group, the board's rules, udev."""
    group = Path("/run/group")
    group.write_text(f"{Path('/etc/group').read_text(encoding='utf-8').rstrip()}\nrnt:x:{RNT}:\n", encoding="utf-8")
    subprocess.run(["mount", "--bind", str(group), "/etc/group"], check=True)
    rules = Path("/run/udev/rules.d")
    rules.mkdir(parents=True)
    shutil.copy(CHECKOUT / "board/udev/60-rnt.rules", rules)
    subprocess.run(["/lib/systemd/systemd-udevd", "--daemon"], check=True)


def run(argv: list[str]) -> list[Any]:
    """Run a program to its end and return its code and what it said."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=90)
    return [done.returncode, done.stdout]


class Agent:
    """The host's port, and the workers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._heard = b""
        self._workers: dict[int, tuple[int, socket.socket]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(port, selectors.EVENT_READ, self._from_host)

    def serve(self) -> None:
        """Go on for ever; the host ends the machine."""
        self.say({"ready": Path("/proc/uptime").read_text(encoding="ascii").split()[0]})
        while True:
            for key, _ in self._selector.select():
                key.data()

    def say(self, message: dict[str, Any]) -> None:
        """Send one line to the host."""
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self._port, line) :]

    def _from_host(self) -> None:
        self._heard += os.read(self._port, 65536)
        while b"\n" in self._heard:
            line, _, self._heard = self._heard.partition(b"\n")
            self._do(json.loads(line))

    def _do(self, asked: dict[str, Any]) -> None:
        if "start" in asked:
            self._start(asked["start"], asked["config"], asked["uid"])
        elif "worker" in asked:
            self._workers[asked["worker"]][1].sendall(json.dumps(asked["line"]).encode() + b"\n")
        elif "stop" in asked:
            self.say({"reply": self._stop(asked["stop"])})
        else:
            self.say({"reply": run(asked["run"])})

    def _start(self, number: int, config: dict[str, Any], uid: int) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            self._become_worker(theirs, ours, uid)
        theirs.close()
        ours.sendall(json.dumps({"config": config}).encode() + b"\n")
        self._workers[number] = (pid, ours)
        heard = bytearray()
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._from_worker(number, ours, heard))

    def _become_worker(self, channel: socket.socket, other: socket.socket, uid: int) -> None:
        """Never returns: the forked child is the worker."""
        code = 1
        try:
            for held in (other, *(channel for _, channel in self._workers.values())):  # a channel ends with its last holder
                held.close()
            os.close(self._port)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            hal.worker.serve(channel, "id_reader")
            code = 0
        except BaseException:  # noqa: BLE001  # told on the console; the child must never become a second agent
            traceback.print_exc()
        finally:
            os._exit(code)

    def _from_worker(self, number: int, channel: socket.socket, heard: bytearray) -> None:
        part = channel.recv(65536)
        if not part:
            self._selector.unregister(channel)
            return
        heard += part
        while b"\n" in heard:
            line, _, rest = bytes(heard).partition(b"\n")
            heard[:] = rest
            self.say({"worker": number, "line": json.loads(line)})

    def _stop(self, number: int) -> int:
        pid, channel = self._workers.pop(number)
        if channel in {key.fileobj for key in self._selector.get_map().values()}:
            self._selector.unregister(channel)
        channel.close()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Say on the console what stops the agent; the machine ends with it."""
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", TMPDIR="/run")
    prepare()
    load()
    Agent(os.open(next(Path("/dev").glob("vport*")), os.O_RDWR)).serve()


if __name__ == "__main__":
    main()
