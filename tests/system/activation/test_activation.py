# SPDX-License-Identifier: Apache-2.0
"""One good activation, and two in a row: what the card, the operator, the printer, the screen and the lamps then say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from simulators.personas import PERSONAS
from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from tests.support.station import Screen, Station

STEPS = (
    "notice", "document", "check", "portrait", "agreement", "confirm", "card",
    "record", "approval", "recheck", "write", "verify", "report", "receipt", "erase",
)  # fmt: skip


def activate(station: Station, screen: Screen, persona: str = "zhang") -> dict[str, Any]:
    station.device("desk", "script", persona=persona)
    station.device("desk", "start")
    return screen.result()


@pytest.mark.clause("TB-01", "KYX-2", "CM-1")
def test_activation_is_the_same_for_terminal_card_and_operator(station: Station) -> None:
    screen = station.start()
    screen.ready()
    result = activate(station, screen)
    assert result["outcome"] == "ACTIVE"
    begun = [m["step"] for m in screen.messages if m["type"] == "step" and m["phase"] == "begin"]
    assert tuple(begun) == STEPS
    operator = station.operator()
    number = next(row for row in operator["numbers"] if row["session"] == result["session"])
    activation = next(row for row in operator["activations"] if row["session"] == result["session"])
    assert (number["state"], number["imsi"], number["iccid"]) == ("active", result["imsi"], result["iccid"])
    assert (activation["record"], activation["approval_id"]) == (result["record_digest"], result["approval_id"])
    assert station.device("sim_card", "read_file", path="ADF.USIM/IMSI")["content"] == coded_imsi(result["imsi"])
    assert result["apdus"] > 0
    assert result["bytes"] > result["apdus"]
    assert_clean_end(station, result)


def coded_imsi(imsi: str) -> str:
    """Return EF_IMSI's nine bytes as hex (TS 31.102 §4.2.2)."""
    digits = ("9" if len(imsi) % 2 else "1") + imsi + ("" if len(imsi) % 2 else "f")
    return f"{len(digits) // 2:02x}" + "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2))


@pytest.mark.clause("TB-01", "DS-12")
def test_receipt_is_masked_and_belongs_to_the_session(station: Station) -> None:
    screen = station.start()
    screen.ready()
    result = activate(station, screen)
    receipt = "\n".join(station.device("printer", "receipts")["receipts"][-1])
    person = PERSONAS["zhang"]
    assert result["session"] in receipt
    assert person.number[-4:] in receipt
    for secret in (person.number, person.name, person.address, result["imsi"]):
        assert secret not in receipt


@pytest.mark.clause("DS-12", "O24-2")
def test_screen_shows_masked_identity_only(station: Station) -> None:
    screen = station.start()
    screen.ready()
    activate(station, screen)
    shown = str(screen.messages)
    person = PERSONAS["zhang"]
    assert person.number[-4:] in shown
    for secret in (person.number, person.name, person.address, person.birth):
        assert secret not in shown


@pytest.mark.clause("AH-15")
def test_second_customer_sees_nothing_of_the_first(station: Station) -> None:
    screen = station.start()
    screen.ready()
    first = activate(station, screen)
    screen.ready()
    station.fresh_card()
    seen = len(screen.messages)
    second = activate(station, screen, "li")
    assert (first["outcome"], second["outcome"]) == ("ACTIVE", "ACTIVE")
    later = str(screen.messages[seen:])
    masked = first["masked"]["number"]
    assert masked.startswith("*")
    for trace in (first["session"], first["imsi"], first["approval_id"], masked, PERSONAS["zhang"].number):
        assert trace not in later
    assert second["masked"]["number"].endswith(PERSONAS["li"].number[-4:])
    assert second["imsi"] != first["imsi"]
    assert_clean_end(station, second)


def test_lamp_is_green_while_ready_and_red_when_out_of_service(station: Station) -> None:
    screen = station.start()
    screen.ready()
    station.device("controller", "light")
    wait_for_lamp(station, "green")
    try:
        station.device("controller", "tamper", open=True)
        screen.wait("view", state="out_of_service")
    finally:
        station.stop()
        station.replace_controller()


def wait_for_lamp(station: Station, colour: str) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if station.device("controller", "light")["colour"] == colour:
            return
    raise AssertionError(station.device("controller", "light"))


def test_terminal_restarts_with_a_dead_worker_replaced(station: Station) -> None:
    screen = station.start()
    screen.ready()
    station.kill_worker("sim_card")
    assert activate(station, screen)["outcome"] == "ACTIVE"
    screen.ready()
    station.fresh_card()
    assert activate(station, screen)["outcome"] == "ACTIVE"
