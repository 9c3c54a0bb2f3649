"""Five members over a hub in memory, with all parts that pass statements on, all real."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringwall.alliance import Alliance, load_alliance
from ringwall.core import ManualClock, parse_statement_id
from ringwall.policy import HoldRules, read_redactions
from ringwall.sharing import Gone, Onward, Relays
from ringwall.store import ReaderView, Statement
from tests.exchange.engine_world import Peer, World, eventually

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
DATES = 'valid_from: "2020-01-01T00:00:00Z", valid_until: "2030-01-01T00:00:00Z"'
COMMON = f"purposes: [collective-defence], {DATES}"
NAMES = ("arden", "borduria", "caledon", "dorne", "elbe")


def _members() -> str:
    lines = [
        f"  {name}: {{name: {name.title()}, kind: nation, nodes: {{{name}-1: {{place: {place}}}}}}}"
        for place, name in enumerate(NAMES, 1)
    ]
    return "\n".join(lines)


def _readers() -> str:
    who = "roles: [{role}], tlp: {tlp}, nationality: {name}"
    kinds = {
        "analyst": ("analyst", "RED"),
        "release": ("release-officer", "RED"),
        "second": ("release-officer", "RED"),
        "junior": ("release-officer", "GREEN"),
    }
    lines = [
        f"  {name}-{kind}: {{member: {name}, name: N, {who.format(role=role, tlp=tlp, name=name)}}}"
        for name in NAMES
        for kind, (role, tlp) in kinds.items()
    ]
    return "\n".join(lines)


DESCRIPTION = f"""
alliance: {{id: trial, name: Trial, kind: exercise}}
members:
{_members()}
groups: {{allies: [arden, borduria], outer: [caledon, dorne, elbe]}}
agreements:
  inner: {{title: Inner, clause: article 1, parties: [allies], highest_tlp: RED,
    onward: {{to: [outer], hops: 3}}, {COMMON}}}
  bridge: {{title: Bridge, clause: article 2, parties: [borduria, caledon], highest_tlp: RED,
    onward: {{to: [dorne, elbe], hops: 2}}, {COMMON}}}
  coast: {{title: Coast, clause: article 3, parties: [caledon, dorne], highest_tlp: RED,
    onward: {{to: [elbe], hops: 1}}, {COMMON}}}
  end: {{title: End, clause: article 4, parties: [dorne, elbe], highest_tlp: RED, {COMMON}}}
readers:
{_readers()}
"""
"""Arden and Borduria share; each of the others shares with its neighbours only."""


class Station:
    """A node with its relays."""

    def __init__(
        self,
        world: World,
        name: str,
        *,
        alliance: Alliance,
        holds: HoldRules,
        redactions: str = "redactions: {}",
    ) -> None:
        self.name = name
        node = f"{name}-1"
        self.peer = Peer(world, node, alliance=alliance, holds=holds, redactions=redactions)
        self.relays = Relays(
            node=node,
            member=name,
            registry=world.registry,
            keys=world.keys[node],
            kernel=self.peer.kernel,
            store=self.peer.store,
            clock=world.clock,
            messages=self.peer.messages,
            arrivals=self.peer.arrivals,
            holds=holds,
            redactions=read_redactions(redactions, alliance),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Station"]:
        """Run every worker, as a node does."""
        async with self.peer.running():
            task = asyncio.create_task(self.relays.run())
            try:
                yield self
            finally:
                task.cancel()
                ended = await asyncio.gather(task, return_exceptions=True)
        assert not [error for error in ended if isinstance(error, Exception)], ended

    def view(self, who: str) -> ReaderView:
        reader = self.peer.alliance.readers[f"{self.name}-{who}"]
        return ReaderView(self.peer.store, self.peer.kernel, reader, route="test")

    async def state(self, raw: bytes, label: str = "TLP:GREEN", **terms: Any) -> str:
        result = await self.peer.submit(raw, label, **terms)
        assert not result.refused, result.refused
        name: str = result.submitted[0].statement
        return name

    async def pass_on(
        self, statement: str, *to: str, who: str = "release", dry_run: bool = False
    ) -> dict[str, Onward]:
        """Pass on as an officer; return what becomes of it by member."""
        reader = self.peer.alliance.readers[f"{self.name}-{who}"]
        act = self.relays.preview if dry_run else self.relays.pass_on
        name = parse_statement_id(statement)
        found = await asyncio.to_thread(lambda: act(reader, self.view(who), name, to))
        return {one.member: one for one in found}

    async def gone(self, statement: str, who: str = "release") -> dict[str, Gone]:
        reader = self.peer.alliance.readers[f"{self.name}-{who}"]
        name = parse_statement_id(statement)
        found = await asyncio.to_thread(lambda: self.relays.listing(reader, self.view(who), name))
        return {one.node: one for one in found}

    def has(self, statement: str, who: str = "analyst") -> Statement | None:
        """Return a statement as a reader here sees it."""
        name = parse_statement_id(statement)
        return next((one for one in self.view(who).page(limit=1000) if one.id == name), None)

    async def until_has(self, statement: str) -> Statement:
        await eventually(lambda: self.has(statement) is not None, f"it is at {self.name}")
        found = self.has(statement)
        assert found is not None
        return found

    async def until_answered(self, statement: str, node: str, state: str) -> Gone:
        """Wait until a node told what became of a relay."""
        name = parse_statement_id(statement)

        def look() -> Gone | None:
            with self.peer.store.read() as tx:
                return self.relays._book.gone(tx, node, name)

        await eventually(lambda: getattr(look(), "state", "") == state, f"{node} says {state}")
        found = look()
        assert found is not None
        return found


class Chain:
    """All stations, from arden to elbe."""

    def __init__(
        self,
        directory: Path,
        *,
        description: str = DESCRIPTION,
        holds: HoldRules | None = None,
        redactions: dict[str, str] | None = None,
    ) -> None:
        self.world = World(directory, ManualClock(START), description)
        self.world.message_seconds = 0.2
        self.alliance = load_alliance(description)
        rules = redactions or {}
        self.stations = {
            name: Station(
                self.world,
                name,
                alliance=self.alliance,
                holds=holds or HoldRules(),
                redactions=rules.get(name, "redactions: {}"),
            )
            for name in NAMES
        }

    def __getitem__(self, name: str) -> Station:
        return self.stations[name]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Chain"]:
        async with contextlib.AsyncExitStack() as stack:
            for station in self.stations.values():
                await stack.enter_async_context(station.running())
            yield self
