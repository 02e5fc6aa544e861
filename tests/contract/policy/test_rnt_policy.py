# SPDX-License-Identifier: Apache-2.0
"""``rnt policy``: the answers an engineer and a script get."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from firmware import packs

WEAKER = """
id = "cn/weak"
version = 1
parents = ["cn/base@2"]
[[limit]]
name = "face_score"
value = 60
clauses = "XT-2019"
mark = "own"
"""


def rnt(*arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "host_tools.rnt", "policy", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result["code"] == done.returncode
    return done.returncode, result


def text(*arguments: str) -> str:
    command = [sys.executable, "-m", "host_tools.rnt", "policy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_explain_names_outcome_pack_and_clause_of_what_is_not_done_here() -> None:
    code, result = rnt("explain", "T03", "--document", "D01", "--carrier", "unicom", "--region", "tibet", "--channel", "agent")
    assert code == 1
    data = result["data"]
    assert (data["offered"], data["outcome"], data["set"]) == (False, "R211", "cn/tibet+cn/unicom")
    assert data["why"] == [{"item": "R211", "pack": "cn/unicom", "clauses": ["UC-9"], "mark": "own", "value": 0}]
    assert data["clauses"]["UC-9"]["where"] == "China Unicom's notice"


def test_explain_answers_why_something_is_asked_with_the_clause() -> None:
    code, result = rnt("explain", "T01", "--item", "portrait", "--carrier", "telecom")
    assert code == 0
    assert [reason["pack"] for reason in result["data"]["why"]] == ["cn/base", "cn/telecom"]
    assert "photo is taken on the spot" in result["data"]["clauses"]["N6"]["asks"]


def test_explain_of_a_whole_plan_has_a_reason_for_every_item() -> None:
    code, result = rnt("explain", "T09", "--document", "U01", "--region", "xinjiang", "--channel", "own-hall")
    data = result["data"]
    assert code == 0
    assert [entry["item"] for entry in data["step"]][-1] == "card"
    assert "U-G" in [entry["item"] for entry in data["paper"]]
    sections = [data[name] for name in ("step", "party", "evidence", "check", "consent", "paper", "limit")]
    assert [entry["item"] for section in sections for entry in section if not entry["why"]] == []


def test_explain_of_a_document_not_sure_enough_names_the_assurance_asked() -> None:
    code, result = rnt("explain", "T01", "--document", "D09", "--channel", "end")
    assert (code, result["data"]["outcome"]) == (1, "R211")
    assert {"KYX-1"} <= {clause for reason in result["data"]["why"] for clause in reason["clauses"]}


def test_explain_for_people_shows_steps_clauses_and_what_they_ask() -> None:
    shown = text("explain", "T01", "--region", "jiangxi")
    assert "steps, in order\n  notice " in shown
    assert "JX-32a" in shown
    assert "A written agreement" in shown


def test_explain_of_an_item_the_plan_does_not_ask_says_so() -> None:
    assert rnt("explain", "T01", "--item", "token")[0] == 4


@pytest.mark.clause("XT-105")
def test_lint_prints_every_value_on_an_unsettled_text_and_strict_fails() -> None:
    code, result = rnt("lint")
    data = result["data"]
    assert code == 0
    expected = [
        rule for name in packs.shipped() for rule in packs.load(name).rules if rule.mark not in {"seed", "out"} or not rule.in_force
    ]
    assert data["unsettled"] == len(data["values"]) == len(expected)
    assert {value["mark"] for value in data["values"] if value["in_force"]} == {"own", "out-weak", "draft", "unverified"}
    assert [value for value in data["values"] if value["pack"] == "cn/105" and value["subject"] == "numbers_per_person"]
    assert rnt("lint", "cn/105", "--strict")[0] == 1


def test_lint_refuses_a_weaker_pack_with_value_and_clause(tmp_path: Path) -> None:
    source = tmp_path / "weak.toml"
    source.write_text(WEAKER, encoding="utf-8")
    code, result = rnt("lint", str(source))
    assert code == 7
    assert "face_score 60, at 80 below" in result["message"]
    assert "XT-2019" in result["message"]


def test_lint_refuses_a_clause_nobody_explained(tmp_path: Path) -> None:
    source = tmp_path / "strange.toml"
    source.write_text(WEAKER.replace("60", "90").replace("XT-2019", "XX-1"), encoding="utf-8")
    code, result = rnt("lint", str(source))
    assert (code, "XX-1" in result["message"]) == (7, True)


@pytest.mark.parametrize(("name", "code"), [("cn/atlantis", 4), (__file__, 7)])
def test_show_of_what_is_no_pack_ends_with_its_code(name: str, code: int) -> None:
    assert rnt("show", name)[0] == code


def test_show_prints_the_set_and_its_rules_of_one_kind() -> None:
    code, result = rnt("show", "cn/unicom", "--kind", "T04")
    data = result["data"]
    assert code == 0
    assert [pack["id"] for pack in data["packs"]] == ["cn/base", "cn/unicom"]
    assert any(rule["says"] == "bar R211" and "UC-9" in rule["clauses"] for rule in data["rules"])
