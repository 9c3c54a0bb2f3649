"""Public data through the demonstration alliance of real processes, to exactly who may have it.

All of ATT&CK goes in at one member as reference data and stays there. All MISP events go in as
statements, one bundle an event: the events are dealt in turn to a nation and a named label, so
that each agreement must both open and withhold something. Who may have what is written here by
hand, from the agreements of the alliance.
"""

import gzip
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ringwall.core import canonical_json
from ringwall.demo.processes import AllianceProcesses
from ringwall.demo.proving import audit_failures
from ringwall.stix import upgrade_20
from tests.stix.misp_events import misp_bundles

MEMBERS = ("arden", "borduria", "caledon", "dorne", "elbe-power")
ALLIES = frozenset({"arden", "borduria", "caledon"})
TURNS = (("arden", "allied"), ("arden", "warning"), ("borduria", "warning"))
LABELS = {"allied": "TLP:AMBER//REL TO allies", "warning": "TLP:GREEN"}
# STIX 2.1, section 7.2.1.4: its TLP:WHITE is TLP:CLEAR today. No other mark is in the data.
TLP_WHITE = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
# The object types that the agreements list, as they stand in the description.
TYPES_OF_DORNE = frozenset({"attack-pattern", "identity", "indicator", "malware", "relationship"})
TYPES_OF_ENERGY = TYPES_OF_DORNE | {"course-of-action", "sighting"}
REFERENCE_SET = "attack"
REFERENCE_OBJECTS = 24_771
EVENTS = 57
SETTLE_SECONDS = 90
PAGE = 1000
SAMPLE = 50
"""One in so many statements is asked for its delivery."""

