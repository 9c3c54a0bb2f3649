"""Merkle trees of RFC 9162, section 2.1: roots, inclusion proofs, consistency proofs.

Trees of a batch are held whole (:class:`MerkleTree`); logs grow by their frontier
(:class:`AuditTree`) and read old leaf hashes through a callable when a proof is asked for.
All hashes are SHA-256, 32 bytes; indexes count from 0.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from ringwall.core import IntegrityFailure

EMPTY_ROOT = hashlib.sha256(b"").digest()

LeafHashes = Callable[[int, int], Iterable[bytes]]
"""Yields the leaf hashes from a first index up to, without, a last one."""


def leaf_hash(leaf: bytes, salt: bytes = b"") -> bytes:
    """SHA-256(0x00 ‖ salt ‖ leaf); without a salt this is RFC 9162's leaf hash."""
    return hashlib.sha256(b"\x00" + salt + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """A whole tree over given leaf hashes: every inclusion path costs its own length only."""

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        self._levels = [list(leaf_hashes)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_parents(self._levels[-1]))

    @property
    def leaf_hashes(self) -> Sequence[bytes]:
        """The hashes of the leaves, in their order."""
        return self._levels[0]

    @property
    def root(self) -> bytes:
        """The Merkle tree hash; SHA-256 of nothing for an empty tree."""
        return self._levels[-1][0] if self._levels[0] else EMPTY_ROOT

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the inclusion path of leaf ``index``, from the leaf upwards."""
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return tuple(path)


def _parents(level: list[bytes]) -> list[bytes]:
    """Hash neighbours together; a last one without a neighbour rises as it is."""
    pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) - len(level) % 2 :]


def merkle_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over ``leaf_hashes``."""
    return MerkleTree(leaf_hashes).root


def merkle_path(index: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the inclusion path of leaf ``index``, from the leaf upwards."""
    return MerkleTree(leaf_hashes).path(index)


def verify_path(hashed: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether ``path`` proves leaf ``index`` of ``size`` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    last, result = size - 1, hashed
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            result = node_hash(sibling, result)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and result == root


class AuditTree:
    """An append-only tree that keeps only its frontier: the roots of its full subtrees.

    ``frontier`` holds one 32-byte hash for every set bit of ``size``, the largest subtree first;
    both together are the whole state, to be stored beside the leaves.
    """

    def __init__(self, size: int = 0, frontier: Sequence[bytes] = ()) -> None:
        if size < 0 or len(frontier) != size.bit_count():
            raise IntegrityFailure(
                f"the audit tree of {size} leaves has {len(frontier)} frontier hashes",
                field="audit",
                rule="frontier",
            )
        self.size = size
        self._frontier = list(frontier)

    @property
    def frontier(self) -> tuple[bytes, ...]:
        """The roots of the full subtrees, the largest first."""
        return tuple(self._frontier)

    def append(self, hashed: bytes) -> int:
        """Add a leaf hash; return its index."""
        index, carry = self.size, self.size
        while carry & 1:
            hashed = node_hash(self._frontier.pop(), hashed)
            carry >>= 1
        self._frontier.append(hashed)
        self.size += 1
        return index

    @property
    def root(self) -> bytes:
        """The Merkle tree hash of all leaves so far."""
        if not self._frontier:
            return EMPTY_ROOT
        result = self._frontier[-1]
        for subtree in reversed(self._frontier[:-1]):
            result = node_hash(subtree, result)
        return result


def inclusion_proof(index: int, size: int, leaf_hashes: LeafHashes) -> tuple[bytes, ...]:
    """Return the path of leaf ``index`` in the first ``size`` leaves of a log.

    Raises IntegrityFailure (rule ``range``) if there is no such leaf.
    """
    _check_range(0 <= index < size)
    return tuple(_inclusion(index, 0, size, leaf_hashes))


def _inclusion(index: int, start: int, end: int, leaf_hashes: LeafHashes) -> Iterator[bytes]:
    if end - start == 1:
        return
    middle = start + _split(end - start)
    if index < middle:
        yield from _inclusion(index, start, middle, leaf_hashes)
        yield _range_root(middle, end, leaf_hashes)
    else:
        yield from _inclusion(index, middle, end, leaf_hashes)
        yield _range_root(start, middle, leaf_hashes)


def consistency_proof(old: int, size: int, leaf_hashes: LeafHashes) -> tuple[bytes, ...]:
    """Return the proof that the log of ``old`` leaves is a prefix of that of ``size`` (2.1.4.1).

    Raises IntegrityFailure (rule ``range``) unless 0 < old <= size.
    """
    _check_range(0 < old <= size)
    return tuple(_consistency(old, 0, size, leaf_hashes, whole=True))


def _consistency(
    old: int, start: int, end: int, leaf_hashes: LeafHashes, *, whole: bool
) -> Iterator[bytes]:
    """RFC 9162's SUBPROOF: ``whole`` while the old tree is a complete subtree known to all."""
    if old == end:
        if not whole:
            yield _range_root(start, end, leaf_hashes)
        return
    middle = start + _split(end - start)
    if old <= middle:
        yield from _consistency(old, start, middle, leaf_hashes, whole=whole)
        yield _range_root(middle, end, leaf_hashes)
    else:
        yield from _consistency(old, middle, end, leaf_hashes, whole=False)
        yield _range_root(start, middle, leaf_hashes)


def verify_consistency(
    old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether ``proof`` shows that the log only grew (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    index, last = old - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old_result = result = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old_result, result = node_hash(sibling, old_result), node_hash(sibling, result)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and old_result == old_root and result == root


def _split(count: int) -> int:
    """Return the largest power of two below ``count`` (count > 1)."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(start: int, end: int, leaf_hashes: LeafHashes) -> bytes:
    tree = AuditTree()
    for hashed in leaf_hashes(start, end):
        tree.append(hashed)
    _check_range(tree.size == end - start)
    return tree.root


def _check_range(holds: bool) -> None:
    if not holds:
        raise IntegrityFailure("the log has no such leaves", field="audit", rule="range")
