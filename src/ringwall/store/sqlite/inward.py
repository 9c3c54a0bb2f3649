"""Inward: how far hubs and origins were read, receipts that are owed, quarantine."""

import hashlib

from ringwall.store import bounds
from ringwall.store.records import InboxPosition, InPosition, QuarantineRow, ReceiptDue
from ringwall.store.sqlite.audit import AuditWrites
from ringwall.store.sqlite.base import Part


class InwardReads(Part):
    """Positions of hubs and origins."""

    def inbox_position(self, hub: str, lane: str) -> InboxPosition | None:
        """See port."""
        row = self._row(
            "SELECT stream_sequence, consumer_created FROM inbox_positions "
            "WHERE hub = ? AND lane = ?",
            hub,
            lane,
        )
        return None if row is None else InboxPosition(*row)

    def in_position(self, origin: str, lane: str) -> int:
        """See port."""
        return self._number(
            "SELECT position FROM in_positions WHERE origin = ? AND lane = ?", origin, lane
        )

    def in_positions(self) -> list[InPosition]:
        """See port."""
        rows = self._rows(
            "SELECT p.origin, p.lane, p.position, max(p.position, coalesce((SELECT max(a.position) "
            "FROM in_ahead a WHERE a.origin = p.origin AND a.lane = p.lane), 0)) "
            "FROM in_positions p ORDER BY p.origin, p.lane"
        )
        return [InPosition(*row) for row in rows]

    def receipts_due(self) -> list[ReceiptDue]:
        """See port."""
        rows = self._rows(
            "SELECT origin, lane, position, receipted FROM in_positions "
            "WHERE position > receipted ORDER BY origin, lane"
        )
        return [
            ReceiptDue(origin, lane, position, self._rejected(origin, lane, receipted, position))
            for origin, lane, position, receipted in rows
        ]

    def _rejected(
        self, origin: str, lane: str, after: int, until: int
    ) -> tuple[tuple[int, str], ...]:
        """Return what the next receipt must tell, and again the latest of what was told."""
        refused = "SELECT position, reason FROM in_rejected WHERE origin = ? AND lane = ? "
        told = self._rows(
            refused + "AND position <= ? ORDER BY position DESC LIMIT ?",
            origin,
            lane,
            after,
            bounds.TOLD_AGAIN,
        )
        rows = self._rows(
            refused + "AND position > ? AND position <= ? ORDER BY position",
            origin,
            lane,
            after,
            until,
        )
        return tuple((row[0], row[1]) for row in (*reversed(told), *rows))

    def quarantined(
        self, limit: int = 100, rule: str | None = None, after: int = 0
    ) -> list[QuarantineRow]:
        """See port."""
        rows = self._rows(
            "SELECT id, data, rule, reason, at, hub, lane, stream_sequence FROM quarantine "
            "WHERE (?1 IS NULL OR rule = ?1) AND id > ?3 ORDER BY id LIMIT ?2",
            rule,
            limit,
            after,
        )
        return [QuarantineRow(*row) for row in rows]


