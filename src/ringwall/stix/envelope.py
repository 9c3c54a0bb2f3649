"""The envelope of a submission: where every object stands in it, without decoding any.

msgspec finds the pieces at a gigabyte a second. Two kinds of input it cannot split: text with a
lone surrogate (which must cost one object only), and text that may hold so many pieces that even
their list would not fit into memory. Those are walked bracket by bracket, more slowly, and the
number of pieces is bounded.
"""

import json
import re
from array import array
from collections.abc import Iterator, Sequence
from typing import NoReturn

import msgspec

from ringwall.core import InvalidInput, TooLarge, parse_json
from ringwall.stix.checks import Notes, identifier

OBJECT_COUNT = 2_000_000
"""How many objects a bundle may hold: more than fit into 100 MB if they are valid."""

_COMMAS = 4_000_000  # so many pieces at most, of some 60 bytes of memory each
_KEYS = 100
_CHUNK = 1 << 20
_SPACE = re.compile(rb"[ \t\r\n]*+")
_KEY = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[^ \t\r\n,:"\[\]{}]++', re.DOTALL)
# Everything up to the next bracket that stands outside of strings, and that bracket.
_TO_BRACKET = re.compile(
    rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+([\[\]{}])', re.DOTALL
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_BUNDLE = frozenset({"type", "id", "spec_version", "objects"})
_ENVELOPE = frozenset({"objects", "more", "next"})
"""A TAXII 2.1 envelope (section 3.7): objects and nothing that names itself."""


class _Head(msgspec.Struct, gc=False):
    """What tells a bundle (STIX 2.1, section 8) from an object, each as the bytes that stand there.

    Other properties are passed over: a list of them could be longer than the memory.
    """

    type: msgspec.Raw = msgspec.Raw()
    objects: msgspec.Raw = msgspec.Raw()


_HEAD = msgspec.json.Decoder(_Head)
_ITEMS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


class Pieces:
    """The bytes of every object of a submission, in their order."""

    def __init__(self, view: memoryview, places: "Sequence[msgspec.Raw] | array[int]") -> None:
        self._view = view
        self._places = places

    def __len__(self) -> int:
        return len(self._places) // 2 if isinstance(self._places, array) else len(self._places)

    def piece(self, index: int, most: int) -> bytes:
        """Return the bytes of one object, the first ``most`` of them."""
        if isinstance(self._places, array):
            start, end = self._places[2 * index : 2 * index + 2]
            return bytes(self._view[start : min(end, start + most)])
        place = self._places[index]
        return bytes(place) if len(place) <= most else bytes(memoryview(place)[:most])

    def holding(self, words: Sequence[bytes], most: int) -> Iterator[int]:
        """Yield the index of every object with one of the words in its first ``most`` bytes."""
        wanted = [word for word in words if _is_in(word, self._view)]
        for index in range(len(self) if wanted else 0):
            piece = self.piece(index, most)
            if any(word in piece for word in wanted):
                yield index


def _is_in(word: bytes, view: memoryview) -> bool:
    starts = range(0, len(view), _CHUNK)
    return any(word in bytes(view[at : at + _CHUNK + len(word)]) for at in starts)


def split(view: memoryview, *, lone: bool = True) -> Pieces:
    """Split a bundle or an envelope into its objects, or return the one object that this is.

    ``lone`` False: one object by itself is refused (rule ``envelope``).

    Raises InvalidInput for a bad envelope and TooLarge (rule ``count``) for too many objects. The
    buffer must not change as long as the pieces are used.
    """
    alone = Pieces(view, array("Q", (0, len(view))))
    head = None
    try:
        if not _may_be_too_many(view):
            head = _HEAD.decode(view)
    except RecursionError:
        _refuse("", "depth", "nested too deeply")
    except msgspec.ValidationError as error:
        _refuse("", "json", f"not a JSON object: {error}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if not _is_many(*_outer(view)):
            if _SURROGATE.search(view) and lone:
                return alone
            _refuse("", "json", f"not a JSON object: {error}")
    if head is None:
        kind, holds = _outer(view)
    else:
        kind, holds = bytes(head.type), len(memoryview(head.objects)) > 0
    if _is_many(kind, holds):
        return _bundle(view, head)
    if not lone:
        _refuse("/objects", "envelope", "objects are sent in an envelope, as its list `objects`")
    return alone


def _is_many(kind: bytes, holds: bool) -> bool:
    """Tell a bundle and an envelope from an object, which has another type."""
    return kind == b'"bundle"' or (not kind and holds)


def _may_be_too_many(view: memoryview) -> bool:
    if len(view) < 2 * _COMMAS:
        return False
    starts = range(0, len(view), _CHUNK)
    return sum(bytes(view[at : at + _CHUNK]).count(b",") for at in starts) > _COMMAS


def _outer(view: memoryview) -> tuple[bytes, bool]:
    """Return the outermost ``type``, and whether there are ``objects``, where msgspec gives up."""
    holds = False
    walk = _Walk(view)
    try:
        for _ in range(_KEYS):
            key = walk.next_key()
            at = walk.at
            walk.at = _value_end(view, at)
            if key == "type":
                return bytes(view[at : walk.at]), holds
            holds = holds or key == "objects"
    except InvalidInput:
        pass  # the walk over a bundle says it with its place, an object's parser likewise
    return b"", holds


def _bundle(view: memoryview, head: _Head | None) -> Pieces:
    """Check a bundle's own properties and return its objects.

    ``head`` holds the last of duplicates, so the bytes at a key decide, and its length helps.
    """
    places: dict[str, tuple[int, int]] = {}
    objects: Sequence[msgspec.Raw] | array[int] = ()
    walk = _Walk(view)
    while (key := walk.next_key()) is not None:
        if key in places:
            _refuse(f"/{key}", "duplicate-key", f"the key {key!r} stands twice")
        if (key not in _BUNDLE | _ENVELOPE and key[:2] != "x_") or len(places) == _KEYS:
            _refuse(f"/{key}", "unknown-property", "a bundle has no such property")
        start = walk.at
        if key == "objects":
            objects, walk.at = _list_at(view, start, head)
        else:
            walk.at = _value_end(view, start)
        places[key] = (start, walk.at)
    walk.check_end()
    _check_properties(view, places)
    if not objects:
        _refuse("/objects", "empty-list", "a bundle without objects says nothing")
    return Pieces(view, objects)


def _check_properties(view: memoryview, places: dict[str, tuple[int, int]]) -> None:
    known = _BUNDLE if "type" in places else _ENVELOPE
    for key in places:
        if key not in known and key[:2] != "x_":
            _refuse(f"/{key}", "unknown-property", "a bundle or an envelope has no such property")
    if "type" not in places:
        return
    if "id" not in places:
        _refuse("/id", "required", "is required for a bundle")
    start, end = places["id"]
    name = parse_json(bytes(view[start:end]), field="/id")
    identifier.check(name, "/id", Notes())
    if not name.startswith("bundle--"):
        _refuse("/id", "identifier-type", "must start with bundle--")
    start, end = places.get("spec_version", (0, 0))
    if bytes(view[start:end]) not in (b"", b'"2.0"', b'"2.1"'):
        _refuse("/spec_version", "spec-version", "must be 2.0 or absent")


def _list_at(
    view: memoryview, start: int, head: _Head | None
) -> "tuple[Sequence[msgspec.Raw] | array[int], int]":
    """Return the pieces of the list that starts here, and where it ends."""
    if bytes(view[start : start + 1]) != b"[":
        _refuse("/objects", "type", "must be a list of objects")
    if head is not None:
        end = start + len(memoryview(head.objects))
        try:
            # A list that starts here and is whole is the list that stands here.
            return _ITEMS.decode(view[start:end]), end
        except msgspec.DecodeError:
            pass  # a later duplicate has another length; the walk will come to it
    return _walk_list(view, start)


def _walk_list(view: memoryview, start: int) -> "tuple[array[int], int]":
    places = array("Q")
    at = _after_space(view, start + 1)
    if bytes(view[at : at + 1]) == b"]":
        return places, at + 1
    while True:
        end = _value_end(view, at)
        places.extend((at, end))
        if len(places) > 2 * OBJECT_COUNT:
            why = f"/objects: at most {OBJECT_COUNT} objects are taken"
            raise TooLarge(why, field="/objects", rule="count")
        at = _after_space(view, end)
        separator = bytes(view[at : at + 1])
        at = _after_space(view, at + 1)
        if separator == b"]":
            return places, at
        if separator != b",":
            _refuse("", "json", "a comma or a bracket was expected in the list of objects")


class _Walk:
    """A walk over the members of the outermost object. ``at`` is the place where it stands."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self.at = 0
        self._take(b"{", "an object was expected")
        self._is_first = True

    def _take(self, byte: bytes, why: str) -> None:
        at = _after_space(self._view, self.at)
        if bytes(self._view[at : at + 1]) != byte:
            _refuse("", "json", why)
        self.at = _after_space(self._view, at + 1)

    def next_key(self) -> str | None:
        """Go past the next key, to its value; the caller moves on to the value's end."""
        at = _after_space(self._view, self.at)
        if bytes(self._view[at : at + 1]) == b"}":
            self.at = at + 1
            return None
        if not self._is_first:
            self._take(b",", "a comma was expected")
        self._is_first = False
        written = _KEY.match(self._view, self.at)
        if written is None:
            _refuse("", "json", "a key was expected")
        self.at = written.end()
        self._take(b":", "a colon was expected")
        try:
            return str(json.loads(written[0]))
        except ValueError as error:
            _refuse("", "json", f"a key cannot be read: {error}")

    def check_end(self) -> None:
        """Refuse anything after the object."""
        if _after_space(self._view, self.at) != len(self._view):
            _refuse("", "json", "something stands after the bundle")


def _value_end(view: memoryview, at: int) -> int:
    """Return where the value that starts at ``at`` ends: brackets are counted, nothing is checked.

    What stands between is checked when the value itself is read.
    """
    if bytes(view[at : at + 1]) not in (b"{", b"["):
        scalar = _SCALAR.match(view, at)
        if scalar is None:
            _refuse("", "json", "a value was expected")
        return scalar.end()
    depth = 0
    while True:
        match = _TO_BRACKET.match(view, at)
        if match is None:
            _refuse("", "json", "a bracket is not closed")
        at = match.end()
        depth += 1 if match[1] in (b"{", b"[") else -1
        if depth == 0:
            return at


def _after_space(view: memoryview, at: int) -> int:
    match = _SPACE.match(view, at)
    return match.end() if match else at


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    safe = field.encode("utf-8", "backslashreplace").decode()
    raise InvalidInput(f"{safe or 'input'}: {why}", field=safe, rule=rule)
