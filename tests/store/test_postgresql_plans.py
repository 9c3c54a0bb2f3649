"""How many rows PostgreSQL touches for an answer, by its own count: a plan that walks is found."""

from collections.abc import Iterator
from typing import Any

import pytest

from ringwall.store import Selection
from ringwall.store.postgresql import PostgresStore
from tests.store.pg_server import PgServer
from tests.store.samples import indicator, statement

STATEMENTS = 2500
MANY = 1100
"""So many objects hold a word that is not rare."""


@pytest.fixture(scope="module")
def store(pg_server: PgServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresStore]:
    """Statements of which the last hold a word of their own, before any statistics are taken."""
    made = PostgresStore(pg_server.fresh_schema(), tmp_path_factory.mktemp("plans"))
    bodies = [
        indicator(n, f"beacon {n} {'recent' if n > STATEMENTS - MANY else 'early'}")
        for n in range(1, STATEMENTS + 1)
    ]
    new = [statement(n, body=body) for n, body in enumerate(bodies, 1)]
    made.write(lambda tx: tx.add_statements(new)).result(60)
    yield made
    made.close()


def touched(tx: Any) -> int:
    """Return how many rows of all tables this transaction has read."""
    return int(
        tx._number(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint "
            "FROM pg_stat_xact_user_tables WHERE schemaname = current_schema()"
        )
    )


@pytest.mark.parametrize(
    "wanted",
    [
        Selection(text="nowhere"),
        Selection(text="nowhere beacon"),
        Selection(value="nowhere.example.org"),
        Selection(value="nowhere.example.org", text="beacon"),
        Selection(object_ids=frozenset({"indicator--nowhere"})),
        Selection(object_ids=frozenset({"indicator--nowhere"}), text="beacon"),
    ],
)
def test_what_is_nowhere_is_looked_for_in_a_few_rows(
    store: PostgresStore, wanted: Selection
) -> None:
    with store.read() as tx:
        assert tx.rows(tx.release_classes(), limit=5, selection=wanted) == []
        assert touched(tx) < 500


def test_a_search_without_a_hit_touches_a_few_rows(store: PostgresStore) -> None:
    with store.read() as tx:
        assert tx.search("nowhere", tx.release_classes(), 5) == []
        assert touched(tx) < 500


@pytest.mark.parametrize("word", ["recent", "early", "beacon", "c77.example.org", "bea", "2499"])
def test_words_of_any_frequency_find_the_first_and_the_newest(
    store: PostgresStore, word: str
) -> None:
    """Common ones on the way, rare ones by the index, also where the way begins without them."""
    holding = {
        "recent": range(STATEMENTS - MANY + 1, STATEMENTS + 1),
        "early": range(1, STATEMENTS - MANY + 1),
        "c77.example.org": range(77, 78),
        "2499": range(2499, 2500),
    }.get(word, range(1, STATEMENTS + 1))
    with store.read() as tx:
        classes = tx.release_classes()
        for after, until in ((0, None), (70, 90), (2000, None), (2490, 2495)):
            page = tx.rows(
                classes, after=after, until=until, limit=7, selection=Selection(text=word)
            )
            expected = [n for n in holding if after < n <= (until or STATEMENTS)]
            assert [row.order for row in page] == expected[:7]
        newest = tx.search(word, classes, 7)
        assert [row.order for row in newest] == list(reversed(holding))[:7]


def test_verification_reads_each_row_a_few_times(store: PostgresStore) -> None:
    with store.read() as tx:
        assert tx.integrity_faults() == []
        assert touched(tx) < 100 * STATEMENTS
