# SPDX-License-Identifier: Apache-2.0
"""Files that rnt makes: whole under their name or not there, readable by their owner alone, never in place of another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write_new(out: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Have ``write`` fill a file that gets its name when it is whole; raises :class:`Stopped`."""
    part = out.with_name(f"{out.name}.part")
    if out.exists():
        raise Stopped(ExitCode.USAGE, f"{out} exists already.", "name another --out")
    try:
        with open(part, "wb", opener=_private) as file:  # a Path's own open takes no opener
            write(file)
        part.rename(out)
    except OSError as error:
        raise Stopped(ExitCode.FAILED, f"{out} cannot be written: {error.strerror}.", "name another --out") from error
    finally:
        part.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
