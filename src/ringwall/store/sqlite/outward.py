"""Outward: releases, the outbox, sealed envelopes, positions given out and receipts taken."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ringwall.core import (
    BadEnvelope,
    Precedence,
    StatementId,
    format_timestamp,
)
from ringwall.store.port import EMPTY
from ringwall.store.records import (
    DeliveryRow,
    EnvelopeRow,
    OutboxRow,
    PeerLane,
    ReceiptRow,
    Release,
    decision_document,
)
from ringwall.store.rows import (
    delivery_row,
    fitting,
    read_names,
    read_release,
    read_withheld,
    write_names,
    write_withheld,
)
from ringwall.store.sqlite.base import json_set
from ringwall.store.sqlite.content import ContentReads


class OutwardReads(ContentReads):
    """What waits, what was sent, what was confirmed."""

    def releases(self, order: int) -> list[Release]:
        """See port."""
        rows = self._rows(
            "SELECT d.document, s.received_at, 0 FROM statements s "
            'JOIN decisions d ON d.id = s.decision WHERE s."order" = ?1 UNION ALL '
            "SELECT d.document, r.at, r.id FROM releases r JOIN decisions d ON d.id = r.decision "
            "WHERE r.statement = ?1 ORDER BY 3",
            order,
        )
        return [read_release(row[0], row[1]) for row in rows]

    def outbox_batch(self, lane: str, limit: int, max_bytes: int) -> list[OutboxRow]:
        """See port."""
        rows = self._rows(
            "SELECT b.statement, b.audience, length(o.body), b.withheld FROM outbox b "
            'JOIN statements s ON s."order" = b.statement JOIN objects o ON o.id = s.object '
            "WHERE b.lane = ? ORDER BY b.statement LIMIT ?",
            lane,
            limit,
        )
        chosen = rows[: fitting((row[2] for row in rows), max_bytes)]
        orders = [row[0] for row in chosen]
        loaded, parts = self._load(orders), self.parts(orders)
        return [
            OutboxRow(
                statement.order,
                statement,
                read_names(row[1]),
                read_withheld(row[3]),
                dict(parts.get(statement.order, {})),
            )
            for row, statement in zip(chosen, loaded, strict=True)
        ]

    def unpublished(self, lane: str) -> list[EnvelopeRow]:
        """See port."""
        rows = self._rows(
            'SELECT "order", id, lane, kind, message_id, data, created_at FROM envelopes '
            "WHERE lane = ? AND published_at = '' ORDER BY \"order\"",
            lane,
        )
        return [self._envelope(row) for row in rows]

    def unsettled(self, node: str, lane: str, limit: int) -> list[EnvelopeRow]:
        """See port."""
        rows = self._rows(
            'SELECT e."order", e.id, e.lane, e.kind, e.message_id, e.data, e.created_at '
            'FROM envelope_recipients r JOIN envelopes e ON e."order" = r.envelope '
            "WHERE r.node = ? AND r.lane = ? AND r.settled_at = '' AND e.published_at <> '' "
            "AND e.data IS NOT NULL ORDER BY r.position LIMIT ?",
            node,
            lane,
            limit,
        )
        return [self._envelope(row) for row in rows]

    def _envelope(self, row: Any) -> EnvelopeRow:
        recipients = self._rows(
            "SELECT node, position FROM envelope_recipients WHERE envelope = ? ORDER BY node",
            row[0],
        )
        statements = self._rows(
            "SELECT statement FROM envelope_statements WHERE envelope = ? ORDER BY statement",
            row[0],
        )
        return EnvelopeRow(
            id=row[1],
            lane=row[2],
            kind=row[3],
            message_id=row[4],
            data=row[5],
            recipients=dict(recipients),
            statements=tuple(one[0] for one in statements),
            created_at=row[6],
        )

    def delivery(self, id: StatementId) -> list[DeliveryRow]:  # noqa: A002
        """See port."""
        order = self._number(
            'SELECT "order" FROM statements WHERE origin = ? AND sequence = ?', *id
        )
        waiting = self._row("SELECT audience FROM outbox WHERE statement = ?", order)
        queued = read_names(waiting[0]) if waiting is not None else ()
        rows = self._rows(
            "SELECT r.node, r.position, e.published_at, r.settled_at, r.rejected "
            "FROM envelope_statements m "
            'JOIN envelopes e ON e."order" = m.envelope '
            "JOIN envelope_recipients r ON r.envelope = m.envelope "
            "WHERE m.statement = ? ORDER BY m.envelope",
            order,
        )
        states = {node: DeliveryRow(node=node, state="queued") for node in queued}
        states.update({row[0]: delivery_row(*row) for row in rows})
        return [states[node] for node in sorted(states)]

    def peers(self) -> list[PeerLane]:
        """See port."""
        rows = self._rows(
            "SELECT o.node, o.lane, o.position, coalesce(r.position, 0), coalesce(r.at, '') "
            "FROM out_positions o LEFT JOIN receipts r ON r.node = o.node AND r.lane = o.lane "
            "WHERE o.lane <> 'CONTROL' ORDER BY o.node, o.lane"
        )
        return [PeerLane(*row) for row in rows]

    def sent_position(self, node: str, lane: str) -> int:
        """See port."""
        return self._number(
            "SELECT position FROM out_positions WHERE node = ? AND lane = ?", node, lane
        )

    def receipt(self, node: str, lane: str) -> ReceiptRow | None:
        """See port."""
        row = self._row(
            "SELECT position, at, evidence FROM receipts WHERE node = ? AND lane = ?", node, lane
        )
        if row is None:
            return None
        rejected = self._rows(
            "SELECT position, rejected FROM envelope_recipients "
            "WHERE node = ? AND lane = ? AND rejected IS NOT NULL ORDER BY position",
            node,
            lane,
        )
        return ReceiptRow(node, lane, row[0], row[1], tuple(map(tuple, rejected)), row[2])


class OutwardWrites(OutwardReads):
    """Deciding, queueing, sealing, publishing and taking receipts."""

    def add_release(
        self,
        order: int,
        policy_version: str,
        audience: Sequence[str],
        reasons: Sequence[dict[str, Any]],
        at: str,
    ) -> None:
        """See port."""
        decision = self._decision(decision_document(policy_version, audience, reasons))
        self._sql.execute(
            "INSERT INTO releases (statement, decision, at) VALUES (?, ?, ?)", (order, decision, at)
        )

    def _decision(self, document: bytes) -> int:
        """Return the row of a decision."""
        found = self._number("SELECT id FROM decisions WHERE document = ?", document)
        return found or self._insert("INSERT INTO decisions (document) VALUES (?)", document)

    def enqueue(
        self,
        orders: Sequence[int],
        lane: Precedence,
        nodes: Sequence[str],
        withheld: Mapping[str, Collection[str]] = EMPTY,
    ) -> None:
        """See port."""
        if nodes:
            what = lane.value, write_names(nodes), write_withheld(withheld)
            self._insert_rows("INTO outbox", [(order, *what) for order in orders])

    def dequeue(self, orders: Sequence[int]) -> None:
        """See port."""
        self._sql.execute(
            "DELETE FROM outbox WHERE statement IN (SELECT value FROM json_each(?))",
            (json_set(orders),),
        )

    def next_position(self, node: str, lane: str) -> int:
        """See port."""
        return self._number(
            "INSERT INTO out_positions VALUES (?, ?, 1) "
            "ON CONFLICT DO UPDATE SET position = position + 1 RETURNING position",
            node,
            lane,
        )

    def skip_positions(self, node: str, lane: str, last: int) -> None:
        """See port."""
        self._sql.execute(
            "INSERT INTO out_positions VALUES (?1, ?2, ?3) "
            "ON CONFLICT DO UPDATE SET position = max(position, ?3)",
            (node, lane, last),
        )

    def put_envelope(self, envelope: EnvelopeRow) -> None:
        """See port."""
        order = self._insert(
            "INSERT INTO envelopes (id, lane, kind, message_id, data, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            envelope.id,
            envelope.lane,
            envelope.kind,
            envelope.message_id,
            envelope.data,
            envelope.created_at,
        )
        self._sql.executemany(
            "INSERT INTO envelope_recipients (node, lane, position, envelope) VALUES (?, ?, ?, ?)",
            [(node, envelope.lane, at, order) for node, at in envelope.recipients.items()],
        )
        self._insert_rows(
            "INTO envelope_statements (statement, envelope)",
            [(statement, order) for statement in envelope.statements],
        )

    def mark_published(self, ids: Sequence[str], hub: str, at: str) -> None:
        """See port."""
        chosen = json_set(ids)
        self._sql.execute(
            "UPDATE envelopes SET hub = ?, published_at = ? "
            "WHERE published_at = '' AND id IN (SELECT value FROM json_each(?))",
            (hub, at, chosen),
        )
        rows = self._rows(
            'SELECT "order", kind FROM envelopes WHERE id IN (SELECT value FROM json_each(?))',
            chosen,
        )
        self._forget([row[0] for row in rows if row[1] == "receipt"])
        self._drop_settled([row[0] for row in rows if row[1] != "receipt"])

    def put_receipt(self, receipt: ReceiptRow) -> bool:
        """See port."""
        sent = self.sent_position(receipt.node, receipt.lane)
        if receipt.position > sent or any(at > sent for at, _ in receipt.rejected):
            raise BadEnvelope(
                f"{receipt.node} confirms {receipt.lane} up to {receipt.position}; "
                f"{sent} was the last sent",
                field="position",
                rule="receipt-position",
            )
        before = self._number(
            "SELECT position FROM receipts WHERE node = ? AND lane = ?", receipt.node, receipt.lane
        )
        if receipt.position <= before:
            return self._note_rejections(receipt)
        self._settle(receipt, before)
        return True

    def _settle(self, receipt: ReceiptRow, before: int) -> None:
        self._sql.execute(
            "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?, ?)",
            (receipt.node, receipt.lane, receipt.position, receipt.at, receipt.evidence),
        )
        rows = self._rows(
            "UPDATE envelope_recipients SET settled_at = ? "
            "WHERE node = ? AND lane = ? AND position > ? AND position <= ? RETURNING envelope",
            format_timestamp(self._clock.now()),
            receipt.node,
            receipt.lane,
            before,
            receipt.position,
        )
        self._note_rejections(receipt)
        self._drop_settled([row[0] for row in rows])

    def _note_rejections(self, receipt: ReceiptRow) -> bool:
        """Note what the recipient refused; tell whether any of it is news.

        Also for positions settled before: the receipt that told it first may have been lost.
        """
        news = [
            self._row(
                "UPDATE envelope_recipients SET rejected = ? WHERE node = ? AND lane = ? "
                "AND position = ? AND rejected IS NULL RETURNING 1",
                why,
                receipt.node,
                receipt.lane,
                at,
            )
            for at, why in receipt.rejected
        ]
        return any(news)

    def _drop_settled(self, envelopes: list[int]) -> None:
        """Drop the bytes of envelopes that a hub has and every recipient has settled."""
        self._sql.execute(
            'UPDATE envelopes SET data = NULL WHERE "order" IN (SELECT value FROM json_each(?)) '
            "AND published_at <> '' AND NOT EXISTS (SELECT 1 FROM envelope_recipients r "
            "WHERE r.envelope = envelopes.\"order\" AND r.settled_at = '')",
            (json_set(envelopes),),
        )

    def _forget(self, envelopes: list[int]) -> None:
        """Remove published receipts: they are cumulative, the next one says it again."""
        chosen = (json_set(envelopes),)
        which = "IN (SELECT value FROM json_each(?))"
        self._sql.execute(f"DELETE FROM envelope_recipients WHERE envelope {which}", chosen)
        self._sql.execute(f'DELETE FROM envelopes WHERE "order" {which}', chosen)
