"""What the parts of a transaction share."""

from typing import Any

from psycopg import Cursor

from ringwall.core import Clock
from ringwall.labels import Label
from ringwall.policy import ReleaseClass
from ringwall.store.postgresql.connection import Connection
from ringwall.trust import AuditTree


class Memory:
    """What a writer remembers: interned rows for good, the rest within one transaction.

    Whoever rolls back must clear it: a row that was interned in what is undone is not there. When
    a transaction ends the numbers go, because another process may take the next ones.
    """

    def __init__(self) -> None:
        self.labels: dict[Label, int] = {}
        self.classes: dict[ReleaseClass, int] = {}
        self.decisions: dict[bytes, int] = {}
        self.last: dict[str, int] = {}
        self.moments: dict[str, str] = {}
        self.tree: AuditTree | None = None
        self.leaves: list[tuple[int, bytes, bytes]] = []

    def clear(self) -> None:
        """Forget everything."""
        self.labels.clear()
        self.classes.clear()
        self.decisions.clear()
        self.end()

    def end(self) -> None:
        """Forget what another process may change after this transaction."""
        self.last.clear()
        self.moments.clear()
        self.tree = None
        self.leaves.clear()


class Part:
    """One connection inside one transaction, and the node's clock."""

    def __init__(self, connection: Connection, clock: Clock, memory: Memory | None = None) -> None:
        self._sql = connection
        self._clock = clock
        self._memory = memory or Memory()

    def _execute(self, query: str, *values: Any) -> Cursor[tuple[Any, ...]]:
        """Run a statement; values are its $1, $2 … and results come in binary."""
        return self._sql.execute(query, values, binary=True)

    def _row(self, query: str, *values: Any) -> Any:
        """Return the first row, or None."""
        return self._execute(query, *values).fetchone()

    def _rows(self, query: str, *values: Any) -> list[Any]:
        """Return every row."""
        return self._execute(query, *values).fetchall()

    def _number(self, query: str, *values: Any) -> int:
        """Return the integer in the first column of the first row, 0 if there is none."""
        row = self._execute(query, *values).fetchone()
        return 0 if row is None or row[0] is None else int(row[0])


def visible(classes: int) -> str:
    """Return the condition that a statement's class is open in the marks of ``$classes``.

    Larger, not equal: of what is equal PostgreSQL expects too little to walk in order for a page.
    """
    return f"substr(${classes}::bytea, s.release_class::int, 1) > '\\x00'::bytea"
