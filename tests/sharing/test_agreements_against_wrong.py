"""Agreements against what was damaged, overtaken or never said."""

import json
from functools import partial
from typing import Any

import msgspec
import pytest

from ringwall.alliance import agreement_document, read_agreement
from ringwall.core import (
    InvalidInput,
    NotFound,
    PeerError,
)
from ringwall.exchange import Message
from ringwall.sharing.signed import LARGEST_DOCUMENT, Held
from tests.sharing.test_agreements import Bureau, Pair, digests, in_force, pair, written

__all__ = ["pair"]  # fixtures of the tests below

pytestmark = pytest.mark.anyio


def overtaken(version: int, **changes: Any) -> bytes:
    head = {"alliance": "trial", "id": "arden-dorne", "version": version}
    return written(agreement=head, **changes)


async def agree_twice(pair: Pair) -> tuple[str, str]:
    """Both sign a wide version and then a narrow one; return their digests."""
    first = await pair.agree(written())
    state = await pair.propose(overtaken(2, highest_tlp="CLEAR"))
    await pair.dorne.do(pair.dorne.agreements.sign, pair.dorne.officer, state.digest)
    await pair.reach(pair.arden, state.digest, "in-force")
    return first, state.digest


async def test_no_older_version_comes_back_when_a_signature_of_the_newer_counts_no_more(
    pair: Pair,
) -> None:
    """The narrow version was signed by a second node of Dorne's, whose key is revoked later."""
    async with pair.running():
        _, narrow = await agree_twice(pair)
        assert in_force(pair.arden) == [narrow]
    find = pair.arden.agreements._find_keys
    with pair.arden.peer.store.read() as tx:
        held = pair.arden.agreements._all(tx)
    second = held[narrow].signatures["dorne"]
    moved = msgspec.structs.replace(second, node="dorne-2")
    signatures = {**held[narrow].signatures, "dorne": moved}
    changed = msgspec.json.encode(msgspec.structs.replace(held[narrow], signatures=signatures))
    put(pair.arden, narrow, changed)

    pair.arden.agreements._find_keys = lambda node: find(node.replace("dorne-2", "dorne-1"))
    assert in_force(pair.arden) == [narrow]
    pair.arden.agreements._find_keys = find
    assert in_force(pair.arden) == []


def put(bureau: Bureau, digest: str, body: bytes) -> None:
    at = "2026-01-01T00:00:00.000000Z"
    bureau.peer.store.write(
        lambda tx: tx.put_document("agreement", "arden", digest, body, at)
    ).result()


@pytest.mark.parametrize("damage", ["title", "form", "field"])
async def test_no_older_version_comes_back_when_the_newer_one_was_damaged(
    pair: Pair, damage: str
) -> None:
    async with pair.running():
        _, narrow = await agree_twice(pair)
    with pair.arden.peer.store.read() as tx:
        raw = msgspec.json.encode(pair.arden.agreements._all(tx)[narrow])
    changed = {
        "title": raw.replace(b"Arden and Dorne", b"Arden and Dorme"),
        "form": raw[:-1],
        "field": raw.replace(b'"signatures":', b'"signaturez":'),
    }[damage]
    assert changed != raw
    put(pair.arden, narrow, changed)
    assert in_force(pair.arden) == []


async def test_one_agreement_that_makes_no_sense_any_more_keeps_nobody_from_the_others(
    pair: Pair,
) -> None:
    """The alliance description of today has an agreement of that name."""
    async with pair.running():
        digest = await pair.agree(written())
        other = written(agreement={"alliance": "trial", "id": "other", "version": 1})
        lost = (await pair.propose(other)).digest
        arden = pair.arden.agreements
        described = arden._described
        named = msgspec.structs.replace(described.agreements[0], id="other")
        arden._described = msgspec.structs.replace(
            described, agreements=(*described.agreements, named)
        )
        assert [each.digest for each in arden.listing()] == [digest]
        with pytest.raises(NotFound):
            arden.show(lost)
        with pytest.raises(InvalidInput):
            await pair.arden.do(arden.sign, pair.arden.officer, lost)
        await pair.arden.do(arden.withdraw, pair.arden.officer, digest)
        assert pair.arden.state(digest) == "withdrawn"


