"""Worlds for the canary walk: the same node with all canaries, with some, and with none.

Whatever is unique about a canary holds its word. The clock stands, moves by the same steps in
every world, and each step is made or left out: what is left differs by the canaries alone.
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec

from ringwall.alliance import load_alliance, resolve_label
from ringwall.core import ManualClock, Precedence, StatementId, format_timestamp
from ringwall.exchange import SecondPerson
from ringwall.labels import Terms, Tlp
from ringwall.policy import HoldRule, HoldRules, ReleaseClass
from ringwall.policy import release_class as class_of
from ringwall.server import RequestLimits, ServerContext
from ringwall.server.cursors import SECRET
from ringwall.sharing import (
    NO_DISCOVERY,
    Agreements,
    Catalogue,
    Entry,
    PastSender,
    Relays,
    Requests,
)
from ringwall.sharing.request_book import OUT
from ringwall.sharing.request_documents import Asked, Request
from ringwall.stix import read_submission
from ringwall.store import NewStatement
from ringwall.store.parts import found_by
from ringwall.trust import PublicKeys, statement_digest
from tests.exchange.engine_world import Peer
from tests.exchange.engine_world import World as Trial
from tests.server.world import ALLIANCE, World, bundle, free_port

START = datetime(2026, 3, 1, tzinfo=UTC)
_NAMES = uuid.UUID("5d9f1f3e-2f2e-4d63-9a63-6c2f2a3b9c10")
CANARY, PRIVATE = "canary", "privatething"
DESCRIPTION = (
    ALLIANCE
    + """
  arden-analyst: {member: arden, name: Analyst of the exchange, roles: [analyst], tlp: RED}
  junior: {member: arden, name: Junior release officer, roles: [release-officer], tlp: GREEN}
classification_policies:
  pact:
    levels: {OPEN: {rank: 0}, CLOSED: {rank: 3}}
