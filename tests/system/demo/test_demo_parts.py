# SPDX-License-Identifier: Apache-2.0
import json
import string
import sys

import pytest

from firmware.core.policy.vocabulary import CAPTURED, RANK
from host_tools.demo.__main__ import CARDS, parser
from host_tools.demo.cut import HELD_FROM, HELD_IN, STEPS
from host_tools.demo.ending import Ending, Facts
from host_tools.demo.paper import Paper, padded, width, wrapped
from host_tools.demo.summary import CUT_ENDINGS, ENDINGS
from host_tools.demo.texts import TEXTS, Words


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_texts_both_languages_say_the_same_fields(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english
    assert chinese
    assert fields(english) == fields(chinese)
    assert english.isascii()
    assert not chinese.isascii() or key == "iccid"


@pytest.mark.parametrize("step", sorted({*STEPS, *(name.rpartition("/")[2] for name in RANK), "slip", "hold", "store", "forward"}))
def test_texts_every_step_has_a_label_and_a_good_end(step: str) -> None:
    assert step in TEXTS
    assert f"{step}.done" in TEXTS


@pytest.mark.parametrize("party", CAPTURED)
def test_texts_every_party_has_a_label(party: str) -> None:
    assert Words("en").step(f"{party}/document") == f"{TEXTS[party][0]}, document"
    assert TEXTS[party][0] in Words("en").done(f"{party}/document", "fields")


def test_texts_of_an_issue_mode_are_of_a_step_and_a_mode() -> None:
    told = {tuple(key.split(".")) for key in TEXTS if key.partition(".")[0] in STEPS and key.partition(".")[2] in CARDS}
    assert {step for step, _ in told} == {"write", "verify", "report"}
    assert {mode for _, mode in told} == set(CARDS) - {"fields"}
    assert Words("en").done("write", "fields") == TEXTS["write.done"][0]
    assert Words("en").done("write", "script") == TEXTS["write.script"][0]


def test_texts_every_ending_has_a_sentence() -> None:
    for endings in (ENDINGS, CUT_ENDINGS):
        assert set(endings) == set(Ending)
        assert set(endings.values()) <= set(TEXTS)


def test_cut_holds_are_planned_for_steps_only() -> None:
    assert set(HELD_IN) | set(HELD_FROM) <= set(STEPS)
    assert not set(HELD_IN) & set(HELD_FROM)


def test_ending_of_a_business_without_a_card_is_done_only_when_nothing_was_written() -> None:
    assert Facts(0, 0).judge("ACTIVE", writes=False) is Ending.DONE
    assert Facts(0, 1).judge("ACTIVE", writes=False) is Ending.WRONG
    assert Facts(1, 0).judge("ACTIVE", writes=False) is Ending.WRONG
    assert Facts(0, 0).judge("R407", writes=False) is Ending.NOTHING
    assert Facts(0, 0, 1).judge("ACTIVE", writes=False) is Ending.WRONG
    assert [Facts(0, 3, 1).judge(outcome) for outcome in ("ACTIVE", "R407")] == [Ending.ACTIVE, Ending.WRONG]


@pytest.mark.parametrize(
    ("outcome", "active", "updates", "ending"),
    [
        ("ACTIVE", 1, 9, Ending.ACTIVE),
        ("ACTIVE", 0, 9, Ending.WRONG),
        ("ACTIVE", 2, 9, Ending.WRONG),
        ("ACTIVE", 1, 0, Ending.WRONG),
        ("R803", 0, 0, Ending.NOTHING),
        ("R803", 0, 1, Ending.WRONG),
        ("R803", 1, 0, Ending.WRONG),
        ("R711", 0, 4, Ending.VOID),
        ("R711", 0, 0, Ending.NOTHING),
        ("R711", 1, 4, Ending.WRONG),
        ("R710", 0, 9, Ending.LATE),
    ],
)
def test_ending_is_judged_by_books_and_card(outcome: str, active: int, updates: int, ending: Ending) -> None:
    assert Facts(active, updates).judge(outcome) is ending


def test_paper_width_counts_chinese_signs_twice() -> None:
    assert width("实名 ok") == 7
    assert padded("实名", 6) == "实名  "


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("", 10, [""]),
        ("short", 10, ["short"]),
        ("two words", 6, ["two", "words"]),
        ("ends in time", 12, ["ends in time"]),
        ("0123456789abcdef", 6, ["0123456789abcdef"]),
        ("id 0123456789", 6, ["id", "0123456789"]),
        ("已从卡片完整回读，一致", 16, ["已从卡片完整回", "读，一致"]),
    ],
)
def test_paper_wraps_between_words_and_signs(text: str, columns: int, lines: list[str]) -> None:
    assert wrapped(text, columns) == lines


@pytest.mark.parametrize("text", ["{bad", "[]", "7", '"notice"'])
def test_demo_people_that_are_no_object_are_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--people", text])
    assert ended.value.code == 2
    assert "--people" in capsys.readouterr().err


@pytest.mark.parametrize(("ms", "text"), [(0.44, "0.4 ms"), (9.96, "10.0 ms"), (12.4, "12 ms"), (999.4, "999 ms"), (2100.0, "2.1 s")])
def test_words_duration_is_told_as_people_read_it(ms: float, text: str) -> None:
    assert Words("en").duration(ms) == text


def test_paper_for_programs_holds_json_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    paper = Paper(as_json=True)
    paper.heading("title")
    paper.line("✓", "label", "text", "1 ms")
    with paper.working("label", "text"):
        paper.event("task", name="实名")
    out = capsys.readouterr().out
    assert json.loads(out) == {"type": "task", "name": "实名"}


def test_paper_for_people_into_a_pipe_has_no_escape_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stdout.isatty()
    paper = Paper(as_json=False)
    paper.line("✓", "label", "text", "1 ms", style="green")
    paper.event("task", name="hidden")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "hidden" not in out
    assert out.startswith("  ✓ label")