Version = tuple[str, str]
"""Object id and version: ``modified``, else ``created``, else "" for what has neither."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Stated:
    """What one object of an event was submitted as."""

    origin: str
    label: str
    content: Row


@dataclass
class Outcome:
    """What went in, what every member holds in the end, and what the nodes say about it."""

    stated: dict[Version, Stated] = field(default_factory=dict)
    events: int = 0
    acknowledged: dict[Version, str] = field(default_factory=dict)
    refused: list[Row] = field(default_factory=list)
    held: dict[str, list[Row]] = field(default_factory=dict)
    owed: list[str] = field(default_factory=list)
    delivery: dict[Version, dict[str, str]] = field(default_factory=dict)
    reference_answer: Row = field(default_factory=dict)
    reference_entries: list[Row] = field(default_factory=list)
    reference_sets: dict[str, Row] = field(default_factory=dict)
    reference_bodies: list[bytes] = field(default_factory=list)
    stopped_by_force: tuple[str, ...] = ()
    audit: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def attack(ringwall_data: Path) -> bytes:
    return gzip.decompress(
        (ringwall_data / "attack/enterprise-attack-18.stix20.json.gz").read_bytes()
    )


@pytest.fixture(scope="module")
def outcome(
    ringwall_data: Path, attack: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    """Put everything in, wait for the receipts, read everything back, stop, verify."""
    alliance = AllianceProcesses.found(tmp_path_factory.mktemp("real") / "alliance")
    result = Outcome()
    with alliance:
        load_reference(alliance, attack, result)
        state_events(alliance, ringwall_data / "misp-events", result)
        wait_settled(alliance, result)
        result.held = {member: list(everything(alliance, member)) for member in MEMBERS}
        read_references(alliance, result)
        result.stopped_by_force = alliance.stop()
    result.audit = audit_failures(alliance.founded)
    return result


def load_reference(alliance: AllianceProcesses, attack: bytes, result: Outcome) -> None:
    with alliance.client("arden", "tool") as client:
        result.reference_answer = client.load_reference(REFERENCE_SET, attack)


def state_events(alliance: AllianceProcesses, folder: Path, result: Outcome) -> None:
    """Submit every event as a bundle; note what was meant and what was answered."""
    clients = {origin: alliance.client(origin, "tool") for origin, _ in TURNS}
    for number, (name, bundle) in enumerate(misp_bundles(folder)):
        origin, label = TURNS[number % len(TURNS)]
        for content in json.loads(bundle)["objects"]:
            if content["id"] == TLP_WHITE:
                continue  # a constant of the standard: nobody states it
            assert version_of(content) not in result.stated  # the events have nothing in common
            result.stated[version_of(content)] = Stated(origin, label_of(content, label), content)
        answer = clients[origin].submit(bundle, label=label)
        for row in answer["submitted"]:
            result.acknowledged[row["object"], row["version"]] = row["statement"]
        result.refused += [{"event": name, **refusal} for refusal in answer["refused"]]
        result.events += 1
    for client in clients.values():
        client.close()


def version_of(content: Row) -> Version:
    return content["id"], content.get("modified") or content.get("created") or ""


def label_of(content: Row, named: str) -> str:
    """Return the label of an object: its own if it carries one, else the one that was named."""
    marks = content.get("object_marking_refs", [])
    assert marks in ([], [TLP_WHITE])
    return "TLP:CLEAR" if marks else LABELS[named]


def may_have(stated: Stated) -> frozenset[str]:
    """Return the members that must hold an object, its origin too: the agreements, by hand."""
    kind = stated.content["type"]
    if stated.label == LABELS["allied"]:
        return ALLIES  # AMBER is within the partner's agreement, but REL TO does not name Dorne
    assert stated.label in ("TLP:CLEAR", "TLP:GREEN")
    reach = set(ALLIES)
    if kind in TYPES_OF_DORNE:
        reach.add("dorne")
    # Arden sponsors the company and shares every type; what Borduria states is a warning or stays
    if stated.origin == "arden" or kind in TYPES_OF_ENERGY:
        reach.add("elbe-power")
    return frozenset(reach)


NEEDED = {
    "relationship": ("source_ref", "target_ref"),
    "report": ("object_refs",),
    "sighting": ("sighting_of_ref",),
    "observed-data": ("object_refs",),
    "note": ("object_refs",),
}
"""What a type cannot be without; naming there what a member may not have leaves it nothing."""


def reaches(outcome: "Outcome") -> dict[Version, frozenset[str]]:
    """Return who must hold each object: who may have it, and may know of whatever it must name."""
    reach = {version: may_have(stated) for version, stated in outcome.stated.items()}
    changed = True
    while changed:
        known: dict[str, frozenset[str]] = {}
        for (name, _), members in reach.items():
            known[name] = known.get(name, frozenset()) | members
        before = dict(reach)
        for version, stated in outcome.stated.items():
            for name in _names(stated.content):
                reach[version] &= known.get(name, frozenset(MEMBERS)) | {stated.origin}
        changed = reach != before
    return reach


def _names(content: Row) -> Iterator[str]:
    for field_name in NEEDED.get(content["type"], ()):
        value = content.get(field_name, [])
        yield from [value] if isinstance(value, str) else value


def wait_settled(alliance: AllianceProcesses, result: Outcome) -> None:
    """Wait until everything is sealed and receipted by every recipient, or too long."""
    deadline = time.monotonic() + SETTLE_SECONDS
    result.owed = ["not asked yet"]
    while result.owed and time.monotonic() < deadline:
        time.sleep(0.2)
        result.owed = [row for member in MEMBERS for row in owed(alliance, member)]
    for number, (version, statement) in enumerate(result.acknowledged.items()):
        if number % SAMPLE == 0:
            with alliance.client(result.stated[version].origin) as client:
                told = client.delivery(statement)["members"]
            result.delivery[version] = {row["member"]: row["state"] for row in told}


def owed(alliance: AllianceProcesses, member: str) -> list[str]:
    """Return what a member has not sealed yet, and what others have not confirmed to it."""
    metrics = httpx.get(f"{alliance.url(member)}/metrics", trust_env=False).text
    waiting = [line for line in metrics.splitlines() if line.startswith("ringwall_outbox_depth")]
    found = [f"{member}: {line}" for line in waiting if float(line.rpartition(" ")[2])]
    with alliance.client(member) as client:
        peers = client.peers()["peers"]
    # Receipts themselves, in the lane CONTROL, are never receipted.
    lanes = [lane for row in peers for lane in row["lanes"] if lane["lane"] != "CONTROL"]
    return found + [f"{member} -> {lane}" for lane in lanes if lane["sent"] != lane["receipted"]]


def everything(alliance: AllianceProcesses, member: str) -> Iterator[Row]:
    """Yield every statement that an analyst with the highest clearance sees at a member."""
    after = "0"
    with alliance.client(member) as client:
        while True:
            page = client.statements(after=after, limit=PAGE)
            yield from page["statements"]
            after = page["next"]
            if not page["more"]:
                return


def read_references(alliance: AllianceProcesses, result: Outcome) -> None:
    """Read back the set and what the audit log says of it; ask the others for theirs."""
    for member in MEMBERS:
        with alliance.client(member) as client:
            result.reference_sets[member] = client.references()["sets"]
    with alliance.client("arden") as client:
        after, more = "0", True
        while more:
            page = client.references(REFERENCE_SET, after=after, limit=PAGE)
            result.reference_bodies += [canonical_json(content) for content in page["objects"]]
            after, more = page["next"], page["more"]
    with alliance.client("arden", "auditor") as client:
        entries = client.audit(limit=PAGE)["entries"]
    logged = [row["entry"] for row in entries]
    result.reference_entries = [each for each in logged if each["kind"] == "reference-loaded"]


def digest(bodies: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(bodies)).hexdigest()


def test_every_object_of_every_event_is_stated_and_none_refused(outcome: Outcome) -> None:
    assert outcome.events == EVENTS
    assert outcome.refused == []
    assert outcome.acknowledged.keys() == outcome.stated.keys()
    assert len(set(outcome.acknowledged.values())) == len(outcome.stated)


def test_the_events_try_every_agreement(outcome: Outcome) -> None:
    """Something is opened and something is withheld for each of the two outside the allies."""
    reached = Counter((s.origin, s.label, may_have(s) - ALLIES) for s in outcome.stated.values())
    both, partner, company = {"dorne", "elbe-power"}, {"dorne"}, {"elbe-power"}
    assert reached["arden", "TLP:GREEN", frozenset(both)]
    assert reached["arden", "TLP:GREEN", frozenset(company)]
    assert reached["borduria", "TLP:GREEN", frozenset(both)]
    assert reached["borduria", "TLP:GREEN", frozenset()]
    assert reached["arden", LABELS["allied"], frozenset()]
    assert reached["arden", "TLP:CLEAR", frozenset(company)] == 1  # its own TLP, not the named one
    assert not any(frozenset(partner) == outside for _, _, outside in reached)


def test_every_receipt_is_in(outcome: Outcome) -> None:
    assert outcome.owed == []
    assert len(outcome.delivery) > len(outcome.stated) // SAMPLE
    reach = reaches(outcome)
    for version, states in outcome.delivery.items():
        others = [member for member in MEMBERS if member != outcome.stated[version].origin]
        expected = {each: "received" if each in reach[version] else "withheld" for each in others}
        assert states == expected, version


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_holds_exactly_what_it_may_have(outcome: Outcome, member: str) -> None:
    rows, reach = outcome.held[member], reaches(outcome)
    expected = {
        (*version, stated.label, stated.origin, outcome.acknowledged[version])
        for version, stated in outcome.stated.items()
        if member in reach[version]
    }
    names = ("object_id", "version", "label", "source", "statement")
    found = Counter(tuple(row[name] for name in names) for row in rows)
    assert not {key: count for key, count in found.items() if count > 1}
    assert not found.keys() - expected, f"{member} holds what it may not have"
    assert not expected - found.keys(), f"{member} lacks what it may have"


@pytest.mark.parametrize("member", MEMBERS)
def test_what_a_member_holds_is_what_was_submitted(outcome: Outcome, member: str) -> None:
    for row in outcome.held[member]:
        assert row["object"] == outcome.stated[row["object_id"], row["version"]].content


def test_the_reference_set_is_read_back_byte_for_byte(attack: bytes, outcome: Outcome) -> None:
    expected = digest(canonical_json(upgrade_20(each)) for each in json.loads(attack)["objects"])
    count = len(outcome.reference_bodies)
    assert (count, digest(outcome.reference_bodies)) == (REFERENCE_OBJECTS, expected)
    assert outcome.reference_answer == {
        "set": REFERENCE_SET,
        "objects": REFERENCE_OBJECTS,
        "refused": [],
    }
    assert [entry["sha256"] for entry in outcome.reference_entries] == [expected]


def test_reference_data_stays_where_it_was_loaded(outcome: Outcome) -> None:
    elsewhere: dict[str, dict[str, int]] = {member: {} for member in MEMBERS}
    assert outcome.reference_sets == {**elsewhere, "arden": {REFERENCE_SET: REFERENCE_OBJECTS}}


def test_every_stopped_node_passes_audit_verify(outcome: Outcome) -> None:
    assert outcome.stopped_by_force == ()
    assert outcome.audit == []
