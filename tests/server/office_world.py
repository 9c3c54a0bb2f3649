"""A node of Arden with all that officers decide about: agreements, held releases, requests."""

import dataclasses
from pathlib import Path

from ringwall.exchange import SecondPerson
from ringwall.labels import Tlp
from ringwall.policy import HoldRule, HoldRules
from ringwall.sharing import Agreements, PastSender
from ringwall.trust import PublicKeys
from tests.server.sharing_world import SharingWorld

HOLDS = HoldRules((HoldRule("amber", "standing order 4", to=("borduria",), lowest_tlp=Tlp.AMBER),))


class OfficeWorld(SharingWorld):
    """What is TLP:AMBER waits here for a second person before it goes to Borduria."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, HOLDS)

    def complete(self) -> None:
        """Add the agreements and the second person."""
        self.agreements = self._agreements()
        second = SecondPerson(
            member="arden",
            kernel=self.kernel,
            store=self.store,
            clock=self.clock,
            wake=self.peer.outbox.wake,
        )
        self.context = dataclasses.replace(
            self.context, agreements=self.agreements, second_person=second
        )

    def _agreements(self) -> Agreements:
        return Agreements(
            node="arden-1",
            member="arden",
            described=self.alliance,
            kernel=self.kernel,
            keys=self.trial.keys["arden-1"],
            find_keys=self._party,
            store=self.store,
            clock=self.clock,
            messages=self.peer.messages,
            announce=self.arrivals.published,
            past=PastSender(
                node="arden-1",
                member="arden",
                kernel=self.kernel,
                store=self.store,
                clock=self.clock,
                recipients=frozenset({"borduria-1", "caledon-1"}),
            ),
            wake=self.peer.outbox.wake,
        )

    def _party(self, node: str) -> tuple[str, PublicKeys] | None:
        entry = self.trial.registry.nodes.get(node)
        return None if entry is None else (entry.member, entry.keys)
