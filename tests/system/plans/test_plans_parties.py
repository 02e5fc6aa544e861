# SPDX-License-Identifier: Apache-2.0
"""Business with other parties, and with pictures instead of a chip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from simulators.personas import PERSONAS
from tests.support.truth import assert_clean_end
from tests.system.plans.serving import begun, record, serve

if TYPE_CHECKING:
    from tests.support.station import Station

WRITING = ("record", "approval", "recheck", "write", "verify", "report", "receipt", "erase")


@pytest.mark.clause("TB-08", "O25-06b", "UC-6", "DOC-7", "TB-10", "XJ-2.1.7", "XJ-2.1.8", "XT-PI28-31", "XJU-2b")
@pytest.mark.parametrize(
    ("kind", "wish", "script", "roles", "extra"),
    [
        ("T01", {"modifiers": "P"}, {}, ["proxy"], {"P-A"}),
        ("T01", {"modifiers": "M"}, {"persona": "minor"}, ["guardian"], {"P-B"}),
        ("T01", {"modifiers": "M"}, {"persona": "fifteen"}, ["guardian"], {"P-B"}),
        ("T01", {"modifiers": "P"}, {"proxy": "seventeen"}, ["proxy"], {"P-A"}),
        ("T01", {}, {"persona": "seventeen"}, [], set()),
        ("T02", {}, {}, ["owner"], {"owner-release"}),
        ("T09", {"document": "U01"}, {}, ["handler", "responsible"], {"U-A", "U-B", "U-C", "unit-document-image", "user-list"}),
        ("T01", {"document": "D02"}, {}, [], set()),
    ],
    ids=["proxy", "minor", "fifteen", "proxy-of-seventeen", "alone-at-seventeen", "transfer", "unit", "pictures"],
)
def test_card_is_written_when_every_party_is_there(
    station: Station, kind: str, wish: dict[str, str], script: dict[str, Any], roles: list[str], extra: set[str]
) -> None:
    station.device("desk", "script", **script)
    screen = station.start()
    screen.ready()
    result = serve(station, screen, kind, **wish)
    assert result["outcome"] == "ACTIVE", begun(screen)
    assert begun(screen)[-len(WRITING) :] == WRITING
    claims = record(station, result)
    assert [party[1] for party in claims[277]] == roles
    assert extra <= dict(claims[280]).keys()
    assert claims[278] == sorted(wish.get("modifiers", ""))
    pictured = wish.get("document", "D01") != "D01"
    assert claims[259] == ("image" if pictured else "chip")
    assert bool({22} & claims[260].keys()) == pictured
    assert_clean_end(station, result)


@pytest.mark.clause("DS-12")
def test_screen_names_the_party_it_waits_for_and_masks_nobody_in_full(station: Station) -> None:
    screen = station.start()
    screen.ready()
    serve(station, screen, "T01", modifiers="P")
    asked = [m for m in screen.messages if m["type"] == "view" and m.get("prompt") == "document"]
    assert [view["party"] for view in asked] == ["subscriber", "proxy"]
    said = repr(screen.messages)
    assert not any(text in said for key in ("zhang", "li") for text in (PERSONAS[key].name, PERSONAS[key].number))
