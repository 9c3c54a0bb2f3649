"""Writing content: statements with their objects, search text and indexes; reference sets."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence, Set
from hashlib import sha256

import msgspec

from ringwall.core import Clock, InternalFault, StatementId
from ringwall.labels import Label
from ringwall.policy import ReleaseClass
from ringwall.store.derived import MARKED, derived_keys, derived_references, derived_text
from ringwall.store.keys import index_key, index_keys, key_list
from ringwall.store.labelling import WITHDRAWN, label_bytes
from ringwall.store.moments import ascending, moved_on
from ringwall.store.records import NewReference, NewStatement, Statement
from ringwall.store.rows import write_parts
from ringwall.store.sqlite.base import json_set
from ringwall.store.sqlite.outward import OutwardWrites
from ringwall.store.sqlite.selecting import ABOUT_ANY
from ringwall.store.sqlite.two_level import Recent, drain


class Interned:
    """What the writer remembers between jobs: interned rows, and the last numbers given out.

    Whoever rolls back must clear it: a row that was interned in what is undone is not there.
    """

    def __init__(self) -> None:
        self.labels: dict[Label, int] = {}
        self.classes: dict[ReleaseClass, int] = {}
        self.decisions: dict[bytes, int] = {}
        self.last: dict[str, int] = {}
        self.moments: dict[str, str] = {}
        self.recent = {"observables": Recent(), "object_keys": Recent()}

    def clear(self) -> None:
        """Forget everything."""
        for recent in self.recent.values():
            recent.rows = None
        for each in (self.labels, self.classes, self.decisions, self.last, self.moments):
            each.clear()


class _Held(msgspec.Struct, frozen=True):
    """A stored object with an id that is about to be stated."""

    id: int
    stated: bool


_HeldVersions = dict[tuple[str, bytes], _Held]
"""What is stored under one STIX id, by version and SHA-256: found at once, however many."""


class ContentWrites(OutwardWrites):
    """Writes of content: whole bundles at a time, because a statement by itself is dear."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, interned: Interned | None = None
    ) -> None:
        super().__init__(connection, clock)
        self._interned = interned or Interned()
        self._about: dict[tuple[str, str], dict[str, list[int]]] = {}
        self._absent: dict[str, int] = {}

    def stored_ids(self, object_ids: Collection[str]) -> set[str]:
        """See port. What is not there is remembered, with its key, until it is added."""
        names = list(object_ids)
        keys = index_keys(names)
        rows = self._rows(
            f"SELECT o.object_id FROM {ABOUT_ANY} k CROSS JOIN objects o ON o.id = k.object",
            msgspec.json.encode(keys).decode(),
        )
        stored = {row[0] for row in rows}.intersection(names)
        self._absent.update(
            (name, key) for name, key in zip(names, keys, strict=True) if name not in stored
        )
        return stored

    def statements_about(self, origin: str, object_id: str, version: str) -> list[Statement]:
        """See port. The versions of an object are looked up once for all that a job asks for.

        They share one key of the index: of an object with very many versions, each would cost a
        walk over all of them, while everybody waits for the writer.
        """
        key = (origin, object_id)
        if key not in self._about:
            known = self._about[key] = {}
            for each, order in self._orders_about(origin, object_id):
                known.setdefault(each, []).append(order)
        return self._load(self._about[key].get(version, []))

    def next_sequence(self, origin: str, count: int, *, gap: int = 0, least: int = 1) -> int:
        """See port."""
        last = self._number(
            "INSERT INTO sequences VALUES (?1, max(?2, ?3)) "
            "ON CONFLICT DO UPDATE SET last = max(last + ?2, ?3) RETURNING last",
            origin,
            gap + count,
            least + count - 1,
        )
        return last - count + 1

    def add_statements(self, batch: Sequence[NewStatement]) -> list[int | None]:
        """See port."""
        taken = self._taken_sequences(batch)
        fresh: list[NewStatement] = []
        for new in batch:
            if new.id not in taken:
                taken.add(new.id)
                fresh.append(new)
        if not fresh:
            return [None] * len(batch)
        orders = dict(zip((new.id for new in fresh), self._add(fresh), strict=True))
        if len(fresh) == len(batch):
            return list(orders.values())
        return [orders.pop(new.id, None) for new in batch]

    def _taken_sequences(self, batch: Sequence[NewStatement]) -> set[StatementId]:
        """Return those of the batch's ids that are stored already."""
        wanted: dict[str, list[int]] = {}
        for new in batch:
            wanted.setdefault(new.id.origin, []).append(new.id.sequence)
        return {
            StatementId(origin, row[0])
            for origin, sequences in wanted.items()
            for row in self._rows(
                "SELECT sequence FROM statements WHERE origin = ?1 AND sequence BETWEEN ?2 AND ?3 "
                "AND sequence IN (SELECT value FROM json_each(?4))",
                origin,
                min(sequences),
                max(sequences),
                json_set(sequences),
            )
        }

    def _add(self, fresh: Sequence[NewStatement]) -> range:
        """Store statements that are not there; return their orders."""
        self._about.clear()
        objects, contested = self._objects(fresh)
        first = self._take("statements", len(fresh))
        moments = self._moments("statements", "received_at", fresh[0].received_at, len(fresh))
        label, release_class = self._label, self._release_class
        self._insert_rows(
            "INTO statements",
            [
                (
                    order,
                    new.id.origin,
                    new.id.sequence,
                    obj,
                    label(new.label),
                    release_class(new.release_class),
                    None if new.decision is None else self._decision(new.decision),
                    new.object_id in contested,
                    new.lane.value,
                    new.submitted_by,
                    moment,
                    new.seed,
                    new.digest,
                )
                for order, new, obj, moment in zip(
                    range(first, first + len(fresh)), fresh, objects, moments, strict=True
                )
            ],
        )
        self._index_observables(fresh, first)
        self._put_parts(fresh, first)
        for lane, number in Counter(new.lane.value for new in fresh).items():
            self._sql.execute(
                "INSERT INTO lane_counts VALUES (?1, ?2) "
                "ON CONFLICT DO UPDATE SET statements = statements + ?2",
                (lane, number),
            )
        return range(first, first + len(fresh))

    def _put_parts(self, fresh: Sequence[NewStatement], first: int) -> None:
        """Keep what only few statements have: a disclosure, classes of single properties."""
        rare = [
            (order, new) for order, new in enumerate(fresh, first) if new.disclosure or new.parts
        ]
        disclosures = [(order, new.disclosure) for order, new in rare if new.disclosure]
        self._insert_rows("INTO disclosures", disclosures)
        parts = [
            (order, write_parts({name: self._release_class(one) for name, one in new.parts}))
            for order, new in rare
            if new.parts
        ]
        self._insert_rows("INTO parts", parts)

    def drop_narrower(self, order: int) -> None:
        """See port."""
        row = self._row(
            "SELECT s.object, s.lane, o.object_id, o.body FROM statements s "
            'JOIN objects o ON o.id = s.object WHERE s."order" = ?',
            order,
        )
        if row is None:
            raise InternalFault(f"there is no statement {order} to replace", field="statements")
        keys = [(key, order) for key in derived_keys(row[3])]
        for table in ("observables", "observables_recent"):
            self._sql.executemany(f"DELETE FROM {table} WHERE key = ? AND statement = ?", keys)
        for table in ("disclosures", "parts", "proofs"):
            self._sql.execute(f"DELETE FROM {table} WHERE statement = ?", (order,))
        self._sql.execute('DELETE FROM statements WHERE "order" = ?', (order,))
        self._sql.execute(
            "UPDATE lane_counts SET statements = statements - 1 WHERE lane = ?", (row[1],)
        )
        self._interned.recent["observables"].rows = None
        self._about.clear()
        self._drop_unstated(row[0], row[2], row[3])

    def _drop_unstated(self, obj: int, object_id: str, body: bytes) -> None:
        """Remove an object that nobody states any more; a reference set may keep its bytes."""
        if self._row("SELECT 1 FROM statements WHERE object = ?", obj) is not None:
            return
        text = derived_text(body)  # an index without content needs the words to forget them
        self._sql.execute(
            "INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)", (obj, text)
        )
        self._sql.executemany(
            "DELETE FROM object_references WHERE target = ? AND object = ?",
            [(target, obj) for target in derived_references(body)],
        )
        self._drop_unused([(obj, object_id)])

    def _index_observables(self, fresh: Sequence[NewStatement], first: int) -> None:
        """Make statements, whose orders begin with ``first``, findable by their observables."""
        found = [
            (one.value, order) for order, new in enumerate(fresh, first) for one in new.observables
        ]
        keys = index_keys([value for value, _ in found])
        rows = sorted({(key, order) for key, (_, order) in zip(keys, found, strict=True)})
        self._insert_rows("INTO observables_recent", rows)
        drain(self._sql, "observables", len(rows), self._interned.recent["observables"])

    def _objects(self, fresh: Sequence[NewStatement]) -> tuple[list[int], set[str]]:
        """Store what is new of the objects; return their rows, and the ids that are contested."""
        held = self._held({new.object_id for new in fresh})
        contested = {
            name for name, rows in held.items() if any(row.stated for row in rows.values())
        }
        self._contest(contested)
        made: dict[tuple[str, str, bytes], int] = {}
        found: list[int] = []
        rows: list[tuple[int, str, str, str, bytes, bool, bytes]] = []
        texts: list[tuple[int, str]] = []
        edges: list[tuple[str, int]] = []
        seen: set[str] = set()
        following = self._last("objects") + 1
        for new in fresh:
            name, version, body = new.object_id, new.version, new.body
            digest = new.sha256
            if name in seen:
                contested.add(name)
            seen.add(name)
            key = (name, version, digest)
            known = made.get(key)
            if known is None and name in held:
                known = self._known_object(held[name], new, digest, texts)
            if known is None:
                known = following
                following += 1
                marked = MARKED in body
                rows.append((known, name, new.object_type, version, digest, marked, body))
                texts.append((known, new.text))
                edges += [(target, known) for target in new.references]
            made[key] = known
            found.append(known)
        self._add_objects(rows)
        self._insert_rows("INTO search (rowid, text)", texts)
        self._insert_rows("OR IGNORE INTO object_references", edges)
        return found, contested

    def _known_object(
        self, held: _HeldVersions, new: NewStatement, digest: bytes, texts: list[tuple[int, str]]
    ) -> int | None:
        """Return the row of the very same object; it becomes findable when it is first stated."""
        row = held.get((new.version, digest))
        if row is None:
            return None
        if not row.stated:
            texts.append((row.id, new.text))
            self._refer(row.id, new)
        return row.id

    def _refer(self, obj: int, new: NewStatement) -> None:
        if new.references:
            self._insert_rows(
                "OR IGNORE INTO object_references", [(target, obj) for target in new.references]
            )

    def _held(self, object_ids: Set[str]) -> dict[str, _HeldVersions]:
        """Find what is stored under these STIX ids."""
        object_ids = object_ids - self._absent.keys()
        if not object_ids:
            return {}
        rows = self._rows(
            "SELECT o.object_id, o.id, o.version, o.sha256, "
            "EXISTS (SELECT 1 FROM statements s WHERE s.object = o.id) "
            f"FROM {ABOUT_ANY} k CROSS JOIN objects o ON o.id = k.object",
            key_list(object_ids),
        )
        held: dict[str, _HeldVersions] = {}
        for name, row_id, version, digest, stated in rows:
            if name in object_ids:
                versions = held.setdefault(name, {})
                versions.setdefault((version, digest), _Held(row_id, stated))
        return held

    def _contest(self, object_ids: Collection[str]) -> None:
        """Note on earlier statements that theirs is not the only one about its object."""
        if object_ids:
            self._sql.execute(
                "UPDATE statements SET contested = 1 WHERE contested = 0 AND object IN "
                f"(SELECT o.id FROM {ABOUT_ANY} k CROSS JOIN objects o ON o.id = k.object "
                "WHERE o.object_id IN (SELECT value FROM json_each(?2)))",
                (key_list(object_ids), json_set(object_ids)),
            )

    def set_proofs(self, batch: bytes, items: Sequence[tuple[int, bytes]]) -> None:
        """See port."""
        shared = self._insert("INSERT INTO proof_batches (shared) VALUES (?)", batch)
        self._insert_rows("OR REPLACE INTO proofs", [(order, shared, own) for order, own in items])

    def withdraw(self, orders: Sequence[int]) -> None:
        """See port. The class that the rows are filed under is open to nobody."""
        for order in orders:
            row = self._row(
                "SELECT c.origin, c.object_type, c.purpose FROM statements s "
                'JOIN release_classes c ON c.id = s.release_class WHERE s."order" = ?',
                order,
            )
            if row is not None:
                closed = ReleaseClass(row[0], row[1], WITHDRAWN, row[2])
                self._sql.execute(
                    'UPDATE statements SET release_class = ? WHERE "order" = ?',
                    (self._release_class(closed), order),
                )
        self.dequeue(orders)

    def _last(self, table: str) -> int:
        """Return the last row number that a table has ever given out."""
        known = self._interned.last
        if table not in known:
            known[table] = self._number("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return known[table]

    def _take(self, table: str, count: int) -> int:
        """Take ``count`` row numbers; return the first."""
        first = self._last(table) + 1
        self._interned.last[table] += count
        return first

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

    def _decision(self, document: bytes) -> int:
        known = self._interned.decisions
        if document not in known:
            known[document] = super()._decision(document)
        return known[document]

    def _moments(self, table: str, column: str, moment: str, count: int) -> Iterator[str]:
        """Yield ``count`` ascending times from ``moment`` on, after the last: TAXII pages by it."""
        known = self._interned.moments
        if table not in known:
            row = self._row(f'SELECT {column} FROM {table} ORDER BY "order" DESC LIMIT 1')
            replay = self._row("SELECT last, starts FROM replays ORDER BY number DESC LIMIT 1")
            known[table] = max("" if row is None else row[0], _end(replay))
        for at in ascending(moment, known[table], count):
            known[table] = at
            yield at

    def put_reference(self, set_name: str, objects: Sequence[NewReference], at: str) -> None:
        """See port."""
        wanted = self._reference_objects(objects)
        held = {
            row[0]
            for row in self._rows(
                "SELECT object FROM reference_objects WHERE set_name = ?", set_name
            )
        }
        self._drop_references(set_name, held - wanted.keys())
        added = [obj for obj in wanted if obj not in held]
        moments = self._moments("reference_objects", "added_at", at, len(added))
        self._insert_rows(
            "INTO reference_objects (set_name, object, added_at)",
            [(set_name, obj, moment) for obj, moment in zip(added, moments, strict=True)],
        )

    def _reference_objects(self, objects: Sequence[NewReference]) -> dict[int, None]:
        """Return the rows of objects, in their order, storing the bytes of those that are new."""
        held = self._held({one.object_id for one in objects})
        rows: dict[tuple[str, str, bytes], tuple[int, str, str, str, bytes, bool, bytes]] = {}
        found: dict[int, None] = {}
        following = self._last("objects") + 1
        for one in objects:
            digest = sha256(one.body).digest()
            same = held.get(one.object_id, {}).get((one.version, digest))
            key = (one.object_id, one.version, digest)
            if same is None and key not in rows:
                marked = MARKED in one.body
                fields = (one.object_id, one.object_type, one.version, digest, marked, one.body)
                rows[key] = (following, *fields)
                following += 1
            found[rows[key][0] if same is None else same.id] = None
        self._add_objects(list(rows.values()))
        return found

    def _add_objects(self, rows: Sequence[tuple[int, str, str, str, bytes, bool, bytes]]) -> None:
        self._take("objects", len(rows))
        self._insert_rows("INTO objects", rows)
        absent = self._absent
        keys = sorted(
            (absent.pop(row[1]) if row[1] in absent else index_key(row[1]), row[0]) for row in rows
        )
        self._insert_rows("INTO object_keys_recent", keys)
        drain(self._sql, "object_keys", len(keys), self._interned.recent["object_keys"])

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
        self._drop_unused(
            self._rows(
                "SELECT o.id, o.object_id FROM json_each(?) j JOIN objects o ON o.id = j.value "
                "WHERE NOT EXISTS (SELECT 1 FROM statements s WHERE s.object = o.id)",
                chosen,
            )
        )

    def _drop_unused(self, unstated: Sequence[tuple[int, str]]) -> None:
        """Remove the bytes of objects that nobody states, unless a reference set has them."""
        kept = "SELECT 1 FROM reference_objects WHERE object = ?"
        unused = [each for each in unstated if self._row(kept, each[0]) is None]
        keys = [(index_key(name), obj) for obj, name in unused]
        for table in ("object_keys", "object_keys_recent"):
            self._sql.executemany(f"DELETE FROM {table} WHERE key = ? AND object = ?", keys)
        self._sql.executemany("DELETE FROM objects WHERE id = ?", [(obj,) for obj, _ in unused])
        self._interned.recent["object_keys"].rows = None


def _end(replay: tuple[int, str] | None) -> str:
    """Return the last time that a replay keeps for itself."""
    return "" if replay is None else moved_on(replay[1], replay[0])
