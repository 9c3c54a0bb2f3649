"""Objects of which some properties are for fewer readers than the rest.

Such an object is found only by what stands in the rest: no word, value or reference leads to it
that stands in a marked property, whoever asks. Which properties those are can be read from the
object itself, so that an index can always be checked against the bodies.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from ringwall.core import join_fields, split_fields
from ringwall.stix import Observable, observables, references, search_text

GRANULAR = "granular_markings"
_GRANULAR = b'"granular_markings":['
_Fields = Mapping[str, int]


class Found(msgspec.Struct, frozen=True):
    """What an object is found by."""

    observables: tuple[Observable, ...]
    text: str
    references: tuple[str, ...]


def found_by(body: bytes) -> Found:
    """Return what a canonical object is found by, marked properties left out."""
    part = open_part(body)
    return Found(observables(part), search_text(part), references(part))


def open_part(body: bytes) -> bytes:
    """Return a canonical object without the properties that a granular marking selects.

    Nearly every object has none and is returned as it is. One whose markings cannot be read is
    found by nothing but what it is.
    """
    if _GRANULAR not in body:
        return body
    fields = split_fields(body)
    values = dict(fields)
    if GRANULAR not in values:
        return body
    marked = _selected(msgspec.json.decode(values[GRANULAR])) | {GRANULAR}
    return join_fields([field for field in fields if field[0] not in marked])


def _selected(markings: Any) -> set[str]:
    """Return the top-level properties that markings, not languages, select."""
    entries = [one for one in markings if isinstance(one, dict) and "marking_ref" in one]
    lists = [one.get("selectors", ()) for one in entries]
    return {str(selector).partition(".")[0] for one in lists for selector in one}


def hidden_fields(fields: _Fields | None, visible: Collection[int]) -> frozenset[str]:
    """Return the properties to withhold from whoever sees these classes; none: the whole is seen.

    ``fields``: the release class of each property that has one of its own. All of them go if one
    does, with the markings: without these nobody could tell which of the rest were stricter.
    """
    if not fields or all(one in visible for one in fields.values()):
        return frozenset()
    return frozenset(fields) | {GRANULAR}


def hidden_in(body: bytes, hidden: Collection[str]) -> frozenset[str]:
    """Return which properties of a canonical object are hidden.

    "" among them stands for those of which it is not known any more which they are: all that any
    marking selects.
    """
    names = {name for name, _ in split_fields(body)}
    if "" in hidden:
        names -= {name for name, _ in split_fields(open_part(body))}
        return frozenset(names)
    return frozenset(names.intersection(hidden))


def hide(body: bytes, hidden: Collection[str]) -> bytes:
    """Return a canonical object without the properties that are hidden."""
    gone = hidden_in(body, hidden)
    return join_fields([field for field in split_fields(body) if field[0] not in gone])
