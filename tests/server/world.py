"""A node's server as it runs: the real store, kernel, intake and granian on a port, no mocks."""

import asyncio
import hashlib
import json
import secrets
import socket
import threading
import time
import uuid
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from ringwall.alliance import load_alliance, resolve_label
from ringwall.core import (
    Clock,
    Precedence,
    StatementId,
    SystemClock,
    format_timestamp,
    new_secret,
)
from ringwall.exchange import Arrivals, Intake
from ringwall.labels import label_document
from ringwall.policy import Kernel, ReleaseClass
from ringwall.server import ServerContext, build_app, serve
from ringwall.stix import observables, read_submission, search_text
from ringwall.store import Checkpoints, NewStatement, TokenRow
from ringwall.trust import (
    NodeKeys,
    seal_envelope,
    statement_digest,
    statement_item,
)
from tests.store.stores import open_store

ALLIANCE = """
alliance: {id: test-alliance, name: Test alliance, kind: exercise}
members:
  arden: {name: Arden, kind: nation, nodes: {arden-1: {place: 1}}}
  borduria: {name: Borduria, kind: nation, nodes: {borduria-1: {place: 2}}}
  caledon: {name: Caledon, kind: nation, nodes: {caledon-1: {place: 3}}}
groups:
  allies: [arden, borduria]
labels:
  warning: "TLP:GREEN"
agreements:
  mutual:
    title: Mutual sharing
    clause: article 1
    parties: [arden, borduria]
    purposes: [collective-defence]
    highest_tlp: RED
    valid_from: "2020-01-01T00:00:00Z"
    valid_until: "2040-01-01T00:00:00Z"
readers:
  analyst: {member: arden, name: Analyst, roles: [analyst], tlp: RED}
  trainee: {member: arden, name: Trainee, roles: [analyst], tlp: GREEN}
  watch: {member: arden, name: Watch officer, roles: [watch-officer], tlp: RED}
  releaser: {member: arden, name: Release officer, roles: [release-officer], tlp: RED}
  tool: {member: arden, name: Submitting tool, roles: [submitter], tlp: RED}
  admin: {member: arden, name: Administrator, roles: [administrator], tlp: RED}
  auditor: {member: arden, name: Auditor, roles: [auditor], tlp: RED}
  policy: {member: arden, name: Policy officer, roles: [policy-officer], tlp: RED}
  stranger: {member: borduria, name: Analyst of another member, roles: [analyst], tlp: RED}
"""


