"""IEP 2.0 as STIX and MISP carry it.

Sources: the IEP 2.0 marking definition for STIX 2.1 (OASIS common objects, extension-definition
--762e2e97-…) and the MISP taxonomy ``iep2-policy``. Both require nearly every statement, and
neither names a value for one that is missing, so each that is missing has the strictest: encrypt,
no action, no notification, no attribution, no resale. A missing date bounds nothing, a missing TLP
opens nothing. TLP is that of version 1: an IEP cannot say AMBER+STRICT.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ringwall.core import InvalidInput
from ringwall.labels.document import label_from_document
from ringwall.labels.iep import IEP_VERSION, TLP_LEVELS, Iep
from ringwall.labels.label import Label, read_tlp

IEP_EXTENSION = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
_PROPERTIES = {
    "iep_id": "id",
    "iep_version": "version",
    "description": "description",
    "start_date": "start",
    "end_date": "end",
    "encrypt_in_transit": "encryption",
    "permitted_actions": "actions",
    "affected_party_notifications": "notifications",
    "provider_attribution": "attribution",
    "unmodified_resale": "resale",
    "tlp": "tlp",
}
"""Property of the STIX extension → field of an Iep."""
_PREDICATES = {
    **{name: field for name, field in _PROPERTIES.items() if name != "provider_attribution"},
    "id": "id",
    "name": "name",
    "attribution": "attribution",
    "external_reference": "reference",
}
del _PREDICATES["iep_id"]
"""Predicate of the MISP taxonomy → field of an Iep."""
_WORDED = frozenset({"encryption", "actions", "notifications", "attribution", "resale", "tlp"})
_TAG = re.compile(r'\s*iep2-policy\s*:\s*([a-z_]+)\s*=\s*"([^"]*)"\s*', re.IGNORECASE)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+:[^\s<>\"{}|\\^`]++")


def read_iep(properties: dict[str, Any], definition: dict[str, Any]) -> Label:
    """Read the extension of a marking definition, without its ``extension_type``.

    The policy's name and reference are those of the definition. Raises InvalidInput for whatever
    is not understood.
    """
    fields: dict[str, Any] = {}
    for name, value in properties.items():
        if name not in _PROPERTIES:
            raise _refusal(name)
        if not (name == "end_date" and value is None):  # FIRST's way to say: never
            fields[_PROPERTIES[name]] = value
    if fields.get("version") == 2:
        fields["version"] = IEP_VERSION
    if "name" in definition:
        fields["name"] = definition["name"]
    if reference := _reference(definition.get("external_references", ())):
        fields["reference"] = reference
    return _label(fields)


def _reference(references: Any) -> str:
    try:
        texts = [each.get("url") or each.get("description") or "" for each in references]
        return " ".join(filter(None, texts))
    except (AttributeError, TypeError) as error:
        raise _refusal("external_references") from error


def read_iep_tags(tags: Iterable[str]) -> Label:
    """Read every ``iep2-policy`` tag of an object as one policy.

    Raises InvalidInput for whatever is not understood, and for two values of one statement: two
    policies on one object cannot be told apart.
    """
    fields: dict[str, str] = {}
    for tag in tags:
        match = _TAG.fullmatch(tag)
        field = _PREDICATES.get(match[1].lower()) if match else None
        if match is None or field is None:
            raise _refusal(tag)
        value = match[2].lower() if field in _WORDED else match[2]
        if field == "end" and value == "null":
            continue
        if fields.setdefault(field, value) != value:
            raise _refusal(tag)
    return _label(fields)


def _label(fields: dict[str, Any]) -> Label:
    level = fields.get("tlp")
    if fields.get("version", IEP_VERSION) != IEP_VERSION or "" in fields.values():
        raise _refusal("iep")
    if level is not None and (not isinstance(level, str) or level.lower() not in TLP_LEVELS):
        raise _refusal("tlp")
    label = label_from_document({"iep": [fields]})
    if label.unknown:
        raise _refusal("iep")
    return label if level is None else replace(label, tlp=read_tlp(level))


def _refusal(what: str) -> InvalidInput:
    return InvalidInput(f"{what[:80]!r} is no part of an IEP 2.0", field="iep", rule="iep")


def write_iep(policy: Iep) -> dict[str, Any]:
    """Return what is of a policy in a marking definition: the inverse of :func:`read_iep`."""
    stated = {name: str(getattr(policy, field)) for name, field in _PROPERTIES.items()}
    properties: dict[str, Any] = {name: value for name, value in stated.items() if value}
    if policy.version == IEP_VERSION:
        properties["iep_version"] = 2.0
    content: dict[str, Any] = {
        "extensions": {IEP_EXTENSION: {"extension_type": "property-extension", **properties}}
    }
    if policy.name:
        content["name"] = policy.name
    if policy.reference:
        kind = "url" if _URI.fullmatch(policy.reference) else "description"
        content["external_references"] = [{"source_name": "IEP", kind: policy.reference}]
    return content
