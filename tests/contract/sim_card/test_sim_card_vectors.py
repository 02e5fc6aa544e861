# SPDX-License-Identifier: Apache-2.0
"""The vectors referee between the shipped driver and the simulated card, which share no code."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hal.sim_card import commands, fcp
from hal.sim_card.cards import CARD_TYPES, USIM_AID, identify
from hal.sim_card.codecs.numbers import Number
from hal.sim_card.codecs.table import TABLE
from hal.sim_card.errors import UnknownCard
from hal.sim_card.files import MF_FID, Directory
from hal.sim_card.layout import targets
from hal.sim_card.profile import from_json
from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS, atr

VECTORS = Path(__file__).parents[2] / "vectors" / "sim_card"


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((VECTORS / name).read_text("utf-8"))
    return content


@pytest.mark.parametrize("vector", _load("fcp.json")["vectors"], ids=lambda v: v["source"])
def test_fcp_vector_is_parsed(vector: dict[str, Any]) -> None:
    info = fcp.parse(bytes.fromhex(vector["template"]))
    assert (info.fid, info.directory, info.size, info.record_length, info.records) == tuple(
        vector[key] for key in ("fid", "directory", "size", "record_length", "records")
    )
    assert (info.sfi, info.aid.hex(), list(info.keys), info.active) == (vector["sfi"], vector["aid"], vector["keys"], True)


def test_simulated_card_gives_the_exchanges_of_the_standard() -> None:
    card = _card("blank-usim")
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


def _card(name: str) -> Card:
    persona = CARDS[name]
    return Card(persona, Memory(persona.contents(), persona.tries(), name="v", store=None))


def _told(card: Card, directory: Directory, fid: int) -> fcp.FileInfo | None:
    """Return what the simulated card says of a file, None when it has none there."""
    below = [commands.select_fid(one) for one in directory.path[1:]]
    for command in [commands.select_aid(USIM_AID), *below] if directory.in_application else [commands.select_fid(MF_FID)]:
        card.process(command)
    sw = card.process(commands.select_fid(fid, describe=True))[-2:]
    return fcp.parse(card.process(commands.get_response(0, sw[1]))[:-2]) if sw[0] == 0x61 else None


@pytest.mark.parametrize("name", sorted(name for name, card in CARDS.items() if card.model.uicc))
def test_codecs_agree_with_what_each_simulated_card_says_of_its_files(name: str) -> None:
    card, missing = _card(name), []
    for codec in TABLE:
        info = _told(card, codec.ef.directory, codec.ef.fid)
        if info is None:
            missing.append(codec.name)
            continue
        assert info.fid == codec.ef.fid
        assert info.sfi in (codec.ef.sfi or None, None) or codec.name in {"SPN", "SMSP", "MSISDN"}
        assert bool(info.record_length) == bool(codec.ef.record), codec.name
        if not codec.secret and codec.name in EMPTY_AT_THE_MAKER:
            codec.encode(EMPTY_AT_THE_MAKER[codec.name], info.unit)
    assert not set(missing) & {target.name for target in targets(CARD_TYPES[0], from_json(PROFILE))}


EMPTY_AT_THE_MAKER: dict[str, Any] = {"FPLMN": (), "EHPLMN": (), "PLMNwAcT": (), "SMSP": "", "MSISDN": Number("")}
PROFILE: dict[str, Any] = {
    "iccid": "89860112345678901234", "imsi": "460001112223334", "msisdn": "8613800000000", "spn": "Operator", "smsc": "8613800100500",
    "hplmn_act": ["46000:4000"], "ehplmn": ["46000"], "fplmn": ["46001"], "mnc_length": 2, "adm_ref": 10, "adm": "A1B2C3D4E5F60718",
}  # fmt: skip


def test_card_types_know_each_simulated_model_by_one_row_and_not_the_unknown_one() -> None:
    known = {name: [t.name for t in CARD_TYPES if t.matches(card.atr)] for name, card in CARDS.items()}
    assert known.pop("unknown") == []
    assert all(len(names) == 1 for names in known.values()), known
    assert {name for names in known.values() for name in names} == {card_type.name for card_type in CARD_TYPES}
    assert not any(t.matches(atr(b"RNTUSM2")) for t in CARD_TYPES)


def test_card_of_no_model_or_of_two_is_an_error_that_names_the_atr() -> None:
    unknown = CARDS["unknown"].atr
    with pytest.raises(UnknownCard) as none:
        identify(unknown)
    assert none.value.data == {"atr": unknown.hex().upper(), "types": 0}
    loose = replace(CARD_TYPES[0], mask=b"\xff" * 15 + bytes(len(CARD_TYPES[0].mask) - 15))
    with pytest.raises(UnknownCard) as two:
        identify(CARDS["fixed-iccid"].atr, (*CARD_TYPES, loose))
    assert two.value.data["types"] == 2
