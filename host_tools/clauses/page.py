# SPDX-License-Identifier: Apache-2.0
"""The auditor's page: one static HTML file, no script, nothing fetched; Chinese and English titles, readable on paper.

Pure. What it says is the table's; every text is escaped.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final

from firmware import packs
from host_tools.clauses.table import Row, Verdict, rooms
from host_tools.demo import scenarios

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORDS: Final = {
    Verdict.PROVEN: ("已证明", "proven"),
    Verdict.FAILED: ("未通过", "failed"),
    Verdict.NOT_RUN: ("未运行", "not run"),
    Verdict.AWAITING: ("待后续", "awaiting"),
    Verdict.OPEN: ("缺证明", "open"),
}
_STYLE: Final = """
body{font:15px/1.5 "Noto Sans CJK SC","Noto Sans",sans-serif;color:#1b1f24;max-width:74rem;margin:2rem auto;padding:0 1.5rem}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem;border-bottom:2px solid #1b1f24;padding-bottom:.2rem}
p.note{color:#57606a;max-width:60rem}ul.sum{list-style:none;display:flex;flex-wrap:wrap;gap:.8rem;padding:0}
ul.sum li{border:1px solid #d0d7de;border-radius:6px;padding:.5rem 1rem;min-width:7rem}ul.sum b{display:block;font-size:1.5rem}
table{border-collapse:collapse;width:100%;table-layout:fixed}td{vertical-align:top;padding:.45rem .6rem;border-top:1px solid #d0d7de}
td.id{width:8.5rem;font-weight:600}td.v{width:9.5rem;white-space:nowrap}td.t{width:46%;font-size:.82rem;color:#57606a;word-break:break-word}
.v span{border-radius:4px;padding:.1rem .45rem}.proven{background:#dafbe1}.failed,.open{background:#ffebe9}.awaiting{background:#fff8c5}
.not-run{background:#eaeef2}code{font-family:"Noto Sans Mono",monospace}@media print{body{margin:0}tr{break-inside:avoid}}
"""


def html(rows: Sequence[Row], revision: str) -> str:
    """Return the page for ``rows``, grouped by where they stand."""
    counts = Counter(row.verdict for row in rows)
    boxes = "".join(
        f'<li class="{_class(verdict)}"><b>{counts[verdict]}</b>{zh} <small>{en}</small></li>' for verdict, (zh, en) in _WORDS.items()
    )
    order = [*packs.sources(), scenarios.WHERE]
    sorted_rows = sorted(rows, key=lambda row: order.index(row.where))
    groups = "".join(_group(where, list(group)) for where, group in groupby(sorted_rows, key=lambda row: row.where))
    title = "实名制开卡终端：条款与证明"
    about = (
        "每一条款由哪些测试证明、结果如何；须由后续部分证明的，写明是哪一部分。条款内容以我们自己的话概括，法律文本为准。"
        "<br>Which tests prove each clause and how they ended; what a later part must prove is listed with that part. "
        "Clauses are told in our words; the texts themselves are the law."
    )
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>Real-name terminal: clauses and their proof{f' · {escape(revision)}' if revision else ''}</p>"
        f'<p class="note">{about}</p><ul class="sum">{boxes}</ul>{groups}</html>\n'
    )


def _group(where: str, rows: Iterable[Row]) -> str:
    zh = "验收场景" if where == scenarios.WHERE else packs.sources()[where]
    body = "".join(_line(row) for row in rows)
    return f"<h2>{escape(zh)} <small>{escape(where)}</small></h2><table>{body}</table>"


def _line(row: Row) -> str:
    zh, en = _WORDS[row.verdict]
    badge = f'<span class="{_class(row.verdict)}">{zh} {en}</span>'
    return (
        f'<tr id="{escape(row.clause)}"><td class="id">{escape(row.clause)}</td><td>{_asks(row)}</td>'
        f'<td class="v">{badge}</td><td class="t">{_proof(row)}</td></tr>'
    )


def _asks(row: Row) -> str:
    zh = scenarios.load()[row.clause].zh if row.is_scenario else ""
    return f"{escape(zh)}<br>{escape(row.asks)}" if zh else escape(row.asks)


def _proof(row: Row) -> str:
    tests = [f"<code>{escape(test.removeprefix('tests/'))}</code>" for test in row.tests]
    room = [f"<b>{escape(row.room)}</b> ({escape(rooms()[row.room])}): {escape(row.missing)}"] if row.room else []
    return "<br>".join([*room, *tests])


def _class(verdict: Verdict) -> str:
    return verdict.value.replace(" ", "-")
