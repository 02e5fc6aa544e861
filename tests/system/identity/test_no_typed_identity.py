# SPDX-License-Identifier: Apache-2.0
"""R115, DS-03: identity values come from readers and the camera, and there is no other way in.

First the types (who can make, keep or change one), then every door through which data comes: the engineer's tool, the screen, the operator,
the configuration, the journal, and the processes of the devices.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import inspect
import json
import pickle
import pkgutil
import re
import socket
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import pytest

import firmware.core
from firmware.backend import answers
from firmware.core import events, states
from firmware.core.documents import Assurance, assurance, check_document
from firmware.core.record import build_record
from firmware.kiosk import intents
from firmware.runtime import config
from firmware.runtime.maintenance import Maintenance
from hal.camera.frame import parse
from hal.camera.portrait import live_portrait
from hal.camera.watermark import Watermark, stamp
from hal.document import Holder, Portrait, Provenance
from hal.id_reader.reading import to_holder
from hal.minting import mint_holder
from host_tools.rnt.main import rnt
from simulators.personas import PERSONAS, photo_block, portrait_pgm, text_block
from tests.support.tree import ROOT, SHIPPED, python_files
from tests.unit.core_codecs import core_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from simulators.personas import Persona
    from tests.support.station import Station

HOST_CODE = [path for path in python_files(*SHIPPED) if path.parts[:2] != ("firmware", "controller")]
MAKERS = {"hal/minting.py", "hal/id_reader/reading.py", "hal/camera/portrait.py", "hal/camera/pages.py"}
"""The mint, and the readers and cameras that use it."""
WORDS = {"name", "holder", "identity", "citizen", "address", "birth", "sex", "nationality", "issuer", "portrait", "photo", "face", "image"}
"""What an option, parameter or field for an identity value would be called."""
ZHANG = PERSONAS["zhang"]
TODAY = date(2030, 6, 15)
MARK = Watermark("OPERATOR", "T01", "2030-06-15", "AB" * 16)


def read() -> tuple[Holder, Portrait]:
    return to_holder(text_block(ZHANG), photo_block(ZHANG), None)


def taken_of(persona: Persona) -> Portrait:
    return live_portrait(stamp(parse(portrait_pgm(persona)), MARK, across=False).image, MARK)


def trees() -> Iterator[tuple[str, ast.AST]]:
    for path in HOST_CODE:
        yield path.as_posix(), ast.parse((ROOT / path).read_text(encoding="utf-8"))


def calls(tree: ast.AST) -> Iterator[str]:
    """Yield what a module calls, as written."""
    yield from (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


# ---- the types


@pytest.mark.clause("DS-03", "N182-2a", "OLD-2")
def test_only_readers_call_the_mint_and_only_the_mint_calls_the_constructors() -> None:
    minting = {
        path for path, tree in trees() for call in calls(tree) if call.rpartition(".")[2] in {"mint_holder", "mint_portrait", "mint_page"}
    }
    making = {path for path, tree in trees() for call in calls(tree) if call.rpartition(".")[2] in {"Holder", "Portrait", "Page"}}
    assert minting == MAKERS - {"hal/minting.py"}
    assert making == {"hal/minting.py"}


def test_only_makers_say_that_they_return_an_identity() -> None:
    found = {
        path
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None
        if {"Holder", "Portrait"} & {part.id for part in ast.walk(node.returns) if isinstance(part, ast.Name)}
    }
    assert found == MAKERS - {"hal/camera/pages.py"}  # a page is a picture: nobody reads an identity from it


def test_session_takes_its_identity_from_the_makers_only() -> None:
    kept = {"holder", "chip_portrait", "live_portrait"}
    found = [
        (path, ast.unparse(node))
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for part in ast.walk(target)
        if isinstance(part, ast.Attribute) and part.attr in kept
    ]
    assert {path for path, _ in found} == {"firmware/runtime/identity.py"}
    assert {text for _, text in found} == {"party.holder, party.chip_portrait = (holder, portrait)", "party.live_portrait = portrait"}


def test_shipped_code_has_no_tool_that_goes_around_a_constructor() -> None:
    around = {"object.__setattr__", "object.__new__", "gc.get_objects", "gc.get_referrers", "eval", "exec", "copy.copy", "copy.deepcopy"}
    modules = {"pickle", "marshal", "shelve", "copyreg", "copy"}
    found = [
        f"{path}: {call}" for path, tree in trees() for call in calls(tree) if call in around or call.endswith((".__new__", ".__init__"))
    ]
    assert [text for text in found if "int.__new__" not in text and "super()" not in text] == []
    imported = [
        f"{path}: {name}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.partition(".")[0] in modules
    ]
    assert imported == []


FORGERIES: list[Callable[[Holder], object]] = [
    copy.copy,
    copy.deepcopy,
    pickle.dumps,
    lambda holder: dataclasses.replace(holder, name="李样例"),  # type: ignore[call-arg]  # the point
    lambda holder: setattr(holder, "name", "李样例"),
    lambda holder: setattr(holder, "typed", "李样例"),
    lambda holder: delattr(holder, "name"),
    lambda holder: setattr(holder, "__class__", SimpleNamespace),
    lambda holder: type(holder).__setstate__(holder, ["D01"]),  # type: ignore[attr-defined]  # the decorator adds it
    lambda holder: type(holder)(object(), *("x",) * 8, None, Provenance.CHIP),
    lambda holder: type("Typed", (type(holder),), {"__post_init__": lambda *_: None}),
    lambda holder: holder.extras.append(("name", "x")),  # type: ignore[attr-defined]  # the point
]


@pytest.mark.clause("DS-03")
@pytest.mark.parametrize("forge", FORGERIES)
def test_holder_that_was_read_is_not_changed_copied_derived_or_restored(forge: Callable[[Holder], object]) -> None:
    holder, _ = read()
    with pytest.raises((TypeError, AttributeError, ValueError)):
        forge(holder)
    assert holder.name == ZHANG.name


def test_portrait_is_guarded_like_a_holder() -> None:
    for portrait in (read()[1], taken_of(ZHANG)):
        for forge in (copy.copy, copy.deepcopy, pickle.dumps, lambda value: type("Typed", (type(value),), {})):
            with pytest.raises(TypeError):
                forge(portrait)
        with pytest.raises(AttributeError):
            portrait.image = b""  # type: ignore[misc]  # the point


@pytest.mark.clause("N182-2a", "KYX-4", "OLD-3", "T-3", "GA-34")
def test_what_only_looks_like_a_holder_is_r115_and_is_not_signed() -> None:
    holder, portrait = read()
    double: Any = SimpleNamespace(**{field.name: getattr(holder, field.name) for field in dataclasses.fields(holder)})
    assert check_document(holder, TODAY).outcome is None
    assert check_document(double, TODAY).outcome == "R115"
    assert assurance(double, [("face-match", True), ("liveness", True)]) is Assurance.AL0
    taken = taken_of(ZHANG)
    forged: Any = SimpleNamespace(image=taken.image, media_type=taken.media_type, provenance=taken.provenance)
    assert build_record(core_world.facts(), (core_world.person(holder=holder, portraits=(portrait, taken)),), salts=core_world.SALTS).items
    with pytest.raises(TypeError, match="comes from a reader"):
        build_record(core_world.facts(), (core_world.person(holder=double, portraits=(portrait, taken)),), salts=core_world.SALTS)
    with pytest.raises(TypeError, match="comes from a reader"):
        build_record(core_world.facts(), (core_world.person(holder=holder, portraits=(portrait, forged)),), salts=core_world.SALTS)


@pytest.mark.clause("KYX-4", "OLD-3", "T-3")
@pytest.mark.parametrize("provenance", [Provenance.OCR, Provenance.MRZ])
def test_card_with_a_chip_that_was_not_read_from_it_is_r115(provenance: Provenance) -> None:
    holder, _ = read()
    texts = {field.name: getattr(holder, field.name) for field in dataclasses.fields(holder)}
    assert check_document(mint_holder(**(texts | {"provenance": provenance})), TODAY).outcome == "R115"


# ---- the assurance level

SAM, FACE, ONLINE = "D01", [("face-match", True), ("liveness", True)], [("online", True)]
LEVELS: list[tuple[str, Provenance, list[tuple[str, bool]], int]] = [
    ("D01", Provenance.CHIP, [*FACE, *ONLINE], 4),
    ("D08", Provenance.CHIP, [*FACE, *ONLINE], 4),
    ("D10", Provenance.CHIP, [*FACE, *ONLINE], 4),
    ("D01", Provenance.CHIP, FACE, 3),
    ("D01", Provenance.CHIP, ONLINE, 3),
    ("D01", Provenance.CHIP, [], 2),
    ("D01", Provenance.CHIP, [*FACE, ("number", False)], 0),
    ("D01", Provenance.OCR, [*FACE, *ONLINE, ("number", True), ("attested", True)], 0),
    ("D09", Provenance.CHIP, [*FACE, ("passive-authentication", True)], 3),
    ("D09", Provenance.CHIP, [*FACE, *ONLINE], 0),
    ("D09", Provenance.MRZ, [*FACE, *ONLINE, ("number", True), ("attested", True)], 2),
    ("D09", Provenance.MRZ, [*ONLINE, ("number", True), ("attested", True)], 1),
    ("D02", Provenance.OCR, [*FACE, ("second-person", True)], 1),
    ("D02", Provenance.OCR, FACE, 0),
]


@pytest.mark.parametrize(("kind", "provenance", "checks", "level"), LEVELS)
def test_assurance_is_what_provenance_and_checks_amount_to(
    kind: str, provenance: Provenance, checks: list[tuple[str, bool]], level: int
) -> None:
    assert assurance(core_world.holder(kind=kind, provenance=provenance), checks) == level


def test_assurance_without_a_document_is_none() -> None:
    assert assurance(None, [*FACE, *ONLINE]) is Assurance.AL0


def test_nobody_takes_or_keeps_an_assurance_level() -> None:
    taken = [
        f"{path}: {ast.unparse(node)}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None and "Assurance" in ast.unparse(node.annotation)
    ]
    assert taken == []


# ---- the doors


def words_of(name: str) -> set[str]:
    return set(name.lower().replace("-", "_").split("_"))


def options(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from options(found, f"{path} {name}")
    else:
        yield from ((path, parameter.name or "") for parameter in command.params)


@pytest.mark.clause("DS-03", "N182-2a", "GA-34")
def test_no_option_of_the_engineers_tool_is_for_an_identity_value() -> None:
    found = list(options(rnt, "rnt"))
    assert len(found) > 20
    assert [f"{path}: {name}" for path, name in found if words_of(name) & WORDS] == []


@pytest.mark.clause("DS-03", "T-10", "GA-34")
def test_no_request_of_the_engineers_tool_carries_an_identity_value(tmp_path: Path) -> None:
    loaded = dataclasses.replace(
        config.load(ROOT / "board/terminal.toml"), terminal=config.Terminal("RNT-000001", tmp_path / "state", tmp_path / "run")
    )
    operations = Maintenance(loaded).operations
    assert len(operations) >= 4
    taken = {f"{name}({parameter})" for name, op in operations.items() for parameter in inspect.signature(op).parameters}
    assert [text for text in taken if words_of(text.partition("(")[2].rstrip(")")) & WORDS] == []


@pytest.mark.clause("DS-03", "GA-34")
def test_no_word_a_screen_may_send_has_the_form_of_an_identity_value() -> None:
    kinds = {(name, field): kind for name, fields in intents.FIELDS.items() for field, kind in fields.items()}
    assert set(kinds.values()) <= {str, bool, int, list}
    assert [place for place, kind in kinds.items() if kind is list] == [("agreement", "strokes")]
    for strokes in (["张样例"], [[ZHANG.number]], [[["x", "y"]]]):
        with pytest.raises(intents.BadIntent):
            intents.parse(json.dumps({"intent": "agreement", "signed": True, "strokes": strokes}).encode())
    words = {field for fields in intents.FIELDS.values() for field, kind in fields.items() if kind is str}
    assert words == intents.FORMS.keys()
    assert not any(words_of(name) & (WORDS - {"portrait"}) for name in {*words, *intents.FIELDS})
    people = [persona for persona in PERSONAS.values() if not persona.key.partition("_")[2].startswith(("hostile", "empty"))]
    values = {text for p in people for text in (p.name, p.number, p.address, p.issuer, p.birth, p.english_name, p.pass_number) if text}
    assert len(values) > 30
    for field in words - {"token"}:
        assert [text for text in values if intents.FORMS[field].fullmatch(text)] == [], field


@pytest.mark.clause("DS-03", "GA-34")
@pytest.mark.parametrize(
    "line",
    [
        {"intent": "start", "kind": "T01", "name": "张样例"},
        {"intent": "document", "number": ZHANG.number},
        {"intent": "notice", "acknowledged": True, "holder": {"name": "张样例"}},
        {"intent": "portrait", "matched": True, "score": 93, "live": True, "image": "00"},
        {"intent": "refuse", "code": "R104", "note": "张样例"},
        {"intent": "refuse", "code": "R105", "note": "photocopy"},
    ],
)
def test_screen_that_sends_an_identity_value_is_not_heard(line: dict[str, Any]) -> None:
    with pytest.raises(intents.BadIntent):
        intents.parse(json.dumps(line).encode())


@pytest.mark.clause("DS-03", "GA-34")
def test_operators_answer_with_an_identity_value_says_nothing_more_than_without() -> None:
    more = {"holder": {"name": "张样例"}, "name": "张样例", "number": ZHANG.number}
    plain = {"outcome": "refused", "code": "R404"}
    assert answers.activation(json.dumps(plain | more).encode()) == answers.activation(json.dumps(plain).encode())
    assert answers.now(json.dumps({"now": 5} | more).encode()) == 5


def test_configuration_has_no_place_for_an_identity_value() -> None:
    text = (ROOT / "board/terminal.toml").read_text(encoding="utf-8")
    for addition in ("\n[holder]\nname = 'x'\n", "\n[document]\nnumber = 'x'\n"):
        with pytest.raises(config.ConfigError, match="unknown key"):
            config.parse((text + addition).encode())


def core_values() -> dict[str, Any]:
    """Return every value class of the core by its module and name: two of them may have one name."""
    modules = [importlib.import_module(f"firmware.core.{module.name}") for module in pkgutil.iter_modules(firmware.core.__path__)]
    kinds = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass) if dataclasses.is_dataclass(kind)}
    return {f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}": kind for kind in kinds}


def named_in(kind: Any) -> set[str]:
    """Return the words of a value class' field types."""
    return {word for field in dataclasses.fields(kind) for word in re.findall(r"\w+", str(field.type))}


