"""Prometheus metrics of one node, in a registry of their own.

Three ways lead here. What the database knows is read when somebody asks. What happens in the
process is counted as it happens: requests, submissions, commits. What the exchange does stands in
the audit log, entry by entry, so its counters follow the log from the start of the process on: they
cannot disagree with it.

No label holds content, a reader, an address or anything else that a stranger chooses. Labels are
lanes, nodes of the registry, routes of the table, methods, status codes, rules of this program.
"""

import re
import shutil
import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ringwall.core import LANES, Clock, RingwallError, parse_timestamp
from ringwall.exchange import SubmitResult
from ringwall.exchange.resumption import RESTORED, Restored
from ringwall.operations.registry_age import RegistryAge
from ringwall.store import ReadTransaction, Store

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LATENCIES = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0, 86400.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_PAGE = 500
_ENTRIES_AT_ONCE = 50_000
"""Entries that one look follows at most; the next look goes on there."""
_OUTSTANDING = 100_000
_RULE = re.compile(r"[a-z0-9-]{1,40}")
_RULES_MOST = 200

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class _Entry(msgspec.Struct):
    """The fields of an audit leaf that are counted."""

    kind: str = ""
    at: str = ""
    lane: str = ""
    rule: str = ""
    node: str = ""
    position: int = 0
    statements: list[str] = []
    recipients: dict[str, int] = {}


_ENTRY = msgspec.json.Decoder(_Entry)


class Metrics:
    """Counts what happens in a node and renders it."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        registry_age: RegistryAge,
        database: Path | None = None,
        probes: Mapping[str, Callable[[], bool]] | None = None,
    ) -> None:
        """``database`` is the file of an SQLite store; ``probes`` tell which parts work."""
        self._registry = CollectorRegistry()
        self._rules: set[str] = set()
        self._log = _LogFollower(store, self._registry, self._rule)
        self._gate = threading.Lock()
        state = _NodeState(store, clock, registry_age, database, dict(probes or {}))
        self._registry.register(state)
        ProcessCollector(registry=self._registry)
        self._make_counters()

    def _make_counters(self) -> None:
        registry = self._registry
        self._requests = Counter(
            "ringwall_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "ringwall_http_request_seconds",
            "Time to the first byte of an answer.",
            ("route",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._accepted = Counter(
            "ringwall_intake_accepted", "Objects accepted as statements.", registry=registry
        )
        self._refused = Counter(
            "ringwall_intake_refused", "Objects refused.", ("rule",), registry=registry
        )
        self._submissions_refused = Counter(
            "ringwall_intake_submissions_refused",
            "Submissions refused as a whole.",
            ("rule",),
            registry=registry,
        )
        self._decisions = Counter(
            "ringwall_release_decisions",
            "Decisions on statements of this node, per other member.",
            ("decision",),
            registry=registry,
        )
        self._commit_seconds = Histogram(
            "ringwall_store_commit_seconds",
            "Time of a write transaction.",
            registry=registry,
            buckets=_SECONDS,
        )
        self._commit_jobs = Histogram(
            "ringwall_store_commit_jobs",
            "Jobs in one write transaction.",
            registry=registry,
            buckets=_BATCHES,
        )

    def render(self) -> bytes:
        """Return everything in the Prometheus text format 0.0.4."""
        with self._gate:
            self._log.follow()
        return generate_latest(self._registry)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; ``route`` is a path of the table, "" for none of them."""
        known = method if method in METHODS else OTHER
        place = route or OTHER
        self._requests.labels(known, place, str(status)).inc()
        self._request_seconds.labels(place).observe(seconds)

    def count_submission(self, result: SubmitResult) -> None:
        """Count what became of a submission, unless it was a dry run."""
        if result.dry_run:
            return
        self._accepted.inc(sum(not one.known for one in result.submitted))
        for rule, number in Tally(one.rule for one in result.refused).items():
            self._refused.labels(self._rule(rule)).inc(number)
        shared = {id(one.recipients): one.recipients for one in result.submitted}
        for key, number in Tally(id(one.recipients) for one in result.submitted).items():
            permits = sum(recipient.permit for recipient in shared[key])
            self._decisions.labels("permit").inc(number * permits)
            self._decisions.labels("deny").inc(number * (len(shared[key]) - permits))

    def count_refused_submission(self, error: RingwallError) -> None:
        """Count a submission of which nothing was taken."""
        self._submissions_refused.labels(self._rule(error.rule)).inc()

    def count_commit(self, jobs: int, seconds: float) -> None:
        """Count one write transaction."""
        self._commit_jobs.observe(jobs)
        self._commit_seconds.observe(seconds)

    def _rule(self, rule: str) -> str:
        """Return a rule as a label: this program's tokens only, and a bounded number of them."""
        if rule in self._rules:
            return rule
        if not _RULE.fullmatch(rule) or len(self._rules) >= _RULES_MOST:
            return OTHER
        self._rules.add(rule)
        return rule


