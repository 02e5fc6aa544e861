# SPDX-License-Identifier: Apache-2.0
"""Secret files: where they may lie, who may read them, and how they come to be, complete and durable or not at all.

Rules
* A secret lies inside its base directory; a symlink may not lead out, and the file itself is never a symlink.
* It is a regular file, owned by this process's user, with no permission for group or others; its directory can be
  written by nobody else.
* It is created under a temporary name, flushed, and linked to its own name only if that name is free.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from firmware.keystore.errors import KeyExists, KeyMissing, KeyUnfit, KeyUnsafe

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 16384
_LOOSE_FILE: Final = 0o077
_LOOSE_DIRECTORY: Final = 0o022


def place(relative: str, base: Path) -> Path:
    """Return the path inside ``base``; raises :class:`KeyUnsafe` when it leads out of it."""
    if not relative or "\0" in relative:
        raise KeyUnsafe("key path is empty or malformed")
    try:
        home = base.resolve(strict=True)
        path = home / relative
        resolved = path.parent.resolve() / path.name
    except (OSError, RuntimeError, ValueError) as error:
        raise KeyUnsafe(f"key path cannot be followed: {type(error).__name__}") from None
    if path.name in {"", ".", ".."} or resolved == home or not resolved.is_relative_to(home):
        raise KeyUnsafe("key path leads out of the base directory")
    return resolved


def read_secret(path: Path) -> bytes:
    """Return the file's content; raises :class:`KeyMissing`, :class:`KeyUnsafe`, or :class:`KeyUnfit` when it is too long."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise KeyMissing(f"no key at {path.name}") from None
    except (OSError, UnicodeError) as error:  # a symlink answers ELOOP
        raise KeyUnsafe(f"{path.name} cannot be opened: {type(error).__name__}") from None
    try:
        _check(os.fstat(handle), path)
        content = os.read(handle, MAX_BYTES + 1)
    except OSError as error:
        raise KeyUnfit(f"{path.name} cannot be read: {type(error).__name__}") from None
    finally:
        os.close(handle)
    if len(content) > MAX_BYTES:
        raise KeyUnfit(f"{path.name} is too long for a key")
    return content


def write_secret(path: Path, content: bytes) -> None:
    """Create the file with mode 0600, missing directories with 0700, durable; raises :class:`KeyExists`, :class:`KeyUnsafe`."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        _make_directories(path.parent)
        _check_directory(path.parent.stat(), path)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(stream.fileno(), 0o600)
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(temporary, path)
        finally:
            temporary.unlink()
        _sync_directory(path.parent)
    except FileExistsError:
        raise KeyExists(f"{path.name} exists already") from None
    except (OSError, UnicodeError) as error:
        raise KeyUnsafe(f"{path.name} cannot be created: {type(error).__name__}") from None


def _check(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyUnsafe(f"{path.name} is not a regular file")
    if found.st_mode & _LOOSE_FILE or found.st_uid != os.geteuid():
        raise KeyUnsafe(f"{path.name} is open to others")
    _check_directory(path.parent.stat(), path)


def _check_directory(found: os.stat_result, path: Path) -> None:
    if found.st_mode & _LOOSE_DIRECTORY or found.st_uid != os.geteuid():
        raise KeyUnsafe(f"the directory of {path.name} is open to others")


def _make_directories(path: Path) -> None:
    if path.is_dir():
        return
    _make_directories(path.parent)
    path.mkdir(mode=0o700)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
