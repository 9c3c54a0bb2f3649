"""Properties that many types share (STIX 2.1, sections 2 and 3), and what a type's table holds."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ringwall.core import parse_timestamp
from ringwall.stix.checks import (
    Check,
    between,
    boolean,
    dictionary,
    hashes,
    identifier,
    list_of,
    one_of,
    reference_to,
    refuse,
    string,
    structure,
    timestamp,
)

Rule = Callable[[dict[str, Any]], None]

strings = list_of(string)
extension_type = one_of(
    "new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension"
)
kill_chain_phases = list_of(
    structure(("kill_chain_name", "phase_name"), {"kill_chain_name": string, "phase_name": string})
)


class TypeTable(msgspec.Struct, frozen=True):
    """One object type: what it must have, how each property is checked, rules across properties."""

    required: tuple[str, ...]
    properties: dict[str, Check]
    rules: tuple[Rule, ...] = ()


_reference_parts = structure(
    ("source_name",),
    {
        "source_name": string,
        "description": string,
        "url": string,
        "hashes": hashes,
        "external_id": string,
    },
)
_granular = structure(
    ("selectors",),
    {"lang": string, "marking_ref": reference_to("marking-definition"), "selectors": strings},
)


def external_reference(value: Any, path: str) -> None:
    """Check ``external-reference``: a source, and at least one thing about what is meant."""
    _reference_parts(value, path)
    if not ("description" in value or "url" in value or "external_id" in value):
        refuse(path, "at-least-one", "needs at least one of description, url, external_id")


def granular_marking(value: Any, path: str) -> None:
    """Check section 7.2.3.1: selectors, and either a language or a marking."""
    _granular(value, path)
    if ("lang" in value) == ("marking_ref" in value):
        refuse(path, "exactly-one", "needs either lang or marking_ref")


_extension = structure((), {"extension_type": extension_type})


def extensions(value: Any, path: str) -> None:
    """Check section 7.3: extension id or name → an object; names are checked as keys."""
    dictionary(value, path)
    for name, item in value.items():
        _extension(item, f"{path}/{name}")
        if name.startswith("extension-definition--"):
            identifier(name, f"{path}/{name}")


OBSERVABLE_COMMON: dict[str, Check] = {
    "type": string,
    "spec_version": string,
    "id": identifier,
    "object_marking_refs": list_of(reference_to("marking-definition")),
    "granular_markings": list_of(granular_marking),
    "extensions": extensions,
}
MARKING_COMMON: dict[str, Check] = {
    **OBSERVABLE_COMMON,
    "created_by_ref": reference_to("identity"),
    "created": timestamp,
    "external_references": list_of(external_reference),
}
COMMON: dict[str, Check] = {
    **MARKING_COMMON,
    "modified": timestamp,
    "revoked": boolean,
    "labels": strings,
    "confidence": between(0, 100),
    "lang": string,
}


def in_order(first: str, last: str, *, equal: bool = True) -> Rule:
    """Return a rule: ``last`` is not before ``first`` (nor the same, if not ``equal``)."""

    def ordered(obj: dict[str, Any]) -> None:
        start, end = obj.get(first), obj.get(last)
        if start is None or end is None:
            return
        if len(start) == len(end) and start < end:
            return  # both were checked to be timestamps: of one length, they sort as text
        begin, finish = parse_timestamp(start), parse_timestamp(end)
        if finish < begin or (not equal and finish == begin):
            refuse(f"/{last}", "order", f"must be {'at or ' if equal else ''}after {first}")

    return ordered


def at_least_one(*names: str) -> Rule:
    """Return a rule: one of the properties is there."""

    def present(obj: dict[str, Any]) -> None:
        if not any(name in obj for name in names):
            refuse(f"/{names[0]}", "at-least-one", f"needs at least one of {', '.join(names)}")

    return present


def not_both(first: str, second: str) -> Rule:
    """Return a rule: the two properties exclude each other."""

    def exclusive(obj: dict[str, Any]) -> None:
        if first in obj and second in obj:
            refuse(f"/{second}", "exclusive", f"must not stand beside {first}")

    return exclusive


def needs(name: str, *others: str) -> Rule:
    """Return a rule: with ``name`` the others are required."""

    def dependent(obj: dict[str, Any]) -> None:
        if name in obj:
            for other in others:
                if other not in obj:
                    refuse(f"/{other}", "required", f"is required with {name}")

    return dependent


def domain_object(
    required: tuple[str, ...], properties: Mapping[str, Check], *rules: Rule
) -> TypeTable:
    """Return the table of a type with the common properties of domain objects (section 3.2)."""
    return TypeTable(
        required=("spec_version", "created", "modified", *required),
        properties={**COMMON, **properties},
        rules=(in_order("created", "modified"), *rules),
    )
