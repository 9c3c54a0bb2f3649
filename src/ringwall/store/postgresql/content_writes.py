"""Writing content: statements with their objects, search text and indexes; reference sets.

A bundle is two exchanges with the server, each a pipeline: what is there already, and all that is
new, one statement for each table with an array for each column.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from ringwall.core import InternalFault, StatementId
from ringwall.labels import Label
from ringwall.policy import ReleaseClass
from ringwall.store.derived import MARKED, derived_keys, derived_references
from ringwall.store.keys import index_key
from ringwall.store.labelling import WITHDRAWN, label_bytes
from ringwall.store.moments import ascending, moved_on
from ringwall.store.postgresql.arrays import (
    bigints,
    bigints_or_nulls,
    blobs,
    booleans,
    encoded_texts,
    texts,
)
from ringwall.store.postgresql.outward import OutwardWrites
from ringwall.store.postgresql.terms import terms
from ringwall.store.records import NewReference, NewStatement
from ringwall.store.rows import write_parts

_OBJECTS = (
    "INSERT INTO objects SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], "
    "$5::bytea[], $6::boolean[], $7::bytea[])"
)
_STATEMENTS = (
    "INSERT INTO statements SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], "
    "$4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::boolean[], $9::text[], "
    "$10::text[], $11::text[], $12::bytea[], $13::bytea[])"
)
_HELD = (
    "SELECT o.object_id, o.id, o.version, o.sha256, "
    "EXISTS (SELECT 1 FROM statements s WHERE s.object = o.id) "
    "FROM unnest($1::text[]) j (name) JOIN objects o ON o.object_id = j.name"
)
_COUNTERS = "SELECT name, last FROM counters FOR UPDATE"
"""Whoever has read this holds the rows until its transaction ends: nobody else takes a number."""
_MOMENTS = (
    "SELECT coalesce((SELECT received_at FROM statements ORDER BY \"order\" DESC LIMIT 1), ''), "
    "coalesce((SELECT added_at FROM reference_objects ORDER BY \"order\" DESC LIMIT 1), ''), "
    "r.last, r.starts FROM (VALUES (1)) one (x) "
    "LEFT JOIN (SELECT last, starts FROM replays ORDER BY number DESC LIMIT 1) r ON true"
)


class _Held(msgspec.Struct, frozen=True):
    """A stored object with an id that is about to be stated."""

    id: int
    version: str
    sha256: bytes
    stated: bool


class _NewRows:
    """What a batch adds beside its statements: objects, their words and their references."""

    def __init__(self, following: int) -> None:
        self.following = following
        self.objects: list[tuple[int, str, str, str, bytes, bool, bytes]] = []
        self.texts: list[tuple[int, bytes]] = []
        self.references: list[tuple[str, int]] = []

    def add(self, one: NewStatement | NewReference, digest: bytes) -> int:
        """Add an object and return its row."""
        row = self.following
        self.following += 1
        marked = MARKED in one.body
        fields = (one.object_id, one.object_type, one.version, digest, marked, one.body)
        self.objects.append((row, *fields))
        return row

    def find(self, row: int, new: NewStatement) -> None:
        """Make an object findable: when it is first stated."""
        self.texts.append((row, terms(new.text)))
        self.references += [(target, row) for target in dict.fromkeys(new.references)]


class ContentWrites(OutwardWrites):
    """Writes of content: whole bundles at a time, because a statement by itself is dear."""

    def next_sequence(self, origin: str, count: int, *, gap: int = 0, least: int = 1) -> int:
        """See port."""
        last = self._number(
            "INSERT INTO sequences AS s VALUES ($1, greatest($2::bigint, $3::bigint)) "
            "ON CONFLICT (origin) DO UPDATE SET last = greatest(s.last + $2, $3) RETURNING last",
            origin,
            gap + count,
            least + count - 1,
        )
        return last - count + 1

    def add_statements(self, batch: Sequence[NewStatement]) -> list[int | None]:
        """See port."""
        if not batch:
            return []
        taken, held = self._look_up(batch)
        fresh: list[NewStatement] = []
        for new in batch:
            if new.id not in taken:
                taken.add(new.id)
                fresh.append(new)
        if not fresh:
            return [None] * len(batch)
        orders = dict(zip((new.id for new in fresh), self._add(fresh, held), strict=True))
        if len(fresh) == len(batch):
            return list(orders.values())
        return [orders.pop(new.id, None) for new in batch]

    def _look_up(
        self, batch: Sequence[NewStatement]
    ) -> tuple[set[StatementId], dict[str, list[_Held]]]:
        """Find which ids are taken, and what is stored of the objects, in one exchange."""
        with self._sql.pipeline():
            known = self._execute(
                "SELECT s.origin, s.sequence FROM unnest($1::text[], $2::bigint[]) j (origin, at) "
                "JOIN statements s ON s.origin = j.origin AND s.sequence = j.at",
                texts([new.id.origin for new in batch]),
                bigints([new.id.sequence for new in batch]),
            )
            objects = self._execute(_HELD, texts({new.object_id for new in batch}))
            self._learn_last()
        taken = {StatementId(*row) for row in known.fetchall()}
        return taken, _by_name(objects.fetchall())

    def _add(self, fresh: Sequence[NewStatement], held: dict[str, list[_Held]]) -> range:
        """Store statements that are not there; return their orders."""
        first = self._take("statements", len(fresh))
        rows = _NewRows(self._last("objects") + 1)
        objects, contested = _assign(fresh, held, rows)
        moments = self._moments("statements", fresh[0].received_at, len(fresh))
        labels = [self._label(new.label) for new in fresh]
        for new in fresh:  # none can be interned inside the pipeline
            for _, one in new.parts:
                self._release_class(one)
        classes = [self._release_class(new.release_class) for new in fresh]
        decisions = [
            None if new.decision is None else self._decision(new.decision) for new in fresh
        ]
        with self._sql.pipeline():
            self._contest([name for name in contested if name in held])
            self._put_objects(rows)
            self._put_found(rows)
            self._execute(
                _STATEMENTS,
                bigints(range(first, first + len(fresh))),
                texts([new.id.origin for new in fresh]),
                bigints([new.id.sequence for new in fresh]),
                bigints(objects),
                bigints(labels),
                bigints(classes),
                bigints_or_nulls(decisions),
                booleans([new.object_id in contested for new in fresh]),
                texts([new.lane.value for new in fresh]),
                texts([new.submitted_by for new in fresh]),
                texts(moments),
                blobs([new.seed for new in fresh]),
                blobs([new.digest for new in fresh]),
            )
            self._index(fresh, first)
            self._put_parts(fresh, first)
        return range(first, first + len(fresh))

    def _put_objects(self, rows: _NewRows) -> None:
        if rows.objects:
            self._take("objects", len(rows.objects))
            ids, names, types, versions, digests, marks, bodies = zip(*rows.objects, strict=True)
            self._execute(
                _OBJECTS,
                bigints(ids),
                texts(names),
                texts(types),
                texts(versions),
                blobs(digests),
                booleans(marks),
                blobs(bodies),
            )

    def _put_found(self, rows: _NewRows) -> None:
        if rows.texts:
            objects, found = zip(*rows.texts, strict=True)
            self._execute(
                "INSERT INTO search SELECT one.object, one.terms::tsvector "
                "FROM unnest($1::bigint[], $2::text[]) one (object, terms)",
                bigints(objects),
                encoded_texts(found),
            )
        if rows.references:
            targets, objects = zip(*sorted(rows.references), strict=True)
            self._execute(
                "INSERT INTO object_references SELECT * FROM unnest($1::text[], $2::bigint[])",
                texts(targets),
                bigints(objects),
            )

    def _index(self, fresh: Sequence[NewStatement], first: int) -> None:
        """Note the observables, and how many statements each lane has."""
        keys = {
            (index_key(one.value), order)
            for order, new in enumerate(fresh, first)
            for one in new.observables
        }
        if keys:
            values, orders = zip(*sorted(keys), strict=True)
            self._execute(
                "INSERT INTO observables SELECT * FROM unnest($1::bigint[], $2::bigint[])",
                bigints(values),
                bigints(orders),
            )
        for lane, number in Counter(new.lane.value for new in fresh).items():
            self._execute(
                "INSERT INTO lane_counts AS l VALUES ($1, $2) "
                "ON CONFLICT (lane) DO UPDATE SET statements = l.statements + $2",
                lane,
                number,
            )

    def _put_parts(self, fresh: Sequence[NewStatement], first: int) -> None:
        """Keep what only few statements have: a disclosure, classes of single properties."""
        for order, new in enumerate(fresh, first):
            if new.disclosure:
                self._execute("INSERT INTO disclosures VALUES ($1, $2)", order, new.disclosure)
            if new.parts:
                parts = write_parts({name: self._release_class(one) for name, one in new.parts})
                self._execute("INSERT INTO parts VALUES ($1, $2)", order, parts)

    def drop_narrower(self, order: int) -> None:
        """See port."""
        row = self._row(
            "SELECT s.object, s.lane, o.body FROM statements s JOIN objects o ON o.id = s.object "
            'WHERE s."order" = $1',
            order,
        )
        if row is None:
            raise InternalFault(f"there is no statement {order} to replace", field="statements")
        self._execute(
            "DELETE FROM observables WHERE statement = $1 AND key = ANY($2::bigint[])",
            order,
            bigints(derived_keys(row[2])),
        )
        for table in ("disclosures", "parts", "proofs"):
            self._execute(f"DELETE FROM {table} WHERE statement = $1", order)
        self._execute('DELETE FROM statements WHERE "order" = $1', order)
        self._execute("UPDATE lane_counts SET statements = statements - 1 WHERE lane = $1", row[1])
        self._drop_unstated(row[0], row[2])

    def _drop_unstated(self, obj: int, body: bytes) -> None:
        """Remove an object that nobody states any more; a reference set may keep its bytes."""
        stated = "SELECT 1 FROM statements WHERE object = $1"
        if self._row(stated, obj) is not None:
            return
        self._execute("DELETE FROM search WHERE object = $1", obj)
        self._execute(
            "DELETE FROM object_references WHERE target = ANY($1::text[]) AND object = $2",
            texts(derived_references(body)),
            obj,
        )
        self._execute(
            "DELETE FROM objects o WHERE o.id = $1 "
            "AND NOT EXISTS (SELECT 1 FROM reference_objects r WHERE r.object = o.id)",
            obj,
        )

    def _contest(self, object_ids: list[str]) -> None:
        """Note on earlier statements that theirs is not the only one about its object."""
        if object_ids:
            self._execute(
                "UPDATE statements SET contested = true WHERE NOT contested AND object IN "
                "(SELECT o.id FROM unnest($1::text[]) j (name) "
                "JOIN objects o ON o.object_id = j.name)",
                texts(object_ids),
            )

    def set_proofs(self, batch: bytes, items: Sequence[tuple[int, bytes]]) -> None:
        """See port."""
        stored = self._execute(
            "WITH batch AS (INSERT INTO proof_batches (shared) VALUES ($1) RETURNING id) "
            'INSERT INTO proofs SELECT s."order", batch.id, one.own '
            "FROM batch, unnest($2::bigint[], $3::bytea[]) one (statement, own) "
            'JOIN statements s ON s."order" = one.statement '
            "ON CONFLICT (statement) DO UPDATE SET batch = excluded.batch, own = excluded.own",
            batch,
            bigints([order for order, _ in items]),
            blobs([own for _, own in items]),
        )
        if stored.rowcount != len(items):
            raise InternalFault("a proof is of no statement", field="proofs")

    def withdraw(self, orders: Sequence[int]) -> None:
        """See port. The class that the rows are filed under is open to nobody."""
        rows = self._rows(
            'SELECT s."order", c.origin, c.object_type, c.purpose FROM statements s '
            "JOIN release_classes c ON c.id = s.release_class "
            'WHERE s."order" = ANY($1::bigint[])',
            bigints(orders),
        )
        for order, origin, object_type, purpose in rows:
            closed = self._release_class(ReleaseClass(origin, object_type, WITHDRAWN, purpose))
            self._execute(
                'UPDATE statements SET release_class = $1 WHERE "order" = $2', closed, order
            )
        self.dequeue(orders)

    def _learn_last(self) -> None:
        """Learn the last numbers and times given out, once in a transaction, in one exchange."""
        known = self._memory
        if known.last:
            return
        with self._sql.pipeline():
            counters, moments = self._execute(_COUNTERS), self._execute(_MOMENTS)
        known.last.update(counters.fetchall())
        received, added, last, starts = moments.fetchone() or ("", "", None, "")
        end = "" if last is None else moved_on(starts, last)
        known.moments.update(statements=max(received, end), reference_objects=added)

    def _last(self, counter: str) -> int:
        """Return the last row number that was given out."""
        self._learn_last()
        return self._memory.last[counter]

    def _take(self, counter: str, count: int) -> int:
        """Take ``count`` row numbers and return the first. Nobody else can until we commit."""
        first = self._last(counter) + 1
        self._memory.last[counter] += count
        self._execute("UPDATE counters SET last = last + $2 WHERE name = $1", counter, count)
        return first

    def _label(self, label: Label) -> int:
        known = self._memory.labels
        if label not in known:
            document = label_bytes(label)
            found = self._number(
                "SELECT id FROM labels WHERE sha256(document) = sha256($1)", document
            )
            known[label] = found or self._number(
                "INSERT INTO labels (document) VALUES ($1) RETURNING id", document
            )
        return known[label]

    def _release_class(self, one: ReleaseClass) -> int:
        known = self._memory.classes
        if one not in known:
            key = one.key()
            found = self._number(
                "SELECT id FROM release_classes WHERE sha256(key) = sha256($1)", key
            )
            known[one] = found or self._number(
                "INSERT INTO release_classes (key, origin, object_type, label, purpose) "
                "VALUES ($1, $2, $3, $4, $5) RETURNING id",
                key,
                one.origin,
                one.object_type,
                self._label(one.label),
                one.purpose,
            )
        return known[one]

    def _moments(self, table: str, moment: str, count: int) -> Iterator[str]:
        """Yield ``count`` ascending times from ``moment`` on, after the last: TAXII pages by it."""
        self._learn_last()
        known = self._memory.moments
        for at in ascending(moment, known[table], count):
            known[table] = at
            yield at

    def put_reference(self, set_name: str, objects: Sequence[NewReference], at: str) -> None:
        """See port."""
        wanted = self._reference_objects(objects)
        rows = self._rows("SELECT object FROM reference_objects WHERE set_name = $1", set_name)
        held = {row[0] for row in rows}
        self._drop_references(set_name, list(held - wanted.keys()))
        added = [obj for obj in wanted if obj not in held]
        first = self._take("reference_objects", len(added))
        self._execute(
            "INSERT INTO reference_objects SELECT one.number, $4, one.object, one.added_at "
            "FROM unnest($1::bigint[], $2::bigint[], $3::text[]) one (number, object, added_at)",
            bigints(range(first, first + len(added))),
            bigints(added),
            texts(self._moments("reference_objects", at, len(added))),
            set_name,
        )

    def _reference_objects(self, objects: Sequence[NewReference]) -> dict[int, None]:
        """Return the rows of objects, in their order, storing the bytes of those that are new."""
        held = _by_name(self._rows(_HELD, texts({one.object_id for one in objects})))
        rows = _NewRows(self._last("objects") + 1)
        made: dict[tuple[str, str, bytes], int] = {}
        for one in objects:
            digest = sha256(one.body).digest()
            key = (one.object_id, one.version, digest)
            if key not in made:
                same = _same(held.get(one.object_id, ()), one.version, digest)
                made[key] = rows.add(one, digest) if same is None else same.id
        self._put_objects(rows)
        return dict.fromkeys(made.values())

    def _drop_references(self, set_name: str, gone: list[int]) -> None:
        """Remove objects from a set, and their bytes where nothing else uses them."""
        if not gone:
            return
        self._execute(
            "DELETE FROM reference_objects WHERE set_name = $1 AND object = ANY($2::bigint[])",
            set_name,
            bigints(gone),
        )
        self._execute(
            "DELETE FROM objects o WHERE o.id = ANY($1::bigint[]) "
            "AND NOT EXISTS (SELECT 1 FROM statements s WHERE s.object = o.id) "
            "AND NOT EXISTS (SELECT 1 FROM reference_objects r WHERE r.object = o.id)",
            bigints(gone),
        )


def _by_name(rows: list[Any]) -> dict[str, list[_Held]]:
    held: dict[str, list[_Held]] = {}
    for name, *fields in rows:
        held.setdefault(name, []).append(_Held(*fields))
    return held


def _same(held: Sequence[_Held], version: str, digest: bytes) -> _Held | None:
    """Return the row of the very same object."""
    for row in held:
        if (row.version, row.sha256) == (version, digest):
            return row
    return None


def _assign(
    fresh: Sequence[NewStatement], held: dict[str, list[_Held]], rows: _NewRows
) -> tuple[list[int], set[str]]:
    """Return the object row of each statement, adding new ones, and the ids that are contested."""
    contested = {name for name, known in held.items() if any(row.stated for row in known)}
    made: dict[tuple[str, str, bytes], int] = {}
    seen: set[str] = set()
    found: list[int] = []
    for new in fresh:
        name, digest = new.object_id, new.sha256
        if name in seen:
            contested.add(name)
        seen.add(name)
        key = (name, new.version, digest)
        if key not in made:
            same = _same(held[name], new.version, digest) if name in held else None
            made[key] = rows.add(new, digest) if same is None else same.id
            if same is None or not same.stated:
                rows.find(made[key], new)
        found.append(made[key])
    return found, contested
