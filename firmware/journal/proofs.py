# SPDX-License-Identifier: Apache-2.0
"""Merkle proofs (RFC 9162 §2.1) in one pass over the leaves and in memory of log n, however long the log.

A proof is a list of heads, each over a range of leaves. :func:`inclusion_ranges` and :func:`consistency_ranges` say which; a
:class:`Collector` that sees the leaves go by keeps the few nodes that those heads are made of. It may begin behind leaves whose
:class:`~firmware.journal.merkle.Frontier` is known, as long as no range reaches inside them other than by a whole peak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.journal.merkle import Frontier, node_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

Range = tuple[int, int]
"""Leaves from the first number up to, not including, the second; counted from 0."""
Node = tuple[int, int]
"""A perfect subtree: level (0 is a leaf) and number on that level."""


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return the ranges whose heads are PATH(index, D[size]), leaf to root; ``ValueError`` when there is no such leaf."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """Return the ranges whose heads are PROOF(old, D[size]); ``ValueError`` unless 0 < old <= size."""
    if not 0 < old <= size:
        raise ValueError("no such older tree")
    ranges: list[Range] = []
    start, end = 0, size
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))
    return ranges[::-1]


def _split(size: int) -> int:
    """Return the largest power of two smaller than ``size`` (≥ 2)."""
    return 1 << (size - 1).bit_length() - 1


def _nodes(found: Range) -> list[Node]:
    """Return the perfect subtrees a range of a proof consists of, largest first."""
    start, end = found
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


class Collector:
    """Sees leaf hashes in order and keeps the nodes that ``ranges`` need; ``known`` is the tree of the leaves before the first."""

    def __init__(self, ranges: Iterable[Range], known: Frontier | None = None) -> None:
        known = known or Frontier()
        self.size = known.size
        self._peaks = list(known.peaks)
        self._wanted = {node for found in ranges for node in _nodes(found)}
        whole = dict(zip(_nodes((0, known.size)), known.peaks, strict=True))
        self._kept = {node: whole[node] for node in self._wanted & whole.keys()}

    def append(self, leaf: bytes) -> None:
        """Take the next leaf hash."""
        level, index, size, node = 0, self.size, self.size, leaf
        if (0, index) in self._wanted:
            self._kept[0, index] = leaf
        while size & 1:
            node = node_hash(self._peaks.pop(), node)
            level, index, size = level + 1, index >> 1, size >> 1
            if (level, index) in self._wanted:
                self._kept[level, index] = node
        self._peaks.append(node)
        self.size += 1

    def frontier(self) -> Frontier:
        """Return the tree of all leaves so far."""
        return Frontier(self.size, tuple(self._peaks))

    def head(self, found: Range) -> bytes:
        """Return the head over one of the ranges; ``ValueError`` when not all of its leaves were seen."""
        try:
            nodes = [self._kept[node] for node in _nodes(found)]
        except KeyError:
            raise ValueError("leaves of the range were not seen") from None
        head = nodes.pop()
        while nodes:
            head = node_hash(nodes.pop(), head)
        return head
