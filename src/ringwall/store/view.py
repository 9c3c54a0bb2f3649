"""What one reader may see: the only way in which content is read for anybody.

Each read takes one snapshot, asks the kernel which release classes are open to the reader, reads
under exactly those, and enters the read in the audit log (who, by which route, how much, a digest
of what was shown). The entry is durable before the answer is returned. The calls block: they
belong into a worker thread.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from ringwall.alliance import CONTENT_ROLES, Reader
from ringwall.core import Forbidden, NotFound, StatementId
from ringwall.policy import Kernel
from ringwall.store.port import ReadTransaction, Store, WriteTransaction
from ringwall.store.records import ReferenceRow, Statement

T = TypeVar("T")
_ABSENT = "there is no such statement, or it is not released to you"


class ReaderView:
    """The content of a node as one reader may see it, by one route (named in the audit log)."""

    def __init__(self, store: Store, kernel: Kernel, reader: Reader, *, route: str = "") -> None:
        self._store = store
        self._kernel = kernel
        self._reader = reader
        self._route = route

    def page(
        self,
        *,
        after: int = 0,
        limit: int,
        object_type: str | None = None,
        source: str | None = None,
        object_id: str | None = None,
    ) -> list[Statement]:
        """Return up to ``limit`` statements in order of arrival, after the order ``after``."""
        return self._statements(
            lambda tx, classes: tx.statements(
                classes,
                after=after,
                limit=limit,
                object_type=object_type,
                source=source,
                object_id=object_id,
            )
        )

    def statement(self, id: StatementId) -> Statement:  # noqa: A002
        """Return one statement with its proof. Raises NotFound if it is absent or withheld."""

        def fetch(tx: ReadTransaction, classes: Sequence[int]) -> list[Statement]:
            found = tx.statement(id, classes)
            return [] if found is None else [found]

        return _present(self._statements(fetch))[0]

    def versions(self, object_id: str) -> list[Statement]:
        """Return the statements about a STIX id, newest version first. Raises NotFound."""
        return _present(self._statements(lambda tx, classes: tx.versions(object_id, classes)))

    def search(self, text: str, *, limit: int) -> list[Statement]:
        """Return the newest statements whose object holds every word of ``text``."""
        return self._statements(lambda tx, classes: tx.search(text, classes, limit))

    def by_observable(self, value: str, *, limit: int) -> list[Statement]:
        """Return the newest statements that mention exactly this normalised value."""
        return self._statements(lambda tx, classes: tx.by_observable(value, classes, limit))

    def select(
        self, choose: Callable[[ReadTransaction, Sequence[int]], list[Statement]]
    ) -> list[Statement]:
        """Return what ``choose`` picks from one snapshot, given the classes open to the reader.

        For answers that take several queries (TAXII's version filter) and are one audit entry.
        """
        return self._statements(choose)

    def reference_page(
        self, *, after: int = 0, limit: int, set_name: str | None = None
    ) -> list[ReferenceRow]:
        """Return up to ``limit`` reference objects. Raises Forbidden for who reads no content."""
        if not self._reader.roles & CONTENT_ROLES:
            raise Forbidden(f"reader {self._reader.id} reads no content", rule="role")
        with self._store.read() as tx:
            rows = tx.reference_page(after, limit, set_name)
        return self._enter(rows, (row.body for row in rows)).result()

    def page_later(self, *, after: int, limit: int) -> Future[list[Statement]]:
        """Read a page at once; the future gives it when the read's audit entry is durable.

        For event streams, which live in the event loop and must not block it.
        """
        return self._begin(lambda tx, classes: tx.statements(classes, after=after, limit=limit))

    def _statements(
        self, fetch: Callable[[ReadTransaction, Sequence[int]], list[Statement]]
    ) -> list[Statement]:
        return self._begin(fetch).result()

    def _begin(
        self, fetch: Callable[[ReadTransaction, Sequence[int]], list[Statement]]
    ) -> Future[list[Statement]]:
        with self._store.read() as tx:
            found = fetch(tx, self._visible(tx))
        return self._enter(found, (f"{one.id} {one.digest.hex()}".encode() for one in found))

    def _visible(self, tx: ReadTransaction) -> list[int]:
        return [
            number
            for number, one in tx.release_classes().items()
            if self._kernel.may_read(one, self._reader)
        ]

    def _enter(self, found: list[T], shown: Iterable[bytes]) -> Future[list[T]]:
        """Enter the read in the audit log; the future gives what was found once that is durable."""
        digest = hashlib.sha256()
        for part in shown:
            digest.update(len(part).to_bytes(8, "big") + part)
        entry = {
            "reader": self._reader.id,
            "route": self._route,
            "count": len(found),
            "result": digest.hexdigest(),
        }

        def job(tx: WriteTransaction) -> list[T]:
            tx.append_audit("read", entry)
            return found

        return self._store.write(job, essential=True)


def _present(found: list[Statement]) -> list[Statement]:
    """Refuse an empty answer with words that do not tell withheld from absent."""
    if not found:
        raise NotFound(_ABSENT, field="statement")
    return found
