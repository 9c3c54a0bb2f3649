"""The alliance description: what is read, and that every mistake is named with its place."""

import contextlib
import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import (
    AGREEMENT_SCHEMA_TEXT,
    CONTENT_ROLES,
    ROLES,
    SCHEMA_TEXT,
    Assertions,
    Member,
    NodeSeat,
    load_alliance,
    resolve_label,
)
from ringwall.core import BadConfiguration, InvalidInput
from ringwall.labels import Label, Tlp

TEXT = (Path(__file__).parent / "example.yaml").read_text(encoding="utf-8")
DEMO = Path(__file__).parents[2] / "src" / "ringwall" / "demo" / "alliance.yaml"
EXAMPLE = load_alliance(TEXT)
SMALL: dict[str, Any] = {
    "alliance": {"id": "small", "name": "Small", "kind": "operation"},
    "members": {
        "aa": {"name": "A", "kind": "nation", "nodes": {"aa-1": {"place": 1}}},
        "bb": {"name": "B", "kind": "partner", "nodes": {"bb-1": {"place": 2}}},
        "co": {"name": "C", "kind": "company", "sponsor": "aa"},
    },
    "groups": {"both": ["aa", "bb"]},
    "agreements": {
        "pact": {
            "title": "A pact",
            "parties": ["both"],
            "purposes": ["collective-defence"],
            "highest_tlp": "AMBER",
            "valid_from": "2026-01-01",
            "valid_until": "2027-01-01",
            "clause": "article 1",
        }
    },
    "labels": {"shared": "TLP:AMBER//REL TO both"},
    "readers": {"ann": {"member": "aa", "name": "Ann", "roles": ["analyst"], "tlp": "RED"}},
}


def refusal(description: Any) -> BadConfiguration:
    with pytest.raises(BadConfiguration) as caught:
        load_alliance(json.dumps(description))
    return caught.value


def changed(place: str, value: Any) -> dict[str, Any]:
    """The small description with one place set, or taken away if the value is Ellipsis."""
    description = copy.deepcopy(SMALL)
    *path, last = place.strip("/").split("/")
    target: Any = description
    for part in path:
        target = target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return description


def test_the_example_is_read_whole() -> None:
    assert (EXAMPLE.id, EXAMPLE.name, EXAMPLE.kind) == ("example", "Example alliance", "exercise")
    assert EXAMPLE.members["elbe-power"] == Member(
        id="elbe-power",
        name="Elbe Power",
        kind="company",
        sponsor="arden",
        sectors=("energy",),
        nodes=(NodeSeat("elbe-1", "elbe-power", 5),),
    )
    assert [seat.place for seat in EXAMPLE.members["borduria"].nodes] == [2, 6]
    assert EXAMPLE.members["farside"].nodes == ()
    assert EXAMPLE.groups["energy"] == {"arden", "elbe-power"}
    assert EXAMPLE.labels["allied"] == Label(Tlp.AMBER, ("allies",))
    assert EXAMPLE.readers["elbe-analyst"].communities == {"energy"}
    assert EXAMPLE.readers["dorne-analyst"].tlp is Tlp.AMBER_STRICT


def test_agreements_are_sorted_expanded_and_dated_to_the_moment() -> None:
    assert [each.id for each in EXAMPLE.agreements] == ["mutual", "partnership", "sector"]
    mutual, partnership, _ = EXAMPLE.agreements
    assert mutual.parties == {"arden", "borduria", "caledon", "farside"}
    assert mutual.object_types is None
    assert (mutual.valid_from, mutual.valid_until) == (
        "2026-01-01T00:00:00.000000Z",
        "2030-01-01T00:00:00.000000Z",
    )
    assert partnership.object_types == {"indicator", "malware", "relationship"}
    assert partnership.valid_from == "2026-06-01T00:00:00.000000Z"


