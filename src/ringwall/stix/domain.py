"""Tables of the nineteen domain objects and two relationship objects (STIX 2.1, sections 4, 5)."""

from typing import Any

from ringwall.stix.checks import (
    between,
    boolean,
    identifier,
    list_of,
    number,
    one_of,
    reference_to,
    refuse,
    string,
    timestamp,
)
from ringwall.stix.common import (
    TypeTable,
    at_least_one,
    domain_object,
    in_order,
    kill_chain_phases,
    needs,
    not_both,
    strings,
)
from ringwall.stix.observable_types import OBSERVABLE_TABLES
from ringwall.stix.pattern import check_pattern

_NAMED = {"name": string, "description": string}
_SEEN = {"first_seen": timestamp, "last_seen": timestamp}
_seen_in_order = in_order("first_seen", "last_seen")
_references = list_of(identifier)
_count = between(0, 999_999_999)
_software = reference_to("software")


def _pattern_is_well_formed(obj: dict[str, Any]) -> None:
    if obj["pattern_type"] == "stix":
        check_pattern(obj["pattern"], "/pattern")


def _family_has_name(obj: dict[str, Any]) -> None:
    if obj["is_family"] and "name" not in obj:
        refuse("/name", "required", "is required for a malware family")


def _place_is_given(obj: dict[str, Any]) -> None:
    if not any(name in obj for name in ("region", "country", "latitude")):
        refuse("/region", "at-least-one", "needs region, country, or latitude and longitude")


def _sighting_of(value: Any, path: str) -> None:
    identifier(value, path)
    kind = value[:-38]
    if kind in OBSERVABLE_TABLES or kind in RELATIONSHIP_TABLES:
        refuse(path, "reference-type", f"must refer to a domain object, not to {kind}")


def _relationship_type(value: Any, path: str) -> None:
    string(value, path)
    if not value or not value.replace("-", "").replace("_", "").isalnum():
        refuse(path, "relationship-type", "must be letters, digits and hyphens")


