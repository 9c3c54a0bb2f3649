"""Places: what opens late comes after what the reader has had, and nothing comes by mistake."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.alliance import Reader
from ringwall.core import ManualClock, format_timestamp
from ringwall.labels import parse_label
from ringwall.policy import Kernel, ReleaseClass
from ringwall.store import ReaderView, Selection, Statement
from ringwall.store.places import Places, both_offered, must_come_again, place_at
from ringwall.store.records import ReaderState, Replay
from ringwall.store.shown import Shown
from tests.store.pg_server import PgServer
from tests.store.samples import indicator, statement
from tests.store.stores import on_server, open_store

LABELS = [parse_label(f"TLP:AMBER//REL TO {to}") for to in "xyz"]
READERS = ("ana", "boris")
STARTED = datetime(2026, 3, 1, 8, tzinfo=UTC)


class World:
    """A real store, and a kernel that opens exactly what a test says to each reader."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(STARTED)
        self.store = open_store(directory / "places.db", clock=self.clock)
        self.open: dict[str, set[int]] = {name: set() for name in READERS}
        self.arrived = 0

    def readable(self, classes: dict[int, ReleaseClass], reader: Any) -> frozenset[int]:
        """As the kernel's, by the number of the label."""
        wanted = [LABELS[number] for number in self.open[reader.id]]
        return frozenset(n for n, one in classes.items() if one.label in wanted)

    def view(self, name: str) -> ReaderView:
        reader = cast("Reader", SimpleNamespace(id=name))
        return ReaderView(self.store, cast("Kernel", self), reader, route="test")

    def arrive(self, label: int, count: int = 1) -> None:
        at = format_timestamp(self.clock.now())
        first, self.arrived = self.arrived + 1, self.arrived + count
        news = [
            statement(number, body=indicator(number), label=LABELS[label], received_at=at)
            for number in range(first, self.arrived + 1)
        ]
        self.store.write(lambda tx: tx.add_statements(news)).result()

    def state(self, name: str) -> ReaderState:
        with self.store.read() as tx:
            return tx.reader_state(name)


@contextmanager
def a_world() -> Iterator[World]:
    with TemporaryDirectory() as directory:
        world = World(Path(directory))
        yield world
        world.store.close()


@pytest.fixture
def world(each_store: None, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def number(row: Statement) -> int:
    return row.id.sequence


class Poller:
    """A reader that pages from its last place on, and remembers all that it was shown."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.view = world.view(name)
        self.name = name
        self.after = 0
        self.dates: list[str] = []
        self.shown: list[tuple[int, int]] = []
        """Sequence, and how often its label had opened to the reader by then."""
        self.openings = dict.fromkeys(range(len(LABELS)), 0)
        self.due: set[tuple[int, int]] = set()

    def toggle(self, label: int) -> None:
        known = self.world.open[self.name]
        if label in known:
            known.remove(label)
        else:
            known.add(label)
            self.openings[label] += 1

    def poll(self, limit: int, labels: dict[int, int]) -> None:
        """Read all that is new in pages; check places, dates and each page's way on."""
        while True:
            page = self.view.page(after=self.after, limit=limit)
            rows = self.view.look(lambda shown: shown.rows(after=self.after, limit=limit))
            assert [(r.order, r.received_at, r.digest) for r in rows] == [
                (r.order, r.received_at, r.digest) for r in page
            ]
            for row in page:
                label = labels[number(row)]
                assert row.order > self.after
                assert label in self.world.open[self.name]
                assert not self.dates or row.received_at > self.dates[-1]
                assert row == self.view.statement(row.id)
                self.after = row.order
                self.dates.append(row.received_at)
                self.shown.append((number(row), self.openings[label]))
            if page:
                assert self.go_on(page[-1].received_at) == self.after
            if len(page) < limit:
                return

    def go_on(self, moment: str) -> int:
        places: list[int] = []

        def choose(shown: Shown) -> list[Statement]:
            places.append(shown.place_at(moment))
            return []

        self.view.look(choose)
        return places[-1]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("toggle"), st.sampled_from(READERS), st.integers(0, 2)),
        st.tuples(st.just("poll"), st.sampled_from(READERS), st.integers(1, 4)),
        st.tuples(st.just("wait"), st.integers(0, 5), st.just(0)),
    ),
    max_size=24,
)


@settings(max_examples=60)
@given(STEPS)
def test_a_reader_misses_nothing_and_is_shown_nothing_twice(steps: list[Any]) -> None:
    play(steps)


