"""Checks of a node's database: is it sound, does it keep up, is it a copy from the past.

`look` gathers the facts in one snapshot; each judgement is a function of them.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from ringwall.core import LANES, BadConfiguration, RingwallError, parse_timestamp
from ringwall.core.settings import Files, NodeSettings
from ringwall.enrolment import load_registry
from ringwall.exchange.resumption import RESTORED, Restored
from ringwall.operations.backup import LAST_BACKUP, LastBackup
from ringwall.operations.findings import Check, fault, guarded, ok, warning
from ringwall.operations.papers import SKEW
from ringwall.store import (
    CheckpointRow,
    Counts,
    InPosition,
    PeerLane,
    ReadTransaction,
    database_is_there,
    open_store,
)
from ringwall.store.checkpoints import read_checkpoint_log
from ringwall.store.sqlite import SCHEMA, quick_check, stored_schema
from ringwall.trust import PublicKeys, SignedCheckpoint, verify_checkpoint

_MIB = 1024 * 1024
_LOG_LARGE = 256 * _MIB
_BACKUP_OLD = timedelta(days=7)
_OUTBOX_STUCK = timedelta(minutes=5)
_PEER_BEHIND = timedelta(hours=1)
_RESTORE = "keep the damaged file, restore the newest backup on another disk"
_INCIDENT = "run `ringwall audit verify`; an incident: keep the directory as it is"
_SHOWN = 5


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a database says of itself in one snapshot."""

    counts: Counts
    oldest_waiting: str
    """When the oldest statement in the outbox was accepted, "" if none waits."""
    peers: tuple[PeerLane, ...]
    unconfirmed: dict[str, str]
    """Per node, when the oldest envelope that it has not confirmed was sealed."""
    gaps: tuple[InPosition, ...]
    refused: dict[str, int]
    """Envelopes in quarantine by the rule that they broke, of the first 1,000."""
    checkpoint: CheckpointRow | None
    audit_root: bytes
    last_entry_at: str
    last_backup: LastBackup | None
    restored: Restored | None


def check_database(
    files: Files, settings: NodeSettings, now: datetime, *, running: bool
) -> Iterator[Check]:
    """Look at a node's database, running or not; a node that never ran has none yet."""
    if not database_is_there(files, settings):
        yield warning("database", "none yet", "it is made when the node starts")
        return
    try:
        if settings.database_url:
            facts = look(files, settings)
            yield ok("database", "the server answers, and lets this node in")
        else:
            yield (structure := check_structure(quick_check(files.database)))
            yield (schema := check_schema(stored_schema(files.database)))
            if structure.state == "fault" or schema.state != "ok":
                return
            facts = look(files, settings)
    except RingwallError as error:
        yield fault("database", " ".join(str(error).split()), _RESTORE)
        return
    if not settings.database_url:
        yield check_log(files)
    yield guarded("audit", _INCIDENT, lambda: check_audit(files, settings, facts))
    yield check_clock(facts, now)
    yield check_backup(facts, now)
    yield check_quarantine(facts)
    yield check_outbox(facts, now, running=running)
    yield from check_peers(facts, now)


def look(files: Files, settings: NodeSettings) -> Facts:
    """Gather the facts. Raises IntegrityFailure, Unavailable."""
    store = open_store(files, settings)
    try:
        with store.read() as tx:
            return _facts(tx)
    finally:
        store.close()


def _facts(tx: ReadTransaction) -> Facts:
    counts = tx.counts()
    waiting = [row for lane in LANES for row in tx.outbox_batch(lane, 1, 1)]
    size = tx.audit_size()
    last = tx.audit_entries(size - 1, 1) if size else []
    peers = tx.peers()
    backup, restored = tx.meta(LAST_BACKUP), tx.meta(RESTORED)
    return Facts(
        counts=counts,
        oldest_waiting=min((row.statement.received_at for row in waiting), default=""),
        peers=tuple(peers),
        unconfirmed=_unconfirmed(tx, peers),
        gaps=tuple(row for row in tx.in_positions() if row.highest > row.position),
        refused=dict(Counter(row.rule for row in tx.quarantined(1000))),
        checkpoint=tx.latest_checkpoint(),
        audit_root=tx.audit_root(),
        last_entry_at=_AT.decode(last[0].leaf).at if last else "",
        last_backup=msgspec.json.decode(backup, type=LastBackup) if backup else None,
        restored=msgspec.json.decode(restored, type=Restored) if restored else None,
    )


