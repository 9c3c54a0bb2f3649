"""Handlers that answer who will see something, who has it, and why not the others."""

from typing import Any

import msgspec

from ringwall.alliance import resolve_label
from ringwall.core import InvalidInput, NotFound, format_timestamp
from ringwall.exchange import SecondWord, fields_told, second_words, told
from ringwall.labels import Label, format_label, terms_document, terms_from_document
from ringwall.policy import DEFAULT_PURPOSE, GateResult, ReleaseClass, release_class
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.documents import Cutting, Explanation, explanation
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, Text, declare
from ringwall.server.receipts import may_count
from ringwall.server.shapes import read_shape
from ringwall.server.statements import NAME, find
from ringwall.store import DeliveryRow, ReadTransaction, Release, Statement

_STAGES = {"queued": 0, "sent": 1, "rejected": 2, "received": 3}
TO = Text(name="to", description="only this member", pattern=NAME, longest=63, rule="unknown-name")


class Preview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a preview is asked for: what would be stated, under which label."""

    label: str
    object_type: str
    purpose: str = DEFAULT_PURPOSE
    to: str = ""
    terms: dict[str, Any] = {}
    """``sectors``, ``embargo``, ``onward_to`` and ``hops``, as far as they are stated."""


class MemberDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """How far a statement got with one member."""

    member: str
    state: str
    """``withheld``, ``queued``, ``sent``, ``received`` or ``rejected``: of its slowest node."""
    at: str
    reason: str
    nodes: list[DeliveryRow]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How far a statement got with every other member, and why not further."""

    statement: str
    label: str
    decided_at: str
    policy_version: str
    members: list[MemberDelivery]


@declare({200: Explanation}, TO, refusals=(404,))
def explain_statement(call: Call) -> Answer:
    """GET /statements/{statement}/explanation: The decision on a statement, for all or one."""
    to = TO.of(call)
    statement = find(call)
    with call.context.store.read() as snapshot:
        decided = snapshot.release_classes()[statement.release_class]
        withheld = _withheld(call, snapshot, statement)
        for member, gate in _kept_back(call, snapshot, statement, decided).items():
            known = withheld.get(member, Cutting(()))
            withheld[member] = Cutting(known.fields, known.closed or gate)
    return json_answer(_explain(call, decided, statement.label, to, withheld))


@declare({200: Explanation}, body=Body((JSON,), Preview), refusals=(413,))
def preview(call: Call) -> Answer:
    """POST /explanations: Who would get it, before anything is published."""
    asked = read_shape(call.document, Preview, "explanation")
    label = resolve_label(call.context.alliance, asked.label)
    terms = terms_from_document(asked.terms)
    if terms.unknown:
        names = ", ".join(terms.unknown)
        raise InvalidInput(f"terms: not understood: {names}", field="terms", rule="terms")
    decided = release_class(call.context.member, asked.object_type, label, asked.purpose, terms)
    return json_answer(_explain(call, decided, label, asked.to, {}))


def _withheld(call: Call, snapshot: ReadTransaction, statement: Statement) -> dict[str, Cutting]:
    """Return what was decided to be withheld from members, as far as the reader may hear of it."""
    stored = snapshot.statement_by_id(statement.id)
    found: dict[str, Cutting] = {}
    for release in [] if stored is None else snapshot.releases(stored.order):
        for reason in release.reasons:
            if reason.get("withheld"):
                member = reason.get("member") or call.context.member_of(reason["node"])
                kernel, reader = call.context.kernel, call.reader
                fields = fields_told(snapshot, kernel, reader, reason)
                said = "" if reason["permit"] else told(snapshot, kernel, reader, reason)
                gate = GateResult("redaction", "deny", "nothing-left", "release", said)
                found[member] = Cutting(fields, gate if said else None)
    return found


def _kept_back(
    call: Call, snapshot: ReadTransaction, statement: Statement, decided: ReleaseClass
) -> dict[str, GateResult]:
    """Return for each member from all of whose nodes a second person keeps it, how that is."""
    context = call.context
    now = format_timestamp(context.clock.now())
    words = second_words(snapshot, context.member, str(statement.id), now)
    found: dict[str, GateResult] = {}
    for member in context.alliance.members.values() if words else ():
        seats = context.kernel.audience(decided, nodes={seat.id for seat in member.nodes})
        if seats and words.keys() >= set(seats):
            found[member.id] = _second_person(member.id, words[seats[0]])
    return found


