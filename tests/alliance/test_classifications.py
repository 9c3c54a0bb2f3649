"""Classification policies and clearances: what is read, and every contradiction in its place."""

import copy
import json
from typing import Any

import pytest

from ringwall.alliance import (
    Alliance,
    ClassificationPolicy,
    Clearance,
    Equivalence,
    Level,
    Tag,
    load_alliance,
)
from ringwall.core import BadConfiguration
from ringwall.labels import Category

POLICIES: dict[str, Any] = {
    "ALLIED": {
        "uri": "urn:oid:1.2.3",
        "levels": {
            "OPEN": {"rank": 0, "excludes": ["CAVEAT"]},
            "RESTRICTED": {"rank": 2, "obsolete": True},
            "SECRET": {"rank": 3, "assurance": 2, "zones": ["east", "west"]},
        },
        "tags": {
            "CAVEAT": {"kind": "restrictive", "values": ["ATOMIC", "OLD"], "obsolete": ["OLD"]},
            "RELEASE": {"kind": "permissive", "values": ["AAA", "BBB"], "releasable": True},
            "EYES": {"kind": "permissive", "values": ["A", "B"], "uri": "urn:eyes"},
        },
        "equivalences": [
            {
                "other": "HOME",
                "ours": "SECRET",
                "theirs": "HIGH",
                "categories": [
                    {"tag": "CAVEAT", "value": "ATOMIC", "other_tag": "NEED", "other_value": "NUC"}
                ],
            },
            {"other": "HOME", "ours": "OPEN", "theirs": "LOW"},
        ],
    },
    "HOME": {
        "levels": {"LOW": {"rank": 1}, "HIGH": {"rank": 2}},
        "tags": {
            "NEED": {"kind": "restrictive", "values": ["NUC"]},
            "ANY": {"kind": "permissive", "values": ["A"]},
            "REL": {"kind": "permissive", "values": ["AAA"], "releasable": True},
        },
        "equivalences": [{"other": "ALLIED", "ours": "HIGH", "theirs": "SECRET"}],
    },
}
CLEARED = {"ALLIED": {"classification": "SECRET", "categories": {"CAVEAT": ["ATOMIC"]}}}
DESCRIPTION: dict[str, Any] = {
    "alliance": {"id": "small", "name": "Small", "kind": "exercise"},
    "members": {
        "aa": {
            "name": "A",
            "kind": "nation",
            "clearances": CLEARED,
            "assertions": {"roles": ["analyst"], "clearances": CLEARED},
        }
    },
    "classification_policies": POLICIES,
    "readers": {
        "ann": {"member": "aa", "name": "Ann", "roles": ["analyst"], "clearances": CLEARED}
    },
}
ROOT = "/classification_policies"
OURS = "/classification_policies/ALLIED/equivalences"


def load(description: Any) -> Alliance:
    return load_alliance(json.dumps(description))


def changed(place: str, value: Any) -> dict[str, Any]:
    """The description with one place set; a number counts in a list, and may be the next one."""
    description = copy.deepcopy(DESCRIPTION)
    *path, last = place.strip("/").split("/")
    target: Any = description
    for part in path:
        target = target[int(part) if isinstance(target, list) else part]
    if isinstance(target, list):
        target[int(last) : int(last) + 1] = [value]
    else:
        target[last] = value
    return description


def test_policies_are_read_whole() -> None:
    allied = load(DESCRIPTION).policies["ALLIED"]
    assert allied == ClassificationPolicy(
        "ALLIED",
        "urn:oid:1.2.3",
        {
            "OPEN": Level("OPEN", 0, excludes=frozenset({"CAVEAT"})),
            "RESTRICTED": Level("RESTRICTED", 2, obsolete=True),
            "SECRET": Level("SECRET", 3, assurance=2, zones=frozenset({"east", "west"})),
        },
        {
            "CAVEAT": Tag(
                "CAVEAT", "restrictive", frozenset({"ATOMIC", "OLD"}), frozenset({"OLD"})
            ),
            "EYES": Tag("EYES", "permissive", frozenset({"A", "B"}), uri="urn:eyes"),
            "RELEASE": Tag("RELEASE", "permissive", frozenset({"AAA", "BBB"}), releasable=True),
        },
        (
            Equivalence("HOME", "SECRET", "HIGH", {("CAVEAT", "ATOMIC"): ("NEED", "NUC")}),
            Equivalence("HOME", "OPEN", "LOW"),
        ),
    )
    assert [allied.rank(level) for level in ("OPEN", "SECRET", "TOP")] == [0, 3, None]


