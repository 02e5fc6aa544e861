# SPDX-License-Identifier: Apache-2.0
"""The threat page names every attacker once, and only tests that exist."""

import re

import pytest

from tests.support.tree import ROOT, python_files

PAGE = ROOT / "firmware/docs/threats.md"
ATTACKERS = [f"T-{number}" for number in range(1, 14)]


def rows() -> dict[str, list[str]]:
    """Return the rows of the table: attacker → cells."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| T-")]
    return {row[0]: row[1:] for row in cells}


def names_of_tests() -> set[str]:
    return {
        name
        for path in python_files("tests")
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    }


@pytest.mark.clause("JX-43")
def test_threat_page_has_each_attacker_with_a_defence_and_a_test() -> None:
    found = rows()
    assert list(found) == ATTACKERS
    assert [name for name, cells in found.items() if len(cells) != 3 or not all(cells) or "`test_" not in cells[2]] == []


def test_tests_named_on_the_threat_page_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > len(ATTACKERS)
    assert sorted(named - names_of_tests()) == []
