"""Handlers for content: submitting, listing, searching, one statement with its proof."""

from collections import deque
from typing import Any

import msgspec

from ringwall.core import InvalidInput, NotFound, PeerError, Precedence, parse_statement_id
from ringwall.exchange import SubmitResult
from ringwall.labels import MOST_HOPS, Terms, in_order, label_document
from ringwall.policy import DEFAULT_PURPOSE
from ringwall.server.answers import PROBLEM, Answer, json_answer
from ringwall.server.context import Call, ServerContext
from ringwall.server.documents import (
    Provenance,
    ProvenStatement,
    StatementPage,
    SubmissionCounts,
    encode_bytes,
    with_object,
    with_provenance,
)
from ringwall.server.idempotency import KEY, REPLAYED, once
from ringwall.server.negotiation import JSON, prefers_minimal
from ringwall.server.operations import (
    AFTER,
    Body,
    Flag,
    Header,
    Integer,
    Listed,
    Moment,
    Parameter,
    Text,
    declare,
)
from ringwall.server.paging import read_page, split
from ringwall.store import Selection, Shown, Statement
from ringwall.trust import Proof, decode_proof, held_digest, proof_document, verify_proof

PAGE_LIMIT = 1000
_CHUNK = 64
NAME = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
STIX_TYPE = "[a-z0-9]+(?:-[a-z0-9]+)*"
STIX_TYPES = (JSON, "application/stix+json", "application/taxii+json")
STIX_BODY = Body(
    STIX_TYPES,
    {
        "type": "object",
        "description": "A STIX 2.1 or 2.0 bundle, or one object.",
        "required": ["type"],
        "properties": {"type": {"type": "string"}, "id": {"type": "string"}},
    },
)

LABEL = Text(
    name="label",
    description="the label of every object that carries none: a named label or an expression",
    longest=4096,
    rule="label",
)
PURPOSE = Text(
    name="purpose",
    description="a purpose that an agreement names",
    longest=200,
    default=DEFAULT_PURPOSE,
    rule="purpose",
)
SECTORS = Listed(
    name="sectors",
    description="the sectors that it concerns, parted by commas",
    pattern=NAME,
    longest=63,
    rule="name",
)
EMBARGO = Moment(name="embargo", description="until then nobody but this member has it")
ONWARD_TO = Listed(
    name="onward_to",
    description="members and groups that recipients may pass it on to, parted by commas",
    pattern=NAME,
    longest=63,
    rule="unknown-name",
)
HOPS = Integer(
    name="hops", description="passed on so often at most", low=0, high=MOST_HOPS, default=0
)
TERMS: tuple[Parameter, ...] = (SECTORS, EMBARGO, ONWARD_TO, HOPS)
PRECEDENCE = Text(
    name="precedence",
    description="how urgent it is",
    choices=(*Precedence, *(str(lane).lower() for lane in Precedence)),
    default=str(Precedence.ROUTINE),
    rule="precedence",
)
DRY_RUN = Flag(name="dry_run", description="say what would be stated and who would get it")
PREFER = Header(name="prefer", description="`return=minimal`: counts instead of lists (RFC 7240)")

LIMIT = Integer(name="limit", description="at most so many", low=1, high=PAGE_LIMIT, default=100)
LATEST = Integer(
    name="latest",
    description="of what the reader may see and was asked for, only the latest so many",
    low=0,
    high=PAGE_LIMIT,
    default=0,
)
TYPE = Listed(
    name="type",
    description="STIX types, parted by commas",
    pattern=STIX_TYPE,
    longest=250,
    rule="type",
)
SOURCE = Text(
    name="source", description="stated by this member", pattern=NAME, longest=63, rule="name"
)
TEXT = Text(
    name="text", description="every word stands in the object, the last also as a beginning"
)
VALUE = Text(name="value", description="the object mentions exactly this observable", longest=4096)
RECEIVED_AFTER = Moment(name="received_after", description="came to the reader after this time")
RECEIVED_UNTIL = Moment(name="received_until", description="came to the reader by this time")
FILTERS: tuple[Parameter, ...] = (TYPE, SOURCE, TEXT, VALUE, RECEIVED_AFTER, RECEIVED_UNTIL)


