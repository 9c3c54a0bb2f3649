"""The compiled form and the kernel say what the definition says, at every moment."""

import itertools
import threading
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ringwall.alliance import Alliance, NodeSeat
from ringwall.policy import (
    CompiledPolicy,
    Kernel,
    ReleaseClass,
    compiled,
    decide_member,
)
from tests.policy.world import NOW, WORLD, changed, classified, stated, tag


class SetClock:
    """A clock that stands where it was put."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def definition(alliance: Alliance, release: ReleaseClass, at: datetime) -> set[str]:
    return {name for name in alliance.members if decide_member(alliance, release, name, at).permit}


def found(policy: CompiledPolicy, release: ReleaseClass, at: datetime) -> set[str]:
    return set(policy.members(policy.recipients(release, at).bits))


ACS = "urn:isa:policy:acs:ns:v3.0?privdefault=permit&sharedefault=deny"
LABELS: list[dict[str, Any]] = [
    *({"tlp": level} for level in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")),
    *({"tlp": "RED", "rel_to": names} for names in (["caledon"], ["allies"], ["allies", "elbe"])),
    *({"tlp": "GREEN", "rel_to": names} for names in ([], ["allies"], ["dorne", "zembla"])),
    *(classified(level) for level in ("OPEN", "RESTRICTED", "SECRET", "TOP", "ATOMIC", "NONE")),
    classified("SECRET", policy="ZEMBLA"),
    classified("SECRET", tag("CRYPTO", "A")),
    classified("SECRET", tag("DESK", "south"), tlp="RED"),
    classified("SECRET", tag("REL", "BRD", "CAL")),
    classified("SECRET", tag("REL", "BRD", "ZEM")),
    {"confidentiality": {"policy": "ARDEN", "classification": "SECRET"}},
    {"tlp": "GREEN", "acs": [{"control_set": {"classification": "S"}}]},
    {"tlp": "GREEN", "acs": [{"control_set": {"classification": "U"}, "policy_reference": ACS}]},
    {"tlp": "GREEN", "review": "2026-06-01T00:00:00Z"},
    {"tlp": "GREEN", "iep": [{"start": "2026-06-01T00:00:00Z"}, {"end": "2026-06-02T00:00:00Z"}]},
    {"rel_to": ["allies"]},
    {"tlp": "GREEN", "colour": "blue"},
]
TWO_LISTS = classified("SECRET", tag("REL", "BRD", "CAL"))
SEATED = (NodeSeat("fit", "anybody", 1, assurance=9),)
TERMS: list[dict[str, Any]] = [{}, {"sectors": ["energy"]}, {"embargo": "2026-06-01T00:00:00Z"}]
TIMES = [
    datetime(2026, 1, 1, 0, 1, 59, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 2, tzinfo=UTC),
    datetime(2026, 5, 31, 23, 58, tzinfo=UTC),
    datetime(2026, 6, 1, 0, 2, tzinfo=UTC),
    datetime(2026, 6, 1, 23, 58, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 58, tzinfo=UTC),
]


@pytest.mark.parametrize("origin", sorted(WORLD.members))
def test_recipients_by_example_are_those_of_the_definition(origin: str) -> None:
    """And what comes first of the moments at which it changes is never missed."""
    policy = CompiledPolicy(WORLD)
    for label, terms in zip(LABELS, itertools.cycle(TERMS), strict=False):
        release = stated(label, terms, origin=origin)
        answers = [definition(WORLD, release, at) for at in TIMES]
        for place, at in enumerate(TIMES):
            recipients = policy.recipients(release, at)
            assert set(policy.members(recipients.bits)) == answers[place], (label, terms, at)
            later = [
                each
                for each, answer in zip(TIMES[place:], answers[place:], strict=True)
                if answer != answers[place]
            ]
            if later:
                assert recipients.until is not None
                assert at < recipients.until <= later[0]


def test_who_is_no_member_receives_nothing() -> None:
    kernel = Kernel(WORLD, SetClock())
    assert not kernel.may_receive(stated({"tlp": "CLEAR"}), "zembla")
    assert not kernel.may_receive(stated({"tlp": "CLEAR"}, origin="zembla"), "zembla")
    policy = CompiledPolicy(WORLD)
    assert policy.recipients(stated({"tlp": "CLEAR"}, origin="zembla"), NOW).bits == 0


def test_a_party_that_the_alliance_has_lost_is_nobody() -> None:
    parties = frozenset({"caledon", "elbe", "zembla"})
    pact = msgspec.structs.replace(WORLD.agreements[0], parties=parties)
    policy = CompiledPolicy(changed(agreements=(pact,)))
    asked = stated({"tlp": "GREEN"}, origin="caledon")
    assert found(policy, asked, NOW) == {"caledon", "elbe"}


def test_a_party_gives_and_receives_only_what_the_agreement_lets_it() -> None:
    alliance = changed(agreements=(WORLD.agreements[1],))
    willing = {name: msgspec.structs.replace(m, nodes=SEATED) for name, m in WORLD.members.items()}
    alliance = msgspec.structs.replace(alliance, members=willing)
    policy = CompiledPolicy(alliance)
    expected = {"arden": {"arden", "dorne"}, "borduria": {"borduria"}, "dorne": {"dorne"}}
    for origin, members in expected.items():
        asked = stated({"tlp": "AMBER"}, {"sectors": ["energy"]}, origin=origin)
        assert found(policy, asked, NOW) == definition(alliance, asked, NOW) == members


@pytest.mark.parametrize(
    ("label", "members"),
    [
        ({"tlp": "GREEN", "rel_to": ["dorne"]}, {"caledon"}),
        ({"tlp": "GREEN", "rel_to": ["dorne", "elbe"]}, {"caledon", "elbe"}),
        ({**TWO_LISTS, "rel_to": ["borduria", "elbe"]}, {"caledon", "borduria"}),
        ({**TWO_LISTS, "rel_to": ["elbe"]}, {"caledon"}),
        ({**TWO_LISTS, "rel_to": ["borduria", "elbe"], "tlp": "RED"}, {"caledon", "borduria"}),
        ({**TWO_LISTS, "rel_to": ["allies", "elbe"], "tlp": "RED"}, {"caledon"}),
    ],
)
def test_every_list_and_every_limit_narrows_what_is_left(
    label: dict[str, Any], members: set[str]
) -> None:
    wide = msgspec.structs.replace(WORLD.agreements[0], parties=frozenset(WORLD.members))
    alliance = changed(agreements=(wide,))
    asked = stated(label, origin="caledon")
    assert found(CompiledPolicy(alliance), asked, NOW) == definition(alliance, asked, NOW)
    assert found(CompiledPolicy(alliance), asked, NOW) == members


@pytest.mark.parametrize(
    ("way", "names", "hops", "members"),
    [
        (("borduria", "caledon"), ["allies"], 1, {"arden", "caledon"}),
        (("borduria", "elbe", "caledon"), ["allies"], 2, {"arden", "caledon"}),
        (("borduria", "elbe", "caledon"), ["allies"], 1, {"arden"}),
        (("borduria", "elbe", "caledon"), ["caledon"], 2, {"arden"}),
        (("borduria", "dorne"), ["dorne"], 1, {"arden"}),
        (("dorne", "caledon"), ["allies"], 1, {"arden"}),
        (("borduria", "zembla"), ["zembla"], 1, {"arden"}),
        (("caledon",), ["allies"], 1, {"arden"}),
    ],
)
def test_what_was_passed_on_is_for_the_one_that_holds_it(
    way: tuple[str, ...], names: list[str], hops: int, members: set[str]
) -> None:
    asked = stated({"tlp": "GREEN"}, {"onward_to": names, "hops": hops})
    passed = msgspec.structs.replace(asked, relayed=way)
    assert found(CompiledPolicy(WORLD), passed, NOW) == members
    assert definition(WORLD, passed, NOW) == members


def test_what_may_not_be_passed_on_is_its_originators_alone() -> None:
    for terms, members in (({}, {"elbe"}), ({"onward_to": ["caledon"], "hops": 1}, {"elbe"})):
        passed = msgspec.structs.replace(
            stated({"tlp": "GREEN"}, terms, origin="elbe"), relayed=("caledon", "borduria")
        )
        assert found(CompiledPolicy(WORLD), passed, NOW) == members


def test_what_is_opened_is_by_agreements_and_by_nothing_else() -> None:
    policy = CompiledPolicy(WORLD)

    def opened(asked: ReleaseClass, at: datetime = NOW) -> set[str]:
        return set(policy.members(policy.opened(asked, at)))

    allies = {"arden", "borduria", "caledon", "elbe"}
    red, amber = stated({"tlp": "RED"}), stated({"tlp": "AMBER"}, {"sectors": ["energy"]})
    assert opened(red) == allies
    assert opened(amber) == {*allies, "dorne"}
    assert opened(stated({"tlp": "AMBER"}, origin="dorne")) == set()
    assert opened(stated({"tlp": "AMBER"}, purpose="sales")) == set()
    assert opened(amber, TIMES[0]) == opened(amber, TIMES[-1]) == set()
    assert opened(amber, TIMES[1]) == {*allies, "dorne"}


def test_members_are_bits_by_name() -> None:
    policy = CompiledPolicy(WORLD)
    assert policy.names == ("arden", "borduria", "caledon", "dorne", "elbe")
    assert list(policy.members(0b10010)) == ["borduria", "elbe"]
    assert policy.recipients(stated({"tlp": "GREEN"}), NOW).bits == 0b10111
    assert policy.alliance is WORLD


def test_what_never_changes_has_no_until() -> None:
    policy = CompiledPolicy(WORLD)
    assert policy.recipients(stated({"rel_to": ["arden"]}), NOW).until is None
    lonely = stated({"tlp": "GREEN"}, origin="dorne")
    assert policy.recipients(lonely, NOW).until is None
    assert policy.recipients(stated({"tlp": "GREEN"}), NOW).until == datetime(
        2026, 12, 31, 23, 58, tzinfo=UTC
    )


def test_the_originator_is_among_the_recipients_unless_the_label_is_not_understood() -> None:
    policy = CompiledPolicy(WORLD)
    for label in (
        classified("SECRET", tag("CRYPTO", "C")),
        {"tlp": "RED", "rel_to": []},
        {"tlp": "CLEAR", "iep": [{"end": "2020-01-01T00:00:00Z"}]},
    ):
        assert found(policy, stated(label), NOW) == {"arden"}
    assert found(policy, stated({"tlp": "CLEAR"}, {"embargo": "2030-01-01T00:00:00Z"}), NOW) == {
        "arden"
    }
    nobody = policy.recipients(stated({"tlp": "CLEAR", "unknown": ["x"]}), NOW)
    assert (nobody.bits, nobody.until) == (0, None)


def test_labels_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_MOST_REMEMBERED", 2)
    policy = CompiledPolicy(WORLD)
    labels = [{"tlp": level} for level in ("CLEAR", "GREEN", "AMBER", "RED")]
    for _ in range(2):
        for label in labels:
            assert found(policy, stated(label), NOW) == definition(WORLD, stated(label), NOW)
            assert len(policy._labels) <= 2


def test_after_adopt_nothing_old_is_answered() -> None:
    kernel = Kernel(WORLD, SetClock())
    asked, ana = stated({"tlp": "GREEN"}, origin="borduria"), WORLD.readers["ana"]
    nodes = ["arden-1", "caledon-1", "elbe-1"]

    def answers() -> list[bool]:
        return [
            kernel.may_receive(asked, "arden"),
            kernel.may_read(asked, ana),
            kernel.audience(asked, nodes=nodes) != (),
            kernel.readable({1: asked}, ana) == {1},
            dict(kernel.explain(asked))["arden"].permit,
            kernel.explain(asked, "arden")[0][1].permit,
            kernel.decide(asked, "arden", NOW).permit,
            kernel.decide_reader(asked, ana).permit,
        ]

    assert answers() == [True] * 8
    closed = changed(agreements=(), digest="closed")
    kernel.adopt(closed)
    assert answers() == [False] * 8
    assert kernel.alliance is closed
    assert kernel.version == "closed"
    kernel.adopt(WORLD)
    assert answers() == [True] * 8


def test_after_adopt_no_thread_gets_an_old_answer() -> None:
    """Many threads ask while one adopts; whoever asks afterwards hears the new policy."""
    kernel = Kernel(WORLD, SetClock())
    closed = changed(agreements=(), digest="closed")
    asked, ana = stated({"tlp": "GREEN"}, origin="borduria"), WORLD.readers["ana"]
    wrong: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            kernel.may_receive(asked, "arden")
            kernel.readable({1: asked}, ana)
            kernel.audience(asked, nodes=["arden-1"])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        alliance, expected = (closed, False) if turn % 2 == 0 else (WORLD, True)
        kernel.adopt(alliance)
        answers = (
            kernel.may_receive(asked, "arden"),
            kernel.may_read(asked, ana),
            kernel.audience(asked, nodes=["arden-1"]) != (),
            kernel.readable({1: asked}, ana) == {1},
        )
        wrong += [f"turn {turn}" for answer in answers if answer is not expected]
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_class_that_was_added_is_judged_too() -> None:
    kernel = Kernel(WORLD, SetClock())
    ana = WORLD.readers["ana"]
    one, two = stated({"tlp": "GREEN"}), stated({"tlp": "AMBER"})
    assert kernel.readable({1: one}, ana) == {1}
    assert kernel.readable({1: one, 2: two}, ana) == {1, 2}


def test_readers_of_one_name_and_different_rights_are_told_apart() -> None:
    kernel = Kernel(WORLD, SetClock())
    ana = WORLD.readers["ana"]
    narrow = msgspec.structs.replace(ana, roles=frozenset({"submitter"}))
    asked = stated({"tlp": "GREEN"}, origin="borduria")
    assert kernel.may_read(asked, ana)
    assert not kernel.may_read(asked, narrow)
    assert kernel.readable({1: asked}, ana) == {1}
    assert kernel.readable({1: asked}, narrow) == frozenset()


def test_a_group_of_one_is_a_group_and_a_shared_code_nobodys_own() -> None:
    """TLP:RED is for those who are named one by one, in either form."""
    groups = WORLD.groups | {"single": frozenset({"caledon"})}
    alliance = changed(groups=groups)
    policy = CompiledPolicy(alliance)
    asked = stated({"tlp": "RED", "rel_to": ["single"]})
    assert found(policy, asked, NOW) == definition(alliance, asked, NOW) == {"arden"}


def test_an_acs_marking_is_asked_for_each_member() -> None:
    controls = {"classification": "U", "permitted_nationalities": ["BRD", "caledon"]}
    asked = stated({"tlp": "GREEN", "acs": [{"control_set": controls, "policy_reference": ACS}]})
    policy = CompiledPolicy(WORLD)
    assert found(policy, asked, NOW) == definition(WORLD, asked, NOW)
    assert found(policy, asked, NOW) == {"arden", "borduria", "caledon"}


TERMS_ONWARD = {"onward_to": ["allies"], "hops": 2}
WAYS = [
    *(("borduria", "caledon"), ("borduria", "elbe", "caledon"), ("caledon",), ("arden", "caledon")),
    *(("borduria", "zembla"), ("zembla", "caledon"), ("borduria", "dorne"), ("elbe", "elbe")),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("terms", [{}, {"onward_to": ["caledon"], "hops": 1}, TERMS_ONWARD])
def test_what_was_passed_on_is_its_holders(way: tuple[str, ...], terms: dict[str, Any]) -> None:
    policy = CompiledPolicy(WORLD)
    for label in LABELS:
        asked = msgspec.structs.replace(stated(label, terms), relayed=way)
        for at in TIMES:
            assert found(policy, asked, at) == definition(WORLD, asked, at), (label, at)
            assert found(policy, asked, at) <= {"arden", way[-1]}


def test_a_giver_that_the_alliance_has_lost_gives_nothing() -> None:
    parties = frozenset({"caledon", "elbe", "zembla"})
    pact = msgspec.structs.replace(WORLD.agreements[0], parties=parties)
    alliance = changed(agreements=(pact,))
    asked = msgspec.structs.replace(
        stated({"tlp": "GREEN"}, TERMS_ONWARD), relayed=("zembla", "elbe")
    )
    assert found(CompiledPolicy(alliance), asked, NOW) == definition(alliance, asked, NOW)
    assert found(CompiledPolicy(alliance), asked, NOW) == {"arden"}


def test_what_was_passed_on_changes_with_the_agreement_of_its_last_hop() -> None:
    mutual, ends = WORLD.agreements[0], "2026-07-01T00:00:00.000000Z"
    parties = [frozenset({"borduria", name}) for name in ("arden", "caledon")]
    first = msgspec.structs.replace(mutual, parties=parties[0], givers=frozenset({"arden"}))
    second = msgspec.structs.replace(mutual, parties=parties[1], valid_until=ends)
    policy = CompiledPolicy(changed(agreements=(first, second)))
    asked = msgspec.structs.replace(
        stated({"tlp": "GREEN"}, TERMS_ONWARD), relayed=("borduria", "caledon")
    )
    recipients = policy.recipients(asked, NOW)
    assert set(policy.members(recipients.bits)) == {"arden", "caledon"}
    assert recipients.until == datetime(2026, 6, 30, 23, 58, tzinfo=UTC)
    assert found(policy, asked, recipients.until) == {"arden"}
    assert set(policy.members(policy.opened(asked, NOW))) == {"borduria", "caledon"}
