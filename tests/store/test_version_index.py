"""The index of versions that TAXII chooses from: what is visible, in order of arrival."""

from ringwall.core import StatementId
from ringwall.store import Store
from tests.store.samples import AMBER, add, indicator, statement


def test_only_visible_statements_about_the_objects_asked_for_are_listed(store: Store) -> None:
    first = statement(1)
    again = statement(2)
    hidden = statement(3, body=indicator(2, "other words"), label=AMBER)
    store.write(lambda tx: add(tx, first)).result()
    store.write(lambda tx: add(tx, again)).result()
    store.write(lambda tx: add(tx, hidden)).result()
    with store.read() as tx:
        known = tx.release_classes()
        classes = [number for number, one in known.items() if one.label != AMBER]
        every = tx.version_index({again.object_id}, list(known))
        both = tx.version_index({first.object_id, again.object_id}, classes)
        none = tx.version_index({first.object_id}, [])
        one = tx.version_index({again.object_id}, classes)
        held = tx.statement(StatementId(again.id.origin, again.id.sequence), classes)
    assert held is not None
    assert (again.object_id, again.version, held.order, held.release_class) in one
    assert [row[2] for row in both] == sorted(row[2] for row in both)
    assert {row[0] for row in both} == {first.object_id, again.object_id}
    assert none == []
    assert (len(one), len(every)) == (1, 2)
