"""Handlers for whoever operates the node: alive, ready, metrics. They say nothing of content."""

from typing import Any

from ringwall.core import RingwallError, format_timestamp
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call, ServerContext

_METRICS = "text/plain; version=0.0.4; charset=utf-8"


def alive(call: Call) -> Answer:
    """GET /healthz: the process answers."""
    del call
    return json_answer({"status": "alive"})


def ready(call: Call) -> Answer:
    """GET /readyz: 200 when the database can be written and every part works, else 503."""
    parts = {"database": call.context.database_state.get(lambda: _database(call.context))}
    parts |= {name: "ok" if probe() else "down" for name, probe in call.context.probes.items()}
    works = all(state == "ok" for state in parts.values())
    document: dict[str, Any] = {"status": "ready" if works else "not ready", "parts": parts}
    return json_answer(document, 200 if works else 503)


def _database(context: ServerContext) -> str:
    """Really write: a full disk or a dead writer shows only then."""
    at = format_timestamp(context.clock.now()).encode()
    try:
        context.store.write(lambda tx: tx.set_meta("readiness-probe", at)).result()
    except RingwallError as error:
        return error.code
    return "ok"


def metrics(call: Call) -> Answer:
    """GET /metrics: figures in the Prometheus text format, for this machine only."""
    context = call.context
    with context.store.read() as snapshot:
        counts, peers = snapshot.counts(), snapshot.peers()
    by_member = [({"node": row.node, "lane": row.lane}, row.backlog) for row in peers]
    requests = [
        ({"method": method, "status": str(status)}, number)
        for (method, status), number in context.requests.items()
    ]
    parts = [({"part": name}, int(probe())) for name, probe in context.probes.items()]
    families = [
        _family("statements", "gauge", "Statements held, by lane.", _lanes(counts.statements)),
        _family("outbox_depth", "gauge", "Statements to be sealed.", _lanes(counts.outbox)),
        _family("envelopes_unpublished", "gauge", "Sealed, not sent.", [({}, counts.unpublished)]),
        _family("receipts_outstanding", "gauge", "Sent, not confirmed.", by_member),
        _family("quarantined", "gauge", "Envelopes not believed.", [({}, counts.quarantined)]),
        _family("audit_entries", "gauge", "Entries of the audit log.", [({}, counts.audit_size)]),
        _family("part_up", "gauge", "Whether a part works.", parts),
        _family("http_requests_total", "counter", "Requests answered.", requests),
    ]
    return Answer("".join(families).encode(), media_type=_METRICS)


def _lanes(figures: dict[str, int]) -> list[tuple[dict[str, str], int]]:
    return [({"lane": lane}, number) for lane, number in sorted(figures.items())]


def _family(name: str, kind: str, text: str, samples: list[tuple[dict[str, str], int]]) -> str:
    """Write one metric family; label values are names, so nothing in them needs escaping."""
    lines = [f"# HELP ringwall_{name} {text}", f"# TYPE ringwall_{name} {kind}"]
    for labels, number in samples:
        inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
        braces = f"{{{inside}}}" if inside else ""
        lines.append(f"ringwall_{name}{braces} {number}")
    return "\n".join(lines) + "\n"
