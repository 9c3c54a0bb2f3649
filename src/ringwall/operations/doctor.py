"""The doctor: every check of a machine, a node or a hub, running or not."""

import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from ringwall.core import LANES, BadConfiguration, RingwallError, SystemClock
from ringwall.core.settings import Files, HubSettings, NodeSettings, load_settings
from ringwall.exchange import CONTROL, tls
from ringwall.operations.database import check_database
from ringwall.operations.findings import Check, fault, guarded, ok, warning
from ringwall.operations.hub_line import check_line, check_reach
from ringwall.operations.machine import check_disk, check_machine, check_ports, port_answers
from ringwall.operations.papers import check_expiry, check_modes, check_papers
from ringwall.store import open_store
from ringwall.store.sqlite import SCHEMA, stored_schema

HUB_RESERVE = 64 * 1024 * 1024


def examine(directory: Path | None, environment: Mapping[str, str]) -> Iterator[Check]:
    """Look at the machine and, with a directory, at the node or hub in it."""
    yield from check_machine()
    if directory is None:
        return
    try:
        settings = load_settings(directory, environment)
    except RingwallError as error:
        yield fault("settings", str(error), "correct ringwall.toml or the environment")
        return
    yield ok("settings", f"{directory / 'ringwall.toml'}")
    files = Files(directory)
    yield guarded("modes", "chmod 600 the files that are named", lambda: check_modes(files))
    if isinstance(settings, HubSettings):
        yield from check_disk(directory, HUB_RESERVE)
        yield from _hub(files, settings)
    else:
        yield from check_disk(directory, settings.reserve_bytes)
        yield from _node(files, settings)


def _hub(files: Files, settings: HubSettings) -> Iterator[Check]:
    from ringwall.exchange.hub import HubFiles

    now = SystemClock().now()
    own = HubFiles(files.directory)
    for check, path in (("certificate", own.server), ("authority", own.authority)):
        yield guarded(
            check,
            "restore hub/ from your backup",
            lambda path=path, check=check: check_expiry(  # type: ignore[misc]
                check, tls.expiry(path.read_bytes()), now, "found the hub anew in time"
            ),
        )
    yield from check_ports(settings, running=_hub_runs(settings))


def _node(files: Files, settings: NodeSettings) -> Iterator[Check]:
    now = SystemClock().now()
    yield from check_papers(files, settings, now)
    if settings.tls_certificate:
        yield guarded("edge", "renew certificate and key", lambda: _edge(files, settings, now))
    state = readiness(files, settings)
    yield from check_ports(settings, running=bool(state))
    yield from check_database(files, settings, now, running=bool(state))
    if state:
        yield from _line_of_running(files, settings)
        yield ok("node", state) if state == "ready" else fault("node", state, "see its log")
    elif port_answers(settings.leaf_port):  # its leaf runs: a second one would disturb it
        what = f"it does not answer, but something does on its leaf_port {settings.leaf_port}"
        yield fault("node", what, "see its log; stop it and start it anew")
    else:
        yield from check_line(files, settings, SystemClock().now, _positions(files, settings))
        yield warning("node", "not running", f"start it: ringwall up {files.directory}")


def _line_of_running(files: Files, settings: NodeSettings) -> Iterator[Check]:
    from ringwall.enrolment import leaf_remote

    fix = "ask the hub's operator; check firewall and address"
    yield guarded("hub", fix, lambda: check_reach(leaf_remote(files, settings).url))


def _positions(files: Files, settings: NodeSettings) -> dict[str, int]:
    """Return how far the node's database has read each lane of its hub."""
    try:
        if not settings.database_url and (
            not files.database.is_file() or stored_schema(files.database) != SCHEMA
        ):
            return {}  # opening would migrate it
        store = open_store(files, settings)
    except RingwallError:
        return {}  # named by the check of the database
    try:
        with store.read() as tx:
            rows = {lane: tx.inbox_position(settings.hub, lane) for lane in (*LANES, CONTROL)}
    finally:
        store.close()
    return {lane: row.stream_sequence for lane, row in rows.items() if row is not None}


def readiness(files: Files, settings: NodeSettings) -> str:
    """Ask the node itself: ``ready``, what is not, or "" when it does not answer."""
    import httpx

    from ringwall.server.app import SOURCE_HEADER

    said = {SOURCE_HEADER: "127.0.0.1"}  # on the socket nobody else says where we ask from
    url = f"http://{settings.http_host}:{settings.http_port}"
    transport = httpx.HTTPTransport()
    if settings.tls_certificate:  # then it listens on a socket of its own, behind the proxy
        own = files.edge / "node.sock"
        if not own.exists():
            return ""
        url, transport = "http://localhost", httpx.HTTPTransport(uds=str(own))
    try:
        with httpx.Client(
            base_url=url, headers=said, trust_env=False, timeout=3.0, transport=transport
        ) as http:
            if http.get("/healthz").json().get("status") != "alive":
                return ""
            answer = http.get("/readyz")
    except (httpx.HTTPError, ValueError, AttributeError):
        return ""
    return "ready" if answer.status_code == 200 else " ".join(answer.text[:200].split())


def _edge(files: Files, settings: NodeSettings, now: datetime) -> Check:
    """Check the certificate that readers see: usable with its key, and not over."""
    certificate, key = (
        files.directory / settings.tls_certificate,
        files.directory / settings.tls_key,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise BadConfiguration(
            f"{certificate} with {key}: {error.strerror or error}",
            field="tls_certificate",
            rule="certificate",
        ) from error
    end = tls.expiry(certificate.read_bytes())
    return check_expiry("edge", end, now, "renew certificate and key")


def _hub_runs(settings: HubSettings) -> bool:
    """A hub answers on its monitoring port with its own name."""
    import httpx

    try:
        url = f"http://127.0.0.1:{settings.monitor_port}/varz"
        name = httpx.get(url, trust_env=False, timeout=3.0).json().get("server_name")
    except (httpx.HTTPError, ValueError, AttributeError):
        return False
    return bool(name == settings.hub)
