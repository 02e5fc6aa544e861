# SPDX-License-Identifier: Apache-2.0
"""The non-volatile memory of the simulated UICC: what survives, what a torn update leaves, and what a description may say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.kit import Fault, FaultPlan
from simulators.sim_card import description
from simulators.sim_card.card import Card
from simulators.sim_card.memory import Memory
from simulators.sim_card.personas import CARDS
from simulators.sim_card.slot import ContactLost, Slot

ADM = "0020000A08A1B2C3D4E5F60718"
OLD, NEW = "98680099000000000011", "98681021436587092143"


def slot_with(store: Path | None, *faults: Fault) -> tuple[Slot, Card]:
    slot = Slot(FaultPlan(list(faults)), store)
    return slot, slot.insert("blank-usim")


def tell(slot: Slot, card: Card, command: str) -> str:
    return slot.answer(card, slot.turn, bytes.fromhex(command)).hex().upper()


@pytest.mark.parametrize(("leaves", "found"), [("old", OLD), ("new", NEW), ("half", NEW[:10] + OLD[10:])])
def test_uicc_torn_update_leaves_what_the_fault_says(tmp_path: Path, leaves: str, found: str) -> None:
    slot, card = slot_with(tmp_path / "nvm", Fault("update", "tear", options={"leaves": leaves}))
    assert tell(slot, card, ADM) == "9000"
    with pytest.raises(ContactLost):
        tell(slot, card, "00D682000A" + NEW)
    assert slot.state()["inserted"] is False
    slot, card = slot_with(tmp_path / "nvm")
    assert tell(slot, card, "00B082000A") == found + "9000"


def test_uicc_marked_half_warns_until_it_is_updated(tmp_path: Path) -> None:
    slot, card = slot_with(tmp_path / "nvm", Fault("update", "tear", options={"marked": True}))
    tell(slot, card, ADM)
    with pytest.raises(ContactLost):
        tell(slot, card, "00D682000A" + NEW)
    slot, card = slot_with(tmp_path / "nvm")
    assert tell(slot, card, "00B082000A") == NEW[:10] + OLD[10:] + "6281"
    tell(slot, card, ADM)
    assert tell(slot, card, "00D682000A" + NEW) == "9000"
    assert tell(slot, card, "00B082000A") == NEW + "9000"


def test_uicc_cyclic_record_is_torn_as_a_whole(tmp_path: Path) -> None:
    slot, card = slot_with(None, Fault("update", "tear", options={"leaves": "old"}))
    for command in ("00A4000C027F10", "00A4000C026F44"):
        assert tell(slot, card, command) == "9000"
    with pytest.raises(ContactLost):
        tell(slot, card, "00DC000322" + "11" * 34)
    assert card.content("DF.TELECOM/LND") == b"\xff" * 340


def test_uicc_memory_stores_only_what_differs_and_its_numbers(tmp_path: Path) -> None:
    store = tmp_path / "nvm"
    memory = Memory({"a": b"\0", "b": b"\0"}, {1: 3}, name="x", store=store)
    memory.update("a", 0, b"\1")
    memory.numbers["counter"] = 7
    assert json.loads(store.read_text("ascii"))["x"]["contents"] == {"a": "01"}
    again = Memory({"a": b"\0", "b": b"\0"}, {1: 3}, name="x", store=store)
    assert (again.contents, dict(again.numbers)) == ({"a": b"\1", "b": b"\0"}, {"counter": 7})
    del again.numbers["counter"]
    again.keep(other=None)
    assert len(Memory({}, {}, name="x", store=store).numbers) == 0


WRITER = """
import sys
from simulators.sim_card.memory import Memory
from pathlib import Path
memory = Memory({"a": bytes(64)}, {}, name="x", store=Path(sys.argv[1]))
number = memory.contents["a"][0]
while True:
    number = (number + 1) % 256
    memory.update("a", 0, bytes([number]) * 64)
    print(number, flush=True)
"""


@pytest.mark.slow
def test_uicc_memory_killed_at_any_time_holds_the_old_or_the_new_whole(tmp_path: Path) -> None:
    store = tmp_path / "nvm"
    for lines in range(1, 21):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(store)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(lines)][-1]
        writer.kill()
        told = int((writer.stdout.read().split() or [str(told).encode()])[-1])
        writer.wait()
        writer.stdout.close()
        content = Memory({"a": bytes(64)}, {}, name="x", store=store).contents["a"]
        assert len(set(content)) == 1
        assert content[0] in (told, (told + 1) % 256)


def test_uicc_every_description_is_a_card_with_a_number_of_its_own() -> None:
    numbers = [card.iccid for card in CARDS.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(len(card.adm) == 8 for card in CARDS.values())
    assert all(len(number) == 20 and sum(digit_sum(number)) % 10 == 0 for number in numbers)


def digit_sum(number: str) -> list[int]:
    """Return the Luhn terms of the first 20 digits."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number))]
    return [value - 9 if value > 9 else value for value in doubled]


@pytest.mark.parametrize(("text", "said"), [
    ('[files]\n"MF/X" = { fid = 1, size = 1, rule = "none" }', "none"),
    ('[files]\n"DF.X/X" = { fid = 1, size = 1, rule = "open" }', "DF.X/X"),
    ('[files]\n"MF/X" = { fid = 1, size = 1, rule = "open", content = "0000" }', "longer"),
    ('[files]\n"MF/X" = { fid = 1, rule = "open", link = "MF/Y" }', "MF/Y"),
    ('[keys]\nADM9 = { value = "00", tries = 1 }', "ADM9"),
    ('[keys]\nADM2 = { value = "00", tries = 1 }', "8 bytes"),
    ('[rules]\nopen = { read = "ME" }', "ME"),
    ("[card]\natr = 5", "TypeError"),
])  # fmt: skip
def test_uicc_wrong_description_is_refused_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "base.toml").write_text((description.MODELS / "base.toml").read_text("utf-8"), "utf-8")
    (tmp_path / "wrong.toml").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"wrong\.toml") as refused:
        description.load("wrong", tmp_path)
    assert said in str(refused.value)


def test_uicc_description_takes_files_and_keys_away(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text((description.MODELS / "base.toml").read_text("utf-8"), "utf-8")
    (tmp_path / "less.toml").write_text('[files]\n"ADF.USIM/SPN" = false\n"DF.GSM/SPN" = false\n[directories]\n"ISD" = false\n', "utf-8")
    model = description.load("less", tmp_path)
    assert "ADF.USIM/SPN" not in dict(model.mf.all_files())
    assert [directory.name for directory in model.mf.directories] == ["DF.TELECOM", "DF.GSM", "ADF.USIM"]
