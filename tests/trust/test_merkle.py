"""Merkle trees against RFC 9162's definition, and against the vectors of its implementations."""

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import IntegrityFailure
from ringwall.trust import (
    AuditTree,
    MerkleTree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_path,
    merkle_root,
    verify_consistency,
    verify_path,
)

LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243")]
LEAVES += [bytes.fromhex("5051525354555657"), bytes.fromhex("606162636465666768696a6b6c6d6e6f")]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def hashes(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(count)]


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, section 2.1.1, as it is written there."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    halves = naive_root(leaves[:split]) + naive_root(leaves[split:])
    return hashlib.sha256(b"\x01" + halves).digest()


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    assert merkle_root(HASHES[:size]).hex() == ROOTS[size]


def test_known_inclusion_path() -> None:
    expected = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [sibling.hex() for sibling in merkle_path(0, HASHES)] == expected


@given(st.integers(0, 70))
def test_both_trees_agree_with_the_definition(size: int) -> None:
    leaves, log = hashes(size), AuditTree()
    for index, hashed in enumerate(leaves):
        assert log.append(hashed) == index
    assert log.root == MerkleTree(leaves).root == naive_root(leaves)
    restored = AuditTree(log.size, log.frontier)
    restored.append(b"x" * 32)
    assert restored.root == naive_root([*leaves, b"x" * 32])


def test_a_state_that_cannot_be_is_refused() -> None:
    for size, frontier in ((1, ()), (2, (b"", b"")), (0, (b"",)), (-1, (b"",))):
        with pytest.raises(IntegrityFailure) as caught:
            AuditTree(size, frontier)
        assert (caught.value.field, caught.value.rule) == ("audit", "frontier")
        why = f"the audit tree of {size} leaves has {len(frontier)} frontier hashes"
        assert str(caught.value) == why


def test_the_frontier_holds_a_hash_for_every_full_subtree() -> None:
    log = AuditTree()
    assert (log.size, log.frontier, log.root) == (0, (), hashlib.sha256(b"").digest())
    for size in range(1, 9):
        assert log.append(HASHES[size - 1]) == size - 1
        assert log.size == size
        assert log.root.hex() == ROOTS[size]
        start, expected = 0, []
        for bit in (8, 4, 2, 1):
            if size & bit:
                expected.append(naive_root(HASHES[start : start + bit]))
                start += bit
        assert log.frontier == tuple(expected)


def test_a_tree_gives_back_its_leaves() -> None:
    assert list(MerkleTree(HASHES).leaf_hashes) == HASHES


SIZES = range(1, 10)
NINE = [leaf_hash(b"%d" % number) for number in range(9)]


def nine(start: int, end: int) -> list[bytes]:
    return NINE[start:end]


def test_every_inclusion_path_of_small_trees() -> None:
    for size in SIZES:
        root = naive_root(NINE[:size])
        for index in range(size):
            path = inclusion_proof(index, size, nine)
            assert path == merkle_path(index, NINE[:size]) == MerkleTree(NINE[:size]).path(index)
            assert verify_path(NINE[index], index, size, path, root)
            assert not verify_path(NINE[index], index, size, [*path, root], root)
            assert not any(
                verify_path(NINE[index], index, size, path[:end], root) for end in range(len(path))
            )
            assert not any(
                verify_path(NINE[index], other, size, path, root)
                for other in range(-2, size + 2)
                if other != index
            )


def test_every_consistency_proof_of_small_trees() -> None:
    for size in SIZES:
        after = naive_root(NINE[:size])
        for old in range(1, size + 1):
            before = naive_root(NINE[:old])
            proof = consistency_proof(old, size, nine)
            assert verify_consistency(old, size, before, after, proof)
            assert not verify_consistency(old, size, before, after, [*proof, after])
            assert not verify_consistency(old, size, after, before, proof) or old == size
            shorter = [proof[:end] for end in range(len(proof))]
            assert not any(verify_consistency(old, size, before, after, cut) for cut in shorter)
            for other in set(SIZES) - {old}:
                assert not verify_consistency(other, size, before, after, proof)


@given(st.data(), st.integers(1, 70))
def test_inclusion_is_proven_and_nothing_else_is(data: st.DataObject, size: int) -> None:
    leaves = hashes(size)
    index = data.draw(st.integers(0, size - 1))
    path, root = merkle_path(index, leaves), naive_root(leaves)
    assert inclusion_proof(index, size, lambda start, end: leaves[start:end]) == path
    assert verify_path(leaves[index], index, size, path, root)
    assert not verify_path(leaf_hash(b"other"), index, size, path, root)
    assert not verify_path(leaves[index], index, size, [*path, root], root)
    assert not verify_path(leaves[index], index, size, path, bytes(32))
    assert not verify_path(leaves[index], size, size, path, root)
    assert not verify_path(leaves[index], -1, size, path, root)
    for at in range(len(path)):
        assert not verify_path(leaves[index], index, size, path[:at] + path[at + 1 :], root)
        assert not verify_path(
            leaves[index], index, size, (*path[:at], bytes(32), *path[at + 1 :]), root
        )
    for other in set(range(size)) - {index}:
        assert not verify_path(leaves[index], other, size, path, root)


@given(st.data(), st.integers(1, 70))
def test_growth_is_proven_and_nothing_else_is(data: st.DataObject, size: int) -> None:
    leaves = hashes(size)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(old, size, lambda start, end: leaves[start:end])
    before, after = naive_root(leaves[:old]), naive_root(leaves)
    assert verify_consistency(old, size, before, after, proof)
    assert not verify_consistency(old, size, bytes(32), after, proof)
    assert not verify_consistency(old, size, before, bytes(32), proof)
    assert not verify_consistency(old, size, before, after, [*proof, before])
    assert not verify_consistency(size + 1, size, before, after, proof)
    assert not verify_consistency(0, size, before, after, proof)
    for at in range(len(proof)):
        changed = (*proof[:at], bytes(32), *proof[at + 1 :])
        assert not verify_consistency(old, size, before, after, changed)
        assert not verify_consistency(old, size, before, after, proof[:at] + proof[at + 1 :])


@given(st.data(), st.integers(2, 40))
def test_a_rewritten_log_has_no_consistency_proof(data: st.DataObject, size: int) -> None:
    leaves = hashes(size)
    old = data.draw(st.integers(1, size - 1))
    rewritten = list(leaves)
    rewritten[data.draw(st.integers(0, old - 1))] = leaf_hash(b"rewritten")
    proof = consistency_proof(old, size, lambda start, end: rewritten[start:end])
    roots = naive_root(leaves[:old]), naive_root(rewritten)
    assert not verify_consistency(old, size, *roots, proof)


def test_proofs_of_what_is_not_there_are_refused() -> None:
    def leaves(start: int, end: int) -> list[bytes]:
        return HASHES[start:end]

    asked: list[tuple[Callable[..., object], int, int]] = [
        *((inclusion_proof, index, size) for index, size in ((8, 8), (-1, 8), (0, 0), (0, 20))),
        *((consistency_proof, old, size) for old, size in ((0, 8), (9, 8), (3, 20))),
    ]
    for proof, first, size in asked:
        with pytest.raises(IntegrityFailure, match=r"\Athe log has no such leaves\Z") as caught:
            proof(first, size, leaves)
        assert (caught.value.field, caught.value.rule) == ("audit", "range")


def test_a_leaf_is_never_a_node() -> None:
    left, right = HASHES[:2]
    assert leaf_hash(left + right) != merkle_root([left, right])
    assert leaf_hash(b"leaf", b"salt") == hashlib.sha256(b"\x00saltleaf").digest()
