"""Handlers about receipts: what each node confirmed, and the signed evidence for it."""

import hashlib
from typing import Annotated, Any

import msgspec

from ringwall.alliance import CONTENT_ROLES
from ringwall.core import NotFound, PeerError, parse_json
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.documents import AnyDocument
from ringwall.server.operations import declare
from ringwall.server.statements import find
from ringwall.store import DeliveryRow, PeerLane, ReceiptRow
from ringwall.trust import Proof, decode_proof, proof_document, verify_receipt

Digest = Annotated[
    str,
    msgspec.Meta(description='SHA-256 in hex, "" if there is none.', pattern="^([0-9a-f]{64})?$"),
]


COUNTING = CONTENT_ROLES - {"analyst"} | {"policy-officer", "auditor", "administrator"}
"""The roles whose work it is to know how much was sent to whom.

An analyst is not told: it would be a count of what it may not see.
"""


class LaneReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one node confirmed of one lane."""

    node: str
    member: str
    lane: str
    sent: int
    """The last position given out to the node."""
    confirmed: int
    """Everything up to here is durable at the node, or refused by it."""
    backlog: int
    at: str
    """Of the last receipt, by the node's own clock; "" if there is none."""
    rejected: int
    """So many positions were refused."""
    evidence: Digest
    """Of the signed receipt as it is kept."""


class Receipts(msgspec.Struct, frozen=True, kw_only=True):
    """The last receipt of every node and lane."""

    node: str
    receipts: list[LaneReceipt]


class NodeReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one recipient node confirmed of one statement."""

    node: str
    member: str
    state: str
    """``queued``, ``sent``, ``received`` or ``rejected``."""
    reason: str
    lane: str
    position: int | None
    """Where the statement stands in the lane for this node: the origin's word. None: not told."""
    confirmed: int
    """What the receipt says is settled: everything up to this position. 0: not told."""
    at: str
    evidence: Digest
    proof: AnyDocument | None
    """The signed receipt, if it may be shown: leaf, path, payload and signatures."""
    withheld: str
    """Why it may not; "" if it is here or there is none."""
    verified: bool
    """It was verified anew for this answer: both signatures of the node's key, over this."""


class StatementReceipts(msgspec.Struct, frozen=True, kw_only=True):
    """The receipts for one statement."""

    statement: str
    origin: str
    receipts: list[NodeReceipt]


@declare({200: Receipts})
def listing(call: Call) -> Answer:
    """GET /receipts: What every node confirmed last, per lane, with the digest of the evidence."""
    with call.context.store.read() as snapshot:
        found = [(lane, snapshot.receipt(lane.node, lane.lane)) for lane in snapshot.peers()]
    rows = [_lane(call, lane, receipt) for lane, receipt in found]
    return json_answer(Receipts(node=call.context.node, receipts=rows))


def _lane(call: Call, lane: PeerLane, receipt: ReceiptRow | None) -> LaneReceipt:
    return LaneReceipt(
        node=lane.node,
        member=call.context.member_of(lane.node),
        lane=lane.lane,
        sent=lane.sent,
        confirmed=lane.receipted,
        backlog=lane.backlog,
        at=lane.last_receipt_at,
        rejected=len(receipt.rejected) if receipt else 0,
        evidence=_digest(receipt),
    )


def _digest(receipt: ReceiptRow | None) -> str:
    held = receipt.evidence if receipt else b""
    return hashlib.sha256(held).hexdigest() if held else ""


@declare({200: StatementReceipts}, refusals=(404,))
def of_statement(call: Call) -> Answer:
    """GET /statements/{statement}/receipt: At its origin, what each recipient signed for it.

    A receipt is cumulative: it proves that the node settled everything up to a position, with
    both signatures of its key. That the statement stands at or below it is the origin's word: the
    position is sealed for the recipient. A receipt that also tells what else was refused, or, to
    an analyst, how much was sent, is withheld, and its digest shown.
    """
    statement = find(call)
    if statement.id.origin != call.context.node:
        raise NotFound("only the origin knows")
    lane = str(statement.lane)
    with call.context.store.read() as snapshot:
        found = [(row, snapshot.receipt(row.node, lane)) for row in snapshot.delivery(statement.id)]
    return json_answer(
        StatementReceipts(
            statement=str(statement.id),
            origin=statement.id.origin,
            receipts=[_node(call, row, lane, receipt) for row, receipt in found],
        )
    )


def _node(call: Call, row: DeliveryRow, lane: str, receipt: ReceiptRow | None) -> NodeReceipt:
    covers = receipt is not None and row.position is not None and receipt.position >= row.position
    known = receipt if covers else None
    proof = decode_proof(known.evidence) if known and known.evidence else None
    counts = may_count(call)
    withheld = _other_refusals(proof, lane, row.position) if proof else ""
    if proof and not counts:
        withheld = "it also tells how much was sent"
    return NodeReceipt(
        node=row.node,
        member=call.context.member_of(row.node),
        state=row.state,
        reason=row.reason,
        lane=lane,
        position=row.position if counts else None,
        confirmed=known.position if known and counts else 0,
        at=known.at if known and counts else row.at,
        evidence=_digest(known) if counts else "",
        proof=proof_document(proof) if proof and not withheld else None,
        withheld=withheld,
        verified=proof is not None and _holds(call, proof, row.node),
    )


def may_count(call: Call) -> bool:
    """Tell whether a reader may know how much was sent to whom."""
    return bool(COUNTING & call.reader.roles)


def _holds(call: Call, proof: Proof, node: str) -> bool:
    """Verify a receipt as anybody can: with the keys that the registry holds for the node."""
    public = call.context.public_keys(node)
    if public is None:
        return False
    try:
        leaf = verify_receipt(proof, public, call.context.alliance.id)
    except PeerError:
        return False
    content: dict[str, Any] = leaf["content"]
    return bool(content["recipient"] == node and content["origin"] == call.context.node)


def _other_refusals(proof: Proof, lane: str, position: int | None) -> str:
    """Say why a receipt is not shown: whoever may see this statement may not see every other."""
    leaf: dict[str, Any] = parse_json(proof.leaf)
    refused = {
        (name, one["position"])
        for name, told in leaf["content"]["lanes"].items()
        for one in told["rejected"]
    }
    return "it also tells of other statements" if refused - {(lane, position)} else ""
