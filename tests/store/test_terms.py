"""The words of a text and of a question: what PostgreSQL finds by them is what FTS5 finds."""

import sqlite3
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.store.postgresql.terms import question, terms, words
from ringwall.store.sqlite.schema import SEARCH_INDEX
from ringwall.store.sqlite.selecting import match_query
from tests.store.pg_server import PgServer

LETTERS = st.sampled_from(list("aAbBéÉeE\u0301ñ7.-_@/ ,'\"()&|!:*<>\\\t\nжЖΣ日"))
TEXTS = st.text(LETTERS, max_size=24)


@pytest.fixture(scope="module")
def server_connection(pg_server: PgServer) -> Iterator[psycopg.Connection[tuple[bool]]]:
    with psycopg.connect(pg_server.url(), autocommit=True) as connection:
        yield connection


def matches(connection: psycopg.Connection[tuple[bool]], text: str, asked: str) -> bool:
    query = question(asked)
    if not query:
        return False
    row = connection.execute(
        "SELECT %s::text::tsvector @@ %s::text::tsquery", (terms(text).decode(), query)
    ).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture(scope="module")
def fts() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SEARCH_INDEX)
    yield connection
    connection.close()


def fts_matches(connection: sqlite3.Connection, text: str, asked: str) -> bool:
    query = match_query(asked)
    if not query:
        return False
    connection.execute("INSERT INTO search (search) VALUES ('delete-all')")
    connection.execute("INSERT INTO search (rowid, text) VALUES (1, ?)", (text,))
    found = connection.execute("SELECT 1 FROM search WHERE search MATCH ?", (query,))
    return found.fetchone() is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=TEXTS, asked=TEXTS)
def test_postgresql_finds_what_fts5_finds(
    server_connection: psycopg.Connection[tuple[bool]],
    fts: sqlite3.Connection,
    text: str,
    asked: str,
) -> None:
    assert matches(server_connection, text, asked) == fts_matches(fts, text, asked)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=TEXTS.filter(lambda text: bool(words(text))), data=st.data())
def test_a_piece_of_a_text_finds_it(
    server_connection: psycopg.Connection[tuple[bool]],
    fts: sqlite3.Connection,
    text: str,
    data: st.DataObject,
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    piece = text[start : data.draw(st.integers(start + 1, len(text)))]
    assert matches(server_connection, text, piece) == fts_matches(fts, text, piece)


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("beacon to c2.bad.example.org at night", "c2.bad.example", True),
        ("beacon to c2.bad.example.org at night", "c2.example", False),
        ("beacon to c2.bad.example.org at night", "night beacon", True),
        ("beacon to c2.bad.example.org at night", "BEA", True),
        ("beacon to c2.bad.example.org at night", "bea night", False),
        ("Rançon à Genève", "rancon geneve", True),
        ("", "x", False),
        ("x", "", False),
    ],
)
def test_words_phrases_and_a_prefix(
    server_connection: psycopg.Connection[tuple[bool]],
    fts: sqlite3.Connection,
    text: str,
    asked: str,
    found: bool,
) -> None:
    assert matches(server_connection, text, asked) is found
    assert fts_matches(fts, text, asked) is found


def test_texts_over_every_limit_are_kept_and_found(
    server_connection: psycopg.Connection[tuple[bool]],
) -> None:
    many = " ".join(f"word{number}" for number in range(20_000)) + " c2.last.example"
    often = "again " * 1000 + "c3.after.example"
    giant = "x" * 5000 + " beside"
    distinct = " ".join(f"{number:0100d}" for number in range(12_000))
    for text, asked in (
        (many, "word19999"),
        (many, "c2.last.example"),
        (often, "c3.after.example"),
        (often, "again again"),
        (giant, "x" * 5000),
        (giant, "beside"),
        (distinct, f"{7:0100d}"),
    ):
        assert matches(server_connection, text, asked)
    assert not matches(server_connection, many, "c2.none.example")
    assert len(terms(distinct)) < 2**20
