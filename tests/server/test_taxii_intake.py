"""Adding objects by TAXII, the status of that, and deleting what has not left yet."""

import json
import socket
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ringwall.core import ManualClock, SystemClock
from ringwall.exchange import SubmitResult, Submitted
from ringwall.server.taxii import MAX_CONTENT_LENGTH
from ringwall.server.taxii_intake import MOST_LISTED, status_of
from tests.server.world import World, bundle, indicator

TAXII = "application/taxii+json;version=2.1"
ROOT = "/taxii2/ringwall"
OWN = f"{ROOT}/collections/source-arden"
ALL = f"{ROOT}/collections/all"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"


def post(
    world: World, body: bytes | dict[str, Any], *, to: str = "submit", reader: str = "analyst"
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with world.http(reader, headers={"content-type": TAXII}) as http:
        return http.post(f"{ROOT}/collections/{to}/objects/", content=content)


def marked(name: str, **more: Any) -> dict[str, Any]:
    return indicator(name, object_marking_refs=[GREEN], **more)


def names(world: World, reader: str = "analyst") -> list[str]:
    with world.http(reader) as http:
        query = {"match[version]": "all"}
        return [one["name"] for one in http.get(f"{ALL}/objects/", params=query).json()["objects"]]


class TestAdding:
    def test_the_answer_is_202_with_a_complete_status(self, own_world: World) -> None:
        things = [marked("one"), marked("two")]
        answer = post(own_world, {"objects": things})
        status = answer.json()
        assert answer.status_code == 202
        assert answer.headers["content-type"].replace(" ", "") == TAXII
        assert uuid.UUID(status["id"])
        counts = ("total_count", "success_count", "failure_count", "pending_count")
        assert [status[name] for name in counts] == [2, 2, 0, 0]
        assert status["status"] == "complete"
        assert status["successes"] == [
            {"id": thing["id"], "version": thing["modified"]} for thing in things
        ]
        assert names(own_world) == ["one", "two"]

    def test_an_exact_duplicate_is_a_success(self, own_world: World) -> None:
        thing = marked("again")
        first = post(own_world, {"objects": [thing]}).json()
        second = post(own_world, {"objects": [thing]}).json()
        assert (first["failure_count"], second["failure_count"]) == (0, 0)
        assert second["successes"][0]["message"].startswith("known: arden-1:")
        assert names(own_world) == ["again"]

    def test_a_poisoned_object_fails_alone_and_says_why(self, own_world: World) -> None:
        poisoned = marked("poisoned", confidence=101)
        sent = [marked("before"), poisoned, {"type": "x"}, 5, marked("after")]
        status = post(own_world, {"objects": sent}).json()
        assert (status["success_count"], status["failure_count"]) == (2, 3)
        assert status["total_count"] == 5
        first = next(one for one in status["failures"] if one["id"] == poisoned["id"])
        assert first["message"].startswith("/objects/1/confidence: ")
        assert len(first["message"].split(": ")) >= 3
        assert all(one["id"] and one["version"] for one in status["failures"])
        assert names(own_world) == ["before", "after"]

    def test_an_object_without_a_label_fails_alone(self, own_world: World) -> None:
        status = post(own_world, {"objects": [indicator("bare"), marked("marked")]}).json()
        (failure,) = status["failures"]
        assert "unlabelled" in failure["message"]
        assert "/object_marking_refs" in failure["message"]
        assert names(own_world) == ["marked"]

    def test_a_labelled_collection_labels_what_carries_no_marking(self, own_world: World) -> None:
        amber = indicator("amber", object_marking_refs=[AMBER])
        status = post(own_world, {"objects": [indicator("bare"), amber]}, to="submit-warning")
        assert status.json()["failure_count"] == 0
        assert names(own_world) == ["bare", "amber"]
        assert names(own_world, "trainee") == ["bare"]  # cleared for GREEN, which the label names

    def test_the_own_source_takes_objects_as_well(self, own_world: World) -> None:
        assert post(own_world, {"objects": [marked("own")]}, to="source-arden").status_code == 202
        assert names(own_world) == ["own"]

    @pytest.mark.parametrize(
        ("body", "rule"),
        [
            (b"", "json"),
            (b"{", "json"),
            (b"[]", "json"),
            (b'{"objects":5}', "type"),
            (b'{"objects":[]}', "empty-list"),
            (b"{}", "envelope"),
            (b'{"objects":[],"objects":[]}', "duplicate-key"),
            (b'{"objects":[{}],"name":"x"}', "unknown-property"),
            (json.dumps(indicator("alone")).encode(), "envelope"),
        ],
    )
    def test_what_is_no_envelope_is_refused_whole(
        self, world: World, body: bytes, rule: str
    ) -> None:
        answer = post(world, body)
        assert (answer.status_code, answer.json()["details"]["rule"]) == (400, rule)

    def test_a_bundle_is_an_envelope_with_more_in_it(self, own_world: World) -> None:
        assert post(own_world, bundle(marked("bundled"))).json()["success_count"] == 1
        paged = {"objects": [marked("paged")], "more": False, "x_more": 1}
        assert post(own_world, paged).json()["success_count"] == 1

    def test_parameters_are_refused(self, world: World) -> None:
        answer = post(world, {"objects": [marked("x")]}, to="submit")
        with world.http("analyst", headers={"content-type": TAXII}) as http:
            wrong = http.post(f"{ROOT}/collections/submit/objects/?label=warning", content=b"{}")
        assert (answer.status_code, wrong.status_code) == (202, 400)

    def test_who_may_not_submit_cannot_post(self, world: World) -> None:
        for reader in ("admin", "auditor", "policy"):
            assert post(world, {"objects": [marked("x")]}, reader=reader).status_code == 403
        assert post(world, {"objects": [marked("by a tool")]}, reader="tool").status_code == 202

    def test_a_body_is_too_large_only_above_what_the_api_root_says(self, world: World) -> None:
        with world.http("analyst") as http:
            assert http.get(f"{ROOT}/").json()["max_content_length"] == MAX_CONTENT_LENGTH > 0
        head = (
            f"POST {ROOT}/collections/submit/objects/ HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {world.tokens['analyst']}\r\nContent-Type: {TAXII}\r\n"
            f"Content-Length: {MAX_CONTENT_LENGTH + 1}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", world.port), timeout=20) as plain:
            plain.sendall(head.encode())
            answer = plain.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"application/taxii+json" in answer
        large = [marked(f"large {n}", description="x" * 1_000_000) for n in range(9)]
        status = post(world, {"objects": large}).json()
        assert (status["success_count"], status["failure_count"]) == (9, 0)

    def test_an_object_that_is_too_large_fails_alone(self, world: World) -> None:
        huge = marked("huge", description="x" * 5_000_000)
        status = post(world, {"objects": [huge, marked("small")]}).json()
        assert (status["success_count"], status["failure_count"]) == (1, 1)

    def test_very_many_successes_are_counted_and_not_listed(self) -> None:
        many = tuple(Submitted(f"arden-1:{n}", "indicator--x", "", "", ()) for n in range(3))
        few = status_of(SubmitResult(many, (), count=3), "2026-01-01T00:00:00.000000Z")
        assert (few.success_count, len(few.successes)) == (3, 3)
        number = MOST_LISTED + 1
        lots = SubmitResult(many[:1] * number, (), count=number)
        counted = status_of(lots, "2026-01-01T00:00:00.000000Z")
        assert (counted.success_count, counted.successes) == (number, [])

    def test_every_object_that_was_sent_counts(self, own_world: World) -> None:
        thing = marked("copied")
        definition = {
            "type": "marking-definition", "spec_version": "2.1", "id": GREEN,
            "created": "2022-10-01T00:00:00.000Z", "name": "TLP:GREEN",
            "extensions": {
                "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                    "extension_type": "property-extension", "tlp_2_0": "green",
                },
            },
        }  # fmt: skip
        sent = [definition, thing, thing, marked("bad", confidence=101)]
        status = post(own_world, {"objects": sent}).json()
        assert status["total_count"] == 4
        assert (status["success_count"], status["failure_count"]) == (3, 1)
        assert "successes" not in status
        assert names(own_world) == ["copied"]


