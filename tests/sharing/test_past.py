"""What is opened later goes the same way as what is stated: also past a second person."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringwall.alliance import load_alliance
from ringwall.core import ManualClock, format_timestamp, parse_statement_id
from ringwall.exchange import SecondPerson, withdraw
from ringwall.labels import Terms, Tlp
from ringwall.policy import SKEW, HoldRule, HoldRules
from ringwall.sharing import PastSender
from ringwall.store import verify_store
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator

pytestmark = pytest.mark.anyio
START = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMBARGO = Terms(embargo=format_timestamp(START + HOUR))
RULES = HoldRules((HoldRule("partner", "standing order 4", to=("dorne",)),))
PEOPLE = """\
  arden-release: {member: arden, name: R, roles: [release-officer], tlp: RED, nationality: arden}
"""


class Three:
    """Arden, which holds back from Dorne what no second person confirmed, and both others."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(START)
        self.world = World(directory, self.clock)
        self.world.alliance = load_alliance(DESCRIPTION + PEOPLE)
        self.arden, self.borduria, self.dorne = (
            Peer(self.world, f"{name}-1", holds=RULES) for name in ("arden", "borduria", "dorne")
        )
        self.officer = self.world.alliance.readers["arden-release"]
        common = {
            "member": "arden",
            "kernel": self.arden.kernel,
            "store": self.arden.store,
            "clock": self.clock,
        }
        self.past = PastSender(
            node="arden-1", recipients={"borduria-1", "dorne-1"}, holds=RULES, **common
        )
        self.second = SecondPerson(wake=self.arden.outbox.wake, **common)

    async def open(self) -> bool:
        """Send what may be sent now and was not, as when an embargo ends."""

        def release() -> bool:
            with self.arden.store.read() as tx:
                classes = tx.release_classes()
                counts = tx.class_counts()
            each = [
                self.past.release(number, classes[number], {"borduria-1", "dorne-1"}, "it is time")
                for number in counts
            ]
            self.arden.outbox.wake("BULK")
            return all(each)

        return await asyncio.to_thread(release)

    def verified(self) -> list[object]:
        return list(verify_store(self.arden.store, registry=self.world.registry, node="arden-1"))


@pytest.fixture
def three(tmp_path: Path) -> Three:
    return Three(tmp_path)


@pytest.mark.usefixtures("each_store")
async def test_what_an_embargo_kept_back_waits_for_the_second_person_as_well(three: Three) -> None:
    arden, borduria, dorne = three.arden, three.borduria, three.dorne
    async with arden.running(), borduria.running(), dorne.running():
        stated = [(await arden.submit(indicator(), terms=EMBARGO)).submitted[0] for _ in range(3)]
        assert three.second.waiting(three.officer) == []
        three.clock.advance(HOUR + SKEW)
        assert await three.open()
        await eventually(lambda: len(borduria.holds()) == 3, "borduria needs no second word")
        assert await three.open()
        assert dorne.holds() == []
        (held,) = three.second.waiting(three.officer)
        assert held.statements == tuple(each.statement for each in stated)
        assert (held.nodes, held.submitted_by) == (("dorne-1",), "arden-analyst")
        assert three.verified() == []
        three.second.confirm(three.officer, held.key)
        await eventually(lambda: len(dorne.holds()) == 3, "confirmed")
        assert await three.open()
        assert three.second.waiting(three.officer) == []
    assert len(borduria.holds()) == 3
    assert three.verified() == []


async def test_a_marked_property_that_a_rule_is_about_waits_when_its_time_comes(
    three: Three,
) -> None:
    rules = HoldRules((HoldRule("amber", "standing order 5", lowest_tlp=Tlp.AMBER),))
    three.arden.intake._holding._rules = three.past._holding._rules = rules
    amber = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
    marks = [{"marking_ref": amber, "selectors": ["description"]}]
    raw = indicator(description="d", granular_markings=marks)
    await three.arden.submit(raw, label="TLP:GREEN", terms=EMBARGO)
    assert three.second.waiting(three.officer) == []
    three.clock.advance(HOUR + SKEW)
    assert await three.open()
    (held,) = three.second.waiting(three.officer)
    assert (held.rule, held.nodes) == ("amber", ("borduria-1",))


async def test_what_a_second_person_refused_is_not_opened_later_either(three: Three) -> None:
    arden, dorne = three.arden, three.dorne
    async with arden.running(), dorne.running():
        await arden.submit(indicator())
        (held,) = three.second.waiting(three.officer)
        assert three.verified() == []
        three.second.refuse(three.officer, held.key)
        await eventually(lambda: sealed(arden), "sealed for borduria")
        assert await three.open()
        assert three.second.waiting(three.officer) == []
        assert arden.states(held.statements[0]).keys() == {"borduria-1"}
    assert three.verified() == []


def sealed(peer: Peer) -> bool:
    return all(state != "queued" for name in peer.names() for state in peer.states(name).values())


async def test_two_that_wait_under_one_rule_do_not_take_each_others_place(three: Three) -> None:
    everybody = HoldRules((HoldRule("all", "standing order 5"),))
    three.arden.intake._holding._rules = everybody
    three.past._holding._rules = everybody
    await three.arden.submit(indicator(), label="TLP:AMBER//REL TO borduria")
    assert [held.nodes for held in three.second.waiting(three.officer)] == [("borduria-1",)]
    number = next(iter(class_numbers(three.arden)))
    with three.arden.store.read() as tx:
        (row,) = tx.statements([number], limit=9)
        release = tx.release_classes()[number]
    job = three.past._queue
    three.arden.store.write(
        lambda tx: job([row], release, frozenset({"borduria-1", "dorne-1"}), "opened", tx)
    ).result()
    waiting = three.second.waiting(three.officer)
    assert sorted(held.nodes for held in waiting) == [("borduria-1",), ("dorne-1",)]
    assert len({held.key for held in waiting}) == 2


def class_numbers(peer: Peer) -> list[int]:
    with peer.store.read() as tx:
        return list(tx.class_counts())


async def test_what_is_withdrawn_while_the_past_is_sent_is_not_queued(three: Three) -> None:
    stated = (await three.arden.submit(indicator(), terms=EMBARGO)).submitted[0].statement
    (number,) = class_numbers(three.arden)
    with three.arden.store.read() as tx:
        rows = tx.statements([number], limit=9)
        release = tx.release_classes()[number]
    three.clock.advance(HOUR + SKEW)
    await asyncio.to_thread(
        withdraw, three.arden.store, "arden-1", three.arden.reader, [parse_statement_id(stated)]
    )
    job = three.past._queue
    assert three.arden.store.write(
        lambda tx: job(rows, release, frozenset({"borduria-1"}), "it is time", tx)
    ).result()
    assert three.arden.states(stated) == {}
    assert three.arden.audit("released-further") == []
