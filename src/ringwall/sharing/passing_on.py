"""Passing on: an officer lets a statement of another member go further, as its origin permits.

    the originator's terms and the label → the agreement under which it came → the agreement with
    the recipient → this member's vetoes, redactions and second person → a countersigned hop

Nothing is opened here that its origin did not sign. What the recipient may not have of it is
withheld, as it is in a release of this member's own.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from ringwall.alliance import Reader
from ringwall.core import (
    CallerError,
    Clock,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    PeerError,
    StatementId,
    canonical_json,
    format_timestamp,
    split_fields,
)
from ringwall.exchange import FieldReason, Messages, held_releases, waiting_objects
from ringwall.exchange.drafting import going
from ringwall.exchange.messages import LARGEST_MESSAGE
from ringwall.exchange.redacting import NO_CUT, Cut, Redactor, Subject, named_ids
from ringwall.policy import (
    NO_FURTHER,
    GateResult,
    HoldRules,
    Kernel,
    Limit,
    ReleaseClass,
    passing_on,
    way_to,
)
from ringwall.sharing.relay_book import Came, Followed, Gone, RelayBook, Word
from ringwall.sharing.relaying import RELAY, limit_of, read_body
from ringwall.store import ReaderView, ReadTransaction, Statement, Store, WriteTransaction
from ringwall.trust import (
    NodeKeys,
    Registry,
    Relay,
    StatedLeaf,
    decode_addressees,
    decode_proof,
    pass_on,
    redact,
    relay_document,
)

OFFICER = "release-officer"
Document = dict[str, Any]
_HEAD = 1024
"""What a message has around its body, and more."""
_NOTHING_LEFT = "what may be shown of it is no object"
"""Said to an officer who may not know why."""
Outcome = Literal["withheld", "would-go", "waits", "sent", "known"]


class Onward(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of passing a statement on to one member, and why.

    ``waits``: a second officer has to ask for the same; ``known``: it was passed on before.
    """

    member: str
    outcome: Outcome
    reason: str
    gates: tuple[GateResult, ...] = ()
    nodes: tuple[str, ...] = ()
    withheld: tuple[FieldReason, ...] = ()


class _Asker(msgspec.Struct, frozen=True):
    """Who passes something on; without a ``reader`` nobody looks at it."""

    id: str
    reader: Reader | None


class _Held(msgspec.Struct, frozen=True):
    """A statement that is held here, as far as passing it on needs it."""

    statement: Statement
    release: ReleaseClass
    parts: dict[str, ReleaseClass]
    hidden: tuple[str, ...]
    """Properties that the officer may not read, and so does not pass on."""
    came: Came


class _Going(msgspec.Struct, frozen=True):
    """A statement on its way to a member: what each of its nodes gets, and how far it may go on."""

    onward: Onward
    cuts: dict[str, Cut]
    limit: Limit


