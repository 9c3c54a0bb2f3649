"""Labels as an alliance knows them: every name is known, every marking valid, or it is refused."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ringwall.alliance import known_policies, load_alliance, resolve_label, why_invalid
from ringwall.core import BadConfiguration, InvalidInput
from ringwall.labels import Category, Confidentiality, Label, Tlp, join, parse_label
from ringwall.policy import ReleaseClass, decide_member
from tests.alliance.test_classifications import DESCRIPTION
from tests.alliance.test_loading import DEMO

LABELS = {
    "plain": "TLP:GREEN",
    "atomic": "CLASS ALLIED:SECRET//CAT CAVEAT=ATOMIC//REL TO aa//PAP:AMBER//REVIEW 2030-01-01",
}
ALLIANCE = load_alliance(json.dumps({**DESCRIPTION, "labels": LABELS}))
SECRET = Confidentiality("ALLIED", "SECRET")


def test_a_named_label_may_say_all_that_an_expression_can() -> None:
    assert resolve_label(ALLIANCE, " atomic ") == parse_label(LABELS["atomic"])
    assert resolve_label(ALLIANCE, "plain") == Label(Tlp.GREEN)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("unheard", "unknown-label"),
        ("TLP:RED//REL TO zz", "unknown-name"),
        ("CLASS GONE:SECRET", "classification"),
        ("CLASS ALLIED:TOP", "classification"),
        ("CLASS allied:SECRET", "classification"),
        ("CLASS ALLIED:RESTRICTED", "classification"),
        ("CLASS ALLIED:SECRET//CAT GONE=A", "category"),
        ("CLASS ALLIED:SECRET//CAT CAVEAT=GONE", "category"),
        ("CLASS ALLIED:SECRET//CAT CAVEAT=OLD", "category"),
        ("CLASS ALLIED:OPEN//CAT CAVEAT=ATOMIC", "category"),
        ("TLP:AMBER//NOFORN", "part"),
    ],
)
def test_what_the_alliance_does_not_know_is_refused_when_said_and_when_named(
    text: str, rule: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_label(ALLIANCE, text)
    assert (caught.value.field, caught.value.rule) == ("label", rule)
    if ":" in text:
        with pytest.raises(BadConfiguration) as refused:
            load_alliance(json.dumps({**DESCRIPTION, "labels": {"named": text}}))
        assert (refused.value.field, refused.value.rule) == ("/labels/named", rule)


@pytest.mark.parametrize(
    ("stated", "rule"),
    [
        (SECRET, ""),
        (replace(SECRET, policy_uri="urn:oid:1.2.3"), ""),
        (replace(SECRET, policy_uri="urn:oid:9.9"), "classification"),
        (Confidentiality("HOME", "HIGH", policy_uri="urn:any"), ""),
        (replace(SECRET, categories=(Category("CAVEAT", ("ATOMIC",), "restrictive"),)), ""),
        (replace(SECRET, categories=(Category("CAVEAT", ("ATOMIC",), "informative"),)), "category"),
        (replace(SECRET, categories=(Category("CAVEAT", ("ATOMIC",), "permissive"),)), "category"),
        (replace(SECRET, categories=(Category("EYES", ("A",), "", "urn:eyes"),)), ""),
        (replace(SECRET, categories=(Category("EYES", ("A",), "", "urn:other"),)), "category"),
        (replace(SECRET, categories=(Category("EYES", ("A", "C")),)), "category"),
    ],
)
def test_a_classification_is_valid_as_its_policy_says(stated: Confidentiality, rule: str) -> None:
    found, why = why_invalid(stated, ALLIANCE.policies)
    assert found == rule
    assert bool(why) == bool(rule)


def test_labels_are_joined_as_the_alliance_ranks_them() -> None:
    texts = [
        "CLASS ALLIED:OPEN//CAT EYES=A, B//REL TO aa",
        "CLASS ALLIED:SECRET//CAT EYES=B//REL TO aa",
    ]
    both = join(map(parse_label, texts), known_policies(ALLIANCE))
    assert both == parse_label("CLASS ALLIED:SECRET//CAT EYES=B//REL TO aa")


@pytest.mark.parametrize("text", ["CLASS HOME:LOW", "CLASS ALLIED:TOP", "CLASS GONE:LOW"])
def test_labels_without_a_common_order_make_a_product_that_denies(text: str) -> None:
    parts = [parse_label("CLASS ALLIED:SECRET"), parse_label(text)]
    assert join(parts, known_policies(ALLIANCE)).unknown


@pytest.mark.parametrize(
    ("text", "recipients"),
    [
        ("glass", {"arden", "borduria"}),
        ("CLASS ALLIED:SECRET//REL TO allies", {"arden", "borduria"}),
        ("CLASS ALLIED:RESTRICTED//REL TO allies", {"arden", "borduria", "caledon"}),
        ("CLASS ARDEN:OPEN//REL TO allies", {"arden", "borduria", "caledon"}),
        ("CLASS ARDEN:GUARDED//CAT NEED=GLASS//REL TO allies", {"arden", "borduria"}),
        ("CLASS ALLIED:RESTRICTED", {"arden"}),
        ("CLASS ALLIED:UNCLASSIFIED//REL TO dorne", {"arden"}),
    ],
)
def test_classified_labels_of_the_demonstration_reach_whom_they_should(
    text: str, recipients: set[str]
) -> None:
    demo = load_alliance(DEMO.read_bytes())
    released = ReleaseClass("arden", "indicator", resolve_label(demo, text))
    at = datetime(2026, 11, 22, tzinfo=UTC)
    found = {name for name in demo.members if decide_member(demo, released, name, at).permit}
    assert found == recipients
