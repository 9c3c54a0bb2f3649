"""`kill -9` of any process of the demonstration alliance at 50 random moments.

Submitters at every member go on all the while, as a tool would: whatever got no answer is
submitted again. In the end: what was acknowledged is at every member that may have it, exactly
once, and at no other; nothing that nobody submitted is anywhere; every node's audit log and every
proof verifies. Who may have what is written here by hand, from the agreements of the alliance.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ringwall.core import RingwallError, Unavailable
from ringwall.demo.processes import AllianceProcesses

KILLS = 50
MEMBERS = ("arden", "borduria", "caledon", "dorne", "elbe-power")
ALLIES = frozenset({"arden", "borduria", "caledon"})
ENERGY = ALLIES | {"elbe-power"}
READY_SECONDS = 90.0
SETTLE_SECONDS = 60


def _may_have(origin: str, label: str) -> frozenset[str]:
    """Return the other members that must get an indicator: the agreements, read by a person."""
    if label == "TLP:AMBER//REL TO allies":
        # the partner agreement reaches up to AMBER, Arden's agreement with its company, too
        return {"dorne": ALLIES, "elbe-power": frozenset({"arden"})}.get(origin, ALLIES - {origin})
    if label == "TLP:RED":
        return frozenset()
    assert label == "TLP:GREEN"
    reach = set()
    if origin in ALLIES:
        reach |= ENERGY | {"dorne"}
    elif origin == "dorne":
        reach |= ALLIES
    else:
        reach |= ENERGY
    return frozenset(reach - {origin})


LABELS = ("TLP:GREEN", "TLP:AMBER//REL TO allies", "TLP:RED")


@dataclass
class Ledger:
    """What a submitter was told: object id -> (origin member, label, statement id)."""

    told: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)


def _indicator(number: int) -> tuple[str, bytes]:
    moment = "2026-01-02T03:04:05.678Z"
    name = f"indicator--{uuid.uuid4()}"
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": name,
        "created": moment,
        "modified": moment,
        "pattern": f"[ipv4-addr:value = '203.0.113.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": moment,
        "indicator_types": ["malicious-activity"],
    }
    return name, json.dumps(document).encode()


class Submitter(threading.Thread):
    """Submits one indicator after the other; tries again whatever got no answer."""

    def __init__(self, alliance: AllianceProcesses, member: str, stop: threading.Event) -> None:
        super().__init__(name=f"submitter of {member}", daemon=True)
        self.ledger = Ledger()
        self.surprises: list[str] = []
        self._alliance = alliance
        self._member = member
        self._stop_event = stop

    def run(self) -> None:
        """Submit until told to stop; the last one is finished."""
        number = 0
        while not self._stop_event.is_set():
            label = LABELS[number % len(LABELS)]
            name, raw = _indicator(number)
            self.ledger.sent[name] = (self._member, label)
            self._submit(name, raw, label)
            number += 1
            time.sleep(0.05)

    def _submit(self, name: str, raw: bytes, label: str) -> None:
        while True:
            try:
                with self._alliance.client(self._member, "tool") as client:
                    answer = client.submit(raw, label=label)
            except RingwallError as error:
                if error.status not in (502, 503) and error.code != "unavailable":
                    self.surprises.append(f"{error.status} {error}")
                if self._stop_event.is_set() and self.surprises:
                    return
                time.sleep(0.1)
                continue
            if answer["refused"]:
                self.surprises.append(str(answer["refused"]))
                return
            self.ledger.told[name] = (self._member, label, answer["submitted"][0]["statement"])
            return


def _kill_something(alliance: AllianceProcesses, chance: random.Random) -> str:
    """Kill a node, the hub, or the nats-server of one of them; start again what we started."""
    name = chance.choice(alliance.names)
    children = _nats_servers(alliance.pid(name)) if alliance.is_running(name) else []
    if children and chance.random() < 0.4:
        os.kill(chance.choice(children), signal.SIGKILL)
        return f"nats-server of {name}"
    if alliance.is_running(name):
        alliance.kill(name)
    alliance.spawn(name)
    return name


def _start_what_ended(alliance: AllianceProcesses) -> None:
    """Start again what ended by itself, as a service manager would.

    A node whose own nats-server is killed while both are starting gives up, and says so.
    """
    for name in alliance.names:
        if not alliance.is_running(name):
            alliance.spawn(name)


def _await_ready(alliance: AllianceProcesses, name: str) -> None:
    """Wait for a node; whatever gives up meanwhile is started again, the hub too."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        _start_what_ended(alliance)
        try:
            alliance.wait_ready(name, timeout=5.0)
            return
        except Unavailable:
            if time.monotonic() > deadline:
                sys.stdout.write(alliance.log_tail(alliance.founded.hub))
                raise


