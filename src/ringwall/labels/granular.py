"""Granular markings (STIX 2.1 section 7.2.3): the label of each property of an object.

They are marks besides those of the object. A selector marks the top-level property in which it
points, whole: what is withheld is a property, never a part of one, and the strictest counts. The
label of a property is never less strict than the object's own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ringwall.core import InvalidInput, parse_json
from ringwall.labels.combining import combined, not_understood
from ringwall.labels.definitions import mark_of
from ringwall.labels.label import Label
from ringwall.labels.markings import whole_label
from ringwall.stix import OBJECT_TYPES, StixObject, validate

_IDENTITY = frozenset({"type", "id", "spec_version", "created", "modified"})
_KEYS = frozenset({"lang", "marking_ref", "selectors"})


class GranularLabels(msgspec.Struct, frozen=True):
    """The labels of an object and of its properties.

    ``whole``: the object's own, None if it carries none and none was named for it: then nothing of
    it may be released, whatever its properties say. ``fields``: the label of every property that
    has a granular marking, by its name; all others have ``whole``.
    """

    whole: Label | None
    fields: dict[str, Label]


def granular_labels(
    obj: StixObject, markings: Mapping[str, bytes], default: Label | None = None
) -> GranularLabels:
    """Read the labels of an object part by part.

    ``markings``: as for ``label_of``; ``default``: the label of an object that carries none.

    A marking on a property that the object cannot do without (who it is, what its type requires)
    is a marking of the whole. A marking that is not understood, or a selector that points at
    nothing, denies the property; one of no property at all denies the object. Markings of the
    language (``lang``) restrict nothing.
    """
    whole = whole_label(obj, markings) or default
    if not obj.granular:
        return GranularLabels(whole, {})
    content = _content(obj)
    marks: dict[str, list[Label]] = defaultdict(list)
    for selector, mark in _selected(content, markings):
        name = selector.partition(".")[0]
        marks[name].append(mark)
        if not _points(content, selector):
            marks[name].append(not_understood(f"granular_markings: {selector}"))
    for name in [name for name in marks if _is_needed(content, name)]:
        raised = marks.pop(name)
        whole = None if whole is None else combined([whole, *raised])
    above = [] if whole is None else [whole]
    return GranularLabels(whole, {name: combined([*above, *mine]) for name, mine in marks.items()})


def _content(obj: StixObject) -> dict[str, Any]:
    """Return the object's properties; none for what is no object, so that all selectors fail."""
    try:
        content = parse_json(obj.body)
    except InvalidInput:
        return {}
    return content if isinstance(content, dict) else {}


def _selected(
    content: dict[str, Any], markings: Mapping[str, bytes]
) -> Iterator[tuple[str, Label]]:
    """Yield every selector with the mark that it puts; "" stands for one that cannot be read."""
    stated = content.get("granular_markings")
    if not isinstance(stated, list):
        yield "", not_understood("granular_markings")
        return
    for entry in stated:
        ref, selectors = _entry(entry)
        if ref is None:
            continue
        mark = mark_of(ref, markings.get(ref)) if ref else not_understood("granular_markings")
        for selector in selectors:
            if mark is not None:
                yield selector, mark


def _entry(entry: Any) -> tuple[str | None, list[str]]:
    """Return what an entry refers to (None: to a language, "": to nothing known), and where."""
    if not isinstance(entry, dict) or not set(entry) <= _KEYS:
        return "", [""]
    ref, selectors = entry.get("marking_ref", ""), entry.get("selectors")
    if not isinstance(selectors, list) or not all(isinstance(each, str) for each in selectors):
        return "", [""]
    if set(entry) == {"lang", "selectors"}:
        return None, []
    return (ref if isinstance(ref, str) else ""), selectors or [""]


def _points(content: dict[str, Any], selector: str) -> bool:
    """Tell whether a selector points at something: names and ``[index]``, with dots between."""
    here: Any = content
    for step in selector.split("."):
        if isinstance(here, list):
            index = step[1:-1] if step.startswith("[") and step.endswith("]") else ""
            if not (index.isascii() and index.isdigit() and len(index) < 10):
                return False
            if int(index) >= len(here):
                return False
            here = here[int(index)]
        elif isinstance(here, dict) and step in here:
            here = here[step]
        else:
            return False
    return True


def _is_needed(content: dict[str, Any], name: str) -> bool:
    """Tell whether the object would be none without a property; what nobody knows is needed."""
    if name in _IDENTITY or name not in content or str(content.get("type")) not in OBJECT_TYPES:
        return True
    rest = {key: value for key, value in content.items() if key not in {name, "granular_markings"}}
    try:
        validate(rest)
    except InvalidInput:
        return True
    return False
