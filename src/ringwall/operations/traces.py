"""OpenTelemetry traces of one node, if its operator wants them (extra ``telemetry``).

Nothing of OpenTelemetry is imported unless `otel_endpoint` is set. Spans tell what took how long:
requests by route, submissions, sealing, handing over to the hub. They carry counts, lanes, routes
and status codes; never content, readers, addresses or names of statements.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from ringwall.core import BadConfiguration

Attribute = str | int | float | bool


class Span(Protocol):
    """Something that takes time."""

    def set(self, name: str, value: Attribute) -> None:
        """Say more about it."""
        ...


class Tracer(Protocol):
    """Where spans go."""

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        """Begin a span; it ends with the block, and notes the type of what the block raises."""
        ...

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        ...


class OtlpTracer:
    """Sends spans over OTLP/HTTP (protobuf) to ``<endpoint>/v1/traces``, some seconds later."""

    def __init__(self, endpoint: str, node: str) -> None:
        """Raises BadConfiguration (rules ``otel-endpoint``, ``telemetry``)."""
        if not endpoint.startswith(("http://", "https://")):
            raise BadConfiguration(
                f"otel_endpoint is no HTTP address: {endpoint}",
                field="otel_endpoint",
                rule="otel-endpoint",
            )
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise BadConfiguration(
                "otel_endpoint needs the extra: pip install 'ringwall[telemetry]'",
                field="otel_endpoint",
                rule="telemetry",
            ) from error
        resource = Resource({"service.name": "ringwall", "service.instance.id": node})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("ringwall")

    @contextmanager
    def span(self, name: str, **attributes: Attribute) -> Iterator[Span]:
        """See Tracer."""
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield _OtlpSpan(span)
            except Exception as error:
                span.set_attribute("error.type", type(error).__qualname__)
                raise

    def close(self) -> None:
        """See Tracer."""
        self._provider.shutdown()


class _OtlpSpan:
    def __init__(self, span: Any) -> None:
        self._span = span

    def set(self, name: str, value: Attribute) -> None:
        """See Span."""
        self._span.set_attribute(name, value)
