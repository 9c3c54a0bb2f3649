"""What STIX 2.1 demands, type by type."""

import json
from typing import Any

import pytest
import stix2

from ringwall.core import InvalidInput
from ringwall.stix import OBJECT_TYPES, validate
from tests.stix.examples import EXAMPLES, LATER, TIME, domain, identifier, observable


def refusal(obj: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        validate(obj)
    return caught.value.field, caught.value.rule


def test_every_standard_type_has_an_example() -> None:
    assert set(EXAMPLES) == OBJECT_TYPES
    assert len(OBJECT_TYPES) == 19 + 2 + 18 + 3


@pytest.mark.parametrize("kind", sorted(OBJECT_TYPES))
def test_the_example_is_valid(kind: str) -> None:
    assert validate(EXAMPLES[kind]) == ()


@pytest.mark.parametrize("kind", sorted(OBJECT_TYPES))
def test_stix2_agrees_that_the_example_is_valid(kind: str) -> None:
    stix2.parse(json.dumps(EXAMPLES[kind]), version="2.1")


# The standard leaves one of several for these; the first name is where the refusal points.
ONE_OF = {
    ("artifact", "payload_bin"): "at-least-one",
    ("file", "name"): "at-least-one",
    ("location", "region"): "at-least-one",
    ("malware-analysis", "result"): "at-least-one",
    ("network-traffic", "dst_ref"): "at-least-one",
    ("observed-data", "object_refs"): "at-least-one",
    ("process", "pid"): "at-least-one",
    ("user-account", "user_id"): "at-least-one",
    ("windows-registry-key", "key"): "at-least-one",
    ("x509-certificate", "serial_number"): "at-least-one",
}
REQUIRED = [(kind, name) for kind, obj in sorted(EXAMPLES.items()) for name in obj]


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
def test_each_property_of_the_examples_is_required(kind: str, name: str) -> None:
    obj = {key: value for key, value in EXAMPLES[kind].items() if key != name}
    field, rule = refusal(obj)
    assert rule == ONE_OF.get((kind, name), "required")
    if rule == "required":
        assert field == f"/{name}"


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
def test_each_property_of_the_examples_has_a_type(kind: str, name: str) -> None:
    field, rule = refusal({**EXAMPLES[kind], name: None})
    assert (field, rule) == (f"/{name}", "type" if name != "spec_version" else "spec-version")


INDICATOR = EXAMPLES["indicator"]
MARKING = identifier("marking-definition")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"id": "indicator--1"}, "/id", "identifier"),
        ({"id": identifier("malware")}, "/id", "identifier-type"),
        ({"id": "indicator--00000000-0000-0000-0000-000000000001"}, "/id", "identifier"),
        ({"id": identifier("indicator") + "\n"}, "/id", "identifier"),
        ({"type": "bundle"}, "/type", "bundle"),
        ({"spec_version": "2.0"}, "/spec_version", "spec-version"),
        ({"spec_version": "3"}, "/spec_version", "spec-version"),
        ({"created": "2026-03-01"}, "/created", "timestamp"),
        ({"created": "2026-03-01T08:00:00+00:00"}, "/created", "timestamp"),
        ({"created": "2026-02-30T08:00:00Z"}, "/created", "timestamp"),
        ({"created": "2026-03-01T24:00:00Z"}, "/created", "timestamp"),
        ({"created": LATER}, "/modified", "order"),
        ({"created": "2026-03-01T08:00:00.0001Z"}, "/modified", "order"),
        ({"revoked": "false"}, "/revoked", "type"),
        ({"labels": []}, "/labels", "empty-list"),
        ({"labels": ["a", 1]}, "/labels/1", "type"),
        ({"labels": "a"}, "/labels", "type"),
        ({"confidence": 101}, "/confidence", "range"),
        ({"confidence": -1}, "/confidence", "range"),
        ({"confidence": True}, "/confidence", "type"),
        ({"confidence": 50.0}, "/confidence", "type"),
        ({"lang": 1}, "/lang", "type"),
        ({"created_by_ref": "me"}, "/created_by_ref", "identifier"),
        ({"created_by_ref": identifier("malware")}, "/created_by_ref", "reference-type"),
        ({"object_marking_refs": [identifier("note")]}, "/object_marking_refs/0", "reference-type"),
        ({"object_marking_refs": MARKING}, "/object_marking_refs", "type"),
        ({"external_references": [{}]}, "/external_references/0/source_name", "required"),
        ({"external_references": ["x"]}, "/external_references/0", "type"),
        (
            {"external_references": [{"source_name": "a", "url": "x:", "hashes": {"MD5": "zz"}}]},
            "/external_references/0/hashes/MD5",
            "hash",
        ),
        ({"granular_markings": [{"lang": "de"}]}, "/granular_markings/0/selectors", "required"),
        ({"granular_markings": [{"selectors": ["id"]}]}, "/granular_markings/0", "exactly-one"),
        (
            {"granular_markings": [{"selectors": ["id"], "lang": "de", "marking_ref": MARKING}]},
            "/granular_markings/0",
            "exactly-one",
        ),
        (
            {"granular_markings": [{"selectors": ["id", "labels.[0]"], "lang": "de"}]},
            "/granular_markings/0/selectors/1",
            "selector",
        ),
        ({"extensions": {}}, "/extensions", "empty-dictionary"),
        ({"extensions": {"x": 1}}, "/extensions/x", "type"),
        ({"extensions": {"x": {"extension_type": []}}}, "/extensions/x/extension_type", "type"),
        (
            {"extensions": {"x": {"extension_type": "new"}}},
            "/extensions/x/extension_type",
            "enumeration",
        ),
        ({"external_references": [{"source_name": "a"}]}, "/external_references/0", "at-least-one"),
        ({"extensions": {"a b": {}}}, "/extensions", "dictionary-key"),
        (
            {"extensions": {"extension-definition--1": {}}},
            "/extensions/extension-definition--1",
            "identifier",
        ),
        ({"valid_until": TIME}, "/valid_until", "order"),
        ({"valid_from": LATER, "valid_until": TIME}, "/valid_until", "order"),
        ({"pattern": "domain"}, "/pattern", "pattern"),
        ({"kill_chain_phases": [{"phase_name": "a"}]}, "/kill_chain_phases/0", "required"),
    ],
)
def test_a_broken_indicator_is_refused_with_place_and_rule(
    change: dict[str, Any], field: str, rule: str
) -> None:
    got_field, got_rule = refusal({**INDICATOR, **change})
    assert got_rule == rule
    assert got_field.startswith(field)


