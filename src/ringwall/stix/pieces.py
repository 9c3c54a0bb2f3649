"""Reading the objects of a slice, each by itself and without regard to the others.

So it may happen anywhere: `read_pieces` takes bytes and gives what can be written down again.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NoReturn

import msgspec

from ringwall.core import CallerError, InvalidInput, Limits, canonical_json, parse_json
from ringwall.stix.embedded import separate_observed
from ringwall.stix.fast import read_fast
from ringwall.stix.objects import Refusal, StixObject
from ringwall.stix.observable_types import OBSERVABLE_TABLES
from ringwall.stix.observables import observables_of
from ringwall.stix.references import references
from ringwall.stix.tables import TABLES
from ringwall.stix.text import text_of_object
from ringwall.stix.upgrade import upgrade_20
from ringwall.stix.validation import validate

_SCALARS = frozenset(bytes([byte]) for byte in b'"-0123456789')


class ReadSlice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the pieces of a slice hold; places count from the first piece of the slice."""

    objects: list[StixObject]
    places: list[int]
    """Where each of the objects stood."""
    refusals: list[Refusal]
    apart: list[int]
    """Where something stood of which the others decide what becomes of it, or that we failed at:
    these are for `read_piece`."""


class Separable(Exception):
    """Observed data of STIX 2.0, whole and as the objects that it can be taken apart into."""

    def __init__(self, whole: dict[str, Any], parts: list[StixObject]) -> None:
        super().__init__()
        self._whole = whole
        self.parts = parts

    def whole(self) -> StixObject:
        """Return it with its observables inside. Raises CallerError."""
        return finish(self._whole)


def read_pieces(pieces: Sequence[bytes], limits: Limits) -> ReadSlice:
    """Read every piece; whatever is wrong with one becomes its refusal."""
    found = ReadSlice([], [], [], [])
    for place, raw in enumerate(pieces):
        try:
            obj = read_piece(raw, limits)
        except CallerError as error:
            found.refusals.append(refusal(place, raw, limits, error))
        except Exception:
            found.apart.append(place)
        else:
            found.objects.append(obj)
            found.places.append(place)
    return found


def read_piece(raw: bytes, limits: Limits) -> StixObject:
    """Read one object, STIX 2.0 (upgraded) or 2.1. Raises CallerError, Separable."""
    ordinary = read_fast(raw, limits)
    if ordinary is not None:
        return ordinary
    if raw[:1] in _SCALARS:  # whatever is wrong with its characters or its size
        refuse("", "type", "an object was expected")
    obj = parse_json(raw, limits=limits)
    if type(obj) is not dict:
        refuse("", "type", "an object was expected")
    if not _is_20(obj):
        return finish(obj)
    obj = upgrade_20(obj)
    if obj.get("type") == "observed-data":
        _take_apart(obj)
    return finish(obj)


def _take_apart(obj: dict[str, Any]) -> None:
    """Raise Separable for observed-data where taking it apart loses nothing."""
    validate(obj)
    try:
        parts = [finish(part) for part in separate_observed(obj)]
    except CallerError:
        return
    if parts:
        raise Separable(obj, parts)


def refusal(place: int, raw: bytes, limits: Limits, error: CallerError) -> Refusal:
    """Return the refusal of the object that stood at ``place``, by the id that it gave itself."""
    try:
        obj = parse_json(raw, limits=limits)
    except CallerError:
        obj = None
    name = obj.get("id") if type(obj) is dict else None
    object_id = name[:300] if type(name) is str else ""
    return Refusal(place, object_id, error.field, error.rule, error.message)


def finish(obj: dict[str, Any]) -> StixObject:
    """Validate an object of STIX 2.1 and write its canonical bytes."""
    warnings = validate(obj)
    body = canonical_json(obj)
    return StixObject(
        id=obj["id"],
        type=obj["type"],
        version=obj.get("modified") or obj.get("created") or "",
        body=body,
        sha256=sha256(body).digest(),
        marking_refs=tuple(obj.get("object_marking_refs", ())),
        granular="granular_markings" in obj,
        warnings=warnings,
        observables=observables_of(obj["type"], obj.get),
        text=text_of_object(obj),
        references=references(body),
    )


def _is_20(obj: dict[str, Any]) -> bool:
    """Tell STIX 2.0 by section 3.2: without spec_version, all but observables are 2.0."""
    version = obj.get("spec_version")
    if version is not None:
        return bool(version == "2.0")
    kind = obj.get("type")
    if type(kind) is str and kind in TABLES:
        return kind not in OBSERVABLE_TABLES
    return "created" in obj


def refuse(field: str, rule: str, why: str) -> NoReturn:
    """Raise InvalidInput for a part of the input, or for all of it."""
    raise InvalidInput(f"{field or 'input'}: {why}", field=field, rule=rule)
