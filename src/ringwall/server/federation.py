"""Handlers about the alliance, the peers and the reader: operations, no content."""

from datetime import datetime
from typing import Any

import msgspec

from ringwall.alliance import Clearance, Member
from ringwall.core import parse_timestamp
from ringwall.labels import Tlp, format_label
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.operations import declare
from ringwall.store import InPosition, PeerLane


class AllianceName(msgspec.Struct, frozen=True, kw_only=True):
    """Which alliance this is; an exercise is an alliance of its own."""

    id: str
    name: str
    kind: str


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who the credential belongs to, and where."""

    reader: str
    name: str
    member: str
    roles: list[str]
    tlp: Tlp
    nationality: str
    communities: list[str]
    clearances: list[Clearance]
    scopes: list[str]
    """What the credential is for: all of it unless it is a narrowed token."""
    node: str
    alliance: AllianceName


class AgreementDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A sharing agreement; its lists are sorted."""

    id: str
    title: str
    parties: list[str]
    purposes: list[str]
    object_types: list[str] | None
    highest_tlp: Tlp
    valid_from: str
    valid_until: str
    clause: str


class AllianceDocument(AllianceName, frozen=True, kw_only=True):
    """The alliance as every member has it; readers are each member's own affair."""

    digest: str
    members: list[Member]
    groups: dict[str, list[str]]
    agreements: list[AgreementDocument]
    labels: dict[str, str]


class LanePosition(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent to one node in one lane and what it confirmed."""

    node: str
    lane: str
    sent: int
    receipted: int
    last_receipt_at: str
    backlog: int


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One peer node; ``lag`` is how long its last receipt is ago, in s, while it owes some."""

    node: str
    member: str
    backlog: int
    last_receipt_at: str
    lag: float | None
    lanes: list[LanePosition]


class Peers(msgspec.Struct, frozen=True, kw_only=True):
    """What went out and came in, and the parts of the node that work."""

    node: str
    peers: list[Peer]
    inbound: list[InPosition]
    parts: dict[str, bool]


@declare({200: Me})
def me(call: Call) -> Answer:
    """GET /me: Who the credential belongs to, and where."""
    reader, context = call.reader, call.context
    described = context.alliance
    document = Me(
        reader=reader.id,
        name=reader.name,
        member=reader.member,
        roles=sorted(reader.roles),
        tlp=reader.tlp,
        nationality=reader.nationality,
        communities=sorted(reader.communities),
        clearances=list(reader.clearances),
        scopes=sorted(call.scopes),
        node=context.node,
        alliance=AllianceName(id=described.id, name=described.name, kind=described.kind),
    )
    return json_answer(document)


@declare({200: AllianceDocument})
def alliance(call: Call) -> Answer:
    """GET /alliance: Members, groups, agreements and named labels, as every member has them."""
    described = call.context.alliance
    document = AllianceDocument(
        id=described.id,
        name=described.name,
        kind=described.kind,
        digest=described.digest,
        members=[member for _, member in sorted(described.members.items())],
        groups={name: sorted(group) for name, group in sorted(described.groups.items())},
        agreements=[
            msgspec.convert(_sorted_sets(msgspec.to_builtins(one)), AgreementDocument)
            for one in described.agreements
        ],
        labels={name: format_label(label) for name, label in sorted(described.labels.items())},
    )
    return json_answer(document)


def _sorted_sets(document: dict[str, Any]) -> dict[str, Any]:
    """Sort what was a set, so that the same alliance always reads the same."""
    lists = {key: sorted(value) for key, value in document.items() if isinstance(value, list)}
    return {**document, **lists}


@declare({200: Peers})
def peers(call: Call) -> Answer:
    """GET /peers: Per node and lane what was sent and confirmed, and what came in."""
    now = call.context.clock.now()
    with call.context.store.read() as snapshot:
        outward, inward = snapshot.peers(), snapshot.in_positions()
    nodes: dict[str, list[PeerLane]] = {}
    for row in outward:
        nodes.setdefault(row.node, []).append(row)
    document = Peers(
        node=call.context.node,
        peers=[_peer(call, node, lanes, now) for node, lanes in sorted(nodes.items())],
        inbound=inward,
        parts={name: probe() for name, probe in call.context.probes.items()},
    )
    return json_answer(document)


def _peer(call: Call, node: str, lanes: list[PeerLane], now: datetime) -> Peer:
    backlog = sum(lane.backlog for lane in lanes)
    heard = max((lane.last_receipt_at for lane in lanes), default="")
    lag = (now - parse_timestamp(heard)).total_seconds() if backlog and heard else None
    return Peer(
        node=node,
        member=call.context.member_of(node),
        backlog=backlog,
        last_receipt_at=heard,
        lag=0.0 if not backlog else lag,
        lanes=[
            LanePosition(
                node=lane.node,
                lane=lane.lane,
                sent=lane.sent,
                receipted=lane.receipted,
                last_receipt_at=lane.last_receipt_at,
                backlog=lane.backlog,
            )
            for lane in lanes
        ],
    )
