"""Handlers about the alliance, the peers and the reader: operations, no content."""

from datetime import datetime
from typing import Any

import msgspec

from ringwall.core import parse_timestamp
from ringwall.labels import format_label
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.store import PeerLane


def me(call: Call) -> Answer:
    """GET /me: who the credential belongs to, and where."""
    reader, context = call.reader, call.context
    document = {
        "reader": reader.id,
        "name": reader.name,
        "member": reader.member,
        "roles": sorted(reader.roles),
        "tlp": str(reader.tlp),
        "node": context.node,
        "alliance": {
            "id": context.alliance.id,
            "name": context.alliance.name,
            "kind": context.alliance.kind,
        },
    }
    return json_answer(document)


def alliance(call: Call) -> Answer:
    """GET /alliance: members, groups, agreements and named labels, as every member has them."""
    described = call.context.alliance
    document = {
        "id": described.id,
        "name": described.name,
        "kind": described.kind,
        "digest": described.digest,
        "members": [msgspec.to_builtins(m) for _, m in sorted(described.members.items())],
        "groups": {name: sorted(group) for name, group in sorted(described.groups.items())},
        "agreements": [_sorted_sets(msgspec.to_builtins(a)) for a in described.agreements],
        "labels": {name: format_label(label) for name, label in sorted(described.labels.items())},
    }
    return json_answer(document)


def _sorted_sets(document: dict[str, Any]) -> dict[str, Any]:
    """Sort what was a set, so that the same alliance always reads the same."""
    lists = {key: sorted(value) for key, value in document.items() if isinstance(value, list)}
    return {**document, **lists}


def peers(call: Call) -> Answer:
    """GET /peers: per node and lane what was sent and confirmed, and what came in."""
    call.query.only()
    now = call.context.clock.now()
    with call.context.store.read() as snapshot:
        outward, inward = snapshot.peers(), snapshot.in_positions()
    nodes: dict[str, list[PeerLane]] = {}
    for row in outward:
        nodes.setdefault(row.node, []).append(row)
    document = {
        "node": call.context.node,
        "peers": [_peer(call, node, lanes, now) for node, lanes in sorted(nodes.items())],
        "inbound": [msgspec.to_builtins(row) for row in inward],
        "parts": {name: probe() for name, probe in call.context.probes.items()},
    }
    return json_answer(document)


def _peer(call: Call, node: str, lanes: list[PeerLane], now: datetime) -> dict[str, Any]:
    """Describe one peer; ``lag`` is how long its last receipt is ago, in s, while it owes some."""
    backlog = sum(lane.backlog for lane in lanes)
    heard = max((lane.last_receipt_at for lane in lanes), default="")
    lag = (now - parse_timestamp(heard)).total_seconds() if backlog and heard else None
    return {
        "node": node,
        "member": call.context.alliance.node(node).member,
        "backlog": backlog,
        "last_receipt_at": heard,
        "lag": 0.0 if not backlog else lag,
        "lanes": [{**msgspec.to_builtins(lane), "backlog": lane.backlog} for lane in lanes],
    }
