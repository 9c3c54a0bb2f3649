"""Relays that wait: asked anew before they leave, by everything that had a say."""

import json
from pathlib import Path

import msgspec
import pytest

from ringwall.alliance import Alliance
from ringwall.exchange.messages import OUTGOING
from tests.exchange.engine_world import eventually, indicator
from tests.sharing.relay_world import Chain
from tests.sharing.test_passing_on import bound_by, withholding
from tests.sharing.test_relays import THREE_HOPS, at_borduria, without

pytestmark = pytest.mark.anyio


def narrower(alliance: Alliance, name: str, *onward_to: str) -> Alliance:
    """Return an alliance of which one agreement lets less be passed on."""
    agreements = tuple(
        msgspec.structs.replace(each, onward_to=frozenset(onward_to)) if each.id == name else each
        for each in alliance.agreements
    )
    return msgspec.structs.replace(alliance, agreements=agreements)


@pytest.mark.parametrize("change", ["ended", "no longer onward", "less far"])
async def test_the_agreement_under_which_it_came_is_asked_again(
    tmp_path: Path, change: str
) -> None:
    made = Chain(tmp_path)
    borduria, caledon = made["borduria"], made["caledon"]
    async with made["arden"].running(), borduria.running():
        stated = await at_borduria(made)
    assert (await borduria.pass_on(stated, "caledon"))["caledon"].outcome == "sent"
    closer = {
        "ended": without(made.alliance, "inner"),
        "no longer onward": narrower(made.alliance, "inner"),
        "less far": narrower(made.alliance, "inner", "caledon"),
    }
    borduria.peer.kernel.adopt(closer[change])
    async with borduria.running(), caledon.running():
        await eventually(lambda: borduria.peer.audit("message-closed") != [], "it is closed")
    assert caledon.peer.audit("relay-taken") == caledon.peer.audit("relay-refused") == []


async def test_what_was_closed_goes_when_it_is_open_again(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria, caledon = made["borduria"], made["caledon"]
    async with made["arden"].running(), borduria.running():
        stated = await at_borduria(made)
    await borduria.pass_on(stated, "caledon")
    borduria.peer.kernel.adopt(without(made.alliance, "bridge"))
    async with borduria.running():
        await eventually(lambda: borduria.peer.audit("message-closed") != [], "it is closed")
    borduria.peer.kernel.adopt(made.alliance)
    assert (await borduria.gone(stated))["caledon-1"].state == "closed"
    async with borduria.running(), caledon.running():
        assert (await borduria.pass_on(stated, "caledon"))["caledon"].outcome == "sent"
        await caledon.until_has(stated)


async def test_nobody_is_taken_to_know_of_what_was_closed(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria, caledon = made["borduria"], made["caledon"]
    target = json.loads(indicator())
    async with made["arden"].running(), borduria.running():
        first = await made["arden"].state(json.dumps(target).encode(), terms=THREE_HOPS)
        raw = indicator(external_references=[{"source_name": "s", "external_id": target["id"]}])
        second = await made["arden"].state(raw, terms=THREE_HOPS)
        for name in (first, second):
            await borduria.until_has(name)
    await borduria.pass_on(first, "caledon")
    borduria.peer.kernel.adopt(without(made.alliance, "bridge"))
    async with borduria.running():
        await eventually(lambda: borduria.peer.audit("message-closed") != [], "it is closed")
    borduria.peer.kernel.adopt(made.alliance)
    sent = await borduria.pass_on(second, "caledon")
    assert [each.field for each in sent["caledon"].withheld] == ["external_references"]
    async with borduria.running(), caledon.running():
        assert target["id"].encode() not in (await caledon.until_has(second)).body


async def test_an_answer_counts_for_more_than_that_the_message_was_closed(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria, caledon = made["borduria"], made["caledon"]
    async with made["arden"].running(), borduria.running():
        stated = await at_borduria(made)
    await borduria.pass_on(stated, "caledon")
    with borduria.peer.store.read() as tx:
        ((_, raw),) = tx.documents(OUTGOING, "caledon-1", "")
    async with borduria.running(), caledon.running():
        await borduria.until_answered(stated, "caledon-1", "taken")
    body, close = msgspec.json.decode(raw)["body"], borduria.relays._relaying.closed
    borduria.peer.store.write(lambda tx: close(tx, "caledon-1", body)).result()
    assert (await borduria.gone(stated))["caledon-1"].state == "taken"


async def test_a_rule_that_came_meanwhile_closes_what_shows_too_much(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria, caledon = made["borduria"], made["caledon"]
    async with made["arden"].running(), borduria.running():
        raw = indicator(description="where it was")
        stated = await made["arden"].state(raw, terms=THREE_HOPS)
        await borduria.until_has(stated)
    await borduria.pass_on(stated, "caledon")
    bound_by(borduria, withholding("description"))
    async with borduria.running(), caledon.running():
        await eventually(lambda: borduria.peer.audit("message-closed") != [], "it is closed")
        again = await borduria.pass_on(stated, "caledon")
        assert [each.field for each in again["caledon"].withheld] == ["description"]
        assert b"where it was" not in (await caledon.until_has(stated)).body