def send(pair: Pair, text: bytes, *, signed: bool = True, document: str = "") -> str:
    """Let Dorne's node send Arden a proposal; return the rule by which it is refused, or ""."""
    dorne = pair.dorne.agreements
    raw = agreement_document(text)
    given = dorne._given("signature", read_agreement(pair.dorne.peer.alliance, raw))
    held = Held(document or raw.decode(), {"dorne": given} if signed else {})
    body = json.loads(json.dumps(msgspec.to_builtins(held)))
    message = Message("0" * 32, "agreement", "dorne-1", "2026-01-01T00:00:00.000000Z", body)
    take = pair.arden.agreements.take
    try:
        pair.arden.peer.store.write(lambda tx: take(tx, message)).result()
    except PeerError as error:
        return error.rule
    return ""


async def test_a_party_cannot_fill_another_with_proposals(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringwall.sharing.agreements.MOST_PROPOSED", 3)
    rules = [send(pair, overtaken(version)) for version in range(1, 6)]
    assert rules == ["", "", "", "flood", "flood"]
    assert send(pair, overtaken(3)) == ""
    first = min(digests(pair.arden))
    await pair.arden.do(pair.arden.agreements.sign, pair.arden.officer, first)
    assert send(pair, overtaken(4)) == ""


async def test_a_proposal_is_signed_by_who_sends_it_and_of_a_size(pair: Pair) -> None:
    assert send(pair, written(), signed=False) == "unsigned"
    assert send(pair, written(), document=" " * (LARGEST_DOCUMENT + 1)) == "size"
    assert digests(pair.arden) == set()


async def test_a_withdrawal_arrives_although_an_earlier_word_counts_no_more(pair: Pair) -> None:
    """Arden's key was replaced after it had signed; Dorne passes the old word on with its own."""
    async with pair.running():
        digest = await pair.agree(written())
        with pair.dorne.peer.store.read() as tx:
            held = pair.dorne.agreements._all(tx)[digest]
        stale = msgspec.structs.replace(held.signatures["arden"], at="2026-01-01T00:00:00.000000Z")
        changed = msgspec.structs.replace(held, signatures={**held.signatures, "arden": stale})
        body = msgspec.json.encode(changed)
        pair.dorne.peer.store.write(
            lambda tx: tx.put_document("agreement", "dorne", digest, body, stale.at)
        ).result()
        await pair.dorne.do(pair.dorne.agreements.withdraw, pair.dorne.officer, digest)
        await pair.reach(pair.arden, digest, "withdrawn")


async def test_who_signs_again_with_new_keys_is_believed(pair: Pair) -> None:
    async with pair.running():
        digest = await pair.agree(written())
        with pair.arden.peer.store.read() as tx:
            held = pair.arden.agreements._all(tx)[digest]
        stale = msgspec.structs.replace(held.signatures["dorne"], at="2026-01-01T00:00:00.000000Z")
        changed = msgspec.structs.replace(held, signatures={**held.signatures, "dorne": stale})
        put(pair.arden, digest, msgspec.json.encode(changed))
        assert in_force(pair.arden) == []
        await pair.dorne.do(pair.dorne.agreements.sign, pair.dorne.officer, digest)
        await pair.reach(pair.arden, digest, "in-force")


def said_to(bureau: Bureau, message: Message, tx: Any) -> None:
    bureau.agreements.take(tx, message)


async def test_a_word_that_does_not_verify_is_not_kept(pair: Pair) -> None:
    async with pair.running():
        state = await pair.propose(written())
        dorne = pair.dorne.agreements
        with pair.arden.peer.store.read() as tx:
            (known,) = pair.arden.agreements._all(tx).values()
        own = dorne._given("signature", state.agreement)
        for act in ("signatures", "withdrawals"):
            forged = {"arden": msgspec.structs.replace(own, node="arden-1")}
            held = msgspec.structs.replace(Held(known.document), **{act: forged})
            body = json.loads(json.dumps(msgspec.to_builtins(held)))
            message = Message("0" * 32, "agreement", "dorne-1", own.at, body)
            pair.arden.peer.store.write(partial(said_to, pair.arden, message)).result()
            with pair.arden.peer.store.read() as tx:
                assert list(pair.arden.agreements._all(tx).values()) == [known]
