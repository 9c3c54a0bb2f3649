"""The requests that a node keeps, those it made and those made of it, and who may see them."""

import hashlib
from datetime import timedelta

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Clock, canonical_json, format_timestamp, parse_statement_id
from ringwall.policy import Kernel
from ringwall.sharing.entries import LOCAL_NAME, may_know
from ringwall.sharing.request_documents import Request
from ringwall.store import ReadTransaction, WriteTransaction

OUT, IN = "request-out", "request-in"
"""The kinds of the documents, by member and request."""
MOST_OPEN = 200
"""So many requests of one node to another wait at a time."""
KEPT = timedelta(days=400)
"""So long an answered request is shown; the audit log keeps its steps for good."""


class RequestBook:
    """Keeps requests in a node's documents; every method works within the caller's transaction."""

    def __init__(self, *, member: str, kernel: Kernel, clock: Clock) -> None:
        self._member = member
        self._kernel = kernel
        self._clock = clock

    def known(self, tx: ReadTransaction, kind: str, name: str) -> Request | None:
        """Return a request by its id, whoever may see it; None if there is none."""
        if LOCAL_NAME.fullmatch(name) is None:
            return None
        raw = tx.document(kind, self._member, name, format_timestamp(self._clock.now()))
        return None if raw is None else msgspec.json.decode(raw, type=Request)

    def all(self, tx: ReadTransaction, kind: str) -> list[Request]:
        """Return every request of a kind, whoever may see it."""
        rows = tx.documents(kind, self._member, format_timestamp(self._clock.now()))
        return [msgspec.json.decode(raw, type=Request) for _, raw in rows]

    def open(self, tx: ReadTransaction, kind: str, node: str) -> int:
        """Return how many requests to or from a node wait."""
        return sum(each.node == node and each.answer is None for each in self.all(tx, kind))

    def keep(self, tx: WriteTransaction, kind: str, request: Request) -> None:
        """Keep a request: for good while it is open, then for a while."""
        now = self._clock.now()
        end = "" if request.answer is None else format_timestamp(now + KEPT)
        raw = msgspec.json.encode(request)
        tx.put_document(kind, self._member, request.id, raw, format_timestamp(now), end)

    def audited(self, request: Request, reader: str) -> dict[str, str]:
        """Return what the log says of a step: no words of anybody, for auditors read no content."""
        asked = canonical_json(msgspec.to_builtins(request.asked))
        return {
            "request": request.id,
            "kind_of": request.asked.kind,
            "subject": request.asked.subject,
            "node": request.node,
            "state": request.state,
            "reader": reader,
            "digest": hashlib.sha256(asked).hexdigest(),
        }

    def find(self, tx: ReadTransaction, reader: Reader, kind: str, name: str) -> Request | None:
        """Return a request as a reader may see it; None if it is absent or not for this reader."""
        request = self.known(tx, kind, name)
        return None if request is None else self.shown(tx, reader, kind, request)

    def shown(
        self, tx: ReadTransaction, reader: Reader, kind: str, request: Request
    ) -> Request | None:
        """Return a request as a reader may see it: None without a right to know its subject.

        Of the statements in its answer those stay that are here and open to the reader.
        """
        if request.entry is not None:
            owner = self._member if kind == IN else self.member_of(request.node)
            at = self._clock.now()
            visible = may_know(self._kernel.alliance, request.entry, owner, reader, at)
        else:
            visible = self._may_read(tx, reader, request.asked.subject)
        if not visible or request.answer is None:
            return request if visible else None
        kept = [each for each in request.answer.statements if self._may_read(tx, reader, each)]
        answer = msgspec.structs.replace(request.answer, statements=tuple(kept))
        return msgspec.structs.replace(request, answer=answer)

    def _may_read(self, tx: ReadTransaction, reader: Reader, statement: str) -> bool:
        held = tx.statement_by_id(parse_statement_id(statement))
        if held is None:
            return False
        return self._kernel.may_read(tx.release_classes()[held.release_class], reader)

    def member_of(self, node: str) -> str:
        """Return the member of a node, "" for one that the alliance does not have any more."""
        members = self._kernel.alliance.members.values()
        seats = (seat for member in members for seat in member.nodes)
        return next((seat.member for seat in seats if seat.id == node), "")
