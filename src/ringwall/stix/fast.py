"""The fast lane: ordinary objects, decoded, checked and made canonical by msgspec in one pass.

A lane is made of a type's table when the first object of that type comes. It takes only what the
full check accepts without a warning, with the same bytes; for everything else it gives None, and
the caller reads the object once more, precisely. So no refusal is ever decided here.
"""

import re
from collections.abc import Callable, Collection
from functools import cache, partial
from hashlib import sha256
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET

from ringwall.core import InvalidInput, Limits
from ringwall.stix.checks import DataType, Notes, one_of, own_identifier, rest_of, shape_of
from ringwall.stix.objects import StixObject
from ringwall.stix.observable_types import OBSERVABLE_TABLES
from ringwall.stix.observables import observables_of
from ringwall.stix.references import NO_EDGES, references
from ringwall.stix.tables import TABLES
from ringwall.stix.text import TEXTS, text_of

_DEPTH = 8  # more than any shape has
_TYPE = re.compile(rb'"type"[ \t\r\n]*+:[ \t\r\n]*+"([a-z0-9-]++)"')
_ENCODE = msgspec.json.Encoder(order="sorted").encode


def read_fast(raw: bytes, limits: Limits) -> StixObject | None:
    """Return the object that ``raw`` holds, or None where it takes a closer look."""
    if len(raw) > limits.size or limits.depth < _DEPTH:
        return None
    # Only a guess: the decoder makes sure.
    match = _TYPE.search(raw)
    lane = _lane(match[1]) if match and match[1] in _KINDS else None
    return None if lane is None else lane.read(raw)


class _Lane:
    """One type's decoder, and what is left to check of what it decodes."""

    def __init__(self, kind: str) -> None:
        table = TABLES[kind]
        properties = {**table.properties, "type": one_of(kind), "id": own_identifier(kind)}
        required = ("type", "id", *table.required)
        self._kind = kind
        self._decode = msgspec.json.Decoder(shape_of(kind, required, properties)).decode
        self._texts, self._texts_match = _joined(required, properties)
        rests = {
            name: rest
            for name, data_type in properties.items()
            if data_type.shape is not None
            and not (name in required and data_type.pattern)
            and (rest := rest_of(data_type)) is not None
        }
        self._rests = tuple(rests.values())
        self._unsettled = _fetching(rests)
        self._rules = table.rules
        self._version = next((name for name in ("modified", "created") if name in properties), "")
        self._words = _fetching([name for name in TEXTS if name in properties])
        self._has_hashes = "hashes" in properties
        self._has_references = "external_references" in properties
        self._may_refer = kind in OBSERVABLE_TABLES or any(
            name.endswith(("_ref", "_refs")) for name in properties.keys() - NO_EDGES
        )

    def read(self, raw: bytes) -> StixObject | None:
        """Return the object, or None where it takes a closer look."""
        try:
            value = self._decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        body = _ENCODE(value)
        # A duplicate key takes its colon with it; see core.strict_json.
        if raw != body and (
            raw.count(b":") != body.count(b":") or (b"\\" in raw and b"\\u003" in raw)
        ):
            return None
        get = partial(getattr, value)
        return self._finish(value, get, body) if self._is_valid(value, get) else None

    def _is_valid(self, value: Any, get: Callable[[str], Any]) -> bool:
        if not self._texts_match(self._texts(value)):
            return False
        for rest, item in zip(self._rests, self._unsettled(value), strict=True):
            if item is not UNSET and not rest(item):
                return False
        notes = Notes()
        try:
            for rule in self._rules:
                rule(get, notes)
        except InvalidInput:
            return False
        return not notes

    def _finish(self, value: Any, get: Callable[[str], Any], body: bytes) -> StixObject:
        external = value.external_references if self._has_references else UNSET
        marks = value.object_marking_refs
        return StixObject(
            id=value.id,
            type=self._kind,
            version=get(self._version) if self._version else "",
            body=body,
            sha256=sha256(body).digest(),
            marking_refs=() if marks is UNSET else tuple(marks),
            granular=False,
            warnings=(),
            observables=observables_of(self._kind, get),
            text=text_of(
                self._words(value),
                value.hashes if self._has_hashes else None,
                () if external is UNSET else [each.external_id for each in external],
            ),
            references=references(body) if self._may_refer else (),
        )


def _fetching(names: Collection[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gets the properties of these names, at once."""
    if len(names) == 1:
        (name,) = names
        return lambda value: (getattr(value, name),)
    return attrgetter(*names) if names else lambda _: ()


def _joined(
    required: tuple[str, ...], properties: dict[str, DataType]
) -> tuple[Callable[[Any], str], Callable[[str], object]]:
    """Return what joins the required strings that have a pattern, and one check of them all."""
    names = [name for name in required if properties[name].pattern]
    check = re.compile("\n".join(properties[name].pattern for name in names)).fullmatch
    if len(names) == 1:
        return attrgetter(names[0]), check
    fetch = attrgetter(*names)
    return (lambda value: "\n".join(fetch(value))), check


_KINDS = {
    kind.encode(): kind
    for kind, table in TABLES.items()
    if all(table.properties[name].shape is not None for name in table.required)
}


@cache  # at most one for every standard type
def _lane(kind: bytes) -> _Lane:
    return _Lane(_KINDS[kind])
