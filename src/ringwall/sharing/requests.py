"""Requests to another member: for access, for a downgrade, for further release; and their answers.

    a reader asks → kept here, sent to the node that owns it → a release officer there answers
    → the answer comes back → whoever may know of the subject reads it; both sides audit each step

An answer opens nothing. What is granted, an officer states anew under a label that lets it
through, and the usual decision decides. Whoever asks about what its member was never told of or
sent hears what it would hear if there were no such thing.
"""

from collections.abc import Collection

from ringwall.alliance import Reader
from ringwall.core import Clock, Forbidden, NotFound, format_timestamp
from ringwall.exchange import Message, Messages
from ringwall.policy import Kernel
from ringwall.sharing.answering import ANSWER, OFFICERS, Answering, Reply
from ringwall.sharing.asking import ASK, Asking, Wish
from ringwall.sharing.catalogue import Catalogue
from ringwall.sharing.reads import enter_read
from ringwall.sharing.request_book import IN, OUT, RequestBook
from ringwall.sharing.request_documents import Request
from ringwall.store import ReaderView, Store, WriteTransaction


class Requests:
    """The requests that this node's member makes, and those that others make of it."""

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
    ) -> None:
        """``recipients`` are the nodes that the registry has."""
        self._node = node
        self._store = store
        self._clock = clock
        self._messages = messages
        self._book = book = RequestBook(member=member, kernel=kernel, clock=clock)
        self._asking = Asking(
            node=node,
            member=member,
            recipients=recipients,
            kernel=kernel,
            store=store,
            clock=clock,
            messages=messages,
            catalogue=catalogue,
            book=book,
        )
        self._answering = Answering(
            node=node,
            kernel=kernel,
            store=store,
            clock=clock,
            messages=messages,
            catalogue=catalogue,
            book=book,
        )
        messages.register(ASK, self)
        messages.register(ANSWER, self)

    def make(self, reader: Reader, view: ReaderView, wish: Wish) -> Request:
        """Ask another member; see :meth:`Asking.make`."""
        return self._asking.make(reader, view, wish)

    def answer(self, officer: Reader, view: ReaderView, name: str, reply: Reply) -> Request:
        """Answer another member; see :meth:`Answering.answer`."""
        return self._answering.answer(officer, view, name, reply)

    def take(self, tx: WriteTransaction, message: Message) -> None:
        """Take a request, or the answer to one of ours; see MessageHandler."""
        if message.kind == ASK:
            self._answering.take_request(tx, message)
        else:
            self._asking.take_answer(tx, message)

    def changed(self) -> None:
        """Send the answers that were given at once; see MessageHandler."""
        self._messages.wake()

    def listing(
        self, reader: Reader, *, incoming: bool, state: str = "", limit: int, route: str = ""
    ) -> list[Request]:
        """Return requests whose subject a reader may know of: overdue ones first, then by deadline.

        Raises Forbidden for incoming ones if the reader is no release officer.
        """
        if incoming and not reader.roles & OFFICERS:
            raise Forbidden("this needs the role release-officer", field="role", rule="role")
        kind, now = IN if incoming else OUT, format_timestamp(self._clock.now())
        with self._store.read() as tx:
            shown = [self._book.shown(tx, reader, kind, each) for each in self._book.all(tx, kind)]
        found = [each for each in shown if each is not None and state in ("", each.state)]
        found.sort(key=lambda each: (each.asked.by or "~", each.at, each.id))
        found.sort(key=lambda each: not each.is_overdue(now))
        enter_read(self._store, reader, route, found[:limit])
        return found[:limit]

    def show(self, reader: Reader, name: str, *, route: str = "") -> Request:
        """Return a request by its id. Raises NotFound: absent, or not for this reader."""
        kinds = [OUT, IN] if reader.roles & OFFICERS else [OUT]
        with self._store.read() as tx:
            found = (self._book.find(tx, reader, kind, name) for kind in kinds)
            request = next((each for each in found if each is not None), None)
        if request is None:
            raise NotFound("no such request", field="request")
        enter_read(self._store, reader, route, [request])
        return request

    def is_incoming(self, request: Request) -> bool:
        """Tell whether another member asks."""
        return request.id.partition(".")[0] != self._node

    def member_of(self, request: Request) -> str:
        """Return the other member of a request."""
        return self._book.member_of(request.node)

    def is_overdue(self, request: Request) -> bool:
        """Tell whether an answer was wished for by a moment that has passed."""
        return request.is_overdue(format_timestamp(self._clock.now()))
