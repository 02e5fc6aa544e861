# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.journal import merkle

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors/audit/merkle_rfc9162.json").read_text())
ENTRIES = [bytes.fromhex(entry) for entry in VECTORS["entries"]]
HEADS = [bytes.fromhex(head) for head in VECTORS["heads"]]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
MANY = [merkle.leaf_hash(number.to_bytes(2, "big")) for number in range(65)]

proofs = st.lists(st.binary(min_size=32, max_size=32), max_size=8)


def _unhex(proof: list[str]) -> list[bytes]:
    return [bytes.fromhex(node) for node in proof]


@pytest.mark.parametrize("size", range(9))
def test_head_of_published_entries_is_the_published_head(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == HEADS[size]


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_inclusion_proof_of_published_entries_is_the_published_proof(case: dict[str, Any]) -> None:
    index, size = case["index"], case["size"]
    assert merkle.inclusion_proof(index, LEAVES[:size]) == _unhex(case["proof"])
    assert merkle.verify_inclusion(LEAVES[index], index, size, _unhex(case["proof"]), HEADS[size])


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_consistency_proof_of_published_entries_is_the_published_proof(case: dict[str, Any]) -> None:
    old, size = case["old"], case["size"]
    assert merkle.consistency_proof(old, LEAVES[:size]) == _unhex(case["proof"])
    assert merkle.verify_consistency(old, HEADS[old], size, HEADS[size], _unhex(case["proof"]))


def _definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 §2.1.1 defines it."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else merkle.EMPTY_ROOT
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(_definition(leaves[:k]), _definition(leaves[k:]))


@pytest.mark.parametrize("size", range(len(MANY) + 1))
def test_head_by_appending_equals_the_recursive_definition(size: int) -> None:
    assert merkle.root(MANY[:size]) == _definition(MANY[:size])


def test_every_inclusion_proof_up_to_size_33_verifies_only_for_its_leaf() -> None:
    for size in range(1, 34):
        head = merkle.root(MANY[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(index, MANY[:size])
            assert merkle.verify_inclusion(MANY[index], index, size, proof, head)
            assert not merkle.verify_inclusion(MANY[index + 1], index, size, proof, head)
            assert not merkle.verify_inclusion(MANY[index], index, size, [*proof, head], head)
            assert not proof or not merkle.verify_inclusion(MANY[index], index, size, proof[:-1], head)


def test_every_consistency_proof_up_to_size_33_verifies_only_for_its_trees() -> None:
    heads = [merkle.root(MANY[:size]) for size in range(35)]
    for size in range(1, 34):
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(old, MANY[:size])
            assert merkle.verify_consistency(old, heads[old], size, heads[size], proof)
            assert not merkle.verify_consistency(old, heads[old - 1], size, heads[size], proof)
            assert not merkle.verify_consistency(old, heads[old], size, heads[size + 1], proof)
            assert not merkle.verify_consistency(old, heads[old], size, heads[size], [*proof, heads[1]])


@given(st.integers(-2, 70), st.integers(-2, 70), proofs)
@settings(max_examples=2000, deadline=None)
def test_verifier_given_random_proofs_accepts_none(index: int, size: int, proof: list[bytes]) -> None:
    head = merkle.root(MANY)
    assert not merkle.verify_inclusion(bytes(32), index, size, proof, head)
    assert not merkle.verify_consistency(index, bytes(32), size, head, proof)


@pytest.mark.parametrize("index", [-1, 8])
def test_inclusion_proof_of_a_missing_leaf_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion_proof(index, LEAVES)


@pytest.mark.parametrize("old", [0, -1, 9])
def test_consistency_proof_from_a_missing_tree_is_refused(old: int) -> None:
    with pytest.raises(ValueError, match="no such older tree"):
        merkle.consistency_proof(old, LEAVES)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40))
def test_frontier_packed_and_unpacked_is_the_same_tree(leaves: list[bytes]) -> None:
    tree = merkle.Frontier()
    for leaf in leaves:
        tree = tree.append(leaf)
    assert merkle.Frontier.unpack(tree.size, tree.pack()) == tree


@given(st.integers(-10, 1 << 40), st.binary(max_size=200))
@settings(max_examples=2000, deadline=None)
def test_frontier_unpacked_from_random_bytes_fits_or_is_refused(size: int, packed: bytes) -> None:
    try:
        tree = merkle.Frontier.unpack(size, packed)
    except ValueError:
        return
    assert tree.pack() == packed
    assert len(tree.root()) == 32