def _unconfirmed(tx: ReadTransaction, peers: list[PeerLane]) -> dict[str, str]:
    oldest: dict[str, str] = {}
    for row in peers:
        for envelope in tx.unsettled(row.node, row.lane, 1) if row.backlog else ():
            known = oldest.get(row.node, envelope.created_at)
            oldest[row.node] = min(known, envelope.created_at)
    return oldest


class _At(msgspec.Struct):
    at: str = ""


_AT = msgspec.json.Decoder(_At)


def check_structure(problems: list[str]) -> Check:
    """Judge what SQLite's own quick check found."""
    if problems:
        return fault("database", f"damaged: {problems[0]}", _RESTORE)
    return ok("database", "its structure is sound")


def check_schema(schema: int) -> Check:
    """Compare the database's schema with this program's."""
    what = f"schema {schema}, this program's is {SCHEMA}"
    if schema > SCHEMA:
        return fault("schema", what, "a newer program wrote it: install that one")
    if schema < SCHEMA:
        return warning("schema", what, "the next start migrates it, after a snapshot beside it")
    return ok("schema", what)


def check_log(files: Files) -> Check:
    """Judge the size of SQLite's write-ahead log: a reader that never ends keeps it growing."""
    log = files.database.with_name(f"{files.database.name}-wal")
    size = log.stat().st_size if log.is_file() else 0
    if size > _LOG_LARGE:
        fix = "a program keeps the database open: end it, or start the node anew"
        return warning("wal", f"the write-ahead log has {size // _MIB} MiB", fix)
    return ok("wal", f"{size // _MIB} MiB")


def check_audit(files: Files, settings: NodeSettings, facts: Facts) -> Check:
    """Compare the log with its last signed checkpoint and with the file of checkpoints."""
    size, row = facts.counts.audit_size, facts.checkpoint
    fix = _INCIDENT
    kept = [one for one in read_checkpoint_log(files.directory) if one is not None]
    alliance, public = _identity(files, settings)
    if kept:
        longest = verify_checkpoint(kept[-1], public, alliance, settings.node)
        if longest.size > size and facts.restored is None:
            what = f"it has {size} entries, {longest.size} were signed: it was rolled back"
            return fault("audit", what, f"if you did that: ringwall mark-restored. Else {fix}")
    if row is None:
        return ok("audit", f"{size} entries, none signed yet")
    said = verify_checkpoint(
        SignedCheckpoint(row.note.decode(), row.signature), public, alliance, settings.node
    )
    same = said.size != size or said.root == facts.audit_root
    if said.size > size or (said.size, said.root) != (row.size, row.root) or not same:
        return fault("audit", f"it contradicts its checkpoint at {row.size}", fix)
    return ok("audit", f"{size} entries, signed up to {row.size}")


def _identity(files: Files, settings: NodeSettings) -> tuple[str, PublicKeys]:
    """Return the alliance and this node's public keys, by the registry."""
    registry = load_registry(files)
    known = registry.nodes.get(settings.node)
    if known is None:
        raise BadConfiguration(f"the registry knows no node {settings.node}", field="registry")
    return registry.alliance, known.keys


