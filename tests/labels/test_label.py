"""The label itself: its levels, and the part of it that decisions look at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringwall.core import InvalidInput, format_timestamp, parse_timestamp
from ringwall.labels import Category, Confidentiality, Iep, Label, Pap, Tlp, acs_text, for_decision
from ringwall.labels.label import counted_tlp, in_order, read_moment, read_pap, read_tlp
from tests.labels.any_label import ACS_PROPERTIES, labels


def test_tlp_ranks_rise_with_strictness() -> None:
    assert [tlp.rank for tlp in Tlp] == [0, 1, 2, 3, 4]
    assert Tlp.CLEAR.rank < Tlp.AMBER.rank < Tlp.AMBER_STRICT.rank < Tlp.RED.rank


def test_pap_ranks_rise_with_strictness() -> None:
    assert [pap.rank for pap in (Pap.CLEAR, Pap.GREEN, Pap.AMBER, Pap.RED)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "tlp", "pap"),
    [
        ("white", Tlp.CLEAR, Pap.CLEAR),
        ("Clear", Tlp.CLEAR, Pap.CLEAR),
        ("amber+strict", Tlp.AMBER_STRICT, None),
        ("RED", Tlp.RED, Pap.RED),
        ("", None, None),
        ("PURPLE", None, None),
        (" RED", None, None),
        ("wh\u0131te", None, None),
        ("amber+\u017ftrict", None, None),
    ],
)
def test_levels_are_read_in_any_case(text: str, tlp: Tlp | None, pap: Pap | None) -> None:
    assert (read_tlp(text), read_pap(text)) == (tlp, pap)


@given(st.lists(st.text(max_size=3)))
def test_names_are_sorted_and_stand_once(names: list[str]) -> None:
    assert list(in_order(names)) == sorted(set(names))


def test_a_moment_has_one_written_form() -> None:
    assert read_moment("2026-01-02T03:04:05.6Z") == "2026-01-02T03:04:05.600000Z"
    assert read_moment("0001-01-02T00:00:00Z") == "0001-01-02T00:00:00.000000Z"


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-02", "0001-01-01T23:59:59.9Z", "9999-12-31T00:00:00Z", "9999-12-31T23:59:60Z"],
)
def test_a_moment_that_nothing_can_be_reckoned_with_is_none(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_moment(text)
    assert caught.value.rule == "timestamp"


@given(labels)
def test_the_part_for_decisions_is_its_own(label: Label) -> None:
    assert for_decision(for_decision(label)) == for_decision(label)


@given(labels)
def test_the_part_for_decisions_leaves_out_only_what_nothing_depends_on(label: Label) -> None:
    part = for_decision(label)
    assert part.tlp == counted_tlp(label)
    for field in ("rel_to", "pap", "review", "unknown"):
        assert getattr(part, field) == getattr(label, field)
    assert (part.confidentiality is None) == (label.confidentiality is None)
    if part.confidentiality is not None and label.confidentiality is not None:
        assert part.confidentiality == replace(label.confidentiality, privacy_mark="")
    assert {(each.start, each.end) for each in part.iep} == {
        (each.start, each.end) for each in label.iep
    }
    assert bool(part.acs) == bool(label.acs)


def test_labels_that_differ_for_people_only_make_one_release_class() -> None:
    def label(note: str) -> Label:
        return Label(
            Tlp.GREEN,
            confidentiality=Confidentiality("ALLIED", "SECRET", privacy_mark=note),
            alternatives=(Confidentiality("ARDEN", "HIGH", privacy_mark=note),),
            iep=(Iep(name=note, id=note),),
            acs=(acs_text({**ACS_PROPERTIES, "name": note}),),
            created=format_timestamp(parse_timestamp(f"2026-01-0{len(note)}T00:00:00Z")),
        )

    assert label("a") != label("bb")
    assert for_decision(label("a")) == for_decision(label("bb"))


def test_alternatives_without_a_classification_are_freed_of_their_marks_too() -> None:
    stated = Confidentiality("ARDEN", "HIGH", privacy_mark="for A only")
    assert for_decision(Label(Tlp.RED, alternatives=(stated,))).alternatives == (
        Confidentiality("ARDEN", "HIGH"),
    )


def test_a_tag_that_its_label_calls_informative_is_left_to_the_decision() -> None:
    # Without it, a label could free itself of a restrictive tag and no gate would ever see it.
    tag = Category("CAVEAT", ("ATOMIC",), "informative")
    label = Label(confidentiality=Confidentiality("ALLIED", "SECRET", (tag,)))
    assert for_decision(label) == label


@pytest.mark.parametrize(
    ("label", "tlp"),
    [
        (Label(Tlp.GREEN, iep=(Iep(tlp="amber"), Iep(tlp="RED"), Iep())), Tlp.RED),
        (Label(Tlp.AMBER_STRICT, iep=(Iep(tlp="amber"),)), Tlp.AMBER_STRICT),
        (Label(Tlp.GREEN, iep=(Iep(tlp="white"),)), Tlp.GREEN),
        (Label(confidentiality=Confidentiality("P", "HIGH"), iep=(Iep(tlp="red"),)), Tlp.RED),
        (Label(iep=(Iep(tlp="white"),)), None),
    ],
)
def test_the_tlp_of_an_iep_counts_and_opens_nothing(label: Label, tlp: Tlp | None) -> None:
    assert counted_tlp(label) == for_decision(label).tlp == tlp