def test_clearances_are_read_wherever_they_stand() -> None:
    alliance = load(DESCRIPTION)
    cleared = (Clearance("ALLIED", "SECRET", (Category("CAVEAT", ("ATOMIC",)),)),)
    member = alliance.members["aa"]
    assert member.clearances == cleared
    assert member.assertions is not None
    assert member.assertions.clearances == cleared
    assert alliance.readers["ann"].clearances == cleared
    assert cleared[0].holds("CAVEAT") == {"ATOMIC"}
    assert cleared[0].holds("EYES") == frozenset()


def _mapped(tag: str, value: str, other_tag: str, other_value: str) -> dict[str, str]:
    return {"tag": tag, "value": value, "other_tag": other_tag, "other_value": other_value}


def _equivalent(ours: str, theirs: str, other: str = "HOME") -> dict[str, str]:
    return {"other": other, "ours": ours, "theirs": theirs}


@pytest.mark.parametrize(
    ("place", "value", "rule", "field"),
    [
        (f"{ROOT}/A:B", POLICIES["HOME"], "schema", ROOT),
        (f"{ROOT}/HOME/levels", {}, "schema", f"{ROOT}/HOME/levels"),
        (f"{ROOT}/HOME/levels/A=B", {"rank": 7}, "schema", f"{ROOT}/HOME/levels"),
        (f"{ROOT}/HOME/levels/ LOW", {"rank": 7}, "schema", f"{ROOT}/HOME/levels"),
        (f"{ROOT}/HOME/levels/LOW", {}, "schema", f"{ROOT}/HOME/levels/LOW"),
        (f"{ROOT}/HOME/levels/LOW/rank", -1, "schema", f"{ROOT}/HOME/levels/LOW/rank"),
        (f"{ROOT}/HOME/levels/LOW/rank", 2, "unique-rank", f"{ROOT}/HOME/levels/HIGH/rank"),
        (f"{ROOT}/HOME/levels/LOW/colour", "red", "schema", f"{ROOT}/HOME/levels/LOW"),
        (
            f"{ROOT}/HOME/levels/LOW/excludes",
            ["CAVEAT"],
            "unknown-name",
            f"{ROOT}/HOME/levels/LOW/excludes",
        ),
        (f"{ROOT}/HOME/uri", "urn:oid:1.2.3", "unique-uri", f"{ROOT}/HOME/uri"),
        (f"{ROOT}/HOME/tags/NEED/kind", "strict", "schema", f"{ROOT}/HOME/tags/NEED/kind"),
        (f"{ROOT}/HOME/tags/NEED/values", ["A,B"], "schema", f"{ROOT}/HOME/tags/NEED/values/0"),
        (
            f"{ROOT}/HOME/tags/NEED/obsolete",
            ["OLD"],
            "unknown-name",
            f"{ROOT}/HOME/tags/NEED/obsolete",
        ),
        (
            f"{ROOT}/HOME/tags/NEED/releasable",
            True,
            "contradiction",
            f"{ROOT}/HOME/tags/NEED/releasable",
        ),
        (f"{OURS}/2", _equivalent("OPEN", "LOW", "GONE"), "unknown-name", f"{OURS}/2/other"),
        (f"{OURS}/2", _equivalent("OPEN", "OPEN", "ALLIED"), "unknown-name", f"{OURS}/2/other"),
        (f"{OURS}/2", _equivalent("TOP", "LOW"), "unknown-name", f"{OURS}/2/ours"),
        (f"{OURS}/2", _equivalent("OPEN", "TOP"), "unknown-name", f"{OURS}/2/theirs"),
        (f"{OURS}/2", {"other": "HOME", "ours": "OPEN"}, "schema", f"{OURS}/2"),
        # Two equivalents of one level; an order of levels turned round; there and back, lower.
        (f"{OURS}/2", _equivalent("SECRET", "LOW"), "contradiction", OURS),
        (f"{OURS}/1", _equivalent("SECRET", "HIGH"), "contradiction", OURS),
        (f"{ROOT}/HOME/levels/LOW/rank", 5, "contradiction", OURS),
        (
            f"{ROOT}/HOME/equivalences/0",
            _equivalent("HIGH", "OPEN", "ALLIED"),
            "contradiction",
            f"{OURS}/0",
        ),
        (
            f"{OURS}/0/categories/0",
            _mapped("GONE", "ATOMIC", "NEED", "NUC"),
            "unknown-name",
            f"{OURS}/0/categories",
        ),
        (
            f"{OURS}/0/categories/0",
            _mapped("CAVEAT", "GONE", "NEED", "NUC"),
            "unknown-name",
            f"{OURS}/0/categories",
        ),
        (
            f"{OURS}/0/categories/0",
            _mapped("CAVEAT", "ATOMIC", "GONE", "NUC"),
            "unknown-name",
            f"{OURS}/0/categories",
        ),
        (
            f"{OURS}/0/categories/0",
            _mapped("CAVEAT", "ATOMIC", "NEED", "GONE"),
            "unknown-name",
            f"{OURS}/0/categories",
        ),
        (
            f"{OURS}/0/categories/0",
            _mapped("CAVEAT", "ATOMIC", "ANY", "A"),
            "contradiction",
            f"{OURS}/0/categories",
        ),
        # A clearance need not hold a releasable value: what was asked for would be lost.
        (
            f"{OURS}/0/categories/0",
            _mapped("EYES", "A", "REL", "AAA"),
            "contradiction",
            f"{OURS}/0/categories",
        ),
        (
            f"{OURS}/0/categories/0",
            _mapped("RELEASE", "AAA", "ANY", "A"),
            "contradiction",
            f"{OURS}/0/categories",
        ),
    ],
)
def test_every_mistake_of_a_policy_is_named(place: str, value: Any, rule: str, field: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        load(changed(place, value))
    assert (caught.value.rule, caught.value.field) == (rule, field)
    assert field in str(caught.value)


def test_a_value_with_two_equivalents_is_refused_and_not_the_last_one_taken() -> None:
    description = changed(f"{OURS}/0/categories/1", _mapped("CAVEAT", "ATOMIC", "NEED", "BIO"))
    description["classification_policies"]["HOME"]["tags"]["NEED"]["values"] = ["BIO", "NUC"]
    with pytest.raises(BadConfiguration) as caught:
        load(description)
    assert caught.value.rule == "contradiction"
    assert caught.value.field == f"{OURS}/0/categories/1"


def test_two_levels_may_have_one_equivalent() -> None:
    description = changed(f"{OURS}/2", _equivalent("RESTRICTED", "HIGH"))
    assert len(load(description).policies["ALLIED"].equivalences) == 3


def test_an_equivalence_back_may_lead_higher() -> None:
    policies = load(changed(f"{ROOT}/HOME/equivalences/1", _equivalent("LOW", "SECRET", "ALLIED")))
    assert len(policies.policies["HOME"].equivalences) == 2


@pytest.mark.parametrize(
    "holder", ["/members/aa", "/members/aa/assertions", "/readers/ann"], ids=str
)
@pytest.mark.parametrize(
    ("cleared", "place"),
    [
        ({"GONE": {"classification": "SECRET"}}, "/GONE"),
        ({"ALLIED": {"classification": "TOP"}}, "/ALLIED/classification"),
        (
            {"ALLIED": {"classification": "OPEN", "categories": {"GONE": ["A"]}}},
            "/ALLIED/categories/GONE",
        ),
        (
            {"ALLIED": {"classification": "OPEN", "categories": {"CAVEAT": ["GONE"]}}},
            "/ALLIED/categories/CAVEAT",
        ),
    ],
)
def test_a_clearance_for_what_is_not_there_is_refused(
    holder: str, cleared: dict[str, Any], place: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        load(changed(f"{holder}/clearances", cleared))
    assert caught.value.rule == "unknown-name"
    assert caught.value.field == f"{holder}/clearances{place}"


def test_a_clearance_without_a_level_is_refused() -> None:
    with pytest.raises(BadConfiguration) as caught:
        load(changed("/readers/ann/clearances", {"ALLIED": {}}))
    assert (caught.value.rule, caught.value.field) == ("schema", "/readers/ann/clearances/ALLIED")
