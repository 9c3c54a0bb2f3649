"""One marking definition of STIX, and the mark that it puts on what refers to it.

Understood are TLP 1 and 2.0, PAP, IEP 2.0, ACS 3.0a, our own carrier of whole labels, and what
OpenCTI writes for the first three of them. A ``statement`` marking (STIX 2.1 section 7.2.1.3) is
understood and restricts nothing: it is a text such as a copyright notice, every ATT&CK object has
one, and it travels with the object; one that spells a mark ("TLP:RED") is that mark. Whatever has a
property, a value or an extension that is not understood, contradicts itself or its well-known id,
denies.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ringwall.core import InvalidInput, parse_json
from ringwall.labels.acs import ACS_EXTENSION
from ringwall.labels.carrier import LABEL_EXTENSION, read_carried
from ringwall.labels.combining import combined, not_understood
from ringwall.labels.document import label_from_document
from ringwall.labels.fixed_markings import FIXED_MARKINGS, PAP_EXTENSION, TLP2_EXTENSION
from ringwall.labels.iep_carriers import IEP_EXTENSION, read_iep
from ringwall.labels.label import Label, read_pap, read_tlp
from ringwall.labels.tags import tag_marks

_LONGEST_DEFINITION = 64 * 1024
"""In bytes; an ACS marking may have a quarter of it. Every object may name a definition, and what
it means is remembered: so nobody makes us hold, or read again and again, megabytes of them."""

_OPENCTI_EXTENSION = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba"
_OPENCTI_BOOKKEEPING = frozenset(
    {
        "id", "type", "created_at", "updated_at", "stix_ids", "is_inferred", "creator_ids",
        "order", "color", "modified_at",
    }
)  # fmt: skip
_KEYS = frozenset(
    {
        "type", "spec_version", "id", "created", "modified", "created_by_ref", "name",
        "definition_type", "definition", "extensions", "external_references",
        "object_marking_refs", "x_opencti_definition_type", "x_opencti_definition",
        "x_opencti_color", "x_opencti_order", "x_opencti_id", "x_opencti_type",
        "x_opencti_stix_ids", "x_opencti_created_at", "x_opencti_modified_at",
    }
)  # fmt: skip


def mark_of(ref: str, definition: bytes | None) -> Label | None:
    """Return what a reference to ``ref`` says; None for a notice, which restricts nothing.

    ``definition``: its canonical bytes, None if it is not at hand: then only its id can tell.
    """
    if definition is None:
        return FIXED_MARKINGS.get(ref) or not_understood(ref)
    if len(definition) > _LONGEST_DEFINITION:
        return not_understood(ref)
    return _read(ref, definition)


@lru_cache(maxsize=256)  # a bundle's objects share a few definitions
def _read(ref: str, definition: bytes) -> Label | None:
    try:
        content = parse_json(definition)
        if not isinstance(content, dict) or content.get("id") != ref:
            raise _refusal("id")
        return _agreed(ref, content, _stated(content))
    except InvalidInput:
        return not_understood(ref)


def _agreed(ref: str, content: dict[str, Any], stated: list[Label]) -> Label | None:
    """Return what all the statements of a definition come to, if they do not contradict."""
    known = FIXED_MARKINGS.get(ref)
    if not stated:
        if content.get("definition_type") != "statement":
            raise _refusal("definition")
        return known
    for level in ({each.tlp for each in stated}, {each.pap for each in stated}):
        if len(level - {None}) > 1:
            raise _refusal("definition")
    label = combined(stated)
    if known not in {None, label}:
        raise _refusal("id")
    return label


def _stated(content: dict[str, Any]) -> list[Label]:
    for key in content:
        if key not in _KEYS and not key.startswith("x_mitre_"):
            raise _refusal(key)
    return [*_of_type(content), *_of_extensions(content), *_of_opencti(content)]


def _of_type(content: dict[str, Any]) -> list[Label]:
    """Read ``definition_type`` and ``definition``."""
    if "definition_type" not in content and "definition" not in content:
        return []
    kind, definition = content.get("definition_type"), content.get("definition")
    if not isinstance(kind, str) or not isinstance(definition, dict) or len(definition) != 1:
        raise _refusal("definition")
    ((key, value),) = definition.items()
    if key.lower() != kind.lower():
        raise _refusal("definition")
    return _of_notice(value, content) if kind == "statement" else [_level(kind, value)]


def _of_notice(text: Any, content: dict[str, Any]) -> list[Label]:
    """Read a notice that spells a mark, in its text or its name: a tool had no other place."""
    return tag_marks(each for each in (text, content.get("name")) if isinstance(each, str))


def _of_extensions(content: dict[str, Any]) -> list[Label]:
    if "extensions" not in content:
        return []
    extensions = content["extensions"]
    if not isinstance(extensions, dict) or not extensions:
        raise _refusal("extensions")
    found = []
    for name, whole in extensions.items():
        if name not in _EXTENSIONS or not isinstance(whole, dict):
            raise _refusal(name)
        if whole.get("extension_type", "property-extension") != "property-extension":
            raise _refusal("extension_type")
        properties = {key: value for key, value in whole.items() if key != "extension_type"}
        found.append(_EXTENSIONS[name](properties, content))
    return [label for label in found if label is not None]


def _of_opencti(content: dict[str, Any]) -> list[Label]:
    """Read what OpenCTI puts beside a statement that stands for the marking."""
    kind = content.get("x_opencti_definition_type")
    if kind is None and "x_opencti_definition" not in content:
        return []
    return [_level(kind, content.get("x_opencti_definition"))]


def _level(kind: Any, value: Any) -> Label:
    """Read a TLP or a PAP, with or without its name before it."""
    if isinstance(kind, str) and isinstance(value, str):
        if not (kind + value).isascii():
            raise _refusal("definition")
        name = value.upper().removeprefix(f"{kind.upper()}:")
        tlp = read_tlp(name) if kind.upper() == "TLP" else None
        pap = read_pap(name) if kind.upper() == "PAP" else None
        if tlp or pap:
            return Label(tlp=tlp, pap=pap)
    raise _refusal("definition")


def _read_tlp2(properties: dict[str, Any], _definition: dict[str, Any]) -> Label:
    return _only(properties, "tlp_2_0", "TLP")


def _read_pap(properties: dict[str, Any], _definition: dict[str, Any]) -> Label:
    return _only(properties, "pap", "PAP")


def _only(properties: dict[str, Any], name: str, kind: str) -> Label:
    if set(properties) != {name}:
        raise _refusal(name)
    return _level(kind, properties[name])


def _read_acs(properties: dict[str, Any], _definition: dict[str, Any]) -> Label:
    label = label_from_document({"acs": [properties]})
    if label.unknown:
        raise _refusal("acs")
    return label


def _read_opencti(properties: dict[str, Any], _definition: dict[str, Any]) -> None:
    """Pass over bookkeeping; ``granted_refs``, say, would restrict."""
    if not set(properties) <= _OPENCTI_BOOKKEEPING:
        raise _refusal(_OPENCTI_EXTENSION)


_EXTENSIONS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Label | None]] = {
    TLP2_EXTENSION: _read_tlp2,
    PAP_EXTENSION: _read_pap,
    IEP_EXTENSION: read_iep,
    ACS_EXTENSION: _read_acs,
    LABEL_EXTENSION: read_carried,
    _OPENCTI_EXTENSION: _read_opencti,
}


def _refusal(what: str) -> InvalidInput:
    return InvalidInput(f"marking definition: {what[:80]!r}", field=what[:80], rule="marking")