def test_a_reader_without_a_clearance_sees_clear_only() -> None:
    alliance = load_alliance(json.dumps(changed("/readers/ann/tlp", ...)))
    assert alliance.readers["ann"].tlp is Tlp.CLEAR


def test_the_small_one_is_right_before_it_is_spoilt() -> None:
    assert load_alliance(json.dumps(SMALL)).id == "small"


def test_the_demonstration_alliance_is_right() -> None:
    alliance = load_alliance(DEMO.read_bytes())
    assert alliance.kind == "exercise"
    assert sum(len(member.nodes) for member in alliance.members.values()) == 5


def test_what_a_member_and_its_nodes_are_besides() -> None:
    description = changed("/members/aa/codes", ["AAA", "aa"])
    description["members"]["aa"]["assertions"] = {
        "roles": ["analyst"],
        "tlp": "AMBER",
        "nationalities": ["aa"],
        "communities": ["fusion"],
    }
    seat = {"place": 1, "assurance": 2, "zone": "east", "post_quantum": False}
    description["members"]["aa"]["nodes"]["aa-1"] = seat
    alliance = load_alliance(json.dumps(description))
    member = alliance.members["aa"]
    assert member.nodes == (NodeSeat("aa-1", "aa", 1, 2, "east", post_quantum=False),)
    assert member.assertions == Assertions(
        frozenset({"analyst"}), Tlp.AMBER, frozenset({"aa"}), frozenset({"fusion"})
    )
    assert alliance.coded("AAA") == {"aa"}
    assert alliance.coded("aa") == {"aa"}
    assert alliance.coded("both") == {"aa", "bb"}
    assert alliance.coded("BBB") == frozenset()


def test_left_out_a_node_is_of_no_assurance_and_post_quantum() -> None:
    member = load_alliance(json.dumps(SMALL)).members["bb"]
    assert member.nodes == (NodeSeat("bb-1", "bb", 2, 0, "", post_quantum=True),)
    assert (member.codes, member.clearances, member.assertions) == (frozenset(), (), None)


def test_nodes_are_found_by_name() -> None:
    assert EXAMPLE.node("borduria-2") == NodeSeat("borduria-2", "borduria", 6)
    with pytest.raises(InvalidInput) as caught:
        EXAMPLE.node("borduria")
    assert caught.value.rule == "unknown-node"


def test_names_expand_to_members_and_strangers_to_nobody() -> None:
    assert EXAMPLE.expand("dorne") == {"dorne"}
    assert EXAMPLE.expand("allies") == {"arden", "borduria", "caledon"}
    with pytest.raises(InvalidInput) as caught:
        EXAMPLE.expand("everyone")
    assert caught.value.rule == "unknown-name"