def check_clock(facts: Facts, now: datetime) -> Check:
    """Compare the clock with what this node and its peers wrote before."""
    fix = "set the machine's clock, and keep it set by NTP"
    if facts.last_entry_at:
        ahead = parse_timestamp(facts.last_entry_at) - now
        if ahead > SKEW:
            what = f"this node's last entry is {_span(ahead)} in the future: the clock went back"
            return fault("clock-history", what, fix)
    told = {row.node: row.last_receipt_at for row in facts.peers if row.last_receipt_at}
    future = [node for node, at in sorted(told.items()) if parse_timestamp(at) - now > SKEW]
    if future and len(future) == len(told) > 1:
        return fault("clock-history", "every peer's clock is ahead: this one is behind", fix)
    if future:
        what = f"clocks that are ahead of this one: {', '.join(future[:_SHOWN])}"
        return warning("clock-history", what, "ask who keeps them, and check this one")
    return ok("clock-history", "nothing is from the future")


def check_backup(facts: Facts, now: datetime) -> Check:
    """Judge the age of the last backup; a node that holds nothing needs none yet."""
    fix = "ringwall backup DIR --to FILE"
    if facts.last_backup is None:
        if not any(facts.counts.statements.values()):
            return ok("backup", "nothing to lose yet")
        return warning("backup", "there never was one", fix)
    age = now - parse_timestamp(facts.last_backup.at)
    what = f"the last is {_span(age)} old, {facts.last_backup.size // _MIB} MiB"
    return warning("backup", what, fix) if age > _BACKUP_OLD else ok("backup", what)


def check_quarantine(facts: Facts) -> Check:
    """Name the rules that envelopes in quarantine broke."""
    rules = ", ".join(f"{rule} ({number})" for rule, number in sorted(facts.refused.items()))
    if "receipt-position" in facts.refused:
        what = f"peers confirm more than this node knows to have sent: {rules}"
        return fault(
            "quarantine", what, "it was rolled back: stop it, ringwall mark-restored, start it"
        )
    if "registry-number" in facts.refused:
        what = f"peers use a newer registry: {rules}"
        return fault("quarantine", what, "get the current registry from a holder")
    if facts.refused:
        fix = "tell the senders: `ringwall audit show` has the reasons"
        return warning("quarantine", f"envelopes that were not believed: {rules}", fix)
    return ok("quarantine", "empty")


def check_outbox(facts: Facts, now: datetime, *, running: bool) -> Check:
    """Judge how long the oldest statement waits to be sealed."""
    number = sum(facts.counts.outbox.values())
    if not facts.oldest_waiting:
        return ok("outbox", f"empty; {facts.counts.unpublished} sealed and not sent")
    age = now - parse_timestamp(facts.oldest_waiting)
    what = f"{number} wait, the oldest for {_span(age)}"
    if age <= _OUTBOX_STUCK:
        return ok("outbox", what)
    if not running:
        return warning("outbox", what, "start the node")
    return fault("outbox", what, "see the node's log: hub, registry age, disk")


def check_peers(facts: Facts, now: datetime) -> Iterator[Check]:
    """Name the peers that confirm nothing, and those of whom something is missing here."""
    late = [
        f"{node} (since {at[:16]}Z)"
        for node, at in sorted(facts.unconfirmed.items())
        if now - parse_timestamp(at) > _PEER_BEHIND
    ]
    floor = facts.restored.floor if facts.restored else 0
    untold = sorted({row.node for row in facts.peers if row.receipted < floor})
    if late:
        what = f"{len(late)} do not confirm: {', '.join(late[:_SHOWN])}"
        yield warning("peers", what, "ask their operators: node down, or quarantined there")
    elif untold:
        what = f"not told yet that this node was restored: {', '.join(untold[:_SHOWN])}"
        yield warning("peers", what, "nothing, unless it lasts: the node goes on telling them")
    else:
        yield ok("peers", "all that was sent is confirmed, or was sent just now")
    if facts.gaps:
        shown = [f"{row.origin} {row.lane} after {row.position}" for row in facts.gaps[:_SHOWN]]
        what = f"envelopes are missing: {', '.join(shown)}"
        yield warning("gaps", what, "if it lasts, ask the sender to send again")
    else:
        yield ok("gaps", "none")


def _span(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
