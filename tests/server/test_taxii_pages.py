"""Filters, versions, paging and headers, against what a naive reading of the standard says."""

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.core import canonical_json, parse_timestamp
from ringwall.server import paging
from ringwall.server.taxii_pages import Stated, pick
from ringwall.server.taxii_query import Wanted, moment
from ringwall.store import PageRow, ReaderView, Shown
from tests.server.world import World, bundle, indicator

ROOT = "/taxii2/ringwall/collections"
ALL = f"{ROOT}/all"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
IDS = [f"indicator--{uuid.UUID(int=number, version=4)}" for number in range(1, 4)]
MALWARE = f"malware--{uuid.UUID(int=9, version=4)}"
TIMES = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.5Z", "2026-01-03T00:00:00.000Z"]
KEYS = ("first", "last", "all")


def get(http: httpx.Client, path: str, **query: str) -> httpx.Response:
    answer = http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def following(http: httpx.Client, path: str, query: dict[str, str]) -> Iterator[httpx.Response]:
    """Follow ``next`` as the standard says: with the same filters; check every page's header."""
    while True:
        page = get(http, path, **query)
        body = page.json()
        assert ("next" in body) is body["more"]
        yield page
        if not body["more"]:
            return
        query = {**query, "next": body["next"]}


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[World, list[dict[str, Any]]]]:
    """A node with versions out of order, repeated statements and observables, and their list."""
    world = World(tmp_path_factory.mktemp("filled"))
    stated: list[dict[str, Any]] = []
    for number, (name, at) in enumerate(
        [(IDS[0], 1), (IDS[1], 0), (IDS[0], 0), (IDS[2], 2), (IDS[0], 2), (IDS[1], 1)]
    ):
        thing = indicator(f"{number}", object_marking_refs=[GREEN])
        thing |= {"id": name, "created": TIMES[0], "modified": TIMES[at]}
        world.submit(thing, label="")
        stated.append(thing)
        if number % 2:
            world.receive(thing, label="TLP:GREEN", sequence=number)  # a second source, the same
    malware = {
        "type": "malware", "spec_version": "2.1", "id": MALWARE, "created": TIMES[0],
        "modified": TIMES[0], "name": "m", "is_family": False, "object_marking_refs": [GREEN],
    }  # fmt: skip
    address = {
        "type": "ipv4-addr", "spec_version": "2.1", "value": "192.0.2.7",
        "id": "ipv4-addr--0d1b6f4c-6b0a-4f6e-8f4e-2f6d1c9b7a10", "object_marking_refs": [GREEN],
    }  # fmt: skip
    world.submit(malware, address, label="")
    yield world, [*stated, malware, address]
    world.close()


def version_of(thing: dict[str, Any]) -> str:
    return moment(thing.get("modified", ""))


def expected(stated: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    """Filter by the words of section 3.4, one object at a time."""
    found = []
    wanted = query.get("match[version]", "last").split(",")
    for thing in stated:
        if "match[id]" in query and thing["id"] not in query["match[id]"].split(","):
            continue
        if "match[type]" in query and thing["type"] not in query["match[type]"].split(","):
            continue
        if "2.1" not in query.get("match[spec_version]", "2.1").split(","):
            continue
        versions = sorted(version_of(one) for one in stated if one["id"] == thing["id"])
        own = version_of(thing)
        if (
            "all" in wanted
            or ("first" in wanted and own == versions[0])
            or ("last" in wanted and own == versions[-1])
            or own in [moment(one) for one in wanted if one not in KEYS]
        ):
            found.append(thing)
    return found


ONE_OR_MORE = {"min_size": 1, "max_size": 3, "unique": True}
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "match[id]": st.lists(st.sampled_from([*IDS, MALWARE]), **ONE_OR_MORE).map(",".join),  # type: ignore[arg-type]
        "match[type]": st.lists(
            st.sampled_from(["indicator", "malware", "ipv4-addr", "tool"]),
            **ONE_OR_MORE,  # type: ignore[arg-type]
        ).map(",".join),
        "match[version]": st.just("all")
        | st.lists(
            st.sampled_from(["first", "last", *TIMES, "2026-01-02T00:00:00.500Z"]),
            **ONE_OR_MORE,  # type: ignore[arg-type]
        ).map(",".join),
        "match[spec_version]": st.sampled_from(["2.0", "2.1", "2.0,2.1"]),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=QUERIES, limit=st.integers(1, 9))
