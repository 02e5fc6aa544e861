# SPDX-License-Identifier: Apache-2.0
"""A card model read from its description: ``models/NAME.toml``, which may inherit from another and say only what differs.

Decides what a description may say; :file:`models/base.toml` explains its words. Rules:

1. A table of the heir is merged into the table of the parent; a value replaces a value; ``false`` takes a file, directory or key away.
2. Everything is read and checked at once: a wrong description is a ``ValueError`` that names the file, never a surprise at the wire.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulators.sim_card.crypto_packet import AES, KeySet
from simulators.sim_card.files import Access, Directory, File, Rule, Structure
from simulators.sim_card.scp03 import Keys
from simulators.sim_card.secured import Domain
from simulators.sim_card.templates import Style, access_rule, directory_entry, rules_by_name
from simulators.sim_card.unlock import Unlock

if TYPE_CHECKING:
    from collections.abc import Mapping

MODELS = Path(__file__).with_name("models")
PUK_TRIES = 10


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the maker left it. ``puk`` empty: it cannot be unblocked."""

    reference: int
    value: bytes
    tries: int
    puk: bytes = b""
    enabled: bool = True
    can_disable: bool = False


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where K or OPc stands: ``offset`` into the file ``path``, 16 bytes."""

    path: str
    offset: int


@dataclass(frozen=True, slots=True)
class KeyCommand:
    """A proprietary command of class 80 that takes K (P1 = ``k_p1``) or OPc (P1 = ``opc_p1``) once ``access`` is met."""

    ins: int
    k_p1: int
    opc_p1: int
    access: Access


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a maker's card does in its own way."""

    proactive: str
    short_read: str
    k: bytes
    opc: bytes
    k_place: KeyPlace | None = None
    opc_place: KeyPlace | None = None
    key_command: KeyCommand | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One card model, complete. ``rules[n - 1]`` is record n of EF_ARR.

    ``domain`` opens secured packets, ``channel`` secure channels, ``unlock`` files by a challenge; None: the model has no keys for that.
    """

    name: str
    atr: bytes
    iccid: str
    second_generation: bool
    uicc: bool
    style: Style
    behaviour: Behaviour
    rules: tuple[Rule, ...]
    keys: tuple[Key, ...]
    mf: Directory
    contents: Mapping[str, bytes]
    domain: Domain | None
    channel: Keys | None
    unlock: Unlock | None = None
    short_identifiers: bool = True

    @property
    def directory_rule(self) -> Rule:
        """The access rule of every directory."""
        return self.rules[-1]


def atr(model: bytes) -> bytes:
    """Return the ATR of a card whose pre-issuing data are the 7 bytes ``model`` (ISO/IEC 7816-3 §8.2, TS 102 221 §6.3).

    TA1 95 (512/16), T=0 offered first, T=15 with clock stop and classes A–C, historical bytes 31 E0, 73 FE 21 1B, 67 model.
    """
    body = bytes.fromhex("9F95801FC78031E073FE211B67") + model
    return b"\x3b" + body + bytes([reduce(lambda a, b: a ^ b, body)])


def load(name: str, folder: Path = MODELS) -> Model:
    """Return the model of ``NAME.toml`` in ``folder``; raises ``ValueError`` for a wrong description, ``OSError`` for none."""
    try:
        return _model(name, _merged(name, folder))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{folder.name}/{name}.toml: {error!r}") from error


def names() -> list[str]:
    """Return the names of all models but the base."""
    return sorted(path.stem for path in MODELS.glob("*.toml") if path.stem != "base")


def with_iccid(model: Model, iccid: str) -> Model:
    """Return another piece of the same kind under the number ``iccid``."""
    return replace(model, iccid=iccid, contents={**model.contents, "MF/ICCID": _swapped(iccid)})


def _merged(name: str, folder: Path) -> Mapping[str, Any]:
    own = _parsed((folder / f"{name}.toml").read_text("utf-8"))
    if name == "base":
        return own
    return _merge(_merged(own.get("inherits", "base"), folder), {key: value for key, value in own.items() if key != "inherits"})


@cache
def _parsed(text: str) -> Mapping[str, Any]:
    """Return what ``text`` says; the base of all models is long, and read once for each of them. Nobody may change it."""
    return tomllib.loads(text)


def _merge(parent: Mapping[str, Any], heir: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(parent)
    for key, value in heir.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def _model(name: str, told: Mapping[str, Any]) -> Model:
    card = told["card"]
    rules = {rule: Rule(**{verb: Access[who] for verb, who in told["rules"][rule].items()}) for rule in told["rules"]}
    gone = tuple(f"{path}/" for path, directory in told["directories"].items() if not directory)
    files = {path: file for path, file in told["files"].items() if file and not path.startswith(gone)}
    places = {path: _place(path, files) for path in files}
    applications = {path: d for path, d in told["directories"].items() if d}
    no_sfi = card["style"].get("no_sfi", False)
    mf = _tree(applications, {path: _file(path, files, places, rules_by_name(rules), no_sfi=no_sfi) for path in files})
    return Model(
        name=name,
        atr=bytes.fromhex(card["atr"]["bytes"])
        if "bytes" in card["atr"] and card["atr"]["bytes"]
        else atr(card["atr"]["model"].encode("ascii")),
        iccid=card["iccid"],
        second_generation=card["second_generation"],
        uicc=card["uicc"],
        style=Style(card["style"]["security"], bytes(card["style"]["long_by"]), card["style"]["sfi_tag"]),
        behaviour=_behaviour(card["behaviour"]),
        rules=tuple(rules.values()),
        keys=tuple(_key(key, value) for key, value in told["keys"].items() if value),
        mf=mf,
        contents={path: _content(path, files[path], told, mf, rules) for path, place in places.items() if path == place},
        domain=_domain(told.get("secured_packets")),
        channel=_channel(told.get("secure_channel")),
        unlock=_unlock(told["unlock"]),
        short_identifiers=not no_sfi,
    )


def _domain(told: Mapping[str, Any] | None) -> Domain | None:
    if not told:
        return None
    keys = {k["version"]: KeySet(bytes.fromhex(k["kic"]), bytes.fromhex(k["kid"]), k.get("algorithm", AES)) for k in told["keys"]}
    return Domain(keys, told.get("minimum", 0x16))


def _channel(told: Mapping[str, Any] | None) -> Keys | None:
    return Keys(bytes.fromhex(told["enc"]), bytes.fromhex(told["mac"]), told["version"]) if told else None


def _unlock(told: Mapping[str, Any]) -> Unlock | None:
    opens = Access[told["opens"]].value
    key = bytes.fromhex(told["key"])
    if opens is None or len(key) != 16:
        raise ValueError("an unlocking key has 16 bytes and opens what a key opens")
    return Unlock(told["reference"], key, told["tries"], opens) if told["offered"] else None


def _behaviour(told: Mapping[str, Any]) -> Behaviour:
    command = told.get("key_command")
    return Behaviour(
        proactive=told["proactive"],
        short_read=told["short_read"],
        k=bytes.fromhex(told["k"]),
        opc=bytes.fromhex(told["opc"]),
        k_place=KeyPlace(**told["k_place"]) if "k_place" in told else None,
        opc_place=KeyPlace(**told["opc_place"]) if "opc_place" in told else None,
        key_command=KeyCommand(command["ins"], command["k_p1"], command["opc_p1"], Access[command["access"]]) if command else None,
    )


def _key(name: str, told: Mapping[str, Any]) -> Key:
    reference = 0x11 if name == "UNIVERSAL" else Access[name].value
    if reference is None or reference < 0:
        raise ValueError(f"{name} is no key")
    value, puk = bytes.fromhex(told["value"]), bytes.fromhex(told.get("puk", ""))
    if len(value) != 8 or len(puk) not in (0, 8):
        raise ValueError(f"{name}: a key has 8 bytes")
    return Key(reference, value, told["tries"], puk, told.get("enabled", True), told.get("can_disable", False))


def _place(path: str, files: Mapping[str, Mapping[str, Any]]) -> str:
    return _place(files[path]["link"], files) if files[path].get("link") else path


def _file(path: str, files: Mapping[str, Mapping[str, Any]], places: Mapping[str, str], rules: Mapping[str, int], *, no_sfi: bool) -> File:
    own, held = files[path], files[places[path]]
    records = held.get("records", 0)
    if held.get("generate") == "rules":
        records = len(rules)
    structure = Structure.TRANSPARENT if not records else Structure.CYCLIC if held.get("cyclic") else Structure.LINEAR
    if held.get("generate") == "applications":
        records, structure = held.get("records", 2), Structure.LINEAR
    sfi = None if no_sfi else own.get("sfi") or None
    return File(path.rpartition("/")[2], own["fid"], held["size"], sfi, rules[own["rule"]], records, structure, places[path])


def _tree(directories: Mapping[str, Mapping[str, Any]], files: Mapping[str, File]) -> Directory:
    """Return the MF with everything in it."""

    def parent(path: str) -> str:
        return path.rpartition("/")[0] or "MF"

    def build(path: str) -> Directory:
        told = directories[path]
        return Directory(
            name=path.rpartition("/")[2],
            fid=told["fid"],
            files=tuple(file for at, file in files.items() if at.rpartition("/")[0] == path),
            aid=bytes.fromhex(told.get("aid", "")),
            directories=tuple(build(below) for below in directories if below != "MF" and parent(below) == path),
            path=path,
            label=told.get("label", ""),
        )

    lost = [path for path in files if path.rpartition("/")[0] not in directories]
    if lost:
        raise ValueError(f"files in no directory: {lost}")
    return build("MF")


def _content(path: str, file: Mapping[str, Any], told: Mapping[str, Any], mf: Directory, rules: Mapping[str, Rule]) -> bytes:
    """Return what the file at ``path`` holds when the card leaves its maker."""
    size = file["size"]
    filler = bytes.fromhex(file.get("fill", "FF"))
    made = {
        "iccid": lambda: [_swapped(told["card"]["iccid"])],
        "rules": lambda: [access_rule(rule) for rule in rules.values()],
        "applications": lambda: [directory_entry(d) for d in reversed(mf.directories) if d.label],
        "services": lambda: [_services(told["services"]["numbers"], size)],
    }
    parts = made[file["generate"]]() if "generate" in file else [bytes.fromhex(file.get("each") or file.get("content", ""))]
    count = max(1, file.get("records", 0), len(parts) if "generate" in file else 0)
    if file.get("generate") == "applications":
        count = file.get("records", 2)
    if "generate" in file or "each" in file:
        whole = b"".join(_filled(part, size, filler) for part in (parts * count if "each" in file else parts))
    else:
        whole = parts[0]
    if len(whole) > size * count:
        raise ValueError(f"{path}: the content is longer than the file")
    return _filled(whole, size * count, filler)


def _filled(part: bytes, size: int, filler: bytes) -> bytes:
    if len(part) > size:
        raise ValueError(f"{part.hex()} is longer than {size}")
    return part + (filler * size)[: size - len(part)]


def _swapped(digits: str) -> bytes:
    """Return up to 20 digits as EF_ICCID holds them, nibbles swapped."""
    padded = digits.ljust(20, "F")
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, 20, 2)))


def _services(numbers: list[int], size: int) -> bytes:
    table = bytearray(size)
    for number in numbers:
        table[(number - 1) // 8] |= 1 << (number - 1) % 8
    return bytes(table)
