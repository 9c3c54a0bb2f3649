"""Writing content: a statement with its object, search text and observables; reference sets."""

import hashlib
import sqlite3
from collections.abc import Sequence

from ringwall.core import Clock, canonical_json
from ringwall.labels import Label, label_document
from ringwall.policy import ReleaseClass
from ringwall.store.moments import next_moment
from ringwall.store.records import NewReference, NewStatement
from ringwall.store.sqlite.base import json_set
from ringwall.store.sqlite.content import ContentReads


def label_bytes(label: Label) -> bytes:
    """Return the canonical bytes of a label: what is stored, digested and audited."""
    return canonical_json(label_document(label))


class Interned:
    """The rows of labels and release classes that the writer has met; they never change or go.

    Whoever rolls back must clear it: a row that was interned in what is undone is not there.
    """

    def __init__(self) -> None:
        self.labels: dict[Label, int] = {}
        self.classes: dict[ReleaseClass, int] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.labels.clear()
        self.classes.clear()


class ContentWrites(ContentReads):
    """Writes of content. The moment last given out is remembered until the job ends."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, interned: Interned | None = None
    ) -> None:
        super().__init__(connection, clock)
        self._interned = interned or Interned()
        self._moments: dict[str, str] = {}

    def next_sequence(self, origin: str, count: int) -> int:
        """See port."""
        last = self._number(
            "INSERT INTO sequences VALUES (?1, ?2) "
            "ON CONFLICT DO UPDATE SET last = last + ?2 RETURNING last",
            origin,
            count,
        )
        return last - count + 1

    def add_statement(self, new: NewStatement) -> int | None:
        """See port."""
        known = "SELECT 1 FROM statements WHERE origin = ? AND sequence = ?"
        if self._row(known, new.id.origin, new.id.sequence) is not None:
            return None
        obj = self._object(new.object_id, new.object_type, new.version, new.body)
        stated = "SELECT 1 FROM statements WHERE object = ? LIMIT 1"
        if self._row(stated, obj) is None:
            self._sql.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (obj, new.text))
        order = self._insert(
            "INSERT INTO statements (origin, sequence, object, label, release_class, lane, "
            "submitted_by, received_at, seed, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            new.id.origin,
            new.id.sequence,
            obj,
            self._label(new.label),
            self._release_class(new.release_class),
            new.lane.value,
            new.submitted_by,
            self._ascending("statements", "received_at", new.received_at),
            new.seed,
            new.digest,
        )
        self._index(order, new)
        return order

    def _index(self, order: int, new: NewStatement) -> None:
        self._sql.execute(
            "INSERT INTO lane_counts VALUES (?, 1) "
            "ON CONFLICT DO UPDATE SET statements = statements + 1",
            (new.lane.value,),
        )
        self._sql.executemany(
            "INSERT OR IGNORE INTO observables (value, kind, statement) VALUES (?, ?, ?)",
            [(one.value, one.kind, order) for one in new.observables],
        )
        if new.proof is not None:
            self.set_proof(order, new.proof)

    def set_proof(self, order: int, proof: bytes) -> None:
        """See port."""
        self._sql.execute("INSERT OR REPLACE INTO proofs VALUES (?, ?)", (order, proof))

    def _object(self, object_id: str, object_type: str, version: str, body: bytes) -> int:
        """Return the row of an object, storing its bytes if they are new."""
        digest = hashlib.sha256(body).digest()
        found = self._number(
            "SELECT id FROM objects WHERE object_id = ? AND version = ? AND sha256 = ?",
            object_id,
            version,
            digest,
        )
        return found or self._insert(
            "INSERT INTO objects (object_id, object_type, version, sha256, body) "
            "VALUES (?, ?, ?, ?, ?)",
            object_id,
            object_type,
            version,
            digest,
            body,
        )

    def _label(self, label: Label) -> int:
        known = self._interned.labels
        if label not in known:
            document = label_bytes(label)
            found = self._number("SELECT id FROM labels WHERE document = ?", document)
            known[label] = found or self._insert(
                "INSERT INTO labels (document) VALUES (?)", document
            )
        return known[label]

    def _release_class(self, one: ReleaseClass) -> int:
        known = self._interned.classes
        if one not in known:
            key = one.key()
            found = self._number("SELECT id FROM release_classes WHERE key = ?", key)
            known[one] = found or self._insert(
                "INSERT INTO release_classes (key, origin, object_type, label, purpose) "
                "VALUES (?, ?, ?, ?, ?)",
                key,
                one.origin,
                one.object_type,
                self._label(one.label),
                one.purpose,
            )
        return known[one]

    def _ascending(self, table: str, column: str, moment: str) -> str:
        """Return ``moment``, moved on if need be to come after the last: TAXII pages by it."""
        if table not in self._moments:
            row = self._row(f'SELECT {column} FROM {table} ORDER BY "order" DESC LIMIT 1')  # noqa: S608
            self._moments[table] = "" if row is None else row[0]
        last = self._moments[table]
        self._moments[table] = moment if moment > last else next_moment(last)
        return self._moments[table]

    def put_reference(self, set_name: str, objects: Sequence[NewReference], at: str) -> None:
        """See port."""
        wanted: dict[int, None] = {}
        for one in objects:
            wanted[self._object(one.object_id, one.object_type, one.version, one.body)] = None
        held = {
            row[0]
            for row in self._rows(
                "SELECT object FROM reference_objects WHERE set_name = ?", set_name
            )
        }
        self._drop_references(set_name, held - wanted.keys())
        for obj in wanted:
            if obj not in held:
                self._sql.execute(
                    "INSERT INTO reference_objects (set_name, object, added_at) VALUES (?, ?, ?)",
                    (set_name, obj, self._ascending("reference_objects", "added_at", at)),
                )

    def _drop_references(self, set_name: str, gone: set[int]) -> None:
        """Remove objects from a set, and their bytes where nothing else uses them."""
        if not gone:
            return
        chosen = json_set(gone)
        self._sql.execute(
            "DELETE FROM reference_objects WHERE set_name = ? "
            "AND object IN (SELECT value FROM json_each(?))",
            (set_name, chosen),
        )
        self._sql.execute(
            "DELETE FROM objects WHERE id IN (SELECT value FROM json_each(?)) "
            "AND NOT EXISTS (SELECT 1 FROM statements s WHERE s.object = objects.id) "
            "AND NOT EXISTS (SELECT 1 FROM reference_objects r WHERE r.object = objects.id)",
            (chosen,),
        )
