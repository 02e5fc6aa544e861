# SPDX-License-Identifier: Apache-2.0
"""Power-cut images: what a disk may hold if the power goes at any system call of a recorded run.

Model: a write or a new length reaches the disk for certain only with the next fsync/fdatasync of that file; until then each of them
may or may not be there, and the last one may be torn at a multiple of 512 bytes. A name made or removed is certain with the next fsync of
the directory. The run is recorded by strace; acknowledgements are the process's own writes to standard output.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTOR = 512
CALLS = "openat,pwrite64,write,fdatasync,fsync,ftruncate,unlink"
_LINE = re.compile(r"\d+\s+(\w+)\((.*)\)\s+=\s+(-?\d+)(?:<[^>]*>)?")
_HANDLE = re.compile(r"(\d+)<([^>]*)>(?:, (.*))?")
_STRING = re.compile(r'"([^"]*)"(?:, (.*))?')


@dataclass(frozen=True)
class Call:
    """One recorded call: ``name`` of create, write, truncate, sync, sync-names, unlink, ack."""

    name: str
    file: str = ""
    at: int = 0
    data: bytes = b""


def record(home: Path, *arguments: str) -> list[Call]:
    """Run the history under strace in ``home`` and return its calls on files of that directory."""
    trace = home.parent / f"{home.name}.trace"
    command = ["strace", "-f", "-y", "-xx", "-s", "1000000", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o", str(trace)]
    subprocess.run(
        [*command, sys.executable, "-m", "tests.crash.journal.journal_history", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    known: set[str] = set()
    return [call for line in trace.read_text().splitlines() if (call := _parse(line, os.fsencode(home), known))]


def _unhex(text: str) -> bytes:
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())


def _file(path: bytes, home: bytes) -> str:
    """Return the name of a file of ``home``, nothing for any other."""
    return path[len(home) + 1 :].decode() if path.startswith(home + b"/") else ""


def _parse(line: str, home: bytes, known: set[str]) -> Call | None:
    found = _LINE.fullmatch(line)
    if not found or int(found[3]) < 0:
        return None
    name, rest = found[1], found[2]
    if name == "openat":
        quoted = _STRING.search(rest)
        return _opened(_unhex(quoted[1]), quoted[2] or "", home, known) if quoted else None
    if name == "unlink":
        file = _file(_unhex(rest.strip('"')), home)
        known.discard(file)
        return Call("unlink", file) if file else None
    return _on_handle(name, rest, home)


def _opened(path: bytes, flags: str, home: bytes, known: set[str]) -> Call | None:
    """A name appears with the first opening that may create it; later ones find it."""
    file = _file(path, home)
    if not file or "O_CREAT" not in flags or file in known:
        return None
    known.add(file)
    return Call("create", file)


def _on_handle(name: str, rest: str, home: bytes) -> Call | None:
    found = _HANDLE.fullmatch(rest)
    if not found:
        return None
    path, arguments = _unhex(found[2]), found[3] or ""
    if found[1] == "1" and name == "write":
        return Call("ack", at=int(_unhex(arguments.split('"')[1]).split()[1]))
    if path == home and name in {"fsync", "fdatasync"}:
        return Call("sync-names")
    file = _file(path, home)
    return _on_file(name, file, arguments) if file else None


def _on_file(name: str, file: str, arguments: str) -> Call:
    if name == "pwrite64":
        text, _, at = arguments.rpartition(", ")
        return Call("write", file, int(at), _unhex(text.split('"')[1]))
    if name == "ftruncate":
        return Call("truncate", file, int(arguments))
    if name in {"fsync", "fdatasync"}:
        return Call("sync", file)
    raise ValueError(f"a call the model does not know: {name} on {file}")


@dataclass
class Disk:
    """The state between two calls: what is certain, and what is pending in order."""

    certain: dict[str, bytes] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    pending: list[Call] = field(default_factory=list)
    acknowledged: int = -1

    def take(self, call: Call) -> None:
        """Advance by one call."""
        if call.name == "ack":
            self.acknowledged = call.at
        elif call.name == "sync":
            self.certain[call.file] = self._content(call.file, self.pending)
            self.pending = [other for other in self.pending if other.file != call.file or other.name in {"create", "unlink"}]
        elif call.name == "sync-names":
            self.named = self._names(self.pending)
            self.pending = [other for other in self.pending if other.name not in {"create", "unlink"}]
        else:
            self.pending.append(call)

    def image(self, applied: list[Call]) -> dict[str, bytes]:
        """Return the files if exactly ``applied`` of the pending calls reached the disk."""
        return {file: self._content(file, applied) for file in self._names(applied)}

    def _names(self, applied: list[Call]) -> set[str]:
        names = set(self.named)
        for call in applied:
            if call.name == "create":
                names.add(call.file)
            elif call.name == "unlink":
                names.discard(call.file)
        return names

    def _content(self, file: str, applied: list[Call]) -> bytes:
        content = bytearray(self.certain.get(file, b""))
        for call in applied:
            if call.file != file:
                continue
            if call.name == "unlink":
                content.clear()
            elif call.name == "truncate":
                content = content[: call.at].ljust(call.at, b"\0")
            elif call.name == "write":
                content = content.ljust(call.at, b"\0")
                content[call.at : call.at + len(call.data)] = call.data
        return bytes(content)


def images(calls: list[Call], *, seed: int, subsets: int) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Yield (last acknowledged step, files) for every prefix: nothing pending, all of it, random subsets, the last write torn."""
    draw = random.Random(seed)  # noqa: S311  # which images to look at
    disk, seen = Disk(), set()
    for call in [*calls, Call("ack", at=-1)]:
        if call.at >= 0 or call.name != "ack":
            disk.take(call)
        pending = disk.pending
        choices = [[], pending, *([other for other in pending if draw.random() < 0.5] for _ in range(subsets if len(pending) > 1 else 0))]
        if pending and pending[-1].name == "write":
            last = pending[-1]
            cuts = range(SECTOR, len(last.data), SECTOR)
            choices += [[*pending[:-1], Call("write", last.file, last.at, last.data[:cut])] for cut in cuts]
        for applied in choices:
            image = disk.image(applied)
            key = hash((disk.acknowledged, tuple(sorted(image.items()))))
            if key not in seen:
                seen.add(key)
                yield disk.acknowledged, image
