# SPDX-License-Identifier: Apache-2.0
"""Which policy packs a command is about: shipped ones by id, or source files; always on the software's own floor.

It reads files and has the core judge them; packs that do not fit end the command.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from firmware import packs as shipped
from firmware.core.errors import Malformed, PackRefused
from firmware.core.policy import assemble, parse_source
from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firmware.core.policy import Pack, PackSet

MAX_SOURCE = 256 * 1024


def read_pack(name: str) -> Pack:
    """Return the shipped pack of an id, or the one in a source file; raises :class:`Stopped`."""
    path = shipped.source_path(name) if name in shipped.shipped() else Path(name)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SOURCE + 1)
    except OSError as error:
        hint = f"name a file, or one of {', '.join(shipped.shipped())}"
        raise Stopped(ExitCode.NOT_FOUND, f"The pack {name} cannot be read: {error.strerror}.", hint) from error
    hint = "correct the source; firmware/packs/README.md tells its form"
    if len(data) > MAX_SOURCE:
        raise Stopped(ExitCode.VERIFICATION, f"{name} is no policy pack: too long.", hint)
    try:
        return parse_source(data)
    except Malformed as error:
        raise Stopped(ExitCode.VERIFICATION, f"{name} is no policy pack: {error}.", hint) from error


def together(packs: Iterable[Pack]) -> PackSet:
    """Return packs as one set on the software's floor; raises :class:`Stopped` when they may not be used together."""
    try:
        return assemble(shipped.load(shipped.FLOOR), packs)
    except PackRefused as refused:
        clause = shipped.clauses().get(refused.clause)
        because = f" ({refused.clause}, {clause[0]}: {clause[1]})" if clause else ""
        hint = "make the value as strict as the one below it, or leave it out"
        raise Stopped(ExitCode.VERIFICATION, f"The packs may not be used: {refused.reason}{because}.", hint) from refused


def named(names: Iterable[str]) -> PackSet:
    """Return the packs of these names as one set; none: every shipped pack."""
    return together([read_pack(name) for name in (tuple(names) or shipped.shipped())])
