"""What one reader may see: the only way in which content is read for anybody.

Each read takes one snapshot, asks the kernel which release classes are open to the reader, reads
under exactly those, and enters the read in the audit log (who, by which route, how much, a digest
of what was shown). The entry is durable before the answer is returned. The calls block: they
belong into a worker thread.

What a reader was offered is kept as well: a class that opens behind that comes again (`places`).
"""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import msgspec

from ringwall.alliance import CONTENT_ROLES, Reader
from ringwall.core import Forbidden, NotFound, StatementId
from ringwall.policy import Kernel
from ringwall.store import pace
from ringwall.store.places import both_offered, must_come_again
from ringwall.store.port import Store, WriteTransaction
from ringwall.store.port_reads import ReadTransaction
from ringwall.store.records import (
    EVERYTHING,
    PageRow,
    ReaderState,
    ReferenceRow,
    Selection,
    Statement,
)
from ringwall.store.shown import Shown

T = TypeVar("T")
Row = TypeVar("Row", Statement, PageRow)
Note = Callable[[WriteTransaction], None]
_ABSENT = "there is no such statement, or it is not released to you"


class ReaderView:
    """The content of a node as one reader may see it, by one route (named in the audit log)."""

    def __init__(
        self, store: Store, kernel: Kernel, reader: Reader, *, route: str = "", places: str = ""
    ) -> None:
        """``places`` names the order of arrival of a credential with fewer rights than its reader.

        What such a one is not shown has not closed to the reader, so the two are kept apart.
        """
        self._store = store
        self._kernel = kernel
        self._reader = reader
        self._route = route
        self._places = places or reader.id

    def look(self, choose: Callable[[Shown], list[Row]]) -> list[Row]:
        """Return what ``choose`` picks from one snapshot, as one entry of the audit log."""
        return self._begin(choose).result()

    def follow(self, choose: Callable[[Shown], list[Row]]) -> list[Row]:
        """Look for a stream, which nobody asks anything: nothing new is told of at once."""
        return self._begin(choose, even=False).result()

    def look_later(self, choose: Callable[[Shown], list[Row]]) -> Future[list[Row]]:
        """Read at once; the future gives what was found when the read's audit entry is durable.

        For an answer that is written meanwhile: it must not leave before the future is done.
        """
        return self._begin(choose)

    def page(
        self, *, after: int = 0, limit: int, selection: Selection = EVERYTHING
    ) -> list[Statement]:
        """Return up to ``limit`` statements in the reader's order, after the place ``after``."""
        return self.look(
            lambda shown: shown.statements(after=after, limit=limit, selection=selection)
        )

    def statement(self, id: StatementId) -> Statement:  # noqa: A002
        """Return one statement with its proof. Raises NotFound if it is absent or withheld."""

        def fetch(shown: Shown) -> list[Statement]:
            found = shown.statement(id)
            return [] if found is None else [found]

        return _present(self.look(fetch))[0]

    def versions(self, object_id: str) -> list[Statement]:
        """Return the statements about a STIX id, newest version first. Raises NotFound."""
        return _present(self.look(lambda shown: shown.versions(object_id)))

    def search(self, text: str, *, limit: int) -> list[Statement]:
        """Return the newest statements whose object holds every word of ``text``."""
        return self.look(lambda shown: shown.search(text, limit))

    def by_observable(self, value: str, *, limit: int) -> list[Statement]:
        """Return the newest statements that mention exactly this normalised value."""
        return self.look(lambda shown: shown.by_observable(value, limit))

    def reference_page(
        self, *, after: int = 0, limit: int, set_name: str | None = None
    ) -> list[ReferenceRow]:
        """Return up to ``limit`` reference objects. Raises Forbidden for who reads no content."""
        if not self._reader.roles & CONTENT_ROLES:
            raise Forbidden(f"reader {self._reader.id} reads no content", rule="role")
        with self._store.read() as tx:
            rows = tx.reference_page(after, limit, set_name)
        shown = (hashlib.sha256(row.body).digest() for row in rows)
        return self._enter(rows, shown, lambda tx: None).result()

    def _begin(
        self, choose: Callable[[Shown], list[Row]], *, even: bool = True
    ) -> Future[list[Row]]:
        """Read, and enter what was read; ``even``: to find nothing takes as long every time."""
        began = pace.begin()
        found, note = self._look(choose)
        if even and not found:
            pace.even_out(began, self._store.step)
        return self._enter(found, (one.digest for one in found), note)

    def _look(self, choose: Callable[[Shown], list[Row]]) -> tuple[list[Row], Note]:
        """Read; what opened late is given its place first, in a transaction of its own."""
        with self._store.read() as tx:
            before, now = self._state(tx)
            if not must_come_again(before, now, tx.first_order):
                return self._read(tx, before, now, choose)
        self._store.write(partial(self._replay, now)).result()
        with self._store.read() as tx:
            before, now = self._state(tx)
            # What opened in between waits for the next look: its place is not made yet.
            return self._read(tx, before, now & before.open, choose)

    def _state(self, tx: ReadTransaction) -> tuple[ReaderState, frozenset[int]]:
        """Return what the reader was offered, and the classes that are open to it now."""
        now = self._kernel.readable(tx.release_classes(), self._reader)
        return tx.reader_state(self._places), now

    def _read(
        self,
        tx: ReadTransaction,
        before: ReaderState,
        now: frozenset[int],
        choose: Callable[[Shown], list[Row]],
    ) -> tuple[list[Row], Note]:
        """Return what was chosen, and what is noted of the reader when the read is entered."""
        shown = Shown(tx, msgspec.structs.replace(before, open=now))
        found = choose(shown)
        offered = tx.last_order() if shown.paged else before.seen
        after = ReaderState(max(before.seen, offered), now, before.replayed)
        return found, lambda tx: self._note(tx, before, after)

    def _note(self, tx: WriteTransaction, before: ReaderState, after: ReaderState) -> None:
        """Keep what the reader was offered, with what another of its reads noted meanwhile."""
        if after == before:
            return
        state = tx.reader_state(self._places)
        both = after if state == before else both_offered(state, after, tx.first_order)
        if both.open != state.open or not state.seen:  # the first time there is no row yet
            tx.put_reader_state(self._places, both)
        elif both.seen > state.seen:
            tx.see(self._places, both.seen)

    def _replay(self, now: frozenset[int], tx: WriteTransaction) -> None:
        """Let what opened behind the reader come again, after everything that is there.

        A replay that was made after the reader's last look serves as well as a new one, so a
        change of policy makes about one, however many readers it opens something to.
        """
        state = tx.reader_state(self._places)
        late = must_come_again(state, now, tx.first_order)
        if not late:  # another read of this reader was quicker
            return
        replays = tx.replays()
        ahead = replays and replays[-1].last > state.seen
        replay = replays[-1] if ahead else tx.add_replay()
        replayed = state.replayed | dict.fromkeys(late, replay.number)
        tx.put_reader_state(self._places, ReaderState(state.seen, now, replayed))

    def _enter(self, found: list[T], digests: Iterable[bytes], note: Note) -> Future[list[T]]:
        """Enter the read in the audit log; the future gives what was found once that is durable.

        ``digests``: 32 bytes of each thing that is shown.
        """
        entry = {
            "reader": self._reader.id,
            "route": self._route,
            "count": len(found),
            "result": hashlib.sha256(b"".join(digests)).hexdigest(),
        }

        def job(tx: WriteTransaction) -> list[T]:
            note(tx)
            tx.append_audit("read", entry)
            return found

        return self._store.write(job, essential=True)


def _present(found: list[Statement]) -> list[Statement]:
    """Refuse an empty answer with words that do not tell withheld from absent."""
    if not found:
        raise NotFound(_ABSENT, field="statement")
    return found
