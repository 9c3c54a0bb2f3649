"""A real node directory, founded as operators do it, with statements in its database."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from ringwall.alliance import load_alliance
from ringwall.core import SystemClock, new_secret
from ringwall.core.settings import Files, NodeSettings
from ringwall.enrolment import (
    admit,
    create_holder,
    create_hub,
    create_node,
    enrol,
    issue_registry,
    load_registry,
)
from ringwall.exchange import Arrivals, Intake
from ringwall.policy import Kernel
from ringwall.store import Store, TokenRow, WriteTransaction
from ringwall.store.checkpoints import Checkpoints
from ringwall.store.opening import open_store
from ringwall.trust import HolderKeys, NodeKeys, Registry
from tests.exchange.engine_world import indicator

ALLIANCE = """\
alliance: {id: ring, name: Ring, kind: exercise}
members:
  aaa: {name: Aaa, kind: nation, nodes: {aaa-1: {place: 1}}}
  bbb: {name: Bbb, kind: nation, nodes: {bbb-1: {place: 2}}}
groups: {allies: [aaa, bbb]}
agreements:
  mutual:
    title: Mutual
    clause: article 1
    parties: [allies]
    purposes: [collective-defence]
    highest_tlp: RED
    valid_from: "2020-01-01T00:00:00Z"
    valid_until: "2040-01-01T00:00:00Z"
readers:
  ana: {member: aaa, name: Ana, roles: [analyst], tlp: RED, nationality: aaa}
"""


class NodeWorld:
    """A hub's directory and the directories of two nodes; ``aaa-1`` has run and stated things."""

    def __init__(self, directory: Path, *, issued: datetime | None = None) -> None:
        now = SystemClock().now()
        self.directory = directory
        self.hub = directory / "hub1"
        create_hub(self.hub, ALLIANCE, "hub1", now=now)
        create_holder(directory / "holder", "holder-1")
        holder = HolderKeys.load(directory / "holder" / "holder-keys.json")
        nodes = ("aaa-1", "bbb-1")
        introductions = [create_node(directory / node, ALLIANCE, node) for node in nodes]
        registry = issue_registry(
            ALLIANCE, introductions, {"holder-1": holder}, threshold=1, issued=issued or now
        )
        for node, introduction in zip(nodes, introductions, strict=True):
            enrol(directory / node, [registry], admit(self.hub, introduction, now=now))
        self.node = directory / "aaa-1"
        self.files = Files(self.node)
        self.canary = new_secret()
        self.state("first", "second")

    @property
    def settings(self) -> NodeSettings:
        from ringwall.core.settings import load_node_settings

        return load_node_settings(self.node)

    def open(self) -> Store:
        return open_store(self.files, self.settings)

    def state(self, *names: str) -> None:
        """State things through the real intake, make a token, sign a checkpoint."""
        alliance, clock = load_alliance(ALLIANCE), SystemClock()
        store = self.open()
        try:
            intake = Intake(
                node="aaa-1",
                member="aaa",
                kernel=Kernel(alliance, clock),
                store=store,
                clock=clock,
                recipients={"bbb-1"},
                wake=lambda lane: None,
                arrivals=Arrivals(),
            )
            for name in names:
                raw = indicator(name=f"{name} {self.canary}")
                result = intake.submit(alliance.readers["ana"], raw, label="TLP:GREEN")
                assert result.submitted, result
            checkpoints = Checkpoints(
                node="aaa-1",
                alliance="ring",
                keys=NodeKeys.load(self.files.keys),
                store=store,
                clock=clock,
            )
            checkpoints.sign_if_grown()
        finally:
            store.close()

    def give_token(self) -> str:
        """Make a token as the command line does; return it."""
        token = new_secret()
        digest = hashlib.sha256(token.encode()).digest()
        expires = SystemClock().now() + timedelta(days=30)
        row = TokenRow(
            new_secret()[:12],
            digest,
            "ana",
            "test",
            "2026-01-01T00:00:00.000000Z",
            expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        )
        entry = {
            "token": row.id,
            "reader": row.reader,
            "expires": row.expires,
            "sha256": digest.hex(),
        }
        store = self.open()

        def job(tx: WriteTransaction) -> None:
            tx.put_token(row)
            tx.append_audit("token-created", entry)

        store.write(job).result()
        store.close()
        return token

    def registry(self) -> Registry:
        return load_registry(self.files)
