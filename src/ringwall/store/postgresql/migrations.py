"""Forward migrations, all in one transaction, by one process at a time.

The version is the one row of ``schema_version`` and changes in the same transaction as the tables.
No copy is made first, as it is for SQLite: a migration that fails leaves nothing behind here, and
copies of a PostgreSQL database are its administrator's (see the operator guide).
"""

from collections.abc import Sequence

from ringwall.core import BadConfiguration
from ringwall.store.derived import newer_digest
from ringwall.store.postgresql.arrays import bigints, blobs
from ringwall.store.postgresql.connection import Connection, run
from ringwall.store.postgresql.locks import MIGRATING, hold, own
from ringwall.store.postgresql.schema import MIGRATIONS, STATEMENT_DIGESTS

_ROWS = 1000
_DIGESTED = (
    'SELECT s."order", s.digest, s.seed, o.body FROM statements s '
    'JOIN objects o ON o.id = s.object WHERE s."order" > $1 ORDER BY s."order" LIMIT $2'
)
_RENEW = (
    "UPDATE statements SET digest = j.digest FROM unnest($1::bigint[], $2::bytea[]) "
    'j (number, digest) WHERE "order" = j.number'
)


def schema_version(connection: Connection) -> int:
    """Return the schema version of a database, 0 for an empty one."""
    there = connection.execute("SELECT to_regclass('schema_version') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return 0
    row = connection.execute("SELECT version FROM schema_version", binary=True).fetchone()
    return int(str(row[0])) if row else 0


def migrate(connection: Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring a database to the newest schema.

    Raises BadConfiguration (rule ``schema-version``) if a newer program wrote the database, and
    Unavailable (rule ``database-in-use``) if it is older and another process runs a node on it. A
    migration that fails is rolled back, with those before it, and raised.
    """
    with hold(connection, MIGRATING):
        current = schema_version(connection)
        if current > len(migrations):
            raise BadConfiguration(
                f"the database has schema {current}; this program knows up to {len(migrations)}",
                field="database_url",
                rule="schema-version",
            )
        if current < len(migrations):
            with own(connection):
                _apply(connection, current, migrations)


def _renew_digests(connection: Connection) -> None:
    """Put the statement digest of each row in place of its object digest, if that is right."""
    after = 0
    while rows := connection.execute(_DIGESTED, [after, _ROWS], binary=True).fetchall():
        orders = [row[0] for row in rows]
        digests = [newer_digest(*row[1:]) for row in rows]
        connection.execute(_RENEW, [bigints(orders), blobs(digests)])
        after = orders[-1]


def _apply(connection: Connection, current: int, migrations: Sequence[str]) -> None:
    """Apply all that are missing in one transaction: a schema that no program knew never stands."""
    with connection.transaction():
        if current == 0:
            connection.execute("CREATE TABLE schema_version (version bigint NOT NULL)")
            connection.execute("INSERT INTO schema_version VALUES (0)")
        for script in migrations[current:]:
            run(connection, script)
            if script == STATEMENT_DIGESTS:
                _renew_digests(connection)
        connection.execute("UPDATE schema_version SET version = $1", [len(migrations)])
