# SPDX-License-Identifier: Apache-2.0
"""The terminal's configuration: one TOML file, read once, frozen.

Rules
* An unknown key or table is an error; a missing one is an error unless it has a default here.
* Every number with a fraction is a wait in seconds, from 1 to 300: nothing waits for ever, and the confirm button counts whole seconds.
* There is no default device: a terminal that was not told its port does not guess one.
* Nothing here is secret. Keys are named by URI, never held.

It does not check that devices exist: ``rnt doctor`` does.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

MAX_BYTES = 64 * 1024
"""Largest configuration file read, in bytes."""
SEALS = ("controller", "none")
SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
"""What a wait may be set to; 300 s is also the longest the controller keeps its button armed."""


class ConfigError(Exception):
    """The configuration cannot be used; the text names the file, the table and the key, and what is expected there."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Who this unit is and where it keeps things."""

    serial: str
    state_dir: Path
    run_dir: Path


@dataclass(frozen=True, slots=True)
class Backend:
    """Where the operator answers; ``timeout_s`` bounds one request in seconds."""

    url: str
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Keys:
    """Key URIs; ``file:`` paths are relative to the state directory.

    ``seal``: ``controller``, whose secret then seals what is written to files, or ``none``. Files that are not sealed are read either way.
    """

    record: str = "file:keys/record.pem"
    tls: str = "file:keys/tls.pem"
    seal: str = "controller"

    def __post_init__(self) -> None:
        if self.seal not in SEALS:
            raise ConfigError(f"keys.seal: one of {', '.join(SEALS)}")


@dataclass(frozen=True, slots=True)
class IdReader:
    """Where the identity-card reader is: a serial ``port`` and the rate wanted there, a ``usb`` device, or the name of a ``pcsc`` reader.

    ``usb`` is ``0400:c35a``, ``0400:c35a:SERIAL`` or ``1-1.4``; ``pcscd_socket`` the PC/SC service's, when it is not the system's own.
    """

    port: str = ""
    baud: int = 115200
    usb: str = ""
    pcsc: str = ""
    pcscd_socket: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.port, self.usb, self.pcsc))) != 1:
            raise ConfigError("id_reader.port, id_reader.usb or id_reader.pcsc: exactly one of them is needed")


@dataclass(frozen=True, slots=True)
class SimCard:
    """Exact PC/SC name of the one slot that may be written, and the service's socket when it is not the system's.

    ``answer_s``: seconds one exchange with the card may take before the reader counts as hanging. ``layouts``: a file that keeps what was
    learned of the card models' files; a cache, none when empty.
    """

    reader: str
    pcscd_socket: str = ""
    answer_s: float = 4.0
    layouts: str = ""


@dataclass(frozen=True, slots=True)
class Controller:
    """Serial port of the controller."""

    port: str


@dataclass(frozen=True, slots=True)
class Camera:
    """Unix sockets of the frame sources: the live camera's, and the document camera's where the counter has one."""

    source: str
    documents: str = ""


@dataclass(frozen=True, slots=True)
class Printer:
    """Serial port of the receipt printer."""

    port: str


@dataclass(frozen=True, slots=True)
class PhotoDecoder:
    """Shared library that decodes the photograph on a card's chip (hal/portrait/rnt_portrait.h); empty: no picture is shown."""

    library: str = ""


@dataclass(frozen=True, slots=True)
class Offline:
    """Whether a submission may be carried to the operator by hand when it cannot be reached, and the folder for its file.

    ``folder``: where the stick is mounted; ``lines = true`` alone: over the screen, as QR codes.
    """

    folder: str = ""
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the terminal waits, in seconds: for a person to act, and for a cut card to be put back."""

    person_s: float = 90.0
    card_back_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the terminal is told; each field is one table of the file."""

    terminal: Terminal
    backend: Backend
    keys: Keys
    id_reader: IdReader
    sim_card: SimCard
    controller: Controller
    camera: Camera
    printer: Printer
    patience: Patience = Patience()
    portrait: PhotoDecoder = PhotoDecoder()
    offline: Offline = Offline()

    def device(self, name: str) -> dict[str, Any]:
        """Return the table of device ``name`` as the plain dictionary its worker gets."""
        return dataclasses.asdict(getattr(self, name))


def load(path: Path) -> Config:
    """Read the file at ``path``; raises :class:`ConfigError` when it is unreadable or says something we do not know."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return parse(text, str(path))


def parse(text: bytes, name: str = "configuration") -> Config:
    """Parse the bytes of a configuration file; ``name`` stands in error texts."""
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{name}: larger than {MAX_BYTES} bytes")
    try:
        tables = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not TOML: {error}") from error
    return _table(Config, tables, name)


T = TypeVar("T")


def _table(kind: type[T], values: object, where: str) -> T:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected a table")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(hints)}")
    found: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # every kind passed here is a dataclass
        place = f"{where}.{field.name}"
        expected = hints[field.name]
        if dataclasses.is_dataclass(expected):
            found[field.name] = _table(expected, values.get(field.name, {}), place)  # type: ignore[arg-type]  # a class, not an instance
        elif field.name in values:
            found[field.name] = _value(expected, values[field.name], place)
        elif field.default is dataclasses.MISSING:
            raise ConfigError(f"{place}: missing")
    return kind(**found)


def _value(expected: type, value: object, where: str) -> object:
    if expected is Path and isinstance(value, str) and value:
        return Path(value)
    if expected is float and type(value) in {int, float}:
        if not SHORTEST_WAIT_S <= value <= LONGEST_WAIT_S:  # type: ignore[operator]  # narrowed by the line above; NaN is refused too
            raise ConfigError(f"{where}: expected {SHORTEST_WAIT_S:g} to {LONGEST_WAIT_S:g} seconds")
        return float(value)  # type: ignore[arg-type]  # narrowed by the line above
    if type(value) is expected and value != "":
        return value
    raise ConfigError(f"{where}: expected {expected.__name__}, not {type(value).__name__} or empty")
