"""Labels as people write them: wholly understood or refused, with a rule that says why."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringwall.core import InvalidInput
from ringwall.labels import (
    NOBODY,
    Category,
    Confidentiality,
    Iep,
    Label,
    Pap,
    Tlp,
    acs_text,
    format_label,
    parse_label,
)
from ringwall.labels.confidentiality import categories
from tests.labels.any_label import ACS_PROPERTIES, labels, moments

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name != NOBODY
)
words = st.text(
    st.characters(exclude_characters="/:=,", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda text: text == " ".join(text.split()))
tags = st.builds(
    Category, tag=words, values=st.lists(words, min_size=1, max_size=3).map(lambda v: tuple(v))
)
classified = st.builds(
    Confidentiality,
    policy=words,
    classification=words,
    categories=st.lists(tags, max_size=3).map(categories),
)
writable = st.builds(
    Label,
    tlp=st.none() | st.sampled_from(Tlp),
    rel_to=st.none() | st.lists(names, max_size=4).map(lambda each: tuple(sorted(set(each)))),
    confidentiality=st.none() | classified,
    pap=st.none() | st.sampled_from(Pap),
    review=st.just("") | moments,
).filter(lambda label: label.tlp or label.confidentiality)

SECRET = Confidentiality("ALLIED", "SECRET")
DAY = "2027-05-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("TLP:CLEAR", Label(Tlp.CLEAR)),
        ("TLP:WHITE", Label(Tlp.CLEAR)),
        (" tlp:amber+strict ", Label(Tlp.AMBER_STRICT)),
        ("TLP:AMBER//REL TO bb, aa", Label(Tlp.AMBER, ("aa", "bb"))),
        ("tlp:red // rel  to AA,aa", Label(Tlp.RED, ("aa",))),
        ("TLP:GREEN//REL TO NONE", Label(Tlp.GREEN, ())),
        ("rel to aa//TLP:GREEN", Label(Tlp.GREEN, ("aa",))),
        ("TLP:GREEN//pap:white", Label(Tlp.GREEN, pap=Pap.CLEAR)),
        ("TLP:GREEN//PAP:AMBER", Label(Tlp.GREEN, pap=Pap.AMBER)),
        ("TLP:GREEN//REVIEW 2027-05-01", Label(Tlp.GREEN, review=DAY)),
        ("TLP:GREEN//REVIEW 2027-05-01t00:00:00z", Label(Tlp.GREEN, review=DAY)),
        ("CLASS ALLIED:SECRET", Label(confidentiality=SECRET)),
        (
            "class  Allied Forces : Top  secret",
            Label(confidentiality=Confidentiality("Allied Forces", "Top secret")),
        ),
        ("TLP:RED//CLASS ALLIED:SECRET", Label(Tlp.RED, confidentiality=SECRET)),
        (
            "CLASS ALLIED:SECRET//CAT Caveat = ATOMIC, BOHEMIA//cat Release=ARD",
            Label(
                confidentiality=replace(
                    SECRET,
                    categories=(
                        Category("Caveat", ("ATOMIC", "BOHEMIA")),
                        Category("Release", ("ARD",)),
                    ),
                )
            ),
        ),
        (
            "CAT A=y//CLASS ALLIED:SECRET//CAT A=x, y",
            Label(confidentiality=replace(SECRET, categories=(Category("A", ("x", "y")),))),
        ),
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
        ("TLP MISSING", "tlp"),
        ("PAP:AMBER", "tlp"),
        ("REL TO aa", "tlp"),
        ("REVIEW 2027-05-01", "tlp"),
        ("TLP:AMBER//", "part"),
        ("TLP:AMBER////REL TO aa", "part"),
        ("TLP:AMBER//NOFORN", "part"),
        ("TLP:AMBER//RELTO aa", "part"),
        ("TLP:AMBER//REL TOO aa", "part"),
        ("TLP:AMBER//IEP one", "part"),
        ("TLP:AMBER//REL TO aa//NOFORN", "part"),
        ("TLP:AMBER//CLAß ALLIED:SECRET", "part"),
        ("TLP:AMBER//CLA\u017fS ALLIED:SECRET", "part"),
        ("TLP:AMBER//CLASSALLIED:SECRET", "part"),
        ("TLP:AMBER//TLP:RED", "repeated"),
        ("TLP:AMBER//REL TO aa//REL TO bb", "repeated"),
        ("TLP:AMBER//PAP:RED//PAP:RED", "repeated"),
        ("CLASS A:B//CLASS A:C", "repeated"),
        ("TLP:AMBER//REVIEW 2027-05-01//REVIEW 2028-05-01", "repeated"),
        ("TLP:AMBER//REL TO", "rel-to"),
        ("TLP:AMBER//rel to ", "rel-to"),
        ("TLP:AMBER//REL TO aa, none", "rel-to"),
        ("TLP:AMBER//REL TO ,", "name"),
        ("TLP:AMBER//REL TO aa,", "name"),
        ("TLP:AMBER//REL TO aa bb", "name"),
        ("TLP:AMBER//REL TO " + "a" * 64, "name"),
        ("TLP:AMBER//REL TO " + "aa, " * 2000 + "aa", "size"),
        ("TLP:AMBER//PAP:", "pap"),
        ("TLP:AMBER//PAP:AMBER+STRICT", "pap"),
        ("TLP:AMBER//CLASS", "classification"),
        ("TLP:AMBER//CLASS ALLIED", "classification"),
        ("CLASS :SECRET", "classification"),
        ("CLASS ALLIED:", "classification"),
        ("CLASS ALLIED:SECRET:RED", "classification"),
        ("CLASS AL=LIED:SECRET", "classification"),
        ("CLASS ALLIED:SECRET/RED", "classification"),
        ("TLP:wh\u0131te", "tlp"),
        ("TLP:GREEN//REL TO \u212ailo", "name"),
        ("TLP:GREEN//REL TO arden, \u212ailo", "name"),
        ("CLASS ALLIED:SECRET, RED", "classification"),
        ("TLP:AMBER//CAT A=x", "category"),
        ("CLASS A:B//CAT", "category"),
        ("CLASS A:B//CAT A", "category"),
        ("CLASS A:B//CAT A=", "category"),
        ("CLASS A:B//CAT =x", "category"),
        ("CLASS A:B//CAT A=x,", "category"),
        ("CLASS A:B//CAT A=x=y", "category"),
        ("CLASS A:B//CAT A:x=y", "category"),
        ("CLASS A:B//CAT A=x/y", "category"),
        ("TLP:AMBER//REVIEW", "review"),
        ("TLP:AMBER//REVIEW soon", "review"),
        ("TLP:AMBER//REVIEW 2027-02-29", "review"),
        ("TLP:AMBER//REVIEW 2027-05-01T00:00:00+02:00", "review"),
        ("TLP:AMBER//REVIEW 9999-12-31", "review"),
    ],
)
def test_expressions_that_are_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_label(text)
    assert (caught.value.field, caught.value.rule) == ("label", rule)


@given(writable)
def test_parse_reads_what_format_writes(label: Label) -> None:
    assert parse_label(format_label(label)) == label


@given(writable)
def test_keywords_and_names_may_be_written_in_any_case(label: Label) -> None:
    if label.confidentiality is None:
        assert parse_label(format_label(label).lower()) == label
        assert parse_label(format_label(label).upper()) == label


@given(labels)
def test_a_label_is_read_back_as_it_was_or_refused(label: Label) -> None:
    with contextlib.suppress(InvalidInput):
        assert parse_label(format_label(label)) == replace(label, created="")


@given(st.text(max_size=40) | st.lists(st.sampled_from(
    ["TLP:", "RED", "//", "CLASS ", "a", ":", "CAT ", "=", ",", " ", "REL TO ", "NONE", "PAP:"]
)).map("".join))  # fmt: skip
def test_what_is_read_can_be_written_and_is_the_same(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        label = parse_label(text)
        assert parse_label(format_label(label)) == label


@pytest.mark.parametrize(
    "label",
    [
        Label(),
        Label(rel_to=("aa",), pap=Pap.RED),
        Label(Tlp.RED, unknown=("later",)),
        Label(Tlp.RED, iep=(Iep(),)),
        Label(Tlp.RED, iep=(Iep(name="x//REVIEW 2030-01-01"),)),
        Label(Tlp.RED, acs=(acs_text(ACS_PROPERTIES),)),
        Label(Tlp.RED, alternatives=(SECRET,)),
        Label(confidentiality=SECRET, alternatives=(SECRET,)),
        Label(confidentiality=replace(SECRET, policy_uri="urn:a")),
        Label(confidentiality=replace(SECRET, privacy_mark="for A")),
        Label(confidentiality=replace(SECRET, policy="ALLIED//PAP:RED//X")),
        Label(confidentiality=replace(SECRET, classification="SECRET/")),
        Label(confidentiality=replace(SECRET, classification=" SECRET")),
        Label(confidentiality=replace(SECRET, classification="")),
        Label(confidentiality=replace(SECRET, categories=(Category("A"),))),
        Label(confidentiality=replace(SECRET, categories=(Category("A", ("x,y",)),))),
        Label(confidentiality=replace(SECRET, categories=(Category("A", ("x",), "permissive"),))),
        Label(confidentiality=replace(SECRET, categories=(Category("A", ("x",), "", "urn:a"),))),
    ],
)
def test_what_has_no_written_form_cannot_be_read_back(label: Label) -> None:
    with pytest.raises(InvalidInput):
        parse_label(format_label(label))


def test_the_moment_at_which_a_label_was_made_is_not_written() -> None:
    assert format_label(Label(Tlp.RED, created=DAY)) == "TLP:RED"


def test_a_whole_label_as_people_read_it() -> None:
    text = "TLP:AMBER//CLASS ALLIED:SECRET//CAT CAVEAT=ATOMIC//PAP:GREEN//REL TO arden//REVIEW "
    assert format_label(parse_label(f"{text}2027-05-01")) == f"{text}{DAY}"
