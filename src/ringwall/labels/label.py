"""The label itself: what is known of a statement's confidentiality."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

NOBODY = "none"
"""``REL TO NONE``: released to nobody. Hence no member and no group may be called so."""


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 (FIRST, August 2022), least strict first."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER+STRICT"
    RED = "RED"

    @property
    def rank(self) -> int:
        """Return 0 for CLEAR to 4 for RED."""
        return _RANKS[self]


_RANKS = {tlp: rank for rank, tlp in enumerate(Tlp)}


class Label(msgspec.Struct, frozen=True, cache_hash=True):
    """A confidentiality label.

    ``tlp``: None if none was given, and then nothing is released. ``rel_to``: sorted names of the
    members and groups that may have it; None means that no REL TO was given, empty means nobody.
    ``policy`` and ``classification`` belong to classification policies, which are carried and not
    yet understood: they deny. ``unknown``: sorted names of markings and fields that were not
    understood: they deny.
    """

    tlp: Tlp | None = None
    rel_to: tuple[str, ...] | None = None
    policy: str = ""
    classification: str = ""
    unknown: tuple[str, ...] = ()


def read_tlp(text: str) -> Tlp | None:
    """Read a TLP name in any case, WHITE (TLP 1) as CLEAR; None if it is none."""
    name = text.upper()
    return Tlp("CLEAR" if name == "WHITE" else name) if name in _NAMES else None


_NAMES = frozenset(Tlp) | {"WHITE"}


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return ``names`` once each and sorted: the canonical form of every list in a label."""
    return tuple(sorted(set(names)))
