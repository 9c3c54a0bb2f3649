"""The neighbourhood of an object: what refers to what, through visible statements only."""

import itertools
import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.store import ReaderState, WriteTransaction
from tests.server.world import World, indicator

SEQUENCES = itertools.count(1000)
TIME = "2026-01-01T00:00:00.000Z"


def new_id(kind: str) -> str:
    return f"{kind}--{uuid.uuid4()}"


def thing(kind: str, **more: Any) -> dict[str, Any]:
    common = {"type": kind, "spec_version": "2.1", "id": new_id(kind)}
    return {**common, "created": TIME, "modified": TIME, **more}


def malware(name: str, **more: Any) -> dict[str, Any]:
    return thing("malware", name=name, is_family=False, **more)


def linked(source: str, target: str, **more: Any) -> dict[str, Any]:
    ends = {"source_ref": source, "target_ref": target}
    return thing("relationship", relationship_type="related-to", **ends, **more)


def report(*about: str, **more: Any) -> dict[str, Any]:
    return thing("report", name="report", published=TIME, object_refs=list(about), **more)


def state(world: World, *things: dict[str, Any], label: str = "TLP:GREEN") -> None:
    for one in things:
        world.receive(one, label=label, sequence=next(SEQUENCES))


def ask(world: World, start: str, reader: str = "analyst", **query: int) -> dict[str, Any]:
    with world.http(reader) as http:
        answer = http.get(f"/api/v1/objects/{start}/neighbourhood", params=query)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def near(answer: dict[str, Any]) -> dict[str, int]:
    return {one["object"]["object_id"]: one["distance"] for one in answer["objects"]}


def edges(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["source"], one["target"]) for one in answer["edges"]}


def test_a_relationship_comes_with_both_its_ends(world: World) -> None:
    one, other = malware("one"), indicator("other")
    link = linked(other["id"], one["id"])
    state(world, one, other, link)
    answer = ask(world, one["id"])
    assert near(answer) == {one["id"]: 0, other["id"]: 1, link["id"]: 1}
    assert edges(answer) == {(link["id"], one["id"]), (link["id"], other["id"])}
    assert answer["more"] is False
    assert answer["objects"][0]["object"]["object"]["name"] == "one"


def test_depth_counts_objects_and_not_the_links_between_them(world: World) -> None:
    chain = [malware(f"link {number}") for number in range(5)]
    links = [linked(a["id"], b["id"]) for a, b in itertools.pairwise(chain)]
    state(world, *chain, *links)
    for depth in (1, 2, 3):
        found = near(ask(world, chain[0]["id"], depth=depth))
        assert found == {
            **{one["id"]: place for place, one in enumerate(chain[: depth + 1])},
            **{link["id"]: place + 1 for place, link in enumerate(links[:depth])},
        }


def test_objects_that_hold_references_lead_both_ways(world: World) -> None:
    one, other = malware("one"), malware("other")
    about = report(one["id"], other["id"])
    state(world, one, other, about)
    assert near(ask(world, one["id"])) == {one["id"]: 0, about["id"]: 1}
    assert near(ask(world, about["id"])) == {about["id"]: 0, one["id"]: 1, other["id"]: 1}
    assert near(ask(world, one["id"], depth=2)) == {one["id"]: 0, about["id"]: 1, other["id"]: 2}


def test_what_is_withheld_changes_no_byte(world: World) -> None:
    one, seen, hidden = malware("one"), malware("seen"), malware("hidden")
    state(world, one, seen, linked(one["id"], seen["id"]))
    path = f"/api/v1/objects/{one['id']}/neighbourhood?depth=3&limit=3"
    with world.http("trainee") as http:
        before = http.get(path)
        secret = linked(one["id"], hidden["id"])
        state(world, hidden, secret, report(one["id"], seen["id"]), label="TLP:AMBER")
        after = http.get(path)
        start = http.get(f"/api/v1/objects/{hidden['id']}/neighbourhood")
        missing = http.get(f"/api/v1/objects/{new_id('malware')}/neighbourhood")
    assert (before.status_code, before.content) == (200, after.content)
    assert (start.status_code, start.content) == (404, missing.content)
    assert {hidden["id"], secret["id"]} < near(ask(world, one["id"])).keys()


def test_an_end_that_is_withheld_is_missing_and_so_is_what_lies_behind_it(world: World) -> None:
    one, hidden, behind = malware("one"), malware("hidden"), malware("behind")
    first, second = linked(one["id"], hidden["id"]), linked(hidden["id"], behind["id"])
    state(world, one, behind, first, second)
    state(world, hidden, label="TLP:AMBER")
    answer = ask(world, one["id"], "trainee", depth=3)
    assert near(answer) == {one["id"]: 0, first["id"]: 1}
    assert edges(answer) == {(first["id"], one["id"])}
    assert behind["id"] in near(ask(world, one["id"], depth=3))


