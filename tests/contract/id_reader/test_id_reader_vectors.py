# SPDX-License-Identifier: Apache-2.0
"""The published frames and layouts referee between the driver and the simulator."""

import json
from pathlib import Path
from typing import Any

import pytest

from hal.document import number_is_consistent
from hal.id_reader import frames
from hal.id_reader.reading import to_holder
from hal.id_reader.sam_id import sam_id_text
from simulators.id_reader.sam import PREAMBLE, Sam, answer
from simulators.personas import PERSONAS, Persona, appended_block, photo_block, portrait_pgm, text_block

VECTORS = Path(__file__).parents[2] / "vectors/id_reader"
FRAMES = json.loads((VECTORS / "frames.json").read_text())
CARDS = json.loads((VECTORS / "cards.json").read_text())
REQUESTS: dict[str, frames.Command] = {
    "reset": frames.RESET,
    "status": frames.STATUS,
    "samid": frames.SAM_ID,
    "find": frames.FIND,
    "select": frames.SELECT,
    "read_base": frames.READ,
    "read_append": frames.APPENDED,
    "read_mng": frames.MANAGEMENT,
    **{f"baud_{rate}": frames.set_baud(rate) for rate in (115200, 57600, 38400, 19200, 9600)},
    **{f"max_rf_{size}": frames.set_max_rf(size) for size in (80, 88, 250)},
}


def sam(persona: Persona | None = None) -> Sam:
    return Sam(bytes.fromhex(CARDS["sam_ids"][0]["raw"]), persona=persona)


def ask(device: Sam, name: str) -> str:
    return device.handle(bytes.fromhex(FRAMES["requests"][name])[7:-1]).hex()


@pytest.mark.parametrize("name", FRAMES["requests"])
def test_request_vector_is_what_the_driver_sends(name: str) -> None:
    assert REQUESTS[name].frame.hex() == FRAMES["requests"][name]


@pytest.mark.parametrize("code", FRAMES["status_answers"])
def test_status_vector_is_what_the_simulator_says_and_the_driver_reads(code: str) -> None:
    frame = bytes.fromhex(FRAMES["status_answers"][code])
    assert answer(int(code, 16)) == frame
    assert frames.parse_frame(frame, frames.STATUS).code == int(code, 16)


def test_answer_vectors_are_what_the_simulator_says() -> None:
    device = sam(PERSONAS["zhang"])
    told = FRAMES["answers"]
    assert ask(device, "samid") == told["samid_05.01-20101129-0001228293-0296863149"]
    assert ask(device, "find") == told["find_ok"]
    assert ask(device, "select") == told["select_ok"]
    assert ask(device, "read_mng") == told["mng_zero"]
    assert ask(sam(), "find") == FRAMES["status_answers"]["80"]
    assert ask(device, "status") == FRAMES["status_answers"]["90"]


def test_answer_vectors_are_read_by_the_driver() -> None:
    told = {name: bytes.fromhex(value) for name, value in FRAMES["answers"].items()}
    assert frames.parse_frame(told["find_ok"], frames.FIND).data == bytes(4)
    assert frames.parse_frame(told["select_ok"], frames.SELECT).data == bytes(8)
    assert frames.parse_frame(told["mng_zero"], frames.MANAGEMENT).data == bytes(28)
    (vector,) = CARDS["sam_ids"]
    raw = frames.parse_frame(told[f"samid_{vector['text']}"], frames.SAM_ID).data
    assert raw.hex() == vector["raw"]
    assert sam_id_text(raw) == vector["text"]


def test_read_answer_has_the_published_lengths() -> None:
    device = sam(PERSONAS["moved"])
    for name in ("find", "select"):
        ask(device, name)
    whole = bytes.fromhex(ask(device, "read_base"))
    assert len(whole) == 1295
    assert whole[:14] == PREAMBLE + bytes.fromhex("0508 000090 0100 0400")[:9]
    assert len(bytes.fromhex(ask(device, "read_append"))) == 11 + 70


