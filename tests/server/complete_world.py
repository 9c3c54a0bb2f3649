"""The office's node with one of everything that has an id, for tests that ask every route."""

import dataclasses
import json
import uuid
from pathlib import Path
from typing import Any

from ringwall.server.limits import DEFAULT_LIMITS, RequestLimits
from tests.server.office_world import OfficeWorld
from tests.server.world import indicator


class CompleteWorld(OfficeWorld):
    """A node behind every path of which there can be something."""

    def __init__(self, directory: Path, limits: RequestLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
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

    def held(self) -> str:
        """State something that waits for a second person; return what it is called there."""
        self.submit(indicator("held"), label="TLP:AMBER")
        with self.http("releaser") as http:
            return str(http.get("/api/v1/held-releases").json()["held"][-1]["id"])