"""
)
NO_BOUNDS = RequestLimits(reader_rate=1e6, reader_burst=10**6, source_rate=1e6, source_burst=10**6)
HIGH = frozenset({"red", "newer", "doubled", "link", "held"})
"""What a reader with the highest clearance may know, and others may not."""
HIDDEN = ("named", "classified", "embargoed", "foreign", "withdrawn")
"""What no reader of Arden may know, each for another reason."""


def stix_id(kind: str, name: str) -> str:
    """Return the id of an object, the same in every world."""
    return f"{kind}--{uuid.UUID(bytes=uuid.uuid5(_NAMES, name).bytes, version=4)}"


def thing(name: str, kind: str = "indicator", /, **more: Any) -> dict[str, Any]:
    """Return an object every text of which holds its name."""
    moment = "2026-01-01T00:00:00.000Z"
    document: dict[str, Any] = {
        "type": kind,
        "spec_version": "2.1",
        "id": stix_id(kind, name),
        "created": moment,
        "modified": moment,
    }
    if kind == "indicator":
        document |= {
            "name": f"{name} indicator",
            "description": f"{name} described",
            "labels": [f"{name}-label"],
            "pattern": f"[domain-name:value = '{name}.example']",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
            "external_references": [{"source_name": name, "external_id": f"{name}-1"}],
        }
    return document | more


VISIBLE = thing("visible")
OTHER = thing("other")
NEWER = thing("visible", modified="2026-02-01T00:00:00.000Z", name="canarynewer indicator")
LINK = thing(
    "canarylink",
    "relationship",
    relationship_type="canarylink-related",
    source_ref=VISIBLE["id"],
    target_ref=OTHER["id"],
)
CANARIES = {name: thing(f"{CANARY}{name}") for name in ("red", *HIDDEN)}
PARTED = thing("parted", modified="2026-01-03T00:00:00.000Z")


class CanaryWorld(World):
    """A node of Arden with every part that routes ask, and the canaries of ``wanted``."""

    def __init__(self, directory: Path, wanted: frozenset[str], secret: bytes) -> None:
        self.wanted = wanted
        self.clock = ManualClock(START)
        self.alliance = load_alliance(DESCRIPTION)
        self.trial = Trial(directory, self.clock, DESCRIPTION)
        self.peer = peer = Peer(self.trial, "arden-1", alliance=self.alliance, holds=HOLDS)
        self.kernel, self.store, self.intake = peer.kernel, peer.store, peer.intake
        self.arrivals = peer.arrivals
        self.keys = self.trial.keys["arden-1"]
        self.registry = self.trial.keys
        self.parts_work = True
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.context = self._context()
        self.tokens = {name: self._token(name) for name in self.alliance.readers}
        self.store.write(lambda tx: tx.set_meta(SECRET, secret)).result()
        self.stated: dict[str, str] = {}
        """What was stated, by its name: the statement's id."""
        self._start()
        self._furnish()

    def _context(self) -> ServerContext:
        messages, recipients = self.peer.messages, frozenset({"borduria-1", "caledon-1"})
        past = PastSender(
            node="arden-1",
            member="arden",
            kernel=self.kernel,
            store=self.store,
            clock=self.clock,
            recipients=recipients,
        )
        catalogue = Catalogue(
            member="arden",
            recipients=recipients,
            discovery=NO_DISCOVERY,
            kernel=self.kernel,
            store=self.store,
            clock=self.clock,
            messages=messages,
        )
        return ServerContext(
            node="arden-1",
            member="arden",
            alliance=self.alliance,
            kernel=self.kernel,
            store=self.store,
            intake=self.intake,
            clock=self.clock,
            arrivals=self.arrivals,
            public_keys=self._public,
            probes={"hub": lambda: self.parts_work},
            limits=NO_BOUNDS,
            address=self.url,
            second_person=SecondPerson(
                member="arden",
                kernel=self.kernel,
                store=self.store,
                clock=self.clock,
                wake=self.peer.outbox.wake,
            ),
            catalogue=catalogue,
            relays=Relays(
                node="arden-1",
                member="arden",
                registry=self.trial.registry,
                keys=self.keys,
                kernel=self.kernel,
                store=self.store,
                clock=self.clock,
                messages=messages,
                arrivals=self.arrivals,
            ),
            requests=Requests(
                node="arden-1",
                member="arden",
                recipients=recipients,
                kernel=self.kernel,
                store=self.store,
                clock=self.clock,
                messages=messages,
                catalogue=catalogue,
            ),
            agreements=Agreements(
                node="arden-1",
                member="arden",
                described=self.alliance,
                kernel=self.kernel,
                keys=self.keys,
                find_keys=self._party,
                store=self.store,
                clock=self.clock,
                messages=messages,
                announce=self.arrivals.published,
                past=past,
                wake=self.peer.outbox.wake,
            ),
        )

    def _public(self, node: str) -> PublicKeys | None:
        keys = self.registry.get(node)
        return keys.public() if keys else None

    def _party(self, node: str) -> tuple[str, PublicKeys] | None:
        public = self._public(node)
        return None if public is None else (self.alliance.node(node).member, public)

    # --- what is in it ---

    def _furnish(self) -> None:
        for name, step in self._steps():
            self.clock.advance(timedelta(hours=1))
            if name in self.wanted or not name:
                step()
        self._private_things()
        self._narrowed()

    def _steps(self) -> list[tuple[str, Callable[[], None]]]:
        """Return what happens, in order, under the name of the canary; "" in every world."""
        return [
            ("", lambda: self._state("visible", VISIBLE, "TLP:GREEN")),
            ("red", lambda: self._state("red", CANARIES["red"], "TLP:RED")),
            ("named", lambda: self._take("named", "borduria", "TLP:AMBER//REL TO borduria")),
            ("classified", lambda: self._take("classified", "borduria", "CLASS pact:CLOSED")),
            ("", lambda: self._state("other", OTHER, "TLP:GREEN")),
            ("embargoed", lambda: self._take("embargoed", "borduria", "TLP:GREEN", EMBARGO)),
            ("foreign", lambda: self._take("foreign", "caledon", "TLP:GREEN")),
            ("doubled", lambda: self._state("doubled", VISIBLE, "TLP:RED")),
            ("newer", lambda: self._state("newer", NEWER, "TLP:RED")),
            ("withdrawn", self._withdraw),
            ("link", lambda: self._state("link", LINK, "TLP:RED")),
            ("held", self._hold),
            ("", self._part),
            ("", lambda: self._state("last", thing("last"), "TLP:GREEN")),
            ("entry", self._tell),
            ("request", self._ask),
        ]

    def _state(self, name: str, document: dict[str, Any], label: str) -> None:
        (self.stated[name],) = self.submit(document, label=label, reader="releaser")

    def _hold(self) -> None:
        """State something that leaves only when a second officer confirms it."""
        document = thing("canaryheld", "tool", name="canaryheld tool")
        self._state("held", document, "TLP:RED//REL TO arden, borduria")

    def _withdraw(self) -> None:
        self._state("withdrawn", CANARIES["withdrawn"], "TLP:GREEN")
        path = f"/taxii2/ringwall/collections/source-arden/objects/{CANARIES['withdrawn']['id']}"
        with self.http("releaser") as http:
            assert http.delete(path).status_code == 200

    def _take(self, name: str, member: str, label: str, terms: Terms | None = None) -> None:
        parsed = resolve_label(self.alliance, label)
        decided = class_of(member, "indicator", parsed, terms=terms or Terms())
        self.take_in(name, CANARIES[name], f"{member}-1", decided)

    def _part(self) -> None:
        """Take in an object of which one property is for higher clearances."""
        whole = self.wanted & {"parted"}
        document = PARTED | ({"description": "canaryparted described"} if whole else {})
        green = class_of("borduria", "indicator", resolve_label(self.alliance, "TLP:GREEN"))
        red = class_of("borduria", "indicator", resolve_label(self.alliance, "TLP:RED"))
        if not whole:
            del document["description"]
        marking = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
        granular = [{"marking_ref": marking, "selectors": ["description"]}]
        parts = (("description", red),) if whole else ()
        marked = {"granular_markings": granular} if whole else {}
        self.take_in("parted", document | marked, "borduria-1", green, parts)

    def take_in(
        self,
        name: str,
        document: dict[str, Any],
        node: str,
        decided: ReleaseClass,
        parts: tuple[tuple[str, ReleaseClass], ...] = (),
    ) -> None:
        """Take in what a node stated, as the inbox does once it has been checked."""
        (item,) = read_submission(json.dumps(document).encode()).objects
        seed = sha256(name.encode()).digest()
        found, digest = found_by(item.body), sha256(item.body).digest()
        number = int.from_bytes(seed[:4])
        new = NewStatement(
            id=StatementId(node, number),
            object_id=item.id,
            object_type=item.type,
            version=item.version,
            body=item.body,
            label=decided.label,
            release_class=decided,
            lane=Precedence.ROUTINE,
            submitted_by="",
            received_at=format_timestamp(self.clock.now()),
            seed=seed,
            sha256=digest,
            digest=statement_digest(seed, digest),
            text=found.text,
            observables=found.observables,
            references=found.references,
            parts=parts,
        )
        self.store.write(lambda tx: tx.add_statements([new])).result()
        self.stated[name] = f"{node}:{number}"

    def _entry(self) -> Entry:
        return Entry("a" * 32, "some", Tlp.RED, type=f"{CANARY}entry", time="2026-02")

    def _tell(self) -> None:
        """Let Caledon tell of what exists, to whoever is cleared for TLP:RED."""
        kept = msgspec.json.encode({"entry": self._entry(), "at": format_timestamp(START)})
        now = format_timestamp(self.clock.now())
        self.store.write(
            lambda tx: tx.put_document("catalogue", "caledon-1", "a" * 32, kept, now)
        ).result()

    def _ask(self) -> None:
        """Let an analyst have asked for access to it."""
        asked = Asked(
            1, "b" * 32, "access", "a" * 32, "collective-defence", f"{CANARY}request reason"
        )
        now = format_timestamp(self.clock.now())
        name = f"arden-1.{'b' * 32}"
        request = Request(name, "caledon-1", asked, now, "analyst", self._entry())
        raw = msgspec.json.encode(request)
        self.store.write(lambda tx: tx.put_document(OUT, "arden", name, raw, now)).result()

    def _private_things(self) -> None:
        """Give the analyst a token, a search and a TAXII status, and load a reference set."""
        with self.http("analyst") as http:
            made = http.post("/api/v1/tokens", json={"note": f"{PRIVATE} token"}).json()
            search = {"name": f"{PRIVATE} search", "text": PRIVATE}
            kept = http.post("/api/v1/searches", json=search).json()
            broken = {"type": "indicator", "id": stix_id("indicator", PRIVATE), "name": PRIVATE}
            status = http.post(
                "/taxii2/ringwall/collections/submit/objects/",
                content=json.dumps({"objects": [broken]}),
                headers={"content-type": "application/taxii+json;version=2.1"},
            ).json()
        self.private = {"token": made["id"], "search": kept["id"], "status": status["id"]}
        with self.http("releaser") as http:
            waiting = http.get("/api/v1/held-releases").json()["held"]
        self.private["release"] = waiting[0]["id"] if waiting else "f" * 32
        reader = self.alliance.readers["releaser"]
        reference = thing(f"{PRIVATE}reference")
        loaded, _ = self.intake.load_reference(reader, f"{PRIVATE}-set", bundle(reference))
        assert loaded == 1

    def _narrowed(self) -> None:
        with self.http("analyst") as http:
            for name, wish in (  # at different times, for that is how they are listed
                ("capped", {"scopes": ["read"], "tlp": "GREEN"}),
                ("submitting", {"scopes": ["submit"], "tlp": "GREEN"}),
            ):
                self.clock.advance(timedelta(minutes=1))
                answer = http.post("/api/v1/tokens", json=wish)
                assert answer.status_code == 201, answer.text
                self.tokens[name] = answer.json()["token"]

    def browse(self, reader: str) -> httpx.Client:
        """Return the HTTP client of a reader, of a narrowed token, or of ``nobody``."""
        return self.http(None if reader == "nobody" else reader)


HOLDS = HoldRules((HoldRule("tools", "standing order 4", object_types=("tool",)),))
EMBARGO = Terms(embargo="2039-01-01T00:00:00.000000Z")
EVERY = HIGH | frozenset(HIDDEN) | {"parted", "entry", "request"}
CLEARED = HIGH | {"parted", "entry", "request"}