@pytest.mark.parametrize(
    ("place", "value", "rule", "field"),
    [
        ("/groups/both", [], "schema", "/groups/both"),
        ("/groups/both", ["aa", "aa"], "schema", "/groups/both"),
        ("/groups/both", ["aa", "zz"], "unknown-name", "/groups/both/1"),
        ("/groups/both", ["both"], "unknown-name", "/groups/both/0"),
        ("/groups/aa", ["bb"], "unique-name", "/groups/aa"),
        ("/groups/none", ["bb"], "reserved-name", "/groups/none"),
        ("/members/none", {"name": "N", "kind": "nation"}, "reserved-name", "/members/none"),
        ("/members/AA", {"name": "N", "kind": "nation"}, "schema", "/members"),
        ("/members/aa/kind", "empire", "schema", "/members/aa/kind"),
        ("/members/aa/sponsor", "bb", "sponsor", "/members/aa/sponsor"),
        ("/members/co/sponsor", ..., "sponsor", "/members/co/sponsor"),
        ("/members/co/sponsor", "zz", "unknown-name", "/members/co/sponsor"),
        ("/members/co/sponsor", "bb", "sponsor", "/members/co/sponsor"),
        ("/members/co/sponsor", "co", "sponsor", "/members/co/sponsor"),
        ("/members/bb/nodes/bb-1/place", 0, "schema", "/members/bb/nodes/bb-1/place"),
        ("/members/bb/nodes/bb-1/place", "2", "schema", "/members/bb/nodes/bb-1/place"),
        ("/members/bb/nodes/bb-1/place", 1, "unique-place", "/members/bb/nodes/bb-1/place"),
        ("/members/bb/nodes/aa-1", {"place": 3}, "unique-node", "/members/bb/nodes/aa-1"),
        ("/agreements/pact/parties", ["aa"], "parties", "/agreements/pact/parties"),
        ("/agreements/pact/parties", [], "schema", "/agreements/pact/parties"),
        ("/agreements/pact/parties", ["aa", "zz"], "unknown-name", "/agreements/pact/parties/1"),
        ("/agreements/pact/purposes", [], "schema", "/agreements/pact/purposes"),
        ("/agreements/pact/object_types", [], "schema", "/agreements/pact/object_types"),
        ("/agreements/pact/highest_tlp", "WHITE", "schema", "/agreements/pact/highest_tlp"),
        ("/agreements/pact/highest_tlp", ..., "schema", "/agreements/pact"),
        ("/agreements/pact/sectors", [], "schema", "/agreements/pact/sectors"),
        ("/agreements/pact/since", "2026-01-01", "schema", "/agreements/pact"),
        ("/agreements/pact/valid_until", "2026-01-01", "dates", "/agreements/pact/valid_until"),
        ("/agreements/pact/valid_until", "soon", "schema", "/agreements/pact/valid_until"),
        ("/agreements/pact/valid_from", "2026-02-30", "timestamp", "/agreements/pact/valid_from"),
        ("/labels/shared", "TLP:PURPLE", "tlp", "/labels/shared"),
        ("/labels/shared", "TLP:RED//REL TO zz", "unknown-name", "/labels/shared"),
        ("/readers/ann/member", "zz", "unknown-name", "/readers/ann/member"),
        ("/readers/ann/roles", [], "schema", "/readers/ann/roles"),
        ("/readers/ann/roles", ["emperor"], "schema", "/readers/ann/roles/0"),
        ("/readers/ann/tlp", "PURPLE", "schema", "/readers/ann/tlp"),
        ("/readers/ann/clearance", "RED", "schema", "/readers/ann"),
        ("/members/aa/codes", ["AAA", "AAA"], "schema", "/members/aa/codes"),
        ("/members/aa/codes", ["A,B"], "schema", "/members/aa/codes/0"),
        ("/members/aa/codes", ["bb"], "unique-name", "/members/aa/codes"),
        ("/members/aa/codes", ["both"], "unique-name", "/members/aa/codes"),
        ("/members/aa/codes", ["none"], "reserved-name", "/members/aa/codes"),
        ("/members/bb/nodes/bb-1/assurance", 10, "schema", "/members/bb/nodes/bb-1/assurance"),
        ("/members/bb/nodes/bb-1/assurance", -1, "schema", "/members/bb/nodes/bb-1/assurance"),
        ("/members/bb/nodes/bb-1/zone", "Zone 1", "schema", "/members/bb/nodes/bb-1/zone"),
        (
            "/members/bb/nodes/bb-1/post_quantum",
            "no",
            "schema",
            "/members/bb/nodes/bb-1/post_quantum",
        ),
        ("/members/aa/assertions", {}, "schema", "/members/aa/assertions"),
        ("/members/aa/assertions", {"roles": ["king"]}, "schema", "/members/aa/assertions/roles/0"),
        (
            "/members/aa/assertions",
            {"roles": ["analyst"], "rank": 9},
            "schema",
            "/members/aa/assertions",
        ),
        ("/members/aa\n", {"name": "N", "kind": "nation"}, "schema", "/members"),
        ("/members/aa/name", "", "schema", "/members/aa/name"),
        ("/members/aa/name", "A\nB", "schema", "/members/aa/name"),
        ("/members/aa/name", "A\u001b[2J", "schema", "/members/aa/name"),
        ("/members/aa/name", "A\u202eB", "schema", "/members/aa/name"),
        ("/alliance/kind", "war", "schema", "/alliance/kind"),
        ("/alliance", ..., "schema", ""),
        ("/members", {}, "schema", "/members"),
        ("/extra", {}, "schema", ""),
    ],
)
def test_every_mistake_is_named(place: str, value: Any, rule: str, field: str) -> None:
    error = refusal(changed(place, value))
    assert (error.rule, error.field) == (rule, field)
    assert field in str(error)


