"""MISP tags that say something of release."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.labels import Iep, Label, Pap, Tlp
from ringwall.labels.tags import is_mark, tag_marks


@pytest.mark.parametrize(
    ("tag", "mark"),
    [
        ("tlp:amber+strict", Label(Tlp.AMBER_STRICT)),
        ("PAP:RED", Label(pap=Pap.RED)),
        ("PAP:AMBER", Label(pap=Pap.AMBER)),
        ("pap:green", Label(pap=Pap.GREEN)),
        ("PAP:CLEAR", Label(pap=Pap.CLEAR)),
        ("PAP:WHITE", Label(pap=Pap.CLEAR)),
        ("\uff30\uff21\uff30:red", Label(pap=Pap.RED)),
        ("pa\u200bp: red ", Label(pap=Pap.RED)),
        ('iep2-policy:tlp="red"', Label(Tlp.RED, iep=(Iep(tlp="red"),))),
        ('iep2\u2060-policy:tlp="\uff52\uff45\uff44"', Label(Tlp.RED, iep=(Iep(tlp="red"),))),
    ],
)
def test_a_tag_that_is_understood(tag: str, mark: Label) -> None:
    assert is_mark(tag)
    assert tag_marks(["x", tag]) == [mark]


@pytest.mark.parametrize(
    "tag",
    [
        "pap:purple",
        "PAP:",
        "tlp:ex:chr",
        'iep2-policy:tlp="purple"',
        "iep2-policy",
        'iep2-reference:id_ref="x"',
        'iep:traffic-light-protocol="RED"',
        'nato:classification="NS"',
        'dni-ism:classification:us="TS"',
        'ais-marking:TLPMarking="RED"',
        'misp-galaxy:acs-marking="x"',
        'MISP-Galaxy: ACS-Marking ="x"',
    ],
)
def test_a_tag_that_is_not_understood_denies(tag: str) -> None:
    assert is_mark(tag)
    assert tag_marks([tag]) == [Label(unknown=(tag,))]


@pytest.mark.parametrize(
    "tag", ["", "tlp", "pap", "paprika:red", 'misp-galaxy:tool="x"', "type:OSINT", "xtlp:red"]
)
def test_other_tags_are_no_marks(tag: str) -> None:
    assert not is_mark(tag)
    assert tag_marks([tag]) == []


def test_policy_tags_that_contradict_each_other_are_all_named() -> None:
    two = ['iep2-policy:tlp="red"', 'iep2-policy:tlp="white"']
    assert tag_marks(two) == [Label(unknown=tuple(two))]


@given(st.text(max_size=20) | st.from_regex(r"(tlp|pap|iep2-policy|nato):.{0,8}"))
def test_a_tag_is_a_mark_exactly_if_it_says_something(tag: str) -> None:
    """What is surely none lets an object share the label of others."""
    assert bool(tag_marks([tag])) == is_mark(tag)


def test_every_tag_of_the_pap_taxonomy_is_understood(ringwall_data: Path) -> None:
    taxonomy = json.loads((ringwall_data / "taxonomies" / "PAP.json").read_text())
    found = [tag_marks([f"PAP:{each['value']}"])[0] for each in taxonomy["predicates"]]
    assert [each.pap for each in found] == [
        Pap.RED, Pap.AMBER, Pap.GREEN, Pap.CLEAR, Pap.CLEAR
    ]  # fmt: skip
