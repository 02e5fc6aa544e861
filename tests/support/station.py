# SPDX-License-Identifier: Apache-2.0
"""A whole counter for tests: a rig of simulators, a provisioned terminal process, and eyes on its screen.

Everything is real but the devices: the terminal is ``python -m firmware.runtime`` (or a test's own entry point that cuts its power at a
chosen row), the engineer's tool provisions it, and its truth is read back from simulators, journal and operator.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from firmware.keystore import KeyUnavailable, Seal, load_store_key
from firmware.runtime import config as configuration
from firmware.runtime.sealing import seal_of
from simulators.kit.launch import RunningSimulator
from simulators.personas import PERSONAS
from simulators.rig.blanks import announcement
from simulators.sim_card.personas import CARDS

ROOT = Path(__file__).parents[2]
_blank_numbers = itertools.count(1)


class Station:
    """One rig and one terminal. ``options`` go to ``simulators.rig``."""

    def __init__(self, *options: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="rnt-s-"))
        self.rig = RunningSimulator("simulators.rig", "--run-dir", str(self.root), *options, control=self.root / "rig.sock", deadline_s=60)
        self.terminal_toml = Path(self.rig.endpoints["terminal"])
        self.facts: dict[str, Any] = json.loads(Path(self.rig.endpoints["rig"]).read_text(encoding="utf-8"))
        self.state_dir = self.root / "state"
        self.terminal: subprocess.Popen[bytes] | None = None
        self.screen: Screen | None = None

    def provision(self) -> None:
        """Provision the terminal with the engineer's own tool."""
        command = [
            sys.executable, "-m", "host_tools.rnt", "provision", "--yes", "--terminal", f"local:{self.terminal_toml}",
            "--operator", self.facts["url"], "--operator-ca", self.facts["ca"], "--work-order", self.facts["work_order"],
        ]  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=60)

    def start(self, *entry: str) -> Screen:
        """Start the terminal, by default the shipped one; returns its screen, connected."""
        command = [sys.executable, *(entry or ("-m", "firmware.runtime")), "--config", str(self.terminal_toml)]
        with (self.root / "terminal.err").open("ab") as errors:
            self.terminal = subprocess.Popen(command, cwd=ROOT, stdout=errors, stderr=errors)
        self.screen = Screen(self.root / "run" / "kiosk.sock", self.terminal)
        return self.screen

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the terminal and return its exit code."""
        if self.terminal is None:
            return 0
        with suppress(ProcessLookupError):
            self.terminal.send_signal(how)
        code = self.terminal.wait(20)
        self.terminal = None
        return code

    def ended(self) -> int:
        """Wait for a terminal that was told to end, and return its exit code; a second signal could hit it on its way out."""
        if self.terminal is None:
            return 0
        code = self.terminal.wait(30)
        self.terminal = None
        return code

    def device(self, name: str, cmd: str, **request: Any) -> dict[str, Any]:
        """Send one control command to a simulator; whoever waits for the answer waits longer than the ``timeout`` it asked for."""
        patience = 2 * float(request.get("timeout", 10)) + 10
        answer: dict[str, Any] = self.rig.control("device", device=name, request={"cmd": cmd, **request}, timeout=patience)["answer"]
        return answer

    def fault(self, device: str, **fault: Any) -> None:
        """Plan one fault."""
        self.device(device, "fault", fault=fault)

    def clear(self) -> None:
        """Forget all planned faults and every change of the people's script; plug in what was unplugged."""
        for name in self.facts["devices"]:
            self.device(name, "clear_faults")
        self.device("id_reader", "plug")
        self.device("desk", "script", reset=True)

    def fresh_card(self, kind: str = "blank-usim", *, mode: str | None = None, **words: Any) -> str:
        """Put a new blank card into the slot, known to the operator; returns its ICCID.

        Without ``mode`` the operator knows its ADM and nothing else. With one it knows all its keys, issues it in that mode, and challenges
        K unless ``challenge=False``; ``words`` are more of the operator's ``blank`` command.
        """
        number = next(_blank_numbers)
        iccid = f"8986011{os.getpid() % 10**6:06d}{number:06d}"
        card = self.device("sim_card", "insert", card=kind, iccid=iccid)
        told = {"iccid": iccid, "adm": card["adm"]} if mode is None else {**announcement(CARDS[kind].numbered(iccid)), "mode": mode}
        self.device("backend", "blank", **{**told, **words})
        return iccid

    def forget_layouts(self) -> None:
        """Let the terminal meet the card's model for the first time: it measures every file, which takes more commands."""
        (self.state_dir / "card-layouts.json").unlink(missing_ok=True)

    def forget_numbers(self) -> None:
        """Let every persona have numbers again: the quota of five is not what is tested here."""
        for persona in PERSONAS.values():
            self.device("backend", "quota", number=persona.number, held=0)

    def replace_controller(self) -> None:
        """Put a new, untampered controller in: a tampered one stays tampered."""
        self.rig.control("restart", device="controller", timeout=60)

    def kill_worker(self, device: str) -> None:
        """SIGKILL the terminal's worker process of one device class, and wait until it is dead."""
        if self.terminal is None:
            raise AssertionError("no terminal runs")
        pid = self.terminal.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            if device.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                end = os.pidfd_open(int(child))
                os.kill(int(child), signal.SIGKILL)
                dead, _, _ = select.select([end], [], [], 10)  # on a busy host the signal may come after the next request
                os.close(end)
                if not dead:
                    raise AssertionError(f"the worker of {device} did not die")

    def store_key(self) -> bytes:
        """Return the store key of the stopped terminal; the controller must be there and untampered.

        The worker of a terminal that was killed may hold the controller's port a moment longer: it is asked again, as the terminal does.
        """
        end = time.monotonic() + 20
        while True:
            try:
                return load_store_key(self.state_dir / "keys" / "store.key", self.seal())
            except KeyUnavailable:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def seal(self) -> Seal | None:
        """Return what seals the key files of this terminal."""
        return seal_of(configuration.load(self.terminal_toml))

    def operator(self) -> dict[str, Any]:
        """Return everything the operator knows."""
        return self.device("backend", "state")

    def close(self) -> None:
        """End everything."""
        self.stop(signal.SIGKILL)
        self.rig.stop()
        shutil.rmtree(self.root, ignore_errors=True)


