"""Agreements between real nodes: proposed, previewed, signed, in force at once, withdrawn."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.alliance import Reader
from ringwall.core import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    canonical_json,
)
from ringwall.exchange.messages import LARGEST_MESSAGE
from ringwall.labels import Tlp
from ringwall.sharing import Agreements, PastSender
from ringwall.sharing.signed import LARGEST_DOCUMENT, Held, PartySignature, portions
from ringwall.store import verify_store
from ringwall.trust import PublicKeys
from tests.exchange.engine_world import Peer, World, eventually, indicator

pytestmark = pytest.mark.anyio

Book = dict[str, Any]


def written(**changes: Any) -> bytes:
    """An agreement between arden and dorne, who share nothing by the trial description."""
    book: Book = {
        "agreement": {"alliance": "trial", "id": "arden-dorne", "version": 1},
        "title": "Arden and Dorne",
        "parties": ["arden", "dorne"],
        "purposes": ["collective-defence"],
        "highest_tlp": "AMBER",
        "valid_from": "2020-01-01",
        "valid_until": "2040-01-01",
        "clause": "article 7",
    }
    return json.dumps(book | changes).encode()


class Bureau:
    """A peer with its agreements and its policy officer."""

    def __init__(self, world: World, peer: Peer) -> None:
        self.peer = peer
        self.told = 0

        def find(node: str) -> tuple[str, PublicKeys] | None:
            entry = world.registry.nodes.get(node)
            return (entry.member, entry.keys) if entry else None

        self.agreements = Agreements(
            node=peer.node,
            member=peer.member,
            described=peer.alliance,
            kernel=peer.kernel,
            keys=world.keys[peer.node],
            find_keys=find,
            store=peer.store,
            clock=world.clock,
            messages=peer.messages,
            announce=self.tell,
            past=PastSender(
                node=peer.node,
                member=peer.member,
                kernel=peer.kernel,
                store=peer.store,
                clock=world.clock,
                recipients=world.registry.nodes.keys() - {peer.node},
            ),
            wake=peer.outbox.wake,
        )
        self.officer = Reader(
            id=f"{peer.member}-policy",
            member=peer.member,
            name="Policy officer",
            roles=frozenset({"policy-officer"}),
            tlp=Tlp.CLEAR,
        )

    def tell(self) -> None:
        self.told += 1
        self.peer.inbox.policy_changed()

    def do(self, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return asyncio.to_thread(lambda: act(*args, **options))

    def state(self, digest: str) -> str:
        return self.agreements.show(digest).state


class Pair:
    """Arden and Dorne, both running."""

    def __init__(self, world: World) -> None:
        world.message_seconds = 0.2
        self.world = world
        self.arden = Bureau(world, Peer(world, "arden-1"))
        self.dorne = Bureau(world, Peer(world, "dorne-1"))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Pair"]:
        async with self.arden.peer.running(), self.dorne.peer.running():
            yield self

    async def agree(self, text: bytes, **options: Any) -> str:
        """Arden proposes, Dorne signs; return the digest once both have it in force."""
        digest: str = (await self.propose(text)).digest
        await self.dorne.do(self.dorne.agreements.sign, self.dorne.officer, digest, **options)
        await self.reach(self.arden, digest, "in-force")
        return digest

    async def propose(self, text: bytes) -> Any:
        state = await self.arden.do(self.arden.agreements.propose, self.arden.officer, text)
        await eventually(lambda: digests(self.dorne) >= {state.digest}, "proposed at dorne")
        return state

    async def reach(self, bureau: Bureau, digest: str, state: str) -> None:
        await eventually(lambda: bureau.state(digest) == state, f"{bureau.peer.node}: {state}")


def digests(bureau: Bureau) -> set[str]:
    return {each.digest for each in bureau.agreements.listing()}


def in_force(bureau: Bureau) -> list[str]:
    bureau.agreements.changed()
    return [each.digest for each in bureau.peer.kernel.alliance.agreements if each.digest]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(World(tmp_path))


@pytest.mark.usefixtures("each_store")
async def test_nothing_opens_before_every_party_has_signed_and_then_at_once(pair: Pair) -> None:
    async with pair.running():
        arden, dorne = pair.arden.peer, pair.dorne.peer
        before = (await arden.submit(indicator(), label="TLP:AMBER")).submitted[0]
        state = await pair.propose(written())
        assert (state.state, state.missing) == ("proposed", ("dorne",))
        half = (await arden.submit(indicator(), label="TLP:AMBER")).submitted[0]
        assert not any(to.permit for to in half.recipients if to.member == "dorne")
        assert pair.arden.told == 0
        await pair.dorne.do(pair.dorne.agreements.sign, pair.dorne.officer, state.digest)
        assert pair.dorne.state(state.digest) == "in-force"
        await pair.reach(pair.arden, state.digest, "in-force")
        await eventually(lambda: pair.arden.told == 1, "readers are told")
        assert pair.dorne.told == 1
        after = (await arden.submit(indicator(), label="TLP:AMBER")).submitted[0]
        await eventually(lambda: len(dorne.holds()) == 1, "what was stated after it")
        assert [str(row.id) for row in dorne.holds()] == [after.statement]
        opened = next(to for to in after.recipients if to.member == "dorne")
        assert (opened.permit, "article 7" in opened.reason) == (True, True)
    assert arden.states(before.statement).keys() == {"borduria-1"}
    assert arden.audit("agreement-signed")[0]["reader"] == "arden-policy"


async def test_a_withdrawal_closes_here_at_once_and_there_when_it_is_heard_of(pair: Pair) -> None:
    async with pair.running():
        digest = await pair.agree(written())
        await pair.arden.peer.submit(indicator(), label="TLP:AMBER")
        await eventually(lambda: len(pair.dorne.peer.holds()) == 1, "arrival")
        await pair.dorne.do(pair.dorne.agreements.withdraw, pair.dorne.officer, digest)
        assert pair.dorne.peer.holds() == []
        await pair.reach(pair.arden, digest, "withdrawn")
        later = (await pair.arden.peer.submit(indicator(), label="TLP:AMBER")).submitted[0]
        assert not any(to.permit for to in later.recipients if to.member == "dorne")
    for each in (pair.arden.peer, pair.dorne.peer):
        assert verify_store(each.store, registry=pair.world.registry, node=each.node) == []


@pytest.mark.usefixtures("each_store")
async def test_the_preview_counts_what_would_open_and_close(pair: Pair) -> None:
    async with pair.running():
        for label in ("TLP:AMBER", "TLP:AMBER", "TLP:GREEN", "TLP:RED", "allied"):
            await pair.arden.peer.submit(indicator(), label=label)
        seen = await pair.arden.do(pair.arden.agreements.preview, written())
        assert [(each.member, each.opens, each.closes) for each in seen] == [("dorne", 2, 0)]
        digest = await pair.agree(written())
        closing = await pair.arden.do(pair.arden.agreements.preview_withdrawal, digest)
        assert [(each.member, each.opens, each.closes) for each in closing] == [("dorne", 0, 2)]
        next_version = written(
            agreement={"alliance": "trial", "id": "arden-dorne", "version": 2}, highest_tlp="CLEAR"
        )
        less = await pair.arden.do(pair.arden.agreements.preview, next_version)
        assert [(each.member, each.opens, each.closes) for each in less] == [("dorne", 0, 2)]


@pytest.mark.usefixtures("each_store")
async def test_past_statements_are_sent_if_the_officer_asks_and_each_once(pair: Pair) -> None:
    async with pair.running():
        amber = (await pair.arden.peer.submit(indicator(), label="TLP:AMBER")).submitted[0]
        await pair.arden.peer.submit(indicator(), label="TLP:RED")
        state = await pair.propose(written())
        agreements = pair.arden.agreements
        await pair.arden.do(agreements.sign, pair.arden.officer, state.digest, send_past=True)
        await asyncio.to_thread(agreements.send_past)
        await pair.dorne.do(pair.dorne.agreements.sign, pair.dorne.officer, state.digest)
        await pair.reach(pair.arden, state.digest, "in-force")
        await eventually(lambda: sent_past(pair.arden), "sent")
        await eventually(lambda: len(pair.dorne.peer.holds()) == 1, "arrival")
        await asyncio.to_thread(agreements.send_past)
    assert [str(row.id) for row in pair.dorne.peer.holds()] == [amber.statement]
    (entry,) = pair.arden.peer.audit("released-further")
    assert entry["statements"] == [amber.statement]


def sent_past(bureau: Bureau) -> bool:
    bureau.agreements.send_past()
    return bool(bureau.peer.audit("released-further"))


async def test_a_later_version_replaces_the_one_before_once_all_have_signed_it(pair: Pair) -> None:
    second = written(
        agreement={"alliance": "trial", "id": "arden-dorne", "version": 2}, highest_tlp="GREEN"
    )
    async with pair.running():
        first = await pair.agree(written())
        state = await pair.propose(second)
        assert pair.arden.state(first) == "in-force"
        await pair.dorne.do(pair.dorne.agreements.sign, pair.dorne.officer, state.digest)
        await pair.reach(pair.arden, state.digest, "in-force")
        assert pair.arden.state(first) == "replaced"
        with pytest.raises(Conflict) as caught:
            await pair.arden.do(
                pair.arden.agreements.propose, pair.arden.officer, written(title="Other")
            )
        assert caught.value.rule == "version"
        await pair.dorne.do(pair.dorne.agreements.withdraw, pair.dorne.officer, state.digest)
        await pair.reach(pair.arden, state.digest, "withdrawn")
        assert pair.arden.state(first) == "replaced"
        assert all(not each.digest for each in pair.arden.peer.kernel.alliance.agreements)


async def test_two_texts_of_one_version_are_never_both_signed(pair: Pair) -> None:
    async with pair.running():
        await pair.propose(written())
        with pytest.raises(Conflict):
            await pair.arden.do(
                pair.arden.agreements.propose, pair.arden.officer, written(highest_tlp="RED")
            )


async def test_a_message_that_is_lost_is_sent_again(pair: Pair) -> None:
    """Dorne's node is down while Arden proposes."""
    async with pair.arden.peer.running():
        await pair.arden.do(pair.arden.agreements.propose, pair.arden.officer, written())
        await asyncio.sleep(0.3)
    async with pair.running():
        await eventually(lambda: len(digests(pair.dorne)) == 1, "proposed at last")
        await eventually(lambda: not waiting(pair.arden.peer, "dorne-1"), "confirmed")


