"""A reader's view: what the kernel opens, nothing else, and every read in the audit log first."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringwall.alliance import Alliance, load_alliance
from ringwall.core import Forbidden, ManualClock, NotFound, StatementId, StorageFull
from ringwall.labels import parse_label
from ringwall.policy import Kernel, ReleaseClass
from ringwall.store import NewReference, NewStatement, ReaderView, Selection, Store
from tests.store.conftest import OpenStore
from tests.store.samples import NOW, add, indicator, statement

ALLIANCE = """
alliance: {id: test, name: Test, kind: exercise}
members:
  aaa: {name: Aaa, kind: nation, nodes: {aaa-1: {place: 1}}}
  bbb: {name: Bbb, kind: nation, nodes: {bbb-1: {place: 2}}}
  ccc: {name: Ccc, kind: nation, nodes: {ccc-1: {place: 3}}}
agreements:
  mutual:
    title: Mutual exchange
    parties: [aaa, bbb]
    purposes: [collective-defence]
    highest_tlp: RED
    valid_from: 2026-01-01
    valid_until: 2026-06-01
    clause: article 3
readers:
  ana: {member: aaa, name: Ana, roles: [analyst], tlp: RED}
  low: {member: aaa, name: Low, roles: [analyst], tlp: GREEN}
  boris: {member: bbb, name: Boris, roles: [analyst], tlp: RED}
  clara: {member: ccc, name: Clara, roles: [analyst], tlp: RED}
  admin: {member: aaa, name: Admin, roles: [administrator], tlp: RED}
  audit: {member: aaa, name: Auditor, roles: [auditor], tlp: RED}
  feed: {member: aaa, name: Feed, roles: [submitter], tlp: RED}
