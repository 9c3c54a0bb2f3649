"""Answering another member: what it asks is believed only about what it may know of."""

import msgspec

from ringwall.alliance import Reader
from ringwall.core import (
    BadEnvelope,
    Clock,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    StatementId,
    format_timestamp,
    parse_statement_id,
)
from ringwall.exchange import Message, Messages
from ringwall.exchange.messages import OUTGOING
from ringwall.policy import Kernel
from ringwall.sharing.catalogue import Catalogue
from ringwall.sharing.entries import Entry
from ringwall.sharing.request_book import IN, MOST_OPEN, RequestBook
from ringwall.sharing.request_documents import (
    MOST_STATEMENTS,
    Answered,
    AnswerState,
    Asked,
    Request,
    paragraph,
    read_asked,
)
from ringwall.store import DeliveryRow, ReaderView, ReadTransaction, Store, WriteTransaction

ANSWER = "request-answer"
"""The kind of the messages."""
OFFICERS = frozenset({"release-officer"})
UNKNOWN = "there is no such thing, or it is not for you"
MOST_UNCONFIRMED = 1000
"""With so many messages under way to a node it gets no more refusals of its requests."""
OVER = "too many of your requests wait here"


class Reply(msgspec.Struct, frozen=True):
    """What a release officer answers."""

    state: AnswerState
    words: str
    statements: tuple[str, ...] = ()


class Answering:
    """Takes other members' requests and sends a member's answers."""

    def __init__(
        self,
        *,
        node: str,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        messages: Messages,
        catalogue: Catalogue,
        book: RequestBook,
    ) -> None:
        self._node = node
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._messages = messages
        self._catalogue = catalogue
        self._book = book

    def answer(self, officer: Reader, view: ReaderView, name: str, reply: Reply) -> Request:
        """Answer a request as a release officer.

        Raises Forbidden, NotFound, InvalidInput (rule ``not-released``: a statement that is named
        is not on its way to the member that asks), Conflict (rule ``answered``).
        """
        if not officer.roles & OFFICERS:
            raise Forbidden("this needs the role release-officer", field="role", rule="role")
        with self._store.read() as tx:
            request = self._book.find(tx, officer, IN, name)
        if request is None:
            raise NotFound("no such request", field="request")
        given = self._given(view, request, reply)

        def job(tx: WriteTransaction) -> Request:
            known = self._book.known(tx, IN, name)
            if known is None or known.answer is not None:
                raise Conflict("it is answered already", field="request", rule="answered")
            whole = msgspec.structs.replace(known, answer=given, answered_by=officer.id)
            self._book.keep(tx, IN, whole)
            tx.append_audit("request-answered", self._book.audited(whole, officer.id))
            self._messages.post(tx, whole.node, ANSWER, msgspec.to_builtins(given))
            return whole

        whole = self._store.write(job).result()
        self._messages.wake()
        return whole

    def _given(self, view: ReaderView, request: Request, reply: Reply) -> Answered:
        """Return the answer to a request as it travels, once all of it was checked."""
        words = paragraph(reply.words, "words")
        if reply.state == "refused" and reply.statements:
            why = "statements: what is refused is answered with none"
            raise InvalidInput(why, field="statements", rule="contradiction")
        if len(reply.statements) > MOST_STATEMENTS:
            raise InvalidInput("statements: too many", field="statements", rule="size")
        for each in reply.statements:
            self._check_released(view, request.node, each)
        now = format_timestamp(self._clock.now())
        return Answered(1, request.asked.id, reply.state, words, now, reply.statements)

    def _check_released(self, view: ReaderView, node: str, text: str) -> None:
        """Raise InvalidInput unless a statement of this node is on its way to the asking member.

        One that the officer may not see is refused with the same words.
        """
        statement = parse_statement_id(text)
        refusal = InvalidInput(
            f"statements: {text} is not released to {self._book.member_of(node)}",
            field="statements",
            rule="not-released",
        )
        try:
            view.statement(statement)
        except NotFound as error:
            raise refusal from error
        with self._store.read() as tx:
            if not self._ways(tx, statement, node):
                raise refusal

    def _ways(self, tx: ReadTransaction, statement: StatementId, node: str) -> list[DeliveryRow]:
        """Return how a statement of this node was released to the member of ``node``."""
        if statement.origin != self._node:
            return []
        member = self._book.member_of(node)
        ways = [way for way in tx.delivery(statement) if self._book.member_of(way.node) == member]
        return [way for way in ways if way.state != "rejected"]

    def take_request(self, tx: WriteTransaction, message: Message) -> None:
        """Take a request: kept for release officers, or turned away at once with an answer."""
        asked, node = read_asked(message.body), message.sender
        name = f"{node}.{asked.id}"
        known = self._book.known(tx, IN, name)
        if known is not None:
            if known.asked != asked:
                raise BadEnvelope("request: its id is taken", field="id", rule="request-id")
            return
        now = format_timestamp(self._clock.now())
        request = Request(name, node, asked, now, entry=self._entry_of(tx, node, asked))
        refusal = self._refusal(tx, request)
        if refusal:
            self._check_flood(tx, node)
            entry = {**self._book.audited(request, ""), "rule": refusal}
            tx.append_audit("request-turned-away", entry)
            words = UNKNOWN if refusal == "not-found" else OVER
            given = Answered(1, asked.id, "refused", words, now)
            self._messages.post(tx, node, ANSWER, msgspec.to_builtins(given))
            return
        self._book.keep(tx, IN, request)
        tx.append_audit("request-received", self._book.audited(request, ""))

    def _check_flood(self, tx: ReadTransaction, node: str) -> None:
        """Raise BadEnvelope where a node asks on and on and takes no answer."""
        now = format_timestamp(self._clock.now())
        if len(tx.documents(OUTGOING, node, now)) >= MOST_UNCONFIRMED:
            why = f"request: {node} has not confirmed {MOST_UNCONFIRMED} messages"
            raise BadEnvelope(why, field="request", rule="flood")

    def _entry_of(self, tx: ReadTransaction, node: str, asked: Asked) -> Entry | None:
        return (
            self._catalogue.told_entry(tx, node, asked.subject) if asked.kind == "access" else None
        )

    def _refusal(self, tx: ReadTransaction, request: Request) -> str:
        """Return the rule by which a request is turned away before anybody sees it, or ""."""
        if not self._was_told(tx, request):
            return "not-found"
        return "open-requests" if self._book.open(tx, IN, request.node) >= MOST_OPEN else ""

    def _was_told(self, tx: ReadTransaction, request: Request) -> bool:
        """Tell whether the asking member was told of the entry, or sent the statement."""
        if request.asked.kind == "access":
            return request.entry is not None
        try:
            statement = parse_statement_id(request.asked.subject)
        except InvalidInput:
            return False
        ways = self._ways(tx, statement, request.node)
        return any(way.position is not None for way in ways)  # sealed, so it may have it by now
