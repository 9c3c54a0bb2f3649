"""Opening the store that a node's settings name: the one place that chooses the backend."""

from pathlib import Path

from ringwall.core import BadConfiguration, Clock
from ringwall.core.settings import Files, NodeSettings
from ringwall.store.port import Store
from ringwall.store.sqlite import SqliteStore


def open_store(
    files: Files, settings: NodeSettings, *, clock: Clock | None = None, own: bool = False
) -> Store:
    """Open a node's store, creating or migrating it if need be.

    ``own``: this process runs the node, and no other may. Raises OperatorError; BadConfiguration
    (rule ``postgresql-missing``) if the settings name a server and psycopg is not installed.
    """
    reserve = settings.reserve_bytes
    if not settings.database_url:
        return SqliteStore(files.database, clock=clock, reserve_bytes=reserve)
    url, directory = settings.database_url, files.directory
    try:
        from ringwall.store.postgresql import PostgresStore
    except ImportError as error:
        raise BadConfiguration(
            "database_url needs psycopg: install ringwall[postgresql]",
            field="database_url",
            rule="postgresql-missing",
        ) from error
    return PostgresStore(
        url, directory, clock=clock, reserve_bytes=reserve, node=settings.node, own=own
    )


def database_is_there(files: Files, settings: NodeSettings) -> bool:
    """Tell whether there can be anything in a node's database: a file is made at the first start.

    A server is asked by opening it.
    """
    return bool(settings.database_url) or Path(files.database).is_file()
