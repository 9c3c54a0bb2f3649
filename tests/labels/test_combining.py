"""Several marks on one thing."""

import pytest
from hypothesis import given

from ringwall.labels import Confidentiality, Label, Pap, Tlp, acs_text
from ringwall.labels.combining import combined, not_understood
from tests.labels.any_label import labels


@given(labels, labels)
def test_what_carries_two_marks_is_as_strict_as_each(one: Label, two: Label) -> None:
    both = combined([one, two])
    assert combined([two, one]) == both
    for part in (one, two):
        assert not part.tlp or (both.tlp and both.tlp.rank >= part.tlp.rank)
        assert not part.pap or (both.pap and both.pap.rank >= part.pap.rank)
        assert part.rel_to is None or set(both.rel_to or ()) <= set(part.rel_to)
        assert part.rel_to is None or both.rel_to is not None
        assert set(part.iep) <= set(both.iep)
        assert set(part.acs) <= set(both.acs)
        assert not part.review or both.review <= part.review
        assert part.confidentiality in {None, both.confidentiality} or both.unknown
        assert set(part.unknown) <= set(both.unknown)


@given(labels)
def test_a_mark_that_stands_twice_says_no_more(label: Label) -> None:
    assert combined([label]) == label
    assert combined([label, label]) == label


def test_a_mark_that_is_silent_on_tlp_takes_no_tlp_away() -> None:
    parts = [Label(Tlp.AMBER), Label(pap=Pap.RED), Label(acs=(acs_text({}),)), Label(rel_to=("a",))]
    assert combined(parts) == Label(Tlp.AMBER, ("a",), pap=Pap.RED, acs=("{}",))


def test_an_alternative_counts_only_if_every_classification_offers_it() -> None:
    secret, other = Confidentiality("NATO", "SECRET"), Confidentiality("ARDEN", "GEHEIM")
    offered = Label(confidentiality=secret, alternatives=(other,))
    assert combined([offered, Label(Tlp.RED)]).alternatives == (other,)
    assert combined([offered, Label(confidentiality=secret)]).alternatives == ()


def test_names_of_what_is_not_understood_are_short_and_sorted() -> None:
    assert not_understood("b" * 999, "a").unknown == ("a", "b" * 200)


def test_no_marks_have_no_label() -> None:
    with pytest.raises(ValueError, match="no marks"):
        combined([])
