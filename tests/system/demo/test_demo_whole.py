# SPDX-License-Identifier: Apache-2.0
"""The demonstration, run as a newcomer runs it: real tool, real terminal, all simulators."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
CAPTURE = ("notice", "document", "check", "portrait", "agreement", "confirm", "card", "record")
STEPS = (*CAPTURE, "approval", "recheck", "write", "verify", "report", "receipt", "erase")


class Shown:
    """One finished demonstration."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "host_tools.demo", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT, env={**os.environ, **(environment or {})}
        )
        self.code, self.text, self.errors = done.returncode, done.stdout, done.stderr

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["type"] == "result", self.errors
        return last

    def ended_steps(self) -> list[str]:
        return [event["step"] for event in self.events if event["type"] == "step" and event["phase"] == "end"]


@pytest.mark.slow
def test_demo_without_options_ends_active_with_everything_read_back() -> None:
    shown = Shown("--json")
    result = shown.result
    assert (shown.code, result["outcome"], result["ending"]) == (0, "ACTIVE", "active"), shown.errors
    assert shown.ended_steps() == list(STEPS)
    assert [event["name"] for event in shown.events if event["type"] == "task"] == ["rig", "provision", "start"]
    assert (len(result["record_digest"]), len(result["approval_id"]), len(result["key_id"])) == (64, 32, 32)
    assert result["iccid"].startswith("8986")
    assert result["imsi"].startswith("46000")
    assert result["apdus"] > 0
    assert result["bytes"] > 0
    assert result["commits"] > 0
    assert 0 < result["own_ms"] < result["total_ms"]
    assert result["protection"] == "software"
    assert result["masked"] == {"name": "张*", "number": "*" * 14 + "0015"}
    assert result["checked"] == {"numbers_active": 1, "card_updates": result["checked"]["card_updates"]}
    assert result["checked"]["card_updates"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "said"), [("script", "sealed packet"), ("unlock", "card's challenge"), ("relay", "wrote the card itself")]
)
def test_demo_in_another_issue_mode_ends_active_and_says_how(mode: str, said: str) -> None:
    shown = Shown("--lang", "en", "--issue-mode", mode)
    assert shown.code == 0, shown.errors
    assert said in " ".join(shown.text.split())
    assert "The activation is complete" in shown.text


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_demo_for_people_tells_every_step_and_no_whole_identity(language: str) -> None:
    shown = Shown("--lang", language)
    assert shown.code == 0, shown.errors
    assert "\x1b" not in shown.text
    assert shown.text.count("✓") >= len(STEPS) + 4
    assert "张样例" not in shown.text
    assert not re.search(r"1990\D?03\D?07", shown.text)
    assert ("办理完成" if language == "zh" else "The activation is complete") in shown.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--persona", "expired"), "R105"),
        (("--card", "personalised"), "R702"),
        (("--people", '{"notice": false}'), "R601"),
        (("--people", '{"face": "li"}'), "R201"),
        (("--people", '{"cancel_at": "agreement"}'), "R207"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_demo_refusal_ends_with_one_code_and_an_untouched_card(arguments: tuple[str, ...], code: str) -> None:
    shown = Shown("--json", *arguments)
    result = shown.result
    assert (shown.code, result["outcome"], result["ending"]) == (1, code, "nothing"), shown.errors
    assert result["checked"] == {"numbers_active": 0, "card_updates": 0}


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_demo_power_cut_at_each_step_comes_to_a_correct_ending(step: str) -> None:
    shown = Shown("--json", "--power-cut", step)
    result = shown.result
    assert (shown.code, result["correct"]) == (0, True), shown.errors
    assert result["power_cut"] == {"step": step, "struck": True}
    if step in CAPTURE[:-1]:
        assert (result["outcome"], result["ending"]) == ("R803", "nothing")
    if step == "write":
        assert (result["outcome"], result["ending"]) == ("R711", "void")
    if step in {"verify", "report", "receipt", "erase"}:
        assert result["ending"] == "active"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["script", "relay"])
def test_demo_power_cut_in_a_write_the_operator_does_voids_the_card(mode: str) -> None:
    shown = Shown("--json", "--issue-mode", mode, "--power-cut", "write")
    result = shown.result
    assert (shown.code, result["outcome"], result["correct"]) == (0, "R711", True), shown.errors
    assert result["power_cut"] == {"step": "write", "struck": True}
    assert result["checked"]["numbers_active"] == 0


def test_demo_with_an_unknown_persona_says_so_and_ends() -> None:
    shown = Shown("--json", "--persona", "nobody")
    assert shown.code == 70
    assert shown.result["outcome"] == "DEMO_FAILED"
    assert "invalid choice" in shown.errors


def test_demo_help_names_every_step() -> None:
    shown = Shown("--help")
    assert shown.code == 0
    assert all(step in shown.text for step in STEPS)


@pytest.mark.slow
def test_demo_scenario_ends_as_the_table_says() -> None:
    shown = Shown("--json", "--scenario", "GA-05")
    told = shown.events[-1]
    assert (shown.code, told["type"], told["name"], told["correct"]) == (0, "scenario", "GA-05", True), shown.errors
    assert told["sessions"] == [{"outcome": "R105", "expected": "R105", "correct": True}]


def test_demo_scenario_that_cannot_be_shown_says_why_and_starts_nothing() -> None:
    shown = Shown("--lang", "en", "--scenario", "GA-32")
    assert shown.code == 3
    assert "it awaits host_tools/rnt: fleet" in shown.text
    assert "simulators" not in shown.text


def test_demo_list_names_every_scenario_with_its_state() -> None:
    shown = Shown("--json", "--list")
    assert [event["name"] for event in shown.events] == [f"GA-{number:02}" for number in range(1, 41)]
    states = {event["name"]: event["state"] for event in shown.events}
    assert (states["GA-01"], states["GA-21"], states["GA-32"]) == ("played", "test_only", "awaiting")