@declare(
    {200: (SubmitResult, SubmissionCounts), 201: (SubmitResult, SubmissionCounts)},
    LABEL,
    PURPOSE,
    *TERMS,
    PRECEDENCE,
    DRY_RUN,
    KEY,
    PREFER,
    body=STIX_BODY,
    refusals=(409, 413),
    headers={
        REPLAYED: "`true`: the answer that this key had before",
        "preference-applied": "`return=minimal` if it was followed",
    },
)
def submit(call: Call) -> Answer:
    """POST /submissions: State a STIX bundle or object: what was stated and what was refused.

    201 with the statements, their recipients and the reasons; 200 on a dry run; 422 if all was
    refused. An object that breaks a rule is refused alone. To submit the same again is no error
    and states nothing twice.
    """
    return once(call, _submit)


def _submit(call: Call) -> Answer:
    result = call.context.intake.submit(
        call.reader,
        call.body,
        label=LABEL.of(call),
        purpose=PURPOSE.of(call),
        terms=_terms(call),
        precedence=Precedence(PRECEDENCE.of(call).upper()),
        dry_run=DRY_RUN.of(call),
    )
    minimal = prefers_minimal(PREFER.of(call))
    document = _counts(result) if minimal else result
    headers = (("preference-applied", "return=minimal"),) if minimal else ()
    if result.refused and not result.submitted:
        answer = _all_refused(result.refused[0], msgspec.to_builtins(document))
    else:
        answer = json_answer(document, 200 if result.dry_run else 201)
    return msgspec.structs.replace(answer, headers=headers)


def _terms(call: Call) -> Terms:
    """Return the originator's terms for all that is submitted."""
    return Terms(
        sectors=in_order(SECTORS.several(call) or ()),
        embargo=EMBARGO.of(call) or "",
        onward_to=in_order(ONWARD_TO.several(call) or ()),
        hops=HOPS.of(call),
    )


def _counts(result: SubmitResult) -> SubmissionCounts:
    return SubmissionCounts(
        submitted=len(result.submitted),
        known=sum(one.known for one in result.submitted),
        refused=len(result.refused) + result.unlisted,
        dry_run=result.dry_run,
    )


def _all_refused(first: Any, document: dict[str, Any]) -> Answer:
    """Name the first refusal as the problem and say beside it what became of all."""
    problem = {"type": "about:blank", "title": "Unprocessable Content", "status": 422}
    problem |= {"detail": first.message, "code": InvalidInput.code}
    problem |= {"field": first.field, "rule": first.rule}
    return json_answer({**problem, **document}, 422, media_type=PROBLEM)


@declare({200: StatementPage}, AFTER, LATEST, LIMIT, *FILTERS)
def list_statements(call: Call) -> Answer:
    """GET /statements: A page of statements, or what a search finds.

    In the order of arrival after `after`, or of the `latest` so many. A search by `text` or by
    `value` alone, without `after` and `latest`, comes newest first and has no `next`: `more` then
    means to ask more narrowly, or to page through it with `after=0`.
    """
    limit = LIMIT.of(call)
    names = call.query.names()
    text, value = TEXT.of(call), VALUE.of(call)
    asked = _Asked(call, Selection(TYPE.several(call), SOURCE.of(call) or None, None, text, value))
    if bool(text) != bool(value) and not {"after", "latest"} & set(names):
        page, more = split(call.view.look(lambda shown: asked.newest(shown, limit)), limit)
        return _page_answer(page, None, more=more)
    after = AFTER.number(call)
    latest = LATEST.of(call)
    rows = call.view.look(lambda shown: asked.ascending(shown, after, latest, limit))
    page, more = split(rows, limit)
    following = call.cursors.place(page[-1].order if page else after)
    return _page_answer(page, following, more=more)


def _page_answer(page: list[Statement], following: str | None, *, more: bool) -> Answer:
    rows = [with_object(row) for row in page]
    return json_answer(StatementPage(statements=rows, more=more, next=following))


