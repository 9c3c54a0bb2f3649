"""The label itself: what is known of a statement's confidentiality."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from ringwall.core import InvalidInput, format_timestamp, parse_timestamp
from ringwall.labels import acs as access_control
from ringwall.labels import confidentiality as classified
from ringwall.labels import iep as exchange_policy
from ringwall.labels.confidentiality import Confidentiality
from ringwall.labels.iep import Iep

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


class Pap(StrEnum):
    """Permissible Actions Protocol, least strict first: what a recipient may do openly with it."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    RED = "RED"

    @property
    def rank(self) -> int:
        """Return 0 for CLEAR to 3 for RED."""
        return _PAP_RANKS[self]


_PAP_RANKS = {pap: rank for rank, pap in enumerate(Pap)}


class Label(msgspec.Struct, frozen=True, cache_hash=True):
    """A confidentiality label.

    ``tlp``: None if none was given. ``rel_to``: sorted names of the members and groups that may
    have it; None means that no REL TO was given, empty means nobody. ``confidentiality``: what a
    classification policy says; ``alternatives``: the same in other policies' words, by the
    originator. A label needs a TLP or a classification, else nothing is released. ``iep`` and
    ``acs``: every such marking, all of which apply. ``created`` and ``review`` are moments as
    ``format_timestamp`` writes them, or "": past its review a label opens nothing. ``unknown``:
    sorted names of markings and fields that were not understood: they deny.
    """

    tlp: Tlp | None = None
    rel_to: tuple[str, ...] | None = None
    confidentiality: Confidentiality | None = None
    alternatives: tuple[Confidentiality, ...] = ()
    pap: Pap | None = None
    iep: tuple[Iep, ...] = ()
    acs: tuple[str, ...] = ()
    created: str = ""
    review: str = ""
    unknown: tuple[str, ...] = ()


def for_decision(label: Label) -> Label:
    """Return the part of a label that decisions look at: equal parts, equal decisions.

    A creation time, a privacy mark or a policy's name would otherwise make a release class of
    every single object. What an IEP says of TLP becomes the label's own.
    """
    if not (label.confidentiality or label.alternatives or label.iep or label.acs or label.created):
        return label
    stated = label.confidentiality
    return msgspec.structs.replace(
        label,
        tlp=counted_tlp(label),
        confidentiality=None if stated is None else classified.for_decision(stated),
        alternatives=_in_order(classified.for_decision(each) for each in label.alternatives),
        iep=tuple(sorted({exchange_policy.for_decision(each) for each in label.iep})),
        acs=in_order(access_control.for_decision(each) for each in label.acs),
        created="",
    )


def counted_tlp(label: Label) -> Tlp | None:
    """Return the strictest TLP that a label states, for itself or in an IEP; None for none.

    That of an IEP opens nothing: it counts only beside a TLP or a classification.
    """
    if label.tlp is None and label.confidentiality is None:
        return None
    stated = (label.tlp, *(read_tlp(each.tlp) for each in label.iep))
    return max((tlp for tlp in stated if tlp), key=lambda tlp: tlp.rank, default=None)


def _in_order(stated: Iterable[Confidentiality]) -> tuple[Confidentiality, ...]:
    return tuple(sorted(set(stated), key=repr))


def read_tlp(text: str) -> Tlp | None:
    """Read a TLP name in any case, WHITE (TLP 1) as CLEAR; None if it is none.

    What only looks like a name is none: a dotless i and a long s have the capitals of i and s.
    """
    name = text.upper() if text.isascii() else ""
    return Tlp("CLEAR" if name == "WHITE" else name) if name in _NAMES else None


def read_pap(text: str) -> Pap | None:
    """Read a PAP name in any case, WHITE (before 2023) as CLEAR; None if it is none."""
    name = text.upper() if text.isascii() else ""
    return Pap("CLEAR" if name == "WHITE" else name) if name in _PAP_NAMES else None


_NAMES = frozenset(Tlp) | {"WHITE"}
_PAP_NAMES = frozenset(Pap) | {"WHITE"}


def read_moment(text: str) -> str:
    """Read a moment of a label or its terms; return it as ``format_timestamp`` writes it.

    Raises InvalidInput (rule ``timestamp``). The first and the last day of the calendar are none:
    a decision reckons with a skew of the clocks, and beyond them there is no time to reckon with.
    """
    moment = parse_timestamp(text)
    if not _FIRST_DAY <= moment < _LAST_DAY:
        raise InvalidInput(f"timestamp: {text!r} is out of range", rule="timestamp")
    return format_timestamp(moment)


_FIRST_DAY = datetime(1, 1, 2, tzinfo=UTC)
_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return ``names`` once each and sorted: the canonical form of every list in a label."""
    return tuple(sorted(set(names)))
