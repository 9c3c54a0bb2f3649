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

from ringwall.core import Precedence, StatementId
from ringwall.policy import ReleaseClass
from ringwall.store.records import (
    EVERYTHING,
    AuditEntry,
    CheckpointRow,
    Counts,
    DeliveryRow,
    EnvelopeRow,
    Finding,
    InboxPosition,
    InPosition,
    NewReference,
    NewStatement,
    OutboxRow,
    PageRow,
    PeerLane,
    QuarantineRow,
    ReaderState,
    ReceiptDue,
    ReceiptRow,
    ReferenceRow,
    Release,
    Replay,
    Selection,
    Statement,
    StoredEnvelope,
    StoredStatement,
    TokenRow,
)

T = TypeVar("T")


class ReadTransaction(Protocol):
    """One consistent snapshot."""

    # --- content, for readers: always under a set of visible release classes ---

    def release_classes(self) -> Mapping[int, ReleaseClass]:
        """Return every interned release class by its id."""
        ...

    def release_class_count(self) -> int:
        """Return how many release classes there are: they are never removed."""
        ...

    def statements(
        self,
        classes: Collection[int],
        *,
        after: int = 0,
        until: int | None = None,
        limit: int,
        selection: Selection = EVERYTHING,
    ) -> list[Statement]:
        """Return up to ``limit`` visible statements of ``after`` < ``order`` <= ``until``.

        Ascending. ``until`` None: without an end. Proofs are not loaded.
        """
        ...

    def rows(
        self,
        classes: Collection[int],
        *,
        after: int = 0,
        until: int | None = None,
        limit: int,
        selection: Selection = EVERYTHING,
    ) -> list[PageRow]:
        """Return the same statements as :meth:`statements`, as what a page needs: much faster."""
        ...

    def statement(self, id: StatementId, classes: Collection[int]) -> Statement | None:  # noqa: A002
        """Return one visible statement with its proof; None if it is absent or withheld."""
        ...

    def versions(self, object_id: str, classes: Collection[int]) -> list[Statement]:
        """Return every visible statement about one STIX id: newest version first."""
        ...

    def version_index(
        self, object_ids: Collection[str], classes: Collection[int]
    ) -> list[tuple[str, str, int, int]]:
        """Return (STIX id, version, order, class) of visible statements about these, by order."""
        ...

    def referring(
        self, object_id: str, classes: Collection[int], *, after: int = 0, limit: int
    ) -> list[Statement]:
        """Return visible statements with ``order`` > ``after`` whose objects refer to a STIX id.

        Ascending. References are those of `stix.references`: not creators, not markings.
        """
        ...

    def search(self, text: str, classes: Collection[int], limit: int) -> list[Statement]:
        """Return visible statements whose object holds every word of ``text``, newest first.

        The last word also matches as a prefix. Text without any word finds nothing.
        """
        ...

    def by_observable(self, value: str, classes: Collection[int], limit: int) -> list[Statement]:
        """Return visible statements that mention exactly this normalised value, newest first."""
        ...

    def order_at(self, received_at: str) -> int:
        """Return the highest order that had arrived at this time (0 = none): TAXII added_after."""
        ...

    def first_order(self, release_class: int) -> int:
        """Return the order of the oldest statement of a class, 0 if it has none."""
        ...

    def reader_state(self, reader: str) -> ReaderState:
        """Return what a reader has been shown so far; nothing yet: the empty state."""
        ...

    def replays(self) -> list[Replay]:
        """Return every replay, by number: where older statements come again."""
        ...

    def last_order(self) -> int:
        """Return the highest order ever given out, 0 before the first."""
        ...

    def reference_page(
        self, after: int, limit: int, set_name: str | None = None
    ) -> list[ReferenceRow]:
        """Return up to ``limit`` reference objects with ``order`` > ``after``, ascending."""
        ...

    def reference_order_at(self, added_at: str) -> int:
        """Return the highest reference order that had been added at this time (0 = none)."""
        ...

    # --- the exchange: outward ---

    def statement_by_id(self, id: StatementId) -> Statement | None:  # noqa: A002
        """Return a statement with its proof, whoever may see it: for the exchange only."""
        ...

    def statements_about(self, origin: str, object_id: str, version: str) -> list[Statement]:
        """Return what an origin stated about one object version, oldest first: exchange only."""
        ...

    def stored_ids(self, object_ids: Collection[str]) -> set[str]:
        """Return those STIX ids under which anything is stored: for the exchange only."""
        ...

    def releases(self, order: int) -> list[Release]:
        """Return the release decisions recorded for a statement, oldest first."""
        ...

    def outbox_batch(self, lane: str, limit: int, max_bytes: int) -> list[OutboxRow]:
        """Return the oldest rows of a lane: at most ``limit``, bodies ``max_bytes`` together.

        The first row always comes, whatever its size.
        """
        ...

    def unpublished(self, lane: str) -> list[EnvelopeRow]:
        """Return the sealed envelopes of a lane that no hub has taken yet, in order of sealing."""
        ...

    def unsettled(self, node: str, lane: str, limit: int) -> list[EnvelopeRow]:
        """Return published envelopes of a lane that a node has not settled, oldest first."""
        ...

    def delivery(self, id: StatementId) -> list[DeliveryRow]:  # noqa: A002
        """Return how far a statement got, per recipient node, sorted by node."""
        ...

    def peers(self) -> list[PeerLane]:
        """Return per node and lane of statements what was sent and what was confirmed, sorted.

        Receipts (lane CONTROL) are not confirmed themselves and are left out.
        """
        ...

    def sent_position(self, node: str, lane: str) -> int:
        """Return the last position given out to a node in a lane, 0 before the first."""
        ...

    def receipt(self, node: str, lane: str) -> ReceiptRow | None:
        """Return a node's latest receipt for a lane; its ``rejected`` are those ever reported."""
        ...

    # --- the exchange: inward ---

    def inbox_position(self, hub: str, lane: str) -> InboxPosition | None:
        """Return how far a hub's lane has been read, None before the first commit."""
        ...

    def in_position(self, origin: str, lane: str) -> int:
        """Return the position up to which everything from an origin is settled, without gaps."""
        ...

    def in_positions(self) -> list[InPosition]:
        """Return the positions of every origin and lane, sorted: gaps show here."""
        ...

    def receipts_due(self) -> list[ReceiptDue]:
        """Return the receipts that this node owes, sorted by origin and lane."""
        ...

    def quarantined(self, limit: int = 100, rule: str | None = None) -> list[QuarantineRow]:
        """Return quarantined envelopes, of one rule or of all, oldest first."""
        ...

    # --- audit ---

    def audit_size(self) -> int:
        """Return the number of audit entries."""
        ...

    def audit_root(self) -> bytes:
        """Return the RFC 9162 root of the audit log, 32 bytes."""
        ...

    def audit_entries(self, after: int, limit: int) -> list[AuditEntry]:
        """Return up to ``limit`` entries with index >= ``after``: the first page starts at 0."""
        ...

    def checkpoints(self) -> list[CheckpointRow]:
        """Return every signed checkpoint, smallest first."""
        ...

    def latest_checkpoint(self) -> CheckpointRow | None:
        """Return the checkpoint of the largest size."""
        ...

    # --- verification ---

    def stored_statements(self, after: int, limit: int) -> list[StoredStatement]:
        """Return up to ``limit`` statements with ``order`` > ``after`` as their rows are."""
        ...

    def stored_envelopes(self, after: int, limit: int) -> list[StoredEnvelope]:
        """Return up to ``limit`` envelopes of statements with ``order`` > ``after``, ascending."""
        ...

    def last_sequence(self, origin: str) -> int:
        """Return the last sequence number that was taken of an origin, 0 before the first."""
        ...

    def integrity_faults(self) -> list[Finding]:
        """Return what contradicts itself within the backend: its files, keys, interned rows."""
        ...

    # --- access ---

    def reader_of_token(self, token_hash: bytes, at: str) -> str | None:
        """Return the reader of a token that is valid at ``at``."""
        ...

    def tokens(self, reader: str | None = None) -> list[TokenRow]:
        """Return the tokens of one reader or of all, oldest first."""
        ...

    def reader_of_session(self, session_hash: bytes, at: str) -> str | None:
        """Return the reader of a session that is valid at ``at``."""
        ...

    def login_failures(self, source: str, since: str) -> int:
        """Return how often logging in failed from ``source`` at or after ``since``."""
        ...

    # --- documents: small things with an owner and an end ---

    def document(self, kind: str, owner: str, key: str, at: str) -> bytes | None:
        """Return a document's body, None if it is absent, another owner's, or ended by ``at``."""
        ...

    def documents(self, kind: str, owner: str, at: str) -> list[tuple[str, bytes]]:
        """Return (key, body) of an owner's documents of a kind that have not ended, by key."""
        ...

    # --- the node ---

    def counts(self) -> Counts:
        """Return the figures of the metrics page."""
        ...

    def meta(self, name: str) -> bytes | None:
        """Return a named value of the node."""
        ...


class WriteTransaction(ReadTransaction, Protocol):
    """One job's transaction. Everything in it becomes durable together or not at all."""

    # --- statements ---

    def next_sequence(self, origin: str, count: int) -> int:
        """Take ``count`` dense sequence numbers of an origin and return the first (from 1)."""
        ...

    def add_statements(self, batch: Sequence[NewStatement]) -> list[int | None]:
        """Store statements, their objects, search text, observables, references and releases.

        Returns the order of each; None: this (origin, sequence) is stored already (or stands twice
        in the batch) and nothing was done for it. ``received_at`` is moved on so that it ascends.
        """
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

    def enqueue(self, orders: Sequence[int], lane: Precedence, nodes: Sequence[str]) -> None:
        """Put statements into the outbox for these nodes. No nodes: nothing is queued."""
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
