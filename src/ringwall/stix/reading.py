"""Reading a submission: the envelope strictly, then every object by itself.

The bundle is split without being decoded; each object is parsed strictly once and canonicalised
once. A bad object fails alone; a bad envelope fails as a whole.
"""

import json
import logging
import re
from typing import Any, NoReturn

import msgspec

from ringwall.core import CallerError, InvalidInput, Limits, TooLarge, canonical_json, parse_json
from ringwall.stix.checks import identifier
from ringwall.stix.embedded import separate_observed
from ringwall.stix.objects import Refusal, StixObject, Submission
from ringwall.stix.observable_types import OBSERVABLE_TABLES
from ringwall.stix.tables import TABLES
from ringwall.stix.upgrade import upgrade_20
from ringwall.stix.validation import validate

_log = logging.getLogger("ringwall.stix")

BUNDLE_LIMITS = Limits(size=100 * 1024 * 1024)
OBJECT_LIMITS = Limits()

_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_SPACE = re.compile(rb"[ \t\r\n]*")
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_BUNDLE = frozenset({"type", "id", "spec_version", "objects"})


def read_submission(
    raw: bytes, *, limits: Limits = BUNDLE_LIMITS, object_limits: Limits = OBJECT_LIMITS
) -> Submission:
    """Read a STIX bundle or a single object, 2.0 (upgraded) or 2.1.

    ``limits.size`` bounds the whole text, ``object_limits`` each object. Raises TooLarge (rule
    ``size``) or InvalidInput for a bad envelope; a bad object becomes a Refusal and leaves the
    others alone. Equal copies of an object collapse; the same id and version with other bytes is
    refused (rule ``conflicting-version``). A defect of this program costs one object (rule
    ``internal``) and is logged.
    """
    if len(raw) > limits.size:
        why = f"input: {len(raw)} bytes, at most {limits.size} are taken"
        raise TooLarge(why, rule="size")
    reader = _Reader(object_limits)
    for index, (start, end) in enumerate(_objects(_Envelope(raw))):
        reader.take(index, raw[start:end])
    return reader.result()


def read_object(raw: bytes, *, limits: Limits = OBJECT_LIMITS) -> StixObject:
    """Read one object of STIX 2.1, by itself, as strictly as in a submission.

    For what another node canonicalised: STIX 2.0 is not upgraded here. Raises TooLarge or
    InvalidInput naming the place and the rule.
    """
    obj = parse_json(raw, limits=limits)
    if type(obj) is not dict or obj.get("type") == "bundle":
        _refuse("", "type", "an object was expected")
    return _finish(obj)