class PassingOn:
    """Passes statements on for one node."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        registry: Registry,
        keys: NodeKeys,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        messages: Messages,
        book: RelayBook,
        redactor: Redactor,
        holds: HoldRules,
    ) -> None:
        self._node = node
        self._member = member
        self._registry = registry
        self._keys = keys
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._messages = messages
        self._book = book
        self._redactor = redactor
        self._holds = holds

    def preview(
        self, officer: Reader, view: ReaderView, name: StatementId, members: Iterable[str]
    ) -> list[Onward]:
        """Say what would become of passing a statement on to members; nothing is sent.

        Raises Forbidden, NotFound (absent, or not for this officer), InvalidInput (rules
        ``own-statement``, ``unknown-name``), Conflict (rule ``no-addressees``).
        """
        asker, wanted = self._asker(officer, view, name), self._asked(members)
        with self._store.read() as tx:
            held = self._held(tx, officer, name)
            return [self._decide(tx, asker, held, each).onward for each in wanted]

    def pass_on(
        self, officer: Reader, view: ReaderView, name: StatementId, members: Iterable[str]
    ) -> list[Onward]:
        """Pass a statement on to those of ``members`` that may have it; durable on return.

        Raises as :meth:`preview` does.
        """
        return self._act(self._asker(officer, view, name), name, self._asked(members))

    def follow(self, by: str, name: StatementId, member: str) -> Onward:
        """Pass on to a member a newer version of what the officer ``by`` passed on to it before.

        Nobody looks at it, so nothing goes that is marked for fewer readers than the rest. Raises
        as :meth:`pass_on` does.
        """
        return self._act(_Asker(by, None), name, [member])[0]

    def _act(self, asker: _Asker, name: StatementId, wanted: Iterable[str]) -> list[Onward]:
        version = self._kernel.version
        with self._store.read() as tx:
            held = self._held(tx, asker.reader, name)
            decided = [self._decide(tx, asker, held, each) for each in wanted]
        signed = {
            node: _document(held, self._signed(held, going, node))
            for going in decided
            if going.onward.outcome == "would-go"
            for node in going.onward.nodes
        }
        decided = [_fitting(going, signed) for going in decided]

        def job(tx: WriteTransaction) -> list[Onward]:
            if self._kernel.version != version or tx.statement_by_id(name) is None:
                raise Conflict("it changed meanwhile: ask again", field="statement", rule="changed")
            return [self._settle(tx, asker, held, going, signed) for going in decided]

        done = self._store.write(job).result()
        self._messages.wake()
        return done

    def _asked(self, members: Iterable[str]) -> list[str]:
        """Return the members that names mean. Raises InvalidInput for a name that means none."""
        found: set[str] = set()
        for name in members:
            found |= self._kernel.alliance.expand(name, field="to")
        if not found:
            raise InvalidInput("to: names nobody", field="to", rule="empty")
        return sorted(found)

    def _asker(self, officer: Reader, view: ReaderView, name: StatementId) -> _Asker:
        """Check that an officer may pass a statement on, and may read it."""
        if OFFICER not in officer.roles or officer.member != self._member:
            raise Forbidden(f"this needs the role {OFFICER}", field="role", rule="role")
        view.statement(name)
        return _Asker(officer.id, officer)

    def _held(self, tx: ReadTransaction, reader: Reader | None, name: StatementId) -> _Held:
        statement = tx.statement_by_id(name)
        if statement is None:
            raise NotFound("no such statement", field="statement")
        if statement.source == self._member:
            why = "your own member stated it: release it by stating it under another label"
            raise InvalidInput(why, field="statement", rule="own-statement")
        classes = tx.release_classes()
        numbers = tx.parts([statement.order]).get(statement.order, {})
        parts = {field: classes[number] for field, number in numbers.items()}
        hidden = [
            field
            for field, one in parts.items()
            if reader is None or not self._kernel.may_read(one, reader)
        ]
        release = classes[statement.release_class]
        return _Held(statement, release, parts, tuple(hidden), self._came(tx, statement, release))

    def _came(self, tx: ReadTransaction, statement: Statement, release: ReleaseClass) -> Came:
        """Return how a statement came here: over other members, or from its origin itself."""
        known = self._book.came(tx, statement.id) if release.relayed else None
        if known is None and not release.relayed and statement.proof is not None:
            nodes, salt = decode_addressees(*statement.proof)
            known = Came(nodes, salt, ()) if self._node in nodes else None
        if known is None:
            why = "to whom its origin addressed it was not kept: nobody could check a relay"
            raise Conflict(why, field="statement", rule="no-addressees")
        return known

    def _decide(self, tx: ReadTransaction, asker: _Asker, held: _Held, member: str) -> _Going:
        """Ask everything that has a say in passing a statement on to a member."""
        at, alliance, release = self._clock.now(), self._kernel.alliance, held.release
        passed = _passed_on(release, self._member, member)
        decision = self._kernel.decide(passed, member, at)
        agreed, _ = passing_on(alliance, release, self._member, member, at)
        gates = (*decision.gates, agreed, *self._by_way(held, member))
        denied = next((gate for gate in gates if gate.outcome == "deny"), None)
        nodes = self._kernel.audience(passed, nodes=self._registry.standing)
        if denied is None and not nodes:
            fact = f"{member} has no node in the registry"
            denied = GateResult("node", "deny", "no-node", "registry", fact)
            gates = (*gates, denied)
        if denied is not None:
            reason = f"withheld from {member}: {denied.fact}"
            return _going(Onward(member=member, outcome="withheld", reason=reason, gates=gates))
        cuts = self._cuts(tx, None, held, member, nodes)
        told = self._cuts(tx, asker.reader, held, member, nodes)
        if any(cut.closed for cut in cuts.values()):
            closed = next((cut.closed for cut in told.values() if cut.closed), _NOTHING_LEFT)
            gates = (*gates, GateResult("redaction", "deny", "nothing-left", "release", closed))
            reason = f"withheld from {member}: {closed}"
            return _going(Onward(member=member, outcome="withheld", reason=reason, gates=gates))
        onward = Onward(
            member=member,
            outcome=self._outcome(tx, asker, held, nodes, cuts),
            reason=f"passed on to {member}: {agreed.fact}",
            gates=gates,
            nodes=nodes,
            withheld=_told(told, held.hidden),
        )
        return _Going(onward, cuts, self._limit(held, member))

    def _by_way(self, held: _Held, member: str) -> list[GateResult]:
        """Say whether its origin sent it to ``member`` itself, and what the last hop lets pass."""
        if member == held.statement.source:
            fact = f"{member} stated it"
            return [GateResult("passing-on", "deny", "originator", "statement", fact)]
        came = held.came
        known = self._registry.nodes  # the origin may have named nodes that are in no registry
        if any(known[node].member == member for node in came.addressees if node in known):
            fact = f"its origin sent it to {member} itself"
            return [GateResult("passing-on", "deny", "addressed", "addressees", fact)]
        if not came.hops:
            return []
        last = came.hops[-1]
        if last.hops and member in last.onward_to:
            fact = f"{last.by} lets it be passed on to {member}"
            return [GateResult("passing-on", "pass", "last-hop", f"hop of {last.by}", fact)]
        fact = f"{last.by} passed it on without letting it go on to {member}"
        return [GateResult("passing-on", "deny", "last-hop", f"hop of {last.by}", fact)]

    def _outcome(
        self,
        tx: ReadTransaction,
        asker: _Asker,
        held: _Held,
        nodes: tuple[str, ...],
        cuts: Mapping[str, Cut],
    ) -> Outcome:
        """Tell whether it would go now, went before, or waits for a second officer.

        What follows by itself has been looked at by nobody, and counts as no officer's word.
        """
        name, member = held.statement.id, self._registry.nodes[nodes[0]].member
        gone = {node: self._book.gone(tx, node, name) for node in nodes}
        if all(
            one is not None
            and one.state not in ("refused", "closed")
            and set(one.withheld) <= set(cuts.get(node, NO_CUT).names)
            for node, one in gone.items()
        ):
            return "known"
        several = going(
            self._kernel,
            _passed_on(held.release, self._member, member),
            [
                _passed_on(part, self._member, member)
                for field, part in held.parts.items()
                if field not in held.hidden
            ],
            member,
        )
        rule = self._holds.holding_any(self._kernel.alliance, several, member)
        if rule is None:
            return "would-go"
        first = self._book.first_word(tx, member, name)
        if asker.reader is None or first is None or first.officer == asker.id:
            return "waits"
        return "would-go" if set(first.hidden) <= set(held.hidden) else "waits"

    def _cuts(
        self,
        tx: ReadTransaction,
        reader: Reader | None,
        held: _Held,
        member: str,
        nodes: tuple[str, ...],
    ) -> dict[str, Cut]:
        """Return what each node of a member does not get of a statement, and why.

        With a ``reader``, only as far as that one may know of the objects that are named, and
        without what was shown or withheld before.
        """
        statement = held.statement
        named = named_ids(statement.object_id, statement.body)
        knowers = self._redactor.knowers(self._redactor.reach(tx, named), reader)
        waiting = waiting_objects(held_releases(tx, self._member))
        told = {
            name: (known - waiting.get(name, frozenset()))
            | {node for node in nodes if self._book.knows(tx, node, name)}
            for name, known in knowers.items()
        }
        parts = {field: _passed_on(one, self._member, member) for field, one in held.parts.items()}
        subject = Subject(
            statement.object_id,
            statement.object_type,
            statement.body,
            parts,
            nodes,
            named,
            dict.fromkeys(nodes, held.hidden),
        )
        cuts = self._redactor.cuts(subject, told)
        if reader is not None or not (kept := self._kept(tx, statement.id, cuts)):
            return cuts
        withheld = {node: (*held.hidden, *kept.get(node, ())) for node in nodes}
        return self._redactor.cuts(msgspec.structs.replace(subject, withheld=withheld), told)

    def _kept(
        self, tx: ReadTransaction, name: StatementId, cuts: Mapping[str, Cut]
    ) -> dict[str, tuple[str, ...]]:
        """Return what was withheld before from nodes that would get less now of what they got.

        Two redactions in the same hands must not add up to what neither of them may show.
        """
        before = {node: self._book.gone(tx, node, name) for node in cuts}
        return {
            node: gone.withheld
            for node, gone in before.items()
            if gone is not None and not set(cuts[node].names) <= set(gone.withheld)
        }

    def _limit(self, held: _Held, member: str) -> Limit:
        """Return how far a member may pass on what it gets now."""
        alliance, at = self._kernel.alliance, self._clock.now()
        return limit_of(alliance, held.release, held.came.hops, self._member, member, at)

    def shows_too_much(self, node: str, body: Mapping[str, Any]) -> bool:
        """Tell whether a relay that waits shows what its node must not have any more."""
        _, relay = read_body(body)
        leaf = msgspec.json.decode(relay.proof.leaf, type=StatedLeaf)
        name, member = StatementId(leaf.origin, leaf.sequence), self._registry.nodes[node].member
        try:
            with self._store.read() as tx:
                held = msgspec.structs.replace(self._held(tx, None, name), hidden=())
                cut = self._cuts(tx, None, held, member, (node,)).get(node, NO_CUT)
        except (CallerError, PeerError):  # it is here no more, or was damaged here
            return True
        shown = {field for field, _ in split_fields(relay.object)}
        return bool(cut.closed) or not shown.isdisjoint(cut.names)

    def _signed(self, held: _Held, going: _Going, node: str) -> Relay:
        """Return the relay to one node: without what is withheld, countersigned."""
        statement, proof = held.statement, held.statement.proof
        if proof is None:
            raise Conflict("its proof is missing", field="statement", rule="no-addressees")
        body, disclosure = statement.body, statement.disclosure
        seed = b"" if disclosure else statement.seed
        names = going.cuts.get(node, NO_CUT).names
        if names:
            body, disclosure = redact(body, seed, names, disclosure)
            seed = b""
        came = held.came
        origin = decode_proof(*proof)
        relay = Relay(
            body, seed, disclosure, origin, came.addressees, came.addressee_salt, came.hops
        )
        return pass_on(
            self._keys,
            self._registry.alliance,
            relay,
            by=self._node,
            to=node,
            at=format_timestamp(self._clock.now()),
            onward_to=going.limit.members,
            hops=going.limit.hops,
        )

    def _settle(
        self,
        tx: WriteTransaction,
        asker: _Asker,
        held: _Held,
        going: _Going,
        signed: Mapping[str, Document],
    ) -> Onward:
        """Post what goes, note what waits; return what became of it."""
        onward, name = going.onward, held.statement.id
        if onward.outcome == "waits":
            if asker.reader is not None:
                self._book.wait(tx, onward.member, name, Word(asker.id, held.hidden))
            tx.append_audit("relay-waits", _entry(held, onward, asker))
        if onward.outcome != "would-go":
            return onward
        for node in onward.nodes:
            self._messages.post(tx, node, RELAY, signed[node])
            cut = going.cuts.get(node, NO_CUT)
            gone = Gone(node, "sent", self._book.now(), asker.id, cut.names, reasons=cut.fields)
            self._book.keep_gone(tx, name, gone)
            self._book.note_object(tx, node, held.statement.object_id)
        self._book.stop_waiting(tx, onward.member, name)
        one = held.statement
        follow = Followed(one.object_id, name.origin, one.version, onward.member, asker.id)
        self._book.keep_followed(tx, follow)
        tx.append_audit("relayed", _entry(held, onward, asker))
        return msgspec.structs.replace(onward, outcome="sent")


def _passed_on(release: ReleaseClass, holder: str, member: str) -> ReleaseClass:
    return msgspec.structs.replace(release, relayed=way_to(release, holder, member))


def _document(held: _Held, relay: Relay) -> Document:
    return {"v": 1, "lane": str(held.statement.lane), "relay": relay_document(relay)}


def _fitting(going: _Going, signed: Mapping[str, Document]) -> _Going:
    """Withhold what is too large for a message; it takes nothing from other members."""
    size = max(
        (len(canonical_json(signed[node])) for node in going.onward.nodes if node in signed),
        default=0,
    )
    if size + _HEAD <= LARGEST_MESSAGE:
        return going
    reason = f"withheld from {going.onward.member}: {size} bytes are too large to be passed on"
    return _going(msgspec.structs.replace(going.onward, outcome="withheld", reason=reason))


def _going(onward: Onward) -> _Going:
    return _Going(onward, {}, NO_FURTHER)


def _told(cuts: Mapping[str, Cut], hidden: Iterable[str]) -> tuple[FieldReason, ...]:
    """Return what is withheld from any node, without what the officer may not know of."""
    found = {reason.field: reason for cut in cuts.values() for reason in cut.fields}
    return tuple(found[name] for name in sorted(found.keys() - set(hidden)))


def _entry(held: _Held, onward: Onward, asker: _Asker) -> dict[str, object]:
    return {
        "statement": str(held.statement.id),
        "member": onward.member,
        "nodes": list(onward.nodes),
        "reader": asker.id,
        **({} if asker.reader else {"followed": True}),
    }
