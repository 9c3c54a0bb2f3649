"""A large submission in slices: order, conflicts and failures across them, and its lane."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import Precedence, StorageFull
from ringwall.exchange import intake as intake_module
from ringwall.exchange import outcome as outcome_module
from ringwall.store import verify_store
from tests.exchange.engine_world import Peer, World, indicator

COPYRIGHT = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": "marking-definition--0d5f4c1e-55a5-4a0b-9a6c-3c7f0c1f9a11",
    "created": "2026-01-02T03:04:05.678Z",
    "definition_type": "statement",
    "definition": {"statement": "Copyright 2026, Arden"},
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def arden(world: World) -> Iterator[Peer]:
    peer = Peer(world, "arden-1")
    yield peer
    peer.store.close()


def some(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [json.loads(indicator(name=f"number {n}", **changes)) for n in range(count)]


def bundle(objects: list[dict[str, Any]]) -> bytes:
    return json.dumps(
        {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}
    ).encode()


def submit(peer: Peer, objects: list[dict[str, Any]], **options: Any) -> Any:
    return peer.intake.submit(peer.reader, bundle(objects), label="TLP:GREEN", **options)


def test_a_bundle_of_several_slices_keeps_its_order_and_its_places(
    world: World, arden: Peer
) -> None:
    objects = some(700)
    for place in (5, 255, 256, 699):
        objects[place]["pattern"] = "no pattern"
    clash = objects[400]  # the id and version of 10 with other words
    clash["id"] = objects[10]["id"]
    objects[500] = dict(objects[20])  # the very same once more
    result = submit(arden, objects)
    assert [one.index for one in result.refused] == [5, 255, 256, 400, 699]
    rules = {one.index: one.rule for one in result.refused}
    assert rules[400] == "conflicting-version"
    assert rules[5] == rules[255] == rules[699]
    taken = [each for n, each in enumerate(objects) if n not in {5, 255, 256, 400, 500, 699}]
    assert [one.object for one in result.submitted] == [one["id"] for one in taken]
    sequences = [int(one.statement.rpartition(":")[2]) for one in result.submitted]
    assert sequences == sorted(set(sequences))
    assert [row.object_id for row in arden.holds()] == [one["id"] for one in taken]
    entries = arden.audit("accepted")
    assert [len(entry["statements"]) for entry in entries] == [254, 253, 187]
    assert verify_store(arden.store, registry=world.registry, node="arden-1") == []


def test_definitions_at_the_end_count_for_what_stands_before_them(arden: Peer) -> None:
    objects = some(300, object_marking_refs=[COPYRIGHT["id"]])
    without = submit(arden, objects)
    assert not without.submitted
    assert {one.rule for one in without.refused} == {"unknown-marking"}
    result = submit(arden, [*objects, COPYRIGHT])
    assert not result.refused
    assert len(result.submitted) == 301


def test_submitting_the_same_again_answers_with_the_statements_of_then(arden: Peer) -> None:
    objects = some(300)
    first, again = submit(arden, objects), submit(arden, objects)
    assert [one.statement for one in again.submitted] == [one.statement for one in first.submitted]
    assert all(one.known for one in again.submitted)
    assert not any(one.known for one in first.submitted)
    assert len(arden.holds()) == 300


def test_a_conflict_with_an_earlier_submission_is_told_at_its_place(arden: Peer) -> None:
    objects = some(300)
    submit(arden, objects)
    objects[280] = objects[280] | {"name": "other words"}
    result = submit(arden, objects)
    assert [(one.index, one.rule) for one in result.refused] == [(280, "conflicting-version")]
    assert len(result.submitted) == 299


def fail_from(peer: Peer, first: int, patch: pytest.MonkeyPatch) -> None:
    """Let the store have no room for the jobs from the ``first`` on, counted from 0."""
    real, jobs = peer.store.write, iter(range(1_000_000))

    def write(job: Any, *, essential: bool = False) -> Future[Any]:
        if next(jobs) < first:
            return real(job, essential=essential)
        future: Future[Any] = Future()
        future.set_exception(StorageFull("no room"))
        return future

    patch.setattr(peer.store, "write", write)


@pytest.mark.parametrize("stored", [1, 2])
def test_what_could_not_be_stored_is_refused_truthfully_and_can_be_sent_again(
    world: World, arden: Peer, stored: int
) -> None:
    objects = some(3 * intake_module.SLICE)
    objects[3]["pattern"] = "no pattern"
    with pytest.MonkeyPatch.context() as patch:
        fail_from(arden, stored, patch)
        result = submit(arden, objects)
    kept = stored * intake_module.SLICE
    assert [one.object for one in result.submitted] == [
        one["id"] for n, one in enumerate(objects[:kept]) if n != 3
    ]
    assert [one.index for one in result.refused] == [3, *range(kept, len(objects))]
    rules = {one.rule for one in result.refused[1:]}
    assert len(rules) == 1
    assert rules.isdisjoint({"", result.refused[0].rule})
    assert len(arden.holds()) == kept - 1
    again = submit(arden, objects)
    assert [one.known for one in again.submitted] == [True] * (kept - 1) + [False] * (
        len(objects) - kept
    )
    assert len(arden.holds()) == len(objects) - 1
    assert verify_store(arden.store, registry=world.registry, node="arden-1") == []


def test_if_nothing_could_be_stored_the_submission_fails_as_a_whole(arden: Peer) -> None:
    objects = some(300)
    with pytest.MonkeyPatch.context() as patch:
        fail_from(arden, 0, patch)
        with pytest.raises(StorageFull):
            submit(arden, objects)
    assert arden.holds() == []


def test_a_feed_travels_in_its_own_lane_unless_told_otherwise(arden: Peer) -> None:
    for count, options, lane in (
        (intake_module.BULK_OBJECTS, {}, "ROUTINE"),
        (intake_module.BULK_OBJECTS + 1, {}, "BULK"),
        (intake_module.BULK_OBJECTS + 1, {"precedence": Precedence.FLASH}, "FLASH"),
    ):
        before = len(arden.audit("accepted"))
        result = submit(arden, some(count), **options)
        assert len(result.submitted) == count
        assert {entry["lane"] for entry in arden.audit("accepted")[before:]} == {lane}


def test_a_dry_run_of_several_slices_says_the_same_and_stores_nothing(arden: Peer) -> None:
    objects = some(300)
    objects[270]["pattern"] = "no pattern"
    dry = submit(arden, objects, dry_run=True)
    assert arden.holds() == []
    wet = submit(arden, objects)
    assert [one.object for one in dry.submitted] == [one.object for one in wet.submitted]
    assert [one.recipients for one in dry.submitted] == [one.recipients for one in wet.submitted]
    assert dry.refused == wet.refused


def test_a_flood_of_refusals_is_counted_and_not_listed(
    arden: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two million `{}` are 6 MB; what was said of them took a gigabyte, on the disk as well."""
    monkeypatch.setattr(outcome_module, "MOST_REFUSED", 300)
    objects: list[Any] = [{}] * 700 + some(3)
    for dry_run in (True, False):
        result = submit(arden, objects, dry_run=dry_run)
        assert [one.index for one in result.refused] == list(range(300))
        assert (result.unlisted, result.count, len(result.submitted)) == (400, 703, 3)


