"""Label documents: equal labels have equal bytes, and nothing that is not understood grants."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import canonical_json, parse_json, parse_timestamp
from ringwall.labels import (
    Category,
    Confidentiality,
    Iep,
    Label,
    Pap,
    Tlp,
    acs_text,
    label_document,
    label_from_document,
)
from tests.labels.any_label import ACS_PROPERTIES, json_values, labels

WHOLE = Label(
    tlp=Tlp.AMBER,
    rel_to=("arden", "borduria"),
    confidentiality=Confidentiality(
        "ALLIED", "SECRET", (Category("CAVEAT", ("ATOMIC",)),), "urn:oid:1.2", "for A"
    ),
    alternatives=(Confidentiality("ARDEN", "HIGH"),),
    pap=Pap.GREEN,
    iep=(Iep(name="One", start="2026-01-01T00:00:00.000000Z"),),
    acs=(acs_text(ACS_PROPERTIES),),
    created="2026-01-01T00:00:00.000000Z",
    review="2027-01-01T00:00:00.000000Z",
    unknown=("later",),
)
FIELDS = sorted(label_document(WHOLE))

# Documents that are nearly labels: known fields, of which some are right and some are anything.
nearly = st.dictionaries(
    st.sampled_from(FIELDS) | st.text(max_size=6),
    json_values | st.sampled_from(list(label_document(WHOLE).values())) | st.lists(json_values),
    max_size=6,
)


def test_every_field_of_a_label_is_in_its_document() -> None:
    assert set(FIELDS) == set(Label.__struct_fields__)


@given(labels)
def test_documents_round_trip_through_canonical_bytes(label: Label) -> None:
    written = canonical_json(label_document(label))
    read = label_from_document(parse_json(written))
    assert read == label
    assert canonical_json(label_document(read)) == written


@given(labels)
def test_nothing_empty_is_written_but_a_rel_to_nobody(label: Label) -> None:
    for field, value in label_document(label).items():
        assert value or (field, value) == ("rel_to", [])


@given(nearly | json_values)
def test_any_document_is_read_and_only_known_fields_grant(document: Any) -> None:
    label = label_from_document(document)
    assert label_from_document(parse_json(canonical_json(label_document(label)))) == label
    if not isinstance(document, dict):
        assert label == Label(unknown=("label",))
        return
    for field, value in document.items():
        again = label_document(label).get(field)
        assert field in label.unknown or field in FIELDS
        assert field in label.unknown or not value or again


@given(labels, st.sampled_from(FIELDS), json_values)
def test_a_spoilt_field_changes_nothing_of_the_others(label: Label, field: str, value: Any) -> None:
    spoilt = label_from_document({**label_document(label), field: value})
    for other in Label.__struct_fields__:
        if other not in (field, "unknown"):
            assert getattr(spoilt, other) == getattr(label, other)
    assert field == "unknown" or set(spoilt.unknown) - {field} <= set(label.unknown)


@given(st.sampled_from(["created", "review"]), st.text(max_size=30))
def test_moments_can_be_read_again_or_are_named(field: str, text: str) -> None:
    label = label_from_document({"tlp": "RED", field: text})
    assert field in label.unknown or parse_timestamp(getattr(label, field))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_moments_at_the_ends_of_the_calendar_are_not_understood(moment: str) -> None:
    for field in ("created", "review"):
        assert label_from_document({"tlp": "RED", field: moment}).unknown == (field,)
    for field in ("start", "end"):
        assert label_from_document({"tlp": "RED", "iep": [{field: moment}]}).unknown == ("iep",)


def test_a_field_of_a_later_version_is_kept_as_unknown() -> None:
    label = label_from_document({"tlp": "GREEN", "handling": "AMBER"})
    assert label == Label(Tlp.GREEN, unknown=("handling",))
    assert label_document(label) == {"tlp": "GREEN", "unknown": ["handling"]}


def _classified(**said: Any) -> dict[str, Any]:
    return {"confidentiality": {"policy": "ALLIED", "classification": "SECRET", **said}}


@pytest.mark.parametrize(
    ("document", "unknown"),
    [
        ({"tlp": "WHITE"}, ("tlp",)),
        ({"tlp": "amber"}, ("tlp",)),
        ({"tlp": ["RED"]}, ("tlp",)),
        ({"tlp": None}, ("tlp",)),
        ({"rel_to": "aa"}, ("rel_to",)),
        ({"rel_to": ["AA"]}, ("rel_to",)),
        ({"rel_to": [1]}, ("rel_to",)),
        ({"rel_to": [["aa"]]}, ("rel_to",)),
        ({"rel_to": None}, ("rel_to",)),
        ({"confidentiality": "SECRET"}, ("confidentiality",)),
        ({"confidentiality": {"policy": "ALLIED"}}, ("confidentiality",)),
        (_classified(policy=""), ("confidentiality",)),
        (_classified(classification=""), ("confidentiality",)),
        (_classified(classification=1), ("confidentiality",)),
        (_classified(caveats=[]), ("confidentiality",)),
        (_classified(categories={}), ("confidentiality",)),
        (_classified(categories=[{"tag": ""}]), ("confidentiality",)),
        (_classified(categories=[{"tag": "A", "kind": "permitted"}]), ("confidentiality",)),
        (_classified(categories=[{"tag": "A", "values": "x"}]), ("confidentiality",)),
        (_classified(categories=[{"tag": "A", "sense": 1}]), ("confidentiality",)),
        ({"alternatives": {}}, ("alternatives",)),
        ({"alternatives": [{"policy": "ALLIED"}]}, ("alternatives",)),
        ({"pap": "WHITE"}, ("pap",)),
        ({"pap": 1}, ("pap",)),
        ({"iep": {}}, ("iep",)),
        ({"iep": [{"actions": "all"}]}, ("iep",)),
        ({"iep": [{"start": "soon"}]}, ("iep",)),
        ({"iep": [{"later": "x"}]}, ("iep",)),
        ({"acs": [7]}, ("acs",)),
        ({"acs": [["identifier"]]}, ("acs",)),
        ({"acs": {"identifier": "x"}}, ("acs",)),
        ({"created": "yesterday"}, ("created",)),
        ({"review": 2027}, ("review",)),
        ({"review": "2027-01-01"}, ("review",)),
        ({"unknown": "x"}, ("unknown",)),
        ({"unknown": [1]}, ("unknown",)),
        ("TLP:CLEAR", ("label",)),
        (None, ("label",)),
    ],
)
def test_an_ill_formed_field_is_named(document: Any, unknown: tuple[str, ...]) -> None:
    assert label_from_document(document).unknown == unknown


LONG = "x" * 201


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"rel_to": [f"m{n}" for n in range(16 * 1024 + 1)]}, "rel_to"),
        (_classified(policy=LONG), "confidentiality"),
        (_classified(classification=LONG), "confidentiality"),
        (_classified(privacy_mark=LONG), "confidentiality"),
        (_classified(policy_uri=LONG), "confidentiality"),
        (_classified(categories=[{"tag": LONG}]), "confidentiality"),
        (_classified(categories=[{"tag": "A", "values": [LONG]}]), "confidentiality"),
        (
            _classified(categories=[{"tag": "A", "values": [str(n) for n in range(512)]}]),
            "confidentiality",
        ),
        (
            {"alternatives": [{"policy": "P", "classification": str(n)} for n in range(65)]},
            "alternatives",
        ),
        ({"iep": [{"name": str(n)} for n in range(65)]}, "iep"),
        ({"iep": [{"description": "x" * 16 * 1024}]}, "iep"),
        ({"acs": [{"name": str(n)} for n in range(65)]}, "acs"),
        ({"acs": [{"name": "x" * 16 * 1024}]}, "acs"),
        ({"unknown": [LONG]}, "unknown"),
        ({"unknown": [str(n) for n in range(65)]}, "unknown"),
    ],
)
def test_what_is_too_long_is_not_understood_and_not_kept(document: Any, field: str) -> None:
    label = label_from_document({"tlp": "RED", **document})
    assert label.unknown == (field,)
    assert len(canonical_json(label_document(label))) < 100


def test_the_largest_of_everything_is_taken() -> None:
    document = {
        "rel_to": [f"m{n}" for n in range(1000)],
        "alternatives": [{"policy": "P", "classification": str(n)} for n in range(64)],
        "iep": [{"name": str(n)} for n in range(64)],
        "acs": [{"name": str(n)} for n in range(64)],
        "unknown": [str(n) for n in range(64)],
    }
    label = label_from_document(document)
    assert len(label.rel_to or ()) == 1000
    assert {len(label.alternatives), len(label.iep), len(label.acs), len(label.unknown)} == {64}


def test_many_unknown_fields_are_not_all_kept_and_still_deny() -> None:
    label = label_from_document({"tlp": "RED", **{f"{n:04}{LONG}": n for n in range(500)}})
    assert len(label.unknown) == 64
    assert max(map(len, label.unknown)) == 200
    assert label_from_document(label_document(label)) == label


def test_an_ill_formed_rel_to_does_not_turn_into_no_rel_to() -> None:
    assert label_from_document({"tlp": "RED", "rel_to": "aa"}).rel_to == ()


def test_lists_are_sorted_and_without_repetition() -> None:
    tags = [{"tag": "B", "values": ["y", "x", "y"]}, {"tag": "A"}, {"tag": "B", "values": ["z"]}]
    label = label_from_document({"rel_to": ["bb", "aa", "bb"], **_classified(categories=tags)})
    assert label.rel_to == ("aa", "bb")
    assert label.confidentiality == Confidentiality(
        "ALLIED", "SECRET", (Category("A"), Category("B", ("x", "y", "z")))
    )


@pytest.mark.parametrize("policy", [{"tlp": "purple"}, {"tlp": "AMBER+STRICT"}, {"version": "3.0"}])
def test_an_iep_of_another_kind_is_not_understood(policy: dict[str, str]) -> None:
    assert label_from_document({"tlp": "GREEN", "iep": [policy]}).unknown == ("iep",)


@pytest.mark.parametrize("field", ["tlp", "pap", "confidentiality", "rel_to", "review"])
def test_half_a_character_denies_and_raises_nothing(field: str) -> None:
    assert label_from_document({field: "\ud800"}).unknown == (field,)
