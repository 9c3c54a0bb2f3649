"""Founding a hub and admitting nodes to it."""

import itertools
import secrets
import socket
from datetime import datetime
from pathlib import Path

import msgspec

from ringwall.alliance import load_alliance
from ringwall.core import Conflict, InvalidInput, Unavailable, check_name
from ringwall.core.settings import Files, HubSettings, format_settings, load_hub_settings
from ringwall.enrolment.documents import (
    Admission,
    Introduction,
    check_introduction,
    create_private,
    refuse_existing,
)
from ringwall.exchange import tls
from ringwall.exchange.hub import HubFiles, HubIdentity, HubSeat, load_identity, load_seats
from ringwall.exchange.hub_accounts import check_user_nkey, mint_node_user, new_hub_keys

_FIRST_PORT, _LAST_PORT = 20_000, 32_767
_OFFSET = secrets.randbelow(_LAST_PORT - _FIRST_PORT)
_CANDIDATES: "itertools.cycle[int]" = itertools.cycle(
    [*range(_FIRST_PORT + _OFFSET, _LAST_PORT), *range(_FIRST_PORT, _FIRST_PORT + _OFFSET)]
)


def create_hub(
    directory: Path,
    alliance_text: str,
    hub: str,
    *,
    now: datetime,
    host: str = "127.0.0.1",
    leaf_port: int = 0,
    client_port: int = 0,
    monitor_port: int = 0,
) -> HubSettings:
    """Make a hub's keys, authority, server certificate and settings in ``directory``.

    Nodes reach it at ``host``; unless that is this machine it listens on all addresses. Port 0
    takes a free one. Raises InvalidInput for a bad name, BadConfiguration (rule ``exists``).
    """
    check_name(hub, field="hub")
    alliance = load_alliance(alliance_text)
    files = HubFiles(directory)
    refuse_existing(files.identity)
    here = host in {"127.0.0.1", "localhost"}
    settings = HubSettings(
        hub=hub,
        leaf_host="127.0.0.1" if here else "0.0.0.0",  # noqa: S104 - nodes come from elsewhere
        leaf_port=leaf_port or free_port(),
        client_port=client_port or free_port(),
        monitor_port=monitor_port or free_port(),
    )
    authority = tls.new_authority(alliance.id, hub, now)
    server = tls.issue_server(authority, hub, [host], now)
    identity = HubIdentity(alliance.id, hub, host, new_hub_keys())
    create_private(files.authority, authority.certificate.decode())
    create_private(files.authority_key, authority.key.decode())
    create_private(files.server, server.certificate.decode())
    create_private(files.server_key, server.key.decode())
    create_private(Files(directory).alliance, alliance_text)
    files.seats.mkdir(parents=True, exist_ok=True)
    create_private(files.identity, msgspec.json.encode(identity).decode())
    create_private(Files(directory).settings, format_settings(settings))
    return settings


def admit(directory: Path, introduction: Introduction, *, now: datetime) -> Admission:
    """Admit a node to the hub in ``directory``; a running hub takes it up within seconds.

    The same introduction may be admitted again (a new certificate and token); another nkey for
    a seated node is refused. Raises InvalidInput (rules ``alliance``, ``node``, ``nkey``, those
    of the CSR), BadSignature, Conflict (rule ``seat``).
    """
    files = HubFiles(directory)
    identity = load_identity(files.identity)
    settings = load_hub_settings(directory)
    check_introduction(introduction)
    if introduction.alliance != identity.alliance:
        raise InvalidInput(
            f"introduction: is for alliance {introduction.alliance}, not {identity.alliance}",
            field="alliance",
            rule="alliance",
        )
    alliance = load_alliance(Files(directory).alliance.read_text(encoding="utf-8"))
    seat = HubSeat(
        introduction.node,
        alliance.node(introduction.node).place,
        check_user_nkey(introduction.nkey),
    )
    authority = tls.Credential(files.authority.read_bytes(), files.authority_key.read_bytes())
    certificate = tls.issue_node(
        authority, introduction.csr.encode(), identity.alliance, seat.node, now
    )
    _take_seat(files, seat)
    return Admission(
        alliance=identity.alliance,
        hub=identity.hub,
        domain=identity.hub,
        url=f"tls://{identity.host}:{settings.leaf_port}",
        node=seat.node,
        nkey=seat.nkey,
        user_jwt=mint_node_user(identity.keys, node=seat.node, nkey=seat.nkey, issued=now),
        certificate=certificate.decode(),
        authority=authority.certificate.decode(),
    )


def free_port() -> int:
    """Return a TCP port that nothing on this machine's loopback uses now.

    Below the range that systems take the ports of outgoing connections from: one of those could
    come in between. A process does not return the same port twice before it has tried all.
    """
    for port in itertools.islice(_CANDIDATES, _LAST_PORT - _FIRST_PORT):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Unavailable("no free TCP port on loopback", rule="port")


def _take_seat(files: HubFiles, seat: HubSeat) -> None:
    for taken in load_seats(files):
        same = taken.node == seat.node or taken.place == seat.place or taken.nkey == seat.nkey
        if same and taken != seat:
            raise Conflict(
                f"hub: {seat.node} at place {seat.place} contradicts the seat of {taken.node}",
                field="node",
                rule="seat",
            )
        if taken == seat:
            return
    create_private(files.seats / f"{seat.node}.json", msgspec.json.encode(seat).decode())
