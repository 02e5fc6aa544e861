# SPDX-License-Identifier: Apache-2.0
"""Every clause is proven by a test or awaits a room by name; every scenario is played, tested or awaited; nothing is named twice."""

from host_tools.clauses.marks import marked
from host_tools.clauses.table import ROOT, awaiting, rooms, texts
from host_tools.demo import scenarios

PROVING = {clause for clauses in marked(ROOT).values() for clause in clauses}


def test_every_clause_is_proven_or_awaits_a_room() -> None:
    assert [clause for clause in texts() if clause not in PROVING | awaiting().keys()] == []


def test_marks_name_clauses_that_exist() -> None:
    assert PROVING - texts().keys() == set()


def test_what_is_awaited_exists_and_has_a_room() -> None:
    assert [clause for clause, (room, missing) in awaiting().items() if clause not in texts() or room not in rooms() or not missing] == []
    assert rooms().keys() - {room for room, _ in awaiting().values()} == set()


def test_scenarios_are_the_forty_of_the_acceptance_list_in_order() -> None:
    assert list(scenarios.load()) == [f"GA-{number:02}" for number in range(1, 41)]


def test_scenario_is_proven_by_a_marked_test_of_its_name_where_it_is_played() -> None:
    proving = {(clause, test.partition("::")[2]) for test, clauses in marked(ROOT).items() for clause in clauses}
    for name, scenario in scenarios.load().items():
        named = [test for clause, test in proving if clause == name]
        if scenario.sessions:
            assert [test for test in named if test.startswith(f"test_{name.lower().replace('-', '_')}_")], name
        assert bool(named) or scenario.awaiting, name