class Screen:
    """Reads the terminal's kiosk socket in a thread; everything shown is kept in order."""

    def __init__(self, path: Path, terminal: subprocess.Popen[bytes]) -> None:
        self.messages: list[dict[str, Any]] = []
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        self._path = path
        self._terminal = terminal
        self._connected = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while self._terminal.poll() is None:
            with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as channel:
                channel.connect(str(self._path))
                self._connected.set()
                with channel.makefile("rb") as stream:
                    for line in stream:
                        self._queue.put(json.loads(line))
            time.sleep(0.005)

    def wait(self, type_: str, timeout: float = 30.0, **fields: Any) -> dict[str, Any]:
        """Return the next message of ``type_`` with these fields; ``AssertionError`` when it does not come, with what came instead."""
        end = time.monotonic() + timeout
        while True:
            try:
                message = self._queue.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {type_} {fields}; last: {self.messages[-5:]}") from None
            self.messages.append(message)
            if message["type"] == type_ and all(message.get(key) == value for key, value in fields.items()):
                return message

    def last(self, type_: str, **fields: Any) -> dict[str, Any]:
        """Return the newest message already seen of ``type_`` with these fields; raises ``StopIteration`` when there was none."""
        return next(m for m in reversed(self.messages) if m["type"] == type_ and all(m.get(k) == v for k, v in fields.items()))

    def _drain(self) -> None:
        """Take what was shown: of a terminal that ended, all of it; of one that runs, what comes until it is quiet."""
        ended = self._terminal.poll() is not None
        if ended:
            self._reader.join(10)
        with suppress(queue.Empty):
            while True:
                self.messages.append(self._queue.get(timeout=0 if ended else 0.2))

    def session(self) -> str | None:
        """Return the newest session shown so far, if any."""
        self._drain()
        return next((m["session"] for m in reversed(self.messages) if m.get("session")), None)

    def step(self) -> str:
        """Return the step that was begun last."""
        self._drain()
        return str(next(m["step"] for m in reversed(self.messages) if m["type"] == "step" and m["phase"] == "begin"))

    def ready(self, timeout: float = 30.0) -> None:
        """Wait until the terminal is ready for a customer."""
        self.wait("view", timeout, state="ready")

    def result(self, timeout: float = 40.0) -> dict[str, Any]:
        """Wait for the end of a session."""
        return self.wait("result", timeout)