class _Asked:
    """What a listing asks for: a selection between two times."""

    def __init__(self, call: Call, selection: Selection) -> None:
        self._selection = selection
        self._after = RECEIVED_AFTER.of(call)
        self._until = RECEIVED_UNTIL.of(call)

    def ascending(self, shown: Shown, after: int, latest: int, limit: int) -> list[Statement]:
        """Read a page, and one more if there is one, in the order of arrival."""
        first, last = self._between(shown)
        after = max(after, first)
        if latest:
            after = max(after, self._before_latest(shown, last, latest))

        def read(start: int, number: int) -> list[Statement]:
            rows = shown.statements(after=start, limit=number, selection=self._selection)
            return [row for row in rows if row.order <= last]

        return read_page(read, after, limit)

    def newest(self, shown: Shown, limit: int) -> list[Statement]:
        """Search, newest first; filters are applied to as many as a page may have."""
        wanted = self._selection
        narrowed = wanted.object_types or wanted.source or self._after or self._until
        number = (PAGE_LIMIT if narrowed else limit) + 1
        if wanted.value:
            rows = shown.by_observable(wanted.value, number)
        else:
            rows = shown.search(wanted.text, number)
        if not narrowed:
            return rows
        first, last = self._between(shown)
        return [row for row in rows if first < row.order <= last and self._takes(row)]

    def _takes(self, row: Statement) -> bool:
        types, source = self._selection.object_types, self._selection.source
        return (types is None or row.object_type in types) and source in (None, row.source)

    def _between(self, shown: Shown) -> tuple[int, int]:
        """Return the places between which everything lies: above the first, up to the last."""
        first = shown.place_at(self._after) if self._after else 0
        return first, shown.place_at(self._until) if self._until else shown.last_place()

    def _before_latest(self, shown: Shown, last: int, latest: int) -> int:
        """Return the place before the ``latest`` so many of what is shown, 0 if there are fewer.

        Nothing of it depends on what the reader may not see. Looks back twice as far each time.
        """
        span = latest
        while True:
            start = max(0, last - span)
            kept: deque[int] = deque(maxlen=latest)
            after = start
            while rows := shown.rows(after=after, limit=_CHUNK, selection=self._selection):
                kept.extend(row.order for row in rows if row.order <= last)
                after = rows[-1].order
            if len(kept) == latest:
                return kept[0] - 1
            if not start:
                return 0
            span *= 2


@declare({200: ProvenStatement}, refusals=(404,))
def one_statement(call: Call) -> Answer:
    """GET /statements/{statement}: One statement: object, label, and the proof of who stated it.

    The proof is verified anew for every answer.
    """
    statement = find(call)
    return json_answer(with_provenance(statement, provenance(call.context, statement)))


def find(call: Call) -> Statement:
    """Return the statement that the path names, if this reader may see it; else NotFound."""
    wanted = parse_statement_id(call.path["statement"])

    def choose(shown: Shown) -> list[Statement]:
        found = shown.statement(wanted)
        return [] if found is None else [found]

    return present(call.view.look(choose))[0]


def present(found: list[Statement]) -> list[Statement]:
    """Refuse an empty answer, which does not tell withheld from absent."""
    if not found:
        raise NotFound("there is no such thing, or it is not released to you")
    return found


def provenance(context: ServerContext, statement: Statement) -> Provenance:
    """Say where a statement comes from, with everything that proves it to somebody else."""
    proof = decode_proof(*statement.proof) if statement.proof else None
    problem = "not sealed yet" if proof is None else _contradiction(context, statement, proof)
    with context.store.read() as snapshot:
        relayed = snapshot.release_classes()[statement.release_class].relayed
    return Provenance(
        origin=statement.id.origin,
        sequence=statement.id.sequence,
        source=statement.source,
        received_at=statement.received_at,
        relayed=relayed,
        digest=_object_digest(statement),
        seed="" if statement.disclosure else encode_bytes(statement.seed),
        disclosure=encode_bytes(statement.disclosure),
        proof=None if proof is None else proof_document(proof),
        verified=not problem,
        problem=problem,
    )


def _object_digest(statement: Statement) -> str:
    """Return the digest that the origin signs, in hex; "" if the body was damaged here."""
    try:
        return held_digest(statement.body, statement.seed, statement.disclosure).hex()
    except (InvalidInput, PeerError):
        return ""


def _contradiction(context: ServerContext, statement: Statement, proof: Proof) -> str:
    """Verify anew and say what does not fit, or "": what is shown as proven was checked now."""
    public = context.public_keys(statement.id.origin)
    if public is None:
        return "the registry holds no keys of the origin"
    try:
        leaf = verify_proof(
            proof,
            statement.body,
            statement.seed,
            public,
            context.alliance.id,
            disclosure=statement.disclosure,
        )
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
