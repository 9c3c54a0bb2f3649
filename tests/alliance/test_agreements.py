"""Agreements by themselves: one reading, the same signed bytes, every contradiction refused."""

import contextlib
import copy
import hashlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringwall.alliance import (
    AGREEMENT_SCHEMA_TEXT,
    Agreement,
    Alliance,
    agreement_document,
    load_alliance,
    read_agreement,
)
from ringwall.alliance.agreements import SHORTEST
from ringwall.core import BadConfiguration, canonical_json
from ringwall.labels import Tlp
from ringwall.policy import SKEW

DESCRIPTION: dict[str, Any] = {
    "alliance": {"id": "small", "name": "Small", "kind": "exercise"},
    "members": {name: {"name": name, "kind": "nation"} for name in ("aa", "bb", "cc", "dd")},
    "groups": {"ab": ["aa", "bb"], "all": ["aa", "bb", "cc", "dd"]},
    "classification_policies": {"ALLIED": {"levels": {"OPEN": {"rank": 0}, "SECRET": {"rank": 1}}}},
    "agreements": {
        "described": {
            "title": "One of the description",
            "parties": ["all"],
            "purposes": ["training"],
            "highest_tlp": "CLEAR",
            "valid_from": "2026-01-01",
            "valid_until": "2027-01-01",
            "clause": "article 1",
        }
    },
}
PACT: dict[str, Any] = {
    "agreement": {"alliance": "small", "id": "pact", "version": 3},
    "title": "A pact",
    "parties": ["ab", "cc"],
    "givers": ["aa", "cc"],
    "receivers": ["bb"],
    "purposes": ["collective-defence", "training"],
    "object_types": ["indicator", "malware"],
    "sectors": ["energy"],
    "highest_tlp": "AMBER+STRICT",
    "highest_classification": {"ALLIED": "OPEN"},
    "handling": ["need-to-know"],
    "obligations": ["report-within:72h", "encrypt"],
    "onward": {"to": ["dd"], "hops": 2},
    "valid_from": "2026-01-01",
    "valid_until": "2027-01-01T12:00:00Z",
    "clause": "annex B, section 2",
}
ALLIANCE = load_alliance(json.dumps(DESCRIPTION))


def changed(place: str, value: Any) -> dict[str, Any]:
    """The pact with one place set, or taken away if the value is Ellipsis."""
    document = copy.deepcopy(PACT)
    *path, last = place.strip("/").split("/")
    target: Any = document
    for part in path:
        target = target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return document


def read(document: dict[str, Any], alliance: Alliance = ALLIANCE) -> Agreement:
    return read_agreement(alliance, agreement_document(json.dumps(document)))


def test_an_agreement_is_read_whole() -> None:
    document = agreement_document(json.dumps(PACT))
    assert read_agreement(ALLIANCE, document) == Agreement(
        id="pact",
        title="A pact",
        parties=frozenset({"aa", "bb", "cc"}),
        purposes=frozenset({"collective-defence", "training"}),
        object_types=frozenset({"indicator", "malware"}),
        highest_tlp=Tlp.AMBER_STRICT,
        valid_from="2026-01-01T00:00:00.000000Z",
        valid_until="2027-01-01T12:00:00.000000Z",
        clause="annex B, section 2",
        version=3,
        givers=frozenset({"aa", "cc"}),
        receivers=frozenset({"bb"}),
        sectors=frozenset({"energy"}),
        highest_classification={"ALLIED": "OPEN"},
        handling=("need-to-know",),
        obligations=("encrypt", "report-within:72h"),
        onward_to=frozenset({"dd"}),
        hops=2,
        digest=hashlib.sha256(document).hexdigest(),
    )


def test_what_is_left_out_narrows_nothing_and_opens_nothing() -> None:
    optional = ["givers", "receivers", "object_types", "sectors", "highest_classification"]
    optional += ["handling", "obligations", "onward"]
    found = read({field: said for field, said in PACT.items() if field not in optional})
    assert (found.givers, found.receivers, found.object_types, found.sectors) == (None,) * 4
    assert (found.highest_classification, found.handling, found.obligations) == ({}, (), ())
    assert (found.onward_to, found.hops) == (frozenset(), 0)


