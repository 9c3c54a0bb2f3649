"""Group commit: one writer thread that makes many jobs durable with one fsync.

The thread takes every job that waits (bounded), runs each in its own savepoint inside one
transaction, commits, and only then resolves the futures: nobody is told before it is durable.
A job that raises is rolled back alone. If the whole transaction is lost (a full disk), its jobs
are run again one by one, so that one job that does not fit takes no other down with it.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from ringwall.core import StorageFull, Unavailable
from ringwall.store.port import WriteTransaction

T = TypeVar("T")
_GROUP = 256


class TransactionLost(Exception):
    """The database rolled the whole transaction back, not only one job's savepoint."""


class OutcomeUnknown(Exception):
    """The database was lost while it committed: all may be there, so nothing is run again."""


class Session(Protocol):
    """The writer's connection to one backend. Used by the writer thread only."""

    def begin(self) -> None:
        """Start a transaction."""
        ...

    def run(self, job: Callable[[WriteTransaction], Any], *, alone: bool = False) -> Any:
        """Run a job in a savepoint and return its result; roll back to it if the job raises.

        A job that is ``alone`` in its transaction needs no savepoint: all of it is rolled back
        and begun anew. Raises TransactionLost, from the cause, if there is no transaction any more.
        """
        ...

    def commit(self) -> None:
        """Make the transaction durable.

        Raises RingwallError if that failed, OutcomeUnknown if nobody can tell whether it did.
        """
        ...

    def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        ...

    def has_room(self) -> bool:
        """Tell whether there is more free space than the reserve."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class _Pending:
    """A job and the future that its caller holds."""

    def __init__(self, job: Callable[[WriteTransaction], Any], essential: bool) -> None:
        self.job = job
        self.essential = essential
        self.future: Future[Any] = Future()


class GroupWriter:
    """The writer thread and its queue."""

    def __init__(self, session: Session, *, name: str = "ringwall-writer") -> None:
        self._session = session
        self.on_commit: Callable[[int, float], None] = lambda jobs, seconds: None
        """Told, in the writer's thread, of every commit: its jobs and its seconds."""
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[WriteTransaction], T], *, essential: bool = False) -> Future[T]:
        """Queue a job. Raises nothing: a closed writer answers Unavailable in the future."""
        pending = _Pending(job, essential)
        with self._gate:
            if self._closed:
                pending.future.set_exception(Unavailable("the store is closed", field="database"))
            else:
                self._queue.put(pending)
        return pending.future

    def close(self) -> None:
        """Finish what is queued, then stop the thread and close the session. Idempotent."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        open_ = True
        while open_:
            group, open_ = self._take()
            try:
                self._settle(group)
            except BaseException as error:
                # The thread must live: without it every later caller would wait for ever.
                for pending in group:
                    if not pending.future.done():
                        pending.future.set_exception(error)
        self._session.close()

    def _take(self) -> tuple[list[_Pending], bool]:
        """Wait for one job, then take what else is there; False when the end was queued."""
        group: list[_Pending] = []
        item = self._queue.get()
        while item is not None:
            if item.future.set_running_or_notify_cancel():
                group.append(item)
            if len(group) >= _GROUP:
                return group, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _settle(self, group: Sequence[_Pending]) -> None:
        admitted = self._admit(group) if group else []
        if not admitted or self._attempt(admitted) is None:
            return
        for pending in admitted:
            error = self._attempt([pending])
            if error is not None:
                pending.future.set_exception(error)

    def _admit(self, group: Sequence[_Pending]) -> list[_Pending]:
        """Refuse what may not use the reserve, when only the reserve is left."""
        if self._session.has_room():
            return list(group)
        for pending in group:
            if not pending.essential:
                pending.future.set_exception(
                    StorageFull(
                        "nothing was written: the disk is full up to its reserve",
                        field="database",
                        rule="reserve",
                    )
                )
        return [pending for pending in group if pending.essential]

    def _attempt(self, group: Sequence[_Pending]) -> BaseException | None:
        """Run a group in one transaction; return why it was lost, None if all is settled."""
        outcomes: list[tuple[_Pending, Any, BaseException | None]] = []
        alone = len(group) == 1
        began = time.perf_counter()
        try:
            self._session.begin()
            for pending in group:
                try:
                    outcomes.append((pending, self._session.run(pending.job, alone=alone), None))
                except TransactionLost:
                    raise
                except BaseException as error:
                    outcomes.append((pending, None, error))
            self._session.commit()
        except TransactionLost as lost:
            self._session.rollback()
            return lost.__cause__ or lost
        except OutcomeUnknown:
            self._session.rollback()
            outcomes = [(each, None, failure or _unknown()) for each, _, failure in outcomes]
        except BaseException as error:
            self._session.rollback()
            return error
        for pending, result, failure in outcomes:
            if failure is None:
                pending.future.set_result(result)
            else:
                pending.future.set_exception(failure)
        self.on_commit(len(group), time.perf_counter() - began)
        return None


def _unknown() -> Unavailable:
    return Unavailable(
        "the database was lost while it committed: look whether this was stored",
        field="database",
        rule="outcome-unknown",
    )
