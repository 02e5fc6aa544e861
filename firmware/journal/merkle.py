# SPDX-License-Identifier: Apache-2.0
"""Merkle tree of RFC 9162 §2.1 over SHA-256: tree head, inclusion proof, consistency proof.

A tree is known either by its :class:`Frontier` (log n hashes, enough to append and to give the head) or by all its leaf hashes
(needed to prove). "Leaf hash" below is always :func:`leaf_hash` of the entry. This module stores nothing and signs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return HASH(0x00 || entry), RFC 9162 §2.1.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return HASH(0x01 || left || right), RFC 9162 §2.1.1."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of ``size`` leaves, known by the heads of its perfect subtrees, largest first: one for each bit set in ``size``."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """Return the tree with one more leaf hash at the right."""
        peaks, size = list(self.peaks), self.size
        while size & 1:
            leaf = node_hash(peaks.pop(), leaf)
            size >>= 1
        return Frontier(self.size + 1, (*peaks, leaf))

    def root(self) -> bytes:
        """Return the tree head, 32 bytes."""
        if not self.peaks:
            return EMPTY_ROOT
        head = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            head = node_hash(peak, head)
        return head

    def pack(self) -> bytes:
        """Return the peaks as one string for storage beside the size."""
        return b"".join(self.peaks)

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> Frontier:
        """Rebuild what :meth:`pack` gave; raises ``ValueError`` when the length does not fit the size."""
        if size < 0 or len(packed) != size.bit_count() * HASH_BYTES:
            raise ValueError("peaks do not fit the size of the tree")
        return cls(size, tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)))


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree head over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier.root()


def _split(size: int) -> int:
    """Return the largest power of two smaller than ``size`` (≥ 2)."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return PATH(index, leaves), RFC 9162 §2.1.3.1; ``index`` counts from 0. Raises ``ValueError`` when there is no such leaf."""
    if not 0 <= index < len(leaves):
        raise ValueError("no such leaf")
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion_proof(index, leaves[:k]), root(leaves[k:])]
    return [*inclusion_proof(index - k, leaves[k:]), root(leaves[:k])]


def consistency_proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return PROOF(old, leaves), RFC 9162 §2.1.4.1; raises ``ValueError`` unless 0 < old <= size."""
    if not 0 < old <= len(leaves):
        raise ValueError("no such older tree")
    return _subproof(old, leaves, complete=True)


def _subproof(old: int, leaves: Sequence[bytes], *, complete: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if complete else [root(leaves)]
    k = _split(len(leaves))
    if old <= k:
        return [*_subproof(old, leaves[:k], complete=complete), root(leaves[k:])]
    return [*_subproof(old - k, leaves[k:], complete=False), root(leaves[:k])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], head: bytes) -> bool:
    """Tell whether ``leaf`` is number ``index`` of the tree of ``size`` with this head, RFC 9162 §2.1.3.2."""
    if not 0 <= index < size:
        return False
    fn, sn, node = index, size - 1, leaf
    for step in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = node_hash(step, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and node == head


def verify_consistency(old: int, old_head: bytes, size: int, head: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether the tree of ``size`` begins with the tree of ``old`` leaves, RFC 9162 §2.1.4.2."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_head == head
    path = [old_head, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old_node = node = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old_node, node = node_hash(step, old_node), node_hash(step, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old_node == old_head and node == head
