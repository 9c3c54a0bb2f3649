"""Properties that many types share (STIX 2.1, sections 2 and 3), and what a type's table holds."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from ringwall.core import parse_timestamp
from ringwall.stix.checks import (
    DataType,
    Notes,
    between,
    boolean,
    hashes,
    identifier,
    language,
    list_of,
    one_at_least,
    one_of,
    precise_timestamp,
    reference_to,
    reference_to_none_of,
    refuse,
    string,
    structure,
    uri,
)
from ringwall.stix.extensions import extensions
from ringwall.stix.vocabularies import (
    DOMAIN_TYPES,
    META_TYPES,
    OBSERVABLE_TYPES,
    RELATIONSHIP_TYPES,
)

Get = Callable[[str], Any]
"""Gives a property by its name; for one that is absent None or, on the fast lane, UNSET."""
Rule = Callable[[Get, Notes], None]

strings = list_of(string)
any_object = reference_to_none_of("bundle")
any_observable = reference_to_none_of("bundle", *DOMAIN_TYPES, *RELATIONSHIP_TYPES, *META_TYPES)
observed = reference_to_none_of("bundle", *DOMAIN_TYPES, *META_TYPES)
related = reference_to_none_of("bundle", *RELATIONSHIP_TYPES, *META_TYPES)
sighted = reference_to_none_of("bundle", *OBSERVABLE_TYPES, *RELATIONSHIP_TYPES, *META_TYPES)
kill_chain_phases = list_of(
    structure(
        {"kill_chain_name": string, "phase_name": string},
        ("kill_chain_name", "phase_name"),
        shape_name="kill-chain-phase",
    )
)


class TypeTable(msgspec.Struct, frozen=True):
    """One object type: what it must have, how each property is checked, rules across properties."""

    required: tuple[str, ...]
    properties: dict[str, DataType]
    rules: tuple[Rule, ...] = ()


def is_given(value: Any) -> bool:
    """Tell whether a rule found a property: no property may be null."""
    return value is not None and value is not UNSET


_NUMBERED = {
    "cve": re.compile(r"CVE-[0-9]{4}-[0-9]{4,}"),
    "capec": re.compile(r"CAPEC-[0-9]+"),
}
"""How the sources that the standard names number their entries (sections 4.1, 4.19)."""
_names_something = one_at_least("description", "url", "external_id")


def _check_external(value: Any, path: str, notes: Notes) -> None:
    _names_something(value, path, notes)
    source, number = value["source_name"], value.get("external_id", "")
    if source in _NUMBERED and _NUMBERED[source].fullmatch(number) is None:
        notes.append(f"{path}: external_id is no number of {source}: {number[:80]!r}")


def _is_plain_reference(value: Any) -> bool:
    if value.source_name in _NUMBERED:
        number = value.external_id
        return type(number) is str and _NUMBERED[value.source_name].fullmatch(number) is not None
    return (
        value.external_id is not UNSET or value.url is not UNSET or value.description is not UNSET
    )


external_reference = structure(
    {
        "source_name": string,
        "description": string,
        "url": uri,
        "hashes": hashes,
        "external_id": string,
    },
    ("source_name",),
    also=_check_external,
    shape_name="external-reference",
    rest=_is_plain_reference,
)


def _marks_one_thing(value: Any, path: str, _notes: Notes) -> None:
    if ("lang" in value) == ("marking_ref" in value):
        refuse(path, "exactly-one", "needs either lang or marking_ref")


granular_marking = structure(
    {"lang": language, "marking_ref": reference_to("marking-definition"), "selectors": strings},
    ("selectors",),
    also=_marks_one_thing,
)


OBSERVABLE_COMMON: dict[str, DataType] = {
    "type": string,
    "spec_version": one_of("2.1"),
    "id": identifier,
    "object_marking_refs": list_of(reference_to("marking-definition")),
    "granular_markings": list_of(granular_marking),
    "extensions": extensions({}),
}
MARKING_COMMON: dict[str, DataType] = {
    **OBSERVABLE_COMMON,
    "created_by_ref": reference_to("identity"),
    "created": precise_timestamp,
    "external_references": list_of(external_reference),
}
COMMON: dict[str, DataType] = {
    **MARKING_COMMON,
    "modified": precise_timestamp,
    "revoked": boolean,
    "labels": strings,
    "confidence": between(0, 100),
    "lang": language,
}


def in_order(first: str, last: str, *, equal: bool = True) -> Rule:
    """Return a rule: ``last`` is not before ``first`` (nor the same, if not ``equal``)."""

    def ordered(get: Get, _notes: Notes) -> None:
        start, end = get(first), get(last)
        if (
            type(start) is str
            and type(end) is str
            # Both were checked to be timestamps: of one length, they sort as text.
            and not (len(start) == len(end) and (start < end or (equal and start == end)))
        ):
            begin, finish = parse_timestamp(start), parse_timestamp(end)
            if finish < begin or (not equal and finish == begin):
                refuse(f"/{last}", "order", f"must be {'at or ' if equal else ''}after {first}")

    return ordered


def at_least_one(*names: str) -> Rule:
    """Return a rule: one of the properties is there."""

    def present(get: Get, _notes: Notes) -> None:
        if not any(is_given(get(name)) for name in names):
            refuse(f"/{names[0]}", "at-least-one", f"needs at least one of {', '.join(names)}")

    return present


def not_both(first: str, second: str) -> Rule:
    """Return a rule: the two properties exclude each other."""

    def exclusive(get: Get, _notes: Notes) -> None:
        if is_given(get(first)) and is_given(get(second)):
            refuse(f"/{second}", "exclusive", f"must not stand beside {first}")

    return exclusive


def needs(name: str, *others: str) -> Rule:
    """Return a rule: with ``name`` the others are required."""

    def dependent(get: Get, _notes: Notes) -> None:
        if is_given(get(name)):
            for other in others:
                if not is_given(get(other)):
                    refuse(f"/{other}", "required", f"is required with {name}")

    return dependent


def domain_object(
    required: tuple[str, ...], properties: Mapping[str, DataType], *rules: Rule
) -> TypeTable:
    """Return the table of a type with the common properties of domain objects (section 3.2)."""
    return TypeTable(
        required=("spec_version", "created", "modified", *required),
        properties={**COMMON, **properties},
        rules=(in_order("created", "modified"), *rules),
    )
