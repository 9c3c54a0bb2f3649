"""Validation of one object against STIX 2.1: common properties, tables of the types, warnings."""

from typing import Any

from ringwall.stix.checks import (
    IDENTIFIER,
    PROPERTY_NAME,
    DataType,
    Notes,
    binary,
    hexadecimal,
    refuse,
    silently,
)
from ringwall.stix.common import COMMON, TypeTable, in_order
from ringwall.stix.extensions import note_empty
from ringwall.stix.tables import TABLES

_CUSTOM = TypeTable(required=(), properties=COMMON, rules=(in_order("created", "modified"),))
_SHORTEST_NAME = 3
_EXTENDED = frozenset({"new-sdo", "new-sco", "new-sro", "toplevel-property-extension"})


def validate(obj: dict[str, Any]) -> tuple[str, ...]:
    """Check one STIX 2.1 object; return warnings, lines for a person.

    Raises InvalidInput whose ``field`` is a JSON pointer into the object. Custom types and
    properties are kept with a warning, unless an extension declares them (section 7.3).
    """
    kind = _check_identity(obj)
    table = TABLES.get(kind, _CUSTOM)
    for name in table.required:
        if name not in obj:
            refuse(f"/{name}", "required", f"is required for {kind}")
    notes = Notes()
    unknown = _check_properties(obj, table, notes)
    if kind not in TABLES:
        _check_custom_type(obj)
    for rule in table.rules:
        rule(obj.get, notes)
    if "granular_markings" in obj:
        _check_selectors(obj)
    first = _custom_content(obj, kind, unknown, notes)
    return (*first, *sorted(notes))


def _check_identity(obj: dict[str, Any]) -> str:
    """Check type, id and spec_version (section 3.2), which say what everything else means."""
    kind, identifier = obj.get("type"), obj.get("id")
    for name, value in (("type", kind), ("id", identifier)):
        if name not in obj:
            refuse(f"/{name}", "required", "is required")
        if type(value) is not str:
            refuse(f"/{name}", "type", "must be a string")
    if kind == "bundle":
        refuse("/type", "bundle", "a bundle must not stand inside a bundle")
    match = IDENTIFIER.fullmatch(str(identifier))
    if match is None:
        refuse("/id", "identifier", f"must have the form type--UUID, not {str(identifier)[:80]!r}")
    if match[1] != kind:
        refuse("/id", "identifier-type", f"must start with {kind}--, like the type")
    if obj.get("spec_version", "2.1") != "2.1":
        refuse("/spec_version", "spec-version", "must be 2.1")
    return str(kind)


def _check_properties(obj: dict[str, Any], table: TypeTable, notes: Notes) -> list[str]:
    """Check every known property; return the names of the others.

    A common property that the type does not have (``modified`` of a file) is as good as custom,
    but other rooms read it on whatever object, so it has its type everywhere.
    """
    properties = table.properties
    unknown: list[str] = []
    for name, value in obj.items():
        kind = properties.get(name)
        if kind is None:
            unknown.append(name)
            kind = COMMON.get(name)
        if kind is not None:
            kind.check(value, f"/{name}", notes)
    return unknown


def _check_custom_type(obj: dict[str, Any]) -> None:
    """A custom type either has all the times of a domain object, or none, as an observable."""
    if "created" in obj or "modified" in obj:
        for name in ("spec_version", "created", "modified"):
            if name not in obj:
                refuse(f"/{name}", "required", "is required beside created or modified")


def _check_selectors(obj: dict[str, Any]) -> None:
    """Every selector of a granular marking must point at something (section 7.2.3.1)."""
    for index, marking in enumerate(obj["granular_markings"]):
        for place, selector in enumerate(marking["selectors"]):
            if not _selects(obj, selector):
                path = f"/granular_markings/{index}/selectors/{place}"
                refuse(path, "selector", f"{selector[:80]!r} points at nothing in the object")


def _selects(obj: dict[str, Any], selector: str) -> bool:
    here: Any = obj
    for step in selector.split("."):
        if type(here) is list and step[:1] == "[" and step[-1:] == "]" and step[1:-1].isdecimal():
            place = step[1:-1]
            if len(place) > 9 or int(place) >= len(here):
                return False
            here = here[int(place)]
        elif type(here) is dict and step in here:
            here = here[step]
        else:
            return False
    return True


def _custom_content(obj: dict[str, Any], kind: str, unknown: list[str], notes: Notes) -> list[str]:
    """Tell what no extension declares (section 11), then what is wrong with it."""
    if kind in TABLES and not unknown:
        return []
    declared = _declared_by_extension(obj)
    lines: list[str] = []
    if kind not in TABLES:
        if not declared:
            lines.append(f"/type: {kind} is not a standard type and no extension declares it")
        if len(kind) < _SHORTEST_NAME:
            lines.append(f"/type: {kind} is too short for the name of a type")
    if unknown and kind in TABLES and not declared:
        names = [name[:80] for name in sorted(unknown)]
        more = f" and {len(names) - Notes.MOST} more" if len(names) > Notes.MOST else ""
        lines.append(f"custom properties: {', '.join(names[: Notes.MOST])}{more}")
    for name in sorted(unknown):
        if name not in COMMON:
            _note_custom_property(name, obj[name], notes)
    return lines


def _declared_by_extension(obj: dict[str, Any]) -> bool:
    extensions = obj.get("extensions")
    if type(extensions) is not dict:
        return False
    return any(item.get("extension_type") in _EXTENDED for item in extensions.values())


def _note_custom_property(name: str, value: Any, notes: Notes) -> None:
    """Tell what sections 3.1 and 2 say of names and values; custom ones are kept as they are."""
    place = f"/{name[:80]}"
    if PROPERTY_NAME.fullmatch(name) is None:
        notes.append(f"{place}: the name has other than 3 to 250 of a-z, 0-9 and _")
    note_empty(value, place, notes)
    if name.endswith(("_ref", "_refs")):
        items = value if type(value) is list else [value]
        if not all(_is_identifier(item) for item in items):
            notes.append(f"{place}: a custom reference that is not an identifier")
    if name.endswith("_hex") and not _has_type(hexadecimal, value):
        notes.append(f"{place}: the name says that it is hexadecimal")
    if name.endswith("_bin") and not _has_type(binary, value):
        notes.append(f"{place}: the name says that it is base64")


def _is_identifier(value: Any) -> bool:
    return type(value) is str and IDENTIFIER.fullmatch(value) is not None


def _has_type(kind: DataType, value: Any) -> bool:
    return silently(kind.check)(value)