@pytest.mark.parametrize("other", sorted(CONTENT_ROLES | {"submitter"}))
def test_an_administrator_reads_no_content(other: str) -> None:
    error = refusal(changed("/readers/ann/roles", ["administrator", other]))
    assert (error.rule, error.field) == ("separation-of-duties", "/readers/ann/roles")


def test_the_schema_knows_the_roles_that_the_code_knows() -> None:
    defined = json.loads(SCHEMA_TEXT)["$defs"]
    assert set(defined["roles"]["items"]["enum"]) == ROLES
    for who in (defined["reader"], defined["member"]["properties"]["assertions"]):
        assert who["properties"]["roles"] == {"$ref": "#/$defs/roles"}


def test_the_schema_knows_the_levels_that_the_code_knows() -> None:
    shared = json.loads(AGREEMENT_SCHEMA_TEXT)
    assert shared["$defs"]["tlp"]["enum"] == [str(tlp) for tlp in Tlp]
    assert json.loads(SCHEMA_TEXT)["$defs"]["tlp"] == {"$ref": f"{shared['$id']}#/$defs/tlp"}


def test_every_reference_of_the_schemas_leads_somewhere() -> None:
    texts = {json.loads(text)["$id"]: text for text in (SCHEMA_TEXT, AGREEMENT_SCHEMA_TEXT)}
    for own, text in texts.items():
        references = re.findall(r'"\$ref": "([^#"]*)#/\$defs/(\w+)"', text)
        assert len(references) == text.count('"$ref"')
        for urn, name in references:
            assert name in json.loads(texts[urn or own])["$defs"], (own, urn, name)


def test_the_digest_depends_on_the_meaning_and_not_on_the_layout() -> None:
    small = load_alliance(json.dumps(SMALL))
    assert len(small.digest) == 64
    assert load_alliance(json.dumps(SMALL, indent=3, sort_keys=True)).digest == small.digest
    digests = {
        load_alliance(json.dumps(changed(place, value))).digest
        for place, value in [
            ("/agreements/pact/clause", "article 2"),
            ("/readers/ann/tlp", "GREEN"),
            ("/members/bb/nodes/bb-1/place", 3),
        ]
    }
    assert len(digests | {small.digest}) == 4


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["aa", "", "TLP:RED", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(SMALL)), json_values)
def test_nothing_but_a_refusal_comes_of_any_description(part: str, value: Any) -> None:
    with contextlib.suppress(BadConfiguration):
        load_alliance(json.dumps({**SMALL, part: value}))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("allied", Label(Tlp.AMBER, ("allies",))),
        (" national ", Label(Tlp.RED)),
        ("TLP:GREEN", Label(Tlp.GREEN)),
        ("TLP:RED//REL TO dorne, allies", Label(Tlp.RED, ("allies", "dorne"))),
    ],
)
def test_labels_are_resolved(text: str, label: Label) -> None:
    assert resolve_label(EXAMPLE, text) == label


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "unknown-label"),
        ("secret", "unknown-label"),
        ("TLP:PURPLE", "tlp"),
        ("TLP:AMBER//REL TO zembla", "unknown-name"),
    ],
)
def test_labels_that_the_alliance_does_not_know_are_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_label(EXAMPLE, text)
    assert (caught.value.field, caught.value.rule) == ("label", rule)
