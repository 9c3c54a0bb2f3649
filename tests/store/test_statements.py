"""Contract suite: statements, their objects, search, observables and reference sets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import IntegrityFailure, StatementId, format_timestamp, parse_timestamp
from ringwall.labels import Label, parse_label
from ringwall.policy import ReleaseClass
from ringwall.store import NewReference, Selection, SqliteStore, Store
from ringwall.store.moments import next_moment
from ringwall.store.sqlite.selecting import match_query
from tests.store.samples import AMBER, GREEN, NODE, NOW, add, indicator, statement

Do = Callable[[Callable[[Any], Any]], Any]


def every(store: Store) -> list[int]:
    with store.read() as tx:
        return list(tx.release_classes())


def about(object_id: str) -> Selection:
    return Selection(object_ids=frozenset({object_id}))


def classes_of(store: Store, label: Label) -> list[int]:
    with store.read() as tx:
        return [number for number, one in tx.release_classes().items() if one.label == label]


def test_a_statement_comes_back_as_it_went_in(store: Store, do: Do) -> None:
    new = statement(label=AMBER)

    def job(tx: Any) -> int | None:
        order = add(tx, new)
        tx.set_proofs(b"shared", [(order, b"own")])
        return order

    order = do(job)
    with store.read() as tx:
        read = tx.statement(new.id, every(store))
        assert tx.statement_by_id(new.id) == read
    assert read is not None
    assert read.order == order
    for field in ("id", "object_id", "object_type", "version", "body", "label", "lane"):
        assert getattr(read, field) == getattr(new, field)
    for field in ("submitted_by", "received_at", "seed", "digest"):
        assert getattr(read, field) == getattr(new, field)
    assert read.proof == (b"shared", b"own")
    assert (read.source, read.purpose) == ("aaa", new.release_class.purpose)


def test_the_same_statement_twice_is_one(store: Store, do: Do) -> None:
    new = statement()
    assert do(lambda tx: add(tx, new)) == 1
    assert do(lambda tx: add(tx, new)) is None
    with store.read() as tx:
        assert len(tx.statements(every(store), limit=10)) == 1
        assert tx.counts().statements["ROUTINE"] == 1


def test_two_sources_of_one_object_are_two_statements_and_one_object(store: Store, do: Do) -> None:
    body = indicator(7)
    do(lambda tx: add(tx, statement(1, body=body)))
    do(lambda tx: add(tx, statement(1, origin="bbb-1", body=body, label=AMBER)))
    do(lambda tx: tx.set_meta("objects", str(objects(tx)).encode()))
    with store.read() as tx:
        both = tx.versions("indicator--00000000-0000-4000-8000-000000000007", every(store))
        assert {(one.source, one.label) for one in both} == {("aaa", GREEN), ("bbb", AMBER)}
        assert tx.meta("objects") == b"1"
        assert len(tx.search("beacon", every(store), 10)) == 2


def objects(tx: Any) -> int:
    return int(tx._number("SELECT count(*) FROM objects"))


def test_order_ascends_and_is_not_reused_after_a_rollback(store: Store, do: Do) -> None:
    first = do(lambda tx: add(tx, statement(1)))

    def fails(tx: Any) -> None:
        add(tx, statement(2))
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        do(fails)
    second = do(lambda tx: add(tx, statement(3)))
    assert first < second
    with store.read() as tx:
        assert tx.last_order() == second
        assert tx.statement_by_id(StatementId(NODE, 2)) is None
        assert tx.search("beacon 2", every(store), 5) == []


def test_arrival_times_ascend_even_if_the_clock_does_not(store: Store, do: Do) -> None:
    times = [NOW, NOW, "2025-01-01T00:00:00.000000Z", "2026-03-01T08:00:01.000000Z"]
    for sequence, at in enumerate(times, start=1):
        do(lambda tx, s=sequence, at=at: add(tx, statement(s, received_at=at)))
    with store.read() as tx:
        stored = [one.received_at for one in tx.statements(every(store), limit=10)]
        assert stored == sorted(set(stored))
        assert stored[3] == times[3]
        assert all(parse_timestamp(one) for one in stored)
        assert tx.order_at(stored[1]) == 2
        assert tx.order_at("2020-01-01T00:00:00.000000Z") == 0


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_the_next_moment_is_a_microsecond_later(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    after = at + timedelta(microseconds=1)
    assert next_moment(format_timestamp(at)) == format_timestamp(after)


def test_no_visible_class_shows_nothing_by_any_read(store: Store, do: Do) -> None:
    new = statement(1)
    do(lambda tx: add(tx, new))
    with store.read() as tx:
        assert tx.statements([], limit=10) == []
        assert tx.statement(new.id, []) is None
        assert tx.versions(new.object_id, []) == []
        assert tx.search("beacon", [], 10) == []
        assert tx.by_observable("c1.example.org", [], 10) == []


def test_a_withheld_class_shows_in_no_read(store: Store, do: Do) -> None:
    hidden, shown = statement(1, label=AMBER), statement(2)
    do(lambda tx: (add(tx, hidden), add(tx, shown)))
    green = classes_of(store, GREEN)
    with store.read() as tx:
        assert [one.id for one in tx.statements(green, limit=10)] == [shown.id]
        assert tx.statements(green, limit=10, selection=about(hidden.object_id)) == []
        assert tx.statement(hidden.id, green) is None
        assert tx.versions(hidden.object_id, green) == []
        assert [one.id for one in tx.search("beacon", green, 10)] == [shown.id]
        assert tx.by_observable("c1.example.org", green, 10) == []
        assert len(tx.by_observable("c1.example.org", every(store), 10)) == 1


def test_filters_of_type_source_and_object(store: Store, do: Do) -> None:
    sighted = indicator(1).replace(b"indicator", b"malware")
    do(
        lambda tx: [
            add(tx, statement(1)),
            add(tx, statement(2, body=sighted, object_type="malware")),
            add(tx, statement(1, origin="bbb-1")),
        ]
    )
    allowed = every(store)
    with store.read() as tx:
        of_type = tx.statements(allowed, limit=9, selection=Selection(frozenset({"malware"})))
        assert [one.id for one in of_type] == [StatementId(NODE, 2)]
        of_source = tx.statements(allowed, limit=9, selection=Selection(source="bbb"))
        assert [one.id for one in of_source] == [StatementId("bbb-1", 1)]
        of_object = tx.statements(allowed, limit=9, selection=about(of_source[0].object_id))
        assert [one.source for one in of_object] == ["aaa", "bbb"]
        neither = Selection(frozenset({"malware"}), source="bbb")
        assert tx.statements(allowed, limit=9, selection=neither) == []


def test_versions_come_newest_first(store: Store, do: Do) -> None:
    for sequence, day in ((1, "02"), (2, "09"), (3, "05")):
        version = f"2026-02-{day}T00:00:00.000Z"
        new = statement(sequence, body=indicator(5, modified=version), version=version)
        do(lambda tx, new=new: add(tx, new))
    with store.read() as tx:
        found = tx.versions("indicator--00000000-0000-4000-8000-000000000005", every(store))
        assert [one.version[8:10] for one in found] == ["09", "05", "02"]
        about = tx.statements_about(NODE, found[0].object_id, found[0].version)
        assert [one.id.sequence for one in about] == [2]
        assert tx.statements_about("bbb-1", found[0].object_id, found[0].version) == []


def test_the_version_index_lists_what_is_visible_of_the_ids_asked_for(store: Store, do: Do) -> None:
    hidden, shown = statement(1, label=AMBER), statement(2)
    do(lambda tx: [add(tx, new) for new in (hidden, shown, statement(3))])
    asked = [hidden.object_id, shown.object_id, shown.object_id]
    (green,) = classes_of(store, GREEN)
    row = (shown.object_id, shown.version, 2, green)
    with store.read() as tx:
        assert tx.version_index(asked, [green]) == [row]
        assert tx.version_index(asked, []) == []


@pytest.mark.parametrize("text", ["spear", "SPEAR fishing", "spear fish", "fishing spear"])
def test_search_finds_every_word_and_the_last_as_a_prefix(store: Store, do: Do, text: str) -> None:
    do(lambda tx: add(tx, statement(1, body=indicator(1, "Spear fishing at dawn"))))
    do(lambda tx: add(tx, statement(2)))
    with store.read() as tx:
        assert [one.id.sequence for one in tx.search(text, every(store), 10)] == [1]


@pytest.mark.parametrize(
    "text", ["", " ", '"', "*", "NEAR(", "-", "a AND", "text:x", "\0", "(", "^", "OR NOT", '"" *']
)
def test_no_search_text_is_an_operator(store: Store, do: Do, text: str) -> None:
    do(lambda tx: add(tx, statement(1)))
    with store.read() as tx:
        assert tx.search(text, every(store), 10) == []


@given(st.text(max_size=40))
def test_any_text_is_a_query_or_none(text: str) -> None:
    query = match_query(text)
    assert query == "" or (query.startswith('"') and query.endswith('"*'))
    assert query.count('"') % 2 == 0


def test_search_is_newest_first_and_bounded(store: Store, do: Do) -> None:
    do(lambda tx: [add(tx, statement(number)) for number in range(1, 8)])
    with store.read() as tx:
        found = tx.search("beacon", every(store), 3)
        assert [one.id.sequence for one in found] == [7, 6, 5]


LABELS = [parse_label(f"TLP:{tlp}//REL TO {to}") for tlp in ("GREEN", "AMBER") for to in "xyz"]


@pytest.mark.parametrize("many", [False, True], ids=["few classes", "many classes"])
def test_pages_meet_every_visible_statement_once(
    store: Store, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both plans (merge of few classes, scan for many) against the plain definition."""
    for module in ("sqlite.selecting", "postgresql.selecting"):
        monkeypatch.setattr(f"ringwall.store.{module}._FEW_CLASSES", 0 if many else 32)
    labels = [LABELS[(number * 7) % 6] for number in range(60)]
    jobs = [
        store.write(lambda tx, n=n, label=label: add(tx, statement(n, label=label)))
        for n, label in enumerate(labels, start=1)
    ]
    assert [job.result() for job in jobs] == list(range(1, 61))
    with store.read() as tx:
        known = tx.release_classes()
        for mask in range(64):
            open_to = [label for bit, label in enumerate(LABELS) if mask >> bit & 1]
            allowed = [number for number, one in known.items() if one.label in open_to]
            expected = [n for n, label in enumerate(labels, start=1) if label in open_to]
            assert walk(tx, allowed, 7) == expected


