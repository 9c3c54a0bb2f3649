"""What tests of redaction start from: three nodes, rules of arden's, and all that a node holds."""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ringwall.store import ReaderView
from ringwall.trust import (
    open_envelope,
)
from tests.exchange.engine_world import Peer, World, indicator

SECRET = "the orchard at Lower Mill, 7741"
RULES = """
redactions:
  no-sites:
    to: [dorne]
    object_types: [indicator]
    fields: [description, external_references]
    clause: national instruction 7
"""
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
LOW = """  arden-low: {member: arden, name: L, roles: [analyst, submitter], tlp: GREEN}
  arden-feed: {member: arden, name: F, roles: [submitter], tlp: RED}
  arden-drop: {member: arden, name: D, roles: [submitter], tlp: GREEN}
"""
MOMENT = "2026-01-02T03:04:05.678Z"


@contextlib.asynccontextmanager
async def all_running(*peers: Peer) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for peer in peers:
            await stack.enter_async_context(peer.running())
        yield


def trio(world: World, redactions: str = RULES) -> tuple[Peer, Peer, Peer]:
    arden = Peer(world, "arden-1", redactions=redactions)
    return arden, Peer(world, "borduria-1"), Peer(world, "dorne-1")


def identity(name: str = "Author") -> dict[str, Any]:
    document = {"type": "identity", "spec_version": "2.1", "name": name}
    document |= {"id": f"identity--{uuid.uuid4()}", "created": MOMENT, "modified": MOMENT}
    return document


def bundle(*objects: dict[str, Any]) -> bytes:
    document = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": list(objects)}
    return json.dumps(document).encode()


def plain(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(indicator(**changes))
    return document


def told(result: Any, member: str) -> Any:
    (said,) = [to for to in result.recipients if to.member == member]
    return said


def everything_of(peer: Peer, world: World) -> bytes:
    """Return every byte that a node holds, could open, or answers to its reader."""
    shown = ReaderView(peer.store, peer.kernel, peer.reader, route="test")
    answers = [msgspec.json.encode(msgspec.to_builtins(row)) for row in shown.page(limit=99)]
    found = b"".join(answers)
    for stream in world.hub.streams.values():
        for places, data in stream:
            if world.registry.nodes[peer.node].place in places:
                opened = open_envelope(
                    data,
                    me=peer.node,
                    keys=world.keys[peer.node],
                    alliance="trial",
                    registry=world.registry,
                )
                found += data + msgspec.msgpack.encode(opened.items)
    path = world.directory / f"{peer.node}.db"
    peer.store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"').fetchall():
                found += b"\0".join(
                    value if isinstance(value, bytes) else str(value).encode() for value in row
                )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found + path.read_bytes()
