"""From the markings of a STIX object to its label: every way in which TLP is carried today.

Sources: STIX 2.1 section 7.2.1.4 (TLP 1), extension-definition--60a3c5c5-… (TLP 2.0), OpenCTI's
own TLP:AMBER+STRICT, and MISP machine tags in ``labels``, where misp-stix leaves AMBER+STRICT.

A ``statement`` marking (STIX 2.1 section 7.2.1.3) is understood and restricts nothing: it is a
text such as a copyright notice, every ATT&CK object has one, and it travels with the object. That
holds only while the definition is at hand and carries nothing else: OpenCTI writes its own
markings as statements with an ``x_opencti_definition``, and those are read or denied.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ringwall.core import InvalidInput, parse_json
from ringwall.labels.label import Label, Tlp, in_order, read_tlp
from ringwall.stix import StixObject

TLP2_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

TLP_MARKINGS: dict[str, Tlp] = {
    # STIX 2.1, section 7.2.1.4: TLP 1, whose WHITE is today's CLEAR.
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
    # The TLP 2.0 extension's fixed instances.
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Tlp.CLEAR,
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Tlp.GREEN,
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Tlp.AMBER,
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": Tlp.AMBER_STRICT,
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Tlp.RED,
    # OpenCTI's AMBER+STRICT.
    "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37": Tlp.AMBER_STRICT,
}
"""The id of every TLP marking definition in use, and what it means."""

# MISP tag namespaces that restrict release and are not understood here: they deny.
_RESTRICTING_TAGS = frozenset(
    {"iep", "iep2-policy", "iep2-reference", "nato", "euci", "de-vs", "fr-classif"}
)

_LONGEST_DEFINITION = 16 * 1024
"""In bytes. Every object may name a definition, and what it means is remembered: so nobody makes
us hold, or read again and again, megabytes of them. One of ATT&CK has 500 bytes."""
_LONGEST_REMEMBERED = 4096
"""Lists of tags up to so many bytes are remembered; a longer one costs its sender alone."""

_LABELS = b'"labels":'
_LIST = msgspec.json.Decoder(list[str])

_NOTICE_KEYS = frozenset(
    {
        "type", "spec_version", "id", "created", "modified", "created_by_ref", "name",
        "definition_type", "definition", "external_references", "object_marking_refs",
    }
)  # fmt: skip


class _Tagged(msgspec.Struct, frozen=True):
    labels: list[str] = []


_TAGS = msgspec.json.Decoder(_Tagged)


def marks_of(obj: StixObject) -> tuple[tuple[str, ...], bool, bytes]:
    """Return all that the label of an object depends on, besides definitions: equal, equal label.

    Tags that surely say nothing of release are left out; of any others, or where it takes decoding
    to tell, the whole object counts. Canonical bytes write the key in one way only.
    """
    body = obj.body
    start = body.find(_LABELS)
    if start < 0:
        return obj.marking_refs, obj.granular, b""
    # The same few lists come again and again. Cut within a tag, one cannot be decoded.
    tags = body[start + len(_LABELS) : body.find(b"]", start) + 1]
    harmless = _is_harmless if len(tags) <= _LONGEST_REMEMBERED else _says_nothing
    if body.find(_LABELS, start + 1) < 0 and harmless(tags):
        return obj.marking_refs, obj.granular, b""
    return obj.marking_refs, obj.granular, body


def label_of(obj: StixObject, markings: Mapping[str, bytes]) -> Label | None:
    """Return the label that ``obj`` carries itself, None if it carries none.

    ``markings``: canonical bytes of the marking definitions that came with the object, by id.
    Several TLP marks give the strictest. Granular markings and every mark that is not understood
    (ACS, IEP, an id without its definition, a definition that contradicts its id, an unknown
    ``tlp:`` tag) are named in ``unknown``.
    """
    refs, granular, tagged = marks_of(obj)
    found = [_marking_label(ref, _short(markings.get(ref))) for ref in refs]
    found += _tag_labels(tagged)
    if granular:
        found.append(_not_understood("granular_markings"))
    carried = [label for label in found if label is not None]
    if not carried:
        return None
    levels = [label.tlp for label in carried if label.tlp is not None]
    return Label(
        tlp=max(levels, key=lambda level: level.rank, default=None),
        unknown=in_order(name for label in carried for name in label.unknown),
    )


def _short(definition: bytes | None) -> bytes | None:
    """Return a definition, or b"", which nobody understands, for one that is far too long."""
    too_long = definition is not None and len(definition) > _LONGEST_DEFINITION
    return b"" if too_long else definition


@lru_cache(maxsize=1024)  # a bundle's objects share a few definitions
def _marking_label(ref: str, definition: bytes | None) -> Label | None:
    known = TLP_MARKINGS.get(ref)
    if definition is None:
        return Label(tlp=known) if known else _not_understood(ref)
    try:
        content = parse_json(definition)
    except InvalidInput:
        return _not_understood(ref)
    if not isinstance(content, dict) or content.get("id") != ref:
        return _not_understood(ref)
    return _read_definition(ref, content, known)


def _read_definition(ref: str, content: dict[str, Any], known: Tlp | None) -> Label | None:
    """Read a definition by its content, which must not contradict a known id."""
    stated = _stated_levels(content)
    if not stated:
        mark = Label(tlp=known) if known else None
        return mark if _is_notice(content) else _not_understood(ref)
    level = stated.pop()
    if stated or level is None or known not in {None, level}:
        return _not_understood(ref)
    return Label(tlp=level)


def _stated_levels(content: dict[str, Any]) -> set[Tlp | None]:
    """Return every TLP that a definition states; None stands for one that cannot be read."""
    stated: set[Tlp | None] = set()
    if content.get("definition_type") == "tlp":
        stated.add(_only(content.get("definition"), "tlp"))
    if "extensions" in content:
        extensions = content["extensions"]
        sole = isinstance(extensions, dict) and set(extensions) == {TLP2_EXTENSION}
        stated.add(_only(extensions[TLP2_EXTENSION], "tlp_2_0") if sole else None)
    if content.get("x_opencti_definition_type") is not None:
        is_tlp = str(content["x_opencti_definition_type"]).upper() == "TLP"
        stated.add(_level(content.get("x_opencti_definition") if is_tlp else None))
    return stated


def _only(part: Any, key: str) -> Tlp | None:
    """Read the TLP under ``key`` of a part that says nothing else."""
    if not isinstance(part, dict) or not set(part) <= {key, "extension_type"}:
        return None
    return _level(part.get(key))


def _level(value: Any) -> Tlp | None:
    return read_tlp(value.upper().removeprefix("TLP:")) if isinstance(value, str) else None


def _is_notice(content: dict[str, Any]) -> bool:
    """Tell whether a definition is a text for people and nothing else."""
    definition = content.get("definition")
    return (
        content.get("definition_type") == "statement"
        and isinstance(definition, dict)
        and set(definition) == {"statement"}
        and all(key in _NOTICE_KEYS or key.startswith("x_mitre_") for key in content)
    )


def _tag_labels(body: bytes) -> list[Label | None]:
    try:
        return [_tag_label(tag) for tag in _TAGS.decode(body).labels] if body else []
    except msgspec.ValidationError:
        return [_not_understood("labels")]


def _says_nothing(tags: bytes) -> bool:
    """Tell whether a JSON list surely holds tags only, none of which says anything of release."""
    try:
        return all(_tag_label(tag) is None for tag in _LIST.decode(tags))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


_is_harmless = lru_cache(maxsize=4096)(_says_nothing)


def _tag_label(tag: str) -> Label | None:
    name = (tag if tag.isascii() else _plain(tag)).strip().lower()
    namespace, colon, predicate = name.partition(":")
    if colon and namespace.strip() == "tlp":
        level = read_tlp(predicate.strip())
        return Label(tlp=level) if level else _not_understood(tag)
    return _not_understood(tag) if namespace.strip() in _RESTRICTING_TAGS else None


def _plain(tag: str) -> str:
    """Write a tag as people see it: wide letters as common ones, and nothing invisible."""
    shown = (char for char in tag if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", "".join(shown))


def _not_understood(name: str) -> Label:
    return Label(unknown=(name[:200],))