def waiting(peer: Peer, node: str) -> list[tuple[str, bytes]]:
    with peer.store.read() as tx:
        return tx.documents("message-out", node, "2026-01-01T00:00:00.000000Z")


async def test_what_comes_before_the_last_signature_is_taken_when_it_comes(pair: Pair) -> None:
    """Dorne signs last and shares at once; arden hears of the signature later."""
    pair.world.message_seconds = 60.0
    async with pair.running():
        state = await pair.propose(written())
        held = pair.arden.agreements.take
        pair.arden.agreements.take = lambda tx, message: later.append(message)  # type: ignore
        later: list[Any] = []
        await pair.dorne.do(pair.dorne.agreements.sign, pair.dorne.officer, state.digest)
        stated = (await pair.dorne.peer.submit(indicator(), label="TLP:AMBER")).submitted[0]
        await eventually(lambda: bool(pair.arden.peer.audit("refused")), "refused for now")
        await eventually(lambda: len(later) == 1, "the signature")
        assert pair.arden.peer.holds() == []
        pair.arden.peer.store.write(lambda tx: held(tx, later[0])).result()
        pair.arden.agreements.changed()
        await eventually(lambda: len(pair.arden.peer.holds()) == 1, "taken after all")
    assert [str(row.id) for row in pair.arden.peer.holds()] == [stated.statement]
    with pair.arden.peer.store.read() as tx:
        assert tx.quarantined() == []