def _nats_servers(pid: int) -> list[int]:
    """Return the nats-server processes below a process (Linux)."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {int(c) for t in tasks for c in (t / "children").read_text().split()}
        for child in children:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            found += [child] if b"nats-server" in command else []
            found += _nats_servers(child)
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found


def _everything(alliance: AllianceProcesses, member: str) -> Iterator[dict[str, object]]:
    """Yield every statement that an analyst with the highest clearance sees at a member."""
    after = "0"
    with alliance.client(member) as client:
        while True:
            page = client.statements(after=after, limit=500)
            yield from page["statements"]
            after = page["next"]
            if not page["more"]:
                return


def _wait_settled(alliance: AllianceProcesses) -> None:
    """Wait until every envelope is receipted by every recipient."""
    deadline = time.monotonic() + SETTLE_SECONDS
    behind: list[str] = ["not asked yet"]
    while behind and time.monotonic() < deadline:
        behind = []
        for member in MEMBERS:
            with alliance.client(member) as client:
                behind += [
                    f"{member} -> {row}" for row in client.peers()["peers"] if row["backlog"]
                ]
        time.sleep(0.5)
    assert not behind, behind


@pytest.mark.skipif(sys.platform != "linux", reason="finds child processes in Linux's /proc")
def test_fifty_kills_lose_double_and_leak_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"KILL_SEED={seed}\n")  # pytest shows it on failure: it repeats the choices
    chance = random.Random(seed)
    alliance = AllianceProcesses.found(tmp_path / "alliance")
    stop = threading.Event()
    submitters = [Submitter(alliance, member, stop) for member in MEMBERS]
    with alliance:
        for submitter in submitters:
            submitter.start()
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.02, 1.2))
                _kill_something(alliance, chance)
                _start_what_ended(alliance)
        finally:
            stop.set()
            for name in alliance.nodes:
                _await_ready(alliance, name)
            for submitter in submitters:
                submitter.join(30)
        assert [s.surprises for s in submitters] == [[]] * len(submitters)
        _wait_settled(alliance)
        held = {member: list(_everything(alliance, member)) for member in MEMBERS}
    told = {name: fact for s in submitters for name, fact in s.ledger.told.items()}
    sent = {name: fact for s in submitters for name, fact in s.ledger.sent.items()}
    assert len(told) >= KILLS  # they got on with it while being shot at
    assert all(s.ledger.told for s in submitters)
    _check_places(held, told, sent)
    _check_audit(alliance)


def _check_places(
    held: dict[str, list[dict[str, object]]],
    told: dict[str, tuple[str, str, str]],
    sent: dict[str, tuple[str, str]],
) -> None:
    for member, statements in held.items():
        objects = Counter(str(row["object_id"]) for row in statements)
        doubled = [name for name, count in objects.items() if count > 1]
        assert not doubled, f"{member} holds twice: {doubled}"
        must = {
            name: statement
            for name, (origin, label, statement) in told.items()
            if member == origin or member in _may_have(origin, label)
        }
        may = {
            name
            for name, (origin, label) in sent.items()
            if member == origin or member in _may_have(origin, label)
        }
        assert not set(must) - set(objects), f"{member} lacks acknowledged statements"
        assert not set(objects) - may, f"{member} holds what it may not have"
        names = {str(row["object_id"]): str(row["statement"]) for row in statements}
        renamed = [name for name, statement in must.items() if names[name] != statement]
        assert not renamed, f"{member}: acknowledged under another statement id: {renamed}"


def _check_audit(alliance: AllianceProcesses) -> None:
    for name in alliance.nodes:
        command = ["audit", "verify", str(alliance.founded.directory_of(name))]
        done = subprocess.run(
            [sys.executable, "-m", "ringwall", *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
