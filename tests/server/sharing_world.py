"""A node of Arden that serves catalogue and requests; others' messages come as they send them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ringwall.alliance import load_alliance
from ringwall.client import Client
from ringwall.core import ManualClock
from ringwall.exchange import Message
from ringwall.policy import NO_HOLDS, HoldRules
from ringwall.server import ServerContext
from ringwall.sharing import Catalogue, Requests, load_discovery
from tests.exchange.engine_world import Peer
from tests.exchange.engine_world import World as Trial
from tests.server.world import ALLIANCE, World, free_port

START = datetime(2026, 3, 10, 12, tzinfo=UTC)
DESCRIPTION = (
    ALLIANCE
    + "  arden-analyst: {member: arden, name: Another analyst, roles: [analyst], tlp: RED}\n"
)
RULES = """
rules:
- name: everything
  to: [caledon]
  highest_tlp: RED
  show: [type, label]
  as_of: now
  at_least: 1
  clause: letter 1
"""


class SharingWorld(World):
    """A node that serves, with its exchange, whose workers do not run."""

    def __init__(self, directory: Path, holds: HoldRules = NO_HOLDS) -> None:
        self.clock = ManualClock(START)
        self.alliance = load_alliance(DESCRIPTION)
        self.trial = Trial(directory, self.clock, DESCRIPTION)
        self.peer = peer = Peer(self.trial, "arden-1", alliance=self.alliance, holds=holds)
        self.kernel, self.store, self.intake = peer.kernel, peer.store, peer.intake
        self.arrivals = peer.arrivals
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        common: dict[str, Any] = {
            "member": "arden",
            "recipients": {"borduria-1", "caledon-1"},
            "kernel": peer.kernel,
            "store": peer.store,
            "clock": self.clock,
            "messages": peer.messages,
        }
        rules = load_discovery(RULES, self.alliance)
        self.catalogue = Catalogue(discovery=rules, **common)
        self.requests = Requests(node="arden-1", catalogue=self.catalogue, **common)
        self.context = ServerContext(
            node="arden-1",
            member="arden",
            alliance=self.alliance,
            kernel=peer.kernel,
            store=peer.store,
            intake=peer.intake,
            clock=self.clock,
            arrivals=peer.arrivals,
            public_keys=lambda node: None,
            address=self.url,
            catalogue=self.catalogue,
            requests=self.requests,
        )
        self.complete()
        self.tokens = {name: self._token(name) for name in self.alliance.readers}
        self._start()

    def complete(self) -> None:
        """Give the context more parts; before it serves."""

    def client(self, reader: str) -> Client:
        """Return our own client as a reader."""
        return Client(self.url, self.tokens[reader])

    def take(self, sender: str, kind: str, body: dict[str, Any]) -> None:
        """Take a message that ``sender`` signed."""
        handler = self.catalogue if kind == "catalogue" else self.requests
        message = Message("0" * 32, kind, sender, "", body)
        self.store.write(lambda tx: handler.take(tx, message)).result()

    def told(self, node: str) -> list[str]:
        """Tell the others what they may know of; return the entries that a node was told of."""
        self.catalogue.refresh()
        with self.store.read() as tx:
            raw = tx.document("catalogue-told", node, "this", "")
        return [] if raw is None else sorted(msgspec.json.decode(raw)["entries"])

    def posted(self, node: str) -> list[dict[str, Any]]:
        """Return the messages that wait to be sent to a node."""
        with self.store.read() as tx:
            return [msgspec.json.decode(raw) for _, raw in tx.documents("message-out", node, "")]
