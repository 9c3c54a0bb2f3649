"""Opening PostgreSQL connections, and saying in our own errors what PostgreSQL means.

A commit must return only after the server's log is on its disk: ``synchronous_commit`` is raised
to ``on`` for our sessions, and a server without ``fsync`` is refused. What the server says about
an error goes to the node's log; our errors carry its SQLSTATE only, because clients may see them.
"""

import logging
from typing import Any

import psycopg
from psycopg.adapt import PyFormat
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types import numeric, string

from ringwall.core import (
    BadConfiguration,
    IntegrityFailure,
    InternalFault,
    RingwallError,
    StorageFull,
    Unavailable,
)
from ringwall.store.postgresql.arrays import DUMPERS, encode_text

Connection = psycopg.Connection[tuple[Any, ...]]

_LOG = logging.getLogger("ringwall.store")
_OLDEST_SERVER = 14
_DEFAULTS = {
    "application_name": "ringwall",
    "connect_timeout": "5",
    # A server that vanished without a word is given up after a minute, ours after half of one.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_SESSION = """
SET jit = off; SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""
"""Rows are looked up by index. A plan that was made while a table was small must not stay."""
_WRITER_SESSION = """
SET lock_timeout = '10s';
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
"""

_FULL = frozenset({"53100"})
_DAMAGED = frozenset({"58030", "58P01", "58P02", "XX001", "XX002"})
_BUSY = frozenset({"40001", "40P01", "55P03", "57014", "25P03"})
_AWAY = frozenset({"08", "53", "57"})
"""Connection, resources (memory, connections) and the operator's intervention (shutdown)."""
_REFUSED = frozenset({"28000", "28P01", "3D000", "42501", "3F000"})


class _Text(string.StrBinaryDumper):
    """Sends text as PostgreSQL can hold it."""

    def dump(self, obj: str) -> bytes:
        return encode_text(obj)


def open_writer(url: str) -> Connection:
    """Connect for writing. Raises BadConfiguration for a server that must not be written to."""
    connection = _connect(url)
    try:
        run(connection, _WRITER_SESSION)
        _check_server(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(url: str) -> Connection:
    """Connect for snapshots; the connection refuses to write."""
    connection = _connect(url)
    try:
        run(connection, "SET default_transaction_read_only = on")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(url: str) -> Connection:
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # libpq's own words would repeat parts of the URL, perhaps of its password.
        raise BadConfiguration(
            "database_url is not a PostgreSQL connection URL",
            field="database_url",
            rule="database-url",
        ) from error
    known = {name: str(value) for name, value in given.items() if value is not None}
    connection = psycopg.connect(
        make_conninfo(**_DEFAULTS | known),
        autocommit=True,
        prepare_threshold=0,
        cursor_factory=psycopg.RawCursor,
    )
    _adapt(connection)
    run(connection, _SESSION)
    return connection


def _adapt(connection: Connection) -> None:
    """Send every value in binary, and every integer as int8: one plan for each statement."""
    adapters = connection.adapters
    adapters.register_dumper(int, numeric.Int8BinaryDumper)
    adapters.register_dumper(str, _Text)
    adapters.register_dumper(bytes, psycopg.adapters.get_dumper(bytes, PyFormat.BINARY))
    for kind, dumper in DUMPERS.items():
        adapters.register_dumper(kind, dumper)


def _check_server(connection: Connection) -> None:
    """Refuse a server that cannot keep what is promised to callers."""
    row = connection.execute(
        "SELECT current_setting('fsync'), current_setting('full_page_writes'), "
        "current_setting('server_encoding'), pg_is_in_recovery()",
        binary=True,
    ).fetchone()
    assert row is not None  # noqa: S101
    fsync, full_pages, encoding, standby = row
    version = connection.info.server_version // 10_000
    if standby:
        raise Unavailable(
            "the database is a standby: it takes no writes", field="database", rule="standby"
        )
    problems = {
        "server-version": (version < _OLDEST_SERVER, f"PostgreSQL {version} is too old"),
        "fsync": (fsync != "on", "the server runs without fsync: a power cut loses what was told"),
        "full-page-writes": (full_pages != "on", "the server runs without full_page_writes"),
        "encoding": (encoding != "UTF8", f"the database is encoded in {encoding}, not UTF8"),
    }
    for rule, (wrong, message) in problems.items():
        if wrong:
            raise BadConfiguration(message, field="database_url", rule=rule)


def run(connection: Connection, script: str) -> None:
    """Run commands without values, as they are: several at once go in one message."""
    connection.execute(script, prepare=False)


def is_lost(connection: Connection) -> bool:
    """Tell whether the server is gone from the other end of a connection."""
    return connection.closed or connection.broken


def translate(error: psycopg.Error) -> RingwallError:
    """Say what a PostgreSQL error means for whoever has to act on it."""
    code = error.sqlstate or "no SQLSTATE"
    _LOG.warning("PostgreSQL: %s (%s)", " ".join(str(error).split()), code)
    if error.sqlstate is None:
        if isinstance(error, psycopg.OperationalError):
            return Unavailable("the database cannot be reached now", field="database")
        return InternalFault("the database client refused", field="database")
    if code in _FULL:
        return StorageFull(f"nothing was written: the database is full ({code})", field="database")
    if code in _DAMAGED:
        return IntegrityFailure(f"the database is damaged ({code})", field="database")
    if code in _BUSY or code[:2] in _AWAY:
        return Unavailable(f"the database cannot be used now ({code})", field="database")
    if code in _REFUSED:
        return BadConfiguration(
            f"the database does not let this node in ({code}); the log says why",
            field="database_url",
            rule="database-access",
        )
    return InternalFault(f"the database refused ({code})", field="database")
