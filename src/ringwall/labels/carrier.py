"""A label as STIX 2.1 marking definitions, and our own extension for what no other one carries.

    TLP             the fixed instances of the TLP 2.0 extension
    PAP             the fixed instances of the PAP extension
    IEP, ACS        a definition each, with the extension of that name
    everything else one definition with our extension: its property ``stanag_4774`` holds the
                    label's confidentiality, alternatives, created, review, rel_to and unknown, as
                    in a label document; REL TO nobody is ``["none"]``, for STIX has no empty lists

The id of a definition is a UUIDv5 over its canonical content, so equal labels have equal markings,
and one that was altered no longer has its id; readers go by the content alone.
"""

from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from ringwall.core import InvalidInput, canonical_json, parse_json
from ringwall.labels.acs import ACS_EXTENSION
from ringwall.labels.document import label_document, label_from_document
from ringwall.labels.fixed_markings import (
    PAP_EXTENSION,
    PAP_MARKINGS,
    TLP2_EXTENSION,
    TLP2_MARKINGS,
)
from ringwall.labels.iep_carriers import write_iep
from ringwall.labels.label import NOBODY, Label, Pap, Tlp

LABEL_EXTENSION = "extension-definition--71098477-f325-442a-a326-ae04b21a2465"
_NAMESPACE = UUID("7b6f8f2f-ce27-4255-a135-c60bae8c990d")
_PROPERTY = "stanag_4774"
_CREATED = "2026-01-01T00:00:00.000Z"
_FIXED_CREATED = "2022-10-01T00:00:00.000Z"
_TLP_IDS = {level: ref for ref, level in TLP2_MARKINGS.items()}
_PAP_IDS = {level: ref for ref, level in reversed(PAP_MARKINGS.items())}

EXTENSION_DEFINITION: dict[str, Any] = {
    "type": "extension-definition",
    "spec_version": "2.1",
    "id": LABEL_EXTENSION,
    "created_by_ref": "identity--7a10a2c2-6b9c-4333-837d-57adde68fc04",
    "created": _CREATED,
    "modified": _CREATED,
    "name": "Confidentiality label",
    "description": (
        "A marking definition's confidentiality label after STANAG 4774: confidentiality, "
        "alternatives, created, review, and the members that it may be released to."
    ),
    "schema": "urn:ringwall:stix:stanag-4774:1",
    "version": "1.0.0",
    "extension_types": ["property-extension"],
}
"""The STIX object that introduces our extension (STIX 2.1, section 7.3)."""


def marking_definitions(label: Label) -> list[dict[str, Any]]:
    """Return marking definitions that together say all that ``label`` says, in a fixed order.

    An object that refers to all of them has this label again. One thing is lost on purpose: the
    TLP of an IEP counts, so a label whose own TLP is lower comes back with the IEP's. A label that
    says nothing is one definition that says nothing, and opens nothing. An object whose definition
    did not travel with it denies.
    """
    definitions = []
    if label.tlp is not None:
        definitions.append(_tlp_definition(label.tlp))
    if label.pap is not None:
        definitions.append(_pap_definition(label.pap))
    definitions += [_identified(write_iep(policy)) for policy in label.iep]
    definitions += [_identified(_extension(ACS_EXTENSION, _acs(text))) for text in label.acs]
    carried = label_document(replace(label, tlp=None, pap=None, iep=(), acs=()))
    if "rel_to" in carried:
        carried["rel_to"] = carried["rel_to"] or [NOBODY]
    if carried or not definitions:
        properties = {_PROPERTY: carried} if carried else {}
        definitions.append(_identified(_extension(LABEL_EXTENSION, properties)))
    return definitions


def _tlp_definition(level: Tlp) -> dict[str, Any]:
    content = _extension(TLP2_EXTENSION, {"tlp_2_0": level.value.lower()})
    return _fixed(_TLP_IDS[level], f"TLP:{level}", content)


def _pap_definition(level: Pap) -> dict[str, Any]:
    content = _extension(PAP_EXTENSION, {"pap": level.value.lower()})
    return _fixed(_PAP_IDS[level], f"PAP:{level}", content)


def _fixed(ref: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    head = {"type": "marking-definition", "spec_version": "2.1", "id": ref}
    return {**head, "created": _FIXED_CREATED, "name": name, **content}


def _acs(text: str) -> dict[str, Any]:
    properties: dict[str, Any] = parse_json(text.encode())
    return properties


def _extension(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"extensions": {name: {**properties, "extension_type": "property-extension"}}}


def _identified(content: dict[str, Any]) -> dict[str, Any]:
    name = uuid5(_NAMESPACE, canonical_json(content).decode())
    head = {"type": "marking-definition", "spec_version": "2.1", "created": _CREATED}
    return {**head, "id": f"marking-definition--{name}", **content}


def read_carried(properties: dict[str, Any], _definition: dict[str, Any]) -> Label:
    """Read our extension, without its ``extension_type``.

    The names in REL TO are checked against the alliance by whoever knows it. A part that is
    ill-formed is named in ``unknown``. Raises InvalidInput for what is no label at all.
    """
    if not properties:
        return Label()
    carried = properties.get(_PROPERTY)
    if set(properties) != {_PROPERTY} or not isinstance(carried, dict):
        raise InvalidInput("marking definition: no label", field=_PROPERTY, rule="marking")
    names = carried.get("rel_to")
    if isinstance(names, list) and NOBODY in names:  # beside others it is ill-formed
        carried = {**carried, "rel_to": [] if names == [NOBODY] else NOBODY}
    return label_from_document(carried)
