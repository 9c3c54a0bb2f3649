"""Copies of a database on a server: one consistent state in one file, and back into an empty one.

COPY in text form, table by table, within one snapshot, so the node goes on writing. The file is

    header (JSON line) → per table: head (JSON line), chunks (4-byte length, bytes), length 0

Text form, because the binary one may differ between versions of the server. Tables come in the
order in which the schema made them, so whatever one refers to is there before it.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import psycopg

from ringwall.core import BadConfiguration, IntegrityFailure, StorageFull, SystemClock
from ringwall.store.copies import DatabaseCopy
from ringwall.store.postgresql.connection import Connection, open_reader, open_writer, translate
from ringwall.store.postgresql.locks import own
from ringwall.store.postgresql.migrations import migrate, schema_version
from ringwall.store.postgresql.schema import MIGRATIONS
from ringwall.store.postgresql.transaction import PostgresRead

SCHEMA = len(MIGRATIONS)
_FORMAT = "ringwall-postgresql-1"
_LENGTH = struct.Struct(">I")
_LONGEST = 64 * 1024 * 1024
_LEFT_OUT = frozenset({"schema_version", "writers"})
"""What a new database has of its own: its schema, and what its connections committed last."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    schema: int
    audit_size: int
    audit_root: bytes
    tables: int


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table: its columns, and the last value given out of each column that numbers itself."""

    name: str
    columns: tuple[str, ...]
    given: dict[str, int]


def copy_database(url: str, target: Path) -> DatabaseCopy:
    """Write one state of the database to the new file ``target`` (mode 0600), durably.

    Raises Unavailable, StorageFull; IntegrityFailure for a database that is damaged.
    """
    try:
        connection = open_reader(url)
        try:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return _write(connection, target)
        finally:
            connection.close()
    except psycopg.Error as error:
        target.unlink(missing_ok=True)
        raise translate(error) from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise StorageFull(f"{target}: {error.strerror}", field=str(target)) from error


def load_database(url: str, source: Path) -> DatabaseCopy:
    """Fill an empty database with a copy, in one transaction; return what it then holds.

    Raises BadConfiguration (rules ``not-empty``, ``schema-version``), Unavailable (also when a
    node runs on it), IntegrityFailure for a copy that cannot be read.
    """
    try:
        connection = open_writer(url)
        try:
            migrate(connection)
            with own(connection), connection.transaction(), source.open("rb") as file:
                _refuse_filled(connection)
                return _read(connection, file)
        finally:
            connection.close()
    except psycopg.DataError as error:
        raise IntegrityFailure("the copy does not fit its tables", field="database") from error
    except psycopg.Error as error:
        raise translate(error) from error


def clear_database(url: str) -> None:
    """Empty a database again, as it was before `load_database`."""
    try:
        connection = open_writer(url)
        try:
            with own(connection), connection.transaction():
                for table in _tables(connection):
                    connection.execute(f"DROP TABLE {_quoted(table.name)} CASCADE")
                connection.execute("DROP TABLE IF EXISTS writers, schema_version")
            migrate(connection)
        finally:
            connection.close()
    except psycopg.Error as error:
        raise translate(error) from error


def _write(connection: Connection, target: Path) -> DatabaseCopy:
    tx = PostgresRead(connection, SystemClock())
    tables = _tables(connection)
    held = DatabaseCopy(schema_version(connection), tx.audit_size(), tx.audit_root())
    header = _Header(_FORMAT, held.schema, held.audit_size, held.audit_root, len(tables))
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(header) + b"\n")
        for table in tables:
            file.write(msgspec.json.encode(table) + b"\n")
            with connection.cursor().copy(f"COPY {_place(table)} TO STDOUT") as rows:
                for chunk in rows:
                    file.write(_LENGTH.pack(len(chunk)))
                    file.write(chunk)
            file.write(_LENGTH.pack(0))
        file.flush()
        os.fsync(file.fileno())
    return held


def _refuse_filled(connection: Connection) -> None:
    if PostgresRead(connection, SystemClock()).audit_size():
        raise BadConfiguration(
            "there is a node's data in the database already: nothing is restored over it",
            field="database_url",
            rule="not-empty",
        )


def _read(connection: Connection, file: IO[bytes]) -> DatabaseCopy:
    header = _line(file, _Header)
    if header.format != _FORMAT or header.schema != schema_version(connection):
        raise BadConfiguration(
            f"the copy has schema {header.schema}, this program's is {SCHEMA}: restore it with the "
            "program that made it",
            field="database",
            rule="schema-version",
        )
    known = {table.name: table.columns for table in _tables(connection)}
    names = ", ".join(map(_quoted, known))
    connection.execute(f"TRUNCATE {names}")
    for _ in range(header.tables):
        table = _line(file, _Table)
        if known.get(table.name) != table.columns:
            raise IntegrityFailure(
                f"the copy has another table {table.name[:60]!r}", field="database", rule="table"
            )
        with connection.cursor().copy(f"COPY {_place(table)} FROM STDIN") as rows:
            for chunk in _chunks(file):
                rows.write(chunk)
        _give_out_after(connection, table)
    tx = PostgresRead(connection, SystemClock())
    return DatabaseCopy(schema_version(connection), tx.audit_size(), tx.audit_root())


def _give_out_after(connection: Connection, table: _Table) -> None:
    """Let columns that number themselves go on after the last value that was given out."""
    for column, last in table.given.items():
        connection.execute(
            "SELECT setval(pg_get_serial_sequence($1, $2), $3)",
            [_quoted(table.name), column, last],
        )


def _tables(connection: Connection) -> list[_Table]:
    """Return the tables of the schema, in the order in which they were made."""
    rows: list[Any] = connection.execute(
        "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum), "
        "array_agg(a.attidentity <> '' ORDER BY a.attnum) "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' "
        "AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' "
        "GROUP BY c.oid, c.relname ORDER BY c.oid"
    ).fetchall()
    return [
        _Table(name, tuple(columns), _given(connection, name, columns, numbered))
        for name, columns, numbered in rows
        if name not in _LEFT_OUT
    ]


def _given(
    connection: Connection, table: str, columns: list[str], numbered: list[bool]
) -> dict[str, int]:
    given = {}
    for column, is_numbered in zip(columns, numbered, strict=True):
        if is_numbered:
            row: Any = connection.execute(
                "SELECT pg_sequence_last_value(pg_get_serial_sequence($1, $2))",
                [_quoted(table), column],
            ).fetchone()
            if row[0] is not None:
                given[column] = int(row[0])
    return given


def _place(table: _Table) -> str:
    return f"{_quoted(table.name)} ({', '.join(map(_quoted, table.columns))})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _line(file: IO[bytes], kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(file.readline(1024 * 1024), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityFailure(
            f"the copy cannot be read: {error}", field="database", rule="copy"
        ) from error


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while True:
        head = file.read(_LENGTH.size)
        length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else -1
        if length == 0:
            return
        chunk = file.read(length) if 0 < length <= _LONGEST else b""
        if not chunk or len(chunk) != length:
            raise IntegrityFailure("the copy ends too early", field="database", rule="copy")
        yield chunk
