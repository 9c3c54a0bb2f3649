"""Founding the demonstration alliance in a directory, with the functions that operators use."""

import json
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from ringwall.alliance import Alliance, load_alliance
from ringwall.core import BadConfiguration, SystemClock, Unavailable
from ringwall.core.settings import NodeSettings, load_node_settings
from ringwall.demo.environment import environment
from ringwall.demo.scenario import alliance_text
from ringwall.enrolment import (
    admit,
    create_holder,
    create_hub,
    create_node,
    enrol,
    issue_registry,
)
from ringwall.trust import HolderKeys, encode_registry

HUB = "hub1"
HOLDERS = ("holder-1", "holder-2", "holder-3")
THRESHOLD = 2
LOGIN_MINUTES = 8 * 60
_TOKEN_DAYS = 30
_HUB_PORTS = 3
_NODE_PORTS = 2
_PORTS = range(20_000, 32_000)
"""Below the range that systems take for outgoing connections, which would collide now and then."""


class Founded(msgspec.Struct, frozen=True):
    """A founded alliance: ``nodes`` maps every member to its node."""

    directory: Path
    alliance: Alliance
    nodes: dict[str, str]
    hub: str = HUB

    @property
    def registry(self) -> Path:
        """The path of the signed registry."""
        return self.directory / "registry.json"

    def directory_of(self, name: str) -> Path:
        """Return the directory of a node or of the hub."""
        return self.directory / name

    def settings(self, node: str) -> NodeSettings:
        """Read a node's settings from its directory."""
        return load_node_settings(self.directory_of(node))

    def readers_of(self, member: str) -> list[str]:
        """Return the readers of a member."""
        return [name for name, reader in self.alliance.readers.items() if reader.member == member]

    def token(self, reader: str) -> str:
        """Return a reader's token."""
        return (self.directory / "tokens" / reader).read_text(encoding="utf-8")


def found(directory: Path, *, port_base: int | None = None) -> Founded:
    """Found the alliance in ``directory``, or take the one that was founded there before.

    ``port_base`` is the first of the ports to use; without it a free range is looked for. Raises
    BadConfiguration (rules ``not-empty``, ``ports``).
    """
    alliance = load_alliance(alliance_text())
    nodes = {name: member.nodes[0].id for name, member in alliance.members.items()}
    founded = Founded(directory, alliance, nodes)
    if (directory / "tokens" / "complete").exists():
        return founded
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise BadConfiguration(
            f"{directory} is not empty and holds no complete demonstration alliance",
            field="dir",
            rule="not-empty",
        )
    first = port_base or free_range(_HUB_PORTS + _NODE_PORTS * len(nodes))
    _enrol_all(founded, first)
    _make_tokens(founded)
    return founded


def _enrol_all(founded: Founded, first_port: int) -> None:
    """Go the way of the operator guide: holders, hub, nodes, admissions, registry, enrolment."""
    text, now, place = alliance_text(), SystemClock().now(), founded.directory_of
    for name in HOLDERS:
        create_holder(place(name), name)
    ports = range(first_port, first_port + _HUB_PORTS)
    create_hub(
        place(founded.hub),
        text,
        founded.hub,
        now=now,
        leaf_port=ports[0],
        client_port=ports[1],
        monitor_port=ports[2],
    )
    introductions = {node: create_node(place(node), text, node) for node in founded.nodes.values()}
    holders = {name: HolderKeys.load(place(name) / "holder-keys.json") for name in HOLDERS}
    registry = issue_registry(
        text, list(introductions.values()), holders, threshold=THRESHOLD, issued=now
    )
    founded.registry.write_text(encode_registry(registry), encoding="utf-8")
    for number, (node, introduction) in enumerate(introductions.items()):
        port = first_port + _HUB_PORTS + _NODE_PORTS * number
        admission = admit(place(founded.hub), introduction, now=now)
        enrol(place(node), [registry], admission, http_port=port, leaf_port=port + 1)


def _make_tokens(founded: Founded) -> None:
    """Make a token for every reader, all nodes at once, in files that only we can read."""
    tokens = founded.directory / "tokens"
    tokens.mkdir(mode=0o700)
    commands = {}
    for member, node in founded.nodes.items():
        readers = [text for name in founded.readers_of(member) for text in ("--reader", name)]
        directory = str(founded.directory_of(node))
        days = str(_TOKEN_DAYS)
        commands[node] = ["token", "create", directory, "--days", days, "--json", *readers]
    for answer in run_commands(commands).values():
        for reader, token in answer.items():
            (tokens / reader).write_text(token, encoding="utf-8")
    (tokens / "complete").touch()


def login_links(founded: Founded) -> dict[str, str]:
    """Make a one-time login link for the watch officer of every member."""
    commands = {}
    for member, node in founded.nodes.items():
        directory, minutes = str(founded.directory_of(node)), str(LOGIN_MINUTES)
        reader = f"{member}-watch"
        commands[member] = [
            *("login-code", directory, "--reader", reader),
            *("--minutes", minutes, "--json"),
        ]
    return {m: answer[f"{m}-watch"] for m, answer in run_commands(commands).items()}


def run_commands(commands: dict[str, list[str]]) -> dict[str, Any]:
    """Run ``ringwall`` commands side by side; return what each printed, as JSON.

    Raises Unavailable (rule ``command``) with what a command that failed said.
    """
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "ringwall", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        for name, arguments in commands.items()
    }
    ended = {name: (process, *process.communicate()) for name, process in running.items()}
    for name, (process, _, complaint) in ended.items():
        if process.returncode != 0:
            raise Unavailable(
                f"{name}: {complaint.decode(errors='replace').strip()}", field=name, rule="command"
            )
    return {name: json.loads(output) for name, (_, output, _) in ended.items()}


def free_range(count: int) -> int:
    """Return the first of ``count`` neighbouring TCP ports that nothing on loopback uses now.

    Raises BadConfiguration (rule ``ports``) if none is found.
    """
    starts = range(_PORTS.start, _PORTS.stop - count, count)
    for _ in range(200):
        first = secrets.choice(starts)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise BadConfiguration(f"no {count} neighbouring ports are free", field="ports", rule="ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
