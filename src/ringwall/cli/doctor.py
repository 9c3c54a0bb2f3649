"""``ringwall doctor``: every check with ok, warn or fail, and what to do."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ringwall.cli import exit_codes
from ringwall.cli.checks import Check, check_files, check_hub, check_machine, check_ports, guarded
from ringwall.cli.output import print_json, print_table
from ringwall.core import RingwallError
from ringwall.core.settings import Files, HubSettings, NodeSettings, load_settings


def doctor(options: argparse.Namespace) -> int:
    """Look at the machine and, with a directory, at the node or hub in it."""
    checks = list(check_machine())
    if options.directory:
        checks += check_directory(Path(options.directory))
    if options.json:
        print_json({"checks": msgspec.to_builtins(checks)})
    else:
        rows = [(c.outcome.upper(), c.name, c.fact, c.action) for c in checks]
        print_table(("", "CHECK", "FOUND", "WHAT TO DO"), rows)
    failed = any(check.outcome == "fail" for check in checks)
    return exit_codes.CHECK_FAILED if failed else exit_codes.OK


def check_directory(directory: Path) -> Iterator[Check]:
    """Look at a node or a hub, running or not."""
    try:
        settings = load_settings(directory, os.environ)
    except RingwallError as error:
        yield Check("settings", "fail", str(error), "correct ringwall.toml or the environment")
        return
    yield Check("settings", "ok", f"{directory / 'ringwall.toml'}")
    yield from check_files(Files(directory), settings)
    if isinstance(settings, HubSettings):
        yield from check_ports(settings, running=_hub_runs(settings))
        return
    state = _readiness(settings)
    yield from check_ports(settings, running=bool(state))
    yield guarded(
        "database", "restore the newest backup; keep the damaged file", lambda: _database(directory)
    )
    yield check_hub(lambda: _hub_url(Files(directory), settings))
    if state:
        outcome = "ok" if state == "ready" else "fail"
        yield Check("node", outcome, state, "" if outcome == "ok" else "see the node's log")
    else:
        yield Check("node", "warn", "not running", f"start it: ringwall up {directory}")


def _readiness(settings: NodeSettings) -> str:
    """Ask the node itself: ``ready``, what is not, or "" when it does not answer."""
    import httpx

    url = f"http://{settings.http_host}:{settings.http_port}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=3.0) as http:
            if http.get("/healthz").json().get("status") != "alive":
                return ""
            answer = http.get("/readyz")
    except (httpx.HTTPError, ValueError, AttributeError):
        return ""
    return "ready" if answer.status_code == 200 else " ".join(answer.text[:200].split())


def _hub_runs(settings: HubSettings) -> bool:
    """A hub answers on its monitoring port with its own name."""
    import httpx

    try:
        url = f"http://127.0.0.1:{settings.monitor_port}/varz"
        name = httpx.get(url, trust_env=False, timeout=3.0).json().get("server_name")
    except (httpx.HTTPError, ValueError, AttributeError):
        return False
    return bool(name == settings.hub)


def _database(directory: Path) -> Check | str:
    """Let the database check itself; a node that never ran has none yet."""
    from ringwall.store import SqliteStore

    path = Files(directory).database
    if not path.is_file():
        return Check("database", "warn", "none yet", "it is made when the node starts")
    store = SqliteStore(path)
    try:
        with store.read() as snapshot:
            faults = snapshot.integrity_faults()
            size = snapshot.audit_size()
    finally:
        store.close()
    if faults:
        action = "run `ringwall audit verify`, then restore the newest backup"
        return Check("database", "fail", f"{len(faults)} faults: {faults[0].message}", action)
    return f"sound, {path.stat().st_size // 2**20} MiB, {size} audit entries"


def _hub_url(files: Files, settings: NodeSettings) -> str:
    """Return where the hub that admitted this node listens."""
    from ringwall.enrolment import leaf_remote

    return leaf_remote(files, settings).url
