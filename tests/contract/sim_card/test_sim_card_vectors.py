# SPDX-License-Identifier: Apache-2.0
"""The vectors referee between the shipped driver and the simulated card, which share no code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hal.sim_card import codecs, commands, fcp
from hal.sim_card.cards import CARD_TYPES
from hal.sim_card.layout import ITEMS
from simulators.sim_card.card import Card
from simulators.sim_card.files import Directory, File
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import PERSONAS, atr
from simulators.sim_card.templates import file_template

VECTORS = Path(__file__).parents[2] / "vectors" / "sim_card"


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return content


ENCODE: dict[str, Callable[[Any, int], bytes]] = {
    "ICCID": lambda value, _: codecs.encode_iccid(value),
    "IMSI": lambda value, _: codecs.encode_imsi(value),
    "AD": lambda value, _: codecs.encode_ad(value),
    "ACC": lambda value, _: codecs.encode_acc(value),
    "SPN": lambda value, _: codecs.encode_spn(value),
    "SMSP": codecs.encode_smsp,
    "PLMN": lambda value, _: codecs.encode_plmn(value),
    "FPLMN": lambda value, length: codecs.encode_plmn_list(tuple(value), length),
    "HPLMNwAcT": lambda value, length: codecs.encode_plmn_act_list(tuple(value), length),
    "LOCI": lambda value, _: codecs.encode_loci(value),
}
DECODE: dict[str, Callable[[bytes], Any]] = {
    "ICCID": codecs.decode_iccid,
    "IMSI": codecs.decode_imsi,
    "AD": codecs.decode_ad,
    "SPN": codecs.decode_spn,
    "SMSP": codecs.decode_smsp,
    "PLMN": codecs.decode_plmn,
    "FPLMN": lambda data: list(codecs.decode_plmn_list(data)),
    "HPLMNwAcT": lambda data: list(codecs.decode_plmn_act_list(data)),
    "LOCI": lambda data: codecs.decode_loci(data)[0],
}


@pytest.mark.parametrize("vector", _load("ef_codings.json")["vectors"], ids=lambda v: f"{v['ef']}-{v['bytes'][:18]}")
def test_codec_vector_encodes_and_decodes(vector: dict[str, Any]) -> None:
    data, ef = bytes.fromhex(vector["bytes"]), vector["ef"]
    if not vector.get("decode_only"):
        assert ENCODE[ef](vector["value"], len(data)) == data
    if ef == "ACC":
        assert codecs.decode_acc(data) == {int(vector["value"][-1])}
    else:
        assert DECODE[ef](data) == vector["value"]


@pytest.mark.parametrize("vector", _load("fcp.json")["vectors"], ids=lambda v: v["source"])
def test_fcp_vector_is_parsed(vector: dict[str, Any]) -> None:
    info = fcp.parse(bytes.fromhex(vector["template"]))
    assert (info.fid, info.directory, info.size, info.record_length, info.records) == tuple(
        vector[key] for key in ("fid", "directory", "size", "record_length", "records")
    )
    assert (info.sfi, info.aid.hex(), list(info.keys), info.active) == (vector["sfi"], vector["aid"], vector["keys"], True)


def test_simulated_card_gives_the_exchanges_of_the_standard() -> None:
    persona = PERSONAS["blank-usim"]
    card = Card(persona, Memory(persona.contents(), persona.tries(), name="v", store=None))
    for step in _load("exchanges.json")["exchanges"]:
        answer = card.process(bytes.fromhex(step["command"]))
        assert answer.hex().upper() == step["data"] + step["sw"], step["source"]


def test_commands_are_those_of_the_exchanges() -> None:
    told = {step["command"] for step in _load("exchanges.json")["exchanges"]}
    ours = [
        commands.read_binary(0x02, 10),
        commands.read_binary(0x02, 256),
        commands.select_aid(bytes.fromhex("A0000000871002")),
        commands.ask_tries(0x0A),
        commands.verify(0x0A, bytes.fromhex("A1B2C3D4E5F60718")),
        commands.update_binary(0x07, bytes.fromhex("084906001121223343")),
        commands.select_fid(0x6F42, describe=True),
        commands.get_response(0x00, 0x1B),
        commands.read_record(0, 3, 0x35),
        commands.update_record(0, 1, b"\0"),
        commands.read_binary(0, 10),
    ]
    assert {command.hex().upper() for command in ours} <= told


def _files(directory: Directory) -> dict[int, tuple[str, File]]:
    return {file.fid: (directory.name, file) for file in directory.files} | {
        fid: found for below in directory.directories for fid, found in _files(below).items()
    }


@pytest.mark.parametrize("name", sorted(PERSONAS))
def test_layout_agrees_with_what_the_simulated_card_says_of_its_files(name: str) -> None:
    files = _files(PERSONAS[name].tree())
    for item in ITEMS:
        directory, file = files[item.ef.fid]
        info = fcp.parse(file_template(file))
        assert (directory, file.name) == (item.ef.directory.value, item.ef.name)
        assert (info.sfi or 0, info.fid, bool(info.record_length)) == (item.ef.sfi, item.ef.fid, bool(item.ef.record))
        assert item.ef.length is None or info.unit >= item.ef.length


def test_card_types_know_each_simulated_model_and_not_the_unknown_one() -> None:
    known = {persona: [t.name for t in CARD_TYPES if t.matches(PERSONAS[persona].atr)] for persona in PERSONAS}
    assert known.pop("unknown") == []
    assert all(len(names) == 1 for names in known.values())
    assert not any(t.matches(atr(b"RNTUSM2")) for t in CARD_TYPES)
