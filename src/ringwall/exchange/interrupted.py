"""Interrupted submissions: what is left of one that goes in several slices and was not finished.

Nothing of it leaves before all is stored, for an object may name one of a later slice, of which
some of its recipients must not know. Where a crash or a full disk leaves the later slices out,
nobody was told that the earlier ones were accepted. So what names something that is not here is
taken back, as if it had not been stated; it comes again when the submission does. The rest stays.
"""

import secrets
from collections.abc import Iterable, Iterator

import msgspec

from ringwall.core import Clock, StatementId, format_timestamp
from ringwall.exchange.redacting import named_ids
from ringwall.exchange.withdrawal import is_withdrawn, take_back
from ringwall.store import ReadTransaction, Statement, WriteTransaction

OPEN = "open-submission"
"""The kind of the documents that say which statements an unfinished submission has so far."""
AT_ONCE = 1000


class _Span(msgspec.Struct, frozen=True):
    """The statements of one slice: those of ``after`` < order <= ``until``."""

    after: int
    until: int


class OpenSubmissions:
    """Notes what belongs to submissions that are not finished, for one node."""

    def __init__(self, *, node: str, member: str, clock: Clock) -> None:
        self._node = node
        self._member = member
        self._clock = clock

    def note(self, tx: WriteTransaction, submission: str, after: int) -> None:
        """Note, in the transaction that stores a slice, what it stored since an order."""
        span = _Span(after, tx.last_order())
        if span.until > after:
            key = f"{submission}-{after:020}"
            tx.put_document(OPEN, self._member, key, msgspec.json.encode(span), self._now())

    def close(self, tx: WriteTransaction, submission: str) -> None:
        """Forget what was noted of a submission ("": of every one): all of it is stored."""
        for key in self._spans(tx, submission):
            tx.drop_document(OPEN, self._member, key)

    def settle(self, tx: WriteTransaction, submission: str = "") -> frozenset[str]:
        """End a submission, or every one, that does not go on; return the names of what went.

        What was sealed all the same is with others, and stays.
        """
        gone = self.find(tx, submission)
        if gone:
            take_back(tx, self._member, gone, {"why": "its submission was not finished"})
        self.close(tx, submission)
        return frozenset(str(name) for name in gone)

    def find(self, tx: ReadTransaction, submission: str = "") -> dict[StatementId, int]:
        """Return what names something that is not here, with its order."""
        stored = self._stored(tx, self._spans(tx, submission).values())
        return {
            one.id: one.order
            for one in _dangling(tx, list(stored))
            if (held := tx.statement_by_id(one.id)) is not None and held.proof is None
        }

    def _spans(self, tx: ReadTransaction, submission: str) -> dict[str, _Span]:
        """Return what was noted of a submission ("": of every one), by key."""
        return {
            key: msgspec.json.decode(body, type=_Span)
            for key, body in tx.documents(OPEN, self._member, self._now())
            if key.startswith(submission)
        }

    def _stored(self, tx: ReadTransaction, spans: Iterable[_Span]) -> Iterator["_Named"]:
        """Read what was stored and still counts."""
        for span in spans:
            after = span.after
            while page := tx.statements(
                tx.release_classes().keys(), after=after, until=span.until, limit=AT_ONCE
            ):
                after = page[-1].order
                for each in page:
                    if each.id.origin == self._node and not is_withdrawn(tx, each):
                        yield _named(each)

    def _now(self) -> str:
        return format_timestamp(self._clock.now())


class _Named(msgspec.Struct, frozen=True):
    id: StatementId
    order: int
    object_id: str
    names: frozenset[str]


def new_submission() -> str:
    """Return a name for a submission that goes in several slices."""
    return secrets.token_hex(16)


def _named(statement: Statement) -> _Named:
    names = named_ids(statement.object_id, statement.body)
    return _Named(statement.id, statement.order, statement.object_id, names)


def _dangling(tx: ReadTransaction, stored: Iterable[_Named]) -> list[_Named]:
    """Return what names something that is not here, or that goes for this very cause."""
    rest = [one for one in stored if one.names]
    wanted = frozenset[str]().union(*(one.names for one in rest))
    missing = set(wanted - tx.stored_ids(wanted))
    found: list[_Named] = []
    while more := [one for one in rest if not missing.isdisjoint(one.names)]:
        found += more
        rest = [one for one in rest if missing.isdisjoint(one.names)]
        missing |= {one.object_id for one in more}
    return found
