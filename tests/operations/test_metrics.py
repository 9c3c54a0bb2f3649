"""Metrics agree with what happened, and no label says anything that a stranger chose."""

import asyncio
import contextlib
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ringwall.core import InvalidInput, ManualClock, SystemClock, format_timestamp
from ringwall.core.request_id import request_id
from ringwall.exchange.resumption import mark_restored
from ringwall.operations.metrics import Metrics
from ringwall.operations.observed import ROUTE, ObservedApplication, ObservedIntake
from ringwall.operations.registry_age import RegistryAge
from ringwall.server import build_app
from tests.exchange.engine_world import Peer, World, eventually, indicator
from tests.exchange.test_resumption import resumption
from tests.server.world import World as ServerWorld
from tests.server.world import bundle
from tests.server.world import indicator as served_indicator

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def read(metrics: Metrics) -> Samples:
    samples: Samples = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[labels] = sample.value
    return samples


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name].get(tuple(sorted(labels.items())), 0.0)


def metrics_of(world: World, peer: Peer, **more: Any) -> Metrics:
    age = RegistryAge(world.registry, world.clock, warning_days=30, stop_days=9999)
    made = Metrics(
        store=peer.store,
        clock=world.clock,
        registry_age=age,
        database=world.directory / f"{peer.node}.db",
        probes={"hub": lambda: peer.transport.connected},
        **more,
    )
    peer.store.watch_commits(made.count_commit)
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.anyio
async def test_the_exchange_is_counted_as_it_happened(world: World) -> None:
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    here, there = metrics_of(world, arden), metrics_of(world, borduria)
    async with contextlib.AsyncExitStack() as stack:
        for peer in (arden, borduria):
            await stack.enter_async_context(peer.running())
        for number in range(3):
            await arden.submit(indicator(name=f"CANARY {number}"), label="allied")
        await eventually(lambda: len(borduria.holds()) == 3, "arrival")
        await eventually(lambda: bool(arden.audit("receipt")), "receipt")
        await eventually(
            lambda: value(read(here), "ringwall_receipts_outstanding",
                          node="borduria-1", lane="ROUTINE") == 0, "all confirmed")  # fmt: skip
    sent, received = read(here), read(there)
    assert value(sent, "ringwall_statements_accepted_total", lane="ROUTINE") == 3
    assert value(sent, "ringwall_statements_sealed_total", lane="ROUTINE") == 3
    envelopes = value(sent, "ringwall_envelopes_sealed_total", lane="ROUTINE")
    assert 1 <= envelopes <= 3
    assert value(sent, "ringwall_receipts_taken_total", lane="ROUTINE") >= 1
    assert value(sent, "ringwall_receipt_latency_seconds_count", lane="ROUTINE") == envelopes
    assert value(received, "ringwall_statements_received_total", lane="ROUTINE") == 3
    assert value(sent, "ringwall_statements", lane="ROUTINE") == 3
    assert value(sent, "ringwall_outbox_depth", lane="ROUTINE") == 0
    assert value(sent, "ringwall_part_up", part="hub") == 1
    assert sent["ringwall_store_commit_seconds_count"][()] > 3
    assert sent["ringwall_store_commit_jobs_sum"][()] >= 3
    assert value(sent, "ringwall_database_bytes", file="database") > 0
    assert sent["ringwall_disk_free_bytes"][()] > 0
    assert value(sent, "ringwall_registry_state", state="old") == 1
    assert sent["process_resident_memory_bytes"][()] > 0
    for made in (here, there):
        assert b"CANARY" not in made.render()
        assert b"arden-analyst" not in made.render()


@pytest.mark.anyio
async def test_what_is_quarantined_is_counted_by_its_rule(world: World) -> None:
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    made = metrics_of(world, borduria)
    async with borduria.running(), arden.running():
        await arden.submit(indicator())
        await eventually(lambda: bool(world.hub.streams.get("ROUTINE")), "sent")
        places, data = world.hub.streams["ROUTINE"][0]
        world.hub.streams["ROUTINE"].append((places, data[:-1] + bytes([data[-1] ^ 1])))
        world.hub.ring()
        await eventually(lambda: bool(borduria.audit("quarantined")), "quarantine")
    (rule,) = [entry["rule"] for entry in borduria.audit("quarantined")]
    assert value(read(made), "ringwall_envelopes_quarantined_total", rule=rule) == 1
    assert read(made)["ringwall_quarantined"][()] == 1


@pytest.mark.anyio
async def test_the_age_of_what_waits_and_a_restore_do_not_distort(world: World) -> None:
    arden = Peer(world, "arden-1")
    at = format_timestamp(world.clock.now())
    arden.store.write(lambda tx: mark_restored(tx, taken_at=at, now=at)).result()
    resumption(world, arden).settle()
    await arden.submit(indicator())
    world.clock = ManualClock(SystemClock().now())
    made = metrics_of(world, arden)
    samples = read(made)
    assert 0 < value(samples, "ringwall_outbox_age_seconds", lane="ROUTINE") < 60
    assert value(samples, "ringwall_outbox_age_seconds", lane="FLASH") == 0
    assert max(samples["ringwall_receipts_outstanding"].values()) == 0


