"""TAXII 2.1 reading, with the official client and with the quirks that other clients have."""

import json

import pytest
from taxii2client.v21 import Collection, Server, as_pages

from ringwall.core import canonical_json
from ringwall.stix import read_submission
from ringwall.store import NewReference
from tests.server.world import World, bundle, indicator

TAXII = "application/taxii+json;version=2.1"
ALL = "/taxii2/ringwall/collections/all"


def collection(world: World, title: str = "All statements") -> Collection:
    server = Server(f"{world.url}/taxii2/", user="x", password=world.tokens["analyst"])
    (found,) = [each for each in server.default.collections if each.title == title]
    return found


def test_the_official_client_finds_and_reads_everything(own_world: World) -> None:
    things = [indicator(f"taxii {n}") for n in range(25)]
    own_world.submit(*things, label="TLP:GREEN")
    found: list[str] = []
    for page in as_pages(collection(own_world).get_objects, per_request=10):
        assert len(page["objects"]) <= 10
        found += [one["id"] for one in page["objects"]]
    assert found == [thing["id"] for thing in things]
    manifest = collection(own_world).get_manifest()["objects"]
    assert [one["id"] for one in manifest] == found
    dates = [one["date_added"] for one in manifest]
    assert dates == sorted(set(dates))
    one = collection(own_world).get_object(found[3])
    assert one["objects"][0]["name"] == "taxii 3"


def test_objects_are_the_stored_bytes(world: World) -> None:
    green = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
    more = {"x_number": 1e21, "x_text": "é\u2028", "object_marking_refs": [green]}
    thing = indicator("bytes", **more)
    world.submit(thing, label="")
    with world.http("analyst") as http:
        answer = http.get(f"{ALL}/objects/{thing['id']}/")
    assert canonical_json(thing) in answer.content
    assert answer.headers["content-type"].replace(" ", "") == TAXII


def test_added_after_is_exclusive_and_loses_nothing(own_world: World) -> None:
    things = [indicator(f"poll {n}") for n in range(10)]
    own_world.submit(*things, label="TLP:GREEN")  # one transaction: still ten different times
    found: list[str] = []
    added_after = ""
    with own_world.http("analyst") as http:
        while True:
            query = {"limit": "3"} | ({"added_after": added_after} if added_after else {})
            answer = http.get(f"{ALL}/objects/", params=query)
            if not answer.json()["objects"]:
                break
            found += [one["id"] for one in answer.json()["objects"]]
            added_after = answer.headers["x-taxii-date-added-last"]
        assert answer.json() == {"more": False, "objects": []}
        assert answer.headers["x-taxii-date-added-last"] == added_after
    assert found == [thing["id"] for thing in things]


