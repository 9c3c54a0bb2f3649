"""Two members whose nodes run catalogue and requests over a hub in memory, all parts real."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ringwall.alliance import load_alliance
from ringwall.core import ManualClock, canonical_json, format_timestamp
from ringwall.exchange import Message
from ringwall.labels import Terms
from ringwall.sharing import (
    NO_DISCOVERY,
    Catalogue,
    Discovery,
    Known,
    Reply,
    Request,
    Requests,
    Wanted,
    Wish,
    load_discovery,
)
from ringwall.store import ReaderView
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator

PEOPLE = """\
  arden-release: {member: arden, name: R, roles: [release-officer], tlp: RED, nationality: arden}
  arden-junior: {member: arden, name: J, roles: [release-officer], tlp: GREEN, nationality: arden}
  dorne-release: {member: dorne, name: S, roles: [release-officer], tlp: RED, nationality: dorne}
  dorne-trainee: {member: dorne, name: T, roles: [analyst], tlp: CLEAR, nationality: dorne}
  dorne-tool: {member: dorne, name: U, roles: [submitter], tlp: RED, nationality: dorne}
  dorne-watch: {member: dorne, name: W, roles: [watch-officer], tlp: RED, nationality: dorne}
"""
ALLIANCE = load_alliance(DESCRIPTION + PEOPLE)
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
RULE = {
    "name": "amber",
    "to": ["dorne"],
    "highest_tlp": "AMBER",
    "show": ["type", "sector", "day", "label"],
    "as_of": "now",
    "at_least": 1,
    "clause": "letter 12",
}


def discovery(**changes: Any) -> Discovery:
    return load_discovery(json.dumps({"rules": [{**RULE, **changes}]}), ALLIANCE)


class Office:
    """A peer with its catalogue and its requests."""

    def __init__(self, world: World, node: str, rules: Discovery) -> None:
        self.peer = Peer(world, node, alliance=ALLIANCE)
        self.open(world, rules)

    def open(self, world: World, rules: Discovery) -> None:
        """Take up work: as the node does when it starts with these rules."""
        peer = self.peer
        peer.messages._handlers.clear()
        common: dict[str, Any] = {
            "member": peer.member,
            "recipients": world.registry.nodes.keys() - {peer.node},
            "kernel": peer.kernel,
            "store": peer.store,
            "clock": world.clock,
            "messages": peer.messages,
        }
        self.catalogue = Catalogue(discovery=rules, **common)
        self.requests = Requests(node=peer.node, catalogue=self.catalogue, **common)

    def view(self, who: str) -> ReaderView:
        return ReaderView(self.peer.store, self.peer.kernel, ALLIANCE.readers[who], route="test")

    def make(self, who: str, **wish: Any) -> Request:
        asked = Wish(**{"purpose": "collective-defence", "reason": "we need it", **wish})
        return self.requests.make(ALLIANCE.readers[who], self.view(who), asked)

    def answer(self, who: str, name: str, **reply: Any) -> Request:
        given = Reply(**{"state": "granted", "words": "here it is", **reply})
        return self.requests.answer(ALLIANCE.readers[who], self.view(who), name, given)

    def entries(self, who: str, **wanted: str) -> list[Known]:
        found, _ = self.catalogue.page(ALLIANCE.readers[who], Wanted(**wanted), limit=1000)
        return found

    def listed(self, who: str, *, incoming: bool = False, state: str = "") -> list[Request]:
        reader = ALLIANCE.readers[who]
        return self.requests.listing(reader, incoming=incoming, state=state, limit=1000)

    def show(self, who: str, name: str) -> Request:
        return self.requests.show(ALLIANCE.readers[who], name)

    def told(self) -> bytes:
        """Everything that this node was told by messages, as it is kept: bytes to look through."""
        now = format_timestamp(self.peer.inbox._clock.now())
        with self.peer.store.read() as tx:
            rows = [
                row
                for kind in ("catalogue", "request-in", "request-out")
                for owner in (*ALLIANCE.members, "arden-1", "dorne-1", "borduria-1")
                for row in tx.documents(kind, owner, now)
            ]
        return b"\n".join(key.encode() + b" " + body for key, body in rows)

    def take(self, sender: str, kind: str, body: dict[str, Any]) -> None:
        """Take a message as if ``sender`` had signed it; raises what the handler raises."""
        message = Message("0" * 32, kind, sender, "", json.loads(canonical_json(body)))
        handler = self.catalogue if kind.startswith("catalogue") else self.requests
        self.peer.store.write(lambda tx: handler.take(tx, message)).result()

    async def state(self, raw: bytes | None = None, label: str = "TLP:AMBER", **terms: Any) -> str:
        said = Terms(**terms)
        result = await self.peer.submit(raw or indicator(), label=label, terms=said)
        assert not result.refused, result.refused
        return str(result.submitted[0].statement)


class Two:
    """Arden, which tells Dorne by rules, and Dorne; ``clock`` is both nodes'."""

    def __init__(self, directory: Path, rules: Discovery) -> None:
        self.clock = ManualClock(START)
        self.world = World(directory, self.clock)
        self.world.message_seconds = 0.1
        self.arden = Office(self.world, "arden-1", rules)
        self.dorne = Office(self.world, "dorne-1", NO_DISCOVERY)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Two"]:
        async with self.arden.peer.running(), self.dorne.peer.running():
            yield self

    async def tell(self, wanted: Callable[[list[Known]], bool]) -> list[Known]:
        """Let Arden tell what changed, until Dorne's analyst sees what is wanted.

        It looks again and again, as the worker does: changes wait for those before.
        """
        seen: list[Known] = []

        def look() -> bool:
            self.arden.catalogue.refresh()
            seen[:] = self.dorne.entries("dorne-analyst")
            return wanted(seen)

        await eventually(look, "the catalogue at dorne")
        return seen
