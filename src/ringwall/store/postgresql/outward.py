"""Outward: releases, the outbox, sealed envelopes, positions given out and receipts taken."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ringwall.core import BadEnvelope, Precedence, StatementId, format_timestamp
from ringwall.store.port import EMPTY
from ringwall.store.postgresql.arrays import bigints, texts
from ringwall.store.postgresql.content import ContentReads
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

_ENVELOPE = """
SELECT e.id, e.lane, e.kind, e.message_id, e.data, e.created_at,
       ARRAY(SELECT r.node FROM envelope_recipients r WHERE r.envelope = e."order" ORDER BY r.node),
       ARRAY(SELECT r.position FROM envelope_recipients r WHERE r.envelope = e."order"
             ORDER BY r.node),
       ARRAY(SELECT m.statement FROM envelope_statements m WHERE m.envelope = e."order"
             ORDER BY m.statement)
"""


class OutwardReads(ContentReads):
    """What waits, what was sent, what was confirmed."""

    def releases(self, order: int) -> list[Release]:
        """See port."""
        rows = self._rows(
            "SELECT d.document, s.received_at, 0::bigint FROM statements s "
            'JOIN decisions d ON d.id = s.decision WHERE s."order" = $1 UNION ALL '
            "SELECT d.document, r.at, r.id FROM releases r JOIN decisions d ON d.id = r.decision "
            "WHERE r.statement = $1 ORDER BY 3",
            order,
        )
        return [read_release(row[0], row[1]) for row in rows]

    def outbox_batch(self, lane: str, limit: int, max_bytes: int) -> list[OutboxRow]:
        """See port."""
        rows = self._rows(
            "SELECT b.statement, b.audience, length(o.body), b.withheld FROM outbox b "
            'JOIN statements s ON s."order" = b.statement JOIN objects o ON o.id = s.object '
            "WHERE b.lane = $1 ORDER BY b.statement LIMIT $2",
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
            f"{_ENVELOPE} FROM envelopes e "
            "WHERE e.lane = $1 AND e.published_at = '' ORDER BY e.\"order\"",
            lane,
        )
        return [_envelope(row) for row in rows]

    def unsettled(self, node: str, lane: str, limit: int) -> list[EnvelopeRow]:
        """See port."""
        rows = self._rows(
            f"{_ENVELOPE} FROM envelope_recipients t "
            'JOIN envelopes e ON e."order" = t.envelope '
            "WHERE t.node = $1 AND t.lane = $2 AND t.settled_at = '' AND e.published_at <> '' "
            "AND e.data IS NOT NULL ORDER BY t.position LIMIT $3",
            node,
            lane,
            limit,
        )
        return [_envelope(row) for row in rows]

    def delivery(self, id: StatementId) -> list[DeliveryRow]:  # noqa: A002
        """See port."""
        order = self._number(
            'SELECT "order" FROM statements WHERE origin = $1 AND sequence = $2', *id
        )
        waiting = self._row("SELECT audience FROM outbox WHERE statement = $1", order)
        queued = read_names(waiting[0]) if waiting is not None else ()
        rows = self._rows(
            "SELECT r.node, r.position, e.published_at, r.settled_at, r.rejected "
            "FROM envelope_statements m "
            'JOIN envelopes e ON e."order" = m.envelope '
            "JOIN envelope_recipients r ON r.envelope = m.envelope "
            "WHERE m.statement = $1 ORDER BY m.envelope",
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
            "SELECT position FROM out_positions WHERE node = $1 AND lane = $2", node, lane
        )

    def receipt(self, node: str, lane: str) -> ReceiptRow | None:
        """See port."""
        row = self._row(
            "SELECT position, at, evidence FROM receipts WHERE node = $1 AND lane = $2", node, lane
        )
        if row is None:
            return None
        rejected = self._rows(
            "SELECT position, rejected FROM envelope_recipients "
            "WHERE node = $1 AND lane = $2 AND rejected IS NOT NULL ORDER BY position",
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
        self._execute(
            "INSERT INTO releases (statement, decision, at) VALUES ($1, $2, $3)",
            order,
            decision,
            at,
        )

    def _decision(self, document: bytes) -> int:
        """Return the row of a decision."""
        known = self._memory.decisions
        if document not in known:
            found = self._number(
                "SELECT id FROM decisions WHERE sha256(document) = sha256($1)", document
            )
            known[document] = found or self._number(
                "INSERT INTO decisions (document) VALUES ($1) RETURNING id", document
            )
        return known[document]

    def enqueue(
        self,
        orders: Sequence[int],
        lane: Precedence,
        nodes: Sequence[str],
        withheld: Mapping[str, Collection[str]] = EMPTY,
    ) -> None:
        """See port."""
        if nodes:
            self._execute(
                "INSERT INTO outbox SELECT one, $2, $3, $4 FROM unnest($1::bigint[]) one",
                bigints(orders),
                lane.value,
                write_names(nodes),
                write_withheld(withheld),
            )

    def dequeue(self, orders: Sequence[int]) -> None:
        """See port."""
        self._execute("DELETE FROM outbox WHERE statement = ANY($1::bigint[])", bigints(orders))

    def next_position(self, node: str, lane: str) -> int:
        """See port."""
        return self._number(
            "INSERT INTO out_positions AS o VALUES ($1, $2, 1) "
            "ON CONFLICT (node, lane) DO UPDATE SET position = o.position + 1 RETURNING position",
            node,
            lane,
        )

    def skip_positions(self, node: str, lane: str, last: int) -> None:
        """See port."""
        self._execute(
            "INSERT INTO out_positions AS o VALUES ($1, $2, $3) "
            "ON CONFLICT (node, lane) DO UPDATE SET position = greatest(o.position, $3)",
            node,
            lane,
            last,
        )

    def put_envelope(self, envelope: EnvelopeRow) -> None:
        """See port."""
        order = self._number(
            "INSERT INTO envelopes (id, lane, kind, message_id, data, created_at) "
            'VALUES ($1, $2, $3, $4, $5, $6) RETURNING "order"',
            envelope.id,
            envelope.lane,
            envelope.kind,
            envelope.message_id,
            envelope.data,
            envelope.created_at,
        )
        self._execute(
            "INSERT INTO envelope_recipients (node, lane, position, envelope) "
            "SELECT one.node, $3, one.position, $4 "
            "FROM unnest($1::text[], $2::bigint[]) one (node, position)",
            texts(envelope.recipients),
            bigints(envelope.recipients.values()),
            envelope.lane,
            order,
        )
        self._execute(
            "INSERT INTO envelope_statements SELECT one, $2 FROM unnest($1::bigint[]) one",
            bigints(envelope.statements),
            order,
        )

    def mark_published(self, ids: Sequence[str], hub: str, at: str) -> None:
        """See port."""
        self._execute(
            "UPDATE envelopes SET hub = $1, published_at = $2 "
            "WHERE published_at = '' AND id = ANY($3::text[])",
            hub,
            at,
            texts(ids),
        )
        rows = self._rows(
            'SELECT "order", kind FROM envelopes WHERE id = ANY($1::text[])', texts(ids)
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
            "SELECT position FROM receipts WHERE node = $1 AND lane = $2",
            receipt.node,
            receipt.lane,
        )
        if receipt.position <= before:
            return self._note_rejections(receipt)
        self._settle(receipt, before)
        return True

    def _settle(self, receipt: ReceiptRow, before: int) -> None:
        self._execute(
            "INSERT INTO receipts VALUES ($1, $2, $3, $4, $5) ON CONFLICT (node, lane) "
            "DO UPDATE SET position = $3, at = $4, evidence = $5",
            receipt.node,
            receipt.lane,
            receipt.position,
            receipt.at,
            receipt.evidence,
        )
        rows = self._rows(
            "UPDATE envelope_recipients SET settled_at = $1 "
            "WHERE node = $2 AND lane = $3 AND position > $4 AND position <= $5 RETURNING envelope",
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
        if not receipt.rejected:
            return False
        first = dict(reversed(receipt.rejected))
        news = self._execute(
            "UPDATE envelope_recipients r SET rejected = n.why "
            "FROM unnest($3::bigint[], $4::text[]) n (position, why) "
            "WHERE r.node = $1 AND r.lane = $2 AND r.position = n.position "
            "AND r.rejected IS NULL",
            receipt.node,
            receipt.lane,
            bigints(first),
            texts(first.values()),
        )
        return news.rowcount > 0

    def _drop_settled(self, envelopes: list[int]) -> None:
        """Drop the bytes of envelopes that a hub has and every recipient has settled."""
        self._execute(
            'UPDATE envelopes SET data = NULL WHERE "order" = ANY($1::bigint[]) '
            "AND published_at <> '' AND NOT EXISTS (SELECT 1 FROM envelope_recipients r "
            "WHERE r.envelope = envelopes.\"order\" AND r.settled_at = '')",
            bigints(envelopes),
        )

    def _forget(self, envelopes: list[int]) -> None:
        """Remove published receipts: they are cumulative, the next one says it again."""
        for sql in (
            "DELETE FROM envelope_recipients WHERE envelope = ANY($1::bigint[])",
            'DELETE FROM envelopes WHERE "order" = ANY($1::bigint[])',
        ):
            self._execute(sql, bigints(envelopes))


def _envelope(row: Any) -> EnvelopeRow:
    return EnvelopeRow(
        id=row[0],
        lane=row[1],
        kind=row[2],
        message_id=row[3],
        data=row[4],
        recipients=dict(zip(row[6], row[7], strict=True)),
        statements=tuple(row[8]),
        created_at=row[5],
    )
