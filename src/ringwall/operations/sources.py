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
from ringwall.store import Store
from ringwall.store.copies import DatabaseCopy
from ringwall.store.opening import open_store
from ringwall.store.sqlite import SCHEMA, copy_database, inspect_copy


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

        ``copy`` may be used up. Raises BadConfiguration (rule ``not-empty``) if there is
        something in it already.
        """
        ...

    def clear(self) -> None:
        """Take back what `load_from` did: what was loaded is not to be believed."""
        ...

    def open(self) -> Store:
        """Open the database."""
        ...


class SqliteSource:
    """The one file in the node's directory."""

    name = "sqlite"
    schema = SCHEMA

    def __init__(self, files: Files, settings: NodeSettings) -> None:
        self._files = files
        self._settings = settings

    def copy_to(self, target: Path) -> DatabaseCopy:
        """See port."""
        path = self._files.database
        if not path.is_file():
            raise BadConfiguration(
                f"{path} is missing: the node never ran", field="database", rule="missing"
            )
        return copy_database(path, target)

    def load_from(self, copy: Path) -> DatabaseCopy:
        """See port."""
        path = self._files.database
        if path.exists():
            raise BadConfiguration(f"{path} is there already", field="database", rule="not-empty")
        copy.rename(path)
        return inspect_copy(path)

    def clear(self) -> None:
        """See port: the file lies in a directory that is removed whole."""

    def open(self) -> Store:
        """See port."""
        return open_store(self._files, self._settings)


class PostgresSource:
    """A database on a server, which may be in use by the node while it is copied."""

    name = "postgresql"

    def __init__(self, files: Files, settings: NodeSettings) -> None:
        from ringwall.store.postgresql import snapshots

        self._snapshots = snapshots
        self.schema = snapshots.SCHEMA
        self._files = files
        self._settings = settings
        self._loaded = False

    def copy_to(self, target: Path) -> DatabaseCopy:
        """See port."""
        return self._snapshots.copy_database(self._settings.database_url, target)

    def load_from(self, copy: Path) -> DatabaseCopy:
        """See port."""
        held = self._snapshots.load_database(self._settings.database_url, copy)
        self._loaded = True
        copy.unlink()
        return held

    def clear(self) -> None:
        """See port."""
        if self._loaded:
            self._snapshots.clear_database(self._settings.database_url)

    def open(self) -> Store:
        """See port."""
        return open_store(self._files, self._settings)


def database_source(files: Files, settings: NodeSettings) -> BackupSource:
    """Return the source for the database that a node's settings name."""
    if settings.database_url:
        return PostgresSource(files, settings)
    return SqliteSource(files, settings)


@contextmanager
def opened(source: BackupSource) -> Iterator[Store]:
    """Open a database, running node or not, and close it at the end."""
    store = source.open()
    try:
        yield store
    finally:
        store.close()
