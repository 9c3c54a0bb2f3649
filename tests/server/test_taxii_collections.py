"""Which collections a reader has, what they are called, and what they do not tell."""

import uuid
from typing import Any

import httpx
import pytest

from ringwall.server.taxii_collections import FAMILIES, OBSERVABLES
from ringwall.stix import OBJECT_TYPES
from tests.server.world import World, indicator

ROOT = "/taxii2/ringwall/collections"


def listed(world: World, reader: str) -> dict[str, dict[str, Any]]:
    with world.http(reader) as http:
        found = http.get(f"{ROOT}/").json()["collections"]
    return {one.get("alias", one["title"]): one for one in found}


def names(world: World, reader: str, collection: str, **query: str) -> list[str]:
    with world.http(reader) as http:
        answer = http.get(f"{ROOT}/{collection}/objects/", params=query)
        assert answer.status_code == 200, answer.text
        return [one["name"] for one in answer.json()["objects"]]


def same(one: httpx.Response, other: httpx.Response) -> bool:
    ours = {k: v for k, v in one.headers.items() if k != "date"}
    theirs = {k: v for k, v in other.headers.items() if k != "date"}
    return (one.status_code, one.content, ours) == (other.status_code, other.content, theirs)


def test_every_standard_type_stands_in_exactly_one_family() -> None:
    families = [*FAMILIES.values(), OBSERVABLES]
    held = [one for family in families for one in family.object_types]
    assert sorted(held) == sorted(OBJECT_TYPES)


def test_every_collection_says_what_it_is(world: World) -> None:
    for reader in ("analyst", "tool", "releaser"):
        found = listed(world, reader).values()
        for one in found:
            assert uuid.UUID(one["id"]).version == 5
            assert one["title"]
            assert {type(one["can_read"]), type(one["can_write"])} == {bool}
            assert one["media_types"] == ["application/stix+json;version=2.1"]
        for key in ("id", "title"):
            assert len({one[key] for one in found}) == len(found), key
        aliases = [one["alias"] for one in found if "alias" in one]
        assert len(set(aliases)) == len(aliases)


def test_collections_are_found_by_id_and_by_alias_and_their_ids_stay(world: World) -> None:
    with world.http("analyst") as http:
        for alias, one in listed(world, "analyst").items():
            assert http.get(f"{ROOT}/{one['id']}/").json() == one
            assert http.get(f"{ROOT}/{alias}/").json() == one
    fixed = {
        "all": "All statements", "reference": "Reference data", "submit": "Submit",
        "indicators": "Indicators", "observables": "Observables",
        "submit-warning": "Submit as warning",
    }  # fmt: skip
    found = listed(world, "analyst")
    assert {alias: found[alias]["title"] for alias in fixed} == fixed
    assert found["all"]["id"] == "fc828ea7-67c4-5645-94ab-c095a3d554c9"


def test_a_family_holds_its_types_only(own_world: World) -> None:
    malware = {
        "type": "malware", "spec_version": "2.1", "id": f"malware--{uuid.uuid4()}",
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "name": "a malware", "is_family": False,
    }  # fmt: skip
    own_world.submit(indicator("an indicator"), malware, label="TLP:GREEN")
    assert names(own_world, "analyst", "indicators") == ["an indicator"]
    assert names(own_world, "analyst", "malware") == ["a malware"]
    assert names(own_world, "analyst", "all") == ["an indicator", "a malware"]
    assert names(own_world, "analyst", "actors") == []
    wanted = {"match[type]": "malware,indicator"}
    assert names(own_world, "analyst", "malware", **wanted) == ["a malware"]


def test_there_is_a_collection_for_every_source_that_is_visible(own_world: World) -> None:
    assert "source-borduria" not in listed(own_world, "analyst")
    own_world.submit(indicator("ours"), label="TLP:GREEN")
    own_world.receive(indicator("theirs"), label="TLP:AMBER", sequence=1)
    found = listed(own_world, "analyst")
    assert names(own_world, "analyst", "source-borduria") == ["theirs"]
    assert names(own_world, "analyst", "source-arden") == ["ours"]
    assert found["source-borduria"]["title"] == "Statements of Borduria (borduria)"
    assert "source-caledon" not in found


