"""medallion and OpenTAXII from PyPI, each in its own environment, started and prefilled."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
ENVIRONMENTS = REPOSITORY / ".peers"
START_SECONDS = 60.0
USER = "admin"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"


class PeerMissing(Exception):
    """A peer could not be installed or started, and why."""


def install() -> str:
    """Make the peers' environments if they are missing; return why it failed, "" if it did not."""
    done = subprocess.run(
        ["sh", "scripts/peers.sh"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr.strip()[-500:]


class Peer:
    """A running peer: where it is, how one logs in, where its collection's objects are."""

    def __init__(self, name: str, url: str, authorization: str, objects: str) -> None:
        self.name = name
        self.url = url
        self.authorization = authorization
        self.objects = objects


@contextmanager
def medallion(folder: Path, stored: list[dict[str, object]]) -> Iterator[Peer]:
    """Run medallion with its memory backend, filled with ``stored``, on its own server."""
    program = _program("medallion", "medallion")
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "medallion.json"
    data = folder / "data.json"
    data.write_text(json.dumps(_medallion_data(stored)))
    backend = {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": str(data),
    }
    configuration.write_text(
        json.dumps({"users": {USER: USER}, "taxii": {"max_page_size": 1000}, "backend": backend})
    )
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    basic = "Basic " + base64.b64encode(f"{USER}:{USER}".encode()).decode()
    command = [program, "--host", "127.0.0.1", "--port", str(port), str(configuration)]
    with _running("medallion", command, folder, f"{url}/taxii2/"):
        yield Peer("medallion", url, basic, f"/bench/collections/{COLLECTION}/objects/")


def _medallion_data(stored: list[dict[str, object]]) -> dict[str, object]:
    manifest = [
        {
            "id": each["id"],
            "date_added": each["modified"],
            "version": each["modified"],
            "media_type": "application/stix+json;version=2.1",
        }
        for each in stored
    ]
    collection = {
        "id": COLLECTION,
        "title": "c1",
        "can_read": True,
        "can_write": True,
        "media_types": ["application/stix+json;version=2.1"],
        "objects": stored,
        "manifest": manifest,
    }
    information = {
        "title": "bench",
        "versions": ["application/taxii+json;version=2.1"],
        "max_content_length": 100 * 1024 * 1024,
    }
    root = {"information": information, "status": [], "collections": [collection]}
    discovery = {"title": "bench", "api_roots": ["http://127.0.0.1/bench/"]}
    return {"/discovery": discovery, "bench": root}


@contextmanager
def opentaxii(folder: Path, stored: list[dict[str, object]]) -> Iterator[Peer]:
    """Run OpenTAXII on SQLite with one gunicorn worker, filled with ``stored``."""
    python, gunicorn = _program("opentaxii", "python"), _program("opentaxii", "gunicorn")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "opentaxii.json").write_text(json.dumps(_opentaxii_settings(folder)))
    source = folder / "stored.jsonl"
    source.write_text("".join(json.dumps(each) + "\n" for each in stored))
    environment = {
        "PATH": os.environ["PATH"],
        "OPENTAXII_CONFIG": str(folder / "opentaxii.json"),
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
    }
    made = subprocess.run(
        [python, "-P", str(HERE / "peer_opentaxii.py"), str(source)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise PeerMissing(f"opentaxii could not be prepared: {made.stderr[-500:]}")
    objects = made.stdout.strip().splitlines()[-1]
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(gunicorn, "--workers", "1", "--timeout", "600", "--keep-alive", "600"),
        *("--bind", f"127.0.0.1:{port}", "peer_opentaxii:app"),
    ]
    with _running("opentaxii", command, folder, f"{url}/management/health", environment):
        login = {"username": USER, "password": USER}
        answer = httpx.post(f"{url}/management/auth", json=login, trust_env=False, timeout=30)
        yield Peer("opentaxii", url, f"Bearer {answer.json()['token']}", objects)


def _opentaxii_settings(folder: Path) -> dict[str, object]:
    parameters = {"create_tables": True}
    secret = {"secret": "only for this bench, on loopback, on which nothing secret is"}
    return {
        "domain": "127.0.0.1",
        "auth_api": {
            "class": "opentaxii.auth.sqldb.SQLDatabaseAPI",
            "parameters": {"db_connection": f"sqlite:///{folder}/auth.db", **parameters, **secret},
        },
        "taxii1": None,
        "taxii2": {
            "title": "bench",
            "max_content_length": 100 * 1024 * 1024,
            "public_discovery": True,
            "persistence_api": {
                "class": "opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI",
                "parameters": {"db_connection": f"sqlite:///{folder}/data.db", **parameters},
            },
        },
        "logging": {"opentaxii": "error", "root": "error"},
    }


def _program(peer: str, name: str) -> str:
    path = ENVIRONMENTS / peer / "bin" / name
    if not path.exists():
        raise PeerMissing(f"{path} is missing: `sh scripts/peers.sh` makes it from PyPI")
    return str(path)


@contextmanager
def _running(
    name: str,
    command: list[str],
    folder: Path,
    probe: str,
    environment: dict[str, str] | None = None,
) -> Iterator[None]:
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment
        )
    try:
        _await(process, probe, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], probe: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(probe, trust_env=False, timeout=START_SECONDS)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise PeerMissing(f"{log.stem} does not answer: {log.read_text(errors='replace')[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(install())
