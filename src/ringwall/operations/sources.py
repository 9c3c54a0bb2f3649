"""Where a backup's database comes from and where a restored one goes: one port per backend.

A backend copies one consistent state of itself into one file while the node runs, and can make
itself anew from that file. Everything else of a backup is the same for all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ringwall.core import BadConfiguration
from ringwall.core.settings import Files, NodeSettings
from ringwall.store import SqliteStore, Store
from ringwall.store.sqlite import SCHEMA, DatabaseCopy, copy_database, inspect_copy


class BackupSource(Protocol):
    """A node's database, to be copied and to be made anew."""

    name: str
    """What the manifest calls it: ``sqlite``, ``postgresql``."""
    schema: int
    """The newest schema version that this program can make of a copy."""

    def copy_to(self, target: Path) -> DatabaseCopy:
        """Write one consistent state to the new file ``target``, durably, mode 0600."""
        ...

    def load_from(self, copy: Path) -> DatabaseCopy:
        """Make an empty database hold what ``copy`` holds; return what it then says it holds.

        Raises BadConfiguration (rule ``not-empty``) if there is something in it already.
        """
        ...

    def open(self) -> Store:
        """Open the database."""
        ...


class SqliteSource:
    """The one file in the node's directory."""

    name = "sqlite"
    schema = SCHEMA

    def __init__(self, path: Path, *, reserve_bytes: int = 0) -> None:
        self._path = path
        self._reserve = reserve_bytes

    def copy_to(self, target: Path) -> DatabaseCopy:
        """See port."""
        if not self._path.is_file():
            raise BadConfiguration(
                f"{self._path} is missing: the node never ran", field="database", rule="missing"
            )
        return copy_database(self._path, target)

    def load_from(self, copy: Path) -> DatabaseCopy:
        """See port."""
        if self._path.exists():
            raise BadConfiguration(
                f"{self._path} is there already", field="database", rule="not-empty"
            )
        copy.rename(self._path)
        return inspect_copy(self._path)

    def open(self) -> Store:
        """See port."""
        return SqliteStore(self._path, reserve_bytes=self._reserve)


def database_source(files: Files, settings: NodeSettings) -> BackupSource:
    """Return the source for the database that a node's settings name."""
    return SqliteSource(files.database, reserve_bytes=settings.reserve_bytes)


@contextmanager
def opened(source: BackupSource) -> Iterator[Store]:
    """Open a database, running node or not, and close it at the end."""
    store = source.open()
    try:
        yield store
    finally:
        store.close()