def test_a_cursor_carries_the_filters_and_wins_over_them(own_world: World) -> None:
    own_world.submit(*(indicator(f"wanted {n}") for n in range(4)), label="TLP:GREEN")
    identity = {
        "type": "identity", "spec_version": "2.1", "name": "not wanted",
        "id": "identity--7e9c0f0e-92b8-4d5c-8f1e-0d3f0a0c1a11",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    own_world.submit(identity, label="TLP:GREEN")
    own_world.submit(indicator("wanted 4"), label="TLP:GREEN")
    with own_world.http("analyst") as http:
        query = {"match[type]": "indicator", "limit": "3"}
        first = http.get(f"{ALL}/objects/", params=query).json()
        later = {"limit": "3", "next": first["next"], "added_after": "2020-01-01T00:00:00Z"}
        second = http.get(f"{ALL}/objects/", params=later).json()
    assert (first["more"], second["more"]) == (True, False)
    names = [one["name"] for one in first["objects"] + second["objects"]]
    assert names == [f"wanted {n}" for n in range(5)]


def test_versions_are_chosen_as_asked(world: World) -> None:
    thing = indicator("version 1")
    world.submit(thing, label="TLP:GREEN")
    newer = {**thing, "name": "version 2", "modified": "2026-02-01T00:00:00.5Z"}
    world.submit(newer, label="TLP:GREEN")
    newest = {**thing, "name": "version 3", "modified": "2026-02-01T00:00:00.600Z"}
    world.submit(newest, label="TLP:GREEN")
    asked = {
        "": ["version 3"],
        "last": ["version 3"],
        "first": ["version 1"],
        "first,last": ["version 1", "version 3"],
        "all": ["version 1", "version 2", "version 3"],
        "2026-02-01T00:00:00.500Z": ["version 2"],
    }
    with world.http("analyst") as http:
        for value, names in asked.items():
            query = {"match[version]": value} if value else {}
            for url in (f"{ALL}/objects/{thing['id']}/", f"{ALL}/objects/"):
                found = http.get(url, params=query).json()["objects"]
                assert [o["name"] for o in found if o["id"] == thing["id"]] == names, value
        listed = http.get(f"{ALL}/objects/{thing['id']}/versions/").json()["versions"]
    assert listed == [thing["modified"], newer["modified"], newest["modified"]]


def test_the_same_object_from_two_statements_is_listed_once(world: World) -> None:
    thing = indicator("twice")
    first = world.submit(thing, label="TLP:GREEN")
    second = world.submit(thing, label="TLP:CLEAR")
    with world.http("analyst") as http:
        found = http.get(f"{ALL}/objects/", params={"match[version]": "all"}).json()["objects"]
    assert first != second
    assert [one["id"] for one in found].count(thing["id"]) == 1


def test_reference_data_is_a_collection_of_its_own(world: World) -> None:
    things = [indicator(f"reference {n}") for n in range(5)]
    analyst = world.alliance.readers["releaser"]
    world.intake.load_reference(analyst, "attack", bundle(*things))
    pages = as_pages(collection(world, "Reference data").get_objects, per_request=2)
    found = [one["id"] for page in pages for one in page["objects"]]
    assert found == [thing["id"] for thing in things]


@pytest.mark.parametrize("path", ["/taxii2", "/taxii2/ringwall", f"{ALL}/objects", f"{ALL}"])
def test_paths_answer_with_and_without_the_last_slash(world: World, path: str) -> None:
    with world.http("analyst") as http:
        for url in (path, f"{path}/"):
            answer = http.get(url, follow_redirects=False)
            assert answer.status_code == 200
            assert answer.headers["content-type"].replace(" ", "") == TAXII
        roots = http.get("/taxii2/").json()["api_roots"]
    assert roots == [f"{world.url}/taxii2/ringwall/"]


def test_malformed_questions_are_400_with_an_error_body(world: World) -> None:
    wrong = (
        "limit=0", "limit=-1", "limit=x", "next=nonsense", "next=W10x", "added_after=yesterday",
        "match[version]=all,last", "match[type]=", "match[colour]=red",
        "match[id]=a&match[id]=b", "match[version]=newest",
    )  # fmt: skip
    with world.http("analyst") as http:
        for query in wrong:
            answer = http.get(f"{ALL}/objects/?{query}")
            assert answer.status_code == 400, query
            assert answer.headers["content-type"].replace(" ", "") == TAXII
            assert answer.json()["http_status"] == "400"
            assert answer.json()["details"]["field"]


def test_unknown_collections_and_objects_are_404(world: World) -> None:
    with world.http("analyst") as http:
        for path in ("/collections/none/objects/", "/collections/all/objects/indicator--x/", "/x/"):
            assert http.get(f"/taxii2/ringwall{path}").status_code == 404


def test_what_a_client_accepts_is_heeded(world: World) -> None:
    fine = (
        TAXII, "application/taxii+json; version=2.1", "application/taxii+json", "*/*",
        "application/json", "text/html, */*;q=0.1", "application/taxii+json;version=2.0, */*",
    )  # fmt: skip
    with world.http("analyst") as http:
        for accept in fine:
            assert http.get("/taxii2/", headers={"accept": accept}).status_code == 200, accept
        for accept in ("application/taxii+json;version=2.0", "text/html"):
            assert http.get("/taxii2/", headers={"accept": accept}).status_code == 406, accept


def test_an_empty_collection_still_has_objects_and_dates(own_world: World) -> None:
    with own_world.http("analyst") as http:
        answer = http.get(f"{ALL}/objects/")
    assert json.loads(answer.content) == {"more": False, "objects": []}
    assert answer.headers["x-taxii-date-added-first"].endswith("Z")


def test_a_version_that_is_no_time_stands_in_nobodys_way(own_world: World) -> None:
    """An observable has no version; a property of that name could once hold anything."""
    odd = {
        "type": "ipv4-addr", "spec_version": "2.1", "value": "192.0.2.7",
        "id": "ipv4-addr--0d1b6f4c-6b0a-4f6e-8f4e-2f6d1c9b7a10",
    }  # fmt: skip
    fine = indicator("fine")
    own_world.receive(odd, label="TLP:GREEN", sequence=1, version="zzz")
    own_world.submit(fine, label="TLP:GREEN")
    items = read_submission(bundle(odd, fine)).objects
    versions = ("zzz", items[1].version)
    rows = [NewReference(i.id, i.type, v, i.body) for i, v in zip(items, versions, strict=True)]
    at = "2026-01-01T00:00:00.000000Z"
    own_world.store.write(lambda tx: tx.put_reference("odd", rows, at)).result()
    with own_world.http("analyst") as http:
        for name in ("all", "reference"):
            base = f"/taxii2/ringwall/collections/{name}"
            for value in ("last", "first", "all", "first,last"):
                answer = http.get(f"{base}/objects/", params={"match[version]": value})
                assert [one["id"] for one in answer.json()["objects"]] == [odd["id"], fine["id"]]
            (first, _) = http.get(f"{base}/manifest/").json()["objects"]
            assert first["version"] == first["date_added"]