def _second_person(member: str, word: SecondWord) -> GateResult:
    said = {"waits": "it waits for a second person", "refused": "a second person refused it"}
    clause = f" ({word.clause})" if word.clause else ""
    fact = f"withheld from {member}: {said[word.state]}{clause}"
    source = f"rule {word.rule}" if word.rule else "release"
    return GateResult("second-person", "deny", word.state, source, fact)


def _explain(
    call: Call,
    release_class: ReleaseClass,
    label: Label,
    to: str,
    withheld: dict[str, Cutting],
) -> Explanation:
    if to and to not in call.context.alliance.members:
        raise InvalidInput(f"to: no member is called {to[:80]!r}", field="to", rule="unknown-name")
    nodes = {*call.context.intake.recipients, call.context.node}
    decisions = call.context.kernel.explain(release_class, to or None, nodes=nodes)
    return Explanation(
        label=format_label(label),
        terms=terms_document(release_class.terms),
        object_type=release_class.object_type,
        purpose=release_class.purpose,
        origin=release_class.origin,
        policy_version=call.context.kernel.version,
        members=explanation(decisions, withheld),
    )


@declare({200: Delivery}, refusals=(404,))
def delivery(call: Call) -> Answer:
    """GET /statements/{statement}/delivery: At its origin, how far it got with every other member.

    Withheld with the reason, queued, sent, received, or rejected in the recipient's own words.
    """
    statement = find(call)
    if statement.id.origin != call.context.node:
        raise NotFound("only the origin knows")
    with call.context.store.read() as snapshot:
        # A reader's place is not the order under which releases are recorded.
        stored = snapshot.statement_by_id(statement.id)
        releases = [] if stored is None else snapshot.releases(stored.order)
        rows = snapshot.delivery(statement.id)
        reasons = _reasons(call, snapshot, releases)
        decided = snapshot.release_classes()[statement.release_class]
        for member, gate in _kept_back(call, snapshot, statement, decided).items():
            reasons[member] = gate.fact
    document = Delivery(
        statement=str(statement.id),
        label=format_label(statement.label),
        decided_at=releases[-1].at if releases else "",
        policy_version=releases[-1].policy_version if releases else "",
        members=_members(call, statement, reasons, rows),
    )
    return json_answer(document)


def _reasons(call: Call, snapshot: ReadTransaction, releases: list[Release]) -> dict[str, str]:
    """Return the last word on each member: sealing may have narrowed what intake decided.

    Who submitted it hears no more than others: what sealing found out is not said for them.
    """
    said: dict[str, str] = {}
    for reason in (reason for release in releases for reason in release.reasons):
        member = reason.get("member") or call.context.member_of(reason["node"])
        words = told(snapshot, call.context.kernel, call.reader, reason)
        said[member] = words or said.get(member, "")
    return said


def _members(
    call: Call, statement: Statement, reasons: dict[str, str], rows: list[DeliveryRow]
) -> list[MemberDelivery]:
    """Describe every other member once: withheld with the reason, or how far its nodes are."""
    found: list[MemberDelivery] = []
    nodes: dict[str, Any] = {row.node: row for row in rows}
    for name, member in sorted(call.context.alliance.members.items()):
        if name == statement.source:
            continue
        ways = [nodes[seat.id] for seat in member.nodes if seat.id in nodes]
        worst = min(ways, key=lambda row: _STAGES[row.state], default=None)
        found.append(
            MemberDelivery(
                member=name,
                state=worst.state if worst else "withheld",
                at=worst.at if worst else "",
                reason=(worst.reason if worst else "") or reasons.get(name, ""),
                nodes=ways if may_count(call) else [_uncounted(way) for way in ways],
            )
        )
    return found


def _uncounted(way: DeliveryRow) -> DeliveryRow:
    return msgspec.structs.replace(way, position=None)