class _LogFollower:
    """Counts audit entries that were appended since it was made."""

    def __init__(
        self, store: Store, registry: CollectorRegistry, rule: Callable[[str], str]
    ) -> None:
        self._store = store
        self._rule = rule
        with store.read() as tx:
            self._next = tx.audit_size()
        self._outstanding: dict[tuple[str, str], dict[int, datetime]] = {}
        self._waiting = 0
        lane = ("lane",)
        self._accepted = Counter(
            "ringwall_statements_accepted", "Statements of this node.", lane, registry=registry
        )
        self._sealed = Counter(
            "ringwall_statements_sealed", "Statements sealed.", lane, registry=registry
        )
        self._envelopes = Counter(
            "ringwall_envelopes_sealed", "Envelopes sealed.", lane, registry=registry
        )
        self._received = Counter(
            "ringwall_statements_received", "Statements of other nodes.", lane, registry=registry
        )
        self._delivered = Counter(
            "ringwall_receipts_taken", "Receipts of other nodes.", lane, registry=registry
        )
        self._quarantined = Counter(
            "ringwall_envelopes_quarantined",
            "Envelopes that were not believed.",
            ("rule",),
            registry=registry,
        )
        self._events = Counter(
            "ringwall_exchange_events",
            "What should be rare: narrowed releases, refusals, contradictions.",
            ("event",),
            registry=registry,
        )
        self._latency = Histogram(
            "ringwall_receipt_latency_seconds",
            "From sealing an envelope to taking its receipt.",
            lane,
            registry=registry,
            buckets=_LATENCIES,
        )

    def follow(self) -> None:
        """Count what is new."""
        until = self._next + _ENTRIES_AT_ONCE
        with self._store.read() as tx:
            while self._next < until and (page := tx.audit_entries(self._next, _PAGE)):
                for row in page:
                    self._count(row.leaf)
                self._next = page[-1].index + 1

    def _count(self, leaf: bytes) -> None:
        try:
            entry = _ENTRY.decode(leaf)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # an entry that was tampered with: `audit verify` names it
        number = len(entry.statements)
        match entry.kind:
            case "accepted":
                self._accepted.labels(entry.lane).inc(number)
            case "received":
                self._received.labels(entry.lane).inc(number)
            case "sealed":
                self._sealed.labels(entry.lane).inc(number)
                self._envelopes.labels(entry.lane).inc()
                self._note_sealed(entry)
            case "receipt":
                self._delivered.labels(entry.lane).inc()
                self._note_receipt(entry)
            case "quarantined":
                self._quarantined.labels(self._rule(entry.rule)).inc()
            case "release-narrowed" | "refused" | "equivocation" | "damaged" | "withdrawn":
                self._events.labels(entry.kind).inc()

    def _note_sealed(self, entry: _Entry) -> None:
        at = parse_timestamp(entry.at)
        for node, position in entry.recipients.items():
            if self._waiting < _OUTSTANDING:
                self._outstanding.setdefault((node, entry.lane), {})[position] = at
                self._waiting += 1

    def _note_receipt(self, entry: _Entry) -> None:
        waiting = self._outstanding.get((entry.node, entry.lane), {})
        at = parse_timestamp(entry.at)
        for position in [one for one in waiting if one <= entry.position]:
            latency = (at - waiting.pop(position)).total_seconds()
            self._waiting -= 1
            self._latency.labels(entry.lane).observe(max(0.0, latency))