def indicator(name: str, value: str = "192.0.2.1", **more: Any) -> dict[str, Any]:
    """Return a fresh indicator."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": name,
        "pattern": f"[ipv4-addr:value = '{value}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **more,
    }


def bundle(*objects: dict[str, Any]) -> bytes:
    """Return the bytes of a bundle."""
    document = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": list(objects)}
    return json.dumps(document).encode()


class World:
    """One node of Arden with every kind of reader, serving on a free port."""

    def __init__(
        self,
        directory: Path,
        *,
        reserve: int = 0,
        clock: Clock | None = None,
        description: str = ALLIANCE,
        host: str = "127.0.0.1",
        **options: Any,
    ) -> None:
        self.clock = clock or SystemClock()
        self.alliance = load_alliance(description)
        self.kernel = Kernel(self.alliance, self.clock)
        self.store = open_store(directory / "node.db", clock=self.clock, reserve_bytes=reserve)
        self.arrivals = Arrivals()
        self.keys = NodeKeys.generate()
        self.registry = {"arden-1": self.keys}
        self.parts_work = True
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        self.intake = Intake(
            node="arden-1",
            member="arden",
            kernel=self.kernel,
            store=self.store,
            clock=self.clock,
            recipients={"borduria-1", "caledon-1"},
            wake=lambda lane: None,
            arrivals=self.arrivals,
        )
        self.context = ServerContext(
            node="arden-1",
            member="arden",
            alliance=self.alliance,
            kernel=self.kernel,
            store=self.store,
            intake=self.intake,
            clock=self.clock,
            arrivals=self.arrivals,
            public_keys=lambda node: keys.public() if (keys := self.registry.get(node)) else None,
            probes={"hub": lambda: self.parts_work},
            address=self.url,
            **options,
        )
        self.tokens = {name: self._token(name) for name in self.alliance.readers}
        self._start()

    def _token(self, reader: str) -> str:
        token = new_secret()
        digest = hashlib.sha256(token.encode()).digest()
        row = TokenRow(reader, digest, reader, "test", "2026-01-01T00:00:00.000000Z", "")
        self.store.write(lambda tx: tx.put_token(row), essential=True).result()
        return token

    def place(self, reader: str) -> str:
        """Return the cursor of a reader after all that it may see."""
        with self.http(reader) as http:
            found: str = http.get("/api/v1/statements?latest=1").json()["next"]
        return found

    def login_code(self, reader: str, minutes: int = 5) -> str:
        """Make a one-time login code."""
        code = new_secret()
        digest = hashlib.sha256(code.encode()).digest()
        expires = format_timestamp(self.clock.now() + timedelta(minutes=minutes))
        self.store.write(lambda tx: tx.put_login_code(digest, reader, expires)).result()
        return code

    def _start(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        started.wait(5)
        deadline = time.monotonic() + 10
        while True:
            try:
                httpx.get(f"{self.url}/healthz", trust_env=False)
                return
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _serve(self, started: threading.Event) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.ensure_future(
                serve(build_app(self.context), "127.0.0.1", self.port)
            )
            started.set()
            await asyncio.wait({self._task})

        asyncio.run(main())

    def close(self) -> None:
        """Stop serving and close the store."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)
        self.context.workers.shutdown()
        self.store.close()

    def http(self, reader: str | None = None, **options: Any) -> httpx.Client:
        """Return an HTTP client of a reader, or of nobody."""
        headers = {"authorization": f"Bearer {self.tokens[reader]}"} if reader else {}
        headers |= options.pop("headers", {})
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, **options)

    def submit(self, *objects: dict[str, Any], label: str, reader: str = "analyst") -> list[str]:
        """State objects and return the statements' ids."""
        result = self.intake.submit(self.alliance.readers[reader], bundle(*objects), label=label)
        assert not result.refused, result.refused
        return [one.statement for one in result.submitted]

    def checkpoint(self) -> None:
        """Sign a checkpoint of the audit log, as the node does from time to time."""
        Checkpoints(
            node="arden-1",
            alliance=self.alliance.id,
            keys=self.keys,
            store=self.store,
            clock=self.clock,
        ).sign_if_grown()

    def receive(
        self, thing: dict[str, Any], *, label: str, sequence: int, version: str | None = None
    ) -> str:
        """Store a statement of Borduria as the inbox does after its checks.

        ``version``: one that the checks of today would refuse.
        """
        submission = read_submission(json.dumps(thing).encode())
        (item,) = submission.objects
        parsed = resolve_label(self.alliance, label)
        seed = secrets.token_bytes(32)
        new = NewStatement(
            id=StatementId("borduria-1", sequence),
            object_id=item.id,
            object_type=item.type,
            version=item.version if version is None else version,
            body=item.body,
            label=parsed,
            release_class=ReleaseClass("borduria", item.type, parsed),
            lane=Precedence.ROUTINE,
            submitted_by="",
            received_at=format_timestamp(self.clock.now()),
            seed=seed,
            sha256=(digest := sha256(item.body).digest()),
            digest=statement_digest(seed, digest),
            text=search_text(item.body),
            observables=observables(item.body),
            references=item.references,
        )
        self.store.write(lambda tx: tx.add_statements([new])).result()
        self.arrivals.published()
        return str(new.id)

    def seal(self, statement: str) -> None:
        """Seal a statement as the outbox does, so that it has its proof."""
        origin, _, sequence = statement.partition(":")
        with self.store.read() as snapshot:
            held = next(
                row
                for row in snapshot.statements(list(snapshot.release_classes()), limit=1000)
                if row.id == (origin, int(sequence))
            )
        item = statement_item(
            origin=origin,
            sequence=int(sequence),
            body=held.body,
            seed=held.seed,
            label=label_document(held.label),
            purpose=held.purpose,
        )
        sealed = seal_envelope(
            self.keys,
            alliance=self.alliance.id,
            registry=1,
            origin=origin,
            lane="ROUTINE",
            kind="statement",
            items=[item],
            recipients={"borduria-1": (NodeKeys.generate().public(), 1)},
            at=format_timestamp(self.clock.now()),
        )
        shared, (own,) = sealed.batch.encode()
        self.store.write(lambda tx: tx.set_proofs(shared, [(held.order, own)])).result()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
