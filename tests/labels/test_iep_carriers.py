"""IEP 2.0 as STIX and MISP carry it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, canonical_json, parse_json
from ringwall.labels import Iep, Tlp
from ringwall.labels.iep import Actions, Attribution, Encryption, Permission
from ringwall.labels.iep_carriers import IEP_EXTENSION, read_iep, read_iep_tags, write_iep
from tests.labels.any_label import json_values, policies

STRICTEST = Iep(
    encryption=Encryption.MUST,
    actions=Actions.NONE,
    notifications=Permission.MUST_NOT,
    attribution=Attribution.MUST_NOT,
    resale=Permission.MUST_NOT,
)
STATED: dict[str, Any] = {
    "encrypt_in_transit": "may",
    "permitted_actions": "externally-visible-direct-actions",
    "affected_party_notifications": "may",
    "tlp": "amber",
    "provider_attribution": "must",
    "unmodified_resale": "may",
    "iep_id": "0224bfdf-ea3a-49c3-96f6-66d908bb1845",
    "iep_version": 2.0,
    "description": "for exercises",
    "start_date": "2022-10-01T00:00:00Z",
    "end_date": "2030-10-01T00:00:00.5Z",
}
READ = Iep(
    id="0224bfdf-ea3a-49c3-96f6-66d908bb1845",
    version="2.0",
    description="for exercises",
    start="2022-10-01T00:00:00.000000Z",
    end="2030-10-01T00:00:00.500000Z",
    encryption=Encryption.MAY,
    actions=Actions.EXTERNAL_DIRECT,
    notifications=Permission.MAY,
    attribution=Attribution.MUST,
    resale=Permission.MAY,
    tlp="amber",
)


def test_every_property_is_read() -> None:
    label = read_iep(STATED, {})
    assert label.iep == (READ,)
    assert label.tlp is Tlp.AMBER
    assert not label.unknown


def test_what_is_missing_has_the_strictest_value() -> None:
    assert read_iep({}, {}).iep == read_iep_tags([]).iep == (STRICTEST,)
    assert read_iep({}, {}).tlp is None


def test_a_policy_that_never_ends() -> None:
    assert read_iep({"end_date": None}, {}).iep == (STRICTEST,)
    assert read_iep_tags(['iep2-policy:end_date="null"']).iep == (STRICTEST,)


@pytest.mark.parametrize("version", [2, 2.0, "2.0"])
def test_the_version_is_a_number_or_text(version: Any) -> None:
    assert read_iep({"iep_version": version}, {}).iep[0].version == "2.0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iep_version", 1.0),
        ("iep_version", 3),
        ("iep_version", True),
        ("iep_version", "2"),
        ("tlp", "clear"),
        ("tlp", "amber+strict"),
        ("tlp", ""),
        ("tlp", 1),
        ("encrypt_in_transit", "MUST"),
        ("encrypt_in_transit", ""),
        ("permitted_actions", ["none"]),
        ("permitted_actions", "some"),
        ("provider_attribution", None),
        ("start_date", ""),
        ("start_date", None),
        ("start_date", "2022-10-01"),
        ("end_date", "never"),
        ("description", 1),
        ("description", "x" * 20_000),
        ("name", "x"),
        ("caveat", "x"),
    ],
)
def test_an_unknown_property_or_value_is_not_understood(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        read_iep({**STATED, name: value}, {})


def test_name_and_reference_are_those_of_the_definition() -> None:
    references = [{"source_name": "IEP", "url": "https://example.com/iep"}, {"source_name": "x"}]
    label = read_iep(STATED, {"name": "Ours", "external_references": references})
    assert (label.iep[0].name, label.iep[0].reference) == ("Ours", "https://example.com/iep")
    assert read_iep({}, {"external_references": [{"source_name": "x"}]}).iep == (STRICTEST,)
    for wrong in ({"name": 1}, {"external_references": 1}, {"external_references": ["x"]}):
        with pytest.raises(InvalidInput):
            read_iep(STATED, wrong)


@given(policies)
def test_every_policy_comes_back(policy: Iep) -> None:
    content = parse_json(canonical_json(write_iep(policy)))
    properties = content["extensions"][IEP_EXTENSION]
    assert properties.pop("extension_type") == "property-extension"
    assert read_iep(properties, content).iep == (policy,)


@given(st.dictionaries(st.sampled_from(sorted(STATED)), json_values, max_size=3))
def test_whatever_stands_there_is_refused_or_read(properties: dict[str, Any]) -> None:
    try:
        label = read_iep({**STATED, **properties}, {})
    except InvalidInput:
        return
    assert label.iep
    assert not label.unknown
    assert label.tlp is not None


def tags(**stated: str) -> list[str]:
    return [f'iep2-policy:{name}="{value}"' for name, value in stated.items()]


def test_the_tags_of_an_object_are_one_policy() -> None:
    stated = {name: str(value) for name, value in STATED.items() if not name.startswith("provider")}
    stated["id"] = stated.pop("iep_id")
    label = read_iep_tags(tags(**stated, attribution="must", name="Ours"))
    assert label.iep == (Iep(**{**_fields(READ), "name": "Ours"}),)
    assert label.tlp is Tlp.AMBER


def _fields(policy: Iep) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__struct_fields__}


def test_words_may_be_in_any_case_and_names_stay_as_they_are() -> None:
    label = read_iep_tags(['IEP2-Policy:TLP="RED"', 'iep2-policy:name="Ours"'])
    assert label.tlp is Tlp.RED
    assert label.iep[0].name == "Ours"


@pytest.mark.parametrize(
    "stated",
    [
        tags(caveat="x"),
        tags(tlp="purple"),
        tags(iep_version="1.0"),
        tags(tlp="red") + tags(tlp="green"),
        tags(name=""),
        ["iep2-policy:tlp=red"],
        ["iep2-policy"],
        ['iep2-policy:tlp="red" or="green"'],
    ],
)
def test_tags_that_are_not_understood_are_refused(stated: list[str]) -> None:
    with pytest.raises(InvalidInput):
        read_iep_tags(stated)


def test_every_tag_of_the_taxonomy_is_understood(ringwall_data: Path) -> None:
    taxonomy = json.loads((ringwall_data / "taxonomies" / "iep2-policy.json").read_text())
    for group in taxonomy["values"]:
        for entry in group["entry"]:
            is_date = group["predicate"].endswith("_date")
            text = "2022-10-01T00:00:00Z" if is_date else "some text"
            value = entry["value"].replace("$text", text)
            label = read_iep_tags(tags(**{group["predicate"]: value}))
            assert label.iep
            assert label.tlp is None or group["predicate"] == "tlp"