def walk(tx: Any, allowed: list[int], limit: int) -> list[int]:
    seen: list[int] = []
    while page := tx.statements(allowed, after=seen[-1] if seen else 0, limit=limit):
        assert len(page) <= limit
        seen += [one.order for one in page]
    return seen


def test_classes_are_interned_and_a_snapshot_sees_its_own(store: Store, do: Do) -> None:
    do(lambda tx: [add(tx, statement(n)) for n in (1, 2)])
    with store.read() as before:
        assert len(before.release_classes()) == before.release_class_count() == 1
        do(lambda tx: add(tx, statement(3, label=AMBER)))
        assert before.release_class_count() == 1
    with store.read() as after:
        assert after.release_classes() == {
            1: ReleaseClass("aaa", "indicator", GREEN),
            2: ReleaseClass("aaa", "indicator", AMBER),
        }


def test_a_label_changed_behind_our_back_denies(store: Store) -> None:
    store.write(lambda tx: add(tx, statement(1, label=AMBER))).result()
    clear = b'{"tlp":"CLEAR"}'.hex()
    written = f"x'{clear}'" if isinstance(store, SqliteStore) else f"'\\x{clear}'::bytea"
    tamper = f"UPDATE labels SET document = {written}"
    store.write(lambda tx: tx._sql.execute(tamper)).result()  # type: ignore[attr-defined]
    with store.read() as tx:
        assert tx.release_classes()[1].label.unknown == ("damaged",)