DOMAIN_TABLES: dict[str, TypeTable] = {
    "attack-pattern": domain_object(
        ("name",), {**_NAMED, "aliases": strings, "kill_chain_phases": kill_chain_phases}
    ),
    "campaign": domain_object(
        ("name",),
        {**_NAMED, **_SEEN, "aliases": strings, "objective": string},
        _seen_in_order,
    ),
    "course-of-action": domain_object(("name",), _NAMED),
    "grouping": domain_object(
        ("context", "object_refs"), {**_NAMED, "context": string, "object_refs": _references}
    ),
    "identity": domain_object(
        ("name",),
        {
            **_NAMED,
            "roles": strings,
            "identity_class": string,
            "sectors": strings,
            "contact_information": string,
        },
    ),
    "incident": domain_object(("name",), _NAMED),
    "indicator": domain_object(
        ("pattern", "pattern_type", "valid_from"),
        {
            **_NAMED,
            "indicator_types": strings,
            "pattern": string,
            "pattern_type": string,
            "pattern_version": string,
            "valid_from": timestamp,
            "valid_until": timestamp,
            "kill_chain_phases": kill_chain_phases,
        },
        in_order("valid_from", "valid_until", equal=False),
        _pattern_is_well_formed,
    ),
    "infrastructure": domain_object(
        ("name",),
        {
            **_NAMED,
            **_SEEN,
            "infrastructure_types": strings,
            "aliases": strings,
            "kill_chain_phases": kill_chain_phases,
        },
        _seen_in_order,
    ),
    "intrusion-set": domain_object(
        ("name",),
        {
            **_NAMED,
            **_SEEN,
            "aliases": strings,
            "goals": strings,
            "resource_level": string,
            "primary_motivation": string,
            "secondary_motivations": strings,
        },
        _seen_in_order,
    ),
    "location": domain_object(
        (),
        {
            **_NAMED,
            "latitude": between(-90, 90, number),
            "longitude": between(-180, 180, number),
            "precision": between(0, 2**53 - 1, number),
            "region": string,
            "country": string,
            "administrative_area": string,
            "city": string,
            "street_address": string,
            "postal_code": string,
        },
        needs("latitude", "longitude"),
        needs("longitude", "latitude"),
        needs("precision", "latitude", "longitude"),
        _place_is_given,
    ),
    "malware": domain_object(
        ("is_family",),
        {
            **_NAMED,
            **_SEEN,
            "malware_types": strings,
            "is_family": boolean,
            "aliases": strings,
            "kill_chain_phases": kill_chain_phases,
            "operating_system_refs": list_of(_software),
            "architecture_execution_envs": strings,
            "implementation_languages": strings,
            "capabilities": strings,
            "sample_refs": list_of(reference_to("artifact", "file")),
        },
        _seen_in_order,
        _family_has_name,
    ),
    "malware-analysis": domain_object(
        ("product",),
        {
            "product": string,
            "version": string,
            "host_vm_ref": _software,
            "operating_system_ref": _software,
            "installed_software_refs": list_of(_software),
            "configuration_version": string,
            "modules": strings,
            "analysis_engine_version": string,
            "analysis_definition_version": string,
            "submitted": timestamp,
            "analysis_started": timestamp,
            "analysis_ended": timestamp,
            "result_name": string,
            "result": string,
            "analysis_sco_refs": _references,
            "sample_ref": reference_to("file", "artifact", "network-traffic"),
        },
        at_least_one("result", "analysis_sco_refs"),
    ),
    "note": domain_object(
        ("content", "object_refs"),
        {"abstract": string, "content": string, "authors": strings, "object_refs": _references},
    ),
    "observed-data": domain_object(
        ("first_observed", "last_observed", "number_observed"),
        {
            "first_observed": timestamp,
            "last_observed": timestamp,
            "number_observed": between(1, 999_999_999),
            "object_refs": _references,
        },
        in_order("first_observed", "last_observed"),
        at_least_one("object_refs", "objects"),
        not_both("object_refs", "objects"),
    ),
    "opinion": domain_object(
        ("opinion", "object_refs"),
        {
            "explanation": string,
            "authors": strings,
            "opinion": one_of(
                "strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"
            ),
            "object_refs": _references,
        },
    ),
    "report": domain_object(
        ("name", "published", "object_refs"),
        {**_NAMED, "report_types": strings, "published": timestamp, "object_refs": _references},
    ),
    "threat-actor": domain_object(
        ("name",),
        {
            **_NAMED,
            **_SEEN,
            "threat_actor_types": strings,
            "aliases": strings,
            "roles": strings,
            "goals": strings,
            "sophistication": string,
            "resource_level": string,
            "primary_motivation": string,
            "secondary_motivations": strings,
            "personal_motivations": strings,
        },
        _seen_in_order,
    ),
    "tool": domain_object(
        ("name",),
        {
            **_NAMED,
            "tool_types": strings,
            "aliases": strings,
            "kill_chain_phases": kill_chain_phases,
            "tool_version": string,
        },
    ),
    "vulnerability": domain_object(("name",), _NAMED),
}

RELATIONSHIP_TABLES: dict[str, TypeTable] = {
    "relationship": domain_object(
        ("relationship_type", "source_ref", "target_ref"),
        {
            "relationship_type": _relationship_type,
            "description": string,
            "source_ref": identifier,
            "target_ref": identifier,
            "start_time": timestamp,
            "stop_time": timestamp,
        },
        in_order("start_time", "stop_time", equal=False),
    ),
    "sighting": domain_object(
        ("sighting_of_ref",),
        {
            **_SEEN,
            "description": string,
            "count": _count,
            "sighting_of_ref": _sighting_of,
            "observed_data_refs": list_of(reference_to("observed-data")),
            "where_sighted_refs": list_of(reference_to("identity", "location")),
            "summary": boolean,
        },
        _seen_in_order,
    ),
}
