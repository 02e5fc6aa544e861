# SPDX-License-Identifier: Apache-2.0
"""A resource manager for a software TPM: what the kernel's ``/dev/tpmrm0`` does for a real one.

A TPM holds three loaded objects; its users load more, and leave them behind when they are killed. So objects live here as saved contexts
(TPM2_ContextSave, part 3 §28) under handles of ours, and each command finds exactly those loaded that it names.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

HEAD = struct.Struct(">HII")
HANDLE = struct.Struct(">I")
NO_SESSIONS, SESSIONS = 0x8001, 0x8002
LOCKOUT, PASSWORD, LIMITS = 0x4000000A, 0x40000009, 0x13A
LOAD, CREATE_LOADED, CREATE_PRIMARY, LOAD_EXTERNAL = 0x157, 0x191, 0x131, 0x167
SIGN, UNSEAL, CREATE, READ_PUBLIC, EVICT_CONTROL, START_AUTH_SESSION, OBJECT_CHANGE_AUTH = 0x15D, 0x15E, 0x153, 0x173, 0x120, 0x176, 0x150
FLUSH_CONTEXT, CONTEXT_LOAD, CONTEXT_SAVE, GET_CAPABILITY = 0x165, 0x161, 0x162, 0x17A
NAMES = {
    LOAD: 1,
    CREATE_LOADED: 1,
    SIGN: 1,
    UNSEAL: 1,
    CREATE: 1,
    READ_PUBLIC: 1,
    EVICT_CONTROL: 2,
    START_AUTH_SESSION: 2,
    OBJECT_CHANGE_AUTH: 2,
}
"""Command → how many handles stand in its handle area (part 3, each command's table)."""
MAKES = {LOAD, CREATE_LOADED, CREATE_PRIMARY, LOAD_EXTERNAL}
"""Commands whose answer begins with the handle of a new object."""
CAP_HANDLES, TRANSIENT, LOADED_SESSION = 1, 0x80000000, 0x02000000
FIRST = 0x80F00000


class TpmManager:
    """Asks the TPM behind the connection ``tpm``, one command at a time; the caller sees to that."""

    def __init__(self, tpm: socket.socket) -> None:
        self._tpm = tpm
        self._saved: dict[int, bytes] = {}
        self._next = FIRST

    def ask(self, command: bytes) -> bytes:
        """Return the answer to a command whose handles are ours."""
        code = HEAD.unpack_from(command)[2]
        if code == FLUSH_CONTEXT and HANDLE.unpack_from(command, HEAD.size)[0] in self._saved:
            del self._saved[HANDLE.unpack_from(command, HEAD.size)[0]]
            return HEAD.pack(NO_SESSIONS, HEAD.size, 0)
        sent, loaded = bytearray(command), []
        for place in range(HEAD.size, HEAD.size + HANDLE.size * NAMES.get(code, 0), HANDLE.size):
            context = self._saved.get(HANDLE.unpack_from(command, place)[0])
            if context is not None:
                loaded.append(HANDLE.unpack_from(self._raw(CONTEXT_LOAD, context), HEAD.size)[0])
                HANDLE.pack_into(sent, place, loaded[-1])
        answer = self._exchange(bytes(sent))
        for handle in loaded:
            self._raw(FLUSH_CONTEXT, HANDLE.pack(handle))
        return self._keep(answer) if code in MAKES and not HEAD.unpack_from(answer)[2] else answer

    def limit(self, tries: int, recovery_s: int) -> None:
        """Lock after ``tries`` failures and forget one each ``recovery_s`` (TPM2_DictionaryAttackParameters, empty lockout password)."""
        session = struct.pack(">IIHBH", 9, PASSWORD, 0, 0, 0)
        limits = struct.pack(">III", tries, recovery_s, recovery_s)
        command = HANDLE.pack(LOCKOUT) + session + limits
        answer = self._exchange(HEAD.pack(SESSIONS, HEAD.size + len(command), LIMITS) + command)
        if HEAD.unpack_from(answer)[2]:
            raise ValueError(f"the TPM took no limits: {answer.hex()}")

    def forget(self) -> None:
        """Drop all objects and sessions: their users are gone."""
        self._saved.clear()
        for kind in (TRANSIENT, LOADED_SESSION):
            answer = self._raw(GET_CAPABILITY, struct.pack(">III", CAP_HANDLES, kind, 16))
            (count,) = HANDLE.unpack_from(answer, 15)
            for (handle,) in HANDLE.iter_unpack(answer[19 : 19 + HANDLE.size * count]):
                self._raw(FLUSH_CONTEXT, HANDLE.pack(handle))

    def _keep(self, answer: bytes) -> bytes:
        """Put the new object away and return the answer with its handle here."""
        handle = answer[HEAD.size : HEAD.size + HANDLE.size]
        self._next += 1
        self._saved[self._next] = self._raw(CONTEXT_SAVE, handle)[HEAD.size :]
        self._raw(FLUSH_CONTEXT, handle)
        return answer[: HEAD.size] + HANDLE.pack(self._next) + answer[HEAD.size + HANDLE.size :]

    def _raw(self, code: int, rest: bytes) -> bytes:
        return self._exchange(HEAD.pack(NO_SESSIONS, HEAD.size + len(rest), code) + rest)

    def _exchange(self, command: bytes) -> bytes:
        self._tpm.sendall(command)
        return packet(self._tpm)


def packet(channel: socket.socket) -> bytes:
    """Read one command or answer (part 1 §18: tag, size, code); raises ``EOFError``."""
    head = _exactly(channel, HEAD.size)
    return head + _exactly(channel, HEAD.unpack(head)[1] - HEAD.size)


def _exactly(channel: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = channel.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found
