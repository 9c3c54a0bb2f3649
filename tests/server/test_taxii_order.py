"""The reader's own order of arrival: what policy opens late is not skipped, nor shown twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringwall.client import Client
from ringwall.core import ManualClock, new_secret
from ringwall.server import hash_secret
from ringwall.store import TokenRow
from tests.server.world import ALLIANCE, World, indicator

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
OBJECTS = "/taxii2/ringwall/collections/{}/objects/"
MARKER = "marker"
NOT_YET = ALLIANCE.replace("2020-01-01T00:00:00Z", "2026-03-02T00:00:00Z").replace(
    "2040-01-01T00:00:00Z", "2026-03-04T00:00:00Z"
)
"""What Borduria states opens to Arden's readers for two days, from the day after START."""
NEVER = ALLIANCE.replace("highest_tlp: RED", "highest_tlp: CLEAR")
"""What Borduria states above TLP:CLEAR is not open to Arden."""
WAYS = ("next", "added_after", "events")


class Poller:
    """A client that polls as one reader, by one of the ways in which clients do."""

    def __init__(self, world: World, way: str, collection: str = "all") -> None:
        self.world, self.way, self.path = world, way, OBJECTS.format(collection)
        self.added_after = ""
        self.event = "0"
        self.found: list[str] = []
        self.dates: list[str] = []

    def poll(self) -> list[str]:
        """Ask until there is no more; return the names that came."""
        before = len(self.found)
        if self.way == "events":
            self._poll_events()
        else:
            self._poll_pages()
        return self.found[before:]

    def _poll_pages(self) -> None:
        query = {"limit": "2"} | ({"added_after": self.added_after} if self.added_after else {})
        with self.world.http("analyst") as http:
            while True:
                page = http.get(self.path, params=query)
                envelope, manifest = page.json(), self._manifest(http, query)
                self.found += [one["name"] for one in envelope["objects"]]
                assert [one["id"] for one in envelope["objects"]] == [m["id"] for m in manifest]
                self.dates += [one["date_added"] for one in manifest]
                self.added_after = page.headers["x-taxii-date-added-last"]
                if self.way == "next":
                    query = {"limit": "2", "next": envelope.get("next", "")}
                else:
                    query = {"limit": "2", "added_after": self.added_after}
                if not envelope["more"]:
                    return

    def _manifest(self, http: Any, query: dict[str, str]) -> list[dict[str, str]]:
        path = self.path.replace("/objects/", "/manifest/")
        found: list[dict[str, str]] = http.get(path, params=query).json()["objects"]
        return found

    def _poll_events(self) -> None:
        """Read up to a mark and to a second one: what opens comes after all that was there."""
        with Client(self.world.url, self.world.tokens["analyst"]) as client:
            stream = client.events(after=self.event)
            for mark in range(2):
                (marker,) = self.world.submit(indicator(MARKER), label="TLP:GREEN")
                for event in stream:
                    assert event.id != self.event, mark
                    self.event = event.id
                    if event.data["statement"] == marker:
                        break
                    if event.data["title"] != MARKER:
                        self.found.append(event.data["title"])


class Again(World):
    """The same node, started again: with tokens of its own."""

    def _token(self, reader: str) -> str:
        token = new_secret()
        created = "2026-01-01T00:00:00.000000Z"
        row = TokenRow(f"{reader}-again", hash_secret(token), reader, "test", created, "")
        self.store.write(lambda tx: tx.put_token(row), essential=True).result()
        return token


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def waiting(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    world = World(tmp_path, clock=clock, description=NOT_YET)
    yield world
    world.close()


def theirs(world: World, first: int, count: int) -> list[str]:
    """Let statements of Borduria arrive."""
    made = [f"theirs {number}" for number in range(first, first + count)]
    for number, name in enumerate(made, first):
        world.receive(indicator(name), label="TLP:AMBER", sequence=number)
    return made


def ours(world: World, *made: str) -> list[str]:
    world.submit(*(indicator(name) for name in made), label="TLP:GREEN")
    return list(made)


def check_order(poller: Poller) -> None:
    assert poller.dates == sorted(set(poller.dates))
    assert len(poller.found) == len(set(poller.found))


@pytest.mark.parametrize("way", WAYS)
def test_what_a_date_opens_reaches_a_client_that_has_paged_past_it(
    waiting: World, clock: ManualClock, way: str
) -> None:
    poller, fresh = Poller(waiting, way), Poller(waiting, way)
    early = ours(waiting, "ours 1") + ours(waiting, "ours 2")
    hidden = theirs(waiting, 1, 3)
    early += ours(waiting, "ours 3")
    assert poller.poll() == early
    assert poller.poll() == []
    clock.advance(timedelta(hours=13))
    late = ours(waiting, "ours 4")
    assert sorted(poller.poll()) == sorted(hidden + late)
    assert poller.poll() == []
    after = ours(waiting, "ours 5") + theirs(waiting, 4, 1)
    assert poller.poll() == after
    check_order(poller)
    assert sorted(fresh.poll()) == sorted(early + hidden + late + after)
    check_order(fresh)


@pytest.mark.parametrize("way", ["next", "added_after"])
def test_a_page_boundary_in_the_middle_of_what_opens_loses_nothing(
    waiting: World, clock: ManualClock, way: str
) -> None:
    poller = Poller(waiting, way)
    early = ours(waiting, "ours 1")
    hidden = theirs(waiting, 1, 5)
    assert poller.poll() == early
    clock.advance(timedelta(hours=13))
    assert poller.poll() == hidden
    check_order(poller)


def test_what_closes_is_gone_from_every_collection(waiting: World, clock: ManualClock) -> None:
    kept = ours(waiting, "ours")
    theirs(waiting, 1, 2)
    clock.advance(timedelta(hours=13))
    assert len(Poller(waiting, "next").poll()) == 3
    assert len(Poller(waiting, "next", "source-borduria").poll()) == 2
    clock.advance(timedelta(days=3))
    assert Poller(waiting, "next").poll() == kept
    assert Poller(waiting, "added_after", "indicators").poll() == kept
    with waiting.http("analyst") as http:
        assert http.get(OBJECTS.format("source-borduria")).status_code == 404


def test_every_reader_has_its_own_order(waiting: World, clock: ManualClock) -> None:
    """What opens to the analyst does not come again for the trainee, who never saw it coming."""
    path = OBJECTS.format("all")
    ours(waiting, "ours 1")
    theirs(waiting, 1, 1)
    with waiting.http("analyst") as http, waiting.http("trainee") as trainee:
        before = trainee.get(path).headers["x-taxii-date-added-last"]
        http.get(path)
        clock.advance(timedelta(hours=13))
        assert len(http.get(path).json()["objects"]) == 2
        page = trainee.get(path, params={"added_after": before})
    assert page.json() == {"more": False, "objects": []}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_new_alliance_description_opens_comes_too(
    tmp_path: Path, clock: ManualClock, way: str
) -> None:
    world = World(tmp_path, clock=clock, description=NEVER)
    poller = Poller(world, way)
    try:
        early = ours(world, "ours 1")
        hidden = theirs(world, 1, 3)
        early += ours(world, "ours 2")
        assert poller.poll() == early
    finally:
        world.close()
    again = Again(tmp_path, clock=clock, description=ALLIANCE)
    poller.world = again
    try:
        late = ours(again, "ours 3")
        assert sorted(poller.poll()) == sorted(hidden + late)
        assert poller.poll() == []
        check_order(poller)
    finally:
        again.close()
