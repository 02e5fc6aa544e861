# SPDX-License-Identifier: Apache-2.0
"""The last part of the story: what came out, in numbers that can be checked, and what it amounts to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from host_tools.demo.ending import ACTIVE, Ending, Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from host_tools.demo.paper import Paper
    from host_tools.demo.texts import Words

CUT_ENDINGS = {
    Ending.ACTIVE: "cut.end.active",
    Ending.DONE: "end.done",
    Ending.NOTHING: "cut.end.nothing",
    Ending.VOID: "cut.end.void",
    Ending.LATE: "end.late",
    Ending.WRONG: "cut.end.wrong",
}
ENDINGS = {
    Ending.ACTIVE: "end.active",
    Ending.DONE: "end.done",
    Ending.NOTHING: "end.refused",
    Ending.VOID: "end.void",
    Ending.LATE: "end.late",
    Ending.WRONG: "cut.end.wrong",
}


def tell_summary(paper: Paper, words: Words, result: dict[str, Any], facts: Facts) -> None:
    """Tell the result as the terminal gave it, then what the operator and the card say."""
    paper.heading(words("summary"))
    for key, value in _rows(words, result):
        paper.line(" ", words(key), value)
    paper.line(" ", words("books"), words(_books(facts)))
    paper.line(" ", words("plastic"), words("plastic.written", updates=facts.updates) if facts.updates else words("plastic.blank"))


def _books(facts: Facts) -> str:
    """Return the text about the session's number."""
    if facts.active:
        return "books.active"
    return "books.waiting" if facts.waiting else "books.nothing"


def _rows(words: Words, result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    sentence = result.get("sentence", {}).get(words.language, "")
    yield "outcome", result["outcome"] + (f"  {sentence}" if sentence else "")
    if "masked" not in result:
        return
    masked = result["masked"]
    yield "identity", f"{masked['name']}  {masked['number']}" if masked else words("none")
    yield "record_digest", result["record_digest"] or words("none")
    yield "key", words("key.value", key_id=result["key_id"], protection=words(result["protection"]))
    yield "approval_id", result["approval_id"] or words("none")
    yield "iccid", result["iccid"] or words("none")
    yield "imsi", (result["imsi"] if result["iccid"] else "") or words("none")
    yield "traffic", words("traffic.value", apdus=result["apdus"], bytes=result["bytes"])
    yield "commits", words("commits.value", commits=result["commits"])
    yield "time", words("time.value", total=words.duration(result["total_ms"]), own=words.duration(result["own_ms"]))


def tell_ending(paper: Paper, words: Words, outcome: str, ending: Ending, *, planned: bool, struck: bool) -> None:
    """Tell in one sentence what the ending amounts to."""
    texts = CUT_ENDINGS if struck else ENDINGS
    good = ending is not Ending.WRONG and (struck or outcome == ACTIVE)
    paper.heading("")
    if planned and not struck:
        paper.line("!", "", words("cut.missed"))
    paper.line("✓" if good else "✗", "", words(texts[ending], code=outcome), style="green" if good else "red")