@pytest.mark.parametrize(
    "change",
    [
        {"created": "2026-02-28T23:59:60.000Z"},
        {"modified": LATER},
        {"modified": "2026-03-01T08:00:00.000001Z"},
        {"created": "2024-02-29T00:00:00.000Z"},
        {"confidence": 0},
        {"valid_until": "2026-03-01T08:00:00.0001Z"},
        {"id": "indicator--" + identifier("x").upper()[3:]},
        {
            "granular_markings": [{"selectors": ["pattern", "labels.[0]"], "lang": "en"}],
            "labels": ["a"],
        },
        {"external_references": [{"source_name": "a", "url": "https://example.com/"}]},
        {"pattern_type": "sigma", "pattern": "title: x"},
        {"object_marking_refs": [MARKING]},
    ],
)
def test_a_sound_indicator_is_accepted(change: dict[str, Any]) -> None:
    assert validate({**INDICATOR, **change}) == ()


@pytest.mark.parametrize(
    ("obj", "field", "rule"),
    [
        (domain("malware", is_family=True), "/name", "required"),
        (domain("location", latitude=1), "/longitude", "required"),
        (domain("location", latitude=91, longitude=0), "/latitude", "range"),
        (domain("location", country="aa", precision=1.5), "/latitude", "required"),
        ({**EXAMPLES["observed-data"], "number_observed": 0}, "/number_observed", "range"),
        ({**EXAMPLES["observed-data"], "objects": {"0": {}}}, "/objects", "exclusive"),
        (
            {**EXAMPLES["observed-data"], "last_observed": "2025-01-01T00:00:00Z"},
            "/last_observed",
            "order",
        ),
        ({**EXAMPLES["opinion"], "opinion": "maybe"}, "/opinion", "enumeration"),
        ({**EXAMPLES["sighting"], "count": -1}, "/count", "range"),
        (
            {**EXAMPLES["sighting"], "sighting_of_ref": identifier("file")},
            "/sighting_of_ref",
            "reference-type",
        ),
        (
            {**EXAMPLES["sighting"], "where_sighted_refs": [identifier("tool")]},
            "/where_sighted_refs/0",
            "reference-type",
        ),
        (
            {**EXAMPLES["relationship"], "stop_time": TIME, "start_time": TIME},
            "/stop_time",
            "order",
        ),
        ({**EXAMPLES["relationship"], "source_ref": "x"}, "/source_ref", "identifier"),
        ({**EXAMPLES["campaign"], "first_seen": LATER, "last_seen": TIME}, "/last_seen", "order"),
        (
            {**EXAMPLES["marking-definition"], "definition": {"tlp": "red"}},
            "/definition/statement",
            "required",
        ),
        ({**EXAMPLES["language-content"], "contents": {"de": "x"}}, "/contents/de", "type"),
        (observable("artifact", url="https://example.com"), "/hashes", "required"),
        (observable("artifact", payload_bin="%%"), "/payload_bin", "base64"),
        (observable("email-message", is_multipart=True, body="x"), "/body", "exclusive"),
        (
            observable("email-message", is_multipart=False, body_multipart=[{"body": "x"}]),
            "/body_multipart",
            "exclusive",
        ),
        (observable("file", hashes={"SHA-256": "00"}), "/hashes/SHA-256", "hash"),
        (observable("file", name="a", size=-1), "/size", "range"),
        (observable("file", name="a", magic_number_hex="abc"), "/magic_number_hex", "hexadecimal"),
        (observable("mac-addr", value="00-00-5E-00-53-01"), "/value", "mac-address"),
        ({**EXAMPLES["network-traffic"], "dst_port": 65536}, "/dst_port", "range"),
        ({**EXAMPLES["network-traffic"], "is_active": True, "end": TIME}, "/end", "exclusive"),
        (
            observable("windows-registry-key", values=[{"data_type": "X"}]),
            "/values/0/data_type",
            "enumeration",
        ),
        (
            observable("ipv4-addr", value="192.0.2.1", belongs_to_refs=[identifier("file")]),
            "/belongs_to_refs/0",
            "reference-type",
        ),
    ],
)
def test_rules_of_single_types(obj: dict[str, Any], field: str, rule: str) -> None:
    assert refusal(obj) == (field, rule)


