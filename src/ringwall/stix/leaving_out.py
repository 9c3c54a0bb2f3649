"""What cannot be left out of an object if the rest is to be one, and to tell nothing of the part.

Source: STIX 2.1, sections 2.9 (deterministic identifiers), 3.2 (common properties), and the
properties that each type requires.
"""

from collections.abc import Collection

import msgspec

from ringwall.core import CallerError, join_fields, split_fields
from ringwall.stix.deterministic import CONTRIBUTING
from ringwall.stix.reading import read_object
from ringwall.stix.tables import TABLES

IDENTITY = frozenset({"type", "id", "spec_version", "created", "modified", "revoked"})
"""What an object is, and whether it still holds: one without ``revoked`` would look valid."""


_FREE = frozenset(
    {
        "confidence",
        "created_by_ref",
        "external_references",
        "granular_markings",
        "labels",
        "lang",
        "object_marking_refs",
    }
)
"""Common properties that no rule across properties is about: the rest need not be read again."""


def needed_properties(object_type: str) -> frozenset[str]:
    """Return what an object of a type cannot be without; of a type that is unknown, the least."""
    return IDENTITY.union(TABLES[object_type].required if object_type in TABLES else ())


class _Head(msgspec.Struct, frozen=True):
    type: str = ""
    id: str = ""


_HEAD = msgspec.json.Decoder(_Head)


def why_needed(body: bytes, left_out: Collection[str]) -> tuple[str, str]:
    """Return a property of a canonical object that cannot be left out, and why; ("", "") if none.

    An identifier that is made from the content tells whether a guess of that content is right.
    """
    head = _HEAD.decode(body)
    object_type, object_id = head.type, head.id
    for name in sorted(needed_properties(object_type).intersection(left_out)):
        return name, f"no {object_type} can be without it"
    if object_id[-22:-21] == "5":
        for name in sorted(set(CONTRIBUTING.get(object_type, ())).intersection(left_out)):
            return name, "the identifier of the object is made from it"
    if _FREE.issuperset(left_out):
        return "", ""
    try:
        fields = [field for field in split_fields(body) if field[0] not in left_out]
        read_object(join_fields(fields))
    except CallerError:
        return min(left_out), f"the rest would be no valid {object_type}"
    return "", ""
