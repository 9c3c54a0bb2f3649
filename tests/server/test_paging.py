"""Pages end by bytes as well as by count, wherever objects are listed, and lose nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.client import Client
from ringwall.server import events, paging
from ringwall.server.paging import read_page, split
from tests.server.world import World, bundle, indicator

LARGE = "x" * 10_000


class Item:
    def __init__(self, order: int, size: int) -> None:
        self.order, self.body = order, bytes(size)


@given(sizes=st.lists(st.integers(0, 300), max_size=60), limit=st.integers(1, 70))
def test_pages_joined_are_everything_and_none_is_too_large(sizes: list[int], limit: int) -> None:
    held = [Item(2 * number + 1, size) for number, size in enumerate(sizes)]

    def read(after: int, number: int) -> list[Item]:
        return [item for item in held if item.order > after][:number]

    found: list[Item] = []
    more = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "PAGE_BYTES", 500)
        while more:
            page, more = split(read_page(read, found[-1].order if found else 0, limit), limit)
            assert len(page) <= limit
            assert len(page) == 1 or sum(len(item.body) for item in page) <= 500
            assert page or not held
            found += page
    assert found == held


def test_what_is_not_on_the_page_is_hardly_loaded() -> None:
    loaded: list[int] = []

    def read(after: int, number: int) -> list[Item]:
        loaded.append(number)
        return [Item(after + 1 + n, 1_000_000) for n in range(number)]

    page, more = split(read_page(read, 0, 1000), 1000)
    assert (len(page), more) == (8, True)
    assert sum(loaded) <= 10


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_BYTES", 35_000)


@pytest.mark.usefixtures("small_pages")
def test_statements_and_searches_stop_by_bytes(own_world: World) -> None:
    things = [indicator(f"bulky {n}", description=LARGE) for n in range(10)]
    stated = own_world.submit(*things, label="TLP:GREEN")
    found: list[str] = []
    after, more = "0", True
    with own_world.http("analyst") as http:
        while more:
            page = http.get("/api/v1/statements", params={"after": after, "limit": 1000}).json()
            assert 1 <= len(page["statements"]) <= 3
            found += [row["statement"] for row in page["statements"]]
            after, more = page["next"], page["more"]
        search = http.get("/api/v1/statements?text=bulky").json()
    assert found == stated
    assert (len(search["statements"]), search["more"], search["next"]) == (3, True, None)


@pytest.mark.usefixtures("small_pages")
def test_taxii_and_references_stop_by_bytes(own_world: World) -> None:
    things = [indicator(f"bulky {n}", description=LARGE) for n in range(10)]
    ids = [thing["id"] for thing in things]
    own_world.submit(*things, label="TLP:GREEN")
    own_world.intake.load_reference(
        own_world.alliance.readers["releaser"], "bulky", bundle(*things)
    )
    with Client(own_world.url, own_world.tokens["analyst"]) as client:
        for name in ("all", "reference"):
            assert [one["id"] for one in client.taxii_objects(name)] == ids
            wanted = {"match_id": ",".join(ids), "match_version": "all"}
            assert [one["id"] for one in client.taxii_objects(name, **wanted)] == ids
            wanted = {"match_type": "indicator", "page": "2"}
        first = client.references("bulky")
        second = client.references("bulky", after=first["next"])
    assert (len(first["objects"]), first["more"]) == (3, True)
    assert [one["id"] for one in first["objects"] + second["objects"]] == ids[:6]
    path = "/taxii2/ringwall/collections/{}/objects/"
    with own_world.http("analyst") as http:
        for name in ("all", "reference"):
            envelope = http.get(path.format(name)).json()
            assert (len(envelope["objects"]), envelope["more"]) == (3, True)


def test_a_large_object_is_announced_and_not_sent(own_world: World) -> None:
    large = indicator("large", description="x" * events.LARGEST_OBJECT)
    small = indicator("small", description="x" * (events.LARGEST_OBJECT - 2000))
    own_world.submit(large, small, label="TLP:GREEN")
    with Client(own_world.url, own_world.tokens["watch"]) as client:
        stream = client.events(after="0")
        first, second = next(stream), next(stream)
        whole = client.statement(first.data["statement"])
    assert (first.data["title"], "object" in first.data) == ("large", False)
    assert second.data["object"] == small
    assert whole["object"] == large
    assert events.BATCH * events.LARGEST_OBJECT < 9_000_000
