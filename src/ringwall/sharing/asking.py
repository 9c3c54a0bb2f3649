"""Asking another member: a reader's request is checked, kept, and sent to the node that owns it."""

import secrets
from collections.abc import Collection
from datetime import timedelta

import msgspec

from ringwall.alliance import Alliance, Reader, resolve_label
from ringwall.core import (
    BadEnvelope,
    Clock,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooMany,
    check_name,
    format_timestamp,
    parse_statement_id,
    parse_timestamp,
)
from ringwall.exchange import Message, Messages
from ringwall.labels import format_label
from ringwall.policy import Kernel
from ringwall.sharing.catalogue import Catalogue
from ringwall.sharing.request_book import MOST_OPEN, OUT, RequestBook
from ringwall.sharing.request_documents import (
    LONGEST_LABEL,
    MOST_NAMES,
    Asked,
    Request,
    RequestKind,
    paragraph,
    read_answered,
)
from ringwall.store import ReaderView, ReadTransaction, Store, WriteTransaction

ASK = "request"
"""The kind of the messages."""
ASKERS = frozenset({"analyst", "release-officer"})
LONGEST_WAIT = timedelta(days=366)


class Wish(msgspec.Struct, frozen=True):
    """What a reader asks for; ``subject`` is an entry of the catalogue here, or a statement."""

    kind: RequestKind
    subject: str
    purpose: str
    reason: str
    label: str = ""
    members: tuple[str, ...] = ()
    by: str = ""


class Asking:
    """Makes a member's requests and takes the answers."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        recipients: Collection[str],
        kernel: Kernel,
        store: Store,
        clock: Clock,
        messages: Messages,
        catalogue: Catalogue,
        book: RequestBook,
    ) -> None:
        self._node = node
        self._member = member
        self._recipients = frozenset(recipients)
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._messages = messages
        self._catalogue = catalogue
        self._book = book

    def make(self, reader: Reader, view: ReaderView, wish: Wish) -> Request:
        """Ask another member; ``view`` is what the reader may see.

        Raises Forbidden, InvalidInput, NotFound (absent, or not for this reader), Conflict (rule
        ``no-node``), TooMany (rule ``open-requests``).
        """
        if not reader.roles & ASKERS or reader.member != self._member:
            raise Forbidden("this needs the role analyst or release-officer", rule="role")
        request = self._written(reader, view, wish)
        if request.node not in self._recipients:
            why = f"{request.node} is no node of this alliance any more"
            raise Conflict(why, field="subject", rule="no-node")

        def job(tx: WriteTransaction) -> None:
            self._check_room(tx, request.node)
            self._book.keep(tx, OUT, request)
            tx.append_audit("request-made", self._book.audited(request, reader.id))
            self._messages.post(tx, request.node, ASK, msgspec.to_builtins(request.asked))

        self._store.write(job).result()
        self._messages.wake()
        return request

    def _written(self, reader: Reader, view: ReaderView, wish: Wish) -> Request:
        label, members = _wished(self._kernel.alliance, self._member, wish)
        reason = paragraph(wish.reason, "reason")
        purpose, by = check_name(wish.purpose, field="purpose"), self._deadline(wish.by)
        name, now = secrets.token_hex(16), format_timestamp(self._clock.now())
        if wish.kind == "access":
            with self._store.read() as tx:
                known = self._catalogue.find(tx, reader, wish.subject)
            if known is None:
                raise NotFound("no such entry", field="subject")
            node, subject, entry = known.node, known.entry.id, known.entry
        else:
            node, subject, entry = self._origin(view, wish.subject), wish.subject, None
        asked = Asked(1, name, wish.kind, subject, purpose, reason, label, members, by)
        return Request(f"{self._node}.{name}", node, asked, now, reader.id, entry)

    def _origin(self, view: ReaderView, subject: str) -> str:
        """Return the node of another member that stated what the reader may read."""
        statement = view.statement(parse_statement_id(subject))
        if statement.source == self._member:
            why = "subject: your own member stated it: state it anew"
            raise InvalidInput(why, field="subject", rule="own-statement")
        return statement.id.origin

    def _deadline(self, by: str) -> str:
        if not by:
            return ""
        moment, now = parse_timestamp(by, field="by"), self._clock.now()
        if not now < moment <= now + LONGEST_WAIT:
            why = f"by: within {LONGEST_WAIT.days} days from now"
            raise InvalidInput(why, field="by", rule="range")
        return format_timestamp(moment)

    def _check_room(self, tx: ReadTransaction, node: str) -> None:
        if self._book.open(tx, OUT, node) >= MOST_OPEN:
            why = f"{MOST_OPEN} requests to {node} wait for an answer"
            raise TooMany(why, rule="open-requests")

    def take_answer(self, tx: WriteTransaction, message: Message) -> None:
        """Take the answer to one of our requests, from the node that was asked."""
        given = read_answered(message.body, message.sender)
        known = self._book.known(tx, OUT, f"{self._node}.{given.id}")
        if known is None or known.node != message.sender:
            raise BadEnvelope("answer: nothing was asked", field="id", rule="request-id")
        if known.answer is not None:
            if known.answer != given:
                raise BadEnvelope("answer: there is one", field="id", rule="answered")
            return
        whole = msgspec.structs.replace(known, answer=given)
        self._book.keep(tx, OUT, whole)
        tx.append_audit("request-answer-received", self._book.audited(whole, ""))


def _wished(alliance: Alliance, member: str, wish: Wish) -> tuple[str, tuple[str, ...]]:
    """Return the label and the members that a request is about, checked against its kind."""
    for field, kind in (("label", "downgrade"), ("members", "release-further")):
        if wish.kind == kind and not getattr(wish, field):
            raise InvalidInput(f"{field}: {kind} needs it", field=field, rule="missing")
        if wish.kind != kind and getattr(wish, field):
            why = f"{field}: belongs to {kind}, and to nothing else"
            raise InvalidInput(why, field=field, rule="contradiction")
    label = format_label(resolve_label(alliance, wish.label)) if wish.label else ""
    if len(label) > LONGEST_LABEL:
        raise InvalidInput("label: too long for a request", field="label", rule="size")
    members = tuple(sorted(set(wish.members)))
    if len(members) > MOST_NAMES:
        raise InvalidInput(f"members: at most {MOST_NAMES}", field="members", rule="size")
    for name in members:
        if name not in alliance.members or name == member:
            why = f"members: {name[:80]!r} is no other member"
            raise InvalidInput(why, field="members", rule="unknown-name")
    return label, members
