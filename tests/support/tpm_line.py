# SPDX-License-Identifier: Apache-2.0
"""The line between a TPM's users and a software TPM, where tests make the TPM busy, silent or gone.

Listens on a Unix socket as swtpm does, and stands before it as the kernel's resource manager stands before a real TPM. A user is a process:
libtss2 connects anew for each command. When all users have ended, what they left loaded is dropped.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

from tests.support.tpm_manager import HEAD, NO_SESSIONS, SIGN, TpmManager, packet

RETRY = 0x922
"""TPM_RC_RETRY (part 2 §6.6.3): the TPM was not able to start the command; send it again."""
CREDENTIALS = struct.Struct("iII")


class TpmLine:
    """Listens at ``path`` for users of the TPM behind the connection ``tpm``. Plan faults through the attributes, read what came."""

    def __init__(self, path: Path, tpm: socket.socket) -> None:
        self.busy = 0
        """How many of the next TPM2_Sign are answered TPM_RC_RETRY."""
        self.silent = threading.Event()
        """While set, a TPM2_Sign is not answered."""
        self.seen: list[int] = []
        """The code of every command, in order."""
        self._tpm = tpm
        self._manager = TpmManager(tpm)
        self._lock = threading.Lock()
        self._users: set[int] = set()
        self._channels: list[socket.socket] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def signs(self) -> int:
        """Return how many TPM2_Sign came."""
        return self.seen.count(SIGN)

    def limit(self, tries: int, recovery_s: int) -> None:
        """Set after how many failures the TPM locks, and how long it takes to forget one."""
        with self._lock:
            self._manager.limit(tries, recovery_s)

    def close(self) -> None:
        """Hang up on everybody."""
        for channel in (self._server, self._tpm, *self._channels):
            with suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)
            channel.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                channel, _ = self._server.accept()
                self._channels = [known for known in self._channels if known.fileno() >= 0]
                self._channels.append(channel)
                threading.Thread(target=self._serve, args=(channel,), daemon=True).start()

    def _serve(self, channel: socket.socket) -> None:
        with suppress(OSError, EOFError), channel:
            user = CREDENTIALS.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))[0]
            with self._lock:
                gone = {known for known in self._users if not Path(f"/proc/{known}").exists()}
                if gone and gone == self._users:
                    self._manager.forget()
                self._users = (self._users - gone) | {user}
            while True:
                self._answer(channel, packet(channel))

    def _answer(self, channel: socket.socket, command: bytes) -> None:
        code = HEAD.unpack_from(command)[2]
        self.seen.append(code)
        if code == SIGN and self.silent.is_set():
            return
        if code == SIGN and self.busy:
            self.busy -= 1
            channel.sendall(HEAD.pack(NO_SESSIONS, HEAD.size, RETRY))
            return
        with self._lock:
            answer = self._manager.ask(command)
        channel.sendall(answer)
