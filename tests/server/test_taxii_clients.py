"""Clients as they are: the official one unchanged, and the requests that others really send."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from taxii2client.common import TokenAuth
from taxii2client.v21 import ApiRoot, Collection, Server, Status, as_pages

from ringwall.core import parse_timestamp
from tests.server.world import World, indicator

TAXII = "application/taxii+json;version=2.1"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
ALL = "/taxii2/ringwall/collections/all"


def marked(name: str, **more: Any) -> dict[str, Any]:
    return indicator(name, object_marking_refs=[GREEN], **more)


def titled(root: ApiRoot, title: str) -> Collection:
    (found,) = [each for each in root.collections if each.title == title]
    return found


class BearerAuth(requests.auth.AuthBase):
    def __init__(self, form: str) -> None:
        self.form = form

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self.form
        return request


class TestOfficialClient:
    """taxii2-client 2.3.0, unchanged."""

    def test_from_discovery_to_delete(self, own_world: World) -> None:
        server = Server(f"{own_world.url}/taxii2/", user="x", password=own_world.tokens["analyst"])
        root = server.default
        assert server.title
        assert (root.versions, root.max_content_length > 0) == ([TAXII], True)
        things = [marked(f"thing {number}") for number in range(25)]
        bad = marked("poisoned", confidence=1000)
        status = titled(root, "Submit").add_objects({"objects": [*things, bad]})
        assert (status.status, status.success_count, status.failure_count) == ("complete", 25, 1)
        assert "/confidence" in status.failures[0]["message"]
        again = root.get_status(status.id)
        assert again._raw == status._raw
        status.refresh()
        assert isinstance(again, Status)
        everything = titled(root, "All statements")
        pages = list(as_pages(everything.get_objects, per_request=10))
        assert [len(page["objects"]) for page in pages] == [10, 10, 5]
        found = [one for page in pages for one in page["objects"]]
        assert found == things
        manifests = as_pages(everything.get_manifest, per_request=7)
        assert [m["id"] for page in manifests for m in page["objects"]] == [o["id"] for o in found]
        newer = {**things[0], "modified": "2026-05-01T00:00:00.000Z", "name": "newer"}
        own = titled(root, "Statements of Arden (arden)")
        assert own.add_objects({"objects": [newer]}).success_count == 1
        name = things[0]["id"]
        versions = [things[0]["modified"], newer["modified"]]
        assert own.object_versions(name)["versions"] == versions
        assert own.get_object(name)["objects"] == [newer]
        assert own.get_object(name, version="first")["objects"] == [things[0]]
        own.delete_object(name, version=newer["modified"])
        assert own.object_versions(name)["versions"] == versions[:1]
        own.delete_object(name)
        with pytest.raises(requests.HTTPError) as missing:
            own.get_object(name)
        assert missing.value.response.status_code == 404
        left = everything.get_objects(type=["indicator"], id=[name, things[1]["id"]])
        assert left["objects"] == [things[1]]

    def test_it_reads_every_collection_that_it_finds(self, world: World) -> None:
        world.submit(marked("anything"), label="")
        server = Server(f"{world.url}/taxii2/", user="x", password=world.tokens["analyst"])
        for each in server.default.collections:
            each.refresh()
            if each.can_read:
                assert each.get_objects()["objects"] is not None
                assert each.get_manifest()["objects"] is not None

    def test_it_pages_by_the_time_of_arrival(self, own_world: World) -> None:
        things = [marked(f"thing {number}") for number in range(5)]
        own_world.submit(*things, label="")
        root = f"{own_world.url}/taxii2/ringwall/"
        everything = titled(
            ApiRoot(root, user="x", password=own_world.tokens["analyst"]), "All statements"
        )
        dates = [one["date_added"] for one in everything.get_manifest()["objects"]]
        late = everything.get_objects(added_after=parse_timestamp(dates[2]))
        assert late["objects"] == things[3:]

    @pytest.mark.parametrize("form", ["basic", "basic as user", "Bearer", "Token", "raw"])
    def test_every_form_of_credential(self, world: World, form: str) -> None:
        token = world.tokens["analyst"]
        forms: dict[str, dict[str, Any]] = {
            "basic": {"user": "anybody", "password": token},
            "basic as user": {"user": token, "password": "x"},
            "Bearer": {"auth": BearerAuth(f"Bearer {token}")},
            "Token": {"auth": TokenAuth(token)},
            "raw": {"auth": BearerAuth(token)},
        }
        server = Server(f"{world.url}/taxii2/", **forms[form])
        assert titled(server.default, "All statements").get_objects()["objects"] is not None


@pytest.fixture
def fed(own_world: World) -> World:
    own_world.submit(*(marked(f"feed {number}") for number in range(250)), label="")
    return own_world


def names(envelope: dict[str, Any]) -> list[str]:
    return [one["name"] for one in envelope["objects"]]


FEED = [f"feed {number}" for number in range(250)]


def raw_client(world: World, **headers: str) -> httpx.Client:
    basic = base64.b64encode(f"user:{world.tokens['analyst']}".encode()).decode()
    return world.http(headers={"authorization": f"Basic {basic}", **headers})


def test_elastic_sends_only_next_and_limit_on_later_pages(fed: World) -> None:
    """Agent's TAXII input: body.objects is mapped unguarded, so it must always be a list."""
    headers = {"accept": TAXII, "content-type": TAXII}
    found: list[str] = []
    with raw_client(fed, **headers) as http:
        query = {"limit": "100", "added_after": "2020-01-01T00:00:00Z", "match[type]": "indicator"}
        while True:
            body = http.get(f"{ALL}/objects/", params=query).json()
            assert isinstance(body["objects"], list)
            found += names(body)
            if not body.get("more"):
                break
            query = {"limit": "100", "next": body["next"]}
        empty = http.get(f"{ALL}/objects/?added_after=2999-01-01T00:00:00Z&limit=100").json()
    assert found == FEED
    assert empty["objects"] == []


