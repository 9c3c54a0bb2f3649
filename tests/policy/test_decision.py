"""Whole decisions: which gate denies first, their sentences, time, labels that were altered."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.alliance import load_alliance
from ringwall.core import format_timestamp
from ringwall.labels import (
    Confidentiality,
    Label,
    Tlp,
    label_document,
    label_from_document,
    parse_label,
)
from ringwall.policy import (
    SKEW,
    Decision,
    GateResult,
    ReleaseClass,
    decide_member,
    decide_reader,
)
from tests.policy.world import member as member_of_world
from tests.policy.world import stated

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MEMBER_GATES = [
    *("label", "embargo", "classification", "rel-to", "tlp", "agreement", "iep", "acs", "node"),
]
EXAMPLE = load_alliance((Path(__file__).parent.parent / "alliance/example.yaml").read_bytes())


def release(label: str, origin: str = "arden", kind: str = "indicator") -> ReleaseClass:
    return ReleaseClass(origin, kind, parse_label(label))


def decide(label: str, member: str, *, at: datetime = NOW, kind: str = "indicator") -> Decision:
    return decide_member(EXAMPLE, release(label, kind=kind), member, at)


def gate(decision: Decision, name: str) -> GateResult:
    (found,) = [result for result in decision.gates if result.gate == name]
    return found


def test_every_gate_is_asked_even_when_the_first_denies() -> None:
    decision = decide_member(EXAMPLE, ReleaseClass("arden", "note", Label()), "farside", NOW)
    names = [result.gate for result in decision.gates]
    assert names == MEMBER_GATES
    reader = EXAMPLE.readers["dorne-analyst"]
    names = [
        result.gate for result in decide_reader(EXAMPLE, release("TLP:RED"), reader, NOW).gates
    ]
    assert names == [*MEMBER_GATES, "clearance", "nationality", "role"]


@pytest.mark.parametrize(
    ("label", "member", "kind", "denied", "rule"),
    [
        ("TLP:AMBER//REL TO arden, borduria", "dorne", "indicator", "rel-to", "not-named"),
        ("TLP:AMBER//REL TO NONE", "dorne", "indicator", "rel-to", "not-named"),
        ("TLP:AMBER//REL TO dorne, zembla", "dorne", "indicator", "rel-to", "unknown-name"),
        ("TLP:RED", "borduria", "indicator", "tlp", "red"),
        ("TLP:RED//REL TO allies", "borduria", "indicator", "tlp", "red"),
        ("TLP:AMBER+STRICT", "dorne", "indicator", "agreement", "highest-tlp"),
        ("TLP:GREEN", "dorne", "note", "agreement", "object-type"),
        ("TLP:GREEN", "farside", "note", "node", "no-node"),
        ("TLP:GREEN", "zembla", "note", "agreement", "no-agreement"),
    ],
)
def test_who_is_refused_and_why(label: str, member: str, kind: str, denied: str, rule: str) -> None:
    decision = decide(label, member, kind=kind)
    first = decision.denying()
    assert not decision.permit
    assert first is not None
    assert (first.gate, first.rule) == (denied, rule)


@pytest.mark.parametrize(
    ("label", "member"),
    [
        ("TLP:AMBER", "dorne"),
        ("TLP:AMBER//REL TO dorne", "dorne"),
        ("TLP:RED//REL TO borduria", "borduria"),
        ("TLP:AMBER//REL TO allies", "caledon"),
        ("TLP:AMBER+STRICT", "elbe-power"),
        ("TLP:RED", "arden"),
        ("TLP:RED//REL TO NONE", "arden"),
    ],
)
def test_who_is_permitted(label: str, member: str) -> None:
    decision = decide(label, member)
    assert decision.permit
    assert decision.denying() is None


def test_the_purpose_must_be_covered() -> None:
    for purpose, expected in (("exercise", True), ("collective-defence", True), ("sales", False)):
        asked = ReleaseClass("arden", "note", parse_label("TLP:GREEN"), purpose)
        decision = decide_member(EXAMPLE, asked, "borduria", NOW)
        assert decision.permit is expected
        assert gate(decision, "agreement").rule == ("in-force" if expected else "purpose")


def test_an_agreement_binds_its_parties_only() -> None:
    """Borduria and Dorne are partners, Elbe Power and Arden too: that joins no third pair."""
    decision = decide_member(EXAMPLE, release("TLP:CLEAR", "elbe-power"), "borduria", NOW)
    assert decision.reason() == (
        "withheld from borduria: no agreement joins elbe-power and borduria"
    )


def test_reasons_read_like_an_officers_sentence() -> None:
    assert decide("TLP:AMBER//REL TO arden, borduria", "dorne").reason() == (
        "withheld from dorne: REL TO names arden, borduria only"
    )
    assert decide("TLP:AMBER", "dorne").reason() == (
        "released to dorne: Partnership with Dorne (annex B) is in force"
    )
    assert decide("TLP:GREEN", "dorne", kind="note").reason() == (
        "withheld from dorne: the type note is not covered by Partnership with Dorne (annex B)"
    )
    assert decide("TLP:RED", "arden").reason() == "released to arden: arden is the originator"
    assert (
        gate(decide("TLP:AMBER", "dorne"), "agreement").source == "agreement partnership, annex B"
    )


def test_text_from_outside_cannot_break_the_line() -> None:
    """Markings, types and purposes of a peer stand in logs and on terminals."""
    odd = "\x1b[2J\nreleased to everybody"
    label = Label(tlp=Tlp.GREEN, unknown=(odd,))
    classes = [
        ReleaseClass("arden", "note", label),
        ReleaseClass("arden", odd, parse_label("TLP:GREEN")),
        ReleaseClass("arden", "note", parse_label("TLP:GREEN"), odd),
        ReleaseClass("arden", "note", Label(confidentiality=Confidentiality(odd, odd))),
        ReleaseClass("arden", "note", Label(tlp=Tlp.GREEN, unknown=("x" * 10_000,))),
    ]
    for asked in classes:
        reason = decide_member(EXAMPLE, asked, "dorne", NOW).reason()
        assert reason.isprintable()
        assert reason.startswith("withheld from dorne: ")
        assert len(reason) < 400


def test_permissions_start_late_and_end_early_by_the_skew() -> None:
    opens = datetime(2026, 6, 1, tzinfo=UTC) + SKEW
    closes = datetime(2027, 6, 1, tzinfo=UTC) - SKEW
    instant = timedelta(microseconds=1)
    assert timedelta(minutes=2) == SKEW
    assert [
        decide("TLP:AMBER", "dorne", at=at).permit
        for at in (opens - instant, opens, closes - instant, closes)
    ] == [False, True, True, False]


def test_until_names_the_moment_of_the_next_change() -> None:
    opens = datetime(2026, 6, 1, tzinfo=UTC) + SKEW
    closes = datetime(2027, 6, 1, tzinfo=UTC) - SKEW
    assert decide("TLP:AMBER", "dorne", at=opens - SKEW).until == format_timestamp(opens)
    assert decide("TLP:AMBER", "dorne", at=opens).until == format_timestamp(closes)
    assert decide("TLP:AMBER", "dorne", at=closes).until is None
    assert decide("TLP:RED", "dorne", at=opens).until is None  # no date opens this
    assert decide("TLP:RED", "arden", at=opens).until is None


@pytest.mark.parametrize(
    ("reader", "label", "origin", "expected"),
    [
        ("arden-analyst", "TLP:RED", "arden", True),
        ("arden-analyst", "TLP:RED", "borduria", False),
        ("arden-analyst", "TLP:RED//REL TO arden", "borduria", True),
        ("borduria-watch", "TLP:AMBER", "arden", True),
        ("borduria-watch", "TLP:AMBER+STRICT", "arden", False),
        ("borduria-watch", "TLP:AMBER+STRICT", "borduria", False),
        ("elbe-analyst", "TLP:AMBER", "arden", True),
        ("arden-feed", "TLP:AMBER", "arden", True),
        ("arden-feed", "TLP:CLEAR", "borduria", False),
        ("arden-admin", "TLP:CLEAR", "arden", False),
        ("caledon-audit", "TLP:CLEAR", "caledon", False),
        ("caledon-audit", "TLP:CLEAR", "arden", False),
    ],
)
def test_what_readers_see(reader: str, label: str, origin: str, expected: bool) -> None:
    decision = decide_reader(EXAMPLE, release(label, origin), EXAMPLE.readers[reader], NOW)
    assert decision.permit is expected


def test_policy_officers_read_no_content() -> None:
    officer = msgspec.structs.replace(
        EXAMPLE.readers["arden-analyst"], roles=frozenset({"policy-officer"})
    )
    readers = EXAMPLE.readers | {officer.id: officer}
    alliance = msgspec.structs.replace(EXAMPLE, readers=readers)
    decision = decide_reader(alliance, release("TLP:CLEAR"), officer, NOW)
    assert [result.gate for result in decision.gates if result.outcome == "deny"] == ["role"]


# Every field of a label, left out, emptied, altered, or of the wrong type (after CVE-2026-85533,
# where one field was looked at only if another had a certain value).
ALTERED: list[Any] = [None, "", [], {}, 0, 4, True, "PURPLE", ["nobody-known"], {"tlp": "CLEAR"}]


@pytest.mark.parametrize("field", ["tlp", "policy", "classification", "unknown", "pap", "iep"])
@pytest.mark.parametrize("value", ALTERED, ids=repr)
def test_an_altered_label_never_opens(field: str, value: Any) -> None:
    document = label_document(parse_label("TLP:AMBER//REL TO dorne"))
    label = label_from_document({**document, field: value})
    permitted = decide_member(EXAMPLE, ReleaseClass("arden", "malware", label), "dorne", NOW).permit
    # The only harmless alteration says what is said by leaving the field out.
    assert permitted is (field in ("unknown", "iep") and value == [])


@pytest.mark.parametrize("value", ALTERED, ids=repr)
def test_an_altered_rel_to_never_opens(value: Any) -> None:
    label = label_from_document({"tlp": "AMBER", "rel_to": value})
    for member in EXAMPLE.members:
        asked = ReleaseClass("borduria", "malware", label)
        decision = decide_member(EXAMPLE, asked, member, NOW)
        assert not decision.permit or member == "borduria"


@pytest.mark.parametrize("document", [None, [], "TLP:CLEAR", 0, {}, {"TLP": "CLEAR"}])
def test_a_label_that_is_none_opens_to_nobody(document: Any) -> None:
    asked = ReleaseClass("arden", "malware", label_from_document(document))
    assert not any(decide_member(EXAMPLE, asked, name, NOW).permit for name in EXAMPLE.members)


@pytest.mark.parametrize("field", ["tlp", "rel_to"])
def test_leaving_a_field_out_is_seen(field: str) -> None:
    """Without TLP nothing opens; without REL TO the agreement alone decides, as documented."""
    document = label_document(parse_label("TLP:AMBER//REL TO borduria"))
    del document[field]
    asked = ReleaseClass("arden", "malware", label_from_document(document))
    assert decide_member(EXAMPLE, asked, "dorne", NOW).permit is (field == "rel_to")
    assert decide_member(EXAMPLE, asked, "borduria", NOW).permit is (field == "rel_to")


@pytest.mark.parametrize("reader", sorted(EXAMPLE.readers))
@pytest.mark.parametrize(
    "label",
    [
        Label(unknown=("granular_markings",)),
        Label(tlp=Tlp.CLEAR, unknown=("pap",)),
        Label(tlp=Tlp.CLEAR, confidentiality=Confidentiality("ALLIED", "SECRET")),
        Label(rel_to=("arden", "borduria", "caledon", "dorne", "elbe-power")),
    ],
    ids=repr,
)
def test_what_is_not_understood_is_read_by_nobody(label: Label, reader: str) -> None:
    known = EXAMPLE.readers[reader]
    for origin in EXAMPLE.members:
        asked = ReleaseClass(origin, "malware", label)
        assert not decide_reader(EXAMPLE, asked, known, NOW).permit


# Each of these alone closes to borduria, whatever the other fields say.
CLOSING: list[dict[str, Any]] = [
    {"rel_to": ["caledon"]},
    {"rel_to": []},
    {"confidentiality": {"policy": "ARDEN", "classification": "TOP"}},
    {"confidentiality": {"policy": "ZEMBLA", "classification": "OPEN"}},
    {"review": "2026-01-01T00:00:00Z"},
    {"iep": [{"end": "2026-01-01T00:00:00Z"}]},
    {"iep": [{"start": "2027-01-01T00:00:00Z"}]},
    {"acs": [{"control_set": {"classification": "S"}}]},
    {"unknown": ["x"]},
    {"colour": "red"},
]
PERMITS = {
    "control_set": {"classification": "U"},
    "policy_reference": "urn:isa:policy:acs:ns:v3.0?privdefault=permit",
}
OPEN: dict[str, list[Any]] = {
    "tlp": [None, *(tlp.value for tlp in Tlp)],
    "rel_to": [None, ["borduria"], ["allies"]],
    "confidentiality": [None, {"policy": "ARDEN", "classification": "SECRET"}],
    "alternatives": [None, [{"policy": "CALEDON", "classification": "OFFEN"}]],
    "pap": [None, "RED"],
    "iep": [None, [{"tlp": "white"}]],
    "acs": [None, [PERMITS]],
    "review": [None, "2027-01-01T00:00:00Z"],
}


def test_cve_2026_85533_no_field_counts_only_where_another_has_a_certain_value() -> None:
    """There, a group was asked for at one level of distribution and at no other."""
    opened = 0
    for values in product(*OPEN.values()):
        document = {name: value for name, value in zip(OPEN, values, strict=True) if value}
        opened += to_borduria(document)
        for closing in CLOSING:
            assert not to_borduria(document | closing), (document, closing)
    assert opened > 100


def to_borduria(document: dict[str, Any]) -> bool:
    return member_of_world(stated(document), "borduria").permit
