"""Handlers for whoever operates the node: alive, ready, metrics. They say nothing of content."""

from typing import Any

from ringwall.core import RingwallError, format_timestamp
from ringwall.server.access import is_local
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call, ServerContext

_METRICS = "text/plain; version=0.0.4; charset=utf-8"


def alive(call: Call) -> Answer:
    """GET /healthz: the process answers."""
    del call
    return json_answer({"status": "alive"})


def ready(call: Call) -> Answer:
    """GET /readyz: 200 when the database can be written and every part works, else 503.

    To who asks on this machine it names the parts, and in ``alarms`` says in words what needs the
    operator although the node works.
    """
    parts = {"database": call.context.database_state.get(lambda: _database(call.context))}
    parts |= {name: "ok" if probe() else "down" for name, probe in call.context.probes.items()}
    works = all(state == "ok" for state in parts.values())
    document: dict[str, Any] = {"status": "ready" if works else "not ready"}
    if is_local(call.headers, call.source, behind_edge=call.context.behind_edge):
        alarms = call.context.alarms()
        document |= {"parts": parts, **({"alarms": alarms} if alarms else {})}
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
    return Answer(call.context.metrics(), media_type=_METRICS)
