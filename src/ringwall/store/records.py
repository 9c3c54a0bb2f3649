"""What goes into the store and what comes out of it: plain, frozen records.

Times are RFC 3339 UTC text with six decimals; digests, salts and seeds are raw bytes; lanes are
the text of a precedence or ``CONTROL`` (receipts).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ringwall.core import Precedence, StatementId, canonical_json
from ringwall.labels import Label
from ringwall.policy import ReleaseClass
from ringwall.stix import Observable


class NewStatement(msgspec.Struct, frozen=True):
    """A statement to be stored: one object version as one origin states it under one label."""

    id: StatementId
    object_id: str
    object_type: str
    version: str
    """``modified``, else ``created``, else "" (observables)."""
    body: bytes
    """Canonical bytes (RFC 8785), made once by the origin."""
    label: Label
    release_class: ReleaseClass
    """What policy looks at; carries the originating member and the purpose."""
    lane: Precedence
    submitted_by: str
    """The reader who submitted it here, or "" for a statement that another node sent."""
    received_at: str
    """When it arrived here. The store moves it on by microseconds so that it always ascends."""
    seed: bytes
    """32 bytes that the salts of the object digest are expanded from. Of a redaction, whose seed
    nobody here has, the digest of its disclosure (trust.disclosure_digest)."""
    sha256: bytes
    """SHA-256 of the body."""
    digest: bytes
    """The statement digest: 32 bytes (trust.statement_digest of seed and ``sha256``)."""
    observables: tuple[Observable, ...] = ()
    text: str = ""
    """What full-text search finds it by."""
    references: tuple[str, ...] = ()
    """The STIX ids that the object refers to (stix.references)."""
    decision: bytes | None = None
    """The release decision at acceptance (decision_document); None for what was received."""
    disclosure: bytes = b""
    """Of a redaction: what proves the fields that are shown (trust.redaction)."""
    parts: tuple[tuple[str, ReleaseClass], ...] = ()
    """Properties that are for fewer readers than the rest, and the release class of each."""


def decision_document(
    policy_version: str, audience: Sequence[str], reasons: Sequence[dict[str, Any]]
) -> bytes:
    """Return the canonical bytes of a release decision, which the statements of a bundle share."""
    return canonical_json(
        {
            "policy_version": policy_version,
            "audience": list(audience),
            "reasons": list(reasons),
        }
    )


class Statement(msgspec.Struct, frozen=True):
    """A statement as stored."""

    order: int
    """The node's order of arrival: monotonic, never reused. The cursor of every page."""
    id: StatementId
    source: str
    """The member that states it."""
    object_id: str
    object_type: str
    version: str
    body: bytes
    label: Label
    release_class: int
    purpose: str
    lane: Precedence
    submitted_by: str
    received_at: str
    seed: bytes
    """As in NewStatement; b"" where it is not for the reader."""
    digest: bytes
    proof: tuple[bytes, bytes] | None = None
    """The shared and the own part; loaded only by reads of one statement, pages leave it None."""
    disclosure: bytes = b""
    """Of a redaction: what comes in place of its seed; loaded like the proof."""


class PageRow(msgspec.Struct, frozen=True):
    """What a page of objects needs of a statement, and no more."""

    order: int
    object_id: str
    object_type: str
    version: str
    received_at: str
    release_class: int
    marked: bool
    """The object carries a marking of its own."""
    contested: bool
    """There are other statements about this STIX id, whoever may see them."""
    digest: bytes
    body: bytes


class Selection(msgspec.Struct, frozen=True):
    """Which of the visible statements are wanted; all conditions hold together."""

    object_types: frozenset[str] | None = None
    """None: of every type."""
    source: str | None = None
    """Stated by this member; None: by anybody."""
    object_ids: frozenset[str] | None = None
    """About these STIX ids; None: about anything."""
    text: str = ""
    """Every word stands in the object, the last also as a prefix; "" filters nothing."""
    value: str = ""
    """The object mentions exactly this normalised value; "" filters nothing."""


EVERYTHING = Selection()


class Replay(msgspec.Struct, frozen=True):
    """A point after the order ``last`` at which every statement up to it can be shown again.

    So what opens to a reader late still comes after all that the reader has had. Readers page by
    places, which are orders with room for the replays between them: see `store.places`.
    """

    number: int
    """From 1, ascending."""
    last: int
    """The last order when it was made."""
    starts: str
    """The statement of order n comes again at this time plus n microseconds."""


class ReaderState(msgspec.Struct, frozen=True):
    """What a reader has been shown so far: what opens behind that must come again."""

    seen: int = 0
    """Everything open to the reader up to this order has been offered."""
    open: frozenset[int] = frozenset()
    """The release classes that were open when it was last looked."""
    replayed: dict[int, int] = {}
    """Release class → number of the replay at which its older statements come."""


class Release(msgspec.Struct, frozen=True):
    """A recorded release decision: which nodes may receive the statement and why not the others."""

    policy_version: str
    audience: tuple[str, ...]
    reasons: list[dict[str, Any]]
    at: str


class OutboxRow(msgspec.Struct, frozen=True):
    """A statement that waits to be sealed, and the nodes it is for."""

    order: int
    statement: Statement
    audience: tuple[str, ...]
    withheld: dict[str, tuple[str, ...]] = {}
    """The fields that it is to be sealed without, for those of the nodes that get no whole."""
    parts: dict[str, int] = {}
    """The release class of each property that has one of its own."""


class Reach(msgspec.Struct, frozen=True):
    """One statement about an object: what decides who may know of it."""

    object_id: str
    release_class: int
    audience: tuple[str, ...] | None
    """The nodes that its last release decision names; None: it came from another node."""