def test_a_source_that_is_withheld_looks_like_one_that_states_nothing(own_world: World) -> None:
    """Caledon has stated nothing; what Borduria stated is above the trainee's clearance."""
    own_world.receive(indicator("theirs"), label="TLP:AMBER", sequence=1)
    found, before = listed(own_world, "trainee"), listed(own_world, "analyst")
    assert "source-borduria" in before
    assert not {"source-borduria", "source-caledon"} & found.keys()
    withheld = before["source-borduria"]["id"]
    nothing = withheld.replace(withheld[:8], "00000000")
    with own_world.http("trainee") as http:
        for rest in ("", "objects/", "manifest/", f"objects/{indicator('x')['id']}/"):
            missing = http.get(f"{ROOT}/{nothing}/{rest}")
            assert missing.status_code == 404
            for one in (withheld, "source-borduria", "source-caledon", "source-nobody"):
                assert same(http.get(f"{ROOT}/{one}/{rest}"), missing), (one, rest)


def test_what_a_reader_sees_listed_does_not_depend_on_what_is_withheld(own_world: World) -> None:
    before = listed(own_world, "trainee")
    own_world.submit(indicator("secret"), label="TLP:AMBER")
    own_world.receive(indicator("theirs"), label="TLP:AMBER", sequence=1)
    assert listed(own_world, "trainee") == before


def test_who_reads_no_content_has_no_collections(world: World) -> None:
    for reader in ("admin", "auditor", "policy"):
        assert listed(world, reader) == {}
        with world.http(reader) as http:
            assert http.get(f"{ROOT}/all/").status_code == 404


def test_a_submitter_has_no_reference_data(world: World) -> None:
    assert "reference" not in listed(world, "tool")
    with world.http("tool") as http:
        assert http.get(f"{ROOT}/reference/objects/").status_code == 404


def test_reading_and_writing_are_refused_where_they_are_not_offered(world: World) -> None:
    with world.http("analyst") as http:
        for one in listed(world, "analyst").values():
            path = f"{ROOT}/{one['id']}/objects/"
            headers = {"content-type": "application/taxii+json;version=2.1"}
            read = http.get(path)
            written = http.post(path, content=b'{"objects":[]}', headers=headers)
            assert (read.status_code == 403) is (not one["can_read"]), one["title"]
            assert (written.status_code == 403) is (not one["can_write"]), one["title"]
            if not one["can_read"]:
                assert read.json()["details"]["rule"] == "can-read"
                assert http.get(f"{ROOT}/{one['id']}/manifest/").status_code == 403
            if not one["can_write"]:
                assert written.json()["details"]["rule"] == "can-write"