"""
LABELS = {
    1: parse_label("TLP:GREEN"),
    2: parse_label("TLP:AMBER//REL TO aaa"),
    3: parse_label("TLP:AMBER//REL TO aaa, bbb"),
    4: parse_label("TLP:RED//REL TO bbb"),
}
VISIBLE = {
    "ana": {1, 2, 3, 4},
    "low": {1},
    "boris": {1, 3, 4},
    "clara": set(),
    "admin": set(),
    "audit": set(),
    "feed": {1, 2, 3, 4},
}


@pytest.fixture
def alliance() -> Alliance:
    return load_alliance(ALLIANCE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 8, tzinfo=UTC))


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    opened = open_store()
    for number, label in LABELS.items():
        new = statement(number, body=indicator(number, "canary"), label=label)
        opened.write(lambda tx, new=new: add(tx, new)).result()
    return opened


View = Callable[[str], ReaderView]


@pytest.fixture
def view(store: Store, alliance: Alliance, clock: ManualClock) -> View:
    kernel = Kernel(alliance, clock)
    return lambda name: ReaderView(store, kernel, alliance.readers[name], route="GET /test")


def about(number: int) -> Selection:
    return Selection(object_ids=frozenset({object_id(number)}))


def object_id(number: int) -> str:
    return f"indicator--00000000-0000-4000-8000-{number:012x}"


@pytest.mark.parametrize("reader", VISIBLE)
def test_every_read_shows_exactly_what_the_reader_may_see(view: View, reader: str) -> None:
    mine, visible = view(reader), VISIBLE[reader]
    assert {one.id.sequence for one in mine.page(limit=10)} == visible
    assert {one.id.sequence for one in mine.search("canary", limit=10)} == visible
    for number in LABELS:
        expected = {number} & visible
        name = StatementId("aaa-1", number)
        found = mine.by_observable(f"c{number}.example.org", limit=10)
        assert {one.id.sequence for one in found} == expected
        assert {one.id.sequence for one in mine.page(limit=10, selection=about(number))} == expected
        if expected:
            assert mine.statement(name).id == name
            assert [one.id for one in mine.versions(object_id(number))] == [name]
        else:
            with pytest.raises(NotFound):
                mine.statement(name)
            with pytest.raises(NotFound):
                mine.versions(object_id(number))


def test_missing_and_withheld_are_told_alike(view: View) -> None:
    mine = view("boris")
    refusals = []
    for read in (
        lambda: mine.statement(StatementId("aaa-1", 2)),
        lambda: mine.statement(StatementId("aaa-1", 99)),
        lambda: mine.versions(object_id(2)),
        lambda: mine.versions(object_id(99)),
    ):
        with pytest.raises(NotFound) as refused:
            read()
        refusals.append(refused.value.diagnostics())
    assert refusals == [refusals[0]] * 4


def test_what_time_closes_is_closed(view: View, clock: ManualClock) -> None:
    mine = view("boris")
    assert mine.page(limit=10)
    clock.advance(timedelta(days=120))
    assert mine.page(limit=10) == []
    with pytest.raises(NotFound):
        mine.statement(StatementId("aaa-1", 1))
    assert len(view("ana").page(limit=10)) == 4


def test_a_class_that_comes_later_is_judged_too(view: View, store: Store) -> None:
    assert len(view("boris").page(limit=10)) == 3
    for number, label in ((5, "TLP:AMBER"), (6, "TLP:AMBER+STRICT//REL TO ccc")):
        new = statement(number, label=parse_label(label))
        store.write(lambda tx, new=new: add(tx, new)).result()
    assert {one.id.sequence for one in view("boris").page(limit=10)} == {1, 3, 4, 5}


def entries(store: Store) -> list[dict[str, Any]]:
    with store.read() as tx:
        return [json.loads(entry.leaf) for entry in tx.audit_entries(0, 1000)]


def test_every_read_is_entered_with_a_digest_of_the_result(view: View, store: Store) -> None:
    mine = view("boris")
    mine.page(limit=10)
    mine.page(limit=10)
    mine.page(limit=1)
    mine.search("canary", limit=10)
    mine.by_observable("nothing.example.org", limit=10)
    mine.statement(StatementId("aaa-1", 1))
    with pytest.raises(NotFound):
        mine.statement(StatementId("aaa-1", 2))
    with pytest.raises(NotFound):
        mine.versions(object_id(2))
    mine.reference_page(limit=5)
    log = entries(store)
    assert [entry["count"] for entry in log] == [3, 3, 1, 3, 0, 1, 0, 0, 0]
    assert {(entry["kind"], entry["reader"], entry["route"]) for entry in log} == {
        ("read", "boris", "GET /test")
    }
    assert log[0]["result"] == log[1]["result"] != log[2]["result"]
    assert all(len(entry["result"]) == 64 for entry in log)


def test_the_answer_waits_until_its_entry_is_durable(
    view: View, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the entry cannot be written, nothing is shown."""

    def full(job: object, *, essential: bool = False) -> Future[None]:
        assert essential
        future: Future[None] = Future()
        future.set_exception(StorageFull("nothing was written"))
        return future

    monkeypatch.setattr(store, "write", full)
    mine = view("ana")
    for read in (
        lambda: mine.page(limit=10),
        lambda: mine.statement(StatementId("aaa-1", 1)),
        lambda: mine.versions(object_id(1)),
        lambda: mine.search("canary", limit=1),
        lambda: mine.by_observable("c1.example.org", limit=1),
        lambda: mine.reference_page(limit=1),
    ):
        with pytest.raises(StorageFull):
            read()


def test_references_are_for_those_who_read_content(view: View, store: Store) -> None:
    body = indicator(50)
    one = NewReference("indicator--50", "indicator", "", body)
    store.write(lambda tx: tx.put_reference("attack", [one], NOW)).result()
    for reader in ("ana", "low", "boris", "clara"):
        assert [row.body for row in view(reader).reference_page(limit=10)] == [body]
    for reader in ("admin", "audit", "feed"):
        with pytest.raises(Forbidden):
            view(reader).reference_page(limit=10)


def test_the_proof_comes_with_one_statement_and_not_with_pages(view: View, store: Store) -> None:
    store.write(lambda tx: tx.set_proofs(b"shared", [(1, b"own")])).result()
    assert view("ana").statement(StatementId("aaa-1", 1)).proof == (b"shared", b"own")
    assert view("ana").page(limit=1)[0].proof is None


def test_the_source_is_the_member_and_not_the_node(store: Store, view: View) -> None:
    new: NewStatement = statement(1, origin="bbb-1")
    store.write(lambda tx: add(tx, new)).result()
    with store.read() as tx:
        assert ReleaseClass("bbb", "indicator", LABELS[1]) in tx.release_classes().values()
    assert [one.id for one in view("ana").page(limit=9, selection=Selection(source="bbb"))] == [
        new.id
    ]
