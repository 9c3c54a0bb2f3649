"""What an SQLite database can tell about its own consistency, and its rows as they are."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from ringwall.core import StatementId
from ringwall.store.derived import MARKED, derived_keys, derived_references, derived_text
from ringwall.store.keys import index_key
from ringwall.store.labelling import fits_class
from ringwall.store.records import Finding, StoredEnvelope, StoredStatement
from ringwall.store.rows import read_class, read_label
from ringwall.store.sqlite.base import Part
from ringwall.store.sqlite.schema import SEARCH_INDEX, SEARCH_TERMS


class IntegrityReads(Part):
    """Reads for verification: nothing is parsed that could raise on damaged rows."""

    def stored_statements(self, after: int, limit: int) -> list[StoredStatement]:
        """See port."""
        rows = self._rows(
            'SELECT s."order", s.origin, s.sequence, o.object_id, o.object_type, o.body, '
            "l.document, c.origin, c.purpose, s.lane, s.seed, s.digest, q.shared, p.own, "
            "o.version, s.submitted_by, s.received_at, b.audience, d.disclosure, f.fields, c.id "
            "FROM statements s JOIN objects o ON o.id = s.object JOIN labels l ON l.id = s.label "
            "JOIN release_classes c ON c.id = s.release_class "
            'LEFT JOIN proofs p ON p.statement = s."order" '
            "LEFT JOIN proof_batches q ON q.id = p.batch "
            'LEFT JOIN outbox b ON b.statement = s."order" '
            'LEFT JOIN disclosures d ON d.statement = s."order" '
            'LEFT JOIN parts f ON f.statement = s."order" '
            'WHERE s."order" > ? ORDER BY s."order" LIMIT ?',
            after,
            limit,
        )
        return [self._stored(row) for row in rows]

    def _stored(self, row: Any) -> StoredStatement:
        proof = None if row[12] is None else (row[12], row[13])
        fields: list[Any] = [*row[3:12], proof, *row[14:], self._decisions(row[0])]
        return StoredStatement(row[0], StatementId(row[1], row[2]), *fields)

    def _decisions(self, order: int) -> tuple[bytes, ...]:
        rows = self._rows(
            "SELECT d.document, 0 FROM statements s JOIN decisions d ON d.id = s.decision "
            'WHERE s."order" = ?1 UNION ALL '
            "SELECT d.document, r.id FROM releases r JOIN decisions d ON d.id = r.decision "
            "WHERE r.statement = ?1 ORDER BY 2",
            order,
        )
        return tuple(row[0] for row in rows)

    def stored_envelopes(self, after: int, limit: int) -> list[StoredEnvelope]:
        """See port."""
        rows = self._rows(
            "SELECT e.\"order\", e.id, e.lane, e.data, e.published_at <> '' AND NOT EXISTS "
            '(SELECT 1 FROM envelope_recipients r WHERE r.envelope = e."order" '
            "AND r.settled_at = '') FROM envelopes e "
            'WHERE e."order" > ? AND e.kind <> \'receipt\' ORDER BY e."order" LIMIT ?',
            after,
            limit,
        )
        return [
            StoredEnvelope(
                order=row[0],
                id=row[1],
                lane=row[2],
                data=row[3],
                settled=bool(row[4]),
                recipients=self._recipients(row[0]),
                statements=self._contents(row[0]),
            )
            for row in rows
        ]

    def _recipients(self, envelope: int) -> tuple[tuple[str, str, int], ...]:
        rows = self._rows(
            "SELECT node, lane, position FROM envelope_recipients WHERE envelope = ?", envelope
        )
        return tuple((row[0], row[1], row[2]) for row in rows)

    def _contents(self, envelope: int) -> tuple[str, ...]:
        rows = self._rows(
            "SELECT s.origin, s.sequence FROM envelope_statements m "
            'JOIN statements s ON s."order" = m.statement WHERE m.envelope = ?',
            envelope,
        )
        return tuple(str(StatementId(*row)) for row in rows)

    def integrity_faults(self) -> list[Finding]:
        """See port."""
        return [
            *self._file_faults(),
            *self._object_faults(),
            *self._class_faults(),
            *self._intern_faults(),
            *self._flag_faults(),
            *self._reference_faults(),
            *self._number_faults(),
            *self._observable_faults(),
            *self._key_faults(),
            *self._search_faults(),
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
        for origin, sequence, same_type, label, filed in self._rows(
            "SELECT s.origin, s.sequence, o.object_type = c.object_type, a.document, b.document "
            "FROM statements s JOIN objects o ON o.id = s.object "
            "JOIN release_classes c ON c.id = s.release_class JOIN labels a ON a.id = s.label "
            "JOIN labels b ON b.id = c.label "
            "WHERE s.label <> c.label OR o.object_type <> c.object_type"
        ):
            if same_type and fits_class(label, filed):
                continue
            yield Finding(
                "statements",
                str(StatementId(origin, sequence)),
                "release-class",
                "it is filed under a release class of another label or type",
            )

    def _flag_faults(self) -> Iterator[Finding]:
        """Find what would leave with a wrong marking, or as the last version though it is not."""
        for row_id, object_id in self._rows(
            "SELECT id, object_id FROM objects WHERE marked <> (instr(body, ?) > 0)", MARKED
        ):
            message = f"it is not noted whether {object_id} carries a marking"
            yield Finding("objects", str(row_id), "marked", message)
        for origin, sequence in self._rows(
            "SELECT s.origin, s.sequence FROM statements s JOIN objects o ON o.id = s.object "
            "WHERE s.contested = 0 AND o.object_id IN (SELECT p.object_id FROM statements t "
            "JOIN objects p ON p.id = t.object GROUP BY p.object_id HAVING count(*) > 1)"
        ):
            message = "it is not noted that others are about its object too"
            yield Finding("statements", str(StatementId(origin, sequence)), "contested", message)

    def _reference_faults(self) -> Iterator[Finding]:
        """Find stated objects whose rows of references are not those of their bodies."""
        held: dict[int, int] = {}
        for obj, target in self._sql.execute("SELECT object, target FROM object_references"):
            held[obj] = held.get(obj, 0) + hash(target)
        for obj, body in self._sql.execute(
            "SELECT id, body FROM objects o "
            "WHERE EXISTS (SELECT 1 FROM statements s WHERE s.object = o.id)"
        ):
            if held.get(obj, 0) != sum(map(hash, derived_references(body))):
                message = "its rows are not the references of its body"
                yield Finding("object_references", str(obj), "targets", message)

    def _number_faults(self) -> Iterator[Finding]:
        """Find tables that would give a row number out twice."""
        for table, column in (("statements", '"order"'), ("objects", "id")):
            used = self._number(f"SELECT max({column}) FROM {table}")
            noted = self._number("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
            if noted < used:
                message = f"{noted} is noted as the last number, {used} is in use"
                yield Finding(table, str(used), "last", message)

    def _observable_faults(self) -> Iterator[Finding]:
        """Find statements whose rows of observables are not those that their object holds."""
        held: dict[int, int] = {}
        for order, key in self._sql.execute(
            "SELECT statement, key FROM observables "
            "UNION ALL SELECT statement, key FROM observables_recent"
        ):
            held[order] = held.get(order, 0) + hash(key)
        for order, origin, sequence, body in self._sql.execute(
            'SELECT s."order", s.origin, s.sequence, o.body '
            "FROM statements s JOIN objects o ON o.id = s.object"
        ):
            if held.pop(order, 0) != sum(map(hash, derived_keys(body))):
                yield Finding(
                    "observables",
                    str(StatementId(origin, sequence)),
                    "values",
                    "its rows are not the observables of its body",
                )
        for order in held:
            yield Finding("observables", str(order), "statement", "there is no such statement")

    def _key_faults(self) -> Iterator[Finding]:
        """Find objects that cannot be found by their STIX id, and keys of no object."""
        held: dict[int, int] = {}
        for obj, key in self._sql.execute(
            "SELECT object, key FROM object_keys "
            "UNION ALL SELECT object, key FROM object_keys_recent"
        ):
            held[obj] = held.get(obj, 0) + hash(key)
        for obj, object_id in self._sql.execute("SELECT id, object_id FROM objects"):
            if held.pop(obj, None) != hash(index_key(object_id)):
                message = f"{object_id} is not found by its id"
                yield Finding("object_keys", str(obj), "key", message)
        for obj in held:
            yield Finding("object_keys", str(obj), "object", "there is no such object")

    def _search_faults(self) -> Iterator[Finding]:
        """Find objects whose terms in the search index are not those of their text.

        The index keeps no text, so the same index is built again beside the database.
        """
        stated = "SELECT id, body FROM objects o WHERE EXISTS (SELECT 1 FROM statements s "
        stated += "WHERE s.object = o.id)"
        with closing(sqlite3.connect("")) as scratch:
            scratch.executescript(SEARCH_INDEX + SEARCH_TERMS)
            for row_id, body in self._sql.execute(stated):
                scratch.execute(
                    "INSERT INTO search (rowid, text) VALUES (?, ?)", (row_id, derived_text(body))
                )
            terms = "SELECT doc, term, offset FROM search_terms"
            expected, held = _fold(scratch.execute(terms)), _fold(self._sql.execute(terms))
        for row_id in sorted(expected.keys() | held.keys()):
            if expected.get(row_id) != held.get(row_id):
                message = "the search index does not hold the words of this object"
                yield Finding("search", str(row_id), "terms", message)


def _fold(rows: Iterable[tuple[int, str, int]]) -> dict[int, int]:
    """Add up the terms of each document, in whatever order they come."""
    sums: dict[int, int] = {}
    for row_id, term, offset in rows:
        sums[row_id] = sums.get(row_id, 0) + hash((term, offset))
    return sums
