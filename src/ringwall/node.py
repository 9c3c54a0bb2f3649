"""The composition root: wires the rooms into a running node or hub. Only this module knows all.

A node is one process: the HTTP server, the exchange and the writer thread of its database. Its
own nats-server and, once a large submission came, a process that reads such are its children. Its
state lives in its database only, so it may be killed at any moment; starting it again is the whole
recovery.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from ringwall.alliance import Reader, load_alliance
from ringwall.core import (
    LANES,
    InternalFault,
    RingwallError,
    StorageFull,
    SystemClock,
    format_timestamp,
)
from ringwall.core.allocator import keep_memory
from ringwall.core.egress import parse_egress
from ringwall.core.settings import Files, HubSettings, NodeSettings
from ringwall.edge import Edge, address_of, edge_of, open_client
from ringwall.enrolment import check_standing, leaf_remote, load_registry
from ringwall.exchange import (
    CONTROL,
    Arrivals,
    Inbox,
    Messages,
    Outbox,
    Receipts,
    Sealer,
    SecondPerson,
    Transport,
)
from ringwall.exchange.activity import Activity
from ringwall.exchange.hub import Hub
from ringwall.exchange.hub_link import NatsTransport
from ringwall.exchange.leaf import Leaf
from ringwall.exchange.resumption import Resumption
from ringwall.exchange.retrying import until_done
from ringwall.identity import Federation, find_reader
from ringwall.identity.provider import TIMEOUT, Provider
from ringwall.identity.rules import load_rules, read_secret
from ringwall.member_rules import read_member_rules
from ringwall.operations.logs import set_up_logs
from ringwall.operations.metrics import Metrics
from ringwall.operations.observed import (
    ObservedApplication,
    ObservedIntake,
    ObservedSealer,
    ObservedTransport,
)
from ringwall.operations.registry_age import RegistryAge
from ringwall.operations.traces import OtlpTracer
from ringwall.policy import Kernel
from ringwall.reading import ReadingProcess
from ringwall.server import RequestLimits, ServerContext, build_app, serve, serve_on_socket
from ringwall.sharing import Agreements, Catalogue, Embargoes, PastSender, Relays, Requests
from ringwall.store import ReadTransaction, open_store
from ringwall.store.checkpoints import Checkpoints
from ringwall.store.sqlite import settle_snapshots
from ringwall.trust import NodeKeys, PublicKeys

CHECKPOINT_SECONDS = 5.0
ENDING_SECONDS = (3.0, 0.5, 0.5)

log = logging.getLogger("ringwall.node")


def run(directory: Path, settings: NodeSettings | HubSettings) -> None:
    """Run the node or hub in ``directory`` until SIGTERM or SIGINT; then stop in order.

    Raises OperatorError for anything that keeps it from starting, InternalFault for a defect of
    ours: where it was stands in the log, without what somebody may have sent.
    """
    name = settings.hub if isinstance(settings, HubSettings) else settings.node
    set_up_logs(name, level=settings.log_level, form=settings.log_format)
    keep_memory()
    try:
        if isinstance(settings, HubSettings):
            asyncio.run(_run_hub(directory, settings))
        else:
            uvloop.run(Node(directory, settings).run())
    except (RingwallError, OSError):
        raise
    except Exception as error:
        log.critical("a defect ended %s", name, exc_info=error)
        raise InternalFault(f"a defect ended {name}: the log says where") from error


class Node:
    """One node, wired from its directory."""

    def __init__(self, directory: Path, settings: NodeSettings) -> None:
        """Read and check everything that needs no network. Raises OperatorError."""
        self._settings = settings
        self._files = Files(directory.absolute())
        self._clock = SystemClock()
        self.alliance = load_alliance(self._files.alliance.read_bytes())
        self.registry = load_registry(self._files)
        self.keys = NodeKeys.load(self._files.keys)
        self.member = check_standing(settings.node, self.alliance, self.registry, self.keys)
        self.rules = read_member_rules(self._files, self.member, self.alliance)
        self.kernel = Kernel(self.alliance, self._clock, self.rules.vetoes)
        self.store = open_store(self._files, settings, clock=self._clock, own=True)
        self.arrivals = Arrivals()
        self.reading = ReadingProcess()
        self.hub_link = NatsTransport(settings.hub, settings.node)
        self.transport: Transport = self.hub_link
        self.edge: Edge | None = edge_of(settings, self._files)
        self.address = address_of(settings, self._files)
        self.federation = self._federation()
        self.registry_age = RegistryAge(
            self.registry,
            self._clock,
            warning_days=settings.registry_warning_days,
            stop_days=settings.registry_stop_days,
        )
        self.metrics = Metrics(
            store=self.store,
            clock=self._clock,
            registry_age=self.registry_age,
            database=None if settings.database_url else self._files.database,
            probes=self._probes(),
        )
        self.store.watch_commits(self.metrics.count_commit)
        endpoint = settings.otel_endpoint
        self.tracer = OtlpTracer(endpoint, settings.node) if endpoint else None
        self._wire()

    def _wire(self) -> None:
        node, clock, store = self._settings.node, self._clock, self.store
        sealer = self._sealer()
        taking_in = Activity()
        self.outbox = Outbox(
            sealer=sealer,
            kernel=self.kernel,
            store=store,
            clock=clock,
            transport=self.transport,
            check_sending=self.registry_age.check_sending,
            intake=taking_in,
            redactions=self.rules.redactions,
            find_reader=self._find_reader,
        )
        self.receipts = Receipts(
            sealer=sealer,
            outbox=self.outbox,
            store=store,
            clock=clock,
            interval=self._settings.receipt_interval_ms / 1000,
        )
        self.messages = Messages(
            node=node, receipts=self.receipts, outbox=self.outbox, store=store, clock=clock
        )
        past = PastSender(
            node=node,
            member=self.member,
            kernel=self.kernel,
            store=store,
            clock=clock,
            recipients=self.registry.standing - {node},
            holds=self.rules.holds,
        )
        self.embargoes = Embargoes(
            member=self.member,
            kernel=self.kernel,
            store=store,
            clock=clock,
            past=past,
            wake=self.outbox.wake,
            announce=self.arrivals.published,
        )
        self.agreements = Agreements(
            node=node,
            member=self.member,
            described=self.alliance,
            kernel=self.kernel,
            keys=self.keys,
            find_keys=self._party_keys,
            store=store,
            clock=clock,
            messages=self.messages,
            announce=self._policy_changed,
            past=past,
            wake=self.outbox.wake,
        )
        self.inbox = Inbox(
            node=node,
            member=self.member,
            keys=self.keys,
            registry=self.registry,
            kernel=self.kernel,
            store=store,
            clock=clock,
            transport=self.transport,
            arrivals=self.arrivals,
            receipts=self.receipts,
            messages=self.messages,
        )
        self.resumption = Resumption(
            sealer=sealer,
            outbox=self.outbox,
            receipts=self.receipts,
            store=store,
            clock=clock,
        )
        self.intake = ObservedIntake(
            metrics=self.metrics,
            tracer=self.tracer,
            node=node,
            member=self.member,
            kernel=self.kernel,
            store=store,
            clock=clock,
            recipients=self.registry.standing - {node},
            wake=self.outbox.wake,
            arrivals=self.arrivals,
            activity=taking_in,
            reading=self.reading.read,
            holds=self.rules.holds,
            redactions=self.rules.redactions,
        )
        self.catalogue = Catalogue(
            member=self.member,
            recipients=self.registry.standing - {node},
            discovery=self.rules.discovery,
            kernel=self.kernel,
            store=store,
            clock=clock,
            messages=self.messages,
        )
        self.requests = Requests(
            node=node,
            member=self.member,
            recipients=self.registry.standing - {node},
            kernel=self.kernel,
            store=store,
            clock=clock,
            messages=self.messages,
            catalogue=self.catalogue,
        )
        self.relays = Relays(
            node=node,
            member=self.member,
            registry=self.registry,
            keys=self.keys,
            kernel=self.kernel,
            store=store,
            clock=clock,
            messages=self.messages,
            arrivals=self.arrivals,
            redactions=self.rules.redactions,
            holds=self.rules.holds,
        )
        self.second_person = SecondPerson(
            member=self.member,
            kernel=self.kernel,
            store=store,
            clock=clock,
            wake=self.outbox.wake,
        )
        self.checkpoints = Checkpoints(
            node=node, alliance=self.alliance.id, keys=self.keys, store=store, clock=clock
        )

    def _policy_changed(self) -> None:
        """Let everything that waits look again: readers, streams, what was refused at ingress."""
        self.arrivals.published()
        self.inbox.policy_changed()
        self.catalogue.wake()

    def _find_reader(self, tx: ReadTransaction, name: str) -> Reader | None:
        """Return a reader of this member, described or known from its identity provider."""
        at = format_timestamp(self._clock.now())
        return find_reader(self.kernel.alliance, self.member, tx, name, at)

    def _party_keys(self, node: str) -> tuple[str, PublicKeys] | None:
        """Return member and keys of a node whose signatures count now."""
        entry = self.registry.nodes.get(node)
        return (entry.member, entry.keys) if entry and entry.revoked_at is None else None

    def _federation(self) -> Federation | None:
        """Read the rules for the identity provider, which is asked only when somebody logs in."""
        if not self._files.identity.exists():
            return None
        rules = load_rules(self._files.identity.read_bytes(), self.alliance)
        client = open_client(parse_egress(self._settings.egress_allow), timeout=TIMEOUT)
        secret = read_secret(rules.provider, self._files.directory)
        return Federation(Provider(rules.provider, client, self._clock, secret=secret), rules)

    def _sealer(self) -> Sealer:
        """Make the sealer; what it and the transport do is traced if there is a tracer."""
        parts: dict[str, Any] = {
            "node": self._settings.node,
            "keys": self.keys,
            "alliance": self.alliance.id,
            "registry": self.registry,
            "clock": self._clock,
        }
        if self.tracer is None:
            return Sealer(**parts)
        self.transport = ObservedTransport(self.hub_link, self.tracer)
        return ObservedSealer(tracer=self.tracer, **parts)

    async def run(self) -> None:
        """Serve until told to stop; whatever fails for good stops the node, loudly."""
        leaf = Leaf(
            self._settings.node,
            self._files.hub,
            self._settings.leaf_port,
            leaf_remote(self._files, self._settings),
        )
        try:
            await asyncio.to_thread(self._settle)
            await leaf.start()
            await self.hub_link.connect(leaf.url)
            log.info("node %s is up", self._settings.node)
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 20)
            await _until_stopped(self._workers())
        finally:
            await self.transport.close()
            await leaf.stop()
            await asyncio.to_thread(self._finish)

    def _workers(self) -> list[Coroutine[Any, Any, None]]:
        return [
            *self._serving(),
            self.inbox.run_retries(),
            self.inbox.run_acknowledgements(),
            self.receipts.run(),
            self.messages.run(),
            self.agreements.run(),
            self.embargoes.run(),
            self.catalogue.run(),
            self.relays.run(),
            self.outbox.run_marks(),
            self.outbox.run_repairs(),
            self.resumption.run(),
            self._sign_checkpoints(),
            *(self.outbox.run_lane(lane) for lane in LANES),
            *(self.inbox.run_lane(lane) for lane in (*LANES, CONTROL)),
        ]

    def _serving(self) -> list[Coroutine[Any, Any, None]]:
        """Serve on loopback, or only through the edge where there is a certificate."""
        app = ObservedApplication(build_app(self._context()), self.metrics, self.tracer)
        if self.edge is None:
            return [serve(app, self._settings.http_host, self._settings.http_port)]
        return [serve_on_socket(app, self.edge.upstream), self.edge.run()]

    def _context(self) -> ServerContext:
        return ServerContext(
            node=self._settings.node,
            member=self.member,
            alliance=self.alliance,
            kernel=self.kernel,
            store=self.store,
            intake=self.intake,
            clock=self._clock,
            arrivals=self.arrivals,
            public_keys=self._public_keys,
            probes=self._probes(),
            metrics=self.metrics.render,
            alarms=self._alarms,
            secure_cookies=self.edge is not None,
            behind_edge=self.edge is not None,
            limits=msgspec.convert(self._settings, RequestLimits, from_attributes=True),
            spool=self._files.spool,
            reserve_bytes=self._settings.reserve_bytes,
            address=self.address,
            federation=self.federation,
            agreements=self.agreements,
            second_person=self.second_person,
            catalogue=self.catalogue,
            requests=self.requests,
            relays=self.relays,
        )

    def _probes(self) -> dict[str, Callable[[], bool]]:
        edge = self.edge
        probes = {"hub": lambda: self.hub_link.connected}
        return probes if edge is None else {**probes, "edge": lambda: edge.pid is not None}

    def _alarms(self) -> list[str]:
        """Say what needs the operator although every part works."""
        days = int(self.registry_age.seconds // 86_400)
        texts = {
            "ok": [],
            "old": [f"the registry is {days} days old: get the current one"],
            "too-old": [f"the registry is {days} days old: nothing is sent any more"],
        }
        return texts[self.registry_age.state]

    def _public_keys(self, node: str) -> PublicKeys | None:
        entry = self.registry.nodes.get(node)
        return entry.keys if entry else None

    async def _sign_checkpoints(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await until_done(
                lambda: asyncio.to_thread(self.checkpoints.sign_if_grown), "checkpoint"
            )

    def _settle(self) -> None:
        """Before anything is accepted or sent: numbers after a restore, what was interrupted."""
        self.resumption.settle()
        self.agreements.changed()
        self.intake.settle()
        if not self._settings.database_url:
            settle_snapshots(self.store, self._files.database)

    def _finish(self) -> None:
        """Note and sign what happened last, then close: an orderly stop leaves nothing open."""
        self.reading.close()
        if self.federation is not None:
            self.federation.provider.close()
        try:
            self.outbox.note_published()
            self.checkpoints.sign_if_grown()
        except StorageFull as error:
            log.error("the last entries stay unsigned: %s", error)
        finally:
            self.store.close()
            if self.tracer is not None:
                self.tracer.close()


async def _run_hub(directory: Path, settings: HubSettings) -> None:
    hub = Hub(settings, directory)
    await hub.start()
    log.info("hub %s is up", settings.hub)
    try:
        await _until_stopped([])
    finally:
        await hub.stop()


async def _until_stopped(workers: list[Coroutine[Any, Any, None]]) -> None:
    """Run workers until SIGTERM or SIGINT; a worker that fails stops all and raises its error."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = {asyncio.create_task(worker) for worker in workers}
    waiter = asyncio.create_task(stop.wait())
    pending = {waiter, *tasks}
    try:
        while not waiter.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiter}:
                task.result()
    finally:
        waiter.cancel()
        await _end(tasks)


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """End tasks, in seconds: again those whose libraries swallowed it, without the rest."""
    for seconds in ENDING_SECONDS:
        for task in tasks:
            task.cancel()
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        log.error("%r does not end", task)
