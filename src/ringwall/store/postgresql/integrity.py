"""What a PostgreSQL database can tell about its own consistency, and its rows as they are."""

import hashlib
from collections.abc import Iterator
from typing import Any

from ringwall.core import StatementId
from ringwall.store.derived import MARKED, derived_keys, derived_references, derived_text
from ringwall.store.labelling import fits_class
from ringwall.store.postgresql.arrays import bigints, encoded_texts
from ringwall.store.postgresql.base import Part
from ringwall.store.postgresql.terms import terms
from ringwall.store.records import Finding, StoredEnvelope, StoredStatement
from ringwall.store.rows import read_class, read_label

_PAGE = 500
_REFERENCES = (
    ("statements", '"order"', "object", "objects", "id"),
    ("statements", '"order"', "label", "labels", "id"),
    ("statements", '"order"', "release_class", "release_classes", "id"),
    ("statements", '"order"', "decision", "decisions", "id"),
    ("release_classes", "id", "label", "labels", "id"),
    ("search", "object", "object", "objects", "id"),
    ("object_references", "object", "object", "objects", "id"),
    ("reference_objects", '"order"', "object", "objects", "id"),
    ("observables", "statement", "statement", "statements", '"order"'),
    ("proofs", "statement", "statement", "statements", '"order"'),
    ("proofs", "statement", "batch", "proof_batches", "id"),
    ("disclosures", "statement", "statement", "statements", '"order"'),
    ("parts", "statement", "statement", "statements", '"order"'),
    ("releases", "id", "statement", "statements", '"order"'),
    ("releases", "id", "decision", "decisions", "id"),
    ("outbox", "statement", "statement", "statements", '"order"'),
    ("envelope_statements", "envelope", "statement", "statements", '"order"'),
    ("envelope_statements", "envelope", "envelope", "envelopes", '"order"'),
    ("envelope_recipients", "envelope", "envelope", "envelopes", '"order"'),
)
"""Table, what names its row, the column that refers, and what it refers to."""


