"""Joins by example: what a product would otherwise have opened. Laws: tests/policy."""

from typing import Any

import pytest
from hypothesis import given

from ringwall.alliance import known_policies, load_alliance
from ringwall.labels import Label, join, label_from_document
from tests.labels.any_label import labels

KNOWN = known_policies(
    load_alliance(
        """
alliance: {id: joining, name: Joining, kind: exercise}
members:
  aa: {name: Aa, kind: nation, codes: [AAA]}
  bb: {name: Bb, kind: nation, codes: [BBB]}
groups: {both: [aa, bb]}
classification_policies:
  P:
    levels:
      LOW: {rank: 1, excludes: [R]}
      MID: {rank: 2, excludes: [S], excludes_values: [{tag: V, value: v1}]}
      HIGH: {rank: 3}
      OLD: {rank: 0, obsolete: true}
    tags:
      R: {kind: restrictive, values: [r1, r2, r3], obsolete: [r3]}
      S: {kind: restrictive, values: [s1]}
      V: {kind: restrictive, values: [v1, v2]}
      T: {kind: permissive, values: [t1, t2, t3], obsolete: [t3]}
      I: {kind: informative, values: [i1, i2]}
      REL: {kind: permissive, values: [AAA, BBB, ZZZ], releasable: true}
  Q:
    levels: {LOW: {rank: 1}}
"""
    )
)


def read(**document: Any) -> Label:
    return label_from_document(document)


def classified(level: str, policy: str = "P", **tags: Any) -> dict[str, Any]:
    categories = [
        each if isinstance(each, dict) else {"tag": name, "values": each}
        for name, each in tags.items()
    ]
    return {"policy": policy, "classification": level, "categories": categories}


def product(*documents: dict[str, Any]) -> Label:
    return join([label_from_document(each) for each in documents], KNOWN)


@given(labels)
def test_the_join_of_one_is_itself(label: Label) -> None:
    assert join([label]) == join([label, label]) == label


@given(labels, labels, labels)
def test_joins_without_an_alliance_keep_the_laws(one: Label, two: Label, three: Label) -> None:
    whole = join([one, two, three])
    assert join([three, two, one]) == whole
    assert join([join([one, two]), three]) == whole
    assert join([one, join([two, three])]) == whole
    assert join([whole, two]) == whole


def test_the_join_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no labels"):
        join([])


def test_red_without_rel_to_stays_closed() -> None:
    assert product({"tlp": "RED"}, {"tlp": "GREEN", "rel_to": ["aa"]}).rel_to == ()
    assert product({"tlp": "RED"}, {"tlp": "GREEN"}).rel_to is None
    assert product({"tlp": "AMBER"}, {"tlp": "GREEN", "rel_to": ["aa"]}).rel_to == ("aa",)
    both = product({"tlp": "RED", "rel_to": ["aa"]}, {"tlp": "GREEN", "rel_to": ["aa", "bb"]})
    assert both.rel_to == ("aa",)


def test_a_classification_without_rel_to_stays_closed() -> None:
    low = {"confidentiality": classified("LOW")}
    released = {"confidentiality": classified("LOW", REL=["AAA"])}
    assert product(low, {"tlp": "GREEN", "rel_to": ["aa"]}).rel_to == ()
    assert product(low, released).rel_to == ()
    assert product(low, {"tlp": "GREEN"}).rel_to is None
    assert product(released, {"tlp": "GREEN"}).rel_to is None
    assert product(released, {"tlp": "GREEN", "rel_to": ["aa"]}).rel_to == ("aa",)
    assert product({**released, "tlp": "RED"}, released).rel_to is None


def test_a_list_with_an_unknown_name_stays_closed() -> None:
    """At the gate such a list is for nobody: without the name it would be for somebody."""
    strange, plain = {"tlp": "GREEN", "rel_to": ["aa", "zz"]}, {"tlp": "GREEN", "rel_to": ["aa"]}
    assert product(strange, plain).rel_to == ()
    assert product(strange, strange).rel_to == ("aa", "zz")
    assert product(plain, {"tlp": "GREEN", "rel_to": ["aa", "both"]}).rel_to == ("aa",)
    one = {"confidentiality": classified("LOW", REL=["AAA", "ZZZ"])}
    two = {"confidentiality": classified("LOW", REL=["AAA"])}
    stated = product(one, two).confidentiality
    assert stated is not None
    assert stated.categories[0].values == ()
    three = {"confidentiality": classified("LOW", REL=["AAA", "BBB"])}
    stated = product(three, two).confidentiality
    assert stated is not None
    assert stated.categories[0].values == ("AAA",)


def test_the_highest_tlp_and_level() -> None:
    joined = product(
        {"tlp": "AMBER", "pap": "GREEN", "confidentiality": classified("HIGH")},
        {"tlp": "GREEN", "pap": "RED", "confidentiality": classified("LOW")},
    )
    assert (joined.tlp, joined.pap) == ("AMBER", "RED")
    assert joined.confidentiality is not None
    assert joined.confidentiality.classification == "HIGH"
    assert joined.unknown == ()


