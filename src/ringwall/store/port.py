"""The storage port: what every backend must do, and all that other rooms may ask of one.

Rules that hold for every backend:

- A job given to ``write`` sees its own writes, is all or nothing, and its future is resolved only
  after the transaction that holds it is durable. A job may be run a second time after a rollback,
  so it touches nothing but its transaction and returns what the caller needs.
- ``read`` gives one consistent snapshot.
- Reads of content take the release classes that the reader may see, always. There is no form
  that leaves them out; ``statement_by_id`` and the outbox serve the exchange, not readers.
- ``order`` ascends with commits and is never reused.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ringwall.core import Precedence
from ringwall.store.port_reads import ReadTransaction
from ringwall.store.records import (
    CheckpointRow,
    EnvelopeRow,
    NewReference,
    NewStatement,
    ReaderState,
    ReceiptRow,
    Replay,
    TokenRow,
)

T = TypeVar("T")
EMPTY: Mapping[str, Collection[str]] = {}


class WriteTransaction(ReadTransaction, Protocol):
    """One job's transaction. Everything in it becomes durable together or not at all."""

    # --- statements ---

    def next_sequence(self, origin: str, count: int, *, gap: int = 0, least: int = 1) -> int:
        """Take ``count`` sequence numbers of an origin, in a row, and return the first (from 1).

        It is above all that were given out, by more than ``gap``, and at least ``least``.
        """
        ...

    def add_statements(self, batch: Sequence[NewStatement]) -> list[int | None]:
        """Store statements, their objects, search text, observables, references and releases.

        Returns the order of each; None: this (origin, sequence) is stored already (or stands twice
        in the batch) and nothing was done for it. ``received_at`` is moved on so that it ascends.
        """
        ...

    def drop_narrower(self, order: int) -> None:
        """Remove a redaction that came from another node, for a wider one to take its place."""
        ...

    def set_proofs(self, batch: bytes, items: Sequence[tuple[int, bytes]]) -> None:
        """Keep the proof of an origin's signature: what a batch shares once, and (order, item)."""
        ...

    def add_release(
        self,
        order: int,
        policy_version: str,
        audience: Sequence[str],
        reasons: Sequence[dict[str, Any]],
        at: str,
    ) -> None:
        """Record a later release decision: the nodes that may receive, and why, per member."""
        ...

    def enqueue(
        self,
        orders: Sequence[int],
        lane: Precedence,
        nodes: Sequence[str],
        withheld: Mapping[str, Collection[str]] = EMPTY,
    ) -> None:
        """Put statements into the outbox for these nodes. No nodes: nothing is queued.

        ``withheld``: for some of the nodes, the fields that they are to be sealed without.
        """
        ...

    def withdraw(self, orders: Sequence[int]) -> None:
        """Take statements out of every reader's sight and out of the outbox; the rows stay."""
        ...

    def put_reader_state(self, reader: str, state: ReaderState) -> None:
        """Keep what a reader has been shown so far."""
        ...

    def see(self, reader: str, order: int) -> None:
        """Note that everything open to a reader up to this order was offered."""
        ...

    def add_replay(self) -> Replay:
        """Make a point where all statements so far can come again, with times kept free for it."""
        ...

    def put_reference(self, set_name: str, objects: Sequence[NewReference], at: str) -> None:
        """Replace a whole reference set. Objects that stay keep their order."""
        ...

    # --- the exchange: outward ---

    def dequeue(self, orders: Sequence[int]) -> None:
        """Take statements out of the outbox."""
        ...

    def next_position(self, node: str, lane: str) -> int:
        """Take the next dense position of a recipient in a lane (from 1)."""
        ...

    def skip_positions(self, node: str, lane: str, last: int) -> None:
        """Give out no position up to ``last`` any more; never moves back."""
        ...

    def put_envelope(self, envelope: EnvelopeRow) -> None:
        """Store a sealed envelope before it is published."""
        ...

    def mark_published(self, ids: Sequence[str], hub: str, at: str) -> None:
        """Note that a hub has these envelopes durably. Receipts' bytes are dropped."""
        ...

    def put_receipt(self, receipt: ReceiptRow) -> bool:
        """Take a node's cumulative receipt; False: it says nothing new and nothing was done.

        ``receipt.at`` is the peer's word and only kept; what it settles is settled now, by our
        clock. Bytes of envelopes that every recipient has settled are dropped. Raises BadEnvelope
        (rule ``receipt-position``) for a position that was never given out.
        """
        ...

    # --- the exchange: inward ---

    def set_inbox_position(
        self, hub: str, lane: str, stream_sequence: int, consumer_created: str
    ) -> None:
        """Note how far a hub's lane has been read, with what was read."""
        ...

    def advance_position(
        self, origin: str, lane: str, position: int, rejected: str | None = None
    ) -> int:
        """Settle one position of an origin; return the position settled without gaps.

        ``rejected``: the reason why what stood there was refused; it goes into the next receipt.
        """
        ...

    def pass_positions(self, origin: str, lane: str, last: int) -> int:
        """Settle everything up to ``last``: the origin says that it uses none of the rest.

        Returns the position settled without gaps. A receipt is owed, also when nothing moved.
        """
        ...

    def mark_receipted(self, origin: str, lane: str, position: int) -> None:
        """Note that a receipt up to ``position`` is on its way (same job as its envelope)."""
        ...

    def quarantine(
        self,
        data: bytes,
        *,
        rule: str,
        reason: str,
        at: str,
        hub: str,
        lane: str,
        stream_sequence: int,
    ) -> int:
        """Keep an envelope that cannot be believed; return its quarantine id.

        Bytes that are there already stay one row, whose id is returned. When the quarantine is
        full, the oldest rows go, with an audit entry ``quarantine-dropped``; those of the rule
        ``registry-number`` stay.
        """
        ...

    def drop_quarantined(self, id: int) -> None:  # noqa: A002
        """Remove an envelope from quarantine, after it was taken in or given up."""
        ...

    # --- audit ---

    def append_audit(self, kind: str, entry: dict[str, Any]) -> int:
        """Append ``{"kind": kind, "at": now, **entry}`` to the audit log; return its index."""
        ...

    def put_checkpoint(self, checkpoint: CheckpointRow) -> None:
        """Keep a signed checkpoint."""
        ...

    # --- access ---

    def put_token(self, token: TokenRow) -> None:
        """Store a token's hash."""
        ...

    def revoke_token(self, id: str, at: str) -> bool:  # noqa: A002
        """Revoke a token; False: there is no such token, or it was revoked before."""
        ...

    def put_login_code(self, code_hash: bytes, reader: str, expires: str) -> None:
        """Store a one-time login code's hash."""
        ...

    def use_login_code(self, code_hash: bytes, at: str) -> str | None:
        """Use up a login code; return its reader, or None if it is unknown, used or expired."""
        ...

    def put_session(self, session_hash: bytes, reader: str, created: str, expires: str) -> None:
        """Store a session's hash."""
        ...

    def end_session(self, session_hash: bytes) -> None:
        """Forget a session."""
        ...

    def add_login_failure(self, source: str, at: str) -> None:
        """Count one failed login from ``source``."""
        ...

    def clear_login_failures(self, source: str) -> None:
        """Forget the failed logins of ``source``."""
        ...

    def purge_access(self, before: str) -> None:
        """Forget login codes, sessions and failed logins that ended before ``before``."""
        ...

    # --- documents ---

    def put_document(
        self, kind: str, owner: str, key: str, body: bytes, created: str, expires: str = ""
    ) -> None:
        """Store or replace a document; ``expires`` "" = it does not end."""
        ...

    def drop_document(self, kind: str, owner: str, key: str) -> bool:
        """Remove a document; False: there was none."""
        ...

    def purge_documents(self, at: str) -> None:
        """Remove the documents that ended by ``at``."""
        ...

    # --- the node ---

    def set_meta(self, name: str, value: bytes) -> None:
        """Set a named value of the node."""
        ...


class Store(Protocol):
    """A durable store with one writer and any number of readers."""

    @property
    def directory(self) -> Path:
        """The folder for files that belong beside the database."""
        ...

    @property
    def step(self) -> float:
        """How many seconds a read that shows nothing lasts at least (see `pace`)."""
        ...

    def write(self, job: Callable[[WriteTransaction], T], *, essential: bool = False) -> Future[T]:
        """Queue a job for the writer; the future resolves when its effect is durable.

        The future raises what the job raised (only that job is rolled back), StorageFull when
        there is no room, Unavailable when the store is closed. ``essential`` jobs (receipts, audit
        entries of reads) may use the disk reserve.
        """
        ...

    def read(self) -> AbstractContextManager[ReadTransaction]:
        """Open a snapshot; usable from any thread, by one thread at a time."""
        ...

    def watch_commits(self, told: Callable[[int, float], None]) -> None:
        """Tell ``told`` of every commit from now on: its jobs, its seconds. It must be quick."""
        ...

    def close(self) -> None:
        """Finish the queued jobs, then close. Idempotent."""
        ...
