# SPDX-License-Identifier: Apache-2.0
"""Every outcome has its slip, in both languages and both forms; the invariants over all codes hold whatever the session was."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import packs
from firmware.core import slip_table
from firmware.core.outcomes import OUTCOMES, Kind
from firmware.core.policy import assemble, facts
from firmware.kiosk import intents, slips
from firmware.kiosk.paper import COLUMNS

FACTS = facts(assemble(packs.load("cn/base"), [packs.load("cn/mobile")]))
SESSION = bytes(range(16))


def situation(code: str, **changes: object) -> slips.Situation:
    known = {
        "at": 1_790_000_000,
        "session": SESSION,
        "row": b"\x01",
        "masked": {"name": "张*", "number": "*" * 14 + "0015"},
        "facts": FACTS,
        "kinds": ("D01", "D08"),
    }
    return slips.Situation(code, "RNT-000001", **{**known, **changes})  # type: ignore[arg-type]  # fields by name


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in {"W", "F", "A"} else 1 for sign in line)


class Shown(HTMLParser):
    """The texts of a slip's HTML, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, _attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.clause("JX-33", "JX-37/42", "XT-AF32")
@pytest.mark.parametrize("code", OUTCOMES)
def test_every_outcome_has_a_slip_with_reason_remedy_papers_and_complaint_phone(code: str) -> None:
    outcome, paper = OUTCOMES[code], "".join(slips.lines(situation(code))).replace(" ", "")
    html = Shown(slips.html(situation(code))).text
    papers = [slip_table.PAPERS[word] for word in slip_table.NEEDED[code]] or [slips.NO_PAPERS]
    for wanted in (code, outcome.zh, outcome.en, outcome.remedy_zh, outcome.remedy_en, "投诉电话", "Complaints", "10086", *sum(papers, ())):
        assert wanted.replace(" ", "") in paper
        assert wanted in html
    assert all(width(line) <= COLUMNS for line in slips.lines(situation(code)))


def test_slip_of_a_forged_document_reads_as_it_should() -> None:
    assert slips.lines(situation("R109", row=b"\x07", at=0)) == [
        "未能办理凭条",
        "Slip: not completed",
        "代码 Code: R109",
        "原因：伪造、变造、假冒",
        "Reason: forged, altered or counterfeit",
        "办法：凭证据编号到公安机关核查，可申诉",
        "What to do: slip with evidence number; police",
        "check; appeal possible",
        "所需材料：本人有效证件原件、公安机关的核查结果",
        "Papers needed: your own valid document, the",
        "original; what the police found",
        "证据编号 Evidence number: " + slips.evidence_number(situation("R109", row=b"\x07")),
        *slips.lines(situation("R109", row=b"\x07", at=0))[12:],
    ]


@pytest.mark.clause("TB-23")
@pytest.mark.parametrize("code", OUTCOMES)
def test_evidence_number_stands_on_exactly_the_slips_that_speak_of_it(code: str) -> None:
    speaks = "证据编号" in OUTCOMES[code].remedy_zh
    assert (code in slip_table.EVIDENCE) is speaks
    assert (slips.evidence_number(situation(code)) in "\n".join(slips.lines(situation(code)))) is speaks


@pytest.mark.clause("XT-AF32")
@pytest.mark.parametrize("code", OUTCOMES)
def test_what_a_remedy_promises_is_on_its_slip(code: str) -> None:
    remedy = OUTCOMES[code].remedy_zh
    labels = {label for label, _ in slips.content(situation(code))}
    assert ("appeal" in labels) is ("申诉" in remedy)
    assert ("hall" in labels) is ("凭条所列" in remedy and "营业厅" in remedy)
    assert ("kinds" in labels) is ("所列的其他证件" in remedy)
    assert ("until" in labels) is ("凭条时间" in remedy or "凭条所示时间" in remedy)


@pytest.mark.clause("TB-23")
def test_evidence_number_belongs_to_session_row_and_code_and_stays_the_same() -> None:
    first = slips.evidence_number(situation("R108"))
    assert first == slips.evidence_number(situation("R108", at=5, masked={}))
    others = [situation("R109"), situation("R108", row=b"\x02"), situation("R108", session=bytes(16))]
    assert len({first, *map(slips.evidence_number, others)}) == 4


def test_no_slip_is_made_of_what_is_no_outcome() -> None:
    for code in ("MARKETING_REFUSED", "R999", "", "ACTIVE"):
        with pytest.raises(KeyError):
            slips.lines(situation(code))


@pytest.mark.clause("JX-33", "JX-39", "SMS-16")
def test_refused_marketing_is_no_code_and_no_reason() -> None:
    for outcome in OUTCOMES.values():
        words = f"{outcome.name} {outcome.en} {outcome.remedy_en}".lower()
        assert not any(word in words for word in ("marketing", "commercial", "advertis"))
        assert not any(word in outcome.zh + outcome.remedy_zh for word in ("商业短信", "营销", "广告"))
        assert "C-5" not in outcome.basis.split()


@pytest.mark.clause("O25-06a")
def test_clerk_may_choose_six_codes_each_with_a_note_of_a_closed_list() -> None:
    assert set(slip_table.NOTES) == slip_table.BY_CHOICE == {"R101", "R102", "R104", "R109", "R204", "R207"}
    for code in OUTCOMES:
        for note in {word for words in slip_table.NOTES.values() for word in words} | {"", "张样例"}:
            line = f'{{"intent": "refuse", "code": "{code}", "note": "{note}"}}'.encode()
            if note in slip_table.NOTES.get(code, ()):
                assert intents.parse(line)["code"] == code
            else:
                with pytest.raises(intents.BadIntent):
                    intents.parse(line)


def test_every_word_of_the_tables_is_used_and_every_outcome_is_there() -> None:
    assert slip_table.NEEDED.keys() == OUTCOMES.keys()
    assert {word for words in slip_table.NEEDED.values() for word in words} == slip_table.PAPERS.keys()
    kinds = {code: OUTCOMES[code].kind for code in ("R105", "H114", "W-401")}
    assert {slips.lines(situation(code))[1] for code in kinds} == {slips.HEADINGS[kind][1] for kind in Kind}


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@pytest.mark.slow
@pytest.mark.clause("DS-12")
@settings(max_examples=2000, deadline=None)
@given(
    code=st.sampled_from(sorted(OUTCOMES)),
    masked=st.fixed_dictionaries({"name": TEXT, "number": TEXT}),
    fact=TEXT,
    at=st.integers(0, 2**33),
    until=st.integers(0, 2**33),
    kinds=st.lists(st.sampled_from(["D01", "D09", "X99"])).map(tuple),
)
def test_any_situation_gives_one_slip_that_fits_the_paper_and_is_plain_html(
    code: str, masked: dict[str, str], fact: str, at: int, until: int, kinds: tuple[str, ...]
) -> None:
    case = situation(code, masked=masked, facts={"O-1": (fact, fact), "O-3": (fact, "x")}, at=at, until=until, kinds=kinds)
    lines = slips.lines(case)
    assert all(width(line) <= COLUMNS and line.strip() for line in lines)
    assert len(lines) < 100
    assert sum(line == f"代码 Code: {code}" for line in lines) == 1
    assert set(Shown(slips.html(case)).tags) <= {"section", "h1", "small", "dl", "dt", "dd", "span", "br", "p"}
