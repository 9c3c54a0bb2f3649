"""Labels as text, as documents, and their join."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, canonical_json, parse_json
from ringwall.labels import (
    NOBODY,
    Label,
    Tlp,
    format_label,
    join,
    label_document,
    label_from_document,
    parse_label,
)

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name != NOBODY
)
name_lists = st.none() | st.lists(names, max_size=4).map(lambda each: tuple(sorted(set(each))))
understood = st.builds(Label, tlp=st.sampled_from(Tlp), rel_to=name_lists)
any_label = st.builds(
    Label,
    tlp=st.none() | st.sampled_from(Tlp),
    rel_to=name_lists,
    policy=st.sampled_from(["", "ALLIED", "NATIONAL"]),
    classification=st.sampled_from(["", "SECRET", "RESTRICTED"]),
    unknown=st.lists(st.text(max_size=5), max_size=3).map(lambda each: tuple(sorted(set(each)))),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def test_tlp_ranks_rise_with_strictness() -> None:
    assert [tlp.rank for tlp in Tlp] == [0, 1, 2, 3, 4]
    assert Tlp.CLEAR.rank < Tlp.AMBER.rank < Tlp.AMBER_STRICT.rank < Tlp.RED.rank


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("TLP:CLEAR", Label(Tlp.CLEAR)),
        ("TLP:WHITE", Label(Tlp.CLEAR)),
        (" tlp:amber+strict ", Label(Tlp.AMBER_STRICT)),
        ("TLP:AMBER//REL TO bb, aa", Label(Tlp.AMBER, ("aa", "bb"))),
        ("tlp:red // rel  to AA,aa", Label(Tlp.RED, ("aa",))),
        ("TLP:GREEN//REL TO NONE", Label(Tlp.GREEN, ())),
    ],
)
def test_expressions_that_are_read(text: str, label: Label) -> None:
    assert parse_label(text) == label


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "tlp"),
        ("AMBER", "tlp"),
        ("TLP:", "tlp"),
        ("TLP:PURPLE", "tlp"),
        ("TLP:AMBER STRICT", "tlp"),
        ("TLP:AMBER TLP:RED", "tlp"),
        ("PAP:AMBER", "tlp"),
        ("REL TO aa", "tlp"),
        ("TLP:AMBER//", "rel-to"),
        ("TLP:AMBER//NOFORN", "rel-to"),
        ("TLP:AMBER//RELTO aa", "rel-to"),
        ("TLP:AMBER//REL TO", "rel-to"),
        ("TLP:AMBER//REL TO aa, none", "rel-to"),
        ("TLP:AMBER//REL TO ,", "name"),
        ("TLP:AMBER//REL TO aa,", "name"),
        ("TLP:AMBER//REL TO aa bb", "name"),
        ("TLP:AMBER//REL TO aa//REL TO bb", "name"),
        ("TLP:AMBER//REL TO aa//NOFORN", "name"),
        ("TLP:AMBER//REL TO " + "a" * 64, "name"),
        ("TLP:AMBER//REL TO " + "aa, " * 2000 + "aa", "size"),
    ],
)
def test_expressions_that_are_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_label(text)
    assert (caught.value.field, caught.value.rule) == ("label", rule)


@given(understood)
def test_parse_reads_what_format_writes(label: Label) -> None:
    assert parse_label(format_label(label)) == label


@given(any_label)
def test_what_is_not_understood_cannot_be_read_back(label: Label) -> None:
    whole = label.tlp and not (label.policy or label.classification or label.unknown)
    if not whole:
        with pytest.raises(InvalidInput):
            parse_label(format_label(label))


@given(any_label)
def test_documents_round_trip_through_canonical_bytes(label: Label) -> None:
    document = parse_json(canonical_json(label_document(label)))
    assert label_from_document(document) == label


@given(json_values)
def test_any_document_is_read_and_only_known_fields_grant(document: Any) -> None:
    label = label_from_document(document)
    again = label_from_document(label_document(label))
    assert again == label
    known = {"tlp", "rel_to", "policy", "classification", "unknown"}
    if not isinstance(document, dict) or set(document) - known:
        assert label.unknown


def test_a_field_of_a_later_version_is_kept_as_unknown() -> None:
    label = label_from_document({"tlp": "GREEN", "pap": "AMBER"})
    assert label == Label(Tlp.GREEN, unknown=("pap",))
    assert label_document(label) == {"tlp": "GREEN", "unknown": ["pap"]}


@pytest.mark.parametrize(
    ("document", "unknown"),
    [
        ({"tlp": "WHITE"}, ("tlp",)),
        ({"tlp": "amber"}, ("tlp",)),
        ({"tlp": ["RED"]}, ("tlp",)),
        ({"tlp": None}, ("tlp",)),
        ({"tlp": "RED", "rel_to": "aa"}, ("rel_to",)),
        ({"tlp": "RED", "rel_to": ["AA"]}, ("rel_to",)),
        ({"tlp": "RED", "rel_to": [1]}, ("rel_to",)),
        ({"tlp": "RED", "rel_to": None}, ("rel_to",)),
        ({"tlp": "RED", "policy": 1}, ("policy",)),
        ({"tlp": "RED", "classification": ""}, ("classification",)),
        ({"tlp": "RED", "unknown": "x"}, ("unknown",)),
        ({"tlp": "RED", "unknown": [1]}, ("unknown",)),
        ({"tlp": "RED", "unknown": ["x" * 201]}, ("unknown",)),
        ({"tlp": "RED", "unknown": [str(n) for n in range(65)]}, ("unknown",)),
        ({"tlp": "RED", "policy": "x" * 201}, ("policy",)),
        ("TLP:CLEAR", ("label",)),
        (None, ("label",)),
    ],
)
def test_an_ill_formed_field_is_named(document: Any, unknown: tuple[str, ...]) -> None:
    assert label_from_document(document).unknown == unknown


def test_an_ill_formed_rel_to_does_not_turn_into_no_rel_to() -> None:
    assert label_from_document({"tlp": "RED", "rel_to": "aa"}).rel_to == ()


@given(any_label)
def test_join_of_one_is_itself(label: Label) -> None:
    assert join([label]) == label
    assert join([label, label]) == label


@given(any_label, any_label, any_label)
def test_join_is_associative_and_commutative(one: Label, two: Label, three: Label) -> None:
    assert join([one, two]) == join([two, one])
    assert join([join([one, two]), three]) == join([one, join([two, three])])
    assert join([one, two, three]) == join([one, join([two, three])])


@given(any_label, any_label)
def test_join_is_at_least_as_strict_as_each_part(one: Label, two: Label) -> None:
    both = join([one, two])
    for part in (one, two):
        assert both.tlp is None or (part.tlp is not None and both.tlp.rank >= part.tlp.rank)
        assert part.rel_to is None or set(both.rel_to or ()) <= set(part.rel_to)
        assert part.rel_to is None or both.rel_to is not None
        assert set(part.unknown) <= set(both.unknown)
        assert not part.policy or both.policy


def test_join_by_example() -> None:
    amber = Label(Tlp.AMBER, ("aa", "bb"))
    strict = Label(Tlp.AMBER_STRICT, ("bb", "cc"))
    assert join([amber, strict]) == Label(Tlp.AMBER_STRICT, ("bb",))
    assert join([amber, Label(Tlp.RED)]) == Label(Tlp.RED, ("aa", "bb"))
    assert join([amber, Label()]) == Label(None, ("aa", "bb"))
    two = [Label(Tlp.RED, policy="A"), Label(Tlp.RED, policy="B")]
    assert join(two).unknown == ("policy",)


def test_the_join_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no labels"):
        join([])
