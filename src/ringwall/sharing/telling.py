"""Telling: what each node may know of, as changes to what it was told last.

    the entries for a node now → the changes, as messages, in ONE transaction with the note of what
    it was told → confirmed, before the next changes go

A node that was brought back from a backup does not know what it told since: it begins a new series,
and whoever hears of that forgets what came before.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import msgspec

from ringwall.core import Clock, format_timestamp, parse_timestamp
from ringwall.exchange import Messages
from ringwall.exchange.messages import OUTGOING
from ringwall.exchange.resumption import RESTORED, Restored
from ringwall.policy import Kernel, ReleaseClass
from ringwall.sharing.discovery import Discovery
from ringwall.sharing.entries import (
    MOST_ENTRIES,
    Entry,
    EntryName,
    covered_classes,
    entries_for,
)
from ringwall.store import ReadTransaction, Store, WriteTransaction

KIND = "catalogue"
"""The kind of the messages, and of the entries that came, by sending node and entry."""
TOLD, SECRET, KEY = "catalogue-told", "catalogue-secret", "this"
_AGAIN = "again"
"""The series of what has to be told again: no node's."""
PIECE_BYTES = 128 * 1024


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node was told last, and the messages that it has not confirmed yet."""

    series: str = ""
    entries: dict[str, Entry] = {}
    waiting: tuple[str, ...] = ()


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message: entries that are new or different, and ids of entries that are no more.

    ``series`` is when the sending node was last brought back from a backup, or "".
    """

    v: int
    series: str
    put: Annotated[tuple[Entry, ...], msgspec.Meta(max_length=MOST_ENTRIES)]
    drop: Annotated[tuple[EntryName, ...], msgspec.Meta(max_length=MOST_ENTRIES)]

    def __post_init__(self) -> None:
        """Raise InvalidInput unless ``series`` is a moment or empty."""
        if self.series:
            parse_timestamp(self.series, field="series")


class Telling:
    """Tells other members' nodes what they may know of; thread-safe."""

    def __init__(
        self,
        *,
        member: str,
        recipients: Collection[str],
        discovery: Discovery,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        messages: Messages,
    ) -> None:
        self._member = member
        self._recipients = frozenset(recipients)
        self._discovery = discovery
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._messages = messages

    def refresh(self) -> None:
        """Tell every node what changed for it; blocks until that is durable."""
        alliance, at = self._kernel.alliance, self._clock.now()
        secret = self._secret()
        with self._store.read() as tx:
            tallies = self._tallies(tx)
        covered = covered_classes(alliance, self._discovery, tallies, at)
        for member in alliance.members.values():
            for seat in member.nodes if member.id != self._member else ():
                if seat.id in self._recipients:
                    released = self._kernel.may_receive
                    entries = entries_for(
                        alliance, covered, seat.id, at, released=released, secret=secret
                    )
                    self._tell(seat.id, {entry.id: entry for entry in entries})

    def _secret(self) -> bytes:
        """Return the key that entry ids are made with: random, and never told."""
        now = format_timestamp(self._clock.now())
        with self._store.read() as tx:
            known = tx.document(SECRET, self._member, KEY, now)
        if known is None:
            known = secrets.token_bytes(32)
            job = partial(_keep_secret, self._member, known, now)
            self._store.write(job).result()
        return known

    def _tallies(self, tx: ReadTransaction) -> list[tuple[ReleaseClass, Mapping[str, int]]]:
        """Return for each class of this member how many statements there are of each day."""
        classes = tx.release_classes()
        days: dict[int, dict[str, int]] = defaultdict(dict)
        for number, day, count in tx.class_days():
            days[number][day] = count
        return [
            (classes[number], counted)
            for number, counted in sorted(days.items())
            if classes[number].origin == self._member
        ]

    def _tell(self, node: str, entries: Mapping[str, Entry]) -> None:
        """Post the changes for a node, unless it has still to confirm those before."""
        with self._store.read() as tx:
            if self._changes(tx, node, entries) is None:
                return

        def job(tx: WriteTransaction) -> None:
            changes = self._changes(tx, node, entries)
            if changes is None:
                return
            series = restored_at(tx)
            pieces = _pieces(series, *changes)
            posted = tuple(self._messages.post(tx, node, KIND, each) for each in pieces)
            raw = msgspec.json.encode(Told(series, dict(entries), posted))
            tx.put_document(TOLD, node, KEY, raw, format_timestamp(self._clock.now()))
            put, drop = changes
            entry = {"to": node, "entries": len(put), "dropped": len(drop)}
            tx.append_audit("catalogue-told", entry)

        self._store.write(job).result()

    def _changes(
        self, tx: ReadTransaction, node: str, entries: Mapping[str, Entry]
    ) -> tuple[list[Entry], list[str]] | None:
        """Return what to tell a node: entries, and ids that are no more. None: nothing now."""
        told, now = self._told(tx, node), format_timestamp(self._clock.now())
        if any(tx.document(OUTGOING, node, name, now) is not None for name in told.waiting):
            return None
        gone = sorted(told.entries.keys() - entries.keys())
        if told.series != restored_at(tx):
            return list(entries.values()), gone
        if told.entries == entries:
            return None
        return [each for name, each in entries.items() if told.entries.get(name) != each], gone

    def _told(self, tx: ReadTransaction, node: str) -> Told:
        raw = tx.document(TOLD, node, KEY, format_timestamp(self._clock.now()))
        return Told() if raw is None else msgspec.json.decode(raw, type=Told)

    def entry(self, tx: ReadTransaction, node: str, name: str) -> Entry | None:
        """Return an entry that a node was told of, None if it was not."""
        told = self._told(tx, node)
        return told.entries.get(name) if told.series == restored_at(tx) else None

    def forget(self, tx: WriteTransaction, node: str) -> None:
        """Note that a node asks to be told of everything again.

        What it has not confirmed is still waited for, so that asking fills no outbox. It may reach
        the node after it forgot what it had: what is no more by then is taken back as ever.
        """
        told = self._told(tx, node)
        if told.entries:
            again = msgspec.structs.replace(told, series=_AGAIN)
            now = format_timestamp(self._clock.now())
            tx.put_document(TOLD, node, KEY, msgspec.json.encode(again), now)


def restored_at(tx: ReadTransaction) -> str:
    """Return when this node was last brought back from a backup, or ""."""
    raw = tx.meta(RESTORED)
    return "" if raw is None else msgspec.json.decode(raw, type=Restored).restored_at


def _pieces(series: str, put: list[Entry], drop: list[str]) -> Iterator[dict[str, Any]]:
    """Part changes into bodies that fit into messages; their order does not matter."""
    piece: list[Any] = []
    size = 0
    for entry in put:
        length = len(msgspec.json.encode(entry))
        if size + length > PIECE_BYTES:
            yield {"v": 1, "series": series, "put": piece, "drop": []}
            piece, size = [], 0
        piece.append(msgspec.to_builtins(entry))
        size += length
    yield {"v": 1, "series": series, "put": piece, "drop": drop}


def _keep_secret(member: str, secret: bytes, now: str, tx: WriteTransaction) -> None:
    tx.put_document(SECRET, member, KEY, secret, now)
