# SPDX-License-Identifier: Apache-2.0
"""Business that writes no card, through the real stacks: what is asked, what the record says, and that nothing is ever written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.truth import assert_clean_end

if TYPE_CHECKING:
    from tests.support.station import Screen, Station

CLOSING = ("record", "approval", "report", "receipt", "erase")
CAPTURE = ("notice", "document", "check", "portrait")
RECORDED: dict[str, tuple[str, ...]] = {
    "T05": (*CAPTURE, "confirm"),
    "T06": CAPTURE,
    "T07": (*CAPTURE, "request"),
    "T08": (*CAPTURE, "confirm"),
    "T10": (*CAPTURE, "handler/document", "handler/check", "handler/portrait", "group-consent", "confirm"),
    "T13": (*CAPTURE, "agreement", "confirm"),
    "T17": (*CAPTURE, "request"),
}
"""Kind → the steps of its capture at the end of the channel."""


def begun(screen: Screen) -> tuple[str, ...]:
    return tuple(m["step"] for m in screen.messages if m["type"] == "step" and m["phase"] == "begin")


def serve(station: Station, screen: Screen, kind: str, **wish: Any) -> dict[str, Any]:
    screen.messages.clear()
    station.device("desk", "start", kind=kind, **({"line": "8612000000001"} | wish))
    return screen.result()


@pytest.mark.parametrize("kind", RECORDED)
def test_business_without_a_card_ends_well_and_writes_nothing(station: Station, kind: str) -> None:
    screen = station.start()
    screen.ready()
    result = serve(station, screen, kind)
    assert result["outcome"] == "ACTIVE"
    assert begun(screen) == (*RECORDED[kind], *CLOSING)
    assert (result["iccid"], result["apdus"]) == ("", 0)
    assert station.device("sim_card", "state")["updates"] == 0
    operator = station.operator()
    activation = next(row for row in operator["activations"] if row["session"] == result["session"])
    assert (activation["record"], activation["approval_id"]) == (result["record_digest"], result["approval_id"])
    assert [row["outcome"] for row in operator["results"] if row["session"] == result["session"]] == ["accepted"]
    assert_clean_end(station, result, written=False)
