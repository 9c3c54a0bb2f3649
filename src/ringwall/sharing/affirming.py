"""After a restore: what the other parties say now of the agreements that an old copy still holds.

A copy from an earlier time may hold an agreement that was withdrawn or replaced since, and the
message that told of it will not come again. So a node that was brought back asks every other one

    ask → each tells what it holds of the agreements that both are parties of, but for replaced ones
    → an agreement counts here again once every other party has told of it, or has signed it since

The store keeps which restore was asked about, and who told of what since.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

import msgspec

from ringwall.alliance import Agreement
from ringwall.core import BadEnvelope, Clock, format_timestamp
from ringwall.exchange import Messages
from ringwall.exchange.messages import OUTGOING
from ringwall.sharing.signed import Held, portions
from ringwall.sharing.telling import restored_at
from ringwall.store import ReadTransaction, Store, WriteTransaction

AGAIN, STILL = "agreement-again", "agreement-still"
"""The kinds of the messages: the question, and one answer for each agreement."""
ASKED, HEARD, KEY = "agreements-asked", "agreement-heard", "this"
MOST_UNCONFIRMED = 1000
"""With so many messages under way to a node it is told of no agreements again."""

_Series = Annotated[str, msgspec.Meta(max_length=40)]


class _Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    series: _Series


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    series: _Series
    held: dict[str, Any]


class _Heard(msgspec.Struct, frozen=True):
    series: str = ""
    members: frozenset[str] = frozenset()


class Affirming:
    """Asks after a restore, and knows which agreements count again."""

    def __init__(self, *, member: str, store: Store, clock: Clock, messages: Messages) -> None:
        self._member = member
        self._store = store
        self._clock = clock
        self._messages = messages

    def ask(self, nodes: Collection[str]) -> None:
        """Ask ``nodes`` once after each restore; blocks until that is durable."""
        with self._store.read() as tx:
            if self._asked(tx) == restored_at(tx):
                return

        def job(tx: WriteTransaction) -> None:
            series = restored_at(tx)
            for node in nodes:
                self._messages.post(tx, node, AGAIN, {"v": 1, "series": series})
            tx.put_document(ASKED, self._member, KEY, series.encode(), self._now())

        self._store.write(job).result()
        self._messages.wake()

    def answer(self, tx: WriteTransaction, node: str, body: Any, held: Collection[Held]) -> None:
        """Tell a node that asks of what is ``held``. Raises BadEnvelope (``shape``, ``flood``)."""
        series = _read(body, _Question).series
        if len(tx.documents(OUTGOING, node, self._now())) >= MOST_UNCONFIRMED:
            why = f"agreements: {node} has not confirmed {MOST_UNCONFIRMED} messages"
            raise BadEnvelope(why, field="agreement", rule="flood")
        for one in (part for each in held for part in portions(each, self._member)):
            said = {"v": 1, "series": series, "held": msgspec.to_builtins(one)}
            self._messages.post(tx, node, STILL, said)

    def read_answer(self, tx: ReadTransaction, body: Any) -> dict[str, Any]:
        """Return what an answer tells. Raises BadEnvelope (``shape``; ``series``: of another)."""
        answer: _Answer = _read(body, _Answer)
        if answer.series != restored_at(tx):
            raise BadEnvelope("agreement: this was not asked", field="series", rule="series")
        return answer.held

    def note(self, tx: WriteTransaction, digest: str, member: str) -> None:
        """Note that a party has told of an agreement since the restore."""
        series = restored_at(tx)
        members = self._heard(tx, digest, series) | {member}
        raw = msgspec.json.encode(_Heard(series, members))
        tx.put_document(HEARD, self._member, digest, raw, self._now())

    def counting(
        self, tx: ReadTransaction, agreements: Collection[Agreement], held: Mapping[str, Held]
    ) -> tuple[Agreement, ...]:
        """Return those that count: all of them at a node that was never restored."""
        series = restored_at(tx)
        if not series:
            return tuple(agreements)
        return tuple(
            each
            for each in agreements
            if each.parties - {self._member}
            <= self._heard(tx, each.digest, series) | _signed_after(held[each.digest], series)
        )

    def _heard(self, tx: ReadTransaction, digest: str, series: str) -> frozenset[str]:
        raw = tx.document(HEARD, self._member, digest, self._now())
        heard = _Heard() if raw is None else msgspec.json.decode(raw, type=_Heard)
        return heard.members if heard.series == series else frozenset()

    def _asked(self, tx: ReadTransaction) -> str:
        return (tx.document(ASKED, self._member, KEY, self._now()) or b"").decode()

    def _now(self) -> str:
        return format_timestamp(self._clock.now())


def _signed_after(held: Held, series: str) -> frozenset[str]:
    return frozenset(member for member, given in held.signatures.items() if given.at > series)


def _read(body: Any, shape: type[Any]) -> Any:
    try:
        said = msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise BadEnvelope(f"agreement: {error}", field="agreement", rule="shape") from error
    if said.v != 1:
        raise BadEnvelope("agreement: unknown version", field="v", rule="shape")
    return said
