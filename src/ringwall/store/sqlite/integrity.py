"""What an SQLite database can tell about its own consistency, and its rows as they are."""

import hashlib
from collections.abc import Iterator

from ringwall.core import StatementId
from ringwall.store.records import Finding, StoredStatement
from ringwall.store.sqlite.base import Part
from ringwall.store.sqlite.content import read_class, read_label


class IntegrityReads(Part):
    """Reads for verification: nothing is parsed that could raise on damaged rows."""

    def stored_statements(self, after: int, limit: int) -> list[StoredStatement]:
        """See port."""
        rows = self._rows(
            'SELECT s."order", s.origin, s.sequence, o.object_id, o.object_type, o.body, '
            "l.document, c.origin, c.purpose, s.lane, s.seed, s.digest, p.proof "
            "FROM statements s JOIN objects o ON o.id = s.object JOIN labels l ON l.id = s.label "
            "JOIN release_classes c ON c.id = s.release_class "
            'LEFT JOIN proofs p ON p.statement = s."order" '
            'WHERE s."order" > ? ORDER BY s."order" LIMIT ?',
            after,
            limit,
        )
        return [StoredStatement(row[0], StatementId(row[1], row[2]), *row[3:]) for row in rows]

    def integrity_faults(self) -> list[Finding]:
        """See port."""
        return [
            *self._file_faults(),
            *self._object_faults(),
            *self._class_faults(),
            *self._intern_faults(),
        ]

    def _file_faults(self) -> Iterator[Finding]:
        for (message,) in self._rows("PRAGMA quick_check(20)"):
            if message != "ok":
                yield Finding("database", "", "file", str(message))
        for table, row_id, parent, _ in self._rows("PRAGMA foreign_key_check"):
            yield Finding(str(table), str(row_id), "reference", f"its row of {parent} is missing")

    def _object_faults(self) -> Iterator[Finding]:
        for row_id, object_id, digest, body in self._sql.execute(
            "SELECT id, object_id, sha256, body FROM objects"
        ):
            if hashlib.sha256(body).digest() != digest:
                yield Finding(
                    "objects", str(row_id), "sha256", f"the bytes of {object_id} were changed"
                )

    def _class_faults(self) -> Iterator[Finding]:
        """Find release classes whose parts do not make their key."""
        for row_id, key, *parts in self._rows(
            "SELECT c.id, c.key, c.origin, c.object_type, l.document, c.purpose "
            "FROM release_classes c JOIN labels l ON l.id = c.label"
        ):
            whole = read_class(key, *parts)
            if whole.label != read_label(parts[2]) or whole.key() != key:
                yield Finding(
                    "release_classes",
                    str(row_id),
                    "key",
                    "its origin, type, label or purpose does not fit its key",
                )

    def _intern_faults(self) -> Iterator[Finding]:
        """Find statements filed under a release class of another label or type."""
        for origin, sequence in self._rows(
            "SELECT s.origin, s.sequence FROM statements s "
            "JOIN objects o ON o.id = s.object JOIN release_classes c ON c.id = s.release_class "
            "WHERE s.label <> c.label OR o.object_type <> c.object_type"
        ):
            yield Finding(
                "statements",
                str(StatementId(origin, sequence)),
                "release-class",
                "it is filed under a release class of another label or type",
            )
