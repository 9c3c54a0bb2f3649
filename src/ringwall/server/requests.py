"""Handlers for requests to other members, and for answering theirs."""

from typing import Annotated, TypeVar

import msgspec

from ringwall.core import NotFound
from ringwall.policy import DEFAULT_PURPOSE
from ringwall.server.answers import Answer, json_answer
from ringwall.server.catalogue import EntryDocument, entry_document
from ringwall.server.context import Call
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, Text, declare
from ringwall.server.shapes import read_shape
from ringwall.server.statements import LIMIT
from ringwall.sharing import Reply, Request, Requests, Wish
from ringwall.sharing.request_documents import (
    MOST_NAMES,
    MOST_STATEMENTS,
    Answered,
    AnswerState,
    RequestKind,
)

B = TypeVar("B")
_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
DIRECTION = Text(
    name="direction",
    description="`out`: what this member asks, `in`: what it is asked",
    choices=("out", "in"),
    default="out",
    rule="direction",
)
STATE = Text(
    name="state",
    description="only those in this state",
    choices=("open", "granted", "partly", "refused"),
    rule="state",
)


class RequestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked: ``access`` to an entry of the catalogue, or something about a statement."""

    kind: RequestKind
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    """An entry's id for ``access``, else a statement's."""
    reason: _Words
    purpose: Annotated[str, msgspec.Meta(max_length=63)] = DEFAULT_PURPOSE
    label: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    """The label that a ``downgrade`` is to lead to."""
    members: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_NAMES)] = ()
    """To whom it is to be released further."""
    by: str = ""
    """Until when an answer is wished for: RFC 3339, in UTC."""


class AnswerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a release officer answers, and the statements that were stated in answer."""

    state: AnswerState
    words: _Words
    statements: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_STATEMENTS)] = ()


class AnswerDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An answer; ``statements`` are those that have come and that the reader may see."""

    state: str
    words: str
    statements: tuple[str, ...]
    at: str
    by: str
    """The release officer who gave it, at that node only."""


class RequestDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and its answer if there is one."""

    id: str
    direction: str
    member: str
    """The other member: who is asked, or who asks."""
    kind: str
    subject: str
    entry: EntryDocument | None
    """What a request for access is about, as it was then."""
    purpose: str
    reason: str
    label: str
    members: tuple[str, ...]
    by: str
    overdue: bool
    state: str
    asked_at: str
    """Here: when it was made, or when it came."""
    asked_by: str
    """The reader who asks, at that reader's own node only."""
    answer: AnswerDocument | None


class RequestList(msgspec.Struct, frozen=True):
    """Requests: overdue ones first, then by the time that an answer is wished for."""

    requests: list[RequestDocument]


@declare({200: RequestList}, DIRECTION, STATE, LIMIT)
def listing(call: Call) -> Answer:
    """GET /requests: What this member asks others, or what release officers are asked.

    Those whose subject the reader may know of; overdue ones first.
    """
    requests = _requests(call)
    found = requests.listing(
        call.reading,
        incoming=DIRECTION.of(call) == "in",
        state=STATE.of(call),
        limit=LIMIT.of(call),
        route=call.route,
    )
    return json_answer(RequestList([_document(requests, each) for each in found]))


@declare({200: RequestDocument}, refusals=(404,))
def show(call: Call) -> Answer:
    """GET /requests/{request}: One request and its answer."""
    requests = _requests(call)
    found = requests.show(call.reading, call.path["request"], route=call.route)
    return json_answer(_document(requests, found))


@declare({201: RequestDocument}, body=Body((JSON,), RequestBody), refusals=(404, 409, 413))
def make(call: Call) -> Answer:
    """POST /requests: Ask another member for access, a downgrade, or release to others.

    It goes to the member that stated it; an answer opens nothing by itself.
    """
    body = _read(call, RequestBody)
    wish = msgspec.convert(body, Wish, from_attributes=True)
    made = _requests(call).make(call.reading, call.view, wish)
    return json_answer(_document(_requests(call), made), 201)


@declare({200: RequestDocument}, body=Body((JSON,), AnswerBody), refusals=(404, 409, 413))
def answer(call: Call) -> Answer:
    """POST /requests/{request}/answer: Answer another member, once.

    The statements that are named have to be on their way to it already.
    """
    body = _read(call, AnswerBody)
    reply = msgspec.convert(body, Reply, from_attributes=True)
    given = _requests(call).answer(call.reading, call.view, call.path["request"], reply)
    return json_answer(_document(_requests(call), given))


def _requests(call: Call) -> Requests:
    if call.context.requests is None:
        raise NotFound("this node takes no requests")
    return call.context.requests


def _read(call: Call, shape: type[B]) -> B:
    return read_shape(call.document, shape, "request")


def _document(requests: Requests, request: Request) -> RequestDocument:
    asked, incoming = request.asked, requests.is_incoming(request)
    own = asked.kind == "access" and not incoming
    return RequestDocument(
        id=request.id,
        direction="in" if incoming else "out",
        member=requests.member_of(request),
        kind=asked.kind,
        subject=f"{request.node}.{asked.subject}" if own else asked.subject,
        entry=None if request.entry is None else entry_document(request.entry),
        purpose=asked.purpose,
        reason=asked.reason,
        label=asked.label,
        members=asked.members,
        by=asked.by,
        overdue=requests.is_overdue(request),
        state=request.state,
        asked_at=request.at,
        asked_by=request.reader,
        answer=_answer(request.answer, request.answered_by),
    )


def _answer(given: Answered | None, officer: str) -> AnswerDocument | None:
    if given is None:
        return None
    return AnswerDocument(
        state=given.state,
        words=given.words,
        statements=given.statements,
        at=given.at,
        by=officer,
    )
