"""Own rules: no terms let others pass on what a member itself would withhold, hold or forbid."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.exchange import Arrivals, Intake
from ringwall.labels import Terms, Tlp
from ringwall.policy import NO_HOLDS, HoldRule, HoldRules, Kernel, Vetoes, read_redactions
from ringwall.store import ReaderView, SqliteStore
from tests.exchange.engine_world import World, indicator
from tests.exchange.redaction_world import RED, RULES, bundle, identity, plain

AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
NO_RULES = "redactions: {}"
VETO = '@id("no-dorne") forbid(principal == Member::"dorne", action, resource);'
NO_SUCH = '@id("no-such") forbid(principal == Member::"dorne", action, resource) when { %s };'
PARTNER = HoldRules((HoldRule("partner", "standing order 4", to=("dorne",)),))
TO_DORNE = Terms(onward_to=("dorne",), hops=1)
REFUSED = "onward_to: it may not be passed on to dorne: "


class Desk:
    """Arden's intake with rules of its own, over a real store."""

    def __init__(self, world: World, store: SqliteStore, *rules: Any) -> None:
        redactions, holds, vetoes = rules
        self.alliance = world.alliance
        self.reader = self.alliance.readers["arden-analyst"]
        self.kernel = Kernel(self.alliance, world.clock, Vetoes("arden", vetoes))
        self.store = store
        self.intake = Intake(
            node="arden-1",
            member="arden",
            kernel=self.kernel,
            store=store,
            clock=world.clock,
            recipients=world.registry.nodes.keys() - {"arden-1"},
            wake=lambda lane: None,
            arrivals=Arrivals(),
            redactions=read_redactions(redactions, self.alliance),
            holds=holds,
        )

    def submit(self, raw: bytes, terms: Terms = TO_DORNE, **options: Any) -> Any:
        options = {"label": "TLP:GREEN", **options}
        return self.intake.submit(self.reader, raw, terms=terms, **options)

    def refusals(self, raw: bytes, terms: Terms = TO_DORNE, **options: Any) -> list[str]:
        """Return why each object was refused: by its own rules, and never for anything else."""
        result = self.submit(raw, terms, **options)
        assert {(one.field, one.rule) for one in result.refused} <= {("onward_to", "own-rules")}
        return [one.message for one in result.refused]

    def stored(self) -> int:
        return len(ReaderView(self.store, self.kernel, self.reader, route="test").page(limit=99))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def store(world: World, tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "desk.db", clock=world.clock)
    yield store
    store.close()


def desk(
    world: World,
    store: SqliteStore,
    *,
    redactions: str = NO_RULES,
    holds: HoldRules = NO_HOLDS,
    vetoes: str = "",
) -> Desk:
    return Desk(world, store, redactions, holds, vetoes)


def test_without_a_rule_of_its_own_terms_may_name_anybody(world: World, store: SqliteStore) -> None:
    arden = desk(world, store)
    assert arden.refusals(indicator()) == []
    assert arden.refusals(indicator(), Terms(onward_to=("allies", "dorne"), hops=8)) == []
    assert arden.stored() == 2


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (
            {"redactions": RULES},
            "rule no-sites withholds description, external_references (national instruction 7)",
        ),
        ({"holds": PARTNER}, "rule partner wants a second person (standing order 4)"),
        ({"vetoes": VETO}, "arden forbids it: no-dorne"),
    ],
)
def test_terms_that_go_round_a_rule_are_refused(
    world: World, store: SqliteStore, rules: dict[str, Any], why: str, dry_run: bool
) -> None:
    arden = desk(world, store, **rules)
    assert arden.refusals(indicator(), dry_run=dry_run) == [REFUSED + why]
    assert arden.stored() == 0
    assert arden.refusals(indicator(), Terms(), dry_run=dry_run) == []
    assert arden.stored() == (0 if dry_run else 1)


@pytest.mark.parametrize("rules", [{"redactions": RULES}, {"holds": PARTNER}, {"vetoes": VETO}])
def test_others_may_be_named(world: World, store: SqliteStore, rules: dict[str, Any]) -> None:
    arden = desk(world, store, **rules)
    assert arden.refusals(indicator(), Terms(onward_to=("borduria",), hops=2)) == []


def test_a_group_with_the_member_in_it_counts(world: World, store: SqliteStore) -> None:
    no_borduria = VETO.replace("dorne", "borduria")
    arden = desk(world, store, vetoes=no_borduria)
    (why,) = arden.refusals(indicator(), Terms(onward_to=("allies",), hops=1))
    assert why == "onward_to: it may not be passed on to borduria: arden forbids it: no-borduria"


def test_a_rule_about_oneself_refuses_nothing(world: World, store: SqliteStore) -> None:
    own = RULES.replace("[dorne]", "[arden]")
    holds = HoldRules((HoldRule("home", "order 5", to=("arden",)),))
    arden = desk(world, store, redactions=own, holds=holds)
    assert arden.refusals(indicator(), Terms(onward_to=("arden", "dorne"), hops=1)) == []


def test_the_first_of_several_rules_is_told(world: World, store: SqliteStore) -> None:
    arden = desk(world, store, redactions=RULES, holds=PARTNER, vetoes=VETO)
    (why,) = arden.refusals(indicator())
    assert why.startswith(f"{REFUSED}rule no-sites withholds ")
    two = Terms(onward_to=("borduria", "dorne"), hops=1)
    (why,) = arden.refusals(indicator(), two)
    assert why.startswith(REFUSED)