def test_an_agreement_joins_givers_with_receivers_and_nobody_else() -> None:
    pact = read(PACT)
    joined = {(a, b) for a in ALLIANCE.members for b in ALLIANCE.members if pact.joins(a, b)}
    assert joined - {("bb", "bb")} == {("aa", "bb"), ("cc", "bb")}
    both_ways = replace(pact, givers=None, receivers=None)
    assert both_ways.joins("bb", "aa")
    assert not both_ways.joins("aa", "dd")


def test_yaml_and_json_give_the_same_bytes_to_sign() -> None:
    document = agreement_document(json.dumps(PACT))
    assert document == canonical_json(PACT)
    assert agreement_document(yaml.safe_dump(PACT)) == document
    assert agreement_document(json.dumps(PACT, indent=2).encode()) == document
    assert agreement_document(document) == document


@given(st.text(min_size=1, max_size=30))
def test_a_text_is_signed_as_it_was_written_or_refused(title: str) -> None:
    with contextlib.suppress(BadConfiguration):
        document = agreement_document(json.dumps(changed("/title", title)))
        assert json.loads(document)["title"] == title
        assert read_agreement(ALLIANCE, document).title == title


@pytest.mark.parametrize(
    ("place", "value", "rule", "field"),
    [
        ("/agreement", ..., "schema", ""),
        ("/agreement/alliance", "other", "alliance", "/agreement/alliance"),
        ("/agreement/id", "described", "unique-name", "/agreement/id"),
        ("/agreement/id", "Pact", "schema", "/agreement/id"),
        ("/agreement/version", 0, "schema", "/agreement/version"),
        ("/agreement/version", "3", "schema", "/agreement/version"),
        ("/agreement/version", 2**53, "schema", "/agreement/version"),
        ("/agreement/kind", "withdrawal", "schema", "/agreement"),
        ("/title", ..., "schema", ""),
        ("/title", "A\nB", "schema", "/title"),
        ("/parties", ["aa", "zz"], "unknown-name", "/parties/1"),
        ("/parties", ["aa"], "parties", "/parties"),
        ("/givers", ["zz"], "unknown-name", "/givers/0"),
        ("/givers", ["dd"], "contradiction", "/givers"),
        ("/givers", ["all"], "contradiction", "/givers"),
        ("/givers", [], "schema", "/givers"),
        ("/givers", ["bb"], "contradiction", "/receivers"),
        ("/receivers", ["dd"], "contradiction", "/receivers"),
        ("/receivers", ["aa", "zz"], "unknown-name", "/receivers/1"),
        ("/purposes", [], "schema", "/purposes"),
        ("/purposes", ..., "schema", ""),
        ("/object_types", [], "schema", "/object_types"),
        ("/sectors", ["Energy"], "schema", "/sectors/0"),
        ("/highest_tlp", "PURPLE", "schema", "/highest_tlp"),
        (
            "/highest_classification",
            {"GONE": "OPEN"},
            "unknown-name",
            "/highest_classification/GONE",
        ),
        (
            "/highest_classification",
            {"ALLIED": "TOP"},
            "unknown-name",
            "/highest_classification/ALLIED",
        ),
        ("/handling", ["Need to know"], "schema", "/handling/0"),
        ("/obligations", ["a", "a"], "schema", "/obligations"),
        ("/onward", {"to": ["zz"], "hops": 1}, "unknown-name", "/onward/to/0"),
        ("/onward", {"to": [], "hops": 1}, "schema", "/onward/to"),
        ("/onward", {"hops": 1}, "schema", "/onward"),
        ("/onward", {"to": ["dd"]}, "schema", "/onward"),
        ("/onward", {"to": ["dd"], "hops": 0}, "schema", "/onward/hops"),
        ("/onward", {"to": ["dd"], "hops": 9}, "schema", "/onward/hops"),
        ("/valid_until", "2025-12-31", "dates", "/valid_until"),
        ("/valid_until", "2026-01-01", "dates", "/valid_until"),
        ("/valid_until", "2026-01-01T00:04:00Z", "dates", "/valid_until"),
        ("/valid_until", "2026-02-29", "timestamp", "/valid_until"),
        ("/valid_from", "0000-01-01", "timestamp", "/valid_from"),
        ("/valid_from", "2026-01-01T00:00:00+02:00", "schema", "/valid_from"),
        ("/valid_from", ..., "schema", ""),
        ("/clause", "", "schema", "/clause"),
        ("/sunset", "2030-01-01", "schema", ""),
    ],
)
def test_every_mistake_is_named_with_its_place(
    place: str, value: Any, rule: str, field: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read(changed(place, value))
    assert (caught.value.rule, caught.value.field) == (rule, field)
    assert str(caught.value).startswith("agreement, ")


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("givers", ["dd"], ""),
        ("receivers", ["zz"], "unknown-name"),
        ("valid_until", "2026-01-01T00:03:00Z", "dates"),
        ("highest_classification", {"ALLIED": "TOP"}, "unknown-name"),
        ("agreement", {"alliance": "small", "id": "x", "version": 1}, "schema"),
    ],
)
def test_one_of_the_description_is_judged_alike(field: str, value: Any, rule: str) -> None:
    description = copy.deepcopy(DESCRIPTION)
    description["agreements"]["described"][field] = value
    if not rule:
        assert load_alliance(json.dumps(description)).agreements[0].givers == {"dd"}
        return
    with pytest.raises(BadConfiguration) as caught:
        load_alliance(json.dumps(description))
    assert caught.value.rule == rule
    assert caught.value.field.startswith("/agreements/described")


