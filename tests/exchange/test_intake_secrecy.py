"""What a submitter learns of statements that it may not read: nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringwall.alliance import load_alliance
from ringwall.exchange import SubmitResult
from tests.exchange.engine_world import DESCRIPTION, Peer, World, indicator

LOW = "  arden-low: {member: arden, name: L, roles: [submitter], tlp: GREEN, nationality: arden}\n"
ADDRESS = {
    "type": "ipv4-addr",
    "spec_version": "2.1",
    "id": "ipv4-addr--5853f6a4-638f-5b4e-9b0f-ded361ae3812",
    "value": "203.0.113.1",
}
NAME = "indicator--7f1ed1b4-3d44-4a51-b2d0-6f3d6f6c2f11"


@pytest.fixture
def arden(tmp_path: Path) -> Iterator[Peer]:
    peer = Peer(World(tmp_path), "arden-1", alliance=load_alliance(DESCRIPTION + LOW))
    yield peer
    peer.store.close()


def state(peer: Peer, who: str, raw: bytes, label: str) -> SubmitResult:
    return peer.intake.submit(peer.alliance.readers[who], raw, label=label)


@pytest.mark.parametrize("first", [ADDRESS, json.loads(indicator(id=NAME))])
def test_nobody_finds_out_by_stating_it_too(arden: Peer, first: dict[str, Any]) -> None:
    """An observable's id is made of its value, so anybody can guess it."""
    raw = json.dumps(first).encode()
    hidden = state(arden, "arden-analyst", raw, "TLP:RED").submitted[0]
    stated = state(arden, "arden-low", raw, "TLP:RED").submitted[0]
    assert not stated.known
    assert stated.statement != hidden.statement
    again = state(arden, "arden-low", raw, "TLP:RED").submitted[0]
    assert again.known  # its own, whatever it may read
    assert again.statement == stated.statement


def test_a_conflict_with_what_is_hidden_is_not_told(arden: Peer) -> None:
    state(arden, "arden-analyst", indicator(id=NAME, name="one"), "TLP:RED")
    result = state(arden, "arden-low", indicator(id=NAME, name="two"), "TLP:GREEN")
    assert not result.refused
    result = state(arden, "arden-analyst", indicator(id=NAME, name="three"), "TLP:GREEN")
    assert [one.rule for one in result.refused] == ["conflicting-version"]


def test_what_may_be_read_is_known_whoever_stated_it(arden: Peer) -> None:
    raw = indicator(id=NAME)
    first = state(arden, "arden-analyst", raw, "TLP:GREEN").submitted[0]
    again = state(arden, "arden-low", raw, "TLP:GREEN").submitted[0]
    assert again.known
    assert again.statement == first.statement
