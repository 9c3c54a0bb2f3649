"""The office's node with one of everything that has an id, for tests that ask every route."""

import dataclasses
import json
import secrets
import uuid
from pathlib import Path
from typing import Any

from ringwall.alliance import resolve_label
from ringwall.core import canonical_json
from ringwall.exchange import Delivery, Sealer
from ringwall.labels import label_document
from ringwall.server.limits import DEFAULT_LIMITS, RequestLimits
from ringwall.sharing import Relays
from ringwall.trust import statement_item
from tests.server.office_world import OfficeWorld
from tests.server.world import indicator


class CompleteWorld(OfficeWorld):
    """A node behind every path of which there can be something."""

    def __init__(self, directory: Path, limits: RequestLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._positions = 0
        super().__init__(directory)
        self.keys = self.trial.keys["arden-1"]

    def complete(self) -> None:
        """Let proofs be verified, and requests be limited as wanted."""
        super().complete()
        nodes = self.trial.registry.nodes
        self.context = dataclasses.replace(
            self.context,
            limits=self._limits,
            public_keys=lambda node: nodes[node].keys if node in nodes else None,
            relays=Relays(
                node="arden-1",
                member="arden",
                registry=self.trial.registry,
                keys=self.trial.keys["arden-1"],
                kernel=self.kernel,
                store=self.store,
                clock=self.clock,
                messages=self.peer.messages,
                arrivals=self.arrivals,
            ),
        )

    def agreement(self) -> dict[str, Any]:
        """Return an agreement that nobody has signed yet."""
        return {
            "agreement": {
                "alliance": self.alliance.id,
                "id": f"closer-{uuid.uuid4()}",
                "version": 1,
            },
            "title": "Closer",
            "parties": ["arden", "caledon"],
            "purposes": ["collective-defence"],
            "highest_tlp": "AMBER",
            "valid_from": "2020-01-01",
            "valid_until": "2040-01-01",
            "clause": "article 7",
        }

    def proposed(self) -> str:
        """Propose an agreement; return its digest."""
        with self.http("policy") as http:
            answer = http.post("/api/v1/agreements", content=json.dumps(self.agreement()))
        return str(answer.json()["digest"])

    def sent(self, document: dict[str, Any], *, label: str, onward: dict[str, Any]) -> str:
        """Take in what Borduria's node seals, with its terms; return the statement's id."""
        item = statement_item(
            origin="borduria-1",
            sequence=secrets.randbelow(10**9) + 1,
            body=canonical_json(document),
            seed=secrets.token_bytes(32),
            label=label_document(resolve_label(self.alliance, label)),
            purpose="collective-defence",
            onward=onward,
        )
        sealer = Sealer(
            node="borduria-1",
            keys=self.trial.keys["borduria-1"],
            alliance=self.alliance.id,
            registry=self.trial.registry,
            clock=self.clock,
        )
        self._positions += 1
        position = {"arden-1": self._positions}
        envelope, _ = sealer.seal("ROUTINE", "statement", [item], position)
        inbox = self.peer.inbox
        checked = inbox._check(Delivery("ROUTINE", self._positions, envelope.data))
        self.store.write(lambda tx: inbox._settle(tx, checked)).result()
        return f"borduria-1:{item.sequence}"

    def held(self) -> str:
        """State something that waits for a second person; return what it is called there."""
        self.submit(indicator("held"), label="TLP:AMBER")
        with self.http("releaser") as http:
            return str(http.get("/api/v1/held-releases").json()["held"][-1]["id"])