class IntegrityReads(Part):
    """Reads for verification: nothing is parsed that could raise on damaged rows."""

    def stored_statements(self, after: int, limit: int) -> list[StoredStatement]:
        """See port."""
        rows = self._rows(
            'SELECT s."order", s.origin, s.sequence, o.object_id, o.object_type, o.body, '
            "l.document, c.origin, c.purpose, s.lane, s.seed, s.digest, q.shared, p.own, "
            "o.version, s.submitted_by, s.received_at, b.audience, e.disclosure, f.fields, c.id, "
            "(SELECT d.document FROM decisions d WHERE d.id = s.decision), "
            "ARRAY(SELECT d.document FROM releases r JOIN decisions d ON d.id = r.decision "
            'WHERE r.statement = s."order" ORDER BY r.id) '
            "FROM statements s JOIN objects o ON o.id = s.object JOIN labels l ON l.id = s.label "
            "JOIN release_classes c ON c.id = s.release_class "
            'LEFT JOIN proofs p ON p.statement = s."order" '
            "LEFT JOIN proof_batches q ON q.id = p.batch "
            'LEFT JOIN outbox b ON b.statement = s."order" '
            'LEFT JOIN disclosures e ON e.statement = s."order" '
            'LEFT JOIN parts f ON f.statement = s."order" '
            'WHERE s."order" > $1 ORDER BY s."order" LIMIT $2',
            after,
            limit,
        )
        return [_stored(row) for row in rows]

    def stored_envelopes(self, after: int, limit: int) -> list[StoredEnvelope]:
        """See port."""
        rows = self._rows(
            "SELECT e.\"order\", e.id, e.lane, e.data, e.published_at <> '' AND NOT EXISTS "
            '(SELECT 1 FROM envelope_recipients r WHERE r.envelope = e."order" '
            "AND r.settled_at = '') FROM envelopes e "
            'WHERE e."order" > $1 AND e.kind <> \'receipt\' ORDER BY e."order" LIMIT $2',
            after,
            limit,
        )
        return [
            StoredEnvelope(
                order=row[0],
                id=row[1],
                lane=row[2],
                data=row[3],
                settled=row[4],
                recipients=self._recipients(row[0]),
                statements=self._contents(row[0]),
            )
            for row in rows
        ]

    def _recipients(self, envelope: int) -> tuple[tuple[str, str, int], ...]:
        rows = self._rows(
            "SELECT node, lane, position FROM envelope_recipients WHERE envelope = $1 ORDER BY 1",
            envelope,
        )
        return tuple((row[0], row[1], row[2]) for row in rows)

    def _contents(self, envelope: int) -> tuple[str, ...]:
        rows = self._rows(
            "SELECT s.origin, s.sequence FROM envelope_statements m "
            'JOIN statements s ON s."order" = m.statement WHERE m.envelope = $1 ORDER BY 1, 2',
            envelope,
        )
        return tuple(str(StatementId(*row)) for row in rows)

    def integrity_faults(self) -> list[Finding]:
        """See port. Pages and indexes are the server's: data checksums, and its own amcheck."""
        self._plan_for(every_row=True)
        found = [
            *self._reference_faults(),
            *self._object_faults(),
            *self._class_faults(),
            *self._intern_faults(),
            *self._flag_faults(),
            *self._target_faults(),
            *self._number_faults(),
            *self._observable_faults(),
            *self._search_faults(),
        ]
        self._plan_for(every_row=False)
        return found

    def _plan_for(self, *, every_row: bool) -> None:
        """Let queries look at every row there is, or at some by index, as all others do."""
        for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
            self._execute(f"SET LOCAL {name} = {'on' if every_row else 'off'}")
        self._execute(f"SET LOCAL cursor_tuple_fraction = {1.0 if every_row else 0.1}")

    def _reference_faults(self) -> Iterator[Finding]:
        """Find rows that refer to what is not there."""
        for table, name, column, parent, key in _REFERENCES:
            for (row_id,) in self._rows(
                f"SELECT t.{name} FROM {table} t WHERE t.{column} IS NOT NULL "
                f"AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{key} = t.{column}) "
                "ORDER BY 1 LIMIT 20"
            ):
                message = f"its row of {parent} is missing"
                yield Finding(table, str(row_id), "reference", message)

    def _paged(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query over ``> $1`` and ``LIMIT $2`` whose first column ascends."""
        after = 0
        while rows := self._rows(query, after, _PAGE):
            yield from rows
            after = rows[-1][0]

    def _streamed(self, query: str) -> Iterator[Any]:
        """Yield the rows of a query that the server runs once, however many they are."""
        with self._sql.cursor("verified", binary=True) as rows:
            rows.itersize = _PAGE
            yield from rows.execute(query)

    def _object_faults(self) -> Iterator[Finding]:
        for row_id, object_id, digest, body in self._paged(
            "SELECT id, object_id, sha256, body FROM objects WHERE id > $1 ORDER BY id LIMIT $2"
        ):
            if hashlib.sha256(body).digest() != digest:
                message = f"the bytes of {object_id} were changed"
                yield Finding("objects", str(row_id), "sha256", message)

    def _class_faults(self) -> Iterator[Finding]:
        """Find release classes whose parts do not make their key."""
        for row_id, key, *parts in self._rows(
            "SELECT c.id, c.key, c.origin, c.object_type, l.document, c.purpose "
            "FROM release_classes c JOIN labels l ON l.id = c.label ORDER BY c.id"
        ):
            whole = read_class(key, *parts)
            if whole.label != read_label(parts[2]) or whole.key() != key:
                message = "its origin, type, label or purpose does not fit its key"
                yield Finding("release_classes", str(row_id), "key", message)

    def _intern_faults(self) -> Iterator[Finding]:
        """Find statements filed under a release class of another label or type."""
        for origin, sequence, same_type, label, filed in self._rows(
            "SELECT s.origin, s.sequence, o.object_type = c.object_type, a.document, b.document "
            "FROM statements s JOIN objects o ON o.id = s.object "
            "JOIN release_classes c ON c.id = s.release_class JOIN labels a ON a.id = s.label "
            "JOIN labels b ON b.id = c.label "
            "WHERE s.label <> c.label OR o.object_type <> c.object_type "
            'ORDER BY s."order"'
        ):
            if same_type and fits_class(label, filed):
                continue
            message = "it is filed under a release class of another label or type"
            yield Finding(
                "statements", str(StatementId(origin, sequence)), "release-class", message
            )

    def _flag_faults(self) -> Iterator[Finding]:
        """Find what would leave with a wrong marking, or as the last version though it is not."""
        for row_id, object_id in self._rows(
            "SELECT id, object_id FROM objects "
            "WHERE marked <> (position($1::bytea in body) > 0) ORDER BY id",
            MARKED,
        ):
            message = f"it is not noted whether {object_id} carries a marking"
            yield Finding("objects", str(row_id), "marked", message)
        for origin, sequence in self._rows(
            "SELECT s.origin, s.sequence FROM statements s JOIN objects o ON o.id = s.object "
            "WHERE NOT s.contested AND o.object_id IN (SELECT p.object_id FROM statements t "
            "JOIN objects p ON p.id = t.object GROUP BY p.object_id HAVING count(*) > 1) "
            'ORDER BY s."order"'
        ):
            message = "it is not noted that others are about its object too"
            yield Finding("statements", str(StatementId(origin, sequence)), "contested", message)

    def _target_faults(self) -> Iterator[Finding]:
        """Find stated objects whose rows of references are not those of their bodies."""
        for obj, body, targets in self._streamed(
            "SELECT o.id, o.body, r.targets FROM objects o LEFT JOIN (SELECT object, "
            "array_agg(target) AS targets FROM object_references GROUP BY object) r "
            "ON r.object = o.id WHERE EXISTS (SELECT 1 FROM statements s WHERE s.object = o.id)"
        ):
            if set(targets or ()) != set(derived_references(body)):
                message = "its rows are not the references of its body"
                yield Finding("object_references", str(obj), "targets", message)

    def _number_faults(self) -> Iterator[Finding]:
        """Find tables that would give a row number out twice."""
        for table, column in (
            ("statements", '"order"'),
            ("objects", "id"),
            ("reference_objects", '"order"'),
        ):
            used = self._number(f"SELECT max({column}) FROM {table}")
            noted = self._number("SELECT last FROM counters WHERE name = $1", table)
            if noted < used:
                message = f"{noted} is noted as the last number, {used} is in use"
                yield Finding(table, str(used), "last", message)

    def _observable_faults(self) -> Iterator[Finding]:
        """Find statements whose rows of observables are not those that their object holds."""
        for origin, sequence, body, keys in self._streamed(
            "SELECT s.origin, s.sequence, o.body, b.keys FROM statements s "
            "JOIN objects o ON o.id = s.object LEFT JOIN "
            "(SELECT statement, array_agg(key) AS keys FROM observables GROUP BY statement) b "
            'ON b.statement = s."order"'
        ):
            if set(keys or ()) != derived_keys(body):
                message = "its rows are not the observables of its body"
                yield Finding("observables", str(StatementId(origin, sequence)), "values", message)

    def _search_faults(self) -> Iterator[Finding]:
        """Find objects whose terms in the search index are not those of their text."""
        after = 0
        while rows := self._rows(
            # With EXISTS, PostgreSQL would gather the objects of all statements for each page.
            "SELECT o.id, o.body, (SELECT true FROM statements s WHERE s.object = o.id LIMIT 1) "
            "FROM objects o WHERE o.id > $1 ORDER BY o.id LIMIT $2",
            after,
            _PAGE,
        ):
            stated = [(row[0], terms(derived_text(row[1]))) for row in rows if row[2]]
            for (row_id,) in self._rows(
                "SELECT coalesce(e.object, q.object) "
                "FROM unnest($1::bigint[], $2::text[]) e (object, terms) FULL JOIN "
                "(SELECT object, terms FROM search WHERE object > $3 AND object <= $4) q "
                "ON q.object = e.object WHERE q.terms IS DISTINCT FROM e.terms::tsvector "
                "ORDER BY 1",
                bigints([row_id for row_id, _ in stated]),
                encoded_texts([found for _, found in stated]),
                after,
                rows[-1][0],
            ):
                message = "the search index does not hold the words of this object"
                yield Finding("search", str(row_id), "terms", message)
            after = rows[-1][0]


def _stored(row: Any) -> StoredStatement:
    proof = None if row[12] is None else (row[12], row[13])
    releases = (*([] if row[21] is None else [row[21]]), *row[22])
    fields: list[Any] = [*row[3:12], proof, *row[14:21], releases]
    return StoredStatement(row[0], StatementId(row[1], row[2]), *fields)
