"""Reading a submission: the envelope strictly, then every object by itself.

The bundle is split without being decoded, and read slice by slice: whatever its size, the memory
that it takes is the raw text, a few dozen bytes an object, and one slice. Each object is read
once, on the fast lane if it is ordinary. A bad object fails alone; a bad envelope as a whole.
"""

import logging
import mmap
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NoReturn

from ringwall.core import CallerError, InvalidInput, Limits, TooLarge, canonical_json, parse_json
from ringwall.stix.embedded import separate_observed
from ringwall.stix.envelope import split
from ringwall.stix.fast import read_fast
from ringwall.stix.objects import Refusal, StixObject, Submission
from ringwall.stix.observable_types import OBSERVABLE_TABLES
from ringwall.stix.observables import observables_of
from ringwall.stix.tables import TABLES
from ringwall.stix.text import text_of_object
from ringwall.stix.upgrade import upgrade_20
from ringwall.stix.validation import validate

_log = logging.getLogger("ringwall.stix")

BUNDLE_LIMITS = Limits(size=100 * 1024 * 1024)
OBJECT_LIMITS = Limits()

_MARKING = b'"marking-definition"'
_MARKING_TYPE = (_MARKING, b"\\u00")  # where letters are escaped, a look does not tell the type
_ESCAPED_LETTER = re.compile(rb"\\u00(?:2[dD]|[67])")


_SCALARS = frozenset(bytes([byte]) for byte in b'"-0123456789')


class SubmissionReader:
    """Reads a STIX bundle, a TAXII envelope or a single object, 2.0 (upgraded) or 2.1, in slices.

    ``limits.size`` bounds the whole text, ``object_limits`` each object; without ``lone`` a single
    object is refused. The buffer must not change while the reader lives. Raises TooLarge (rules
    ``size``, ``count``) or InvalidInput for a bad envelope.
    """

    def __init__(
        self,
        raw: bytes | bytearray | memoryview | mmap.mmap,
        *,
        limits: Limits = BUNDLE_LIMITS,
        object_limits: Limits = OBJECT_LIMITS,
        lone: bool = True,
    ) -> None:
        self._view = memoryview(raw).cast("B")  # holds the buffer in its place
        if len(self._view) > limits.size:
            why = f"input: {len(self._view)} bytes, at most {limits.size} are taken"
            raise TooLarge(why, rule="size")
        self._limits = object_limits
        self._most = object_limits.size + 1  # one byte more shows that it is too much
        self._pieces = split(self._view, lone=lone)

    @property
    def count(self) -> int:
        """How many objects were sent, good or bad."""
        return len(self._pieces)

    @cached_property
    def markings(self) -> dict[str, bytes]:
        """The canonical bytes of every valid marking definition, by id, wherever it stands.

        Where several of one id came, one of them refused or other than the first, nobody can tell
        which was meant: then it is left out, as if there were none.
        """
        reader = _Reader(self._limits)
        for index in self._pieces.holding(_MARKING_TYPE, self._most):
            piece = self._pieces.piece(index, self._most)
            if _MARKING in piece or _ESCAPED_LETTER.search(piece):
                reader.take(index, piece)
        read = reader.end_slice({})
        doubtful = {one.object_id for one in read.refusals}
        found: dict[str, bytes] = {}
        for obj in read.objects:
            if obj.type == "marking-definition":
                if obj.id in found:
                    doubtful.add(obj.id)
                found[obj.id] = obj.body
        return {name: body for name, body in found.items() if name not in doubtful}

    def slices(self, size: int) -> Iterator[Submission]:
        """Yield the objects in slices of ``size`` sent ones, each with what was refused of them.

        A bad object becomes a Refusal and leaves the others alone. Equal copies of an object
        collapse into the first; the same id and version with other bytes is refused (rule
        ``conflicting-version``), in whichever slices they stand. A defect of this program costs
        one object (rule ``internal``) and is logged.
        """
        reader = _Reader(self._limits)
        for start in range(0, self.count, size):
            for index in range(start, min(start + size, self.count)):
                reader.take(index, self._pieces.piece(index, self._most))
            yield reader.end_slice(self.markings)


