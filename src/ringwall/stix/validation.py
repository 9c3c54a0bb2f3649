"""Validation of one object against STIX 2.1: common properties, tables of the types, warnings."""

from typing import Any

from ringwall.stix.checks import IDENTIFIER, refuse
from ringwall.stix.common import COMMON, TypeTable, in_order
from ringwall.stix.tables import TABLES

_CUSTOM = TypeTable(required=(), properties=COMMON, rules=(in_order("created", "modified"),))
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
    unknown = _check_properties(obj, table)
    if kind not in TABLES:
        _check_custom_type(obj)
    for rule in table.rules:
        rule(obj)
    if "granular_markings" in obj:
        _check_selectors(obj)
    return _warnings(obj, kind, unknown)


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


def _check_properties(obj: dict[str, Any], table: TypeTable) -> list[str]:
    """Check every known property; return the names of the others.

    A common property that the type does not have (``modified`` of a file) is as good as custom,
    but other rooms read it on whatever object, so it has its type everywhere.
    """
    properties = table.properties
    unknown: list[str] = []
    for name, value in obj.items():
        check = properties.get(name)
        if check is None:
            unknown.append(name)
            check = COMMON.get(name)
        if check is not None:
            check(value, f"/{name}")
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


def _warnings(obj: dict[str, Any], kind: str, unknown: list[str]) -> tuple[str, ...]:
    if kind in TABLES and not unknown:
        return ()
    declared = _declared_by_extension(obj)
    lines: list[str] = []
    if kind not in TABLES and not declared:
        lines.append(f"/type: {kind} is not a standard type and no extension declares it")
    if unknown and kind in TABLES and not declared:
        lines.append(f"custom properties: {', '.join(sorted(unknown))}")
    lines.extend(_bad_references(obj, unknown))
    return tuple(lines)


def _declared_by_extension(obj: dict[str, Any]) -> bool:
    extensions = obj.get("extensions")
    if type(extensions) is not dict:
        return False
    return any(item.get("extension_type") in _EXTENDED for item in extensions.values())


def _bad_references(obj: dict[str, Any], unknown: list[str]) -> list[str]:
    """Custom references are kept as they are; what is no identifier is told."""
    lines: list[str] = []
    for name in unknown:
        if not name.endswith(("_ref", "_refs")):
            continue
        value = obj[name]
        items = value if type(value) is list else [value]
        if not all(_is_identifier(item) for item in items):
            lines.append(f"/{name}: a custom reference that is not an identifier")
    return lines


def _is_identifier(value: Any) -> bool:
    return type(value) is str and IDENTIFIER.fullmatch(value) is not None