def test_a_lane_that_is_none_is_named(store: Store) -> None:
    store.write(lambda tx: add(tx, statement(1))).result()
    tamper = "UPDATE statements SET lane = 'SOON'"
    store.write(lambda tx: tx._sql.execute(tamper)).result()  # type: ignore[attr-defined]
    with store.read() as tx, pytest.raises(IntegrityFailure) as refused:
        tx.statement_by_id(StatementId(NODE, 1))
    assert (refused.value.field, refused.value.rule) == ("statements", "lane")


def reference(number: int, name: str = "") -> NewReference:
    body = indicator(number, name)
    return NewReference(f"indicator--{number}", "indicator", name or "1", body)


def test_a_reference_set_is_replaced_whole_and_what_stays_keeps_its_order(
    store: Store, do: Do
) -> None:
    do(lambda tx: tx.put_reference("attack", [reference(1), reference(2), reference(2)], NOW))
    do(lambda tx: tx.put_reference("ics", [reference(2)], NOW))
    do(lambda tx: tx.put_reference("attack", [reference(2), reference(3)], NOW))
    with store.read() as tx:
        rows = tx.reference_page(0, 10, "attack")
        assert [(row.order, row.object_id) for row in rows] == [
            (2, "indicator--2"),
            (4, "indicator--3"),
        ]
        assert tx.counts().references == {"attack": 2, "ics": 1}
        assert [row.order for row in tx.reference_page(2, 1)] == [3]
        times = [row.added_at for row in tx.reference_page(0, 10)]
        assert times == sorted(set(times))
        assert tx.reference_order_at(times[1]) == 3
        assert tx.statements(every(store), limit=10) == []
    assert do(objects) == 2


def test_a_reference_that_goes_leaves_a_statement_of_it(store: Store, do: Do) -> None:
    body = indicator(9)
    one = NewReference(
        "indicator--00000000-0000-4000-8000-000000000009",
        "indicator",
        "2026-02-01T00:00:00.000Z",
        body,
    )
    do(lambda tx: tx.put_reference("set", [one], NOW))
    do(lambda tx: add(tx, statement(1, body=body)))
    do(lambda tx: tx.put_reference("set", [], NOW))
    with store.read() as tx:
        assert tx.reference_page(0, 10) == []
        found = tx.search("beacon 9", every(store), 10)
        assert [one.body for one in found] == [body]


def test_statements_are_counted_by_class_and_day(store: Store, do: Do) -> None:
    with store.read() as tx:
        assert tx.class_days() == []
    days = ["2026-01-01T23:59:59.000000Z", "2026-01-02T00:00:00.000000Z"]
    for sequence, (label, at) in enumerate([(GREEN, days[0]), (GREEN, days[1]), (AMBER, days[1])]):
        new = msgspec.structs.replace(statement(sequence + 1, label=label), received_at=at)
        do(lambda tx, new=new: add(tx, new))
    (green,), (amber,) = classes_of(store, GREEN), classes_of(store, AMBER)
    with store.read() as tx:
        found = sorted(tx.class_days())
    assert found == [(green, "2026-01-01", 1), (green, "2026-01-02", 1), (amber, "2026-01-02", 1)]
