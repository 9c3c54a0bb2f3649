"""The data of the demonstration fits together, and the policy agrees with what a hand wrote."""

import ipaddress
import json
import re

import pytest

from ringwall.alliance import load_alliance, resolve_label
from ringwall.core import SystemClock
from ringwall.demo import Step, alliance_text, load_expectations, load_scenario
from ringwall.policy import Kernel, ReleaseClass
from ringwall.stix import read_submission

STEPS = load_scenario().steps
EXPECTED = load_expectations()
ALLIANCE = load_alliance(alliance_text())
KERNEL = Kernel(ALLIANCE, SystemClock())
DOCUMENTATION = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]

each_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)


@each_step
def test_every_object_is_expected_once_at_every_member(step: Step) -> None:
    expected = EXPECTED.steps[step.id]
    objects = [item["id"] for item in json.loads(step.bundle())["objects"]]
    assert expected.origin == step.member
    assert sorted(objects) == sorted(expected.objects)
    others = ALLIANCE.members.keys() - {step.member}
    for item in expected.objects.values():
        assert set(item.has) | item.withheld.keys() == others
        assert len(item.has) + len(item.withheld) == len(others)


@each_step
def test_the_policy_decides_what_was_written_by_hand(step: Step) -> None:
    label = resolve_label(ALLIANCE, step.label)
    for item in json.loads(step.bundle())["objects"]:
        expected = EXPECTED.steps[step.id].objects[item["id"]]
        release_class = ReleaseClass(
            origin=step.member, object_type=item["type"], label=label, purpose=step.purpose
        )
        for member, decision in KERNEL.explain(release_class):
            if member == step.member or expected.withheld.get(member) == "redaction":
                continue  # what is left of an object is decided where it is stated
            assert decision.permit == (member in expected.has), decision.reason()
            denying = {gate.gate for gate in decision.gates if gate.outcome == "deny"}
            assert decision.permit or expected.withheld[member] in denying


@each_step
def test_every_object_is_valid_and_uses_documentation_addresses(step: Step) -> None:
    submission = read_submission(step.bundle())
    assert not submission.refusals
    assert not [warning for item in submission.objects for warning in item.warnings]
    text = step.bundle().decode()
    for address in re.findall(r"addr:value = '([0-9a-f.:]+)'", text):
        assert any(ipaddress.ip_address(address) in network for network in DOCUMENTATION)
    for name in re.findall(r"(?:domain-name:value = '|@|https?://)([a-z0-9.-]+)", text):
        assert name.endswith((".example.org", ".example.com", ".example.net"))


@each_step
def test_every_step_is_submitted_by_a_reader_of_its_member(step: Step) -> None:
    assert ALLIANCE.readers[step.reader].member == step.member


def test_the_totals_are_those_of_the_parts() -> None:
    items = [item for step in EXPECTED.steps.values() for item in step.objects.values()]
    assert sum(len(item.has) for item in items) == EXPECTED.delivered
    assert sum(len(item.withheld) for item in items) == EXPECTED.withheld


def test_every_reader_is_covered_by_exactly_one_rule() -> None:
    rules = EXPECTED.readers
    for name, reader in ALLIANCE.readers.items():
        role = name.removeprefix(f"{reader.member}-")
        lists = [rules.everything, rules.own, rules.nothing]
        assert sum(role in names for names in lists) + (name in rules.steps) == 1


def test_withholding_happens_at_every_gate_that_the_scenario_is_about() -> None:
    gates = {
        gate
        for step in EXPECTED.steps.values()
        for item in step.objects.values()
        for gate in item.withheld.values()
    }
    assert gates == {"rel-to", "agreement", "tlp", "redaction"}