@settings(max_examples=12)
@given(steps=STEPS)
def test_nor_does_a_reader_of_a_node_on_postgresql(pg_server: PgServer, steps: list[Any]) -> None:
    with on_server(pg_server):
        play(steps)


def play(steps: list[Any]) -> None:
    """A label that closes and opens between two polls of a reader is not an opening to it."""
    labels: dict[int, int] = {}
    with a_world() as world:
        pollers = {name: Poller(world, name) for name in READERS}
        known: dict[str, set[int]] = {name: set() for name in READERS}
        for what, one, two in [*steps, *(("poll", name, 3) for name in READERS)]:
            if what == "arrive":
                labels |= dict.fromkeys(range(world.arrived + 1, world.arrived + two + 1), one)
                world.arrive(one, two)
            elif what == "toggle":
                pollers[one].toggle(two)
            elif what == "wait":
                world.clock.advance(timedelta(microseconds=one))
            else:
                poller = pollers[one]
                opened = world.open[one] - known[one]
                for label in range(len(LABELS)):
                    poller.openings[label] = max(
                        (o for n, o in poller.shown if labels[n] == label), default=0
                    ) + (label in opened)
                poller.poll(two, labels)
                known[one] = set(world.open[one])
                open_now = {n for n, label in labels.items() if label in world.open[one]}
                assert open_now <= {n for n, _ in poller.shown}
                assert len(set(poller.shown)) == len(poller.shown)
                again = world.view(one).page(limit=1000)
                assert {number(row) for row in again} == open_now
                assert len(again) == len(open_now)


def test_what_opens_behind_a_reader_comes_again_after_what_it_had(world: World) -> None:
    world.open["ana"] = {0}
    world.arrive(1, 2)
    world.arrive(0, 2)
    view = world.view("ana")
    had = view.page(limit=10)
    assert [number(row) for row in had] == [3, 4]
    world.open["ana"] = {0, 1}
    world.arrive(0)
    more = view.page(after=had[-1].order, limit=10)
    assert [number(row) for row in more] == [5, 1, 2]
    world.arrive(1)
    last = view.page(after=more[-1].order, limit=10)
    assert [number(row) for row in last] == [6]
    dates = [row.received_at for row in (*had, *more, *last)]
    assert dates == sorted(set(dates))


def test_one_replay_serves_every_reader_to_whom_the_same_change_opens_something(
    world: World,
) -> None:
    world.open |= {"ana": {0}, "boris": {0}}
    world.arrive(1, 3)
    for name in READERS:
        world.view(name).page(limit=10)
    world.arrive(0)
    for name in READERS:
        world.open[name] = {0, 1}
        assert [number(r) for r in world.view(name).page(after=3, limit=10)] == [4, 1, 2, 3]
    with world.store.read() as tx:
        assert len(tx.replays()) == 1


def test_what_opens_to_who_had_nothing_but_a_place_to_go_on_from_is_not_lost(world: World) -> None:
    """An event stream starts at the last place; nothing was open then, and no row was kept."""
    world.arrive(0, 2)
    view = world.view("ana")
    places: list[int] = []

    def choose(shown: Shown) -> list[Statement]:
        places.append(shown.last_place())
        return []

    view.look(choose)
    assert places == [2]
    world.open["ana"] = {0}
    assert [number(row) for row in view.page(after=2, limit=10)] == [1, 2]


def test_a_late_reader_is_shown_everything_where_it_arrived(world: World) -> None:
    world.arrive(0, 3)
    world.open["ana"] = {0}
    page = world.view("ana").page(limit=10)
    assert [(number(row), row.order) for row in page] == [(1, 1), (2, 2), (3, 3)]


