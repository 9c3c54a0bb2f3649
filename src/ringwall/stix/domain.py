"""Tables of the nineteen domain objects and two relationship objects (STIX 2.1, sections 4, 5)."""

import re
from typing import Any

from ringwall.stix.checks import (
    DataType,
    Notes,
    advised,
    between,
    boolean,
    dictionary,
    list_of,
    number,
    one_of,
    open_vocabulary,
    reference_to,
    refuse,
    string,
    timestamp,
)
from ringwall.stix.common import (
    Get,
    TypeTable,
    any_object,
    any_observable,
    at_least_one,
    domain_object,
    in_order,
    is_given,
    kill_chain_phases,
    needs,
    not_both,
    observed,
    related,
    sighted,
    strings,
)
from ringwall.stix.pattern import check_pattern
from ringwall.stix.relationships import note_relationship
from ringwall.stix.vocabularies import (
    ATTACK_MOTIVATION,
    ATTACK_RESOURCE_LEVEL,
    GROUPING_CONTEXT,
    IDENTITY_CLASS,
    IMPLEMENTATION_LANGUAGE,
    INDICATOR_TYPE,
    INDUSTRY_SECTOR,
    INFRASTRUCTURE_TYPE,
    MALWARE_CAPABILITY,
    MALWARE_RESULT,
    MALWARE_TYPE,
    OPINION,
    PATTERN_TYPE,
    PROCESSOR_ARCHITECTURE,
    REGION,
    RELATIONSHIP_TYPES,
    REPORT_TYPE,
    THREAT_ACTOR_ROLE,
    THREAT_ACTOR_SOPHISTICATION,
    THREAT_ACTOR_TYPE,
    TOOL_TYPE,
)

_NAMED = {"name": string, "description": string}
_SEEN = {"first_seen": timestamp, "last_seen": timestamp}
_seen_in_order = in_order("first_seen", "last_seen")
_references = list_of(any_object)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,250}")
_RELATIONSHIP_TYPE = re.compile(r"[a-z0-9-]{1,250}")
_count = between(0, 999_999_999)
_software = reference_to("software")
_motivation = open_vocabulary("attack-motivation-ov", ATTACK_MOTIVATION)
_resource_level = open_vocabulary("attack-resource-level-ov", ATTACK_RESOURCE_LEVEL)


def _pattern_is_well_formed(get: Get, _notes: Notes) -> None:
    if get("pattern_type") == "stix":
        check_pattern(get("pattern"), "/pattern")


def _family_has_name(get: Get, _notes: Notes) -> None:
    if get("is_family") and not is_given(get("name")):
        refuse("/name", "required", "is required for a malware family")


def _check_relationship_type(value: Any, path: str, notes: Notes) -> None:
    string.check(value, path, notes)
    if _WORD.fullmatch(value) is None:
        refuse(path, "relationship-type", "must be letters, digits and hyphens")
    if _RELATIONSHIP_TYPE.fullmatch(value) is None:
        notes.append(f"{path}: {value[:80]!r} has other than lower-case letters, digits, hyphens")


def _relationship_is_defined(get: Get, notes: Notes) -> None:
    source, target = get("source_ref"), get("target_ref")
    note_relationship(source[:-38], get("relationship_type"), target[:-38], notes)


def _observation_has_observable(get: Get, _notes: Notes) -> None:
    refs = get("object_refs")
    if is_given(refs) and all(ref[:-38] in RELATIONSHIP_TYPES for ref in refs):
        refuse("/object_refs", "at-least-one", "needs at least one observable")


def _check_embedded(value: Any, path: str, notes: Notes) -> None:
    dictionary.check(value, path, notes)
    notes.append(f"{path}: objects inside observed-data are deprecated: use object_refs")