def test_a_part_without_any_level_is_not_understood() -> None:
    assert product({"tlp": "AMBER"}, {"pap": "RED"}).unknown == ("unlabelled",)
    assert product({"confidentiality": classified("LOW")}, {}).unknown == ("unlabelled",)
    assert product({"pap": "RED"}, {"rel_to": ["aa"]}).unknown == ()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (classified("LOW"), classified("LOW", policy="Q")),
        (classified("OLD"), classified("HIGH")),
        (classified("NONE"), classified("HIGH")),
        (classified("LOW", policy="X"), classified("HIGH", policy="X")),
        (classified("HIGH", Z=["z"]), classified("LOW")),
        (classified("HIGH", T=["t1", "t3"]), classified("HIGH", T=["t1"])),
        (classified("HIGH", T=["t1", "t9"]), classified("HIGH", T=["t1"])),
        (classified("LOW", R=["r1"]), classified("HIGH")),
        (classified("LOW", S=["s1"]), classified("MID")),
        (
            classified("HIGH", R={"tag": "R", "values": ["r1"], "kind": "permissive"}),
            classified("LOW"),
        ),
    ],
)
def test_what_is_not_valid_in_a_part_is_not_valid_in_the_product(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    joined = product({"confidentiality": one}, {"confidentiality": two})
    assert joined.unknown == ("classification",)


def test_a_tag_that_no_level_between_excludes() -> None:
    joined = product(
        {"confidentiality": classified("MID", R=["r1"])}, {"confidentiality": classified("HIGH")}
    )
    assert joined.unknown == ()


def test_restrictive_values_add_up_and_permissive_ones_are_shared() -> None:
    one = {"confidentiality": classified("HIGH", R=["r1"], T=["t1", "t2"], I=["i1"])}
    two = {"confidentiality": classified("MID", R=["r2"], T=["t2"], I=["i2"])}
    stated = product(one, two).confidentiality
    assert stated is not None
    assert {each.tag: each.values for each in stated.categories} == {
        "R": ("r1", "r2"),
        "T": ("t2",),
        "I": ("i1", "i2"),
    }
    nothing = {"confidentiality": classified("MID", T=["t1"])}
    stated = product(two, nothing).confidentiality
    assert stated is not None
    assert {each.tag: each.values for each in stated.categories}["T"] == ()


def test_a_permissive_tag_counts_where_it_stands() -> None:
    one = {"confidentiality": classified("HIGH", T=["t1"])}
    stated = product(one, {"confidentiality": classified("MID")}).confidentiality
    assert stated is not None
    assert [each.values for each in stated.categories] == [("t1",)]


def test_only_shared_wordings_stay() -> None:
    other = classified("LOW", policy="Q")
    with_it = {"confidentiality": classified("LOW"), "alternatives": [other]}
    assert len(product(with_it, {**with_it, "tlp": "RED"}).alternatives) == 1
    assert product(with_it, {"confidentiality": classified("LOW")}).alternatives == ()


def test_dates_and_markings_all_apply() -> None:
    early, late = "2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"
    one = read(tlp="RED", review=late, created=early, iep=[{"id": "a"}], acs=[{"a": 1}])
    two = read(tlp="RED", review=early, created=late, iep=[{"id": "b"}], acs=[{"b": 1}])
    joined = join([one, two, read(tlp="RED")], KNOWN)
    assert (joined.review, joined.created) == (early, late)
    assert len(joined.iep) == len(joined.acs) == 2


def test_privacy_marks_are_kept_apart() -> None:
    one, two = (
        {"confidentiality": {**classified("LOW"), "privacy_mark": mark}} for mark in ("b; a", "c")
    )
    stated = product(one, two).confidentiality
    assert stated is not None
    assert stated.privacy_mark == "a; b; c"


def test_a_value_that_a_level_between_excludes() -> None:
    parts = [{"confidentiality": classified(*each)} for each in (("LOW",), ("MID",), ("HIGH",))]
    parts[0]["confidentiality"]["categories"] = [{"tag": "V", "values": ["v1"]}]
    low, mid, high = (label_from_document(each) for each in parts)
    one = join([join([low, mid], KNOWN), high], KNOWN)
    assert one == join([low, join([mid, high], KNOWN)], KNOWN) == product(*parts)
    assert one.unknown == ("classification",)
    parts[0]["confidentiality"]["categories"] = [{"tag": "V", "values": ["v2"]}]
    assert product(*parts).unknown == ()


def test_a_wording_without_the_classification_that_it_words_stays_closed() -> None:
    alone = {"tlp": "GREEN", "alternatives": [classified("HIGH")]}
    for other in (
        {"tlp": "GREEN"},
        {"tlp": "GREEN", "confidentiality": classified("LOW")},
        {"tlp": "GREEN", "alternatives": [classified("LOW", "Q")]},
    ):
        assert "alternatives" in product(alone, other).unknown
        assert product(alone, other) == product(other, alone) == product(alone, other, alone)
    assert product(alone, alone) == label_from_document(alone)


def test_red_said_by_an_iep_without_rel_to_stays_closed() -> None:
    red = {"tlp": "GREEN", "iep": [{"tlp": "red"}]}
    assert product(red, {"tlp": "GREEN", "rel_to": ["aa"]}).rel_to == ()
    assert product({**red, "rel_to": ["aa"]}, {"tlp": "GREEN"}).rel_to == ("aa",)
