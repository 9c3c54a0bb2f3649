"""The reading half of the storage port: one consistent snapshot (see `port` for the rules)."""

from collections.abc import Collection, Mapping
from typing import Protocol

from ringwall.core import StatementId
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
    OutboxRow,
    PageRow,
    PeerLane,
    QuarantineRow,
    Reach,
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


class ReadTransaction(Protocol):
    """One consistent snapshot."""

    # --- content, for readers: always under a set of visible release classes ---

    def release_classes(self) -> Mapping[int, ReleaseClass]:
        """Return every interned release class by its id."""
        ...

    def release_class_count(self) -> int:
        """Return how many release classes there are: they are never removed."""
        ...

    def class_counts(self) -> Mapping[int, int]:
        """Return how many statements there are of each release class that has any."""
        ...

    def class_days(self) -> list[tuple[int, str, int]]:
        """Return (release class, day of arrival as YYYY-MM-DD in UTC, how many), in no order."""
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

    def parts(self, orders: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        """Return of these statements the properties with a release class of their own, if any.

        Whoever shows a body leaves out those whose classes are not open: `store.parts`.
        """
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

    def reaches(self, object_ids: Collection[str]) -> list[Reach]:
        """Return what is stated about these STIX ids, one for each kind of: exchange only."""
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

    def quarantined(
        self, limit: int = 100, rule: str | None = None, after: int = 0
    ) -> list[QuarantineRow]:
        """Return quarantined envelopes with ``id`` > ``after``, of one rule or of all, by id."""
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