class _Reader:
    """Collects the objects of one submission."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._accepted: dict[tuple[str, str], StixObject] = {}
        self._refusals: list[Refusal] = []

    def take(self, index: int, raw: bytes) -> None:
        """Read one object; whatever is wrong with it becomes a refusal."""
        obj: Any = None
        try:
            obj = parse_json(raw, limits=self._limits)
            if type(obj) is not dict:
                _refuse("", "type", "an object was expected")
            self._accept(obj)
        except CallerError as error:
            self._refused(index, obj, error)
        except Exception:
            # A defect of ours, which must not cost the sender the other objects.
            _log.exception("object %d of a submission could not be read", index)
            why = "object: it could not be read, through a fault of this program; it is logged"
            self._refused(index, obj, InvalidInput(why, rule="internal"))

    def _refused(self, index: int, obj: Any, error: CallerError) -> None:
        name = obj.get("id") if type(obj) is dict else None
        object_id = name[:300] if type(name) is str else ""
        self._refusals.append(Refusal(index, object_id, error.field, error.rule, error.message))

    def _accept(self, obj: dict[str, Any]) -> None:
        if not _is_20(obj):
            self._keep(_finish(obj))
            return
        obj = upgrade_20(obj)
        if obj.get("type") == "observed-data" and self._keep_separated(obj):
            return
        self._keep(_finish(obj))

    def _keep_separated(self, obj: dict[str, Any]) -> bool:
        """Keep observed-data and its observables as separate objects, where that loses nothing."""
        validate(obj)
        try:
            parts = [_finish(part) for part in separate_observed(obj)]
        except CallerError:
            return False
        if not parts or any(self._conflicts(part) for part in parts):
            return False
        for part in parts:
            self._keep(part)
        return True

    def _conflicts(self, obj: StixObject) -> bool:
        known = self._accepted.get((obj.id, obj.version))
        return known is not None and known.body != obj.body

    def _keep(self, obj: StixObject) -> None:
        if self._conflicts(obj):
            _refuse("/id", "conflicting-version", "the same id and version came with other content")
        self._accepted.setdefault((obj.id, obj.version), obj)

    def result(self) -> Submission:
        """Return what was read."""
        objects = tuple(self._accepted.values())
        markings = {obj.id: obj.body for obj in objects if obj.type == "marking-definition"}
        return Submission(objects, tuple(self._refusals), markings)


def _is_20(obj: dict[str, Any]) -> bool:
    """Tell STIX 2.0 by section 3.2: without spec_version, all but observables are 2.0."""
    version = obj.get("spec_version")
    if version is not None:
        return bool(version == "2.0")
    kind = obj.get("type")
    if type(kind) is str and kind in TABLES:
        return kind not in OBSERVABLE_TABLES
    return "created" in obj


def _finish(obj: dict[str, Any]) -> StixObject:
    """Validate an object of STIX 2.1 and write its canonical bytes."""
    warnings = validate(obj)
    return StixObject(
        id=obj["id"],
        type=obj["type"],
        version=obj.get("modified") or obj.get("created") or "",
        body=canonical_json(obj),
        marking_refs=tuple(obj.get("object_marking_refs", ())),
        granular="granular_markings" in obj,
        created_by_ref=obj.get("created_by_ref", ""),
        warnings=warnings,
    )


class _Envelope:
    """A JSON text whose outermost object is split into its fields, which stay bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._skeleton = raw
        self.places: dict[str, tuple[int, int]] = {}
        fields = self._decode()
        self._walk(fields)

    def field(self, name: str) -> bytes:
        """Return the bytes of a field, empty if it is absent."""
        start, end = self.places.get(name, (0, 0))
        return self.raw[start:end]

    def items(self, name: str) -> list[tuple[int, int]]:
        """Return where every item of a list stands (start, end); an absent list has none."""
        start, end = self.places.get(name, (0, 0))
        if start == end:
            return []
        try:
            items = _ITEMS.decode(memoryview(self._skeleton)[start:end])
        except msgspec.DecodeError:
            _refuse(f"/{name}", "type", "must be a list of objects")
        found: list[tuple[int, int]] = []
        for item in items:
            start = _after_space(self.raw, start + 1)
            end = start + len(memoryview(item))
            found.append((start, end))
            start = _after_space(self.raw, end)
        return found

    def _decode(self) -> dict[str, msgspec.Raw]:
        try:
            try:
                return _FIELDS.decode(self.raw)
            except msgspec.DecodeError:
                # One lone surrogate must not cost the whole bundle: split without looking at them.
                self._skeleton = _SURROGATE.sub(rb"\\u0041", self.raw)
                return _FIELDS.decode(self._skeleton)
        except RecursionError:
            _refuse("", "depth", "nested too deeply")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _refuse("", "json", f"not a JSON object: {error}")

    def _walk(self, fields: dict[str, msgspec.Raw]) -> None:
        """Find each field's place, refusing duplicates, of which the decoder keeps the last.

        A value must stand where its key does: where the bytes differ, a later duplicate won.
        """
        text = self._skeleton
        at = _after_space(text, _after_space(text, 0) + 1)
        while text[at : at + 1] != b"}":
            written = _KEY.match(text, at)
            if written is None:
                _refuse("", "json", "a key was expected")
            key = json.loads(written[0])
            value = memoryview(fields.get(key, msgspec.Raw()))
            at = _after_space(text, _after_space(text, written.end()) + 1)
            if key in self.places or memoryview(text)[at : at + len(value)] != value:
                _refuse(f"/{key}", "duplicate-key", f"the key {key!r} stands twice")
            self.places[key] = (at, at + len(value))
            at = _after_space(text, at + len(value))
            if text[at : at + 1] == b",":
                at = _after_space(text, at + 1)


def _after_space(raw: bytes, at: int) -> int:
    match = _SPACE.match(raw, at)
    return match.end() if match else at


def _objects(envelope: _Envelope) -> list[tuple[int, int]]:
    """Return where the objects of a bundle stand, or the one object that this is.

    Checks a bundle's own properties (STIX 2.1, section 8).
    """
    if envelope.field("type") != b'"bundle"':
        return [(0, len(envelope.raw))]
    unknown = sorted(name for name in envelope.places if name not in _BUNDLE and name[:2] != "x_")
    if unknown:
        _refuse(f"/{unknown[0]}", "unknown-property", "a bundle has no such property")
    if "id" not in envelope.places:
        _refuse("/id", "required", "is required for a bundle")
    name = parse_json(envelope.field("id"), field="/id")
    identifier(name, "/id")
    if not name.startswith("bundle--"):
        _refuse("/id", "identifier-type", "must start with bundle--")
    if envelope.field("spec_version") not in (b"", b'"2.0"', b'"2.1"'):
        _refuse("/spec_version", "spec-version", "must be 2.0 or absent")
    items = envelope.items("objects")
    if not items:
        _refuse("/objects", "empty-list", "a bundle without objects says nothing")
    return items


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise InvalidInput(f"{field or 'input'}: {why}", field=field, rule=rule)
