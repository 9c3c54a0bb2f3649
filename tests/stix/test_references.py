"""References: the edges of the graph, found in bytes as a plain walk finds them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import canonical_json
from ringwall.stix import references
from tests.stix.examples import EXAMPLES

ONE = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
TWO = "malware--31b940d4-6f7f-459a-80ea-9c1f17b5891b"
THREE = "identity--c78cb6e5-0c4b-4611-8297-d1b8b55e40b5"


def naive(value: Any) -> set[str]:
    """Walk everything: the definition, sharing nothing with the code under test."""
    if isinstance(value, list):
        return set().union(*map(naive, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for name, held in value.items():
        found |= naive(held)
        if name in {"created_by_ref", "object_marking_refs", "marking_ref"}:
            continue
        if name.endswith("_ref") and held in IDS:
            found.add(held)
        if name.endswith("_refs") and isinstance(held, list):
            found |= {item for item in held if isinstance(item, str) and item in IDS}
    return found


IDS = [ONE, TWO, THREE]


def test_both_ends_of_a_relationship_and_every_object_of_a_report() -> None:
    relationship = {"source_ref": TWO, "target_ref": ONE, "created_by_ref": THREE}
    assert references(canonical_json(relationship)) == (ONE, TWO)
    report = {"object_refs": [TWO, ONE, TWO], "object_marking_refs": [THREE]}
    assert references(canonical_json(report)) == (ONE, TWO)


def test_creators_and_markings_are_no_edges() -> None:
    marked = {
        "created_by_ref": THREE,
        "object_marking_refs": [ONE, TWO],
        "granular_markings": [{"marking_ref": ONE, "selectors": ["name"]}],
    }
    assert references(canonical_json(marked)) == ()


def test_references_stand_at_any_depth() -> None:
    deep = {"extensions": {"x": {"parts": [{"body_raw_ref": ONE}, {"x_seen_refs": [TWO]}]}}}
    assert references(canonical_json(deep)) == (ONE, TWO)


@pytest.mark.parametrize(
    "held",
    [
        {"x_ref": "not an identifier"},
        {"x_refs": ["a]b", 5, None, ["x"]]},
        {"x_ref": [ONE]},
        {"x_refs": ONE},
        {"x_refs": []},
        {"description": f'"source_ref":"{ONE}"'},
        {f'x"source_ref":"{ONE}': 1},
        {"ref": ONE, "refs": [ONE], "x_reference": ONE},
    ],
)
def test_what_only_looks_like_a_reference_is_none(held: dict[str, Any]) -> None:
    assert references(canonical_json(held)) == ()


def test_a_list_of_which_only_a_part_are_identifiers() -> None:
    assert references(canonical_json({"x_refs": ["a]b", ONE, 5], "a_ref": TWO})) == (ONE, TWO)


def test_names_that_only_resemble_those_of_creators_and_markings_count() -> None:
    held = {"x_created_by_ref": ONE, 'x,"marking_ref': TWO, "created_by_refs": [THREE]}
    assert references(canonical_json(held)) == tuple(sorted(IDS))


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_examples_of_every_type_refer_to_what_their_text_names(kind: str) -> None:
    text = canonical_json(EXAMPLES[kind]).decode()
    named = set(re.findall(r"[a-z0-9-]+--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
    own = EXAMPLES[kind].get("created_by_ref"), EXAMPLES[kind]["id"]
    assert set(references(text.encode())) == named - set(own)


_NAMES = st.sampled_from(
    [
        "source_ref", "object_refs", "created_by_ref", "created_by_refs", "marking_ref",
        "object_marking_refs", "object_marking_ref", "marking_refs", "name", "_ref", "_refs",
        'x"_ref', '"created_by_ref', ',"created_by_ref', "\\_refs", "{\"marking_ref",
    ]
)  # fmt: skip
_LEAVES = st.sampled_from([*IDS, "x", "", "]", '"', "\\", f'"a_ref":"{ONE}"', 1, None, True])
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=5))
def test_whatever_an_object_holds_it_agrees_with_a_plain_walk(held: dict[str, Any]) -> None:
    assert references(canonical_json(held)) == tuple(sorted(naive(held)))
