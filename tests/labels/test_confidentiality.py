"""A classification: one canonical form, whatever order it was written in."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ringwall.labels import Category, Confidentiality
from ringwall.labels.confidentiality import categories, for_decision, in_canonical_form

parts = st.lists(
    st.builds(
        Category,
        tag=st.sampled_from(["A", "B"]),
        values=st.lists(st.sampled_from(["x", "y", "z"])).map(tuple),
        kind=st.sampled_from(["", "restrictive"]),
        uri=st.sampled_from(["", "urn:a"]),
    ),
    max_size=5,
)


@given(parts, st.randoms(use_true_random=False))
def test_the_order_of_categories_and_values_means_nothing(
    stated: list[Category], random: Random
) -> None:
    shuffled = random.sample(stated, len(stated))
    assert categories(shuffled) == categories(stated)


@given(parts)
def test_no_value_is_lost_and_none_is_made(stated: list[Category]) -> None:
    before = {(e.tag, e.kind, e.uri, value) for e in stated for value in e.values}
    canonical = categories(stated)
    after = [(e.tag, e.kind, e.uri, value) for e in canonical for value in e.values]
    assert sorted(before) == sorted(after)
    assert len({(e.tag, e.kind, e.uri) for e in canonical}) == len(canonical)
    assert {(e.tag, e.kind, e.uri) for e in stated} == {(e.tag, e.kind, e.uri) for e in canonical}


@given(parts)
def test_the_canonical_form_is_its_own(stated: list[Category]) -> None:
    once = in_canonical_form(Confidentiality("P", "C", tuple(stated), "urn:p", "mark"))
    assert in_canonical_form(once) == once
    assert (once.policy, once.policy_uri, once.privacy_mark) == ("P", "urn:p", "mark")


def test_a_decision_sees_all_but_the_mark_for_people() -> None:
    tags = (Category("A", ("x",), "informative"), Category("B", ("y",), "permissive"))
    stated = Confidentiality("P", "C", tags, "urn:p", "for people")
    assert for_decision(stated) == Confidentiality("P", "C", tags, "urn:p")