@pytest.mark.parametrize("vector", FRAMES["read_answers"]["frames"], ids=lambda vector: vector["name"])
def test_read_vector_is_what_the_simulator_says_and_the_driver_keeps_of_it(vector: dict[str, Any]) -> None:
    text = bytes.fromhex(next(card["text"] for card in CARDS["cards"] if card["name"] == "resident"))
    photo = bytes.fromhex(CARDS["photo_header"]).ljust(1024, b"\0")
    head, fingers = bytes.fromhex(vector["head"]), vector["fingers"]
    whole = head + text + photo + b"C".ljust(512, b"\0") * ((fingers or 0) // 512) + bytes.fromhex(vector["checksum"])
    assert len(whole) == vector["length"]
    told = frames.parse_frame(whole, frames.READ)
    assert (frames.parse_blocks(told), told.dropped) == ((text, photo), fingers or 0)
    device = sam(PERSONAS["zhang"])
    device.fingers = fingers
    for name in ("find", "select"):
        ask(device, name)
    said = bytes.fromhex(ask(device, "read_base"))
    assert (len(said), said[: len(head)], said[len(head) : len(head) + 256]) == (len(whole), head, text)


@pytest.mark.parametrize("slots", [1, 2, 3, 4])
def test_appended_vector_is_read_by_the_driver_and_has_the_simulators_form(slots: int) -> None:
    frame = bytes.fromhex(FRAMES["appended_answers"][f"append_{slots}addr"])
    told = frames.parse_frame(frame, frames.APPENDED).data
    assert len(told) == 70 * slots
    assert told[70:] == " ".encode("utf-16-le") * 35 * (slots - 1)
    device = sam(PERSONAS["moved"])
    device.address_slots = slots
    for name in ("find", "select"):
        ask(device, name)
    said = bytes.fromhex(ask(device, "read_append"))
    assert (len(said), said[:10], said[80:-1]) == (len(frame), frame[:10], frame[80:-1])


@pytest.mark.parametrize("card", [card for card in CARDS["cards"] if card["persona"]], ids=lambda card: card["name"])
def test_card_vector_is_what_the_personas_chip_holds(card: dict[str, Any]) -> None:
    assert text_block(PERSONAS[card["persona"]]).hex() == card["text"]


NUMBER_OF_NO_FORM = ("empty_number", "hostile_number")
"""Ends of the names of personas whose card holds nothing like a number."""


@pytest.mark.parametrize("persona", PERSONAS.values(), ids=lambda persona: persona.key)
def test_persona_is_synthetic_and_fits_its_card(persona: Persona) -> None:
    assert persona.key.endswith(NUMBER_OF_NO_FORM) or "99" in (persona.number[:2], persona.number[3:5])
    assert len(text_block(persona)) == 256
    assert len(appended_block(persona)) == 70 * len(persona.appended)
    assert photo_block(persona).startswith(bytes.fromhex(CARDS["photo_header"]))
    assert portrait_pgm(persona).startswith(b"P5\n")
    if not persona.key.startswith("foreigner_2017") and not persona.key.endswith(("bad_check", *NUMBER_OF_NO_FORM)):
        assert number_is_consistent(persona.number)


def test_persona_zhang_is_read_without_a_doubt() -> None:
    zhang = PERSONAS["zhang"]
    holder, portrait = to_holder(text_block(zhang), photo_block(zhang), None)
    assert (holder.name, holder.number, holder.birth, holder.sex_agrees) == (zhang.name, zhang.number, zhang.birth, True)
    assert portrait.image == photo_block(zhang)
    assert to_holder(text_block(PERSONAS["sex_mismatch"]), photo_block(zhang), None)[0].sex_agrees is False


@pytest.mark.parametrize("body", ["3010", "3002", "01ff", "6005", "61ff17", "6200", "60", ""])
def test_command_outside_the_table_is_answered_21(body: str) -> None:
    assert sam(PERSONAS["zhang"]).handle(bytes.fromhex(body)).hex() == FRAMES["status_answers"]["21"]
