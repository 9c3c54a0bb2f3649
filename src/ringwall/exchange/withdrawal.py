"""Withdrawal: what this node stated and nobody else has yet is taken back, as if it had not been.

Only before it leaves: a statement that stands in a sealed envelope is with others, or on its way,
and nothing done here can take it from them. That needs a signed recall.
"""

from collections.abc import Mapping, Sequence

from ringwall.alliance import Reader
from ringwall.core import Forbidden, NotFound, Precedence, StatementId
from ringwall.exchange.naming import forget, let_go
from ringwall.store import ReadTransaction, Statement, Store, WriteTransaction

WITHDRAWING_ROLES = frozenset({"analyst", "submitter", "release-officer", "watch-officer"})
"""Those that may submit."""
WITHDRAWALS = "withdrawals"
"""A value of the node that is another one after every withdrawal: the outbox compares it."""


def withdraw(
    store: Store, node: str, reader: Reader, statements: Sequence[StatementId]
) -> frozenset[Precedence]:
    """Take statements of ``node`` out of everybody's sight, all or none; blocks until durable.

    Each is entered in the audit log, and waits for a second person no longer. Returns the lanes of
    the outbox that have work now: what waited for them. Raises NotFound (one is not there),
    Forbidden (rules ``role`` and ``released``: one has left, or came from another node) and
    StorageFull.
    """
    if not reader.roles & WITHDRAWING_ROLES:
        raise Forbidden(f"reader {reader.id} has no role that may withdraw", rule="role")

    def job(tx: WriteTransaction) -> frozenset[Precedence]:
        orders = {each: _order(tx, node, each) for each in statements}
        return take_back(tx, reader.member, orders, {"reader": reader.id})

    return store.write(job).result()


def take_back(
    tx: WriteTransaction, member: str, orders: Mapping[StatementId, int], entry: Mapping[str, str]
) -> frozenset[Precedence]:
    """Take statements that nobody else has, with their orders, out of everybody's sight.

    ``entry`` says in the audit log by whom, or why. Returns as :func:`withdraw` does.
    """
    tx.withdraw(list(orders.values()))
    tx.set_meta(WITHDRAWALS, b"%d" % tx.audit_size())
    for each in orders:
        tx.append_audit("withdrawn", {"statement": str(each), **entry})
    forget(tx, member, {str(each) for each in orders})
    return let_go(tx, member)


def is_withdrawn(tx: ReadTransaction, statement: Statement) -> bool:
    """Tell whether a statement was withdrawn: it is filed under a class that is open to nobody."""
    return tx.release_classes()[statement.release_class].label != statement.label


def _order(tx: WriteTransaction, node: str, statement: StatementId) -> int:
    """Return the order of a statement that can still be withdrawn."""
    held = tx.statement_by_id(statement)
    if held is None:
        raise NotFound("there is no such statement", field="statement")
    if statement.origin != node or held.proof is not None:  # it has a proof once it is sealed
        raise Forbidden(
            f"{statement} was released to others: it can be recalled, not deleted",
            field="statement",
            rule="released",
        )
    return held.order
