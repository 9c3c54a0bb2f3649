"""A bundle of 100 MB through a running node: it streams in, and memory stays bounded (Linux)."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from benches.large_body import LARGE_BODY, post_large
from benches.node_process import peak_megabytes
from ringwall.demo.processes import AllianceProcesses

NODE = "arden-1"
MEGABYTES = 300


@pytest.fixture
def alliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllianceProcesses]:
    alliance = AllianceProcesses.found(tmp_path_factory.mktemp("memory") / "alliance")
    for name in (alliance.founded.hub, NODE):
        alliance.spawn(name)
    try:
        alliance.wait_ready(NODE)
        yield alliance
    finally:
        alliance.stop()


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux's /proc")
def test_a_bundle_of_100_megabytes_needs_less_than_300(alliance: AllianceProcesses) -> None:
    token = alliance.founded.token("arden-tool")
    sent, stated, refused = asyncio.run(post_large(alliance.url(NODE), token))
    assert sent >= LARGE_BODY
    assert (stated > 100_000, refused) == (True, 0)
    with alliance.client("arden") as client:
        assert client.statements(latest=1)["statements"]
    assert peak_megabytes(alliance.pid(NODE)) < MEGABYTES
