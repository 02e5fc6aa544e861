# SPDX-License-Identifier: Apache-2.0
"""The profile file and the secrets file: what an engineer wants on a card.

Decides where each value may stand. Rules

1. The profile is TOML, or JSON when the file's name ends so; its keys are those of :class:`hal.sim_card.profile.Profile`. A key nobody
   knows is refused: a misspelt one would otherwise be left out in silence.
2. A secret stands in no profile and on no command line. It comes from a file nobody else may read, or from standard input.
3. No message repeats a value, and none a key of the secrets file: somebody may have put the secret there.

The values themselves are judged by :func:`hal.sim_card.profile.from_json`.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hal.errors import HalError
from hal.sim_card.profile import Profile, from_json
from host_tools.rnt.card.settings import HIDDEN, parse_settings
from host_tools.rnt.outcome import ExitCode, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FILE = 64 * 1024
SECRETS = HIDDEN
STDIN = "-"
KNOWN = frozenset(field.name for field in fields(Profile))
OTHERS = stat.S_IRWXG | stat.S_IRWXO
NO_KEY = "00" * 8
"""Stands for the administrative key where no command presents it."""
PROFILE_HINT = "correct the profile file; rnt card plan --help names its keys"
SECRETS_HINT = f"keep only {', '.join(name for name in SECRETS if name in KNOWN)} in the secrets file"


def load_profile(path: Path, secrets: str | None, *, needed: bool, settings: Iterable[str] = ()) -> Profile:
    """Return the profile at ``path`` with its secrets; raises :class:`Stopped`.

    ``settings`` are ``NAME=VALUE`` texts that count before the file (:mod:`host_tools.rnt.card.settings`). ``secrets`` is a path, ``-``
    for standard input, or None. Unless they are ``needed``, a placeholder stands for a missing key; the caller then sends none.
    """
    values = parse_profile(_read_profile(path), is_json=path.suffix.lower() == ".json") | parse_settings(settings)
    hidden = parse_secrets(_read_secrets(secrets)) if secrets else {}
    if needed and "adm" not in hidden:
        raise Stopped(
            ExitCode.USAGE, "Writing needs the card's administrative key.", 'add --secrets FILE (mode 0600, adm = "…"), or --secrets -'
        )
    try:
        return from_json({"adm": NO_KEY, **values, **hidden})
    except HalError as error:
        raise Stopped(ExitCode.USAGE, f"The profile's {error.data.get('item')} is missing or has not its form.", PROFILE_HINT) from error


def parse_profile(content: bytes, *, is_json: bool = False) -> dict[str, Any]:
    """Return the profile's values; raises :class:`Stopped` (usage) for anything else than known keys with plain values."""
    values = _table(content, is_json=is_json)
    if values is None:
        raise Stopped(ExitCode.USAGE, f"The profile is not {'a JSON object' if is_json else 'a TOML file'}.", PROFILE_HINT)
    hidden = sorted(set(SECRETS) & values.keys())
    if hidden:
        raise Stopped(ExitCode.USAGE, f"The profile holds a secret ({', '.join(hidden)}).", "move it to a file of its own: --secrets FILE")
    foreign = sorted(values.keys() - KNOWN)
    if foreign:
        raise Stopped(ExitCode.USAGE, f"The profile has a key nobody knows: {foreign[0]!r:.40}.", PROFILE_HINT)
    odd = sorted(name for name, value in values.items() if not _plain(value))
    if odd:
        raise Stopped(ExitCode.USAGE, f"The profile's {odd[0]} is no text, whole number, yes or no, or list of those.", PROFILE_HINT)
    return values


def parse_secrets(content: bytes) -> dict[str, str]:
    """Return the secrets in ``content``, TOML or JSON; raises :class:`Stopped` (usage) without repeating any of it."""
    values = _table(content, is_json=content.lstrip()[:1] == b"{")
    if values is None:
        raise Stopped(ExitCode.USAGE, "The secrets are neither TOML nor a JSON object.", SECRETS_HINT)
    if not values or any(name not in SECRETS or name not in KNOWN or not isinstance(value, str) for name, value in values.items()):
        raise Stopped(ExitCode.USAGE, "The secrets hold something else than known keys with hexadecimal texts.", SECRETS_HINT)
    return values


def _table(content: bytes, *, is_json: bool) -> dict[str, Any] | None:
    try:
        text = content.decode()
        found = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError):  # includes both parsers' errors and bad UTF-8
        return None
    return found if isinstance(found, dict) else None


def _plain(value: object) -> bool:
    return all(isinstance(one, str | int) for one in (value if isinstance(value, list) else [value]))


def _read_profile(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _limited(file.read(MAX_FILE + 1), "profile")
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"The profile {path} cannot be read: {error.strerror}.", "check the path") from error


def _read_secrets(source: str) -> bytes:
    if source == STDIN:
        return _limited(sys.stdin.buffer.read(MAX_FILE + 1), "secrets file")
    try:
        with Path(source).open("rb") as file:
            if os.fstat(file.fileno()).st_mode & OTHERS:
                raise Stopped(ExitCode.UNSAFE, f"Others than you may read or change the secrets file {source}.", f"chmod 0600 {source}")
            return _limited(file.read(MAX_FILE + 1), "secrets file")
    except OSError as error:
        raise Stopped(ExitCode.NOT_FOUND, f"The secrets file {source} cannot be read: {error.strerror}.", "check the path") from error


def _limited(content: bytes, what: str) -> bytes:
    if not content.strip() or len(content) > MAX_FILE:
        raise Stopped(ExitCode.USAGE, f"The {what} is empty or longer than 64 KiB.", "name the right file")
    return content
