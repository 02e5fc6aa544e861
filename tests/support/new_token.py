# SPDX-License-Identifier: Apache-2.0
"""Initialise one token of a PKCS#11 module: ``python -m tests.support.new_token MODULE SLOT LABEL``.

C_InitToken and C_InitPIN (PKCS#11 v2.40 §5.5 and §5.6), for which python-pkcs11 has no call. PINs are the test suite's own.
"""

from __future__ import annotations

import ctypes
import sys

SO_PIN, PIN = b"56785678", b"12341234"
SECURITY_OFFICER, RW_SESSION, USER_PIN_INITIALIZED = 0, 0x6, 0x8
MOST, LABEL_BYTES = 16, 32
INFO_BYTES, FLAGS_AT = 208, 96
"""CK_TOKEN_INFO: the label stands first, the flags after manufacturer, model and serial number."""


class Module:
    """The calls of a loaded module; any code but CKR_OK is a ``RuntimeError``."""

    def __init__(self, path: str) -> None:
        self._library = ctypes.CDLL(path)
        self.call("C_Initialize", None)

    def call(self, name: str, *arguments: object) -> None:
        """Call a function of the module."""
        code = getattr(self._library, name)(*arguments)
        if code:
            raise RuntimeError(f"{name}: {code:#x}")

    def slots(self) -> list[int]:
        """Return the slots with a token in them."""
        found, count = (ctypes.c_ulong * MOST)(), ctypes.c_ulong(MOST)
        self.call("C_GetSlotList", 1, found, ctypes.byref(count))
        return list(found[: count.value])

    def newest(self, label: bytes) -> int:
        """Return the slot of the token ``label`` just initialised: SoftHSM moves it, and says which one has no user PIN yet."""
        found = {}
        for slot in self.slots():
            info = ctypes.create_string_buffer(INFO_BYTES)
            self.call("C_GetTokenInfo", ctypes.c_ulong(slot), info)
            if info.raw[:LABEL_BYTES] == label:
                found[slot] = ctypes.c_ulong.from_buffer_copy(info.raw, FLAGS_AT).value & USER_PIN_INITIALIZED
        return min(found, key=lambda slot: found[slot])


def main(path: str, slot: int, name: str) -> None:
    """Initialise the token in the slot with that index."""
    module, label, session = Module(path), name.encode().ljust(LABEL_BYTES), ctypes.c_ulong()
    module.call("C_InitToken", ctypes.c_ulong(module.slots()[slot]), SO_PIN, ctypes.c_ulong(len(SO_PIN)), label)
    chosen = ctypes.c_ulong(module.newest(label))
    module.call("C_OpenSession", chosen, ctypes.c_ulong(RW_SESSION), None, None, ctypes.byref(session))
    module.call("C_Login", session, ctypes.c_ulong(SECURITY_OFFICER), SO_PIN, ctypes.c_ulong(len(SO_PIN)))
    module.call("C_InitPIN", session, PIN, ctypes.c_ulong(len(PIN)))
    module.call("C_Finalize", None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
