"""A node of Arden with every part that a route may ask, and one of everything that has an id."""

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from ringwall.exchange import SecondPerson
from ringwall.policy import HoldRule, HoldRules
from ringwall.sharing import Agreements, PastSender
from ringwall.trust import PublicKeys
from tests.server.sharing_world import SharingWorld
from tests.server.world import indicator

HOLDS = HoldRules((HoldRule("reports", "standing order 4", object_types=("report",)),))


class OfficeWorld(SharingWorld):
    """A node whose officers have everything to do; its exchange's workers do not run."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, holds=HOLDS)
        self.keys = self.trial.keys["arden-1"]

    def find_keys(self, node: str) -> tuple[str, PublicKeys] | None:
        """Return member and keys of a node of the registry."""
        entry = self.trial.registry.nodes.get(node)
        return (entry.member, entry.keys) if entry else None

    def complete(self) -> None:
        """Give the context the parts that only an office has; before it serves."""
        peer = self.peer
        common: dict[str, Any] = {
            "member": "arden",
            "kernel": peer.kernel,
            "store": peer.store,
            "clock": self.clock,
        }
        agreements = Agreements(
            node="arden-1",
            described=self.alliance,
            keys=self.trial.keys["arden-1"],
            find_keys=self.find_keys,
            messages=peer.messages,
            announce=self.arrivals.published,
            past=PastSender(node="arden-1", recipients={"borduria-1"}, **common),
            wake=lambda lane: None,
            **common,
        )
        second = SecondPerson(wake=lambda lane: None, **common)
        self.context = replace(
            self.context,
            agreements=agreements,
            second_person=second,
            public_keys=lambda node: found[1] if (found := self.find_keys(node)) else None,
        )

    def agreement(self) -> dict[str, Any]:
        """Return an agreement that nobody has signed yet."""
        name = f"closer-{uuid.uuid4()}"
        return {
            "agreement": {"alliance": self.alliance.id, "id": name, "version": 1},
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

    def held(self) -> str:
        """State a report, which waits for a second person; return what it is called there."""
        report = {
            **indicator("held"),
            "type": "report",
            "id": f"report--{uuid.uuid4()}",
            "published": "2026-01-01T00:00:00Z",
            "object_refs": [f"indicator--{uuid.uuid4()}"],
        }
        for name in ("pattern", "pattern_type", "valid_from"):
            del report[name]
        self.submit(report, label="TLP:GREEN")
        with self.http("releaser") as http:
            return str(http.get("/api/v1/held-releases").json()["held"][-1]["id"])
