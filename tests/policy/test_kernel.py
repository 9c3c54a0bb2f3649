"""The kernel remembers decisions and nothing else; release classes have canonical keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringwall.alliance import load_alliance
from ringwall.core import ManualClock, format_timestamp, parse_json
from ringwall.labels import Confidentiality, Iep, Label, Pap, Terms, parse_label
from ringwall.policy import (
    DEFAULT_PURPOSE,
    SKEW,
    GateResult,
    Kernel,
    ReleaseClass,
    Vetoes,
    decide_member,
    release_class,
)
from ringwall.policy import kernel as kernel_module

TEXT = (Path(__file__).parent.parent / "alliance/example.yaml").read_text(encoding="utf-8")
ALLIANCE = load_alliance(TEXT)
NODES = ["arden-1", "borduria-1", "borduria-2", "caledon-1", "dorne-1", "elbe-1"]
CLOSES = datetime(2027, 6, 1, tzinfo=UTC) - SKEW
AMBER = ReleaseClass("arden", "indicator", parse_label("TLP:AMBER"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(CLOSES - timedelta(seconds=1))


@pytest.fixture
def kernel(clock: ManualClock) -> Kernel:
    return Kernel(ALLIANCE, clock)


def test_audience_is_the_sorted_nodes_of_other_members(kernel: Kernel) -> None:
    everyone = ("borduria-1", "borduria-2", "caledon-1", "dorne-1", "elbe-1")
    assert kernel.audience(AMBER, nodes=reversed_set(NODES)) == everyone
    assert kernel.audience(AMBER, nodes=["dorne-1", "arden-1", "stranger-1"]) == ("dorne-1",)
    assert kernel.audience(AMBER, nodes=[]) == ()


def reversed_set(nodes: list[str]) -> list[str]:
    return [*reversed(nodes), *nodes]


def test_expiry_takes_effect_at_the_moment(kernel: Kernel, clock: ManualClock) -> None:
    reader = ALLIANCE.readers["dorne-analyst"]
    assert kernel.may_receive(AMBER, "dorne")
    assert kernel.may_read(AMBER, reader)
    assert "dorne-1" in kernel.audience(AMBER, nodes=NODES)
    clock.advance(timedelta(seconds=1))
    assert not kernel.may_receive(AMBER, "dorne")
    assert not kernel.may_read(AMBER, reader)
    assert "dorne-1" not in kernel.audience(AMBER, nodes=NODES)
    assert "borduria-1" in kernel.audience(AMBER, nodes=NODES)


def test_a_clock_that_is_set_back_reopens_nothing_wrongly(
    kernel: Kernel, clock: ManualClock
) -> None:
    clock.advance(timedelta(seconds=1))
    assert not kernel.may_receive(AMBER, "dorne")
    clock.advance(timedelta(days=-700))  # before the partnership began
    assert not kernel.may_receive(AMBER, "dorne")
    clock.advance(timedelta(days=600))
    assert kernel.may_receive(AMBER, "dorne")


def test_explain_lists_the_others_sorted_or_the_one_asked_for(kernel: Kernel) -> None:
    explained = kernel.explain(AMBER)
    assert [name for name, _ in explained] == [
        "borduria", "caledon", "dorne", "elbe-power", "farside",
    ]  # fmt: skip
    assert [decision.permit for _, decision in explained] == [True, True, True, True, False]
    assert kernel.explain(AMBER, "arden")[0][1].permit
    (stranger,) = kernel.explain(AMBER, "zembla")
    assert not stranger[1].permit


def test_explain_says_what_the_definition_says(kernel: Kernel, clock: ManualClock) -> None:
    for name, decision in kernel.explain(AMBER):
        assert decision == decide_member(ALLIANCE, AMBER, name, clock.now())


def test_who_has_no_node_in_the_registry_gets_nothing(kernel: Kernel) -> None:
    explained = dict(kernel.explain(AMBER, nodes={"borduria-1", "farside-1"}))
    permitted = [name for name, decision in explained.items() if decision.permit]
    assert permitted == ["borduria"]
    refused = explained["caledon"].denying()
    assert refused is not None
    assert (refused.rule, refused.source) == ("not-enrolled", "registry")
    assert explained["caledon"].reason() == (
        "withheld from caledon: caledon has no node in the registry"
    )
    known = dict(kernel.explain(AMBER))
    gates = [refused if each.gate == "node" else each for each in known["caledon"].gates]
    assert explained["caledon"].gates == tuple(gates)
    assert (refused.gate, refused.outcome) == ("node", "deny")
    assert explained["farside"] == known["farside"]  # denied as it was
    assert dict(kernel.explain(AMBER, "arden", nodes=()))["arden"].permit  # it is the origin
    assert not dict(kernel.explain(AMBER, "dorne", nodes=()))["dorne"].permit


def test_an_explanation_is_remembered_until_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr(kernel_module, "_MOST_EXPLAINED", 2)
    kernel = Kernel(ALLIANCE, clock)
    amber, *others = (
        ReleaseClass("arden", "note", parse_label(f"TLP:{level}"))
        for level in ("AMBER", "GREEN", "RED")
    )
    first = kernel.explain(amber)[0]
    kernel.explain(others[0])
    assert kernel.explain(amber)[0] is first
    kernel.explain(others[1])
    assert kernel.explain(amber)[0] == first
    assert kernel.explain(amber)[0] is not first


def test_version_is_the_digest_of_the_description(kernel: Kernel, clock: ManualClock) -> None:
    assert kernel.version == ALLIANCE.digest
    other = load_alliance(TEXT.replace("annex B", "annex C"))
    assert Kernel(other, clock).version != kernel.version


def test_equal_classes_have_equal_keys() -> None:
    one = ReleaseClass("arden", "malware", parse_label("TLP:AMBER//REL TO dorne, borduria"))
    two = ReleaseClass("arden", "malware", parse_label("tlp:amber//rel to BORDURIA,dorne,dorne"))
    assert one == two
    assert one.key() == two.key()
    assert parse_json(one.key()) == {
        "label": {"rel_to": ["borduria", "dorne"], "tlp": "AMBER"},
        "object_type": "malware",
        "origin": "arden",
        "purpose": DEFAULT_PURPOSE,
    }


def test_every_part_of_a_class_is_in_its_key() -> None:
    label = parse_label("TLP:AMBER")
    classes = [
        ReleaseClass("arden", "malware", label),
        ReleaseClass("dorne", "malware", label),
        ReleaseClass("arden", "note", label),
        ReleaseClass("arden", "malware", label, "exercise"),
        ReleaseClass("arden", "malware", Label()),
        ReleaseClass("arden", "malware", Label(rel_to=())),
        ReleaseClass("arden", "malware", Label(confidentiality=Confidentiality("A", "B"))),
        ReleaseClass("arden", "malware", Label(pap=Pap.RED)),
        ReleaseClass("arden", "malware", Label(iep=(Iep(),))),
        ReleaseClass("arden", "malware", Label(review="2027-01-01T00:00:00.000000Z")),
        ReleaseClass("arden", "malware", label, terms=Terms(hops=1)),
        ReleaseClass("arden", "malware", Label(unknown=("a",))),
        ReleaseClass("arden", "malware", label, relayed=("dorne", "borduria")),
        ReleaseClass("arden", "malware", label, relayed=("borduria", "dorne")),
    ]
    assert len({each.key() for each in classes}) == len(classes)


def test_answers_about_one_class_are_not_those_of_another(kernel: Kernel) -> None:
    closed = ReleaseClass("arden", "indicator", parse_label("TLP:RED"))
    for _ in range(2):
        assert kernel.audience(AMBER, nodes=NODES) != ()
        assert kernel.audience(closed, nodes=NODES) == ()
        assert any(decision.permit for _, decision in kernel.explain(AMBER))
        assert not any(decision.permit for _, decision in kernel.explain(closed))


def test_explanations_and_what_is_readable_expire_too(kernel: Kernel, clock: ManualClock) -> None:
    reader = ALLIANCE.readers["dorne-analyst"]
    assert kernel.readable({1: AMBER}, reader) == {1}
    assert dict(kernel.explain(AMBER))["dorne"].permit
    clock.advance(timedelta(seconds=1))
    assert kernel.readable({1: AMBER}, reader) == frozenset()
    assert not dict(kernel.explain(AMBER))["dorne"].permit


def test_one_explanation_asks_the_vetoes(clock: ManualClock) -> None:
    text = '@id("nobody") forbid(principal, action, resource);'
    kernel = Kernel(ALLIANCE, clock, Vetoes("arden", text))
    assert kernel.explain(AMBER, "borduria")[0][1].reason() == (
        "withheld from borduria: arden forbids it: nobody"
    )


def test_the_key_holds_the_terms() -> None:
    asked = ReleaseClass("arden", "malware", parse_label("TLP:AMBER"), terms=Terms(hops=2))
    assert parse_json(asked.key())["terms"] == {"hops": 2}
    assert "terms" not in parse_json(AMBER.key())


def test_the_key_holds_the_way_that_it_came() -> None:
    asked = release_class("arden", "malware", parse_label("TLP:AMBER"), relayed=("dorne", "elbe"))
    assert parse_json(asked.key())["relayed"] == ["dorne", "elbe"]
    assert "relayed" not in parse_json(AMBER.key())


@pytest.mark.parametrize(
    ("way", "giver"),
    [
        ((), "arden"),
        (("dorne",), "arden"),
        (("dorne", "elbe"), "dorne"),
        (("dorne", "elbe", "caledon"), "elbe"),
    ],
)
def test_who_gives_is_the_last_but_one_on_the_way(way: tuple[str, ...], giver: str) -> None:
    label = parse_label("TLP:AMBER")
    assert ReleaseClass("arden", "malware", label, relayed=way).giver == giver


def test_a_reason_that_time_has_taken_away_is_not_told_again(
    kernel: Kernel, clock: ManualClock
) -> None:
    until = format_timestamp(clock.now() + timedelta(hours=1))
    label = parse_label("TLP:AMBER//REL TO borduria")
    held_back = ReleaseClass("arden", "indicator", label, terms=Terms(embargo=until))
    assert "rel-to" in {each.gate for each in denying(kernel, held_back)}
    assert "embargo" in {each.gate for each in denying(kernel, held_back)}
    clock.advance(timedelta(hours=2))
    assert "rel-to" in {each.gate for each in denying(kernel, held_back)}
    assert "embargo" not in {each.gate for each in denying(kernel, held_back)}


def denying(kernel: Kernel, release: ReleaseClass) -> list[GateResult]:
    (decision,) = [each for name, each in kernel.explain(release) if name == "dorne"]
    return [each for each in decision.gates if each.outcome == "deny"]


def test_the_key_holds_the_way_in_its_order() -> None:
    one, two = (
        ReleaseClass("arden", "malware", parse_label("TLP:AMBER"), relayed=way)
        for way in (("borduria", "caledon"), ("caledon", "borduria"))
    )
    assert parse_json(one.key())["relayed"] == ["borduria", "caledon"]
    assert len({one.key(), two.key(), AMBER.key()}) == len({one, two, AMBER}) == 3
    assert "relayed" not in parse_json(AMBER.key())


def test_the_same_content_by_another_way_is_another_question(kernel: Kernel) -> None:
    terms = Terms(onward_to=("caledon",), hops=1)
    direct = ReleaseClass("arden", "indicator", parse_label("TLP:AMBER"), terms=terms)
    by_borduria, by_dorne = (
        ReleaseClass("arden", "indicator", direct.label, terms=terms, relayed=(name, "caledon"))
        for name in ("borduria", "dorne")
    )
    for _ in range(2):
        assert "dorne-1" in kernel.audience(direct, nodes=NODES)
        assert kernel.audience(by_borduria, nodes=NODES) == ("caledon-1",)
        assert {name for name, each in kernel.explain(by_borduria) if each.permit} == {"caledon"}
        assert (
            kernel.may_receive(by_dorne, "caledon")
            is dict(kernel.explain(by_dorne))["caledon"].permit
        )