class TestStatus:
    def test_a_status_is_kept_for_its_reader_for_a_day(self, tmp_path: Path) -> None:
        clock = ManualClock(SystemClock().now())
        world = World(tmp_path, clock=clock)
        try:
            status = post(world, {"objects": [marked("kept"), marked("bad", confidence=-1)]}).json()
            path = f"{ROOT}/status/{status['id']}/"
            with world.http("analyst") as http, world.http("watch") as other:
                missing = http.get(f"{ROOT}/status/{uuid.uuid4()}/")
                assert http.get(path).json() == status
                assert http.get(path.rstrip("/")).json() == status
                denied = other.get(path)
                assert (denied.status_code, denied.content) == (404, missing.content)
                clock.advance(timedelta(hours=23, minutes=59))
                assert http.get(path).json() == status
                clock.advance(timedelta(minutes=2))
                gone = http.get(path)
                assert (gone.status_code, gone.content) == (404, missing.content)
        finally:
            world.close()

    @pytest.mark.parametrize(("objects", "commits"), [(1, 1), (255, 1), (257, 3)])
    def test_a_status_is_stored_with_the_only_slice_of_its_objects(
        self, own_world: World, objects: int, commits: int
    ) -> None:
        """A commit costs as much as a hundred statements, and many feeds send a few at a time."""
        jobs: list[int] = []
        own_world.store.watch_commits(lambda many, seconds: jobs.append(many))
        sent = {"objects": [marked(f"n{number}") for number in range(objects)]}
        status = post(own_world, sent).json()
        assert sum(jobs) == commits
        assert status["success_count"] == objects
        with own_world.http("analyst") as http:
            assert http.get(f"{ROOT}/status/{status['id']}/").json() == status

    def test_expired_statuses_are_swept_out(self, tmp_path: Path) -> None:
        clock = ManualClock(SystemClock().now())
        world = World(tmp_path, clock=clock)
        try:
            old = post(world, {"objects": [marked("old")]}).json()["id"]
            clock.advance(timedelta(hours=25))
            post(world, {"objects": [marked("new")]})
            with world.store.read() as tx:
                held = tx.documents("taxii-status", "analyst", "1970-01-01T00:00:00.000000Z")
            assert old not in {key for key, _ in held}
        finally:
            world.close()