def test_it_is_cut_where_it_was_asked_to_be_and_says_so(world: World) -> None:
    one = malware("hub")
    around = [report(one["id"]) for _ in range(9)]
    state(world, one, *around)
    ids = sorted(each["id"] for each in around)
    cut = ask(world, one["id"], limit=5)
    assert list(near(cut)) == [one["id"], *ids[:4]]
    assert cut["more"] is True
    assert ask(world, one["id"], limit=5) == cut
    whole = ask(world, one["id"], limit=10)
    assert (len(whole["objects"]), whole["more"]) == (10, False)


def test_a_version_that_no_longer_refers_is_no_neighbour(world: World) -> None:
    one, other = malware("one"), malware("other")
    link = linked(one["id"], other["id"])
    moved = {**link, "modified": "2026-02-01T00:00:00.000Z", "source_ref": other["id"]}
    state(world, one, other, link)
    assert link["id"] in near(ask(world, one["id"]))
    state(world, moved)
    assert near(ask(world, one["id"])) == {one["id"]: 0}


def test_older_versions_of_a_neighbour_do_not_hide_the_others(world: World) -> None:
    one = malware("one")
    often = report(one["id"])
    versions = [{**often, "modified": f"2026-03-01T00:00:00.{n:03}Z"} for n in range(40)]
    other = report(one["id"])
    state(world, one, *versions, other)
    answer = ask(world, one["id"], limit=20)
    assert near(answer) == {one["id"]: 0, often["id"]: 1, other["id"]: 1}
    assert answer["more"] is False


@pytest.mark.parametrize(
    ("query", "field", "rule"),
    [
        ("depth=0", "depth", "range"),
        ("depth=4", "depth", "range"),
        ("limit=501", "limit", "range"),
        ("hops=1", "hops", "unknown-parameter"),
    ],
)
def test_a_question_out_of_bounds_is_refused(
    world: World, query: str, field: str, rule: str
) -> None:
    with world.http("analyst") as http:
        answer = http.get(f"/api/v1/objects/{new_id('malware')}/neighbourhood?{query}")
        malformed = http.get("/api/v1/objects/malware/neighbourhood")
    assert answer.status_code == malformed.status_code == 422
    assert (answer.json()["field"], answer.json()["rule"]) == (field, rule)
    assert malformed.json()["rule"] == "identifier"


def test_what_came_again_at_a_replay_has_the_same_neighbours(own_world: World) -> None:
    """Places move when policy opens something late; what refers to what does not."""
    one, other = malware("one"), indicator("other")
    link = linked(other["id"], one["id"])
    state(own_world, one, other, link)
    state(own_world, one, label="TLP:AMBER")
    before = ask(own_world, one["id"], depth=2)
    with own_world.store.read() as snapshot:
        classes = snapshot.release_classes()
        last = snapshot.last_order()
    late = [number for number, each in classes.items() if each.object_type != "indicator"]

    def replay(tx: WriteTransaction) -> None:
        made = tx.add_replay()
        opened = ReaderState(last, frozenset(classes), dict.fromkeys(late, made.number))
        tx.put_reader_state("analyst", opened)

    own_world.store.write(replay).result()
    state(own_world, malware("after the replay"))
    assert ask(own_world, one["id"], depth=2) == before
    with own_world.http("analyst") as http:
        rows = http.get("/api/v1/statements").json()["statements"]
    assert rows[0]["object_id"] == other["id"]  # the others come again later


def naive(
    objects: dict[str, list[str]], links: Iterable[str], start: str, depth: int
) -> dict[str, int]:
    """Walk by the definition over plain dictionaries: every object at its distance."""
    links = set(links)
    found = {start: 0}
    frontier = {start}
    for distance in range(1, depth + 1):
        near_by = {t for one in frontier for t in objects[one] if t in objects}
        near_by |= {one for one, targets in objects.items() if frontier & set(targets)}
        near_by -= found.keys()
        ends = {t for one in near_by & links for t in objects[one] if t in objects}
        ends -= found.keys() | near_by
        found |= dict.fromkeys(near_by | ends, distance)
        frontier = (near_by | ends) - links
    return found


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(2, 6),
    pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8),
    hidden=st.sets(st.integers(0, 13), max_size=4),
    depth=st.integers(1, 3),
)
def test_it_agrees_with_a_plain_walk(
    world: World, count: int, pairs: list[tuple[int, int]], hidden: set[int], depth: int
) -> None:
    nodes = [malware(f"node {number}") for number in range(count)]
    ids = [one["id"] for one in nodes]
    links = [linked(ids[a % count], ids[b % count]) for a, b in pairs]
    everything = [*nodes, *links]
    visible: dict[str, list[str]] = {}
    for place, one in enumerate(everything):
        withheld = place in hidden and place != 0
        state(world, one, label="TLP:AMBER" if withheld else "TLP:GREEN")
        if not withheld:
            ends = (one.get("source_ref"), one.get("target_ref"))
            visible[one["id"]] = [end for end in ends if end]
    answer = ask(world, ids[0], "trainee", depth=depth)
    kept = [link["id"] for link in links if link["id"] in visible]
    assert near(answer) == naive(visible, kept, ids[0], depth)
    assert answer["more"] is False
