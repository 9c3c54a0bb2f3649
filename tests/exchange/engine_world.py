"""A small alliance whose nodes run their real exchange in one process, over a hub in memory."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

from ringwall.alliance import Alliance, load_alliance
from ringwall.core import LANES, Clock, SystemClock
from ringwall.exchange import (
    CONTROL,
    Arrivals,
    Inbox,
    Intake,
    Messages,
    Outbox,
    Receipts,
    Sealer,
)
from ringwall.exchange.activity import Activity
from ringwall.policy import NO_HOLDS, HoldRules, Kernel, read_redactions
from ringwall.store import ReaderView, Statement
from ringwall.trust import HolderKeys, NodeKeys, Registry, RegistryNode
from tests.exchange.memory_hub import MemoryHub
from tests.store.stores import open_store

DESCRIPTION = """
alliance: {id: trial, name: Trial, kind: exercise}
members:
  arden: {name: Arden, kind: nation, nodes: {arden-1: {place: 1}}}
  borduria: {name: Borduria, kind: nation, nodes: {borduria-1: {place: 2}}}
  dorne: {name: Dorne, kind: partner, nodes: {dorne-1: {place: 3}}}
groups: {allies: [arden, borduria]}
labels: {allied: "TLP:AMBER//REL TO allies"}
agreements:
  mutual:
    title: Mutual
    clause: article 1
    parties: [allies]
    purposes: [collective-defence]
    highest_tlp: RED
    valid_from: "2020-01-01T00:00:00Z"
    valid_until: "2040-01-01T00:00:00Z"
  partner:
    title: Partner
    clause: article 2
    parties: [allies, dorne]
    purposes: [collective-defence]
    object_types: [indicator]
    highest_tlp: GREEN
    valid_from: "2020-01-01T00:00:00Z"
    valid_until: "2030-01-01T00:00:00Z"
readers:
  arden-analyst: {member: arden, name: A, roles: [analyst], tlp: RED, nationality: arden}
  borduria-analyst: {member: borduria, name: B, roles: [analyst], tlp: RED, nationality: borduria}
  dorne-analyst: {member: dorne, name: D, roles: [analyst], tlp: RED, nationality: dorne}
  dorne-admin: {member: dorne, name: E, roles: [administrator], tlp: CLEAR, nationality: dorne}