@pytest.mark.parametrize("dry_run", [False, True])
def test_each_object_is_asked_about_by_itself(
    world: World, store: SqliteStore, dry_run: bool
) -> None:
    """Only what the rule is about is refused: the rest goes its way."""
    arden = desk(world, store, redactions=RULES)
    raw = bundle(plain(), identity(), plain())
    result = arden.submit(raw, dry_run=dry_run)
    assert [(one.field, one.rule) for one in result.refused] == [("onward_to", "own-rules")] * 2
    assert [one.object_id.partition("--")[0] for one in result.refused] == ["indicator"] * 2
    assert len(result.submitted) == 1
    assert arden.stored() == (0 if dry_run else 1)


def test_a_rule_from_some_level_on_is_asked_by_each_objects_own_label(
    world: World, store: SqliteStore
) -> None:
    holds = HoldRules((HoldRule("high", "order 6", to=("dorne",), lowest_tlp=Tlp.AMBER),))
    arden = desk(world, store, holds=holds)
    low, high = plain(), plain(object_marking_refs=[RED])
    result = arden.submit(bundle(low, high))
    assert [one.object_id for one in result.refused] == [high["id"]]
    assert result.refused[0].message == f"{REFUSED}rule high wants a second person (order 6)"


def test_a_veto_is_asked_about_what_it_looks_at(world: World, store: SqliteStore) -> None:
    arden = desk(world, store, vetoes=NO_SUCH % "context.tlp_rank >= 4")
    assert arden.refusals(indicator()) == []
    assert arden.refusals(indicator(), label="TLP:RED//REL TO dorne") == [
        f"{REFUSED}arden forbids it: no-such"
    ]
    by_terms = desk(world, store, vetoes=NO_SUCH % "context.hops > 1")
    assert by_terms.refusals(indicator()) == []
    assert by_terms.refusals(indicator(), Terms(onward_to=("dorne",), hops=2)) != []


@pytest.mark.parametrize(
    "rules",
    [
        {"vetoes": NO_SUCH % "context.tlp_rank >= 2"},
        {"holds": HoldRules((HoldRule("high", "order 6", to=("dorne",), lowest_tlp=Tlp.AMBER),))},
    ],
)
def test_a_property_with_a_stricter_label_is_asked_about_too(
    world: World, store: SqliteStore, rules: dict[str, Any]
) -> None:
    """The whole would be passed on with it, by somebody who knows nothing of the rule."""
    arden = desk(world, store, **rules)
    part = [{"marking_ref": AMBER, "selectors": ["description"]}]
    raw = indicator(description="the orchard", granular_markings=part)
    (why,) = arden.refusals(raw)
    assert why.startswith(REFUSED)
    assert arden.stored() == 0
    assert arden.refusals(raw, Terms()) == []
    assert arden.refusals(indicator(description="the orchard")) == []


HIGH = HoldRules((HoldRule("high", "order 6", to=("dorne",), object_types=("identity",)),))
NO_IDENTITIES = NO_SUCH % 'context.object_type == "identity"'


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"holds": HIGH}, "rule high wants a second person (order 6)"),
        ({"vetoes": NO_IDENTITIES}, "arden forbids it: no-such"),
    ],
)
def test_terms_take_no_id_to_whom_a_rule_keeps_it_from(
    world: World, store: SqliteStore, rules: dict[str, Any], why: str, dry_run: bool
) -> None:
    arden = desk(world, store, **rules)
    author, free = identity(), plain()
    naming = plain(created_by_ref=author["id"])
    assert arden.refusals(bundle(author), Terms()) == []
    result = arden.submit(bundle(naming, free), dry_run=dry_run)
    assert [(one.object_id, one.field, one.rule) for one in result.refused] == [
        (naming["id"], "onward_to", "own-rules")
    ]
    assert result.refused[0].message == (
        f"{naming['id']}: onward_to: it names {author['id']}, which is kept from dorne: {why}"
    )
    assert [one.object for one in result.submitted] == [free["id"]]
    assert arden.refusals(bundle(naming), Terms(), dry_run=dry_run) == []
    assert arden.refusals(bundle(naming), Terms(onward_to=("borduria",), hops=1)) == []


def test_what_has_reached_them_may_be_named_and_what_nobody_here_stated(
    world: World, store: SqliteStore
) -> None:
    known, holds = plain(), HoldRule("late", "order 7", to=("dorne",), object_types=("indicator",))
    without = desk(world, store)
    assert without.refusals(bundle(known), Terms()) == []  # no rule yet: dorne has it
    arden = desk(world, store, holds=HoldRules((holds,)))
    late = plain()
    assert arden.refusals(bundle(late), Terms()) == []
    assert arden.refusals(bundle(identity() | {"x_of": known["id"]})) == []
    assert arden.refusals(bundle(identity() | {"x_of": plain()["id"]})) == []
    assert len(arden.refusals(bundle(identity() | {"x_of": late["id"]}))) == 1


def test_a_reader_learns_nothing_of_what_it_may_not_read(world: World, store: SqliteStore) -> None:
    arden = desk(world, store, holds=HIGH)
    author = identity() | {"object_marking_refs": [RED]}
    assert arden.refusals(bundle(author), Terms(), label="TLP:RED//REL TO dorne") == []
    low = msgspec.structs.replace(arden.reader, tlp=Tlp.GREEN)
    arden.alliance.readers[arden.reader.id] = low
    arden.reader = low
    assert arden.refusals(bundle(plain(created_by_ref=author["id"]))) == []
