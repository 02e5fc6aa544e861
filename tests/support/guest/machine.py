# SPDX-License-Identifier: Apache-2.0
"""The guest as a test sees it: boot it, plug devices in and out, run device workers in it.

Decides how QEMU is started and spoken to (QMP), and nothing about what is tested. No virtualisation help is asked for, no network is there,
and no file of the host can be written from inside.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tests.support.guest.image import CHECKOUT, NoGuest, initramfs, kernel
from tests.support.reader_bench import Refused

QEMU: Final = "qemu-system-x86_64"
BOOT_S: Final = 90
ANSWER_S: Final = 100
ROOT, RNT, NOBODY = 0, 990, 65534
"""Users in the guest: one with all rights, the terminal's own, and one with none."""


class Lines:
    """JSON lines on a Unix socket that QEMU serves; ``TimeoutError`` when none comes."""

    def __init__(self, path: Path, machine: subprocess.Popen[bytes]) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end = time.monotonic() + ANSWER_S
        while self._socket.connect_ex(str(path)):
            if machine.poll() is not None or time.monotonic() > end:
                raise NoGuest(f"{QEMU} ended with {machine.poll()} before it answered")
            time.sleep(0.01)  # nothing announces that QEMU opened its socket
        self._file = self._socket.makefile("rb")

    def say(self, message: dict[str, Any]) -> None:
        """Send one line."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self, seconds: float = ANSWER_S) -> dict[str, Any]:
        """Return the next line."""
        self._socket.settimeout(seconds)
        line = self._file.readline()
        if not line:
            raise EOFError("the guest is gone")
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


class Guest:
    """One running machine. A hub of eight ports sits at port 1 of its bus, so the port ``1.1`` is the board's place of the ID reader."""

    def __init__(self) -> None:
        if not shutil.which(QEMU):
            raise NoGuest(f"no {QEMU}: apt-get install qemu-system-x86 (./run sees to it)")
        self._directory = Path(tempfile.mkdtemp(prefix="rnt-"))
        self.console = self._directory / "console"
        image = self._directory / "initramfs"
        image.write_bytes(initramfs(sys.executable))
        started = time.monotonic()
        self._machine = subprocess.Popen(self._command(image), cwd=CHECKOUT, stdin=subprocess.DEVNULL)
        self._qmp = Lines(self._directory / "qmp", self._machine)
        self._agent = Lines(self._directory / "agent", self._machine)
        self._answers: dict[int, list[dict[str, Any]]] = {}
        self._numbers = 0
        self._qmp.hear()
        self.qmp("qmp_capabilities")
        try:
            self._agent.hear(BOOT_S)
        except (TimeoutError, EOFError) as error:
            tail = self.console.read_text(errors="replace")[-2000:]
            self.close()
            raise NoGuest(f"the guest did not come up; the end of its console:\n{tail}") from error
        self.boot_s = time.monotonic() - started

    def _command(self, image: Path) -> list[str]:
        within = self._directory
        return [
            *("setpriv", "--pdeathsig", "KILL", QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-M", "q35", "-accel", "tcg,thread=multi", "-smp", "1", "-m", "256"),
            *("-kernel", str(kernel()), "-initrd", str(image), "-append", "console=ttyS0 quiet panic=-1"),
            *("-serial", f"file:{self.console}", "-qmp", f"unix:{within}/qmp,server=on,wait=off"),
            *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
            *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
            *("-chardev", f"socket,id=agent,path={within}/agent,server=on,wait=off", "-device", "virtio-serial-pci"),
            *("-device", "virtserialport,chardev=agent,name=rnt.agent"),
            *("-device", "qemu-xhci,id=bus", "-device", "usb-hub,bus=bus.0,port=1"),
        ]

    # ---- the machine

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Carry out a command of QEMU's monitor; events that come meanwhile are passed over."""
        self._qmp.say({"execute": command, "arguments": arguments})
        while "event" in (answer := self._qmp.hear()):
            pass
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def plug_usb(self, device: Path, port: str) -> str:
        """Plug the device offered at socket ``device`` in at ``port``; return what :meth:`unplug` wants."""
        address = {"type": "unix", "data": {"path": str(device)}}
        return self._plug("usb-redir", port, {"type": "socket", "data": {"addr": address, "server": False}})

    def plug_serial(self, tty: Path, port: str) -> str:
        """Plug in an FTDI adapter with the serial port ``tty`` behind it, which gets the guest's rate; return what :meth:`unplug` wants."""
        return self._plug("usb-serial", port, {"type": "serial", "data": {"device": str(tty)}})

    def _plug(self, driver: str, port: str, backend: dict[str, Any]) -> str:
        self._numbers += 1
        name = f"device{self._numbers}"
        self.qmp("chardev-add", id=f"{name}-line", backend=backend)
        self.qmp("device_add", driver=driver, id=name, chardev=f"{name}-line", bus="bus.0", port=port)
        return name

    def unplug(self, name: str) -> None:
        """Pull the cable of what was plugged in as ``name``.

        The machine stands still meanwhile, and its clock with it: no driver's deadline passes while a loaded host comes round to it.
        """
        self.qmp("stop")
        self.qmp("device_del", id=name)
        self.qmp("cont")

    # ---- in the guest

    def run(self, *argv: str) -> str:
        """Run a program and return what it said, without the last newline; it must succeed."""
        code, said = self._ask({"run": argv})
        if code:
            raise RuntimeError(f"{' '.join(argv)}: {code}: {said}")
        return str(said).rstrip("\n")

    def wait_for(self, path: str, *, gone: bool = False) -> None:
        """Wait until udev has dealt with the device at ``path``, or it is gone."""
        self.run("udevadm", "wait", "--timeout=80", *(["--removed"] if gone else []), path)

    def start(self, config: dict[str, Any], uid: int = RNT) -> GuestWorker:
        """Start the ID reader's worker as user ``uid``."""
        self._numbers += 1
        self._answers[self._numbers] = []
        self._agent.say({"start": self._numbers, "config": config, "uid": uid})
        return GuestWorker(self, self._numbers)

    def ask_worker(self, number: int, line: dict[str, Any]) -> None:
        """Send a request to a worker."""
        self._agent.say({"worker": number, "line": line})

    def answer_of(self, number: int) -> dict[str, Any]:
        """Return the next answer of a worker."""
        while not self._answers[number]:
            self._hear()
        return self._answers[number].pop(0)

    def stop(self, number: int) -> int:
        """End a worker and return its exit code."""
        return int(self._ask({"stop": number}))

    def _ask(self, message: dict[str, Any]) -> Any:
        self._agent.say(message)
        while "reply" not in (heard := self._hear()):
            pass
        return heard["reply"]

    def _hear(self) -> dict[str, Any]:
        heard = self._agent.hear()
        if "worker" in heard:
            self._answers[heard["worker"]].append(heard["line"])
        return heard

    def close(self) -> None:
        """Switch the machine off."""
        self._machine.kill()
        self._machine.wait()
        self._qmp.close()
        self._agent.close()
        shutil.rmtree(self._directory)


class GuestWorker:
    """The shipped worker in the guest, asked as in :class:`~tests.support.reader_bench.WorkerBench`."""

    def __init__(self, guest: Guest, number: int) -> None:
        self._guest, self._number = guest, number
        self._ended: int | None = None

    def begin(self, name: str, seconds: float = 30, **arguments: Any) -> None:
        """Ask, and leave the answer for :meth:`end`."""
        self._guest.ask_worker(self._number, {"id": 1, "op": name, "args": arguments, "timeout": seconds})

    def end(self) -> dict[str, Any]:
        """Return the result; raises :class:`~tests.support.reader_bench.Refused`."""
        answer = self._guest.answer_of(self._number)
        if "error" in answer:
            raise Refused(answer["error"], answer["data"])
        result: dict[str, Any] = answer["ok"]
        return result

    def op(self, name: str, seconds: float = 30, **arguments: Any) -> dict[str, Any]:
        """Ask and wait for the answer."""
        self.begin(name, seconds, **arguments)
        return self.end()

    def stop(self) -> int:
        """End it, unless that is done, and return its exit code."""
        if self._ended is None:
            self._ended = self._guest.stop(self._number)
        return self._ended
