"""Terms: written back as they were read, and nothing that is not understood is forgotten."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import canonical_json, parse_json
from ringwall.labels import NO_TERMS, Terms, terms_document, terms_from_document
from ringwall.labels.terms import MOST_HOPS
from tests.labels.any_label import json_values, moments

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


def _sorted_tuples(items: Any) -> Any:
    return st.lists(items, max_size=4).map(lambda each: tuple(sorted(set(each))))


terms = st.builds(
    Terms,
    sectors=_sorted_tuples(names),
    embargo=st.just("") | moments,
    onward_to=_sorted_tuples(names),
    hops=st.integers(0, MOST_HOPS),
    unknown=_sorted_tuples(st.text(max_size=5)),
)
FIELDS = sorted(Terms.__struct_fields__)
nearly = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), json_values, max_size=5)


@given(terms)
def test_terms_round_trip_through_canonical_bytes(stated: Terms) -> None:
    assert terms_from_document(parse_json(canonical_json(terms_document(stated)))) == stated


@given(nearly | json_values)
def test_any_document_is_read_and_what_is_not_understood_is_named(document: Any) -> None:
    read = terms_from_document(document)
    assert terms_from_document(terms_document(read)) == read
    if not isinstance(document, dict):
        assert read == Terms(unknown=("terms",))
        return
    for field, value in document.items():
        assert field in read.unknown or field in FIELDS
        assert field in read.unknown or not value or getattr(read, field)


def test_no_terms_are_an_empty_document() -> None:
    assert terms_document(NO_TERMS) == {}
    assert terms_from_document({}) is NO_TERMS


@pytest.mark.parametrize(
    ("document", "unknown"),
    [
        ({"sectors": "energy"}, "sectors"),
        ({"sectors": ["Energy"]}, "sectors"),
        ({"sectors": [1]}, "sectors"),
        ({"sectors": None}, "sectors"),
        ({"sectors": [f"s{n}" for n in range(257)]}, "sectors"),
        ({"onward_to": {"arden": 1}}, "onward_to"),
        ({"onward_to": [["arden"]]}, "onward_to"),
        ({"embargo": ""}, "embargo"),
        ({"embargo": None}, "embargo"),
        ({"embargo": 0}, "embargo"),
        ({"embargo": "2027-01-01"}, "embargo"),
        ({"embargo": "9999-12-31T23:59:59Z"}, "embargo"),
        ({"embargo": "0001-01-01T00:00:00Z"}, "embargo"),
        ({"hops": -1}, "hops"),
        ({"hops": MOST_HOPS + 1}, "hops"),
        ({"hops": True}, "hops"),
        ({"hops": 1.0}, "hops"),
        ({"hops": "1"}, "hops"),
        ({"unknown": "x"}, "unknown"),
        ({"unknown": [1]}, "unknown"),
        ({"expires": "2027-01-01T00:00:00Z"}, "expires"),
        ([], "terms"),
        (None, "terms"),
    ],
)
def test_an_ill_formed_field_is_named(document: Any, unknown: str) -> None:
    assert terms_from_document(document) == Terms(unknown=(unknown,))


def test_much_that_is_unknown_is_not_all_kept_and_still_denies() -> None:
    read = terms_from_document({f"{n:04}" + "x" * 300: n for n in range(500)})
    assert len(read.unknown) == 256
    assert max(map(len, read.unknown)) == 200
    assert terms_from_document(terms_document(read)) == read


def test_lists_are_sorted_and_moments_have_one_form() -> None:
    document = {"onward_to": ["bb", "aa", "bb"], "hops": 2, "embargo": "2027-01-01T00:00:00Z"}
    assert terms_from_document(document) == Terms(
        embargo="2027-01-01T00:00:00.000000Z", onward_to=("aa", "bb"), hops=2
    )
