"""From the markings of a STIX object to its label: every way in which one is carried today.

An object's marks are the marking definitions that it refers to and some of its tags; its label is
what all of them say together. Markings of parts of an object are read in ``granular``.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from ringwall.labels.combining import combined, not_understood
from ringwall.labels.definitions import mark_of
from ringwall.labels.label import Label
from ringwall.labels.tags import is_mark, tag_marks
from ringwall.stix import StixObject

_MOST_MARKINGS = 64
"""A label document holds so many parts of a kind; an object with more markings is not understood,
here as at every peer."""
_LONGEST_REMEMBERED = 4096
"""Lists of tags up to so many bytes are remembered; a longer one costs its sender alone."""

_LABELS = b'"labels":'
_LIST = msgspec.json.Decoder(list[str])


class _Tagged(msgspec.Struct, frozen=True):
    labels: list[str] = []


_TAGS = msgspec.json.Decoder(_Tagged)


def marks_of(obj: StixObject) -> tuple[tuple[str, ...], bool, bytes]:
    """Return all that the labels of an object depend on, besides definitions: equal, equal labels.

    Tags that surely say nothing of release are left out; of any others the whole list counts, and
    where there is no such list, or parts of the object are marked, the whole object. Canonical
    bytes write a key in one way only.
    """
    body = obj.body
    if obj.granular:
        return obj.marking_refs, True, body
    start = body.find(_LABELS)
    if start < 0:
        return obj.marking_refs, False, b""
    # The same few lists come again and again. Cut within a tag, one cannot be decoded.
    tags = body[start + len(_LABELS) : body.find(b"]", start) + 1]
    harmless = _is_harmless if len(tags) <= _LONGEST_REMEMBERED else _says_nothing
    if body.find(_LABELS, start + 1) < 0 and harmless(tags):
        return obj.marking_refs, False, b""
    return obj.marking_refs, False, _tags_of(body)


def _tags_of(body: bytes) -> bytes:
    """Return the tags of an object as a JSON list, or the whole object if it has no such list."""
    try:
        return msgspec.json.encode(_TAGS.decode(body).labels)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body


def label_of(obj: StixObject, markings: Mapping[str, bytes]) -> Label | None:
    """Return the label that ``obj`` carries itself, None if it carries none.

    ``markings``: canonical bytes of the marking definitions that came with the object, by id.
    Several marks: all of them apply, the strictest counts. Every mark that is not understood is
    named in ``unknown`` (an id without its definition, a definition that contradicts its id, an
    unknown ``tlp:`` tag), and so are granular markings: ``granular_labels`` reads them.
    """
    label = whole_label(obj, markings)
    if not obj.granular:
        return label
    denied = not_understood("granular_markings")
    return denied if label is None else combined([label, denied])


def whole_label(obj: StixObject, markings: Mapping[str, bytes]) -> Label | None:
    """Return the same without regard to granular markings: never a label to decide by alone."""
    refs, _granular, tagged = marks_of(obj)
    if len(refs) > _MOST_MARKINGS:
        return not_understood("object_marking_refs")
    marks = [mark for ref in refs if (mark := mark_of(ref, markings.get(ref))) is not None]
    marks += _tag_marks(tagged)
    return combined(marks) if marks else None


def _tag_marks(tagged: bytes) -> list[Label]:
    """Read the tags in what `marks_of` returned."""
    if not tagged:
        return []
    try:
        is_list = tagged.startswith(b"[")
        return tag_marks(_LIST.decode(tagged) if is_list else _TAGS.decode(tagged).labels)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [not_understood("labels")]


def _says_nothing(tags: bytes) -> bool:
    """Tell whether a JSON list surely holds tags only, none of which says anything of release."""
    try:
        return not any(map(is_mark, _LIST.decode(tags)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


_is_harmless = lru_cache(maxsize=4096)(_says_nothing)
