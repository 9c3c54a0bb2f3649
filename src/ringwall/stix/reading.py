"""Reading a submission: the envelope strictly, then every object by itself.

The bundle is split without being decoded, and read slice by slice: whatever its size, the memory
that it takes is the raw text, a few dozen bytes an object, and one slice. Each object is read
once, on the fast lane if it is ordinary. A bad object fails alone; a bad envelope as a whole.
Slices may be read elsewhere (`Read`); what becomes of objects beside each other is decided here.
"""

import logging
import mmap
import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property, partial

import msgspec

from ringwall.core import CallerError, InvalidInput, Limits, TooLarge, parse_json
from ringwall.stix.envelope import OBJECT_COUNT, split
from ringwall.stix.fast import read_fast
from ringwall.stix.objects import Refusal, StixObject, Submission
from ringwall.stix.pieces import (
    ReadSlice,
    Separable,
    finish,
    read_piece,
    read_pieces,
    refusal,
    refuse,
)

_log = logging.getLogger("ringwall.stix")

BUNDLE_LIMITS = Limits(size=100 * 1024 * 1024)
OBJECT_LIMITS = Limits()

Read = Callable[[list[bytes]], Callable[[], ReadSlice]]
"""Begins to read the pieces of a slice, under `OBJECT_LIMITS`; what it returns waits for them."""
AHEAD = 3
"""So many slices are begun elsewhere before the first of them is needed."""

_MARKING = b'"marking-definition"'
_MARKING_TYPE = (_MARKING, b"\\u00")  # where letters are escaped, a look does not tell the type
_ESCAPED_LETTER = re.compile(rb"\\u00(?:2[dD]|[67])")


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
                reader.take(index, [piece], read_pieces([piece], self._limits))
        read = reader.end_slice({})
        doubtful = {one.object_id for one in read.refusals}
        found: dict[str, bytes] = {}
        for obj in read.objects:
            if obj.type == "marking-definition":
                if obj.id in found:
                    doubtful.add(obj.id)
                found[obj.id] = obj.body
        return {name: body for name, body in found.items() if name not in doubtful}

    def slices(self, size: int, elsewhere: Read | None = None) -> Iterator[Submission]:
        """Yield the objects in slices of ``size`` sent ones, each with what was refused of them.

        A bad object becomes a Refusal and leaves the others alone. Equal copies of an object
        collapse into the first; the same id and version with other bytes is refused (rule
        ``conflicting-version``), in whichever slices they stand. A defect of this program costs
        one object (rule ``internal``) and is logged. All but the first slice are read
        ``elsewhere``, ahead of those that are asked for here.
        """
        reader = _Reader(self._limits)
        begun: deque[tuple[int, list[bytes], Callable[[], ReadSlice]]] = deque()
        for start in range(0, self.count, size):
            stop = min(start + size, self.count)
            pieces = [self._pieces.piece(index, self._most) for index in range(start, stop)]
            if start and elsewhere is not None and self._limits == OBJECT_LIMITS:
                begun.append((start, pieces, elsewhere(pieces)))
            else:
                begun.append((start, pieces, partial(read_pieces, pieces, self._limits)))
            if elsewhere is None or len(begun) > AHEAD:
                yield self._taken(reader, *begun.popleft())
        while begun:
            yield self._taken(reader, *begun.popleft())

    def _taken(
        self, reader: "_Reader", start: int, pieces: list[bytes], read: Callable[[], ReadSlice]
    ) -> Submission:
        reader.take(start, pieces, read())
        return reader.end_slice(self.markings)


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
        refuse("", "type", "an object was expected")
    return finish(obj)


_PLACE_BITS = OBJECT_COUNT.bit_length()
_PLACE_MASK = (1 << _PLACE_BITS) - 1


class _Reader:
    """Collects the objects of one submission, a slice after the other.

    Of earlier slices only hashes and places are kept, 64 bits of (id, version) and of the bytes, by
    Python's keyed function: two of 150,000 objects clash by chance in one of 10^9 bundles, and then
    one of them is refused. Hash and place are one number, which takes half the memory of two.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[int, int] = {}
        self._accepted: list[StixObject] = []
        self._refusals: list[Refusal] = []
        self._places: list[int] = []
        self._copies: list[tuple[int, int]] = []

    def take(self, start: int, pieces: list[bytes], read: ReadSlice) -> None:
        """Take what was read of the pieces that stand from place ``start`` on."""
        apart = deque(read.apart)
        for place, obj in zip(read.places, read.objects, strict=True):
            while apart and apart[0] < place:
                self._take_apart(start, pieces, apart.popleft())
            self._offer(start + place, obj)
        for place in apart:
            self._take_apart(start, pieces, place)
        self._refusals += [
            msgspec.structs.replace(one, index=start + one.index) for one in read.refusals
        ]

    def _offer(self, index: int, obj: StixObject) -> None:
        """Keep an object, unless another with its id and version was kept."""
        if self._conflicts(obj):
            why = "/id: the same id and version came with other content"
            self._refusals.append(Refusal(index, obj.id, "/id", "conflicting-version", why))
            return
        key = hash((obj.id, obj.version))
        known = self._known.get(key)
        if known is None:
            self._known[key] = hash(obj.sha256) << _PLACE_BITS | index
            self._accepted.append(obj)
            self._places.append(index)
        elif (first := known & _PLACE_MASK) != index:
            self._copies.append((index, first))

    def _conflicts(self, obj: StixObject) -> bool:
        known = self._known.get(hash((obj.id, obj.version)))
        return known is not None and known >> _PLACE_BITS != hash(obj.sha256)

    def _take_apart(self, start: int, pieces: list[bytes], place: int) -> None:
        """Read an object again of which more must be known than its own bytes."""
        raw, index = pieces[place], start + place
        try:
            self._offer(index, read_piece(raw, self._limits))
        except Separable as found:
            self._offer_separated(index, raw, found)
        except CallerError as error:
            self._refusals.append(refusal(index, raw, self._limits, error))
        except Exception:
            # A defect of ours, which must not cost the sender the other objects.
            _log.exception("object %d of a submission could not be read", index)
            why = "object: it could not be read, through a fault of this program; it is logged"
            defect = InvalidInput(why, rule="internal")
            self._refusals.append(refusal(index, raw, self._limits, defect))

    def _offer_separated(self, index: int, raw: bytes, found: Separable) -> None:
        """Keep observed data and its observables as objects of their own, if none contradicts."""
        if not any(self._conflicts(part) for part in found.parts):
            for part in found.parts:
                self._offer(index, part)
            return
        try:
            self._offer(index, found.whole())
        except CallerError as error:
            self._refusals.append(refusal(index, raw, self._limits, error))

    def end_slice(self, markings: dict[str, bytes]) -> Submission:
        """Return what was read since the last slice, refusals in the order of the objects."""
        objects, places = tuple(self._accepted), tuple(self._places)
        refusals = tuple(sorted(self._refusals, key=lambda one: one.index))
        copies = tuple(self._copies)
        self._accepted, self._refusals, self._places, self._copies = [], [], [], []
        return Submission(objects, refusals, markings, places, copies)
