"""Taking what another node passed on, and hearing what became of what this one passed on.

What comes is checked as if its origin had sent it: its proof, its label, its terms; and besides
that its whole way is signed and within those terms. Only then is it stored, as a class of its own:
it is this member's alone, and an agreement with whoever passed it on has to be in force for anybody
to read it. The sender is told what became of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from ringwall.alliance import Alliance
from ringwall.core import (
    BadEnvelope,
    CallerError,
    Clock,
    InvalidInput,
    PeerError,
    Precedence,
    StatementId,
    format_timestamp,
    parse_statement_id,
)
from ringwall.exchange import Message, Messages
from ringwall.exchange.arriving import Stated, is_same, new_statement, put_in_place, takes_place
from ringwall.exchange.pins import equivocation_entry, received_entries
from ringwall.policy import NO_FURTHER, Kernel, Limit, ReleaseClass, further, passing_on
from ringwall.sharing.relay_book import Came, RelayBook
from ringwall.store import NewStatement, WriteTransaction
from ringwall.trust import (
    Hop,
    Registry,
    Relay,
    StatedLeaf,
    encode_proof,
    read_relay,
    verify_origin,
    verify_relay,
)

RELAY, ANSWER = "relay", "relay-answer"
"""The kinds of the messages."""
LONGEST_REASON = 1000


class RelayBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a relay's message: the relay, and the lane of its statement."""

    v: int
    lane: Precedence
    relay: dict[str, Any]


class AnswerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a relay at the node that it was sent to."""

    v: int
    statement: str
    state: Literal["taken", "refused"]
    reason: str = ""


def read_body(body: Mapping[str, Any]) -> tuple[Precedence, Relay]:
    """Read a relay's message. Raises BadEnvelope (field ``relay``); nothing is believed yet."""
    try:
        shape = msgspec.convert(body, RelayBody)
    except msgspec.ValidationError as error:
        raise BadEnvelope(f"relay: {error}", field="relay", rule="shape") from error
    if shape.v != 1:
        raise BadEnvelope("relay: unknown version", field="relay/v", rule="version")
    return shape.lane, read_relay(shape.relay)


def limit_of(
    alliance: Alliance,
    release: ReleaseClass,
    hops: Sequence[Hop],
    holder: str,
    member: str,
    at: datetime,
) -> Limit:
    """Return how far ``member`` may pass on what ``holder`` passes on to it now.

    ``hops`` are those over which ``holder`` got it.
    """
    limit = further(alliance, release, holder, member, at)
    if hops:
        last = hops[-1]
        limit = limit.within(Limit(frozenset(last.onward_to), last.hops).after_a_hop())
    return limit if limit.hops and limit.members else NO_FURTHER


