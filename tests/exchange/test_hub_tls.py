"""Who gets through the hub's TLS: nodes of its own authority, by X25519MLKEM768, with a token."""

import asyncio
import json
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import SystemClock
from ringwall.core.settings import Files
from ringwall.enrolment import leaf_remote
from ringwall.exchange import tls
from ringwall.exchange.hub_accounts import (
    credentials_text,
    mint_node_user,
    new_hub_keys,
    new_user_seed,
    public_nkey,
)
from ringwall.exchange.leaf import Leaf, leaf_configuration
from ringwall.exchange.nats_process import NatsProcess
from tests.exchange.hub_world import World, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.hub.start()
    yield world
    await world.hub.stop()


def read(path: str) -> str:
    return Path(path).read_text()


def leaf_count(world: World) -> int:
    url = f"http://127.0.0.1:{world.hub_settings.monitor_port}/leafz"
    with urllib.request.urlopen(url, timeout=2) as answer:
        return int(json.load(answer)["leafnodes"])


def remote_of(configuration: dict[str, Any]) -> dict[str, Any]:
    remote: dict[str, Any] = configuration["leafnodes"]["remotes"][0]
    return remote


async def is_let_in(world: World, configuration: dict[str, Any], port: int) -> bool:
    process = NatsProcess(world.directory / "leaf-run", "leaf", configuration, port)
    await process.start()
    try:
        await until(lambda: leaf_count(world) == 1, 1.2)
    except TimeoutError:
        return False
    finally:
        await process.stop()
    return True


def configuration_of(world: World, port: int) -> dict[str, Any]:
    remote = leaf_remote(Files(world.directory / "aaa-1"), world.settings["aaa-1"])
    return leaf_configuration("aaa-1", port, "password", remote)


async def test_a_node_of_the_alliance_is_let_in(world: World, free_port: int) -> None:
    assert await is_let_in(world, configuration_of(world, free_port), free_port)


async def test_no_client_certificate_is_refused(world: World, free_port: int) -> None:
    configuration = configuration_of(world, free_port)
    del remote_of(configuration)["tls"]["cert_file"], remote_of(configuration)["tls"]["key_file"]
    assert not await is_let_in(world, configuration, free_port)


async def test_a_certificate_of_another_authority_is_refused(world: World, free_port: int) -> None:
    now = SystemClock().now()
    other = tls.new_authority("ring", "hub1", now)
    request, key = tls.new_request("ring", "aaa-1")
    certificate = world.directory / "other.pem"
    certificate.write_bytes(tls.issue_node(other, request, "ring", "aaa-1", now))
    (world.directory / "other-key.pem").write_bytes(key)
    configuration = configuration_of(world, free_port)
    remote_of(configuration)["tls"] |= {
        "cert_file": str(certificate),
        "key_file": str(world.directory / "other-key.pem"),
    }
    assert not await is_let_in(world, configuration, free_port)


class Later(SystemClock):
    """A clock that is ``days`` ahead."""

    def __init__(self, days: int) -> None:
        self.ahead = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.mark.parametrize(
    ("days", "said"), [(0, ""), (367, ""), (369, "expires on"), (399, "expired on")]
)
async def test_an_expired_certificate_is_named_in_the_log(
    world: World, free_port: int, caplog: pytest.LogCaptureFixture, days: int, said: str
) -> None:
    """nats-server itself tells neither side more than a failed handshake."""
    remote = leaf_remote(Files(world.directory / "aaa-1"), world.settings["aaa-1"])
    directory = world.directory / "leaf-run"
    leaf = Leaf("aaa-1", directory, free_port, remote, clock=Later(days))
    await leaf.start()
    await asyncio.sleep(0)
    await leaf.stop()
    lines = [line for line in caplog.messages if str(remote.certificate) in line]
    assert [said in line for line in lines] == [True] * bool(said)


async def test_a_hub_lets_no_expired_certificate_in(world: World, free_port: int) -> None:
    hub, long_ago = world.hub_directory / "hub", Later(-399).now()
    authority = tls.Credential(
        (hub / "authority.pem").read_bytes(), (hub / "authority-key.pem").read_bytes()
    )
    request, key = tls.new_request("ring", "aaa-1")
    certificate = world.directory / "expired.pem"
    certificate.write_bytes(tls.issue_node(authority, request, "ring", "aaa-1", long_ago))
    (world.directory / "expired-key.pem").write_bytes(key)
    configuration = configuration_of(world, free_port)
    remote_of(configuration)["tls"] |= {
        "cert_file": str(certificate),
        "key_file": str(world.directory / "expired-key.pem"),
    }
    assert not await is_let_in(world, configuration, free_port)


async def test_a_leaf_with_classical_key_exchange_only_is_refused(
    world: World, free_port: int
) -> None:
    configuration = configuration_of(world, free_port)
    remote_of(configuration)["tls"]["curve_preferences"] = ["X25519"]
    assert not await is_let_in(world, configuration, free_port)


async def test_a_certificate_without_a_token_is_nobody(world: World, free_port: int) -> None:
    """CVE-2026-33248: the certificate's names must not map to a user."""
    configuration = configuration_of(world, free_port)
    del remote_of(configuration)["credentials"]
    assert not await is_let_in(world, configuration, free_port)


async def test_a_token_of_another_signer_is_refused(world: World, free_port: int) -> None:
    """CVE-2021-3127: a token counts only if this hub's own key signed it."""
    seed = new_user_seed()
    token = mint_node_user(
        new_hub_keys(), node="aaa-1", nkey=public_nkey(seed), issued=SystemClock().now()
    )
    credentials = world.directory / "forged.creds"
    credentials.write_text(credentials_text(token, seed))
    configuration = configuration_of(world, free_port)
    remote_of(configuration)["credentials"] = str(credentials)
    assert not await is_let_in(world, configuration, free_port)


async def test_a_stolen_token_without_its_seed_is_refused(world: World, free_port: int) -> None:
    configuration = configuration_of(world, free_port)
    token = read(remote_of(configuration)["credentials"]).split("\n")[1]
    credentials = world.directory / "stolen.creds"
    credentials.write_text(credentials_text(token, new_user_seed()))
    remote_of(configuration)["credentials"] = str(credentials)
    assert not await is_let_in(world, configuration, free_port)


async def test_a_classical_tls_client_fails_in_the_handshake(world: World) -> None:
    """Python's OpenSSL may lack ML-KEM; with it, prime256v1 alone is as classical."""
    remote = leaf_remote(Files(world.directory / "aaa-1"), world.settings["aaa-1"])
    context = ssl.create_default_context(cafile=remote.authority)
    context.load_cert_chain(remote.certificate, remote.key)
    context.set_ecdh_curve("prime256v1")
    address = ("127.0.0.1", world.hub_settings.leaf_port)
    with (
        socket.create_connection(address, timeout=2) as raw,
        pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"),
        context.wrap_socket(raw, server_hostname="127.0.0.1"),
    ):
        pass


async def test_nothing_but_the_leaf_port_leaves_loopback(world: World) -> None:
    configuration = json.loads((world.hub_directory / "run" / "hub.conf").read_text())
    assert configuration["listen"].startswith("127.0.0.1:")
    assert configuration["http"].startswith("127.0.0.1:")
    assert configuration["jetstream"]["sync_interval"] == "always"
    assert not {"cluster", "gateway", "websocket", "mqtt"} & configuration.keys()
    assert "verify_and_map" not in configuration["leafnodes"]["tls"]