def test_what_the_journal_restores_holds_no_identity() -> None:
    """Events and states are all that comes back after a restart; a session cut before its record was signed is refused, not carried on."""
    known = core_values()
    restored = {name for name, kind in known.items() if kind.__module__ in {events.__name__, states.__name__}}
    assert {"events.Opened", "events.StepDone", "states.Capturing"} <= restored
    while more := {name for name in known for by in restored if known[name].__name__ in named_in(known[by])} - restored:
        restored |= more
    assert [name for name in restored if {"Holder", "Portrait"} & named_in(known[name])] == []


def test_no_value_of_the_core_keeps_an_identity_but_the_person_a_record_is_drafted_of() -> None:
    keeping = [name for name, kind in core_values().items() if kind not in {Holder, Portrait} if {"Holder", "Portrait"} & named_in(kind)]
    assert keeping == ["people.Person"]


@pytest.mark.clause("DS-03", "N182-2a", "OLD-2", "GA-34")
def test_counter_takes_the_identity_from_the_chip_whatever_the_screen_says(station: Station) -> None:
    station.fault("desk", at="notice", do="hold")
    screen = station.start()
    screen.ready()
    station.device("desk", "start")
    screen.wait("view", prompt="notice")
    assert station.device("desk", "wait_held", timeout=20)["held"]
    with socket.socket(socket.AF_UNIX) as channel, channel.makefile("rwb") as stream:
        channel.connect(str(station.root / "run" / "kiosk.sock"))
        stream.write(b'{"intent": "document", "name": "typed", "number": "typed"}\n')
        stream.flush()
        said = iter(json.loads(line) for line in stream)
        assert next(message for message in said if message["type"] == "intent")["ok"] is False
    station.device("desk", "release")
    result = screen.result()
    assert (result["outcome"], result["masked"]["name"]) == ("ACTIVE", ZHANG.name[0] + "*")