def read_submission(
    raw: bytes | bytearray | memoryview | mmap.mmap,
    *,
    limits: Limits = BUNDLE_LIMITS,
    object_limits: Limits = OBJECT_LIMITS,
    lone: bool = True,
) -> Submission:
    """Read a whole submission at once: see :class:`SubmissionReader` and its ``slices``."""
    reader = SubmissionReader(raw, limits=limits, object_limits=object_limits, lone=lone)
    (submission,) = reader.slices(reader.count)
    return submission


def read_object(raw: bytes, *, limits: Limits = OBJECT_LIMITS) -> StixObject:
    """Read one object of STIX 2.1, by itself, as strictly as in a submission.

    For what another node canonicalised: STIX 2.0 is not upgraded here. Raises TooLarge or
    InvalidInput naming the place and the rule.
    """
    ordinary = read_fast(raw, limits)
    if ordinary is not None:
        return ordinary
    obj = parse_json(raw, limits=limits)
    if type(obj) is not dict or obj.get("type") == "bundle":
        _refuse("", "type", "an object was expected")
    return _finish(obj)


class _Reader:
    """Collects the objects of one submission, a slice after the other.

    Of earlier slices only hashes are kept, 64 bits of (id, version) and of the bytes, by Python's
    keyed function: two of 150,000 objects clash by chance in one of 10^9 bundles, and then one of
    them is refused.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[int, int] = {}
        self._accepted: list[StixObject] = []
        self._refusals: list[Refusal] = []
        self._places: list[int] = []
        self._index = 0

    def take(self, index: int, raw: bytes) -> None:
        """Read one object; whatever is wrong with it becomes a refusal."""
        obj: Any = None
        ordinary: StixObject | None = None
        self._index = index
        try:
            ordinary = read_fast(raw, self._limits)
            if ordinary is not None:
                self._keep(ordinary)
                return
            if raw[:1] in _SCALARS:  # whatever is wrong with its characters or its size
                _refuse("", "type", "an object was expected")
            obj = parse_json(raw, limits=self._limits)
            if type(obj) is not dict:
                _refuse("", "type", "an object was expected")
            self._accept(obj)
        except CallerError as error:
            self._refused(index, obj or ordinary, error)
        except Exception:
            # A defect of ours, which must not cost the sender the other objects.
            _log.exception("object %d of a submission could not be read", index)
            why = "object: it could not be read, through a fault of this program; it is logged"
            self._refused(index, obj, InvalidInput(why, rule="internal"))

    def _refused(self, index: int, obj: Any, error: CallerError) -> None:
        name = obj.get("id") if type(obj) is dict else getattr(obj, "id", None)
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
        known = self._known.get(hash((obj.id, obj.version)))
        return known is not None and known != hash(obj.body)

    def _keep(self, obj: StixObject) -> None:
        key, digest = hash((obj.id, obj.version)), hash(obj.body)
        known = self._known.get(key)
        if known is None:
            self._known[key] = digest
            self._accepted.append(obj)
            self._places.append(self._index)
        elif known != digest:
            _refuse("/id", "conflicting-version", "the same id and version came with other content")

    def end_slice(self, markings: dict[str, bytes]) -> Submission:
        """Return what was read since the last slice."""
        objects, refusals = tuple(self._accepted), tuple(self._refusals)
        places = tuple(self._places)
        self._accepted, self._refusals, self._places = [], [], []
        return Submission(objects, refusals, markings, places)


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
        observables=observables_of(obj["type"], obj.get),
        text=text_of_object(obj),
    )


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise InvalidInput(f"{field or 'input'}: {why}", field=field, rule=rule)