class InwardWrites(AuditWrites, InwardReads):
    """Settling what arrived."""

    def set_inbox_position(
        self, hub: str, lane: str, stream_sequence: int, consumer_created: str
    ) -> None:
        """See port."""
        self._sql.execute(
            "INSERT OR REPLACE INTO inbox_positions VALUES (?, ?, ?, ?)",
            (hub, lane, stream_sequence, consumer_created),
        )

    def advance_position(
        self, origin: str, lane: str, position: int, rejected: str | None = None
    ) -> int:
        """See port."""
        settled = self.in_position(origin, lane)
        if rejected is not None:
            self._sql.execute(
                "INSERT OR IGNORE INTO in_rejected VALUES (?, ?, ?, ?)",
                (origin, lane, position, rejected),
            )
        if position <= settled:
            self._owe_again(origin, lane, position)
            return settled
        if position == settled + 1:
            settled = position
        else:
            self._sql.execute(
                "INSERT OR IGNORE INTO in_ahead VALUES (?, ?, ?)", (origin, lane, position)
            )
        reached = self._close_gap(origin, lane, settled)
        self._sql.execute(
            "INSERT INTO in_positions VALUES (?1, ?2, ?3, 0) "
            "ON CONFLICT DO UPDATE SET position = ?3",
            (origin, lane, reached),
        )
        return reached

    def _owe_again(self, origin: str, lane: str, position: int) -> None:
        """The origin sends again what is settled here, so it may lack the receipt: owe it anew."""
        self._sql.execute(
            "UPDATE in_positions SET receipted = min(receipted, ?) WHERE origin = ? AND lane = ?",
            (position - 1, origin, lane),
        )

    def _close_gap(self, origin: str, lane: str, settled: int) -> int:
        """Move on over the positions that follow ``settled`` without a gap."""
        ahead = "FROM in_ahead WHERE origin = ? AND lane = ? AND position = ?"
        while self._row(f"DELETE {ahead} RETURNING 1", origin, lane, settled + 1):
            settled += 1
        return settled

    def pass_positions(self, origin: str, lane: str, last: int) -> int:
        """See port."""
        settled = max(self.in_position(origin, lane), last)
        self._sql.execute(
            "DELETE FROM in_ahead WHERE origin = ? AND lane = ? AND position <= ?",
            (origin, lane, settled),
        )
        settled = self._close_gap(origin, lane, settled)
        self._sql.execute(
            "INSERT INTO in_positions VALUES (?1, ?2, ?3, 0) "
            "ON CONFLICT DO UPDATE SET position = ?3",
            (origin, lane, settled),
        )
        self._owe_again(origin, lane, last)
        return settled

    def mark_receipted(self, origin: str, lane: str, position: int) -> None:
        """See port."""
        self._sql.execute(
            "UPDATE in_positions SET receipted = max(receipted, ?) WHERE origin = ? AND lane = ?",
            (position, origin, lane),
        )

    def quarantine(
        self,
        data: bytes,
        *,
        rule: str,
        reason: str,
        at: str,
        hub: str,
        lane: str,
        stream_sequence: int,
    ) -> int:
        """See port."""
        digest = hashlib.sha256(data).digest()
        if known := self._number("SELECT id FROM quarantine WHERE sha256 = ?", digest):
            return known
        self._make_room(len(data))
        self._sql.execute("UPDATE quarantine_state SET bytes = bytes + ?", (len(data),))
        return self._insert(
            "INSERT INTO quarantine (data, rule, reason, at, hub, lane, stream_sequence, sha256) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            data,
            rule,
            reason,
            at,
            hub,
            lane,
            stream_sequence,
            digest,
        )

    def _make_room(self, size: int) -> None:
        """Drop the oldest of what is bad until ``size`` bytes more stay within the bound."""
        excess = self._number("SELECT bytes FROM quarantine_state") + size - bounds.QUARANTINE_BYTES
        if excess <= 0:
            return
        dropped: list[int] = []
        freed = 0
        oldest = "SELECT id, length(data) FROM quarantine WHERE rule <> ? ORDER BY id"
        for id_, length in self._sql.execute(oldest, (bounds.KEPT_RULE,)):
            dropped.append(id_)
            freed += length
            if freed >= excess:
                break
        for id_ in dropped:
            self.drop_quarantined(id_)
        if dropped:
            entry = {"first": dropped[0], "last": dropped[-1], "count": len(dropped)}
            self.append_audit("quarantine-dropped", {**entry, "bytes": freed})

    def drop_quarantined(self, id: int) -> None:  # noqa: A002
        """See port."""
        row = self._row("DELETE FROM quarantine WHERE id = ? RETURNING length(data)", id)
        if row is not None:
            self._sql.execute("UPDATE quarantine_state SET bytes = bytes - ?", (row[0],))
