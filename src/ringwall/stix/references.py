"""The objects that an object refers to: what a graph has as its edges."""

import re
from typing import Any

import msgspec

from ringwall.stix.checks import IDENTIFIER

NO_EDGES = frozenset({"created_by_ref", "object_marking_refs", "marking_ref"})
"""Who made an object and how it is marked: in nearly every object, and no part of the graph."""

# In canonical bytes `_ref":` can only end a key: inside a string a quote has a backslash before it.
_PROPERTY = re.compile(
    rb'_ref(?:(?<![{,]"created_by_ref)(?<![{,]"marking_ref)":"([^"\\]*)"'
    rb'|s(?<![{,]"object_marking_refs)":\[(?:"([^"\\]*(?:","[^"\\]*)*)"\]|([^\]])))'
)


def references(body: bytes) -> tuple[str, ...]:
    """Return the STIX ids in the properties ``*_ref`` and ``*_refs`` at any depth, sorted.

    ``body`` is a canonical object. Creators and markings (`NO_EDGES`) are left out, and so is what
    is no identifier. Most objects have no other reference: that is found without decoding.
    """
    passed_over = body.count(b',"created_by_ref":') + body.count(b',"object_marking_refs":')
    if body.count(b"_ref") == passed_over:
        return ()
    found: set[str] = set()
    for one, many, other in _PROPERTY.findall(body):
        if other:  # a list that does not hold plain strings alone
            return _walked(body)
        found.update((one or many).decode().split('","'))
    return tuple(sorted(filter(IDENTIFIER.fullmatch, found)))


def _walked(body: bytes) -> tuple[str, ...]:
    """Find the same by looking at every property."""
    found: set[str] = set()
    waiting: list[Any] = [msgspec.json.decode(body)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            for name, held in value.items():
                found.update(_identifiers(name, held))
    return tuple(sorted(found))


def _identifiers(name: str, held: Any) -> list[str]:
    if name in NO_EDGES:
        return []
    if name.endswith("_ref"):
        held = [held]
    elif not name.endswith("_refs") or not isinstance(held, list):
        return []
    return [item for item in held if isinstance(item, str) and IDENTIFIER.fullmatch(item)]