def test_any_filters_give_what_the_standard_says_in_pages_of_any_size(
    filled: tuple[World, list[dict[str, Any]]], query: dict[str, str], limit: int
) -> None:
    world, stated = filled
    wanted = expected(stated, query)
    with world.http("analyst") as http:
        for kind in ("objects", "manifest"):
            pages = list(following(http, f"{ALL}/{kind}/", {**query, "limit": str(limit)}))
            found = [one for page in pages for one in page.json()["objects"]]
            assert [one["id"] for one in found] == [one["id"] for one in wanted]
            assert all(len(page.json()["objects"]) <= limit for page in pages)
            if kind == "objects":
                assert [canonical_json(one) for one in found] == [canonical_json(w) for w in wanted]
            else:
                check_manifest(pages, found, wanted)


def check_manifest(
    pages: list[httpx.Response], found: list[dict[str, str]], wanted: list[dict[str, Any]]
) -> None:
    dates = [one["date_added"] for one in found]
    assert dates == sorted(set(dates))
    for one, thing in zip(found, wanted, strict=True):
        assert one["version"] == thing.get("modified", one["date_added"])
        assert one["media_type"] == "application/stix+json;version=2.1"
    for page in pages:
        listed = page.json()["objects"]
        if listed:
            assert page.headers["x-taxii-date-added-first"] == listed[0]["date_added"]
            assert page.headers["x-taxii-date-added-last"] == listed[-1]["date_added"]


def test_both_date_headers_are_on_every_answer_of_the_four(
    filled: tuple[World, list[dict[str, Any]]],
) -> None:
    world, _ = filled
    with world.http("analyst") as http:
        for path in ("objects", "manifest", f"objects/{IDS[0]}", f"objects/{IDS[0]}/versions"):
            for query in ({}, {"limit": "1"}, {"added_after": "2999-01-01T00:00:00Z"}):
                answer = get(http, f"{ALL}/{path}/", **query)
                first, last = (
                    parse_timestamp(answer.headers[f"x-taxii-date-added-{name}"])
                    for name in ("first", "last")
                )
                assert first <= last


def test_one_object_and_its_versions_are_paged_as_well(
    filled: tuple[World, list[dict[str, Any]]],
) -> None:
    world, stated = filled
    versions = [one["modified"] for one in stated if one["id"] == IDS[0]]
    path = f"{ALL}/objects/{IDS[0]}/"
    with world.http("analyst") as http:
        pages = following(http, f"{path}versions/", {"limit": "2"})
        assert [v for page in pages for v in page.json()["versions"]] == versions
        pages = following(http, path, {"limit": "1", "match[version]": "all"})
        assert [o["modified"] for page in pages for o in page.json()["objects"]] == versions
        for spec, status in (("2.1", 200), ("2.0", 404)):
            answer = http.get(f"{path}versions/?match[spec_version]={spec}")
            assert answer.status_code == status
        for wrong in ("match[version]=all", "match[id]=x", "match[type]=x"):
            assert http.get(f"{path}versions/?{wrong}").status_code == 400
        for wrong in ("match[id]=x", "match[type]=indicator"):
            assert http.get(f"{path}?{wrong}").status_code == 400
        later = get(http, path, added_after="2999-01-01T00:00:00Z")
        assert later.json() == {"more": False, "objects": []}


MALFORMED = (
    "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=1&limit=2", "next=",
    "next=nonsense", "next=W10x", "next=bnVsbA", "added_after=yesterday", "added_after=",
    "added_after=2026-01-01", "added_after=2026-01-01T00:00:00%2B01:00",
    "added_after=2026-13-01T00:00:00Z", "match[version]=all,last", "match[version]=",
    "match[version]=newest", "match[version]=last,", "match[type]=", "match[type]=a,,b",
    "match[type]=Indicator", "match[id]=", "match[id]=x", "match[id]=indicator--1,",
    f"match[id]={IDS[0]}&match[id]={IDS[1]}", "match[spec_version]=", "match[spec_version]=two",
    "match[colour]=red", "match[]=x", "match=x", "Match[type]=indicator", "offset=1", "x_y=1",
)  # fmt: skip