def accepted(world: World) -> list[str]:
    """Return the ids of what was stated, in order."""
    with world.store.read() as tx:
        leaves = [json.loads(entry.leaf) for entry in tx.audit_entries(0, 1000)]
    return [name for leaf in leaves if leaf["kind"] == "accepted" for name in leaf["statements"]]


class TestDeleting:
    def delete(self, world: World, name: str, reader: str = "analyst", **query: str) -> Any:
        with world.http(reader) as http:
            return http.delete(f"{OWN}/objects/{name}/", params=query)

    def test_a_deleted_object_looks_as_if_it_had_never_been(self, own_world: World) -> None:
        thing = marked("gone", labels=["gonelabel"])
        post(own_world, {"objects": [thing, marked("kept")]})
        answer = self.delete(own_world, thing["id"])
        assert answer.status_code == 200
        never = marked("never")["id"]
        with own_world.http("analyst") as http:
            for template in (
                "/taxii2/ringwall/collections/all/objects/{}/",
                "/taxii2/ringwall/collections/all/objects/{}/versions/",
                "/taxii2/ringwall/collections/all/manifest/?match[id]={}",
                "/taxii2/ringwall/collections/source-arden/objects/?match[id]={}",
                "/api/v1/statements/arden-1:{}",
            ):
                there, absent = (thing["id"], never) if "v1" not in template else ("1", "999")
                one, other = http.get(template.format(there)), http.get(template.format(absent))
                assert (one.status_code, one.content) == (other.status_code, other.content)
            assert http.get("/api/v1/statements?text=gone").json()["statements"] == []
            assert thing["id"] not in http.get("/api/v1/statements").text
        assert names(own_world) == ["kept"]
        assert self.delete(own_world, thing["id"]).status_code == 404

    def test_it_can_be_stated_again(self, own_world: World) -> None:
        thing = marked("back")
        post(own_world, {"objects": [thing]})
        self.delete(own_world, thing["id"])
        status = post(own_world, {"objects": [thing]}).json()
        assert "message" not in status["successes"][0]
        assert names(own_world) == ["back"]

    def test_versions_are_chosen_and_all_is_the_default(self, own_world: World) -> None:
        thing = marked("version 1")
        newer = {**thing, "name": "version 2", "modified": "2026-02-01T00:00:00.000Z"}
        newest = {**thing, "name": "version 3", "modified": "2026-03-01T00:00:00.000Z"}
        steps = [
            ({"match[version]": "last"}, ["version 1", "version 2"]),
            ({"match[version]": "first"}, ["version 2", "version 3"]),
            ({"match[version]": "first,last"}, ["version 2"]),
            ({"match[version]": newer["modified"]}, ["version 1", "version 3"]),
            ({"match[version]": "all"}, []),
            ({"match[spec_version]": "2.1"}, []),
            ({}, []),
        ]
        for query, left in steps:
            post(own_world, {"objects": [thing, newer, newest]})
            assert self.delete(own_world, thing["id"], **query).status_code == 200
            assert names(own_world) == left, query
            if left:
                self.delete(own_world, thing["id"])

    def test_what_does_not_match_is_404_and_stays(self, own_world: World) -> None:
        thing = marked("stays")
        post(own_world, {"objects": [thing]})
        for query in ({"match[version]": "2020-01-01T00:00:00Z"}, {"match[spec_version]": "2.0"}):
            assert self.delete(own_world, thing["id"], **query).status_code == 404
        for query in ({"match[type]": "indicator"}, {"limit": "1"}, {"match[version]": "all,last"}):
            assert self.delete(own_world, thing["id"], **query).status_code == 400
        assert names(own_world) == ["stays"]

    def test_what_has_left_cannot_be_deleted(self, own_world: World) -> None:
        thing = marked("left")
        post(own_world, {"objects": [thing]})
        newer = {**thing, "modified": "2026-02-01T00:00:00.000Z"}
        post(own_world, {"objects": [newer]})
        own_world.seal(accepted(own_world)[0])
        answer = self.delete(own_world, thing["id"])
        assert (answer.status_code, answer.json()["details"]["rule"]) == (403, "released")
        assert names(own_world) == ["left", "left"]  # all or nothing
        assert self.delete(own_world, thing["id"], **{"match[version]": "last"}).status_code == 200
        assert names(own_world) == ["left"]

    def test_only_the_own_members_statements_can_be_deleted(self, own_world: World) -> None:
        thing = marked("theirs")
        own_world.receive(thing, label="TLP:GREEN", sequence=1)
        assert self.delete(own_world, thing["id"]).status_code == 404
        with own_world.http("analyst") as http:
            for name in ("all", "indicators", "source-borduria", "submit", "submit-warning"):
                answer = http.delete(f"{ROOT}/collections/{name}/objects/{thing['id']}/")
                assert answer.status_code == 403, name
        assert names(own_world) == ["theirs"]

    def test_only_who_may_submit_can_delete_and_only_what_they_see(self, own_world: World) -> None:
        thing = indicator("secret", object_marking_refs=[AMBER])
        post(own_world, {"objects": [thing]})
        for reader in ("admin", "auditor", "policy"):
            assert self.delete(own_world, thing["id"], reader).status_code == 403
        assert self.delete(own_world, thing["id"], "trainee").status_code == 404
        assert names(own_world) == ["secret"]
        assert self.delete(own_world, thing["id"], "tool").status_code == 200

    def test_the_log_tells_who_took_it_back(self, own_world: World) -> None:
        thing = marked("logged")
        post(own_world, {"objects": [thing]})
        self.delete(own_world, thing["id"])
        with own_world.store.read() as tx:
            leaves = [json.loads(entry.leaf) for entry in tx.audit_entries(0, 1000)]
        (entry,) = [leaf for leaf in leaves if leaf["kind"] == "withdrawn"]
        assert (entry["statement"], entry["reader"]) == (accepted(own_world)[0], "analyst")
