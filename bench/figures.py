# SPDX-License-Identifier: Apache-2.0
"""A figure, the table of figures, and the file they are written to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


STORED = ("value", "unit", "target", "baseline")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; ``target`` is the most it should be (``at_least``: the least), ``baseline`` what a ratio was taken against."""

    value: float
    unit: str
    target: float | None
    baseline: float | None
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the target is kept, where there is one."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target


def table(figures: Mapping[str, Figure]) -> str:
    """Return the figures as text, one line each."""
    width = max(map(len, figures), default=0)
    lines = [f"{'name':<{width}}  {'value':>10}  {'unit':<6}  {'target':>8}  {'baseline':>10}"]
    for name, figure in figures.items():
        target = "" if figure.target is None else f"{figure.target:g}"
        baseline = "" if figure.baseline is None else f"{figure.baseline:.3f}"
        mark = "" if figure.kept else "  under target" if figure.at_least else "  over target"
        lines.append(f"{name:<{width}}  {figure.value:>10.3f}  {figure.unit:<6}  {target:>8}  {baseline:>10}{mark}")
    return "\n".join(lines)


def store(path: Path, figures: Mapping[str, Figure]) -> None:
    """Write the flat map ``name → {value, unit, target, baseline}``; figures of an earlier run that were not measured now stay."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known.update({name: {part: getattr(figure, part) for part in STORED} for name, figure in figures.items()})
    path.write_text(json.dumps(dict(sorted(known.items())), indent=2) + "\n", encoding="utf-8")