@pytest.mark.parametrize("kind", ["file", "software", "marking-definition", "x-beacon"])
@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"modified": {"a": 1}}, "/modified", "type"),
        ({"modified": "zzz"}, "/modified", "timestamp"),
        ({"created": 5}, "/created", "type"),
        ({"created_by_ref": {}}, "/created_by_ref", "type"),
        ({"created_by_ref": "me"}, "/created_by_ref", "identifier"),
        ({"labels": "a"}, "/labels", "type"),
        ({"external_references": ["x"]}, "/external_references/0", "type"),
        ({"revoked": 1}, "/revoked", "type"),
        ({"confidence": "high"}, "/confidence", "type"),
        ({"lang": []}, "/lang", "type"),
    ],
)
def test_common_properties_have_their_types_on_every_object(
    kind: str, change: dict[str, Any], field: str, rule: str
) -> None:
    assert refusal({**EXAMPLES.get(kind, observable(kind)), **change}) == (field, rule)


def test_a_common_property_that_a_type_does_not_have_is_told() -> None:
    assert validate({**EXAMPLES["file"], "lang": "en"}) == ("custom properties: lang",)


def test_custom_properties_are_kept_with_a_warning() -> None:
    assert validate({**INDICATOR, "x_b": 1, "x_a": ""}) == ("custom properties: x_a, x_b",)


def test_a_custom_reference_that_leads_nowhere_is_a_warning() -> None:
    warnings = validate({**INDICATOR, "x_source_ref": ""})
    assert any("/x_source_ref" in line for line in warnings)
    assert len(validate({**INDICATOR, "x_source_ref": identifier("tool")})) == 1


def test_custom_types_are_accepted_with_a_warning() -> None:
    assert "/type: x-beacon" in validate(observable("x-beacon", value="a"))[0]
    assert "/type: beacon" in validate(domain("beacon", name="a"))[0]


def test_a_custom_domain_object_needs_all_its_times() -> None:
    assert refusal(observable("x-beacon", created=TIME)) == ("/spec_version", "required")


def test_a_custom_type_obeys_the_common_properties() -> None:
    assert refusal(observable("x-beacon", object_marking_refs=["x"])) == (
        "/object_marking_refs/0",
        "identifier",
    )


def test_what_an_extension_declares_needs_no_warning() -> None:
    name = identifier("extension-definition")
    top_level = {name: {"extension_type": "toplevel-property-extension"}}
    assert validate({**INDICATOR, "rank": 5, "extensions": top_level}) == ()
    new_type = {name: {"extension_type": "new-sdo"}}
    assert validate(domain("beacon", name="a", extensions=new_type)) == ()
    inner = {name: {"extension_type": "property-extension", "rank": 5}}
    assert validate({**INDICATOR, "rank": 5, "extensions": inner}) != ()


def test_a_marking_may_be_defined_by_an_extension_alone() -> None:
    content = {"extension_type": "property-extension", "level": "high"}
    own = {"extensions": {identifier("extension-definition"): content}}
    obj = {**EXAMPLES["marking-definition"], **own}
    del obj["definition"], obj["definition_type"]
    assert validate(obj) == ()