@pytest.mark.parametrize("query", MALFORMED)
def test_a_malformed_question_is_400_and_names_the_parameter(world: World, query: str) -> None:
    with world.http("analyst") as http:
        for path in ("objects", "manifest"):
            answer = http.get(f"{ALL}/{path}/?{query}")
            assert answer.status_code == 400, query
            assert answer.json()["details"]["field"] == query.partition("=")[0]
            assert answer.json()["details"]["rule"]


def test_a_cursor_belongs_to_its_collection_and_its_object(own_world: World) -> None:
    """A collection of some hundreds must never go on as another of thousands."""
    things = [indicator(f"t{n}") for n in range(4)]
    own_world.submit(*things, label="TLP:GREEN")
    with own_world.http("analyst") as http:
        cursor = get(http, f"{ROOT}/indicators/objects/", limit="2").json()["next"]
        assert len(get(http, f"{ROOT}/indicators/manifest/", next=cursor).json()["objects"]) == 2
        for name in ("all", "malware", "source-arden", "reference"):
            wrong = http.get(f"{ROOT}/{name}/objects/", params={"next": cursor})
            assert (wrong.status_code, wrong.json()["details"]["rule"]) == (400, "cursor")
        path = f"{ROOT}/indicators/objects/{things[3]['id']}/"
        assert http.get(path, params={"next": cursor}).status_code == 400