def test_copies_share_the_fate_of_the_first(arden: Peer) -> None:
    """A copy of what was refused was counted as stated."""
    objects = some(600)
    marked = {**objects[3], "labels": ["nato:secret"]}
    objects[3] = objects[7] = objects[590] = marked
    objects[599] = objects[10]
    for dry_run in (True, False):
        result = submit(arden, objects, dry_run=dry_run)
        assert [(one.index, one.rule) for one in result.refused] == [
            (3, "unknown-marking"),
            (7, "unknown-marking"),
            (590, "unknown-marking"),
        ]
        assert {one.object_id for one in result.refused} == {marked["id"]}
        assert (len(result.submitted), result.count, result.unlisted) == (596, 600, 0)
    clash = {**objects[20], "name": "other words"}
    again = submit(arden, [clash, clash])
    assert [(one.index, one.rule) for one in again.refused] == [
        (0, "conflicting-version"),
        (1, "conflicting-version"),
    ]


def test_copies_of_what_is_only_counted_are_counted(
    arden: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_module, "MOST_REFUSED", 2)
    marked = some(4, labels=["nato:secret"])
    result = submit(arden, [*marked, *marked, *some(1)])
    assert [one.index for one in result.refused] == [0, 1]
    assert (len(result.submitted), result.count, result.unlisted) == (1, 9, 6)
