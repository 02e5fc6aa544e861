# SPDX-License-Identifier: Apache-2.0
"""Play one acceptance scenario through the demonstration, or list them all with their state.

A scenario is shown when every session ended as its table says and the operator's books and the card agree. One without sessions has nothing
to show on the counter: it is told why, and where it is proven.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from host_tools.clauses.table import rooms, rows
from host_tools.demo import scenarios
from host_tools.demo.ending import Ending, Facts
from host_tools.demo.summary import tell_ending, tell_summary

if TYPE_CHECKING:
    from host_tools.demo.paper import Paper
    from host_tools.demo.rig import Rig
    from host_tools.demo.scenarios import Scenario
    from host_tools.demo.story import Story
    from host_tools.demo.texts import Words


def play(scenario: Scenario, rig: Rig, story: Story, paper: Paper, words: Words) -> bool:
    """Play every session; returns whether all ended as they should."""
    told: list[dict[str, Any]] = []
    number = ""
    for place, session in enumerate(scenario.sessions, 1):
        paper.heading(words("scenario.session", name=scenario.name, number=place, count=len(scenario.sessions)))
        if session.card:
            rig.device("sim_card", "insert", card=session.card)
        for request in session.stage:
            arguments = scenarios.filled(dict(request), number)
            rig.device(arguments.pop("device"), arguments.pop("cmd"), **arguments)
        before = int(rig.device("sim_card", "state")["updates"])
        story.session = ""
        rig.device("desk", "start", **scenarios.filled(dict(session.wish), number))
        result = story.follow(None)
        found = Facts.of(rig, story.session)
        facts = replace(found, updates=max(0, found.updates - before))
        ending = facts.judge(result["outcome"], writes=bool(result.get("iccid")))
        tell_summary(paper, words, result, facts)
        tell_ending(paper, words, result["outcome"], ending, planned=False, struck=False)
        good = result["outcome"] in session.ends and ending is not Ending.WRONG
        told.append({"outcome": result["outcome"], "expected": "/".join(session.ends), "correct": good})
        number = next((row["msisdn"] for row in rig.device("backend", "state")["numbers"] if row["session"] == story.session), number)
        clear(rig)
    correct = all(one["correct"] for one in told)
    paper.line("✓" if correct else "✗", "", words("scenario.good" if correct else "scenario.wrong", name=scenario.name))
    paper.event("scenario", name=scenario.name, sessions=told, correct=correct)
    return correct


def clear(rig: Rig) -> None:
    """Have devices and people behave again as they did at first."""
    for device in rig.list["devices"]:
        rig.device(device, "clear_faults")
    rig.device("desk", "script", reset=True)
    rig.device("camera", "uncover")


def tell_why_not(scenario: Scenario, paper: Paper, words: Words) -> None:
    """Say why a scenario is not played here."""
    if scenario.awaiting:
        room, missing = scenario.awaiting
        paper.line("!", scenario.name, words("scenario.awaiting", room=rooms()[room], missing=missing))
    else:
        paper.line("!", scenario.name, words("scenario.test_only", reason=scenario.test_only))


def tell_all(paper: Paper, words: Words) -> None:
    """List every scenario: what it is, whether it is played, and what the last recorded run of its tests says."""
    verdicts = {row.clause: row.verdict.value for row in rows() if row.is_scenario}
    for scenario in scenarios.load().values():
        state = "awaiting" if scenario.awaiting else "test_only" if scenario.test_only else "played"
        found: dict[str, Any] = {
            "name": scenario.name,
            "state": state,
            "verdict": verdicts[scenario.name],
            "ends": ["/".join(s.ends) for s in scenario.sessions],
        }
        paper.event("scenario", **found)
        text = scenario.zh if words.language == "zh" else scenario.en
        room = f" ({scenario.awaiting[0]})" if scenario.awaiting else ""
        paper.line(" ", scenario.name, f"{text}  [{words(f'scenario.state.{state}')}{room}, {verdicts[scenario.name]}]")