def test_a_cursor_carries_every_filter(own_world: World) -> None:
    wanted = [indicator(f"t{n}") for n in range(6)]
    for thing in wanted:
        own_world.submit(thing, label="TLP:GREEN")
        own_world.submit({**thing, "modified": TIMES[2], "name": "newer"}, label="TLP:GREEN")
    query = {
        "limit": "1", "match[version]": "first", "match[type]": "indicator",
        "match[id]": ",".join(one["id"] for one in wanted[1:5]), "match[spec_version]": "2.1",
        "added_after": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    found: list[str] = []
    with own_world.http("analyst") as http:
        page = get(http, f"{ALL}/objects/", **query).json()
        while True:
            found += [one["name"] for one in page["objects"]]
            if not page["more"]:
                break
            page = get(http, f"{ALL}/objects/", limit="1", next=page["next"]).json()
    assert found == ["t1", "t2", "t3", "t4"]


def test_what_arrives_while_a_client_pages_comes_at_the_end_and_once(own_world: World) -> None:
    own_world.submit(*(indicator(f"t{n}") for n in range(5)), label="TLP:GREEN")
    found: list[str] = []
    with own_world.http("analyst") as http:
        for number, page in enumerate(following(http, f"{ALL}/objects/", {"limit": "2"})):
            found += [one["name"] for one in page.json()["objects"]]
            if number < 2:
                own_world.submit(indicator(f"new {number}"), label="TLP:GREEN")
    assert found == ["t0", "t1", "t2", "t3", "t4", "new 0", "new 1"]


def test_a_page_never_has_more_than_the_server_gives(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_world.submit(*(indicator(f"t{n}") for n in range(1100)), label="TLP:GREEN")
    with own_world.http("analyst") as http:
        for query in ({}, {"limit": "5000"}):
            page = get(http, f"{ALL}/objects/", **query).json()
            assert (len(page["objects"]), page["more"]) == (1000, True)
        monkeypatch.setattr(paging, "PAGE_BYTES", 3000)
        small = get(http, f"{ALL}/objects/").json()
        assert 1 <= len(small["objects"]) < 20
        assert small["more"]


def test_reference_objects_are_filtered_alike(own_world: World) -> None:
    things = [indicator(f"r{n}", object_marking_refs=[]) for n in range(3)]
    for thing in things:
        del thing["object_marking_refs"]
    own_world.intake.load_reference(own_world.alliance.readers["releaser"], "set", bundle(*things))
    path = f"{ROOT}/reference/objects/"
    with own_world.http("analyst") as http:
        for query, count in (
            ({}, 3), ({"match[version]": "all"}, 3), ({"match[version]": "first"}, 3),
            ({"match[version]": things[0]["modified"]}, 3), ({"match[version]": TIMES[2]}, 0),
            ({"match[id]": things[1]["id"]}, 1), ({"match[type]": "malware"}, 0),
            ({"match[spec_version]": "2.0"}, 0), ({"added_after": "2999-01-01T00:00:00Z"}, 0),
        ):  # fmt: skip
            assert len(get(http, path, **query).json()["objects"]) == count, query
        versions = get(http, f"{path}{things[0]['id']}/versions/").json()["versions"]
    assert versions == [things[0]["modified"]]


STATED = st.lists(
    st.builds(
        Stated,
        st.sampled_from("ab"),
        st.sampled_from(["", *TIMES, "2026-01-02T00:00:00.500Z"]),
        st.integers(1, 40),
        st.tuples(st.integers(0, 4), st.booleans()),
    ),
    max_size=12,
    unique_by=lambda one: one.place,
)


@given(stated=STATED, versions=st.sampled_from([("last",), ("first",), ("all",), (TIMES[1],)]))
def test_every_version_has_one_place_under_the_most_open_label(
    stated: list[Stated], versions: tuple[str, ...]
) -> None:
    places = pick(stated, Wanted(versions=versions))
    chosen = [one for one in stated if one.place in places]
    keys = [(one.object_id, moment(one.version)) for one in chosen]
    assert len(set(keys)) == len(keys)
    for one in chosen:
        same = [
            other
            for other in stated
            if (other.object_id, moment(other.version)) == (one.object_id, moment(one.version))
        ]
        assert (one.restriction, one.place) == min((o.restriction, o.place) for o in same)
    if versions == ("all",):
        assert set(keys) == {(one.object_id, moment(one.version)) for one in stated}


def test_a_feed_of_fresh_objects_is_read_once_and_no_index_is_asked(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serving costs queries by the page, not by the object."""
    own_world.submit(*(indicator(f"t{n}") for n in range(300)), label="TLP:GREEN")
    asked: list[int] = []
    rows = Shown.rows

    def counted(self: Shown, **question: Any) -> Any:
        asked.append(question["limit"])
        return rows(self, **question)

    monkeypatch.setattr(Shown, "rows", counted)
    with own_world.http("analyst") as http:
        assert len(get(http, f"{ALL}/objects/", limit="200").json()["objects"]) == 200
    assert len(asked) <= 3
    assert all(one <= 201 for one in asked)


def test_pages_are_in_the_order_of_arrival(own_world: World, tmp_path: Path) -> None:
    own_world.submit(*(indicator(f"t{n}") for n in range(30)), label="TLP:GREEN")
    with own_world.http("analyst") as http:
        manifest = get(http, f"{ALL}/manifest/").json()["objects"]
        objects = get(http, f"{ALL}/objects/").content
    dates = [one["date_added"] for one in manifest]
    assert all(one < other for one, other in pairwise(dates))
    assert [one["id"] for one in json.loads(objects)["objects"]] == [one["id"] for one in manifest]


def test_no_page_leaves_before_its_read_is_in_the_log(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is written while the entry is made durable; it leaves afterwards."""
    own_world.submit(indicator("seen"), label="TLP:GREEN")
    held: list[Future[list[PageRow]]] = []

    def not_yet(self: ReaderView, found: list[PageRow], *_: Any) -> Future[list[PageRow]]:
        held.append(Future())
        return held[-1]

    monkeypatch.setattr(ReaderView, "_enter", not_yet)
    name = "indicator--00000000-0000-4000-8000-000000000000"
    paths = ("objects", "manifest", f"objects/{name}", f"objects/{name}/versions")
    with ThreadPoolExecutor(1) as pool, own_world.http("analyst", timeout=20) as http:
        for number, path in enumerate(paths, 1):
            asked = pool.submit(http.get, f"{ALL}/{path}/")
            while len(held) < number:
                time.sleep(0.01)
            with pytest.raises(TimeoutError):
                asked.result(0.3)
            held[-1].set_result([])
            assert asked.result(10).status_code in (200, 404)