"""


def indicator(**changes: Any) -> bytes:
    moment = "2026-01-02T03:04:05.678Z"
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": moment,
        "modified": moment,
        "pattern": "[ipv4-addr:value = '203.0.113.9']",
        "pattern_type": "stix",
        "valid_from": moment,
        "indicator_types": ["malicious-activity"],
    }
    return json.dumps(document | changes).encode()


class Peer:
    """One node: its real store, kernel, intake, outbox, inbox and receipts."""

    def __init__(
        self,
        world: "World",
        node: str,
        *,
        alliance: Alliance | None = None,
        reserve_bytes: int = 0,
        redactions: str = "redactions: {}",
        holds: HoldRules = NO_HOLDS,
        recipients: Collection[str] | None = None,
    ) -> None:
        self.node = node
        self.alliance = alliance or world.alliance
        self.member = world.registry.nodes[node].member
        self.reader = self.alliance.readers[f"{self.member}-analyst"]
        self.kernel = Kernel(self.alliance, world.clock)
        rules = read_redactions(redactions, self.alliance)
        self.store = open_store(
            world.directory / f"{node}.db", clock=world.clock, reserve_bytes=reserve_bytes
        )
        self.arrivals = Arrivals()
        taking_in = Activity()
        self.transport = world.hub.transport(node, world.registry.nodes[node].place)
        sealer = Sealer(
            node=node,
            keys=world.keys[node],
            alliance=world.alliance.id,
            registry=world.registry,
            clock=world.clock,
        )
        self.outbox = Outbox(
            sealer=sealer,
            kernel=self.kernel,
            store=self.store,
            clock=world.clock,
            transport=self.transport,
            repair_seconds=world.repair_seconds,
            redactions=rules,
            intake=taking_in,
        )
        self.receipts = Receipts(
            sealer=sealer, outbox=self.outbox, store=self.store, clock=world.clock, interval=0.01
        )
        self.messages = Messages(
            node=node,
            receipts=self.receipts,
            outbox=self.outbox,
            store=self.store,
            clock=world.clock,
            seconds=world.message_seconds,
        )
        self.inbox = Inbox(
            node=node,
            member=self.member,
            keys=world.keys[node],
            registry=world.registry,
            kernel=self.kernel,
            store=self.store,
            clock=world.clock,
            transport=self.transport,
            arrivals=self.arrivals,
            receipts=self.receipts,
            messages=self.messages,
        )
        self.intake = Intake(
            node=node,
            member=self.member,
            kernel=self.kernel,
            store=self.store,
            clock=world.clock,
            recipients=world.registry.nodes.keys() - {node} if recipients is None else recipients,
            wake=self.outbox.wake,
            arrivals=self.arrivals,
            holds=holds,
            activity=taking_in,
            redactions=rules,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Peer"]:
        """Run every worker; on leaving they are cancelled wherever they stand, as by a crash."""
        work = [
            self.receipts.run(),
            self.messages.run(),
            self.inbox.run_retries(),
            self.outbox.run_marks(),
            self.outbox.run_repairs(),
            self.inbox.run_acknowledgements(),
            *(self.outbox.run_lane(lane) for lane in LANES),
            *(self.inbox.run_lane(lane) for lane in (*LANES, CONTROL)),
        ]
        tasks = [asyncio.create_task(worker) for worker in work]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [error for error in ended if isinstance(error, Exception)]
        assert not failures, failures

    async def submit(self, raw: bytes, label: str = "TLP:GREEN", **options: Any) -> Any:
        return await asyncio.to_thread(
            lambda: self.intake.submit(self.reader, raw, label=label, **options)
        )

    def holds(self) -> list[Statement]:
        return ReaderView(self.store, self.kernel, self.reader, route="test").page(limit=1000)

    def states(self, statement: str) -> dict[str, str]:
        """Return how far a statement of this node got, by recipient node."""
        from ringwall.core import parse_statement_id

        with self.store.read() as tx:
            return {row.node: row.state for row in tx.delivery(parse_statement_id(statement))}

    def names(self) -> list[str]:
        """Return the ids of what this node stated, in order."""
        return [name for entry in self.audit("accepted") for name in entry["statements"]]

    def audit(self, kind: str) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            entries = [json.loads(entry.leaf) for entry in tx.audit_entries(0, 10_000)]
        return [entry for entry in entries if entry["kind"] == kind]


class World:
    """Keys, registry and hub of the trial alliance."""

    def __init__(
        self, directory: Path, clock: Clock | None = None, description: str = DESCRIPTION
    ) -> None:
        self.repair_seconds = 60.0
        self.message_seconds = 60.0
        self.directory = directory
        self.clock = clock or SystemClock()
        self.alliance = load_alliance(description)
        self.hub = MemoryHub()
        self.keys = {f"{name}-1": NodeKeys.generate() for name in self.alliance.members}
        self.registry = Registry(
            alliance=self.alliance.id,
            number=1,
            previous="",
            alliance_digest=self.alliance.digest,
            issued="2026-01-01T00:00:00.000000Z",
            threshold=1,
            holders={"holder": HolderKeys.generate().public()},
            nodes={
                seat.id: RegistryNode(
                    member=member.id,
                    place=seat.place,
                    keys=self.keys[seat.id].public(),
                    valid_from="2020-01-01T00:00:00.000000Z",
                )
                for member in self.alliance.members.values()
                for seat in member.nodes
            },
        )


async def eventually(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Wait until ``condition()`` holds."""
    for _ in range(int(seconds / 0.02)):
        if await asyncio.to_thread(condition):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never: {what}")
