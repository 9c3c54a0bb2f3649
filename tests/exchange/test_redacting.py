"""What is withheld from whom: decided field by field, closed under what belongs together."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import load_alliance
from ringwall.core import ManualClock, canonical_json
from ringwall.exchange.redacting import Redactor, Subject, named_ids
from ringwall.labels import parse_label
from ringwall.policy import Kernel, RedactionRule, RedactionRules, release_class
from ringwall.stix import read_object
from ringwall.store.parts import hide
from tests.exchange.engine_world import DESCRIPTION, indicator

ALLIANCE = load_alliance(DESCRIPTION)
KERNEL = Kernel(ALLIANCE, ManualClock(datetime(2026, 3, 1, tzinfo=UTC)))
NODES = ("borduria-1", "dorne-1")
OWN = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
AUTHOR = "identity--c78cb6e5-0c4b-4611-8297-d1b8b55e40b5"
OTHER = "malware--31b940d4-6f7f-459a-80ea-9c1f17b5891b"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
OPTIONAL = ("confidence", "created_by_ref", "description", "labels", "name", "external_references")


def body_of(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "id": OWN,
        "confidence": 50,
        "created_by_ref": AUTHOR,
        "description": "d",
        "labels": ["one"],
        "name": "n",
        "external_references": [{"source_name": "s", "description": "d", "x_ref": OTHER}],
    }
    return read_object(indicator(**fields | changes)).body


def subject(body: bytes, **changes: Any) -> Subject:
    fields: dict[str, Any] = {"parts": {}, "audience": NODES}
    return Subject(OWN, "indicator", body, **fields | changes, named=named_ids(OWN, body))


def redactor(*rules: RedactionRule) -> Redactor:
    return Redactor(KERNEL, NODES, RedactionRules(rules))


def rule(name: str, to: str, *fields: str) -> RedactionRule:
    return RedactionRule(name, (to,), fields, "law 1")


def test_every_identifier_in_an_object_counts_but_its_own_and_those_of_tlp() -> None:
    body = body_of(object_marking_refs=[GREEN, "marking-definition--" + AUTHOR[10:]])
    assert named_ids(OWN, body) == {AUTHOR, OTHER, "marking-definition--" + AUTHOR[10:]}
    assert named_ids(OWN, indicator(id=OWN)) == frozenset()
    assert OTHER in named_ids(OWN, body_of(extensions={OTHER: {"a": 1}}))
    twice = canonical_json({"description": f"{OWN} and {OWN.upper()}", "id": OWN})
    assert not {OWN, OWN.lower()} & named_ids(OWN, twice)


KEY = "windows-registry-key--" + AUTHOR[10:]
CUSTOM = "x-our-own-kind-of-thing--" + AUTHOR[10:]


@pytest.mark.parametrize("name", [AUTHOR, OTHER, KEY, CUSTOM])
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "see {}.",
        'as "{}" says',
        "first\n{}",
        "\x0b{}",
        "back\\{}",
        "https://example.org/objects/{}/versions?a=b",
        "report-on-{}",
        "see_{}",
        "{}{}",
        "[url:value = 'https://example.org/{}']",
        '{{"id": "{}"}}',
    ],
)
def test_an_identifier_counts_wherever_it_stands(name: str, text: str) -> None:
    for written in (name, name.upper(), name.replace(AUTHOR[10:], AUTHOR[10:].upper())):
        body = canonical_json({"description": text.format(written, written), "id": OWN})
        assert name in named_ids(OWN, body), written


def test_an_identifier_that_was_stated_in_capitals_is_found_as_it_is_written() -> None:
    capitals = AUTHOR[:10] + AUTHOR[10:].upper()
    assert capitals in named_ids(OWN, canonical_json({"id": OWN, "name": f"of {capitals}"}))
    assert capitals in named_ids(OWN, canonical_json({"id": OWN, "x_ref": capitals}))


def test_a_text_that_names_what_a_node_may_not_have_is_withheld_from_it() -> None:
    known = {OTHER: frozenset({"borduria-1"})}
    body = body_of(description=f"It drops {OTHER.upper()}, says one.")
    cuts = redactor().cuts(subject(body), known)
    assert cuts["dorne-1"].names == ("description", "external_references")
    assert "borduria-1" not in cuts


def test_a_pattern_that_names_what_a_node_may_not_have_closes_the_object() -> None:
    pattern = f"[url:value = 'https://example.org/{OTHER}']"
    cuts = redactor().cuts(subject(body_of(pattern=pattern)), {OTHER: frozenset({"borduria-1"})})
    assert "pattern" in cuts["dorne-1"].closed


def test_nothing_is_withheld_for_no_reason() -> None:
    assert redactor().cuts(subject(body_of()), {}) == {}
    assert redactor().cuts(subject(body_of()), {AUTHOR: frozenset(NODES)}) == {}
    elsewhere = RedactionRule("r", ("dorne",), ("name",), "law 1", ("malware",))
    assert redactor(elsewhere).cuts(subject(body_of()), {}) == {}


def test_who_may_not_know_of_an_object_does_not_see_it_named() -> None:
    cuts = redactor().cuts(subject(body_of()), {AUTHOR: frozenset({"borduria-1"})})
    assert {node: cut.names for node, cut in cuts.items()} == {"dorne-1": ("created_by_ref",)}
    (reason,) = cuts["dorne-1"].fields
    assert (reason.rule, reason.source) == ("reference", AUTHOR)


def test_what_was_withheld_before_stays_withheld() -> None:
    before = {"dorne-1": ("description", "name", "gone")}
    cuts = redactor().cuts(subject(body_of(), withheld=before), {})
    assert {node: cut.names for node, cut in cuts.items()} == {"dorne-1": ("description", "name")}


def test_two_reasons_that_leave_no_object_close_it() -> None:
    name = "file--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
    document = {"type": "file", "spec_version": "2.1", "id": name, "name": "a"}
    body = canonical_json(document | {"hashes": {"MD5": "0" * 32}})
    one = Subject(name, "file", body, {}, NODES, withheld={"dorne-1": ("name",)})
    cuts = redactor(rule("r", "dorne", "hashes")).cuts(one, {})
    assert cuts["dorne-1"].closed.startswith("hashes (rule r: law 1)")
    assert cuts.keys() == {"dorne-1"}


@pytest.mark.parametrize(
    ("withheld", "expected"),
    [
        ("description", {"description", "granular_markings", "labels"}),
        ("granular_markings", {"description", "granular_markings", "labels"}),
        ("name", {"name"}),
    ],
)
def test_with_the_markings_goes_everything_that_they_make_stricter(
    withheld: str, expected: set[str]
) -> None:
    marks = [{"marking_ref": GREEN, "selectors": ["description", "labels.[0]"]}]
    body = body_of(granular_markings=marks)
    open_class = release_class("arden", "indicator", parse_label("TLP:GREEN"))
    parts = {"description": open_class, "labels": open_class}
    cuts = redactor(rule("r", "dorne", withheld)).cuts(subject(body, parts=parts), {})
    assert {node: set(cut.names) for node, cut in cuts.items()} == {"dorne-1": expected}


fields = st.sets(st.sampled_from(OPTIONAL))
rules = st.lists(
    st.tuples(st.sampled_from(["dorne", "borduria", "allies"]), fields.filter(bool)), max_size=4
)
knowers = st.dictionaries(
    st.sampled_from([AUTHOR, OTHER]), st.frozensets(st.sampled_from(NODES)), max_size=2
)
MEMBERS = {"borduria-1": {"borduria", "allies"}, "dorne-1": {"dorne"}}


@given(rules, knowers)
def test_each_node_gets_exactly_what_no_rule_and_no_reference_withholds(
    chosen: list[tuple[str, set[str]]], known: dict[str, frozenset[str]]
) -> None:
    made = [rule(f"r{place}", to, *sorted(names)) for place, (to, names) in enumerate(chosen)]
    body = body_of()
    cuts = redactor(*made).cuts(subject(body), known)
    for node in NODES:
        expected = {name for to, names in chosen if to in MEMBERS[node] for name in names}
        for target, field in ((AUTHOR, "created_by_ref"), (OTHER, "external_references")):
            if node not in known.get(target, frozenset(NODES)):
                expected.add(field)
        assert set(cuts[node].names if node in cuts else ()) == expected
        assert node not in cuts or not cuts[node].closed
        shown = read_object(hide(body, expected))
        assert set(json.loads(shown.body)) == set(json.loads(body)) - expected


@given(rules, rules, knowers)
def test_another_rule_never_shows_more(
    some: list[tuple[str, set[str]]],
    more: list[tuple[str, set[str]]],
    known: dict[str, frozenset[str]],
) -> None:
    def withheld(chosen: list[tuple[str, set[str]]]) -> dict[str, set[str]]:
        made = [rule(f"r{place}", to, *sorted(names)) for place, (to, names) in enumerate(chosen)]
        cuts = redactor(*made).cuts(subject(body_of()), known)
        return {node: set(cuts[node].names) if node in cuts else set() for node in NODES}

    few, many = withheld(some), withheld(some + more)
    assert all(few[node] <= many[node] for node in NODES)
