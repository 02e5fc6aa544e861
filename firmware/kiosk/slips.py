# SPDX-License-Identifier: Apache-2.0
"""The slip of an outcome: reason, way on, papers needed, where to complain; Chinese and English, for paper and as HTML.

Pure: what is known of the session comes in as a :class:`Situation`, and the same content leaves in both forms.

Rules
* One slip for one coded outcome; there is none for anything else, and no free text: a slip cannot say more than its tables.
* Masked values only, and only what identifies the session to the operator: its number, the terminal, the time.
* Whatever a remedy promises ("the evidence number", "the list", "the printed time") is there.
* A line of paper is at most :data:`~firmware.kiosk.paper.COLUMNS` wide, Chinese signs counting twice; nothing is cut off, it is broken.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from typing import TYPE_CHECKING, Final

from firmware.core import slip_table
from firmware.core.outcomes import OUTCOMES, Kind
from firmware.kiosk.paper import wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHINA: Final = timezone(timedelta(hours=8))

HEADINGS: Final = {
    Kind.REFUSAL: ("未能办理凭条", "Slip: not completed"),
    Kind.HOLD: ("暂缓办理凭条", "Slip: on hold"),
    Kind.WARNING: ("提示凭条", "Slip: please note"),
}
LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "code": ("代码", "Code"),
    "reason": ("原因", "Reason"),
    "remedy": ("办法", "What to do"),
    "papers": ("所需材料", "Papers needed"),
    "kinds": ("可用证件", "Documents accepted"),
    "until": ("时间", "Until"),
    "hall": ("自有营业厅", "Own halls"),
    "evidence": ("证据编号", "Evidence number"),
    "appeal": ("申诉", "Appeal"),
    "operator": ("电信企业", "Operator"),
    "customer": ("客户", "Customer"),
    "session": ("流水号", "Session"),
    "terminal": ("终端", "Terminal"),
    "at": ("办理时间", "Time"),
    "phone": ("投诉电话", "Complaints"),
}
NO_PAPERS: Final = ("无需补充材料", "none")
ASK_STAFF: Final = ("以营业厅公示为准", "as posted in the shop")
TAKE_BACK: Final = ("请取回您的证件和手机卡", "Take back your document and SIM card")
STAY: Final = ("请取回证件，在柜台等候；卡槽中的卡请勿取出", "Take back your document and wait here; leave a card that is in the slot")


@dataclass(frozen=True, slots=True)
class Situation:
    """What a slip may know. ``facts``: the operator's own data, code → (zh, en), as :func:`firmware.core.policy.facts` gives them."""

    code: str
    terminal: str
    at: int
    """Unix seconds; 0 when the terminal does not know the time."""
    session: bytes = b""
    """Empty when no session began."""
    row: bytes = b""
    """The journal's row that refused the session, which the audit log vouches for: what the evidence number is made of."""
    masked: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    """Codes of the documents accepted for this business, where the reason is the document."""
    until: int = 0
    """Unix seconds of the time the remedy speaks of; 0 when nobody said."""


def evidence_number(situation: Situation) -> str:
    """Return the number under which what was found can be asked for: 64 bits of SHA-256 over session, code and the row that refused."""
    digest = hashlib.sha256(b"rnt-evidence" + situation.session + situation.code.encode() + situation.row).hexdigest()[:16].upper()
    return "-".join(digest[start : start + 4] for start in range(0, 16, 4))


def content(situation: Situation) -> list[tuple[str, tuple[str, str]]]:
    """Return the slip as (label, (zh, en)) in order; ``KeyError`` for a code that is no outcome."""
    outcome = OUTCOMES[situation.code]
    facts, code = situation.facts, situation.code
    papers = [slip_table.PAPERS[word] for word in slip_table.NEEDED[code]]
    items: list[tuple[str, tuple[str, str]]] = [
        ("code", (code, code)),
        ("reason", (outcome.zh, outcome.en)),
        ("remedy", (outcome.remedy_zh, outcome.remedy_en)),
        ("papers", ("、".join(zh for zh, _ in papers), "; ".join(en for _, en in papers)) if papers else NO_PAPERS),
    ]
    if code in slip_table.KINDS:
        items.append(("kinds", _kinds(situation.kinds)))
    if code in slip_table.UNTIL:
        items.append(("until", _both(_time(situation.until)) if situation.until else ASK_STAFF))
    if code in slip_table.HALL:
        items.append(("hall", facts.get("O-4", ASK_STAFF)))
    if code in slip_table.EVIDENCE:
        items.append(("evidence", _both(evidence_number(situation))))
    if code in slip_table.APPEAL:
        items.append(("appeal", facts.get("O-5", ASK_STAFF)))
    return [*items, *_closing(situation)]


def lines(situation: Situation) -> list[str]:
    """Return the slip for paper: the heading, each item in Chinese with English below, the reminder."""
    zh, en = HEADINGS[OUTCOMES[situation.code].kind]
    found = [zh, en]
    for label, (chinese, english) in content(situation):
        name_zh, name_en = LABELS[label]
        if chinese == english:
            found += wrap(f"{name_zh} {name_en}: {chinese}")
        else:
            found += [*wrap(f"{name_zh}：{chinese}"), *wrap(f"{name_en}: {english}")]
    return [*found, *(line for text in _reminder(situation) for line in wrap(text))]


def html(situation: Situation) -> str:
    """Return the slip as one HTML element; every text is escaped."""
    zh, en = HEADINGS[OUTCOMES[situation.code].kind]
    reminder = _reminder(situation)
    rows = "".join(_row(label, *texts) for label, texts in content(situation))
    return (
        f'<section class="slip" lang="zh"><h1>{escape(zh)}<small lang="en">{escape(en)}</small></h1><dl>{rows}</dl>'
        f'<p>{escape(reminder[0])}<br><span lang="en">{escape(reminder[1])}</span></p></section>'
    )


def _reminder(situation: Situation) -> tuple[str, str]:
    """Return what the slip asks of the customer last: a hold that goes on is waited for at the counter."""
    return STAY if situation.until and OUTCOMES[situation.code].kind is Kind.HOLD else TAKE_BACK


def _row(label: str, chinese: str, english: str) -> str:
    name_zh, name_en = LABELS[label]
    second = "" if chinese == english else f'<br><span lang="en">{escape(english)}</span>'
    return f'<dt>{escape(name_zh)} <span lang="en">{escape(name_en)}</span></dt><dd class="{label}">{escape(chinese)}{second}</dd>'


def _closing(situation: Situation) -> Iterator[tuple[str, tuple[str, str]]]:
    facts = situation.facts
    if "O-1" in facts:
        yield "operator", facts["O-1"]
    shown = " ".join(value for value in (situation.masked.get("name", ""), situation.masked.get("number", "")) if value)
    if shown:
        yield "customer", _both(shown)
    if situation.session:
        yield "session", _both(situation.session.hex())
    yield "terminal", _both(situation.terminal)
    if situation.at:
        yield "at", _both(_time(situation.at))
    yield "phone", facts.get("O-3", ASK_STAFF)


def _kinds(codes: tuple[str, ...]) -> tuple[str, str]:
    names = [slip_table.DOCUMENTS[code] for code in codes if code in slip_table.DOCUMENTS]
    return ("、".join(zh for zh, _ in names), "; ".join(en for _, en in names)) if names else ASK_STAFF


def _both(text: str) -> tuple[str, str]:
    return text, text


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