async def test_only_a_policy_officer_of_a_party_acts(pair: Pair) -> None:
    analyst = pair.arden.peer.reader
    for act in (pair.arden.agreements.propose,):
        with pytest.raises(Forbidden):
            await pair.arden.do(act, analyst, written())
    with pytest.raises(Forbidden) as caught:
        await pair.arden.do(
            pair.arden.agreements.propose,
            pair.arden.officer,
            written(parties=["borduria", "dorne"]),
        )
    assert caught.value.rule == "party"
    with pytest.raises(NotFound):
        await pair.arden.do(pair.arden.agreements.sign, pair.arden.officer, "0" * 64)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"agreement": {"alliance": "other", "id": "x", "version": 1}}, "alliance"),
        ({"agreement": {"alliance": "trial", "id": "mutual", "version": 1}}, "unique-name"),
        ({"parties": ["arden", "zembla"]}, "unknown-name"),
        ({"valid_until": "2019-01-01"}, "dates"),
        ({"valid_until": "2021-01-01"}, "expired"),
        ({"highest_tlp": "PURPLE"}, "schema"),
        ({"surprise": 1}, "schema"),
    ],
)
async def test_what_is_wrong_with_a_proposal_is_named(pair: Pair, changes: Book, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await pair.arden.do(pair.arden.agreements.propose, pair.arden.officer, written(**changes))
    assert caught.value.rule == rule


async def test_a_row_that_was_changed_in_the_database_opens_nothing(pair: Pair) -> None:
    async with pair.running():
        digest = await pair.agree(written())
    store, bureau = pair.arden.peer.store, pair.arden
    at = "2026-01-01T00:00:00.000000Z"
    with store.read() as tx:
        raw = tx.document("agreement", "arden", digest, at)
    assert raw is not None
    held = msgspec.json.decode(raw)
    other = json.loads(held["document"]) | {"highest_tlp": "RED"}
    forged = dict(held["signatures"])
    forged["dorne"] = forged["arden"]
    dated = dict(held["signatures"])
    dated["dorne"] = {**dated["dorne"], "at": "2026-01-01T00:00:00.000000Z"}
    for changed in (
        {**held, "document": json.dumps(other)},
        {**held, "signatures": forged},
        {**held, "signatures": dated},
        {**held, "signatures": {"arden": held["signatures"]["arden"]}},
    ):
        body = json.dumps(changed).encode()
        store.write(
            lambda tx, body=body: tx.put_document("agreement", "arden", digest, body, at)
        ).result()
        bureau.agreements.changed()
        assert all(not each.digest for each in bureau.peer.kernel.alliance.agreements)


def test_an_agreement_of_the_whole_alliance_fits_into_messages() -> None:
    given = PartySignature("n" * 63, "2026-01-01T00:00:00.000000Z", b"e" * 64, b"m" * 3309)
    words = {f"{'m' * 59}{number:04}": given for number in range(1100)}
    member = min(words)
    held = Held('"' * LARGEST_DOCUMENT, words, words, send_past=True)
    parts = list(portions(held, member))
    assert {name for part in parts for name in part.signatures} == words.keys()
    assert all(member in part.signatures and part.withdrawals for part in parts)
    assert not any(part.send_past for part in parts)
    bodies = [canonical_json({"body": msgspec.to_builtins(part)}) for part in parts]
    assert max(len(body) for body in bodies) < LARGEST_MESSAGE - 1000
    (only,) = portions(Held("{}", withdrawals={member: given}), member)
    assert only.withdrawals == {member: given}


async def test_signatures_that_travel_in_several_messages_come_together(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringwall.sharing.signed.WORDS_AT_ONCE", 2)
    borduria = Bureau(pair.world, Peer(pair.world, "borduria-1"))
    async with pair.running(), borduria.peer.running():
        digest = (await pair.propose(written(parties=["arden", "borduria", "dorne"]))).digest
        await eventually(lambda: digest in digests(borduria), "proposed at borduria")
        for bureau in (borduria, pair.dorne):
            await bureau.do(bureau.agreements.sign, bureau.officer, digest)
        for bureau in (pair.arden, borduria, pair.dorne):
            await pair.reach(bureau, digest, "in-force")


async def test_an_agreement_that_no_message_could_hold_is_not_proposed(pair: Pair) -> None:
    with pytest.raises(InvalidInput) as caught:
        pair.arden.agreements.read(written(purposes=[f"p{number:060}" for number in range(900)]))
    assert caught.value.rule == "size"