_embedded = DataType(check=_check_embedded)
_relationship_type = DataType(
    check=_check_relationship_type, shape=str, pattern=_RELATIONSHIP_TYPE.pattern
)
_country = advised("[A-Za-z]{2}", "should be a country code (ISO 3166-1 alpha-2)")


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
        ("context", "object_refs"),
        {
            **_NAMED,
            "context": open_vocabulary("grouping-context-ov", GROUPING_CONTEXT),
            "object_refs": _references,
        },
    ),
    "identity": domain_object(
        ("name",),
        {
            **_NAMED,
            "roles": strings,
            "identity_class": open_vocabulary("identity-class-ov", IDENTITY_CLASS),
            "sectors": list_of(open_vocabulary("industry-sector-ov", INDUSTRY_SECTOR)),
            "contact_information": string,
        },
    ),
    "incident": domain_object(("name",), _NAMED),
    "indicator": domain_object(
        ("pattern", "pattern_type", "valid_from"),
        {
            **_NAMED,
            "indicator_types": list_of(open_vocabulary("indicator-type-ov", INDICATOR_TYPE)),
            "pattern": string,
            "pattern_type": open_vocabulary("pattern-type-ov", PATTERN_TYPE),
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
            "infrastructure_types": list_of(
                open_vocabulary("infrastructure-type-ov", INFRASTRUCTURE_TYPE)
            ),
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
            "resource_level": _resource_level,
            "primary_motivation": _motivation,
            "secondary_motivations": list_of(_motivation),
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
            "region": open_vocabulary("region-ov", REGION),
            "country": _country,
            "administrative_area": string,
            "city": string,
            "street_address": string,
            "postal_code": string,
        },
        needs("latitude", "longitude"),
        needs("longitude", "latitude"),
        needs("precision", "latitude", "longitude"),
        at_least_one("region", "country", "latitude"),
    ),
    "malware": domain_object(
        ("is_family",),
        {
            **_NAMED,
            **_SEEN,
            "malware_types": list_of(open_vocabulary("malware-type-ov", MALWARE_TYPE)),
            "is_family": boolean,
            "aliases": strings,
            "kill_chain_phases": kill_chain_phases,
            "operating_system_refs": list_of(_software),
            "architecture_execution_envs": list_of(
                open_vocabulary("processor-architecture-ov", PROCESSOR_ARCHITECTURE)
            ),
            "implementation_languages": list_of(
                open_vocabulary("implementation-language-ov", IMPLEMENTATION_LANGUAGE)
            ),
            "capabilities": list_of(open_vocabulary("malware-capabilities-ov", MALWARE_CAPABILITY)),
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
            "result": open_vocabulary("malware-result-ov", MALWARE_RESULT),
            "analysis_sco_refs": list_of(any_observable),
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
            "object_refs": list_of(observed),
            "objects": _embedded,
        },
        in_order("first_observed", "last_observed"),
        _observation_has_observable,
        at_least_one("object_refs", "objects"),
        not_both("object_refs", "objects"),
    ),
    "opinion": domain_object(
        ("opinion", "object_refs"),
        {
            "explanation": string,
            "authors": strings,
            "opinion": one_of(*OPINION),
            "object_refs": _references,
        },
    ),
    "report": domain_object(
        ("name", "published", "object_refs"),
        {
            **_NAMED,
            "report_types": list_of(open_vocabulary("report-type-ov", REPORT_TYPE)),
            "published": timestamp,
            "object_refs": _references,
        },
    ),
    "threat-actor": domain_object(
        ("name",),
        {
            **_NAMED,
            **_SEEN,
            "threat_actor_types": list_of(
                open_vocabulary("threat-actor-type-ov", THREAT_ACTOR_TYPE)
            ),
            "aliases": strings,
            "roles": list_of(open_vocabulary("threat-actor-role-ov", THREAT_ACTOR_ROLE)),
            "goals": strings,
            "sophistication": open_vocabulary(
                "threat-actor-sophistication-ov", THREAT_ACTOR_SOPHISTICATION
            ),
            "resource_level": _resource_level,
            "primary_motivation": _motivation,
            "secondary_motivations": list_of(_motivation),
            "personal_motivations": list_of(_motivation),
        },
        _seen_in_order,
    ),
    "tool": domain_object(
        ("name",),
        {
            **_NAMED,
            "tool_types": list_of(open_vocabulary("tool-type-ov", TOOL_TYPE)),
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
            "source_ref": related,
            "target_ref": related,
            "start_time": timestamp,
            "stop_time": timestamp,
        },
        in_order("start_time", "stop_time", equal=False),
        _relationship_is_defined,
    ),
    "sighting": domain_object(
        ("sighting_of_ref",),
        {
            **_SEEN,
            "description": string,
            "count": _count,
            "sighting_of_ref": sighted,
            "observed_data_refs": list_of(reference_to("observed-data")),
            "where_sighted_refs": list_of(reference_to("identity", "location")),
            "summary": boolean,
        },
        _seen_in_order,
    ),
}
