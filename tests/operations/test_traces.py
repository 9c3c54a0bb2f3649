"""Traces reach a real OTLP/HTTP sink when wanted; otherwise nothing of OpenTelemetry is loaded."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from ringwall.core import BadConfiguration
from ringwall.operations.metrics import Metrics
from ringwall.operations.observed import (
    ObservedApplication,
    ObservedIntake,
    ObservedSealer,
    ObservedTransport,
)
from ringwall.operations.registry_age import RegistryAge
from ringwall.operations.traces import OtlpTracer
from tests.exchange.engine_world import Peer, World, eventually, indicator

trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")


class Sink:
    """What an OTLP collector does with traces, by the standard library."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.paths: list[str] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import gzip

                data = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    data = gzip.decompress(data)
                request = trace_service.ExportTraceServiceRequest()
                request.ParseFromString(data)
                sink.requests.append(request)
                sink.paths.append(self.path)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


def attributes(span: Any) -> dict[str, Any]:
    return {
        one.key: one.value.string_value or one.value.int_value or one.value.bool_value
        for one in span.attributes
    }


def metrics_of(world: World, peer: Peer) -> Metrics:
    age = RegistryAge(world.registry, world.clock, warning_days=3000, stop_days=3650)
    return Metrics(store=peer.store, clock=world.clock, registry_age=age)


@pytest.mark.anyio
async def test_submitting_sealing_and_delivering_are_traced(tmp_path: Path, sink: Sink) -> None:
    world = World(tmp_path)
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    tracer = OtlpTracer(sink.endpoint, "arden-1")
    arden.outbox._transport = ObservedTransport(arden.transport, tracer)
    arden.outbox._sealer = ObservedSealer(
        tracer=tracer,
        node="arden-1",
        keys=world.keys["arden-1"],
        alliance=world.alliance.id,
        registry=world.registry,
        clock=world.clock,
    )
    arden.intake = ObservedIntake(
        metrics=metrics_of(world, arden),
        tracer=tracer,
        node="arden-1",
        member="arden",
        kernel=arden.kernel,
        store=arden.store,
        clock=world.clock,
        recipients={"borduria-1", "dorne-1"},
        wake=arden.outbox.wake,
        arrivals=arden.arrivals,
    )
    async with contextlib.AsyncExitStack() as stack:
        for peer in (arden, borduria):
            await stack.enter_async_context(peer.running())
        await arden.submit(indicator(name="TRACECANARY"), label="allied")
        await eventually(lambda: len(borduria.holds()) == 1, "arrival")
    tracer.close()
    assert set(sink.paths) == {"/v1/traces"}
    spans = {span.name: attributes(span) for span in sink.spans()}
    assert spans.keys() >= {"intake", "seal", "deliver"}
    assert spans["intake"]["ringwall.submitted"] == 1
    assert (spans["seal"]["lane"], spans["seal"]["items"]) == ("ROUTINE", 1)
    assert spans["deliver"]["lane"] == "ROUTINE"
    raw = b"".join(request.SerializeToString() for request in sink.requests)
    assert b"arden-1" in raw
    for canary in (b"TRACECANARY", b"arden-analyst", b"203.0.113.9", b"indicator--"):
        assert canary not in raw


@pytest.mark.anyio
async def test_requests_are_traced_by_route_with_what_they_cause_below(
    tmp_path: Path, sink: Sink
) -> None:
    from ringwall.server import build_app
    from tests.server.world import World as ServerWorld
    from tests.server.world import bundle
    from tests.server.world import indicator as served_indicator

    served, world = ServerWorld(tmp_path), World(tmp_path)
    made = metrics_of(world, Peer(world, "arden-1"))
    tracer = OtlpTracer(sink.endpoint, "arden-1")
    observed = ObservedIntake(
        metrics=made,
        tracer=tracer,
        node="arden-1",
        member="arden",
        kernel=served.kernel,
        store=served.store,
        clock=served.clock,
        recipients={"borduria-1"},
        wake=lambda lane: None,
        arrivals=served.arrivals,
    )
    object.__setattr__(served.context, "intake", observed)
    try:
        app = ObservedApplication(build_app(served.context), made, tracer)
        headers = {"authorization": f"Bearer {served.tokens['analyst']}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),  # type: ignore[arg-type]
            base_url="http://localhost",
            headers=headers,
        ) as http:
            answer = await http.post(
                "/api/v1/submissions?label=warning", content=bundle(served_indicator("x"))
            )
            await http.get("/api/v1/SECRETPATH")
    finally:
        served.close()
        tracer.close()
    requests = [span for span in sink.spans() if span.name == "request"]
    (stated,) = [s for s in requests if attributes(s)["http.route"] == "/api/v1/submissions"]
    told = attributes(stated)
    assert told["http.response.status_code"] == answer.status_code
    assert told["request"] == answer.headers["x-request-id"]
    (below,) = [span for span in sink.spans() if span.name == "intake"]
    assert below.parent_span_id == stated.span_id
    assert b"SECRETPATH" not in b"".join(r.SerializeToString() for r in sink.requests)


def test_a_span_tells_the_type_of_an_error_and_not_its_text(sink: Sink) -> None:
    tracer = OtlpTracer(sink.endpoint, "arden-1")
    with pytest.raises(ValueError, match="CANARY"), tracer.span("fails"):
        raise ValueError("CANARY")
    tracer.close()
    (span,) = sink.spans()
    assert attributes(span) == {"error.type": "ValueError"}
    assert b"CANARY" not in span.SerializeToString()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BadConfiguration) as refused:
        OtlpTracer("localhost:4318", "arden-1")
    assert refused.value.field == "otel_endpoint"


def test_without_an_endpoint_nothing_of_it_is_loaded() -> None:
    code = "import ringwall.node, sys; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