def test_submissions_are_counted_by_what_became_of_them(world: World) -> None:
    arden = Peer(world, "arden-1")
    made = metrics_of(world, arden)
    intake = ObservedIntake(
        metrics=made,
        node="arden-1",
        member="arden",
        kernel=arden.kernel,
        store=arden.store,
        clock=world.clock,
        recipients={"borduria-1", "dorne-1"},
        wake=lambda lane: None,
        arrivals=arden.arrivals,
    )
    raw = indicator()
    intake.submit(arden.reader, raw, label="allied")
    intake.submit(arden.reader, raw, label="allied")  # the same again is no new statement
    intake.submit(arden.reader, indicator(), label="allied", dry_run=True)
    intake.submit(arden.reader, indicator())  # unlabelled
    with pytest.raises(InvalidInput):
        intake.submit(arden.reader, b"{", label="allied")
    samples = read(made)
    assert samples["ringwall_intake_accepted_total"][()] == 1
    assert value(samples, "ringwall_intake_refused_total", rule="unlabelled") == 1
    assert sum(samples["ringwall_intake_submissions_refused_total"].values()) == 1
    assert value(samples, "ringwall_release_decisions_total", decision="permit") >= 1
    assert value(samples, "ringwall_release_decisions_total", decision="deny") >= 1


def test_rules_are_ours_and_bounded(world: World) -> None:
    made = metrics_of(world, Peer(world, "arden-1"))
    for number in range(500):
        made.count_refused_submission(InvalidInput("x", rule=f"rule-{number}"))
    made.count_refused_submission(InvalidInput("x", rule='evil"} 1\nother{'))
    samples = read(made)["ringwall_intake_submissions_refused_total"]
    assert len(samples) == 201
    assert samples[(("rule", "other"),)] == 301


@pytest.mark.anyio
async def test_requests_are_counted_by_route_and_never_by_path(tmp_path: Path) -> None:
    served = ServerWorld(tmp_path)
    exchange = World(tmp_path)
    made = metrics_of(exchange, Peer(exchange, "arden-1"))
    try:
        app = ObservedApplication(build_app(served.context), made)
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        headers = {"authorization": f"Bearer {served.tokens['analyst']}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as http:
            stated = await http.post(
                "/api/v1/submissions?label=warning", content=bundle(served_indicator("PATHCANARY"))
            )
            await http.get("/api/v1/statements/arden-1:1")
            await http.get("/api/v1/statements/arden-1:PATHCANARY")
            await http.get("/PATHCANARY/nowhere")
            answer = await http.request("PATHCANARY", "/healthz")
    finally:
        served.close()
    assert stated.status_code in (200, 201)
    assert re.fullmatch(r"[0-9a-f]{16}", stated.headers["x-request-id"])
    assert answer.headers["x-request-id"] != stated.headers["x-request-id"]
    text = made.render().decode()
    assert "PATHCANARY" not in text
    counted = read(made)["ringwall_http_requests_total"]
    routes = {dict(labels)["route"] for labels in counted}
    assert routes == {
        "/api/v1/submissions", "/api/v1/statements/{statement:str}", "other",
    } | ({"/healthz"} & routes)  # fmt: skip
    assert {dict(labels)["method"] for labels in counted} <= {"GET", "POST", "other"}
    assert sum(counted.values()) == 5
    seconds = read(made)["ringwall_http_request_seconds_count"]
    assert sum(seconds.values()) == 5


@pytest.mark.anyio
async def test_the_id_of_a_request_goes_with_it_into_threads(tmp_path: Path) -> None:
    served = ServerWorld(tmp_path)
    exchange = World(tmp_path)
    made = metrics_of(exchange, Peer(exchange, "arden-1"))
    seen: list[str] = []

    class Inner:
        context = served.context

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope[ROUTE] = "/x"
            await served.context.run(lambda: seen.append(request_id.get()))
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    try:
        transport = httpx.ASGITransport(ObservedApplication(Inner(), made))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            answers = await asyncio.gather(*(http.get("/") for _ in range(5)))
    finally:
        served.close()
    assert sorted(seen) == sorted(answer.headers["x-request-id"] for answer in answers)
    assert len(set(seen)) == 5
    assert request_id.get() == ""


def test_a_scrape_is_quick_and_two_nodes_in_one_process_do_not_mix(world: World) -> None:
    one, two = Peer(world, "arden-1"), Peer(world, "borduria-1")
    first, second = metrics_of(world, one), metrics_of(world, two)
    first.count_request("GET", "/x", 200, 0.1)
    began = time.monotonic()
    text = second.render()
    assert time.monotonic() - began < 1
    assert b'route="/x"' not in text


def test_every_metric_stands_in_the_operator_guide(world: World) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text()
    made = metrics_of(world, Peer(world, "arden-1"))
    families = text_string_to_metric_families(made.render().decode())
    names = {family.name.removeprefix("ringwall_") for family in families
             if family.name.startswith("ringwall_")}  # fmt: skip
    assert len(names) > 25
    told = {name for name in names if f"`{name}`" in guide or f"`{name}_total`" in guide}
    assert names == told
