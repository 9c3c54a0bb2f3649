"""Tables of marking definitions, language content, extension definitions (STIX 2.1, section 7)."""

from typing import Any

from ringwall.stix.checks import (
    PROPERTY_NAME,
    DataType,
    Notes,
    dictionary,
    is_language,
    list_of,
    reference_to_none_of,
    refuse,
    string,
    timestamp,
)
from ringwall.stix.common import (
    MARKING_COMMON,
    Get,
    TypeTable,
    domain_object,
    is_given,
    strings,
)
from ringwall.stix.extensions import extension_type

_TLP = frozenset({"white", "green", "amber", "red"})


def _marking_defines_something(get: Get, notes: Notes) -> None:
    kind, definition = get("definition_type"), get("definition")
    if is_given(get("extensions")) and not is_given(kind) and not is_given(definition):
        return
    for name, value in (("definition_type", kind), ("definition", definition)):
        if not is_given(value):
            refuse(f"/{name}", "required", "is required without extensions")
    if kind not in {"statement", "tlp"}:
        notes.append(f"/definition_type: {kind[:80]!r}: other markings are made by extensions")
        return
    if kind not in definition:
        refuse(f"/definition/{kind}", "required", f"is required for a {kind} marking")
    string.check(definition[kind], f"/definition/{kind}", notes)
    if kind == "tlp" and definition[kind] not in _TLP:
        notes.append("/definition/tlp: must be white, green, amber or red")


def _marking_is_not_its_own(get: Get, _notes: Notes) -> None:
    own = get("id")
    markings = [*(get("object_marking_refs") or ())]
    markings += [each.get("marking_ref") for each in get("granular_markings") or ()]
    if own in markings:
        refuse("/object_marking_refs", "circular", "a marking must not mark itself")


def _check_contents(value: Any, path: str, notes: Notes) -> None:
    """Check section 7.1: language → property name → its translation."""
    dictionary.check(value, path, notes)
    for tag, translations in value.items():
        if is_language(tag) is None:
            notes.append(f"{path}: {tag[:80]!r} is no language tag (RFC 5646)")
        dictionary.check(translations, f"{path}/{tag}", notes)
        for name in translations:
            if PROPERTY_NAME.fullmatch(name) is None:
                notes.append(f"{path}/{tag}: {name[:80]!r} is no name of a property")


def _only_top_level_has_properties(get: Get, _notes: Notes) -> None:
    is_top_level = "toplevel-property-extension" in get("extension_types")
    if is_given(get("extension_properties")) and not is_top_level:
        why = "is for extensions of type toplevel-property-extension only"
        refuse("/extension_properties", "exclusive", why)


META_TABLES: dict[str, TypeTable] = {
    "marking-definition": TypeTable(
        required=("spec_version", "created"),
        properties={
            **MARKING_COMMON,
            "name": string,
            "definition_type": string,
            "definition": dictionary,
        },
        rules=(_marking_defines_something, _marking_is_not_its_own),
    ),
    "language-content": domain_object(
        ("object_ref", "contents"),
        {
            "object_ref": reference_to_none_of("bundle"),
            "object_modified": timestamp,
            "contents": DataType(check=_check_contents),
        },
    ),
    "extension-definition": domain_object(
        ("created_by_ref", "name", "schema", "version", "extension_types"),
        {
            "name": string,
            "description": string,
            "schema": string,
            "version": string,
            "extension_types": list_of(extension_type),
            "extension_properties": strings,
        },
        _only_top_level_has_properties,
    ),
}