class TestSavedSearches:
    def test_a_search_becomes_a_collection_of_its_reader_alone(self, own_world: World) -> None:
        own_world.submit(
            indicator("harbour crane"), indicator("harbour"), indicator("airport"),
            label="TLP:GREEN",
        )  # fmt: skip
        with own_world.http("analyst") as http:
            made = http.post("/api/v1/searches", json={"name": "Ports", "text": "harbour"})
            assert made.status_code == 201
            assert http.get("/api/v1/searches").json()["searches"] == [made.json()]
        name = made.json()["id"]
        assert listed(own_world, "analyst")["Search: Ports"]["id"] == name
        assert names(own_world, "analyst", name) == ["harbour crane", "harbour"]
        own_world.submit(indicator("old harbour"), label="TLP:GREEN")
        assert names(own_world, "analyst", name, limit="2") == ["harbour crane", "harbour"]
        assert "Search: Ports" not in listed(own_world, "watch")
        with own_world.http("watch") as http:
            missing = http.get(f"{ROOT}/{uuid.uuid4()}/objects/")
            assert same(http.get(f"{ROOT}/{name}/objects/"), missing)

    def test_a_search_follows_as_pages_and_shows_what_the_reader_may_see(
        self, own_world: World
    ) -> None:
        for number in range(5):
            own_world.submit(indicator(f"harbour {number}"), label="TLP:GREEN")
            own_world.submit(indicator(f"harbour secret {number}"), label="TLP:AMBER")
            own_world.submit(indicator(f"airport {number}"), label="TLP:GREEN")
        with own_world.http("trainee") as http:
            made = http.post("/api/v1/searches", json={"name": "Ports", "text": "harbour"}).json()
            found, query = [], {"limit": "2"}
            while True:
                page = http.get(f"{ROOT}/{made['id']}/objects/", params=query).json()
                found += [one["name"] for one in page["objects"]]
                if not page["more"]:
                    break
                query["next"] = page["next"]
        assert found == [f"harbour {number}" for number in range(5)]

    def test_all_conditions_hold_together(self, own_world: World) -> None:
        own_world.submit(indicator("ours", value="192.0.2.5"), label="TLP:GREEN")
        own_world.receive(indicator("theirs", value="192.0.2.5"), label="TLP:GREEN", sequence=1)
        questions: list[tuple[dict[str, Any], list[str]]] = [
            ({"value": "192.0.2.5"}, ["ours", "theirs"]),
            ({"value": "192.0.2.5", "source": "borduria"}, ["theirs"]),
            ({"value": "192.0.2.5", "text": "ours"}, ["ours"]),
            ({"types": ["indicator"], "source": "arden"}, ["ours"]),
            ({"types": ["malware"], "source": "arden"}, []),
        ]
        for number, (question, found) in enumerate(questions):
            with own_world.http("analyst") as http:
                made = http.post("/api/v1/searches", json={"name": f"q{number}", **question})
            assert names(own_world, "analyst", made.json()["id"]) == found, question

    def test_names_are_unique_for_a_reader(self, own_world: World) -> None:
        wanted = {"name": "Ports", "text": "harbour"}
        with own_world.http("analyst") as http, own_world.http("watch") as other:
            assert http.post("/api/v1/searches", json=wanted).status_code == 201
            for name in ("Ports", "ports", " Ports "):
                clash = http.post("/api/v1/searches", json={**wanted, "name": name})
                assert (clash.status_code, clash.json()["rule"]) == (409, "name-taken")
            assert other.post("/api/v1/searches", json=wanted).status_code == 201

    def test_a_search_is_forgotten_with_its_collection(self, own_world: World) -> None:
        with own_world.http("analyst") as http, own_world.http("watch") as other:
            made = http.post("/api/v1/searches", json={"name": "Ports", "text": "harbour"}).json()
            assert other.delete(f"/api/v1/searches/{made['id']}").status_code == 404
            assert http.delete(f"/api/v1/searches/{made['id']}").status_code == 204
            assert http.delete(f"/api/v1/searches/{made['id']}").status_code == 404
            assert http.get(f"{ROOT}/{made['id']}/").status_code == 404
            assert http.get("/api/v1/searches").json() == {"searches": []}

    @pytest.mark.parametrize(
        ("wrong", "field", "rule"),
        [
            ({}, "", "search"),
            ({"name": "x"}, "/text", "empty-search"),
            ({"name": " ", "text": "x"}, "/name", "name"),
            ({"name": "a\u0000b", "text": "x"}, "/name", "name"),
            ({"name": "x" * 81, "text": "x"}, "/name", "search"),
            ({"name": "x", "text": 5}, "/text", "search"),
            ({"name": "x", "colour": "red"}, "", "search"),
            ({"name": "x", "types": ["Indicator"]}, "/types/0", "search"),
            ({"name": "x", "source": "nowhere"}, "/source", "unknown-member"),
        ],
    )
    def test_a_search_that_makes_no_sense_is_refused(
        self, world: World, wrong: dict[str, Any], field: str, rule: str
    ) -> None:
        with world.http("analyst") as http:
            answer = http.post("/api/v1/searches", json=wrong)
        assert (answer.status_code, answer.json()["rule"]) == (422, rule)
        assert answer.json()["field"] == field