class EnvelopeRow(msgspec.Struct, frozen=True):
    """A sealed envelope, stored before it is published."""

    id: str
    lane: str
    kind: str
    """``statement`` or ``receipt``."""
    message_id: str
    """Random: the hub's duplicate detection key."""
    data: bytes
    recipients: dict[str, int]
    """Node -> that node's own dense position in this lane."""
    statements: tuple[int, ...] = ()
    """Orders of the statements inside."""
    created_at: str = ""


class DeliveryRow(msgspec.Struct, frozen=True):
    """How far a statement got on its way to one node."""

    node: str
    state: str
    """``queued``, ``sent``, ``received`` or ``rejected``."""
    position: int | None = None
    at: str = ""
    """When it reached this state; "" while queued."""
    reason: str = ""
    """The recipient's own words, when it rejected."""


class ReceiptRow(msgspec.Struct, frozen=True):
    """A node's cumulative receipt for one lane of ours."""

    node: str
    lane: str
    position: int
    """Everything up to here is durable at the node, or rejected by it."""
    at: str
    """By the node's own clock: its word, not ours."""
    rejected: tuple[tuple[int, str], ...] = ()
    """Positions that the node refused, with its reason."""
    evidence: bytes = b""
    """The signed envelope that carried the receipt."""


class ReceiptDue(msgspec.Struct, frozen=True):
    """A receipt that this node owes to an origin."""

    origin: str
    lane: str
    position: int
    """Everything up to here is settled here, without gaps."""
    rejected: tuple[tuple[int, str], ...] = ()
    """Positions refused since the last receipt, with the reason."""


class PeerLane(msgspec.Struct, frozen=True):
    """What we sent to one node in one lane and what it confirmed."""

    node: str
    lane: str
    sent: int
    """The last position given out."""
    receipted: int
    """The last position confirmed."""
    last_receipt_at: str = ""
    """By the node's own clock."""

    @property
    def backlog(self) -> int:
        """Envelopes that the node has not confirmed yet."""
        return self.sent - self.receipted


class InPosition(msgspec.Struct, frozen=True):
    """What arrived here from one origin in one lane."""

    origin: str
    lane: str
    position: int
    """Everything up to here is settled, without gaps."""
    highest: int
    """The highest position seen; above ``position`` there is a gap."""


class InboxPosition(msgspec.Struct, frozen=True):
    """How far this node has read a hub's lane."""

    stream_sequence: int
    consumer_created: str


class QuarantineRow(msgspec.Struct, frozen=True):
    """An envelope that could not be believed or understood, kept as it came."""

    id: int
    data: bytes
    rule: str
    reason: str
    at: str
    hub: str
    lane: str
    stream_sequence: int


class AuditEntry(msgspec.Struct, frozen=True):
    """One leaf of the audit log."""

    index: int
    """From 0."""
    leaf: bytes
    """Canonical leaf document."""
    hash: bytes
    """RFC 9162 leaf hash, 32 bytes."""


class CheckpointRow(msgspec.Struct, frozen=True):
    """A signed checkpoint of the audit log."""

    size: int
    root: bytes
    note: bytes
    """C2SP signed note (Ed25519)."""
    signature: bytes
    """ML-DSA-65 over the same note text."""
    at: str


class NewReference(msgspec.Struct, frozen=True):
    """One object of a reference set: loaded data, nobody's statement."""

    object_id: str
    object_type: str
    version: str
    body: bytes


class ReferenceRow(msgspec.Struct, frozen=True):
    """One object of a reference set, as stored."""

    order: int
    """Monotonic, never reused: the cursor of pages."""
    set_name: str
    object_id: str
    object_type: str
    version: str
    body: bytes
    added_at: str


class TokenRow(msgspec.Struct, frozen=True):
    """An access token of a reader; the token itself is never stored."""

    id: str
    hash: bytes
    """SHA-256 of the token."""
    reader: str
    label: str
    created: str
    expires: str
    """"" = does not expire."""
    revoked: str = ""
    """When it was revoked; "" = it was not."""


class Counts(msgspec.Struct, frozen=True):
    """What the metrics page tells."""

    statements: dict[str, int]
    """By lane."""
    outbox: dict[str, int]
    """By lane: waiting to be sealed."""
    unpublished: int
    """Envelopes sealed and not yet taken by a hub."""
    quarantined: int
    audit_size: int
    release_classes: int
    references: dict[str, int]
    """By set."""


class StoredStatement(msgspec.Struct, frozen=True):
    """A statement's rows as they are, nothing parsed or believed: for verification."""

    order: int
    id: StatementId
    object_id: str
    object_type: str
    body: bytes
    label: bytes
    """The label document of the statement."""
    source: str
    purpose: str
    lane: str
    seed: bytes
    digest: bytes
    proof: tuple[bytes, bytes] | None
    version: str
    submitted_by: str
    received_at: str
    queued: str | None
    """The audience in the outbox, as JSON; None: it does not wait there."""
    disclosure: bytes | None = None
    parts: str | None = None
    """The release classes of its properties, as JSON; None: they are all its own."""
    release_class: int = 0
    releases: tuple[bytes, ...] = ()
    """The documents of its release decisions, oldest first."""


class StoredEnvelope(msgspec.Struct, frozen=True):
    """An envelope of statements as its rows are, for verification."""

    order: int
    id: str
    lane: str
    data: bytes | None
    settled: bool
    """A hub has it and every recipient has settled it: its bytes may be gone."""
    recipients: tuple[tuple[str, str, int], ...]
    """Node, lane and position."""
    statements: tuple[str, ...]


class Finding(msgspec.Struct, frozen=True):
    """Something that verification found wrong."""

    table: str
    id: str
    """The row: a statement id, an audit index, a row number."""
    check: str
    """Which check failed, as a short stable token."""
    message: str
    """What is wrong, in one line for a person."""
