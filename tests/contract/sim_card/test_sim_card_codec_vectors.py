# SPDX-License-Identifier: Apache-2.0
"""Every file with a codec has vectors worked out from its clause, and agrees with them both ways."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hal.sim_card import gsm
from hal.sim_card.codecs.fiveg import SuciCalculation
from hal.sim_card.codecs.location import Context, Location
from hal.sim_card.codecs.names import NetworkName, OperatorArea
from hal.sim_card.codecs.numbers import EmergencyNumber, Number
from hal.sim_card.codecs.table import CODECS, TABLE

VECTORS = Path(__file__).parents[2] / "vectors" / "sim_card"
CODINGS: list[dict[str, Any]] = json.loads((VECTORS / "ef_codings.json").read_text("utf-8"))["vectors"]
SELECTED: list[dict[str, Any]] = json.loads((VECTORS / "fcp_2g.json").read_text("utf-8"))["vectors"]


def _location(value: Any) -> Location:
    return Location(
        bytes.fromhex(value["identity"]), value["network"], bytes.fromhex(value["area"]), value["status"], bytes.fromhex(value["spare"])
    )


def _context(value: Any) -> Context:
    return Context(tuple((int(tag, 16), bytes.fromhex(data)) for tag, data in value))


def _suci(value: Any) -> SuciCalculation:
    return SuciCalculation(tuple(map(tuple, value["schemes"])), tuple((name, bytes.fromhex(key)) for name, key in value["keys"]))


VALUES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("PL", "LI", "PLMNwAcT", "OPLMNwAcT", "HPLMNwAcT", "FPLMN", "EHPLMN"), tuple),
    **dict.fromkeys(("UST", "EST", "ACC", "UAC_AIC"), frozenset),
    **dict.fromkeys(("LOCI", "PSLOCI", "EPSLOCI", "5GS3GPPLOCI", "5GSN3GPPLOCI"), _location),
    **dict.fromkeys(("EPSNSC", "5GS3GPPNSC", "5GSN3GPPNSC", "5GAUTHKEYS", "SUPI_NAI"), _context),
    **dict.fromkeys(("OPL", "OPL5G"), lambda value: OperatorArea(**value)),
    "ECC": lambda value: EmergencyNumber(**value) if value else None,
    "MSISDN": lambda value: Number(**value),
    "PNN": lambda value: NetworkName(**value),
    "SUCI_Calc_Info": _suci,
}


@pytest.mark.parametrize("vector", CODINGS, ids=lambda v: f"{v['ef']}-{v['bytes'][:18]}")
def test_codec_of_a_file_encodes_and_decodes_its_vector(vector: dict[str, Any]) -> None:
    codec, data = CODECS[vector["ef"]], bytes.fromhex(vector["bytes"])
    value = VALUES.get(codec.name, lambda same: same)(vector["value"])
    assert codec.decode(data) == value
    if not vector.get("decode_only"):
        assert codec.encode(value, len(data)) == data


def test_codecs_have_a_vector_a_clause_and_a_place_of_their_own() -> None:
    assert {vector["ef"] for vector in CODINGS} == set(CODECS)
    assert len(CODECS) == len(TABLE)
    assert len({(codec.ef.directory.path, codec.ef.fid) for codec in TABLE}) == len(TABLE)
    short = [(codec.ef.directory.path, codec.ef.sfi) for codec in TABLE if codec.ef.sfi]
    assert len(set(short)) == len(short)
    assert all(codec.clause.startswith(("TS 31.102 §4.", "TS 102 221 §13.")) for codec in TABLE)


def test_values_that_hold_keys_or_numbers_show_none_in_repr() -> None:
    for value in (Number("8613800000000"), Context(((0x81, bytes(range(32))),)), Location(b"secretid", "46000", b"\0\0")):
        shown = repr(value)
        assert not any(field.name == "digits" and value.digits in shown for field in dataclasses.fields(value) if isinstance(value, Number))
        assert "secretid" not in shown
        assert "\\x1f" not in shown


@pytest.mark.parametrize("vector", SELECTED, ids=lambda v: v["source"])
def test_description_of_a_2g_file_is_parsed(vector: dict[str, Any]) -> None:
    found = gsm.parse(bytes.fromhex(vector["response"]))
    info = found.info
    assert (info.fid, info.structure.value, info.size) == (vector["fid"], vector["structure"], vector["size"])
    assert (info.record_length, info.records, info.active) == (vector["record_length"], vector["records"], vector["active"])
    assert (list(found.access), [code.tries for code in found.codes]) == (vector["access"], vector["tries"])
