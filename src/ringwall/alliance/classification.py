"""Classification policies as data: what a national or an alliance's markings mean.

The contents of a security policy information file (SPIF): levels with their rank, tags with their
kind, what excludes what, and which level of another policy counts as the same. Sources: STANAG
4774; the Open XML SPIF schema (xmlspif.org). Nothing here is built in: an operator loads it.
"""

from typing import Literal

import msgspec

from ringwall.labels import Category

TagKind = Literal["restrictive", "permissive", "informative"]


class Level(msgspec.Struct, frozen=True):
    """A classification: ``rank`` rises with strictness.

    ``excludes`` are tags that it cannot have, ``excludes_values`` single (tag, value) pairs.

    ``assurance`` is the least that a node needs to hold it, ``zones`` where one must stand (empty:
    anywhere). An obsolete level is read and opens nothing.
    """

    name: str
    rank: int
    obsolete: bool = False
    excludes: frozenset[str] = frozenset()
    excludes_values: frozenset[tuple[str, str]] = frozenset()
    assurance: int = 0
    zones: frozenset[str] = frozenset()


class Tag(msgspec.Struct, frozen=True):
    """A security category. ``values`` are all there are; ``obsolete`` those no longer given.

    ``releasable``: its values are codes of members and groups, and it says who may have it, as
    REL TO does.
    """

    name: str
    kind: TagKind
    values: frozenset[str]
    obsolete: frozenset[str] = frozenset()
    releasable: bool = False
    uri: str = ""


class Equivalence(msgspec.Struct, frozen=True):
    """``theirs`` under policy ``other`` protects as ``ours`` does: the policy's own word.

    ``categories``: for (tag, value) of ours, the (tag, value) that says the same there. What has
    no entry has no equivalent, and then the other policy cannot carry it.
    """

    other: str
    ours: str
    theirs: str
    categories: dict[tuple[str, str], tuple[str, str]] = {}


class ClassificationPolicy(msgspec.Struct, frozen=True):
    """One policy; ``name`` is what labels call it, ``uri`` its identifier (an OID as URN)."""

    name: str
    uri: str
    levels: dict[str, Level]
    tags: dict[str, Tag]
    equivalences: tuple[Equivalence, ...] = ()

    def rank(self, classification: str) -> int | None:
        """Return how high a level stands, None if there is none of this name."""
        level = self.levels.get(classification)
        return None if level is None else level.rank


class Clearance(msgspec.Struct, frozen=True):
    """What a member may hold, or a reader may see, under one policy.

    ``classification`` is the highest level; ``categories`` are the values held of each tag.
    """

    policy: str
    classification: str
    categories: tuple[Category, ...] = ()

    def holds(self, tag: str) -> frozenset[str]:
        """Return the values that are held of a tag."""
        return frozenset(
            value for each in self.categories if each.tag == tag for value in each.values
        )
