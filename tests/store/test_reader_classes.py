"""The classes that are passed in decide what is read, whoever read before on a connection."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.labels import parse_label
from ringwall.store import Selection, Store
from ringwall.store.port_reads import ReadTransaction
from ringwall.store.reader_classes import decode_classes, encode_classes, mark_classes
from tests.store.samples import indicator, statement

Do = Callable[[Callable[[Any], Any]], Any]
CLASSES, STATEMENTS = 40, 240
SHARED = "indicator--00000000-0000-4000-8000-000000000001"
WITHIN = "campaign--00000000-0000-4000-8000-000000000001"
NUMBERS = st.frozensets(st.integers(1, 2_000), max_size=300)


def fill(do: Do) -> None:
    """Store statements about one object, class after class, all of them found by every read."""
    labels = [parse_label(f"TLP:AMBER//REL TO m{n:02}") for n in range(CLASSES)]
    stored = [
        statement(
            n,
            body=indicator(1, "shared beacon", x_number=n, object_ref=WITHIN),
            label=labels[n % CLASSES],
        )
        for n in range(1, STATEMENTS + 1)
    ]
    do(lambda tx: tx.add_statements(stored))


def placed(tx: ReadTransaction) -> dict[int, int]:
    """Return the class of every statement by its order."""
    return {row.order: row.release_class for row in tx.rows(range(1, CLASSES + 1), limit=1_000)}


def seen_by_each_read(tx: ReadTransaction, classes: Collection[int]) -> dict[str, list[int]]:
    most, value = STATEMENTS, "c1.example.org"
    found: dict[str, list[Any]] = {
        "rows": tx.rows(classes, limit=most),
        "rows of a type": tx.rows(
            classes, limit=most, selection=Selection(object_types=frozenset({"indicator"}))
        ),
        "rows with a word": tx.rows(classes, limit=most, selection=Selection(text="beacon")),
        "rows with a value": tx.rows(classes, limit=most, selection=Selection(value=value)),
        "rows of an object": tx.rows(
            classes, limit=most, selection=Selection(object_ids=frozenset({SHARED}))
        ),
        "statements": tx.statements(classes, limit=most),
        "versions": tx.versions(SHARED, classes),
        "search": tx.search("shared", classes, most),
        "observable": tx.by_observable(value, classes, most),
        "referring": tx.referring(WITHIN, classes, limit=most),
    }
    orders = {name: sorted(row.order for row in rows) for name, rows in found.items()}
    orders["version index"] = [row[2] for row in tx.version_index({SHARED}, classes)]
    every = tx.statements(range(1, CLASSES + 1), limit=most)
    single = [tx.statement(one.id, classes) for one in every[:CLASSES]]
    orders["statement"] = [one.order for one in single if one is not None]
    return orders


def assert_exactly(tx: ReadTransaction, where: dict[int, int], classes: Collection[int]) -> None:
    expected = [order for order, one in where.items() if one in classes]
    first = [order for order in list(where)[:CLASSES] if where[order] in classes]
    for name, orders in seen_by_each_read(tx, classes).items():
        assert orders == (first if name == "statement" else expected), name


def test_a_set_that_changes_between_two_pages_of_one_snapshot_decides_at_once(
    store: Store, do: Do
) -> None:
    fill(do)
    before = frozenset(range(1, CLASSES + 1))
    with store.read() as tx:
        where = placed(tx)
        page = tx.rows(before, limit=50)
        after = before - {where[page[-1].order + 1], where[page[-1].order + 2]}
        rest = tx.rows(after, after=page[-1].order, limit=STATEMENTS)
        assert [row.order for row in rest] == [
            order for order, one in where.items() if order > page[-1].order and one in after
        ]
        again = tx.rows(before, after=page[-1].order, limit=STATEMENTS)
        assert len(again) == STATEMENTS - len(page) > len(rest)


def test_a_set_that_was_taken_back_opens_nothing_on_a_connection_that_comes_again(
    store: Store, do: Do
) -> None:
    fill(do)
    with store.read() as tx:
        where, known = placed(tx), frozenset(tx.release_classes())
    for classes in (known, known - {3}, frozenset({3}), frozenset[int](), known):
        with store.read() as tx:
            assert_exactly(tx, where, classes)


def test_readers_in_turn_on_one_connection_see_their_own(store: Store, do: Do) -> None:
    fill(do)
    draw = Random(7)
    with store.read() as tx:
        where = placed(tx)
        readers = [
            frozenset(draw.sample(range(1, CLASSES + 1), draw.randrange(CLASSES))) for _ in range(5)
        ]
        for _ in range(3):
            for classes in readers:
                assert_exactly(tx, where, classes)
                assert_exactly(tx, where, sorted(classes))


def test_readers_in_many_threads_see_their_own(store: Store, do: Do) -> None:
    fill(do)
    with store.read() as tx:
        where = placed(tx)

    def read(number: int) -> None:
        draw = Random(number)
        for _ in range(5):
            classes = frozenset(draw.sample(range(1, CLASSES + 1), draw.randrange(CLASSES)))
            with store.read() as tx:
                assert_exactly(tx, where, classes)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))


@pytest.mark.parametrize("more", [0, 30_000])
def test_a_set_of_any_size_opens_what_it_names(store: Store, do: Do, more: int) -> None:
    fill(do)
    beyond = frozenset(range(1_000, 1_000 + more))
    with store.read() as tx:
        where = placed(tx)
        assert_exactly(tx, where, beyond)
        assert_exactly(tx, where, beyond | {1, 2, 39})


def test_numbers_that_no_class_can_have_open_nothing(store: Store, do: Do) -> None:
    fill(do)
    with store.read() as tx:
        assert_exactly(tx, placed(tx), frozenset({-1, 0, -40}))


def test_pages_of_any_share_and_span_are_those_of_the_whole(store: Store, do: Do) -> None:
    fill(do)
    draw = Random(11)
    with store.read() as tx:
        where = placed(tx)
        for _ in range(60):
            classes = frozenset(draw.sample(range(1, CLASSES + 1), draw.randrange(1, CLASSES)))
            after, limit = draw.randrange(STATEMENTS), draw.randrange(1, 40)
            until = draw.choice([None, after + draw.randrange(STATEMENTS)])
            expected = [
                order
                for order, one in where.items()
                if one in classes and after < order <= (until or max(where))
            ][:limit]
            rows = tx.rows(classes, after=after, until=until, limit=limit)
            assert [row.order for row in rows] == expected
            whole = tx.statements(classes, after=after, until=until, limit=limit)
            assert [one.order for one in whole] == expected


@given(NUMBERS)
def test_exactly_the_classes_of_a_set_are_marked(classes: frozenset[int]) -> None:
    marks = mark_classes(classes)
    assert {place for place, mark in enumerate(marks, 1) if mark} == classes
    assert set(marks) <= {0, 1}
    assert len(marks) == max(classes, default=0)
    assert mark_classes(list(classes)) == marks


@given(NUMBERS, st.dictionaries(st.integers(1, 2_000), st.integers(1, 99)))
def test_the_classes_of_a_state_come_back(classes: frozenset[int], again: dict[int, int]) -> None:
    assert decode_classes(encode_classes(classes, again)) == (classes, again)
