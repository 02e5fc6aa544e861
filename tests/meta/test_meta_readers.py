# SPDX-License-Identifier: Apache-2.0
"""A family of ID readers has all its pieces (hal/id_reader/ADDING.md): driver, simulator, vectors, tests, options, words."""

import dataclasses
import importlib
import inspect
import json

import pytest

from firmware.runtime.config import IdReader
from hal.id_reader.families import FAMILIES, Family
from host_tools.rnt.reader.place import WORDS
from tests.support import reader_bench
from tests.support.tree import ROOT

NAMES = [family.name for family in FAMILIES]
every_family = pytest.mark.parametrize("family", FAMILIES, ids=NAMES)


def test_every_family_has_a_row_in_the_tests_and_every_row_a_family() -> None:
    assert sorted(NAMES) == sorted(reader_bench.FAMILIES)
    assert len(set(NAMES)) == len(NAMES)


@every_family
def test_family_has_a_driver_that_says_its_clause(family: Family) -> None:
    module = importlib.import_module(family.module)
    assert next(iter(inspect.signature(module.connect).parameters)) == "table"
    assert "watcher" in inspect.signature(module.connect).parameters
    told = (ROOT / (family.module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    assert "facts" in told or "hal.id_reader" in told


@every_family
def test_family_has_a_simulator_of_its_own(family: Family) -> None:
    folder = ROOT / reader_bench.FAMILIES[family.name].simulator.replace(".", "/")
    assert [part for part in ("__main__.py", "README.md") if not (folder / part).is_file()] == []
    others = [row.simulator for name, row in reader_bench.FAMILIES.items() if name != family.name]
    assert reader_bench.FAMILIES[family.name].simulator not in others


@every_family
def test_family_has_vectors_with_a_source(family: Family) -> None:
    vectors = json.loads((ROOT / "tests/vectors/id_reader" / reader_bench.FAMILIES[family.name].vectors).read_text(encoding="utf-8"))
    assert vectors["source"]


@every_family
def test_places_of_a_family_are_its_own_and_can_be_configured_and_typed(family: Family) -> None:
    configured = {field.name for field in dataclasses.fields(IdReader)}
    assert [place for place in family.places if place not in configured or place not in WORDS] == []
    assert [place for other in FAMILIES if other is not family for place in other.places if place in family.places] == []


@every_family
def test_family_is_told_in_the_readme(family: Family) -> None:
    assert f"| `{family.name}` |" in (ROOT / "hal/id_reader/README.md").read_text(encoding="utf-8")
