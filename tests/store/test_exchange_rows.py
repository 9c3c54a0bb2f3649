"""Contract suite: outbox, envelopes, receipts, positions, quarantine."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core import BadEnvelope, ManualClock, Precedence, StatementId
from ringwall.store import EnvelopeRow, InPosition, ReceiptDue, ReceiptRow, SqliteStore, Store
from tests.store.conftest import OpenStore
from tests.store.samples import NODE, NOW, add, statement

Do = Callable[[Callable[[Any], Any]], Any]
LATER = "2026-03-01T08:00:05.000000Z"


def envelope(name: str, recipients: dict[str, int], *orders: int, **more: str) -> EnvelopeRow:
    return EnvelopeRow(
        id=name,
        lane=more.get("lane", "ROUTINE"),
        kind=more.get("kind", "statement"),
        message_id=f"m-{name}",
        data=b"sealed " + name.encode(),
        recipients=recipients,
        statements=orders,
        created_at=NOW,
    )


def send(do: Do, name: str, orders: tuple[int, ...], nodes: tuple[str, ...]) -> EnvelopeRow:
    """Store an envelope at the next positions of its recipients, as the outbox does."""

    def job(tx: Any) -> EnvelopeRow:
        recipients = {node: tx.next_position(node, "ROUTINE") for node in nodes}
        row = envelope(name, recipients, *orders)
        tx.put_envelope(row)
        tx.dequeue(orders)
        return row

    return do(job)


def test_sequences_are_dense_and_per_origin(do: Do) -> None:
    assert do(lambda tx: tx.next_sequence("aaa-1", 3)) == 1
    assert do(lambda tx: tx.next_sequence("aaa-1", 2)) == 4
    assert do(lambda tx: tx.next_sequence("bbb-1", 1)) == 1

    def fails(tx: Any) -> None:
        tx.next_sequence("aaa-1", 10)
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        do(fails)
    assert do(lambda tx: tx.next_sequence("aaa-1", 1)) == 6


def test_releases_are_kept_with_their_reasons(store: Store, do: Do) -> None:
    orders = do(lambda tx: [add(tx, statement(n)) for n in (1, 2)])
    reasons = [{"member": "bbb", "permit": True, "reason": "article 3"}]
    do(lambda tx: [tx.add_release(o, "v1", ("bbb-1",), reasons, NOW) for o in orders])
    do(lambda tx: tx.add_release(orders[0], "v2", (), [], LATER))
    with store.read() as tx:
        first, second = tx.releases(orders[0])
        assert (first.policy_version, first.audience, first.reasons) == ("v1", ("bbb-1",), reasons)
        assert (second.policy_version, second.audience, second.at) == ("v2", (), LATER)
        assert len(tx.releases(orders[1])) == 1


def test_the_outbox_gives_the_oldest_of_a_lane_first_within_bounds(store: Store, do: Do) -> None:
    flash = Precedence.FLASH
    orders = do(lambda tx: [add(tx, statement(n)) for n in range(1, 6)])
    urgent = do(lambda tx: add(tx, statement(6, lane=flash)))
    do(lambda tx: tx.enqueue(orders, Precedence.ROUTINE, ["ccc-1", "bbb-1"]))
    do(lambda tx: tx.enqueue([urgent], flash, ["bbb-1"]))
    do(lambda tx: tx.enqueue([orders[0]], Precedence.BULK, []))
    with store.read() as tx:
        rows = tx.outbox_batch("ROUTINE", 3, 10**6)
        assert [row.order for row in rows] == orders[:3]
        assert rows[0].audience == ("bbb-1", "ccc-1")
        assert [row.statement.order for row in rows] == orders[:3]
        size = len(rows[0].statement.body)
        assert len(tx.outbox_batch("ROUTINE", 9, 2 * size)) == 2
        assert len(tx.outbox_batch("ROUTINE", 9, 1)) == 1
        assert [row.order for row in tx.outbox_batch("FLASH", 9, 10**6)] == [urgent]
        assert tx.outbox_batch("BULK", 9, 10**6) == []
        assert tx.counts().outbox == {
            "FLASH": 1,
            "IMMEDIATE": 0,
            "PRIORITY": 0,
            "ROUTINE": 5,
            "BULK": 0,
        }
    do(lambda tx: tx.dequeue(orders[:4]))
    with store.read() as tx:
        assert [row.order for row in tx.outbox_batch("ROUTINE", 9, 10**6)] == orders[4:]


def test_a_sealed_envelope_waits_until_a_hub_has_it(store: Store, do: Do) -> None:
    order = do(lambda tx: add(tx, statement()))
    rows = [send(do, name, (order,), (node,)) for name, node in (("e1", "bbb-1"), ("e2", "ccc-1"))]
    with store.read() as tx:
        assert tx.unpublished("ROUTINE") == rows
        assert tx.unpublished("FLASH") == []
        assert tx.counts().unpublished == 2
    do(lambda tx: tx.mark_published(["e1"], "alpha", NOW))
    with store.read() as tx:
        assert [row.id for row in tx.unpublished("ROUTINE")] == ["e2"]


def test_positions_are_dense_per_node_and_lane(store: Store, do: Do) -> None:
    given = do(lambda tx: [tx.next_position("bbb-1", "ROUTINE") for _ in range(3)])
    assert given == [1, 2, 3]
    assert do(lambda tx: tx.next_position("bbb-1", "FLASH")) == 1
    with store.read() as tx:
        assert tx.sent_position("bbb-1", "ROUTINE") == 3
        assert tx.sent_position("ccc-1", "ROUTINE") == 0


def test_delivery_goes_from_queued_to_sent_to_received_or_rejected(store: Store, do: Do) -> None:
    one = StatementId(NODE, 1)
    order = do(lambda tx: add(tx, statement()))
    do(lambda tx: tx.enqueue([order], Precedence.ROUTINE, ["bbb-1", "ccc-1"]))
    assert states(store, one) == {"bbb-1": "queued", "ccc-1": "queued"}
    send(do, "e1", (order,), ("bbb-1", "ccc-1"))
    assert states(store, one) == {"bbb-1": "queued", "ccc-1": "queued"}
    do(lambda tx: tx.mark_published(["e1"], "alpha", NOW))
    assert states(store, one) == {"bbb-1": "sent", "ccc-1": "sent"}
    do(lambda tx: tx.put_receipt(ReceiptRow("bbb-1", "ROUTINE", 1, LATER)))
    assert states(store, one) == {"bbb-1": "received", "ccc-1": "sent"}
    refusal = ((1, "no agreement"),)
    do(lambda tx: tx.put_receipt(ReceiptRow("ccc-1", "ROUTINE", 1, LATER, refusal, b"signed")))
    with store.read() as tx:
        received, rejected = tx.delivery(one)
        assert (received.state, received.position) == ("received", 1)
        assert (rejected.state, rejected.reason) == ("rejected", "no agreement")
        kept = tx.receipt("ccc-1", "ROUTINE")
        assert kept == ReceiptRow("ccc-1", "ROUTINE", 1, LATER, refusal, b"signed")
        assert tx.receipt("ddd-1", "ROUTINE") is None
        assert tx.delivery(StatementId(NODE, 99)) == []


def states(store: Store, one: StatementId) -> dict[str, str]:
    with store.read() as tx:
        return {row.node: row.state for row in tx.delivery(one)}


def test_each_statement_keeps_the_time_of_the_receipt_that_first_covered_it(
    open_store: OpenStore,
) -> None:
    clock = ManualClock(datetime(2026, 3, 1, 8, tzinfo=UTC))
    store = open_store(clock)

    def do(job: Callable[[Any], Any]) -> Any:
        return store.write(job).result()

    orders = do(lambda tx: [add(tx, statement(n)) for n in (1, 2)])
    send(do, "e1", (orders[0],), ("bbb-1",))
    send(do, "e2", (orders[1],), ("bbb-1",))
    do(lambda tx: tx.put_receipt(ReceiptRow("bbb-1", "ROUTINE", 1, NOW)))
    clock.advance(timedelta(seconds=5))
    do(lambda tx: tx.put_receipt(ReceiptRow("bbb-1", "ROUTINE", 2, NOW)))
    with store.read() as tx:
        times = [tx.delivery(StatementId(NODE, n))[0].at for n in (1, 2)]
    assert times == [NOW, LATER]
    store.close()


def test_a_receipt_settles_when_it_arrives_and_not_when_the_peer_says(
    open_store: OpenStore,
) -> None:
    clock = ManualClock(datetime(2026, 3, 1, 9, tzinfo=UTC))
    store = open_store(clock)

    def do(job: Callable[[Any], Any]) -> Any:
        return store.write(job).result()

    order = do(lambda tx: add(tx, statement()))
    send(do, "e1", (order,), ("bbb-1",))
    do(lambda tx: tx.put_receipt(ReceiptRow("bbb-1", "ROUTINE", 1, "2001-01-01T00:00:00.000000Z")))
    with store.read() as tx:
        assert tx.delivery(StatementId(NODE, 1))[0].at == "2026-03-01T09:00:00.000000Z"
        kept = tx.receipt("bbb-1", "ROUTINE")
        assert kept is not None
        assert kept.at == "2001-01-01T00:00:00.000000Z"
    store.close()


@pytest.mark.parametrize("receipt_first", [False, True])
def test_bytes_go_when_published_and_settled_by_all(
    store: Store, do: Do, receipt_first: bool
) -> None:
    order = do(lambda tx: add(tx, statement()))
    send(do, "e1", (order,), ("bbb-1", "ccc-1"))

    def publish(tx: Any) -> None:
        tx.mark_published(["e1"], "alpha", NOW)

    def confirm(tx: Any) -> None:
        assert tx.put_receipt(ReceiptRow("bbb-1", "ROUTINE", 1, NOW))

    def last(tx: Any) -> None:
        assert tx.put_receipt(ReceiptRow("ccc-1", "ROUTINE", 1, NOW))

    steps = [confirm, last, publish] if receipt_first else [publish, confirm, last]
    for step in steps:
        assert do(held) == 1
        do(step)
    assert do(held) == 0
    assert states(store, StatementId(NODE, 1)) == {"bbb-1": "received", "ccc-1": "received"}


def held(tx: Any) -> int:
    return int(tx._number("SELECT count(*) FROM envelopes WHERE data IS NOT NULL"))


def test_a_published_receipt_leaves_nothing_but_its_position(store: Store, do: Do) -> None:
    do(lambda tx: tx.next_position("bbb-1", "CONTROL"))
    do(lambda tx: tx.put_envelope(envelope("r1", {"bbb-1": 1}, lane="CONTROL", kind="receipt")))
    with store.read() as tx:
        assert [row.kind for row in tx.unpublished("CONTROL")] == ["receipt"]
    do(lambda tx: tx.mark_published(["r1"], "alpha", NOW))
    assert do(lambda tx: tx._number("SELECT count(*) FROM envelopes")) == 0
    with store.read() as tx:
        assert tx.sent_position("bbb-1", "CONTROL") == 1


def test_a_receipt_says_news_once_and_never_more_than_was_sent(store: Store, do: Do) -> None:
    order = do(lambda tx: add(tx, statement()))
    send(do, "e1", (order,), ("bbb-1",))
    receipt = ReceiptRow("bbb-1", "ROUTINE", 1, NOW, (), b"evidence")
    assert do(lambda tx: tx.put_receipt(receipt)) is True
    assert do(lambda tx: tx.put_receipt(receipt)) is False
    for wrong in (
        ReceiptRow("bbb-1", "ROUTINE", 2, LATER),
        ReceiptRow("ccc-1", "ROUTINE", 1, LATER),
        ReceiptRow("bbb-1", "ROUTINE", 1, LATER, ((2, "no"),)),
    ):
        with pytest.raises(BadEnvelope) as refused:
            do(lambda tx, wrong=wrong: tx.put_receipt(wrong))
        assert refused.value.rule == "receipt-position"
    with store.read() as tx:
        assert tx.peers()[0].last_receipt_at == NOW


def test_peers_show_the_backlog(store: Store, do: Do) -> None:
    order = do(lambda tx: add(tx, statement()))
    for name in ("e1", "e2", "e3"):
        send(do, name, (order,) if name == "e1" else (), ("bbb-1",))
    do(lambda tx: tx.put_receipt(ReceiptRow("bbb-1", "ROUTINE", 1, NOW)))
    with store.read() as tx:
        (peer,) = tx.peers()
    assert (peer.node, peer.lane, peer.sent, peer.receipted) == ("bbb-1", "ROUTINE", 3, 1)
    assert peer.backlog == 2


def test_inbox_positions_are_set_per_hub_and_lane(store: Store, do: Do) -> None:
    do(lambda tx: tx.set_inbox_position("alpha", "FLASH", 7, "created-1"))
    do(lambda tx: tx.set_inbox_position("alpha", "FLASH", 3, "created-2"))
    with store.read() as tx:
        found = tx.inbox_position("alpha", "FLASH")
        assert found is not None
        assert (found.stream_sequence, found.consumer_created) == (3, "created-2")
        assert tx.inbox_position("alpha", "ROUTINE") is None
        assert tx.inbox_position("beta", "FLASH") is None


def test_a_gap_holds_the_receipt_back_until_it_is_filled(store: Store, do: Do) -> None:
    assert do(lambda tx: tx.advance_position("bbb-1", "FLASH", 1)) == 1
    assert do(lambda tx: tx.advance_position("bbb-1", "FLASH", 3, "no agreement")) == 1
    with store.read() as tx:
        assert tx.receipts_due() == [ReceiptDue("bbb-1", "FLASH", 1)]
        assert tx.in_positions() == [InPosition("bbb-1", "FLASH", 1, 3)]
    assert do(lambda tx: tx.advance_position("bbb-1", "FLASH", 2)) == 3
    with store.read() as tx:
        assert tx.receipts_due() == [ReceiptDue("bbb-1", "FLASH", 3, ((3, "no agreement"),))]
    do(lambda tx: tx.mark_receipted("bbb-1", "FLASH", 3))
    assert do(lambda tx: tx.advance_position("bbb-1", "FLASH", 2)) == 3
    do(lambda tx: tx.advance_position("bbb-1", "FLASH", 4))
    with store.read() as tx:
        # refusals are told again: the receipt that held them may have been lost
        assert tx.receipts_due() == [ReceiptDue("bbb-1", "FLASH", 4, ((3, "no agreement"),))]
        assert tx.in_position("bbb-1", "FLASH") == 4
        assert tx.in_position("bbb-1", "BULK") == 0


@settings(max_examples=25)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_any_order_of_arrival_settles_the_same(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[int]
) -> None:
    """Against the definition: the largest n with every position from 1 to n seen."""
    store = SqliteStore(tmp_path_factory.mktemp("gaps") / "ringwall.db")

    def job(tx: Any) -> list[int]:
        return [tx.advance_position("bbb-1", "BULK", position) for position in arrivals]

    reached = store.write(job).result()
    seen: set[int] = set()
    for position, result in zip(arrivals, reached, strict=True):
        seen.add(position)
        assert result == next(n for n in range(14) if n + 1 not in seen)
    with store.read() as tx:
        assert tx.in_positions()[0].highest == max(seen)
    store.close()


def test_quarantine_keeps_the_bytes_until_they_are_dropped(store: Store, do: Do) -> None:
    place = {"at": NOW, "hub": "alpha", "lane": "FLASH", "stream_sequence": 4}
    first = do(lambda tx: tx.quarantine(b"\x00bad", rule="magic", reason="no magic", **place))
    second = do(lambda tx: tx.quarantine(b"worse", rule="magic", reason="no magic", **place))
    with store.read() as tx:
        rows = tx.quarantined()
        assert [row.id for row in rows] == [first, second]
        assert (rows[0].data, rows[0].rule, rows[0].stream_sequence) == (b"\x00bad", "magic", 4)
        assert tx.quarantined(1) == rows[:1]
        assert tx.quarantined(1, after=first) == rows[1:]
        assert tx.quarantined(rule="magic", after=first) == rows[1:]
        assert tx.quarantined(rule="other", after=0) == []
        assert tx.counts().quarantined == 2
    do(lambda tx: tx.drop_quarantined(first))
    with store.read() as tx:
        assert [row.id for row in tx.quarantined()] == [second]


def put_away(tx: Any, data: bytes, rule: str = "magic") -> int:
    place = {"at": NOW, "hub": "alpha", "lane": "FLASH", "stream_sequence": 4}
    return int(tx.quarantine(data, rule=rule, reason="no", **place))


def test_the_same_bytes_are_quarantined_once(store: Store, do: Do) -> None:
    first = do(lambda tx: put_away(tx, b"bad"))
    assert do(lambda tx: put_away(tx, b"bad", "other")) == first
    assert do(lambda tx: put_away(tx, b"worse", "other")) != first
    with store.read() as tx:
        assert [row.data for row in tx.quarantined(rule="other")] == [b"worse"]
        assert len(tx.quarantined()) == 2
    do(lambda tx: tx.drop_quarantined(first))
    assert do(lambda tx: put_away(tx, b"bad")) > first


def test_a_full_quarantine_drops_the_oldest_and_says_so(
    store: Store, do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringwall.store.bounds.QUARANTINE_BYTES", 30)
    waiting = do(lambda tx: put_away(tx, b"0" * 9, "registry-number"))
    first, second, third = (do(lambda tx, n=n: put_away(tx, b"%d" % n * 7)) for n in (1, 2, 3))
    with store.read() as tx:
        assert [row.id for row in tx.quarantined()] == [waiting, first, second, third]
    fourth = do(lambda tx: put_away(tx, b"4" * 10))
    with store.read() as tx:
        assert [row.id for row in tx.quarantined()] == [waiting, third, fourth]
        entry = json.loads(tx.audit_entries(0, 9)[0].leaf)
    told = {key: entry[key] for key in ("kind", "first", "last", "count", "bytes")}
    assert told == {
        "kind": "quarantine-dropped",
        "first": first,
        "last": second,
        "count": 2,
        "bytes": 14,
    }


def test_everything_survives_closing(open_store: OpenStore) -> None:
    store = open_store()
    store.write(lambda tx: add(tx, statement())).result()
    store.write(lambda tx: tx.next_position("bbb-1", "ROUTINE")).result()
    store.close()
    store.close()
    again = open_store()
    with again.read() as tx:
        assert tx.statement_by_id(StatementId(NODE, 1)) is not None
        assert tx.sent_position("bbb-1", "ROUTINE") == 1
    if isinstance(again, SqliteStore):
        assert (again.directory / "ringwall.db").stat().st_mode & 0o777 == 0o600