def test_the_shortest_agreement_holds_for_a_moment() -> None:
    assert SHORTEST == 2 * SKEW
    pact = read(changed("/valid_until", "2026-01-01T00:04:00.000001Z"))
    assert pact.valid_until == "2026-01-01T00:04:00.000001Z"


def test_dates_at_the_ends_of_the_calendar_are_dates() -> None:
    pact = read({**PACT, "valid_from": "0001-01-01", "valid_until": "9999-12-31T23:59:59Z"})
    assert pact.valid_from == "0001-01-01T00:00:00.000000Z"
    assert pact.valid_until == "9999-12-31T23:59:59.000000Z"


@pytest.mark.parametrize(
    "document",
    [
        json.dumps(PACT).encode(),
        yaml.safe_dump(PACT).encode(),
        canonical_json(PACT) + b"\n",
        b" " + canonical_json(PACT),
        canonical_json(PACT).replace(b"annex", rb"\u0061nnex"),
    ],
)
def test_signed_bytes_that_are_not_canonical_are_refused(document: bytes) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_agreement(ALLIANCE, document)
    assert caught.value.rule == "canonical"


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (b"", "schema"),
        (b"[]", "schema"),
        (b"{", "yaml"),
        (b"\xff\xfe\xff", "yaml"),
        (b'{"title": "A", "title": "B"}', "duplicate-key"),
        (b'{"title": &x "A"}', "alias"),
        (canonical_json(PACT) + canonical_json(PACT), "yaml"),
        (json.dumps({**PACT, "title": "\ud83d"}).encode(), "surrogate"),
        (json.dumps({**PACT, "title": "A\ufffeB"}).encode(), "yaml"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_rule(document: bytes, rule: str) -> None:
    for reading in (agreement_document, lambda text: read_agreement(ALLIANCE, text)):
        with pytest.raises(BadConfiguration) as caught:
            reading(document)
        assert caught.value.rule == rule


def test_a_later_version_of_a_signed_agreement_may_follow_it() -> None:
    signed = replace(ALLIANCE, agreements=(*ALLIANCE.agreements, read(PACT)))
    assert read(changed("/agreement/version", 4), signed).version == 4


def test_the_schema_says_the_same_of_an_agreement_in_both_places() -> None:
    schema = json.loads(AGREEMENT_SCHEMA_TEXT)
    entry = schema["$defs"]["entry"]
    alone = {name: said for name, said in schema["properties"].items() if name != "agreement"}
    assert entry["properties"] == alone
    assert ["agreement", *entry["required"]] == schema["required"]


@pytest.mark.parametrize("mark", ["\u061c", "\u200b", "\u200e", "\u200f", "\u202e", "\ufeff"])
def test_a_clause_with_something_invisible_is_refused_and_the_refusal_shows_it(mark: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        agreement_document(json.dumps(changed("/clause", f"article{mark} 9")))
    assert (caught.value.field, caught.value.rule) == ("/clause", "schema")
    assert caught.value.message.isprintable()