def test_two_reads_at_once_lose_nothing_that_opens_between_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower read knows a newer snapshot with less open; the reader goes on from its end."""
    world.open["ana"] = {0}
    view = world.view("ana")
    world.arrive(0)
    view.page(limit=10)
    world.arrive(1)
    real, held = world.store.write, []

    def later(job: Any, *, essential: bool = False) -> Any:
        held.append(job)
        return SimpleNamespace(result=list)

    world.open["ana"] = {0, 1}
    view.page(limit=10)  # so that the class is known to be open
    world.arrive(0)
    world.arrive(1)
    monkeypatch.setattr(world.store, "write", later)
    view.page(after=1, limit=10)  # offers both labels up to 4; its note is still to come
    monkeypatch.setattr(world.store, "write", real)
    world.open["ana"] = {0}
    world.arrive(0)
    narrow = view.page(after=1, limit=10)  # offers the first label alone, up to 5
    assert [number(row) for row in narrow] == [3, 5]
    world.store.write(held[0]).result()
    assert world.state("ana").seen == 5
    world.open["ana"] = {0, 1}
    shown = {number(row) for row in view.page(after=narrow[-1].order, limit=10)}
    assert {2, 4} <= shown


def test_of_two_first_reads_at_once_the_one_that_went_further_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Any] = []

    def later(job: Any, *, essential: bool = False) -> Any:
        held.append(job)
        return SimpleNamespace(result=list)

    world.open["ana"] = {0}
    view = world.view("ana")
    for labels in ((0,), (1, 0)):
        for label in labels:
            world.arrive(label)
        with monkeypatch.context() as patch:
            patch.setattr(world.store, "write", later)
            view.page(limit=10)
    for job in held:
        world.store.write(job).result()
    assert world.state("ana").seen == 3
    world.open["ana"] = {0, 1}
    assert [number(row) for row in view.page(after=3, limit=10)] == [2]


def test_withdrawn_and_filtered_rows_keep_the_places_of_the_others(world: World) -> None:
    world.open["ana"] = {0, 1}
    world.arrive(0, 2)
    world.arrive(1, 2)
    world.store.write(lambda tx: tx.withdraw([2])).result()
    view = world.view("ana")
    assert [row.order for row in view.page(limit=10)] == [1, 3, 4]
    wanted = Selection(object_ids=frozenset({f"indicator--00000000-0000-4000-8000-{4:012x}"}))
    assert [row.order for row in view.page(limit=10, selection=wanted)] == [4]
    assert [row.order for row in view.page(after=3, limit=1)] == [4]


# --- the pure functions, against the plain definition ---


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Replay], dict[int, int], dict[int, int]]:
    """Replays with room for their times; release class of each order; class → its replay."""
    lasts = sorted(draw(st.lists(st.integers(1, 12), max_size=3)))
    replays = [
        Replay(n, last, format_timestamp(STARTED + timedelta(hours=n)))
        for n, last in enumerate(lasts, 1)
    ]
    filed = {order: draw(st.integers(1, 3)) for order in range(1, 15)}
    numbers = st.integers(1, len(lasts)) if lasts else st.nothing()
    replayed = draw(st.dictionaries(st.integers(1, 3), numbers, max_size=3)) if lasts else {}
    return replays, filed, replayed


@given(histories(), st.sets(st.integers(1, 3)), st.integers(0, 60))
def test_spans_and_places_agree(
    history: tuple[list[Replay], dict[int, int], dict[int, int]], open_now: set[int], after: int
) -> None:
    replays, filed, replayed = history
    places = Places(replays, replayed, frozenset(open_now))
    walked = [
        (order + span.shift, order)
        for span in places.spans(after)
        for order in range(span.after + 1, (span.until or 14) + 1)
        if filed[order] in span.classes
    ]
    expected = sorted(
        (places.placed(order, one, "")[0], order) for order, one in filed.items() if one in open_now
    )
    assert walked == [pair for pair in expected if pair[0] > after]
    assert places.last(14) >= max((place for place, _ in expected), default=0)


def arrived_at(order: int, replays: list[Replay]) -> str:
    passed = sum(replay.last < order for replay in replays)
    moment = STARTED + timedelta(hours=passed, seconds=30, microseconds=order)
    return format_timestamp(moment)


@given(histories())
def test_a_date_leads_back_to_its_place(
    history: tuple[list[Replay], dict[int, int], dict[int, int]],
) -> None:
    replays, filed, replayed = history
    places = Places(replays, replayed, frozenset({1, 2, 3}))
    dates = {order: arrived_at(order, replays) for order in filed}
    found = sorted(places.placed(order, one, dates[order]) for order, one in filed.items())
    assert [date for _, date in found] == sorted({date for _, date in found})
    for place, date in found:
        at = max((order for order in dates if dates[order] <= date), default=0)
        assert place_at(replays, date, at) == place


def test_what_one_of_two_reads_did_not_show_counts_as_open_only_ahead_of_the_other() -> None:
    first = {1: 1, 2: 4, 3: 9}.__getitem__
    one = ReaderState(5, frozenset({1}), {})
    other = ReaderState(8, frozenset({1, 2, 3}), {})
    assert both_offered(one, other, first) == ReaderState(8, frozenset({1, 3}), {})
    assert both_offered(other, one, first) == ReaderState(8, frozenset({1, 3}), {})
    assert must_come_again(ReaderState(), frozenset({1}), first) == set()
