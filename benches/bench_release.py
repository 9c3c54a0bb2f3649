"""Release decisions at the largest size that is foreseen, and what they cost where they are used.

In bulk, without anything remembered; one explanation; the preview of an agreement over a full
store; and the reader filter on a page. `RINGWALL_BENCH_STORED` statements are stored, 1,000,000
unless it is set.
"""

import hashlib
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from cedarpy import Entities, PolicySet, is_authorized_batch

from benches.bench_policy import cedar_entities, cedar_policies, cedar_request
from benches.figure import Figure, microseconds
from benches.large_alliance import classes, large_alliance
from ringwall.alliance import Alliance
from ringwall.core import Precedence, StatementId, SystemClock, format_timestamp
from ringwall.labels import Tlp
from ringwall.policy import CompiledPolicy, Kernel, ReleaseClass, decide_member
from ringwall.sharing import preview
from ringwall.store import NewStatement, PageRow, SqliteStore
from ringwall.trust import statement_digest

STORED = int(os.environ.get("RINGWALL_BENCH_STORED", "1000000"))
PAGE = 1_000
ROUNDS = 99
SAMPLE = 20
NAME = "full.db"
_ALL = """
SELECT s."order", o.object_id, o.object_type, o.version, s.received_at, s.release_class, o.marked,
       s.contested, s.digest, o.body
FROM statements s JOIN objects o ON o.id = s.object WHERE s."order" > ? ORDER BY s."order" LIMIT ?
"""


def run() -> list[Figure]:
    """Measure; the kernel must first agree with its definition on a sample."""
    alliance, at = large_alliance(), SystemClock().now()
    asked = classes(alliance)
    _check(alliance, asked[:SAMPLE])
    pairs = len(asked) * len(alliance.members)
    bulk = min(_seconds(lambda: _decide_all(alliance, asked)) for _ in range(3))
    sample = [(one, member) for one in asked[:SAMPLE] for member in list(alliance.members)[:50]]
    defined = microseconds(lambda: [decide_member(alliance, *p, at) for p in sample]) / len(sample)
    kernel = Kernel(alliance, SystemClock())
    explained = microseconds(lambda: kernel.explain(asked[0], "company-0500"))
    return [
        Figure("policy.bulk", pairs / bulk, f"decisions/s, {len(asked)} labels, nothing remembered",
               _cedar_rate(alliance), "cedarpy, TLP and REL TO alone, parsed once, one batch"),
        Figure("policy.explain", explained / 1e3, "ms, one member, every gate with its reason",
               defined / 1e3, "the definition over many members"),
        *_on_a_full_store(alliance, asked),
    ]  # fmt: skip


def _check(alliance: Alliance, asked: Sequence[ReleaseClass]) -> None:
    compiled, at = CompiledPolicy(alliance), SystemClock().now()
    permitted = 0
    for one in asked:
        found = set(compiled.members(compiled.recipients(one, at).bits))
        defined = {m for m in alliance.members if decide_member(alliance, one, m, at).permit}
        permitted += len(found)
        if found != defined:
            raise ValueError(f"compiled and defined decide {one} otherwise")
    if not permitted:
        raise ValueError("the examples are all withheld from everybody")


def _decide_all(alliance: Alliance, asked: Sequence[ReleaseClass]) -> int:
    compiled, at = CompiledPolicy(alliance), SystemClock().now()
    return sum(compiled.recipients(one, at).bits.bit_count() for one in asked)


def _cedar_rate(alliance: Alliance) -> float:
    policies = PolicySet.from_str("\n".join(cedar_policies(alliance)))
    entities = Entities.from_json_str(msgspec.json.encode(cedar_entities(alliance)).decode())
    at = SystemClock().now()
    plain = [one for one in classes(alliance, 60) if one.label.confidentiality is None]
    requests = [
        cedar_request((one, member), at)
        for one in plain[:SAMPLE]
        for member in list(alliance.members)[:20]
    ]
    return len(requests) / _seconds(lambda: is_authorized_batch(requests, policies, entities))


def _seconds(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def _on_a_full_store(alliance: Alliance, asked: Sequence[ReleaseClass]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / NAME, clock=SystemClock())
        try:
            _fill(store, asked)
            return [_preview(store, alliance), _filter(store, alliance, store.directory / NAME)]
        finally:
            store.close()


def _fill(store: SqliteStore, asked: Sequence[ReleaseClass]) -> None:
    """Store small statements, every class in turn."""
    now, seed = format_timestamp(SystemClock().now()), bytes(32)

    def batch(first: int) -> list[NewStatement]:
        rows = []
        for number in range(first, min(first + PAGE, STORED + 1)):
            one = asked[number // 2 % len(asked)]
            if number % 2:  # half of what there is was stated by the reader's own member
                one = msgspec.structs.replace(one, origin="nation-00")
            name = f"{one.object_type}--00000000-0000-4000-8000-{number:012}"
            body = b'{"id":"%b","spec_version":"2.1","type":"x"}' % name.encode()
            digest = hashlib.sha256(body).digest()
            rows.append(
                NewStatement(
                    id=StatementId(f"{one.origin}-1", number), object_id=name,
                    object_type=one.object_type, version="", body=body, label=one.label,
                    release_class=one, lane=Precedence.BULK, submitted_by="", received_at=now,
                    seed=seed, sha256=digest, digest=statement_digest(seed, digest),
                )
            )  # fmt: skip
        return rows

    for first in range(1, STORED + 1, PAGE):
        rows = batch(first)
        store.write(lambda tx, rows=rows: tx.add_statements(rows)).result()


def _preview(store: SqliteStore, alliance: Alliance) -> Figure:
    """Widen one agreement to every member and look what that would open."""
    first, *others = alliance.agreements
    wider = msgspec.structs.replace(
        first, parties=frozenset(alliance.members), highest_tlp=Tlp.RED, object_types=None
    )
    after = msgspec.structs.replace(alliance, agreements=(wider, *others))

    def look() -> None:
        with store.read() as tx:
            known, counts = tx.release_classes(), tx.class_counts()
        if not preview(alliance, after, known, counts, SystemClock().now()):
            raise ValueError("the change opens nothing")

    taken = min(_seconds(look) for _ in range(3))
    return Figure("policy.preview", taken, f"s, one agreement over {STORED:,} statements")


def _filter(store: SqliteStore, alliance: Alliance, path: Path) -> Figure:
    """Compare a page of the half that a reader may see with a page of whatever there is."""
    kernel, reader = Kernel(alliance, SystemClock()), alliance.readers["analyst"]
    plain = sqlite3.connect(path)
    start = STORED // 2
    unfiltered, filtered = [], []
    with store.read() as tx:
        known = tx.release_classes()
        for _ in range(ROUNDS):  # in turn, so that both meet the same noise
            unfiltered.append(_seconds(lambda: _unfiltered(plain, start)))
            filtered.append(
                _seconds(lambda: tx.rows(kernel.readable(known, reader), after=start, limit=PAGE))
            )
        rows = tx.rows(kernel.readable(known, reader), after=start, limit=PAGE)
    plain.close()
    share = PAGE / (rows[-1].order - start)
    value, baseline = statistics.median(filtered) * 1e3, statistics.median(unfiltered) * 1e3
    return Figure(
        "policy.filter.cost", value, f"ms, page of {PAGE}, reader of {share:.0%} of the statements",
        baseline, "the same columns of the same store without any filter",
    )  # fmt: skip


def _unfiltered(plain: sqlite3.Connection, start: int) -> list[PageRow]:
    return [PageRow(*row) for row in plain.execute(_ALL, (start, PAGE))]