def test_xsoar_goes_by_title_and_stops_at_the_first_empty_page(fed: World) -> None:
    """Discovery → API root by the last but one part of its URL → collection by title → pages."""
    with raw_client(fed, accept=TAXII) as http:
        roots = http.get("/taxii2/").json()["api_roots"]
        name = roots[0].split("/")[-2]
        assert (name, len(roots)) == ("ringwall", 1)
        found = http.get(f"/taxii2/{name}/collections/").json()["collections"]
        by_title = {each["title"]: each for each in found}
        assert len(by_title) == len(found)
        path = f"/taxii2/{name}/collections/{by_title['Indicators']['id']}/objects/"
        added, got = "2020-01-01T00:00:00Z", []
        while True:
            answer = http.get(path, params={"limit": "100", "added_after": added})
            if not answer.json()["objects"]:
                break
            got += names(answer.json())
            added = answer.headers["x-taxii-date-added-last"]
    assert got == FEED


def test_xsoar_is_not_told_to_fall_back_to_taxii_20(fed: World) -> None:
    for accept in (TAXII, "application/taxii+json", "application/taxii+json; version=2.1"):
        with raw_client(fed, accept=accept) as http:
            assert http.get("/taxii2/").status_code == 200


def test_sentinel_is_told_an_api_root_and_a_collection_id(fed: World) -> None:
    """Basic credentials, no discovery, polls by added_after of the last poll."""
    with raw_client(fed, accept=TAXII) as http:
        found = http.get("/taxii2/ringwall/collections/").json()["collections"]
        name = next(each["id"] for each in found if each["alias"] == "all")
        path = f"/taxii2/ringwall/collections/{name}/objects/"
        page = http.get(path, params={"added_after": "2020-01-01T00:00:00.000Z"})
        assert names(page.json()) == FEED
        last = page.headers["x-taxii-date-added-last"]
        fed.submit(marked("fresh"), label="")
        assert names(http.get(path, params={"added_after": last}).json()) == ["fresh"]


def test_opencti_leaves_the_slash_away_and_sends_added_after_with_next(fed: World) -> None:
    """Its ingester keeps both over its whole life: the cursor must win."""
    got: list[str] = []
    with raw_client(fed, accept=TAXII, **{"content-type": TAXII}) as http:
        query = {"added_after": "2020-01-01T00:00:00.000Z", "limit": "100"}
        while True:
            answer = http.get(f"{ALL}/objects", params=query, follow_redirects=False)
            assert answer.status_code == 200
            got += names(answer.json())
            if not answer.json()["more"]:
                break
            query["next"] = answer.json()["next"]
    assert got == FEED


def test_eclecticiq_reads_both_dates_also_of_an_empty_page(fed: World) -> None:
    with raw_client(fed, accept=TAXII) as http:
        for path in ("objects", "manifest"):
            for query in ("", "?added_after=2999-01-01T00:00:00Z", "?match[type]=malware"):
                answer = http.get(f"{ALL}/{path}/{query}")
                first = answer.headers["x-taxii-date-added-first"]
                last = answer.headers["x-taxii-date-added-last"]
                assert parse_timestamp(first) <= parse_timestamp(last)


def test_a_charset_after_the_version_is_what_the_official_client_takes(fed: World) -> None:
    """It takes our media type apart: the type first, then the version; a charset may come."""
    with raw_client(fed, accept=TAXII) as http:
        sent = http.get("/taxii2/").headers["content-type"].replace(" ", "").split(";")
    assert sent[:2] == ["application/taxii+json", "version=2.1"]


def test_qradar_and_old_splunk_ask_for_taxii_20_and_are_told_so(fed: World) -> None:
    with raw_client(fed, accept="application/vnd.oasis.taxii+json; version=2.0") as http:
        answer = http.get("/taxii2/")
    assert (answer.status_code, answer.json()["details"]["rule"]) == (406, "not-acceptable")


PATHS: list[Callable[[str], str]] = [
    lambda _: "/taxii2",
    lambda _: "/taxii2/ringwall",
    lambda _: "/taxii2/ringwall/collections",
    lambda _: ALL,
    lambda _: f"{ALL}/objects",
    lambda _: f"{ALL}/manifest",
    lambda name: f"{ALL}/objects/{name}",
    lambda name: f"{ALL}/objects/{name}/versions",
]


def test_no_path_is_redirected_for_its_last_slash(own_world: World) -> None:
    thing = marked("slash")
    own_world.submit(thing, label="")
    with raw_client(own_world, accept=TAXII) as http:
        for path in (make(thing["id"]) for make in PATHS):
            plain = http.get(path, follow_redirects=False)
            slashed = http.get(f"{path}/", follow_redirects=False)
            assert (plain.status_code, plain.content) == (200, slashed.content), path


def test_the_api_root_is_an_absolute_url_that_works(own_world: World) -> None:
    with raw_client(own_world, accept=TAXII) as http:
        found = http.get("/taxii2/").json()
        (root,) = found["api_roots"]
        assert found["default"] == root
        assert (urlsplit(root).netloc, root[-1]) == (f"127.0.0.1:{own_world.port}", "/")
        assert http.get(root).json()["versions"] == [TAXII]
