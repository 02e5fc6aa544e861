# SPDX-License-Identifier: Apache-2.0
"""The inside of a private pcscd: root of its own mount and network namespaces. Plain standard library.

Decides nothing about cards. Rules:

1. Nothing outside is touched: ``/run/pcscd`` (compiled into pcscd) is a tmpfs of this namespace; the driver's ports, which vpcd
   opens on every address, are on this namespace's loopback alone, so no two runs can meet.
2. The service's socket is made here and handed to pcscd by systemd's socket-activation protocol (``sd_listen_fds(3)``). A client
   that connects early waits in the queue instead of failing, and the socket outlives a restart.
3. A process outside cannot connect to ports inside, so it asks ``slot.sock`` for a slot (one byte) and is given, by SCM_RIGHTS,
   a TCP socket that is already connected to the driver.
4. A slot is given only while pcscd believes it empty: vpcd takes a new connection without telling pcscd that the old one broke in
   the middle of a command, and a card that came back too early would never be seen to have been away.
5. The end of standard input is the end of everything: an unprivileged parent could not signal a root child. pcscd itself dies
   with this process (``setpriv --pdeathsig``).

Run: ``python -m simulators.pcscd.inner RUN_DIR READER_NAME``.
One JSON line when pcscd serves, or ``{"error": …}``; then one for each command line read.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from simulators.pcscd.probe import wait_empty

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PORT = 0x8C7B
"""vpcd's customary port; slot n listens on PORT + n."""

SLOTS = 2
START_S = 15.0
RUN = Path("/run/pcscd")
CONFIG = RUN / "reader.conf.d"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SERVICE = Path("pcscd.comm")  # in the run directory
LISTEN_FD = 3  # SD_LISTEN_FDS_START

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)


def mount_tmpfs(path: str) -> None:
    """Cover ``path`` with an empty tmpfs, in this namespace only."""
    if libc.mount(b"tmpfs", path.encode(), b"tmpfs", 0, b"mode=755"):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)


def loopback_up() -> None:
    """Bring up ``lo``, which is down in a new network namespace (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        request = fcntl.ioctl(channel, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack_from("16sH", request)[1]
        fcntl.ioctl(channel, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def listen(path: Path) -> socket.socket:
    """Return a listening Unix socket at ``path``, open to all users: the run directory's own mode says who may come in.

    The path is relative to the run directory, which may be too deep for a socket's name or hidden by the tmpfs.
    """
    path.unlink(missing_ok=True)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.bind(str(path))
    path.chmod(0o666)
    channel.listen(64)
    return channel


class Service:
    """The pcscd process."""

    def __init__(self, reader: str) -> None:
        self.pcscd = shutil.which("pcscd", path=SYSTEM_PATH) or ""
        if not self.pcscd or not DRIVER.exists():
            raise FileNotFoundError("pcscd or its vpcd driver is not installed; remedy: apt-get install pcscd vsmartcard-vpcd")
        CONFIG.mkdir(parents=True)
        text = f'FRIENDLYNAME "{reader}"\nDEVICENAME /dev/null:{PORT:#x}\nLIBPATH {DRIVER}\nCHANNELID {PORT:#x}\n'
        (CONFIG / "vpcd").write_text(text, "ascii")
        self.listener = listen(SERVICE)
        self.log = Path("pcscd.log").open("ab", buffering=0)  # noqa: SIM115  # open for the life of this process
        self.ready = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start pcscd; return when it serves. Called from the main thread only: a parent-death signal follows the thread."""
        os.dup2(self.listener.fileno(), LISTEN_FD)
        # The protocol names the process by its own id, which only a shell in its place can know before exec.
        command = ["setpriv", "--pdeathsig", "KILL", "/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"]
        self.process = subprocess.Popen(  # noqa: S603  # fixed words and an installed program
            [*command, self.pcscd, "--foreground", "--info", "--config", str(CONFIG)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": SYSTEM_PATH, "LISTEN_FDS": "1"},
            pass_fds=(LISTEN_FD,),
        )
        threading.Thread(target=self._follow, args=(self.process,), daemon=True).start()
        if not self.ready.wait(START_S):
            raise TimeoutError(f"pcscd did not come up in {START_S} s; see pcscd.log")

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        for line in process.stdout:
            self.log.write(line)
            if b"daemon ready" in line:
                self.ready.set()

    def wait_vacant(self, slot: int) -> None:
        """Wait until pcscd serves and believes ``slot`` empty; raises ``OSError`` when it does not in time."""
        if not self.ready.wait(START_S):
            raise TimeoutError("pcscd does not come up")
        wait_empty(SERVICE, slot, START_S)

    def restart(self) -> None:
        """Kill pcscd at once and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Kill pcscd."""
        self.ready.clear()
        if self.process:
            self.process.kill()
            self.process.wait()
        (RUN / "pcscd.pid").unlink(missing_ok=True)


def hand_out_slots(listener: socket.socket, service: Service) -> None:
    """Give each client that names a slot a socket connected to the driver; one byte ``+`` with it, or ``-`` and none."""
    while True:
        client, _ = listener.accept()
        threading.Thread(target=hand_out_slot, args=(client, service), daemon=True).start()


def hand_out_slot(client: socket.socket, service: Service) -> None:
    """Serve one client of ``slot.sock``, which may leave at any time."""
    with client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        request = client.recv(1)
        if len(request) != 1 or request[0] >= SLOTS:
            client.sendall(b"-")
            return
        try:
            service.wait_vacant(request[0])
            slot = socket.create_connection(("127.0.0.1", PORT + request[0]), timeout=START_S)
        except OSError:
            client.sendall(b"-")
            return
        with slot:
            slot.settimeout(None)
            socket.send_fds(client, [b"+"], [slot.fileno()])


def say(**answer: object) -> None:
    """Write one answer line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def build(reader: str) -> Service:
    """Furnish the namespace and start the service; raises ``OSError`` with the reason."""
    mount_tmpfs("/run/pcscd" if RUN.is_dir() else "/run")
    RUN.mkdir(exist_ok=True)
    loopback_up()
    slots = listen(Path("slot.sock"))
    service = Service(reader)
    service.start()
    threading.Thread(target=hand_out_slots, args=(slots, service), daemon=True).start()
    return service


def main(run_dir: str, reader: str) -> None:
    """Build, then obey until standard input ends."""
    os.dup2(0, LISTEN_FD)  # keeps the number free for the listener
    os.chdir(run_dir)
    try:
        service = build(reader)
    except OSError as error:
        say(error=str(error))
        return
    say(serving=True)
    orders = {"restart": service.restart, "stop": service.stop, "start": service.start}
    for line in sys.stdin:
        order = orders.get(line.strip())
        if order is None:
            say(error=f"unknown command {line.strip()!r}")
            continue
        try:
            order()
            say(done=line.strip())
        except OSError as error:
            say(error=str(error))
    service.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