class Relaying:
    """Takes relays, and answers to them, for one node."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        registry: Registry,
        kernel: Kernel,
        clock: Clock,
        messages: Messages,
        book: RelayBook,
    ) -> None:
        self._node = node
        self._member = member
        self._registry = registry
        self._kernel = kernel
        self._clock = clock
        self._messages = messages
        self._book = book

    def take_relay(self, tx: WriteTransaction, message: Message) -> None:
        """Store what a relay brings, or refuse it; the sender hears which.

        Raises BadEnvelope and BadSignature where not even its origin's proof holds: then nothing
        says what it is about.
        """
        lane, relay = read_body(message.body)
        leaf = verify_relay(relay, self._registry, me=self._node, sender=message.sender)
        stated = self._stated(relay, leaf)
        refusal = ""
        try:
            new = new_statement(stated, lane, format_timestamp(self._clock.now()))
            refusal = self._refusal(new) or self._store(tx, new, relay)
        except (PeerError, CallerError) as error:
            refusal = str(error)
        entry = {"statement": str(stated.id), "from": message.sender, "way": list(stated.relayed)}
        if refusal:
            tx.append_audit("relay-refused", {**entry, "reason": refusal[:LONGEST_REASON]})
        else:
            tx.append_audit("relay-taken", entry)
        self._answer(tx, message.sender, stated.id, refusal[:LONGEST_REASON])

    def _stated(self, relay: Relay, leaf: StatedLeaf) -> Stated:
        nodes = self._registry.nodes
        way = (relay.hops[0].by, *(hop.to for hop in relay.hops))
        return Stated(
            id=StatementId(leaf.origin, leaf.sequence),
            source=nodes[leaf.origin].member,
            object=relay.object,
            seed=relay.seed,
            disclosure=relay.disclosure,
            label=leaf.label,
            purpose=leaf.purpose,
            onward=leaf.onward,
            relayed=tuple(nodes[node].member for node in way),
        )

    def _refusal(self, new: NewStatement) -> str:
        """Return why this member must not have the statement, or "" if it may."""
        decision = self._kernel.decide(new.release_class, self._member, self._clock.now())
        return "" if decision.permit else f"{new.id}: {decision.reason()}"

    def _store(self, tx: WriteTransaction, new: NewStatement, relay: Relay) -> str:
        """Store a statement with its proof and its way; return why it cannot be, or ""."""
        before = tx.statement_by_id(new.id)
        if before is not None and not is_same(tx, before, new):
            tx.append_audit("equivocation", equivocation_entry(new))
            return f"{new.id}: the origin stated something else under this number before"
        if before is not None and not takes_place(tx, before, new):
            return ""
        if before is not None:
            order: int | None = put_in_place(tx, before, new)
        else:
            (order,) = tx.add_statements([new])
            for entry in received_entries([new]):
                tx.append_audit("received", entry)
        if order is not None:
            tx.set_proofs(encode_proof(relay.proof), [(order, b"")])
            came = Came(relay.addressees, relay.addressee_salt, relay.hops)
            self._book.keep_came(tx, new.id, came)
        return ""

    def _answer(
        self, tx: WriteTransaction, node: str, statement: StatementId, refusal: str
    ) -> None:
        body = AnswerBody(1, str(statement), "refused" if refusal else "taken", refusal)
        self._messages.post(tx, node, ANSWER, msgspec.to_builtins(body))

    def take_answer(self, tx: WriteTransaction, message: Message) -> None:
        """Note what became of a relay at the node that it was sent to. Raises BadEnvelope."""
        try:
            given = msgspec.convert(message.body, AnswerBody)
            statement = parse_statement_id(given.statement)
        except (msgspec.ValidationError, InvalidInput) as error:
            raise BadEnvelope(f"relay: {error}", field="relay-answer", rule="shape") from error
        known = self._book.gone(tx, message.sender, statement)
        if given.v != 1 or known is None:
            raise BadEnvelope("relay: nothing was sent", field="relay-answer", rule="unknown")
        reason = given.reason[:LONGEST_REASON]
        heard = msgspec.structs.replace(
            known, state=given.state, at=self._book.now(), reason=reason
        )
        self._book.keep_gone(tx, statement, heard)
        tx.append_audit(
            f"relay-{given.state}-by", {"statement": given.statement, "node": message.sender}
        )

    def may_leave(self, node: str, body: Mapping[str, Any]) -> bool:
        """Tell whether a relay that waits may still be sent: the decision is made again.

        The agreement under which it came is asked again too, and that this node's hop lets no more
        pass than is agreed now.
        """
        _, relay = read_body(body)
        entry = self._registry.nodes.get(node)
        try:
            stated = self._stated(relay, verify_origin(relay, self._registry))
            new = new_statement(stated, Precedence.ROUTINE, self._book.now())
        except (PeerError, CallerError):  # its origin is trusted no more
            return False
        classes = (new.release_class, *(one for _, one in new.parts))
        return (
            entry is not None
            and self._is_agreed(new.release_class, relay, entry.member)
            and all(self._kernel.may_receive(one, entry.member) for one in classes)
        )

    def _is_agreed(self, passed: ReleaseClass, relay: Relay, member: str) -> bool:
        """Tell whether this member may pass it on, as far as its hop says that ``member`` may."""
        at, alliance, way = self._clock.now(), self._kernel.alliance, passed.relayed
        held = msgspec.structs.replace(passed, relayed=way[:-1] if len(way) > 2 else ())
        agreed, _ = passing_on(alliance, held, self._member, member, at)
        last = relay.hops[-1]
        limit = limit_of(alliance, held, relay.hops[:-1], self._member, member, at)
        return (
            agreed.outcome == "pass"
            and last.hops <= limit.hops
            and limit.members.issuperset(last.onward_to)
        )

    def closed(self, tx: WriteTransaction, node: str, body: Mapping[str, Any]) -> None:
        """Note that a relay will not be sent (again), so that nothing counts on its arrival.

        Of an answer it is known that it arrived.
        """
        _, relay = read_body(body)
        leaf = msgspec.json.decode(relay.proof.leaf, type=StatedLeaf)
        statement = StatementId(leaf.origin, leaf.sequence)
        known = self._book.gone(tx, node, statement)
        if known is not None and known.state == "sent":
            shut = msgspec.structs.replace(known, state="closed", at=self._book.now())
            self._book.keep_gone(tx, statement, shut)
            object_id: str = msgspec.json.decode(relay.object)["id"]
            self._book.forget_object(tx, node, object_id)
