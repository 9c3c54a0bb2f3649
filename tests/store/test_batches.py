"""Contract suite: many statements at a time, what they share, contest, and take back."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ringwall.core import Precedence, StatementId
from ringwall.store import (
    NewReference,
    NewStatement,
    Selection,
    SqliteStore,
    Store,
    decision_document,
    verify_store,
)
from ringwall.trust import NodeKeys
from tests.store.samples import (
    AMBER,
    GREEN,
    NODE,
    NOW,
    accept,
    add,
    indicator,
    registry,
    statement,
)

Do = Callable[[Callable[[Any], Any]], Any]
LATER = "2026-03-01T09:00:00.000000Z"


def every(store: Store) -> list[int]:
    with store.read() as tx:
        return list(tx.release_classes())


def object_id(number: int) -> str:
    return f"indicator--00000000-0000-4000-8000-{number:012x}"


def referring(sequence: int, *targets: str) -> NewStatement:
    """Return a statement of a report about these."""
    body = indicator(sequence, object_refs=list(targets))
    for key in (b'"id":"', b'"type":"'):
        body = body.replace(key + b"indicator", key + b"report")
    return structs.replace(
        statement(sequence, body=body, object_type="report"), references=tuple(targets)
    )


# --- the same, whether one by one or together ---


def everything(store: Store) -> Any:
    """Return all that readers and the exchange can be told of what is stored."""
    with store.read() as tx:
        classes = list(tx.release_classes())
        rows = tx.rows(classes, limit=1000)
        stored = tx.statements(classes, limit=1000)
        ids = {row.object_id for row in rows}
        return (
            [structs.replace(one, seed=b"", digest=b"") for one in stored],
            [structs.replace(one, digest=b"") for one in rows],
            {one.order: tx.releases(one.order) for one in stored},
            tx.search("beacon", classes, 1000) == list(reversed(stored)),
            {n: [one.order for one in tx.search(f"{n}", classes, 99)] for n in range(1, 5)},
            {
                n: [o.order for o in tx.by_observable(f"c{n}.example.org", classes, 99)]
                for n in range(1, 5)
            },
            {n: [o.order for o in tx.referring(object_id(n), classes, limit=9)] for n in range(5)},
            tx.version_index(ids, classes),
            {name: [one.order for one in tx.versions(name, classes)] for name in ids},
            tx.counts().statements,
            tx.last_order(),
        )


SPECS = st.lists(
    st.tuples(
        st.sampled_from([NODE, "bbb-1"]),  # origin
        st.integers(1, 6),  # sequence
        st.integers(1, 4),  # object
        st.sampled_from(["one", "two"]),  # its words: another makes another body
        st.sampled_from([GREEN, AMBER]),
    ),
    max_size=12,
)


def made(spec: Any) -> NewStatement:
    origin, sequence, number, words, label = spec
    targets = (object_id(number % 4 + 1),) if words == "two" else ()
    more = {"x_told_refs": list(targets)} if targets else {}
    body = indicator(number, f"beacon {number} {words}", **more)
    new = statement(sequence, origin=origin, body=body, label=label)
    decision = decision_document("v1", ["bbb-1"], []) if origin == NODE else None
    return structs.replace(new, references=targets, decision=decision)


@settings(max_examples=40)
@given(SPECS, st.lists(st.integers(1, 5), min_size=12, max_size=12))
def test_a_batch_is_the_same_as_one_by_one(specs: list[Any], sizes: list[int]) -> None:
    news = [made(spec) for spec in specs]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("ringwall.store.sqlite.two_level.RECENT_ROWS", 3)  # indexes move rows often
        together = SqliteStore(Path(folder) / "together.db")
        single = SqliteStore(Path(folder) / "single.db")
        alone = [single.write(lambda tx, new=new: add(tx, new)).result() for new in news]
        at, orders = 0, []
        for size in sizes:
            batch = news[at : at + size]
            orders += together.write(lambda tx, b=batch: tx.add_statements(b)).result()
            at += size
        assert orders == alone
        assert everything(together) == everything(single)
        with together.read() as tx:
            assert tx.integrity_faults() == []
        together.close()
        single.close()


def test_what_stands_twice_in_a_batch_or_is_stored_is_taken_once(store: Store, do: Do) -> None:
    first, second, third = statement(1), statement(2), statement(3)
    do(lambda tx: add(tx, first))
    batch = [second, first, third, structs.replace(second, body=indicator(9)), third]
    assert do(lambda tx: tx.add_statements(batch)) == [2, None, 3, None, None]
    assert do(lambda tx: tx.add_statements(batch)) == [None] * 5
    assert do(lambda tx: tx.add_statements([])) == []
    with store.read() as tx:
        assert [one.body for one in tx.statements(every(store), limit=9)] == [
            first.body,
            second.body,
            third.body,
        ]
        assert tx.counts().statements["ROUTINE"] == 3


@pytest.mark.parametrize("count", [255, 257, 600])
def test_large_batches_keep_their_order(store: Store, do: Do, count: int) -> None:
    news = [statement(n) for n in range(1, count + 1)]
    assert do(lambda tx: tx.add_statements(news)) == list(range(1, count + 1))
    with store.read() as tx:
        page = tx.rows(every(store), limit=1000)
        assert [row.body for row in page] == [new.body for new in news]
        times = [row.received_at for row in page]
        assert times == sorted(set(times))
        assert tx.integrity_faults() == []


def test_an_object_loaded_as_reference_is_found_once_it_is_stated(store: Store, do: Do) -> None:
    new = referring(1, object_id(7))
    loaded = NewReference(new.object_id, new.object_type, new.version, new.body)
    do(lambda tx: tx.put_reference("set", [loaded], NOW))
    with store.read() as tx:
        assert tx.search("beacon", [1], 9) == []
        assert tx.referring(object_id(7), [1], limit=9) == []
    do(lambda tx: tx.add_statements([new, structs.replace(new, id=StatementId("bbb-1", 1))]))
    with store.read() as tx:
        assert len(tx.search("beacon", every(store), 9)) == 2
        assert len(tx.referring(object_id(7), every(store), limit=9)) == 2
        assert len(tx.reference_page(0, 9)) == 1


def test_referring_pages_in_order_and_under_classes(store: Store, do: Do) -> None:
    news = [referring(n, object_id(99), object_id(n)) for n in range(1, 6)]
    hidden = structs.replace(news[2], label=AMBER)
    hidden = structs.replace(
        hidden, release_class=structs.replace(hidden.release_class, label=AMBER)
    )
    do(lambda tx: tx.add_statements([*news[:2], hidden, *news[3:]]))
    with store.read() as tx:
        known = tx.release_classes()
        green = [n for n, one in known.items() if one.label == GREEN]
        assert [o.order for o in tx.referring(object_id(99), green, limit=2)] == [1, 2]
        assert [o.order for o in tx.referring(object_id(99), green, after=2, limit=9)] == [4, 5]
        assert tx.referring(object_id(3), green, limit=9) == []
        assert tx.referring(object_id(98), list(known), limit=9) == []


# --- rollback ---


def test_a_rollback_forgets_what_was_remembered_within_it(store: Store, do: Do) -> None:
    do(lambda tx: add(tx, statement(1)))
    fresh = structs.replace(statement(2, label=AMBER), decision=decision_document("v9", [], []))

    def fails(tx: Any) -> None:
        tx.add_statements([fresh, statement(3, body=indicator(30))])
        tx.add_replay()
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        do(fails)
    with store.read() as tx:
        assert (tx.release_class_count(), tx.replays()) == (1, [])
    second = do(lambda tx: add(tx, fresh))
    third = do(lambda tx: add(tx, statement(3)))
    assert 1 < second < third
    with store.read() as tx:
        assert [one.policy_version for one in tx.releases(second)] == ["v9"]
        assert tx.release_class_count() == 2
        rows = tx.statements(every(store), limit=9)
        assert [row.label for row in rows] == [GREEN, AMBER, GREEN]
        assert rows[1].received_at < rows[2].received_at
        assert tx.integrity_faults() == []


# --- contested: a page must look which version is the last ---


def test_a_second_statement_about_an_object_marks_both(store: Store, do: Do) -> None:
    body = indicator(1, modified="2026-02-05T00:00:00.000Z")
    newer = statement(1, origin="bbb-1", body=body, version="2026-02-05T00:00:00.000Z")
    twin = indicator(5, "beacon five")
    do(lambda tx: tx.add_statements([statement(1), statement(2)]))
    with store.read() as tx:
        assert [row.contested for row in tx.rows(every(store), limit=9)] == [False, False]
    do(
        lambda tx: tx.add_statements(
            [newer, statement(3), statement(5, body=twin), statement(2, origin="bbb-1", body=twin)]
        )
    )
    with store.read() as tx:
        rows = tx.rows(every(store), limit=9)
        index = tx.version_index({row.object_id for row in rows}, every(store))
        told = {row.order for row in rows if row.contested}
        counted = {name: sum(one[0] == name for one in index) for name, *_ in index}
        assert told == {1, 3, 6} | {row.order for row in rows if counted[row.object_id] > 1}
        assert [row.order for row in rows if not row.contested] == [2, 4]
        assert tx.version_index([object_id(1)], every(store)) == [
            (object_id(1), "2026-02-01T00:00:00.000Z", 1, rows[0].release_class),
            (object_id(1), "2026-02-05T00:00:00.000Z", 3, rows[2].release_class),
        ]


# --- withdrawn ---


def test_what_is_withdrawn_is_gone_from_every_read_and_the_rest_agrees(
    store: Store, do: Do
) -> None:
    keys = {NODE: NodeKeys.generate()}
    gone = structs.replace(
        referring(1, object_id(9)), decision=decision_document("v1", ["bbb-1"], [])
    )
    kept = structs.replace(statement(2), decision=decision_document("v1", ["bbb-1"], []))

    def take(tx: Any, new: NewStatement) -> int:
        order = accept(tx, new, audience=["bbb-1"])
        tx.enqueue([order], Precedence.ROUTINE, ["bbb-1"])
        return order

    orders = [do(lambda tx, new=new: take(tx, new)) for new in (gone, kept)]

    def take_back(tx: Any) -> None:
        tx.withdraw(orders[:1])
        tx.append_audit("withdrawn", {"statement": str(gone.id), "reader": "ana"})

    do(take_back)
    do(lambda tx: tx.withdraw([orders[0], 99]))  # again, and what is not there: nothing happens
    with store.read() as tx:
        known = tx.release_classes()
        # No reader may see a class that is not understood: the kernel opens none of these.
        classes = [number for number, one in known.items() if not one.label.unknown]
        assert len(classes) < len(known)
        assert [row.order for row in tx.rows(classes, limit=9)] == [orders[1]]
        assert tx.statement(gone.id, classes) is None
        assert tx.versions(gone.object_id, classes) == []
        assert tx.version_index([gone.object_id], classes) == []
        assert tx.referring(object_id(9), classes, limit=9) == []
        assert [one.id for one in tx.search("beacon", classes, 9)] == [kept.id]
        assert tx.by_observable("c1.example.org", classes, 9) == []
        wanted = Selection(object_ids=frozenset({gone.object_id}))
        assert tx.statements(classes, limit=9, selection=wanted) == []
        assert [row.order for row in tx.outbox_batch("ROUTINE", 9, 10**6)] == [orders[1]]
    assert verify_store(store, registry=registry(keys), node=NODE) == []


def test_a_withdrawal_without_its_entry_is_found(store: Store, do: Do) -> None:
    new = structs.replace(statement(1), decision=decision_document("v1", ["bbb-1"], []))
    order = do(lambda tx: accept(tx, new, audience=["bbb-1"]))
    do(lambda tx: tx.enqueue([order], Precedence.ROUTINE, ["bbb-1"]))
    do(lambda tx: tx.withdraw([order]))
    found = verify_store(store, registry=registry({NODE: NodeKeys.generate()}), node=NODE)
    assert {one.id for one in found} == {str(new.id)}


# --- two values, one key ---


def test_values_that_share_a_key_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("content", "content_writes", "selecting"):
        monkeypatch.setattr(f"ringwall.store.sqlite.{module}.index_key", lambda text: 7)
    for module in ("keys", "sqlite.content_writes"):
        monkeypatch.setattr(f"ringwall.store.{module}.index_keys", lambda texts: (7,) * len(texts))
    store = SqliteStore(tmp_path / "ringwall.db")
    news = [statement(n) for n in range(1, 8)]
    store.write(lambda tx: tx.add_statements(news)).result()
    store.write(lambda tx: add(tx, statement(8, body=indicator(3, "again")))).result()
    with store.read() as tx:
        found = tx.by_observable("c3.example.org", [1], 2)
        assert [one.id.sequence for one in found] == [8, 3]
        assert [one.id.sequence for one in tx.by_observable("c1.example.org", [1], 1)] == [1]
        assert tx.by_observable("c9.example.org", [1], 1) == []
        wanted = Selection(value="c6.example.org")
        assert [one.order for one in tx.rows([1], limit=1, selection=wanted)] == [6]
        assert [one.order for one in tx.rows([1], limit=2, after=6, selection=wanted)] == []
        assert [one.id.sequence for one in tx.versions(object_id(3), [1])] == [8, 3]
        assert len(tx.version_index([object_id(3), object_id(4)], [1])) == 3
        assert tx.stored_ids({object_id(2), object_id(20)}) == {object_id(2)}
        contested = [row.order for row in tx.rows([1], limit=9) if row.contested]
        assert contested == [3, 8]
    store.close()


# --- what belongs to readers ---


def test_documents_have_an_owner_and_an_end(store: Store, do: Do) -> None:
    put = [
        ("saved-search", "ana", "b", b"1", NOW, ""),
        ("saved-search", "ana", "a", b"2", NOW, LATER),
        ("saved-search", "boris", "a", b"3", NOW, ""),
        ("taxii-status", "ana", "a", b"4", NOW, NOW),
    ]
    do(lambda tx: [tx.put_document(*one) for one in put])
    with store.read() as tx:
        assert tx.documents("saved-search", "ana", NOW) == [("a", b"2"), ("b", b"1")]
        assert tx.documents("saved-search", "ana", LATER) == [("b", b"1")]
        assert tx.document("saved-search", "boris", "a", LATER) == b"3"
        assert tx.document("saved-search", "boris", "b", NOW) is None
        assert tx.document("taxii-status", "ana", "a", NOW) is None
    do(lambda tx: tx.put_document("saved-search", "ana", "b", b"5", NOW))
    assert do(lambda tx: tx.drop_document("saved-search", "boris", "a"))
    assert not do(lambda tx: tx.drop_document("saved-search", "boris", "a"))
    do(lambda tx: tx.purge_documents(LATER))
    with store.read() as tx:
        assert tx.documents("saved-search", "ana", NOW) == [("b", b"5")]
        assert tx.documents("saved-search", "boris", NOW) == []


def test_replays_keep_times_free_and_states_are_kept(store: Store, do: Do) -> None:
    do(lambda tx: tx.add_statements([statement(n) for n in range(1, 4)]))
    first, second = do(lambda tx: tx.add_replay()), do(lambda tx: tx.add_replay())
    do(lambda tx: add(tx, statement(4)))
    with store.read() as tx:
        assert tx.replays() == [first, second]
        assert ((first.number, first.last), (second.number, second.last)) == ((1, 3), (2, 3))
        rows = tx.rows(every(store), limit=9)
        assert rows[2].received_at < first.starts < second.starts < rows[3].received_at
        assert tx.first_order(rows[0].release_class) == 1
        assert tx.first_order(99) == 0
        assert (tx.reader_state("ana").seen, tx.reader_state("ana").open) == (0, frozenset())
    known = structs.replace(
        structs.replace(_state(store), seen=3), open=frozenset({1, 2}), replayed={2: 1}
    )
    do(lambda tx: tx.put_reader_state("ana", known))
    do(lambda tx: (tx.see("ana", 9), tx.see("ana", 5), tx.see("boris", 9)))
    with store.read() as tx:
        assert tx.reader_state("ana") == structs.replace(known, seen=9)


def _state(store: Store) -> Any:
    with store.read() as tx:
        return tx.reader_state("ana")
