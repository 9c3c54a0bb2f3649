"""Handlers for content: submitting, listing, searching, one statement with its proof."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ringwall.core import InvalidInput, PeerError, Precedence, parse_statement_id
from ringwall.labels import label_document
from ringwall.policy import DEFAULT_PURPOSE
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call, ServerContext
from ringwall.server.documents import encode_bytes, with_object
from ringwall.server.paging import read_page, split
from ringwall.server.query import Query
from ringwall.store import ReadTransaction, Statement
from ringwall.trust import Proof, decode_proof, proof_document, verify_proof

PAGE_LIMIT = 1000
_CHUNK = 16


def submit(call: Call) -> Answer:
    """POST /submissions: 201 with what was stated and refused, 422 if all was refused."""
    query = call.query
    query.only("label", "purpose", "precedence", "dry_run")
    result = call.context.intake.submit(
        call.reader,
        call.body,
        label=query.text("label"),
        purpose=query.text("purpose", DEFAULT_PURPOSE),
        precedence=_precedence(query.text("precedence", str(Precedence.ROUTINE))),
        dry_run=query.flag("dry_run"),
    )
    if result.refused and not result.submitted:
        return _all_refused(result.refused[0], msgspec.to_builtins(result))
    return json_answer(result, 200 if result.dry_run else 201)


def _all_refused(first: Any, document: dict[str, Any]) -> Answer:
    """Name the first refusal as the problem and list all of them beside it."""
    problem = {"type": "about:blank", "title": "Unprocessable Content", "status": 422}
    problem |= {"detail": first.message, "code": InvalidInput.code}
    problem |= {"field": first.field, "rule": first.rule}
    return json_answer({**problem, **document}, 422, media_type="application/problem+json")


def _precedence(text: str) -> Precedence:
    try:
        return Precedence(text.upper())
    except ValueError as error:
        known = ", ".join(Precedence)
        raise InvalidInput(
            f"precedence: {text[:40]!r} is none of {known}", field="precedence", rule="precedence"
        ) from error


def list_statements(call: Call) -> Answer:
    """GET /statements: a page in order of arrival, or what ``text`` or ``value`` finds."""
    query = call.query
    query.only("after", "latest", "limit", "type", "source", "text", "value")
    limit = query.integer("limit", 100, low=1, high=PAGE_LIMIT)
    if query.text("text") or query.text("value"):
        return json_answer(_found(call, limit))
    after = query.integer("after", 0, low=0, high=2**63 - 1)
    latest = query.integer("latest", 0, low=0, high=PAGE_LIMIT)
    rows = call.view.select(lambda tx, classes: _page(tx, classes, query, after, latest, limit))
    page, more = split(rows, limit)
    last = page[-1].order if page else after
    return json_answer({"statements": [with_object(r) for r in page], "more": more, "next": last})


def _page(
    tx: ReadTransaction, classes: Sequence[int], query: Query, after: int, latest: int, limit: int
) -> list[Statement]:
    def read(start: int, number: int) -> list[Statement]:
        return tx.statements(
            classes,
            after=start,
            limit=number,
            object_type=query.text("type") or None,
            source=query.text("source") or None,
        )

    if latest:
        after = max(after, _before_latest(read, tx.last_order(), latest))
    return read_page(read, after, limit)


def _before_latest(read: Callable[[int, int], list[Statement]], last: int, latest: int) -> int:
    """Return the order before the ``latest`` so many of what ``read`` shows, 0 if it shows fewer.

    Nothing of it depends on what the reader may not see. Looks back twice as far each time.
    """
    span = latest
    while True:
        start = max(0, last - span)
        kept: deque[int] = deque(maxlen=latest)
        after = start
        while rows := read(after, _CHUNK):
            kept.extend(row.order for row in rows)
            after = rows[-1].order
        if len(kept) == latest:
            return kept[0] - 1
        if not start:
            return 0
        span *= 2


def _found(call: Call, limit: int) -> dict[str, Any]:
    """Search: newest first, without a cursor; ``more`` tells that the answer was cut short."""
    query = call.query
    if query.text("text") and query.text("value"):
        raise InvalidInput("give text or value, not both", field="value", rule="one-of")
    if "after" in query.names():
        raise InvalidInput("a search has no cursor", field="after", rule="one-of")
    if query.text("value"):
        rows = call.view.by_observable(query.text("value"), limit=limit)
    else:
        rows = call.view.search(query.text("text"), limit=limit)
    rows, more = split(rows, limit)
    wanted, source = query.text("type"), query.text("source")
    kept = [r for r in rows if wanted in ("", r.object_type) and source in ("", r.source)]
    return {"statements": [with_object(r) for r in kept], "more": more, "next": None}


def one_statement(call: Call) -> Answer:
    """GET /statements/{id}: the object, its label, and the proof of who stated it."""
    call.query.only()
    statement = find(call)
    return json_answer(
        {**with_object(statement), "provenance": provenance(call.context, statement)}
    )


def statements_of(call: Call) -> Answer:
    """GET /objects/{stix_id}: every visible statement about one object, newest version first."""
    call.query.only()
    rows = call.view.versions(call.path["stix_id"])
    page, more = split(rows, PAGE_LIMIT)
    return json_answer({"statements": [with_object(row) for row in page], "more": more})


def find(call: Call) -> Statement:
    """Return the statement that the path names, if this reader may see it; else NotFound."""
    return call.view.statement(parse_statement_id(call.path["statement"]))


def provenance(context: ServerContext, statement: Statement) -> dict[str, Any]:
    """Say where a statement comes from, with everything that proves it to somebody else."""
    proof = decode_proof(statement.proof) if statement.proof else None
    problem = "not sealed yet" if proof is None else _contradiction(context, statement, proof)
    return {
        "origin": statement.id.origin,
        "sequence": statement.id.sequence,
        "source": statement.source,
        "received_at": statement.received_at,
        "digest": statement.digest.hex(),
        "seed": encode_bytes(statement.seed),
        "proof": None if proof is None else proof_document(proof),
        "verified": not problem,
        "problem": problem,
    }


def _contradiction(context: ServerContext, statement: Statement, proof: Proof) -> str:
    """Verify anew and say what does not fit, or "": what is shown as proven was checked now."""
    public = context.public_keys(statement.id.origin)
    if public is None:
        return "the registry holds no keys of the origin"
    try:
        leaf = verify_proof(proof, statement.body, statement.seed, public, context.alliance.id)
    except PeerError as error:
        return str(error)
    stated = {
        "origin": statement.id.origin,
        "sequence": statement.id.sequence,
        "label": label_document(statement.label),
        "purpose": statement.purpose,
    }
    wrong = [name for name, value in stated.items() if leaf.get(name) != value]
    return f"the proof states another {wrong[0]}" if wrong else ""