class _NodeState:
    """What is read from the node when somebody asks (prometheus_client's collector)."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        registry_age: RegistryAge,
        database: Path | None,
        probes: dict[str, Callable[[], bool]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._age = registry_age
        self._database = database
        self._probes = probes

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: asking for the names would read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read the node's state."""
        with self._store.read() as tx:
            yield from self._content(tx)
            yield from self._exchange(tx)
            yield from self._audit(tx)
        yield from self._disk()
        yield _gauge("part_up", "Whether a part works.", ("part",), [
            ((name,), float(probe())) for name, probe in sorted(self._probes.items())
        ])  # fmt: skip
        yield _gauge("registry_age_seconds", "Age of the registry.", (), [((), self._age.seconds)])
        states = [((state,), float(self._age.state == state)) for state in ("ok", "old", "too-old")]
        yield _gauge("registry_state", "1 for the state it is in.", ("state",), states)

    def _content(self, tx: ReadTransaction) -> Iterator[Metric]:
        counts = tx.counts()
        by_lane = [((lane,), float(n)) for lane, n in sorted(counts.statements.items())]
        yield _gauge("statements", "Statements held, by lane.", ("lane",), by_lane)
        waiting = [((lane,), float(n)) for lane, n in sorted(counts.outbox.items())]
        yield _gauge("outbox_depth", "Statements to be sealed.", ("lane",), waiting)
        yield _gauge(
            "envelopes_unpublished", "Sealed, not sent.", (), [((), float(counts.unpublished))]
        )
        yield _gauge(
            "quarantined", "Envelopes not believed.", (), [((), float(counts.quarantined))]
        )
        yield _gauge("audit_entries", "Entries of the log.", (), [((), float(counts.audit_size))])

    def _exchange(self, tx: ReadTransaction) -> Iterator[Metric]:
        ages = []
        for lane in LANES:
            oldest = tx.outbox_batch(lane, 1, 1)
            age = self._since(oldest[0].statement.received_at) if oldest else 0.0
            ages.append(((str(lane),), age))
        yield _gauge("outbox_age_seconds", "How long the oldest waits.", ("lane",), ages)
        raw = tx.meta(RESTORED)
        floor = msgspec.json.decode(raw, type=Restored).floor if raw else 0
        behind = [
            ((row.node, row.lane), float(max(0, row.sent - max(row.receipted, floor))))
            for row in tx.peers()
        ]
        yield _gauge("receipts_outstanding", "Sent, not confirmed.", ("node", "lane"), behind)

    def _audit(self, tx: ReadTransaction) -> Iterator[Metric]:
        latest = tx.latest_checkpoint()
        age = self._since(latest.at) if latest is not None else 0.0
        yield _gauge("checkpoint_age_seconds", "Since the log was signed.", (), [((), age)])
        unsigned = tx.audit_size() - (latest.size if latest is not None else 0)
        yield _gauge("audit_unsigned", "Entries after that.", (), [((), float(unsigned))])

    def _disk(self) -> Iterator[Metric]:
        free = shutil.disk_usage(self._store.directory).free
        yield _gauge("disk_free_bytes", "Free space beside the database.", (), [((), float(free))])
        if self._database is not None:
            log = self._database.with_name(f"{self._database.name}-wal")
            sizes = [(("database",), _size(self._database)), (("log",), _size(log))]
            yield _gauge("database_bytes", "Size of the database's files.", ("file",), sizes)

    def _since(self, at: str) -> float:
        return max(0.0, (self._clock.now() - parse_timestamp(at)).total_seconds())


def _gauge(
    name: str, text: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"ringwall_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _size(path: Path) -> float:
    try:
        return float(path.stat().st_size)
    except OSError:
        return 0.0
