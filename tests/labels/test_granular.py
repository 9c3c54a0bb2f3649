"""The labels of an object's properties."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import canonical_json
from ringwall.labels import GranularLabels, Label, Pap, Tlp, granular_labels, label_of
from ringwall.stix import StixObject, read_object
from tests.labels.any_label import json_values

PREFIX = "marking-definition--"
GREEN = PREFIX + "bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
AMBER = PREFIX + "55d920b0-5e8b-4f79-9ee9-91f868d9b421"
RED = PREFIX + "e828b379-4e03-4974-9ac4-e53a884c97c1"
PAP_RED = PREFIX + "740d36e5-7714-4c30-961a-3ae632ceee0e"
OTHER = PREFIX + "0d5f4c1e-55a5-4a0b-9a6c-3c7f0c1f9a11"
STAMP = "2026-01-01T00:00:00.000Z"
CONTENT: dict[str, Any] = {
    "type": "malware",
    "spec_version": "2.1",
    "id": "malware--7d1a4a3e-6d53-4d0a-8a3f-0f3d5a2d2f11",
    "created": STAMP,
    "modified": STAMP,
    "is_family": True,
    "name": "an example",
    "description": "seen in the north",
    "aliases": ["one", "two"],
    "external_references": [{"source_name": "x", "description": "y"}],
    "object_marking_refs": [AMBER],
}


def entry(ref: str, *selectors: str) -> dict[str, Any]:
    return {"marking_ref": ref, "selectors": [*selectors]}


def with_markings(*entries: Any, **content: Any) -> StixObject:
    """Return an object as the reader of submissions makes it."""
    whole = CONTENT | content | {"granular_markings": [*entries]}
    return read_object(json.dumps({k: v for k, v in whole.items() if v is not None}).encode())


def unread(**content: Any) -> StixObject:
    """Return an object that no reader would let through."""
    refs = tuple(content.get("object_marking_refs", ()))
    return StixObject("malware--x", "malware", "", canonical_json(content), bytes(32), refs, True)


def test_an_object_without_granular_markings_has_one_label() -> None:
    plain = read_object(json.dumps(CONTENT).encode())
    assert granular_labels(plain, {}) == GranularLabels(Label(Tlp.AMBER), {})


def test_a_property_has_its_own_mark_besides_those_of_the_object() -> None:
    obj = with_markings(entry(RED, "description"), entry(PAP_RED, "aliases"))
    assert granular_labels(obj, {}) == GranularLabels(
        Label(Tlp.AMBER),
        {"description": Label(Tlp.RED), "aliases": Label(Tlp.AMBER, pap=Pap.RED)},
    )


def test_a_granular_marking_never_loosens() -> None:
    obj = with_markings(entry(GREEN, "description"))
    assert granular_labels(obj, {}).fields == {"description": Label(Tlp.AMBER)}


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("aliases.[1]", "aliases"),
        ("external_references.[0].description", "external_references"),
        ("external_references", "external_references"),
    ],
)
def test_a_part_of_a_property_marks_all_of_it(selector: str, name: str) -> None:
    labels = granular_labels(with_markings(entry(RED, selector)), {})
    assert labels.fields == {name: Label(Tlp.RED)}


def test_several_marks_on_one_property_all_apply() -> None:
    obj = with_markings(
        entry(RED, "aliases.[0]"), entry(GREEN, "aliases"), entry(PAP_RED, "aliases.[1]")
    )
    assert granular_labels(obj, {}).fields == {"aliases": Label(Tlp.RED, pap=Pap.RED)}


def test_a_mark_of_the_language_restricts_nothing() -> None:
    obj = with_markings({"lang": "fr", "selectors": ["description", "name"]})
    assert granular_labels(obj, {}) == GranularLabels(Label(Tlp.AMBER), {})


def test_a_notice_restricts_nothing() -> None:
    content = {"id": OTHER, "definition_type": "statement", "definition": {"statement": "x"}}
    obj = with_markings(entry(OTHER, "description"))
    assert granular_labels(obj, {OTHER: canonical_json(content)}).fields == {}


def test_a_marking_that_is_not_understood_denies_its_property() -> None:
    labels = granular_labels(with_markings(entry(OTHER, "description")), {})
    assert labels.whole == Label(Tlp.AMBER)
    assert labels.fields == {"description": Label(Tlp.AMBER, unknown=(OTHER,))}


@pytest.mark.parametrize(
    "selector", ["aliases.[2]", "aliases.one", "aliases.[\u0662]", "aliases.", "aliases[0].x.[1]"]
)
def test_a_selector_that_points_at_nothing_denies(selector: str) -> None:
    content = CONTENT | {"granular_markings": [entry(RED, selector)]}
    labels = granular_labels(unread(**content), {})
    whole = labels.whole
    denied = labels.fields.get("aliases", whole)
    assert denied is not None
    assert denied.unknown == (f"granular_markings: {selector}",)


@pytest.mark.parametrize(
    "name", ["id", "type", "spec_version", "created", "modified", "is_family", "name"]
)
def test_what_the_object_cannot_do_without_marks_the_whole(name: str) -> None:
    """A family has a name; any other malware can do without."""
    obj = with_markings(entry(RED, name), entry(PAP_RED, "description"))
    labels = granular_labels(obj, {})
    assert labels.whole == Label(Tlp.RED)
    assert labels.fields == {"description": Label(Tlp.RED, pap=Pap.RED)}


def test_a_name_can_be_withheld_where_no_rule_asks_for_it() -> None:
    labels = granular_labels(with_markings(entry(RED, "name"), is_family=False), {})
    assert labels == GranularLabels(Label(Tlp.AMBER), {"name": Label(Tlp.RED)})


def test_of_a_custom_type_nobody_knows_what_it_can_do_without() -> None:
    kind = {"type": "x-beacon", "id": CONTENT["id"].replace("malware", "x-beacon")}
    obj = with_markings(entry(RED, "description"), **kind)
    assert granular_labels(obj, {}) == GranularLabels(Label(Tlp.RED), {})


def test_an_object_without_a_label_is_not_labelled_by_its_parts() -> None:
    obj = with_markings(entry(GREEN, "id"), entry(GREEN, "description"), object_marking_refs=None)
    assert granular_labels(obj, {}) == GranularLabels(None, {"description": Label(Tlp.GREEN)})
    named = granular_labels(obj, {}, default=Label(Tlp.AMBER, ("aa",)))
    assert named.whole == Label(Tlp.AMBER, ("aa",))
    assert named.fields == {"description": Label(Tlp.AMBER, ("aa",))}


def test_the_default_is_for_objects_that_carry_no_label() -> None:
    obj = with_markings(entry(RED, "description"))
    assert granular_labels(obj, {}, default=Label(Tlp.CLEAR)).whole == Label(Tlp.AMBER)


def test_tags_count_for_the_whole() -> None:
    obj = with_markings(entry(GREEN, "description"), labels=["tlp:red"])
    assert granular_labels(obj, {}) == GranularLabels(
        Label(Tlp.RED), {"description": Label(Tlp.RED)}
    )


@pytest.mark.parametrize(
    "markings",
    [
        None,
        {},
        ["x"],
        [{"marking_ref": RED}],
        [{"selectors": ["description"]}],
        [{"marking_ref": 1, "selectors": ["description"]}],
        [{"marking_ref": RED, "selectors": "description"}],
        [{"marking_ref": RED, "selectors": [1]}],
        [{"marking_ref": RED, "selectors": []}],
        [{**entry(RED, "description"), "x_but_not_for": "aa"}],
        [{"lang": "fr", "selectors": ["description"], "x_but_not_for": "aa"}],
        [entry(RED, "descripton")],
        [entry(RED, "")],
    ],
)
def test_what_cannot_be_told_to_mark_a_property_denies(markings: Any) -> None:
    labels = granular_labels(unread(**CONTENT, granular_markings=markings), {})
    denied = {label.unknown for label in [labels.whole, *labels.fields.values()] if label}
    assert denied != {()}


def test_a_marking_and_a_language_in_one_entry_is_a_marking() -> None:
    both = [{**entry(RED, "description"), "lang": "fr"}]
    labels = granular_labels(unread(**CONTENT, granular_markings=both), {})
    assert labels.fields == {"description": Label(Tlp.RED)}


_entries = st.fixed_dictionaries(
    {},
    optional={
        "marking_ref": st.sampled_from([RED, PAP_RED, OTHER]) | json_values,
        "selectors": st.lists(
            st.sampled_from([*CONTENT, "aliases.[0]", "x", ""]) | st.text(max_size=5), max_size=3
        ),
        "lang": st.just("fr"),
    },
)


@given(
    st.lists(_entries | json_values, max_size=3), st.dictionaries(st.text(max_size=5), json_values)
)
def test_whatever_is_marked_no_property_is_less_strict_than_the_object(
    entries: list[Any], more: dict[str, Any]
) -> None:
    obj = unread(**{**more, **CONTENT, "granular_markings": entries})
    labels = granular_labels(obj, {})
    assert labels.whole is not None
    assert labels.whole.tlp is not None
    assert labels.whole.tlp.rank >= Tlp.AMBER.rank
    for label in labels.fields.values():
        assert label.tlp is not None
        assert label.tlp.rank >= labels.whole.tlp.rank
        assert set(labels.whole.unknown) <= set(label.unknown)
    for each in entries:
        if isinstance(each, dict) and each.get("marking_ref") == RED and set(each) == {
            "marking_ref", "selectors"
        }:  # fmt: skip
            for selector in each["selectors"]:
                at = labels.fields.get(selector.partition(".")[0], labels.whole)
                assert at.tlp is Tlp.RED or at.unknown


@given(st.binary(max_size=30))
def test_whatever_the_bytes_it_never_fails(body: bytes) -> None:
    obj = StixObject("malware--x", "malware", "", body, bytes(32), (AMBER,), True)
    labels = granular_labels(obj, {})
    assert labels.whole is not None
    assert labels.whole.unknown


def test_who_does_not_look_at_the_parts_still_denies() -> None:
    label = label_of(with_markings(entry(RED, "description")), {})
    assert label == Label(Tlp.AMBER, unknown=("granular_markings",))
