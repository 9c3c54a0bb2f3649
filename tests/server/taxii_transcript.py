"""Print a session of the official TAXII client, unchanged, with nodes of the demonstration.

    python -m tests.server.taxii_transcript

It founds the alliance in a temporary directory and starts every process, as operators would; what
is posted to Arden's node by TAXII is read from Borduria's node by TAXII.
"""

import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import taxii2client
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from ringwall.demo import AllianceProcesses

PATIENCE_SECONDS = 30.0
MOMENT = "2026-01-01T00:00:00.000Z"


def say(text: str = "") -> None:
    """Write a line of the transcript."""
    sys.stdout.write(f"{text}\n")


def indicator(number: int, **more: Any) -> dict[str, Any]:
    """Return a fresh indicator without a marking: the client cannot name a label."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": MOMENT,
        "modified": MOMENT,
        "name": f"Command server {number}",
        "pattern": f"[ipv4-addr:value = '198.51.100.{number}']",
        "pattern_type": "stix",
        "valid_from": MOMENT,
        **more,
    }


def connect(alliance: AllianceProcesses, reader: str, node: str) -> ApiRoot:
    """Go from a node's discovery to its API root."""
    port = alliance.founded.settings(node).http_port
    url = f"http://127.0.0.1:{port}/taxii2/"
    server = Server(url, user=reader, password=alliance.founded.token(reader))
    say(f">>> Server({url!r}, user={reader!r}, password=…)")
    say(f"{server.title}; default {server.default.url}; {server.default.versions}")
    return server.default


def titled(root: ApiRoot, title: str) -> Collection:
    """Choose a collection as XSOAR does."""
    return next(each for each in root.collections if each.title == title)


def transcript(alliance: AllianceProcesses) -> None:
    """Walk from discovery over POST, status, paging and filters to DELETE."""
    arden = connect(alliance, "arden-tool", "arden-1")
    say(">>> [c.title for c in root.collections if c.can_write]")
    say(str([each.title for each in arden.collections if each.can_write]))
    things = [indicator(number) for number in range(1, 6)]
    poisoned = indicator(9, confidence=1000)
    say(
        ">>> submit = 'Submit as warning';  status = submit.add_objects({'objects': [5 and 1 bad]})"
    )
    status = titled(arden, "Submit as warning").add_objects({"objects": [*things, poisoned]})
    counts = (status.total_count, status.success_count, status.failure_count, status.pending_count)
    say(f"{status.status}: total, success, failure, pending = {counts}")
    say(f"failure: {status.failures[0]['message']}")
    say(">>> root.get_status(status.id).status")
    say(arden.get_status(status.id).status)
    again = titled(arden, "Submit as warning").add_objects({"objects": things})
    say(">>> the same five again")
    say(f"{again.success_count} successes; {again.successes[0]['message']}")
    say()
    borduria = connect(alliance, "borduria-analyst", "borduria-1")
    wait(lambda: len(read_all(borduria)) == len(things))
    source = titled(borduria, "Statements of Arden (arden)")
    say(">>> for page in as_pages(source.get_objects, per_request=2): …   # Statements of Arden")
    for page in as_pages(source.get_objects, per_request=2):
        found = ", ".join(one["name"] for one in page["objects"])
        say(f"{len(page['objects'])} objects, more={page['more']}: {found}")
    say(">>> source.get_objects(limit=1)['objects'][0]   # the label left as a marking")
    say(json.dumps(source.get_objects(limit=1)["objects"][0], indent=1))
    dates = [one["date_added"] for one in source.get_manifest()["objects"]]
    say(f">>> source.get_objects(added_after={dates[2]!r})")
    say(str([one["name"] for one in source.get_objects(added_after=dates[2])["objects"]]))
    say()
    own, kept = titled(arden, "Statements of Arden (arden)"), indicator(7)
    titled(arden, "Submit as home").add_objects({"objects": [kept]})
    say(f">>> own.delete_object({kept['id']!r})   # TLP:RED, never left")
    own.delete_object(kept["id"])
    say(refusal(lambda: own.get_object(kept["id"])))
    say(f">>> own.delete_object({things[0]['id']!r})   # with Borduria by now")
    say(refusal(lambda: own.delete_object(things[0]["id"])))


def read_all(root: ApiRoot) -> list[dict[str, Any]]:
    """Read every object that a reader sees."""
    found: list[dict[str, Any]] = titled(root, "All statements").get_objects()["objects"]
    return found


def refusal(ask: Callable[[], object]) -> str:
    """Say what the node answered instead."""
    try:
        ask()
    except requests.HTTPError as error:
        body = error.response.json()
        return f"{error.response.status_code} {body['title']}: {body['description']}"
    raise AssertionError("it was not refused")


def wait(condition: Callable[[], bool]) -> None:
    """Wait until statements have come by the hub."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the statements did not arrive")
        time.sleep(0.1)


def main() -> None:
    """Found, start, talk, stop."""
    with tempfile.TemporaryDirectory() as folder:
        say(f"taxii2-client {taxii2client.__version__}, unchanged")
        with AllianceProcesses.found(Path(folder) / "alliance") as alliance:
            transcript(alliance)


if __name__ == "__main__":
    main()
