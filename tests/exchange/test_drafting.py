"""What a submitter is told before anything leaves: also who waits for a second person."""

import json
from pathlib import Path

import pytest

from ringwall.core import parse_statement_id
from ringwall.labels import Tlp
from ringwall.policy import HoldRule, HoldRules
from tests.exchange.engine_world import Peer, World, indicator

pytestmark = pytest.mark.anyio
AMBER = HoldRule("amber", "standing order 4", to=("dorne", "borduria"), lowest_tlp=Tlp.AMBER)
RULES = "redactions: {quiet: {to: [borduria], fields: [description], clause: order 1}}"


def arden(directory: Path, redactions: str = "redactions: {}") -> Peer:
    holds = HoldRules(two_person=(AMBER,))
    return Peer(World(directory), "arden-1", holds=holds, redactions=redactions)


async def waiting(peer: Peer, raw: bytes, label: str, *, dry_run: bool) -> dict[str, str]:
    result = await peer.submit(raw, label, dry_run=dry_run)
    return {each.member: each.waits for each in result.submitted[0].recipients}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("redactions", ["redactions: {}", RULES])
async def test_who_waits_for_a_second_person_is_told_with_the_clause(
    tmp_path: Path, redactions: str, dry_run: bool
) -> None:
    peer, raw = arden(tmp_path, redactions), indicator(description="told to few")
    told = await waiting(peer, raw, "TLP:AMBER", dry_run=dry_run)
    assert told["borduria"] == "standing order 4"
    assert told["dorne"] == ""  # it gets nothing at all, and waits for nothing
    told = await waiting(peer, indicator(), "TLP:GREEN", dry_run=dry_run)
    assert set(told.values()) == {""}


async def test_what_is_recorded_does_not_say_that_it_waits_for_ever(tmp_path: Path) -> None:
    peer, raw = arden(tmp_path), indicator()
    result = await peer.submit(raw, "TLP:AMBER")
    with peer.store.read() as tx:
        held = tx.statement_by_id(parse_statement_id(result.submitted[0].statement))
        assert held is not None
        reasons = tx.releases(held.order)[0].reasons
    assert all("waits" not in reason for reason in reasons)
    again = await peer.submit(raw, "TLP:AMBER")
    assert again.submitted[0].known
    assert json.dumps([each.waits for each in again.submitted[0].recipients]) == '["", ""]'


@pytest.mark.parametrize("dry_run", [True, False])
async def test_who_is_described_and_has_not_enrolled_gets_nothing(
    tmp_path: Path, dry_run: bool
) -> None:
    world = World(tmp_path)
    peer = Peer(world, "arden-1", recipients={"dorne-1"})
    (submitted,) = (await peer.submit(indicator(), "TLP:GREEN", dry_run=dry_run)).submitted
    told = {each.member: (each.permit, each.reason) for each in submitted.recipients}
    assert told["dorne"][0]
    assert told["borduria"] == (
        False,
        "withheld from borduria: borduria has no node in the registry",
    )
