"""A property that is for fewer readers than its object: on no route to the others, in no answer."""

import json
import uuid
from typing import Any

import pytest

from ringwall.core import new_secret
from tests.server.test_withheld import questions
from tests.server.world import World, indicator

RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"


@pytest.fixture(scope="module")
def canary(world: World) -> tuple[str, dict[str, str]]:
    """A statement for everybody, with a description, a label and a reference for few."""
    word = f"canary{new_secret()[:16].replace('-', 'x').replace('_', 'y').lower()}"
    other = indicator(f"{word} is named by nobody")
    thing = indicator(
        "tearline",
        value="203.0.113.77",
        description=f"{word} described",
        labels=[word],
        created_by_ref=other["id"].replace("indicator", "identity"),
        granular_markings=[
            {"marking_ref": RED, "selectors": ["description", "labels.[0]", "created_by_ref"]}
        ],
    )
    (stated,) = world.submit(thing, label="TLP:GREEN")
    world.seal(stated)
    found = {"word": word, "id": thing["id"], "value": "203.0.113.77"}
    return stated, found | {"author": thing["created_by_ref"]}


def test_a_property_for_few_is_on_no_route_to_the_others(
    world: World, canary: tuple[str, dict[str, str]]
) -> None:
    stated, thing = canary
    shown = {"analyst": 0, "trainee": 0}
    for path in questions(stated, thing):
        for reader in shown:
            with world.http(reader) as http:
                text = http.get(path).text
            shown[reader] += "tearline" in text
            hidden = reader == "trainee" and f"text={thing['word']}" not in path
            for secret in (thing["word"], thing["author"], RED):
                assert not hidden or secret not in text, path
    # The object itself is shown to both, by the very same questions.
    assert shown["trainee"] == shown["analyst"] >= 10


def test_no_search_leads_to_an_object_by_what_is_for_few(
    world: World, canary: tuple[str, dict[str, str]]
) -> None:
    _, thing = canary
    for reader in ("analyst", "trainee"):
        with world.http(reader) as http:
            for query in ("text={}", "text={}&after=0", "value={}"):
                asked = [
                    http.get("/api/v1/statements?" + query.format(word))
                    for word in (thing["word"], "canarynotthere")
                ]
                assert asked[0].json()["statements"] == asked[1].json()["statements"] == []


def test_what_a_reader_is_shown_of_it_proves_itself(
    world: World, canary: tuple[str, dict[str, str]]
) -> None:
    stated, thing = canary
    shown: dict[str, Any] = {}
    for reader in ("analyst", "trainee"):
        with world.http(reader) as http:
            shown[reader] = http.get(f"/api/v1/statements/{stated}").json()
    whole, part = (shown[reader]["provenance"] for reader in ("analyst", "trainee"))
    assert (whole["verified"], part["verified"]) == (True, True)
    assert whole["digest"] == part["digest"]
    assert (whole["disclosure"], part["seed"]) == ("", "")
    assert part["disclosure"]
    assert set(shown["analyst"]["object"]) - set(shown["trainee"]["object"]) == {
        "description",
        "labels",
        "created_by_ref",
        "granular_markings",
    }
    assert whole["seed"] not in json.dumps(shown["trainee"])
    assert thing["word"] not in json.dumps(shown["trainee"])


def test_an_event_brings_only_what_the_reader_may_see(
    world: World, canary: tuple[str, dict[str, str]]
) -> None:
    _, thing = canary
    with world.http("trainee") as http, http.stream("GET", "/api/v1/events?after=0") as stream:
        (marker,) = world.submit(indicator("marker"), label="TLP:GREEN")
        seen = ""
        for line in stream.iter_lines():
            seen += line
            if marker in line:
                break
    assert thing["id"] in seen
    assert thing["word"] not in seen
    assert thing["author"] not in seen


def test_an_explanation_shows_what_is_withheld_to_who_may_know_why(world: World) -> None:
    author = {"type": "identity", "spec_version": "2.1", "name": "Cell"}
    author |= {"id": f"identity--{uuid.uuid4()}", "created": "2026-01-01T00:00:00.000Z"}
    author |= {"modified": author["created"]}
    world.submit(author, label="TLP:AMBER//REL TO arden")
    (stated,) = world.submit(indicator("named", created_by_ref=author["id"]), label="TLP:GREEN")
    told: dict[str, Any] = {}
    for reader in ("analyst", "releaser", "trainee"):
        with world.http(reader) as http:
            (member,) = http.get(f"/api/v1/statements/{stated}/explanation?to=borduria").json()[
                "members"
            ]
            way = http.get(f"/api/v1/statements/{stated}/delivery").json()["members"]
        (reason,) = [each["reason"] for each in way if each["member"] == "borduria"]
        told[reader] = member["withheld"], reason
    fact = "it names an object that borduria may not have"
    for reader in ("analyst", "releaser"):
        assert told[reader][0] == [
            {"field": "created_by_ref", "rule": "reference", "source": author["id"], "fact": fact}
        ]
        assert fact in told[reader][1]
    assert told["trainee"][0] == []
    assert "created_by_ref" not in told["trainee"][1]


def test_who_submitted_it_hears_no_later_reason_that_speaks_of_what_it_may_not_read(
    world: World,
) -> None:
    """At sealing all counts if the submitter is not known: what is recorded then is for others."""
    author = {"type": "identity", "spec_version": "2.1", "name": "Cell"}
    author |= {"id": f"identity--{uuid.uuid4()}", "created": "2026-01-01T00:00:00.000Z"}
    author |= {"modified": author["created"]}
    world.submit(author, label="TLP:RED")
    (stated,) = world.submit(indicator("mine"), label="TLP:GREEN", reader="trainee")
    fact = "it names an object that borduria may not have"
    field = {"field": "created_by_ref", "rule": "reference", "source": author["id"], "fact": fact}
    reason = f"without created_by_ref ({fact})"
    said = {"node": "borduria-1", "permit": True, "reason": reason, "withheld": [field]}

    def told(reader: str) -> str:
        with world.http(reader) as http:
            members = http.get(f"/api/v1/statements/{stated}/delivery").json()["members"]
        return next(str(one["reason"]) for one in members if one["member"] == "borduria")

    before = told("trainee")
    world.store.write(
        lambda tx: tx.add_release(
            tx.last_order(), "v", ["borduria-1"], [said], "2026-06-01T00:00:00.000000Z"
        )
    ).result()
    assert told("trainee") == before != ""
    assert told("analyst") == reason
