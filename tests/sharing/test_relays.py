"""Relays over real nodes: what its originator lets go on goes on, and nothing else."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ringwall.alliance import Alliance
from ringwall.core import Conflict, Forbidden, InvalidInput, NotFound, parse_statement_id
from ringwall.labels import Terms
from ringwall.policy import HoldRule, HoldRules
from ringwall.sharing import Onward
from ringwall.store import verify_store
from tests.exchange.engine_world import eventually, indicator
from tests.exchange.redaction_world import identity
from tests.sharing.relay_world import Chain

pytestmark = pytest.mark.anyio
ONE_HOP = Terms(onward_to=("outer",), hops=1)
THREE_HOPS = Terms(onward_to=("outer",), hops=3)


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    made = Chain(tmp_path)
    async with made.running():
        yield made


async def at_borduria(chain: Chain, label: str = "TLP:GREEN", **terms: object) -> str:
    given = Terms(**{"onward_to": ("outer",), "hops": 3} | terms)  # type: ignore[arg-type]
    stated = await chain["arden"].state(indicator(), label, terms=given)
    await chain["borduria"].until_has(stated)
    return stated


def denied(onward: Onward) -> str:
    assert onward.outcome == "withheld"
    return next(gate.rule for gate in onward.gates if gate.outcome == "deny")


async def test_a_statement_goes_on_and_is_proved_by_its_origin_alone(chain: Chain) -> None:
    stated = await at_borduria(chain)
    sent = await chain["borduria"].pass_on(stated, "caledon")
    assert sent["caledon"].outcome == "sent"
    assert sent["caledon"].reason == (
        "passed on to caledon: Inner (article 1) lets borduria pass it on to caledon"
    )
    came = await chain["caledon"].until_has(stated)
    origin = chain["arden"].has(stated)
    assert origin is not None
    assert (came.body, came.source, came.label) == (origin.body, "arden", origin.label)
    gone = await chain["borduria"].until_answered(stated, "caledon-1", "taken")
    assert gone.by == "borduria-release"
    assert chain["dorne"].has(stated) is None


async def test_three_hops_and_not_a_fourth(chain: Chain) -> None:
    stated = await at_borduria(chain)
    await chain["borduria"].pass_on(stated, "caledon")
    await chain["caledon"].until_has(stated)
    await chain["caledon"].pass_on(stated, "dorne")
    await chain["dorne"].until_has(stated)
    sent = await chain["dorne"].pass_on(stated, "elbe")
    assert sent["elbe"].outcome == "sent"
    came = await chain["elbe"].until_has(stated)
    with chain["elbe"].peer.store.read() as tx:
        way = tx.release_classes()[came.release_class].relayed
    assert way == ("borduria", "caledon", "dorne", "elbe")
    for name in ("caledon", "dorne", "elbe"):
        back = await chain["elbe"].pass_on(stated, name, dry_run=True)
        assert {"way", "hops"} & {gate.rule for gate in back[name].gates}


@pytest.mark.usefixtures("each_store")
async def test_what_is_passed_on_survives_verification_of_the_whole_store(chain: Chain) -> None:
    stated = await at_borduria(chain)
    await chain["borduria"].pass_on(stated, "caledon")
    await chain["caledon"].until_has(stated)
    store = chain["caledon"].peer.store
    findings = list(verify_store(store, registry=chain.world.registry, node="caledon-1"))
    assert findings == []


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        ({"onward_to": (), "hops": 0}, "no-onward"),
        ({"onward_to": ("dorne",)}, "onward-to"),
    ],
)
async def test_what_the_terms_do_not_name_stays(
    chain: Chain, terms: dict[str, object], rule: str
) -> None:
    stated = await at_borduria(chain, **terms)
    sent = await chain["borduria"].pass_on(stated, "caledon")
    assert denied(sent["caledon"]) == rule
    assert await chain["borduria"].gone(stated) == {}
    assert chain["borduria"].peer.audit("relayed") == []


async def test_hops_of_the_terms_end_the_way(chain: Chain) -> None:
    stated = await at_borduria(chain, hops=1)
    await chain["borduria"].pass_on(stated, "caledon")
    await chain["caledon"].until_has(stated)
    sent = await chain["caledon"].pass_on(stated, "dorne")
    assert denied(sent["dorne"]) == "hops"


@pytest.mark.parametrize("label", ["TLP:RED//REL TO borduria, caledon", "TLP:AMBER+STRICT"])
async def test_what_is_for_its_recipients_only_stays(chain: Chain, label: str) -> None:
    stated = await at_borduria(chain, label)
    sent = await chain["borduria"].pass_on(stated, "caledon")
    assert denied(sent["caledon"]) == "tlp"


async def test_rel_to_holds_at_every_hop(chain: Chain) -> None:
    stated = await at_borduria(chain, "TLP:AMBER//REL TO borduria, caledon")
    sent = await chain["borduria"].pass_on(stated, "caledon")
    assert sent["caledon"].outcome == "sent"
    await chain["caledon"].until_has(stated)
    further = await chain["caledon"].pass_on(stated, "dorne")
    assert denied(further["dorne"]) == "not-named"


async def test_no_agreement_with_the_recipient_no_relay(chain: Chain) -> None:
    stated = await at_borduria(chain)
    sent = await chain["borduria"].pass_on(stated, "dorne", "elbe")
    assert {denied(one) for one in sent.values()} == {"no-agreement"}


async def test_the_agreement_it_came_under_limits_it(tmp_path: Path) -> None:
    description = chain_without("to: [outer], hops: 3", "to: [dorne], hops: 3")
    made = Chain(tmp_path, description=description)
    async with made.running():
        stated = await at_borduria(made)
        sent = await made["borduria"].pass_on(stated, "caledon")
        assert denied(sent["caledon"]) == "not-agreed"


async def test_an_agreement_binds_hops_that_it_is_not_asked_about(tmp_path: Path) -> None:
    """Caledon does not take part in Inner, and is bound by the hop that Borduria signed."""
    description = chain_without("to: [outer], hops: 3", "to: [caledon], hops: 3")
    made = Chain(tmp_path, description=description)
    async with made.running():
        stated = await at_borduria(made)
        await made["borduria"].pass_on(stated, "caledon")
        await made["caledon"].until_has(stated)
        sent = await made["caledon"].pass_on(stated, "dorne")
        assert denied(sent["dorne"]) == "last-hop"


def chain_without(part: str, instead: str) -> str:
    from tests.sharing.relay_world import DESCRIPTION

    assert part in DESCRIPTION
    return DESCRIPTION.replace(part, instead)


def without(alliance: Alliance, name: str) -> Alliance:
    left = tuple(each for each in alliance.agreements if each.id != name)
    return msgspec.structs.replace(alliance, agreements=left)


async def test_readers_lose_it_when_the_agreement_with_who_passed_it_on_ends(chain: Chain) -> None:
    stated = await at_borduria(chain)
    await chain["borduria"].pass_on(stated, "caledon")
    await chain["caledon"].until_has(stated)
    chain["caledon"].peer.kernel.adopt(without(chain.alliance, "bridge"))
    assert chain["caledon"].has(stated) is None
    with pytest.raises(NotFound):
        await chain["caledon"].pass_on(stated, "dorne")


async def test_a_relay_that_waits_is_not_sent_once_its_agreement_ended(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    arden, borduria, caledon = made["arden"], made["borduria"], made["caledon"]
    async with arden.running(), borduria.running():
        stated = await at_borduria(made)
    # Nothing runs now: what is asked waits.
    sent = await borduria.pass_on(stated, "caledon")
    assert sent["caledon"].outcome == "sent"
    borduria.peer.kernel.adopt(without(made.alliance, "bridge"))
    async with borduria.running(), caledon.running():
        await eventually(lambda: borduria.peer.audit("message-closed") != [], "it is closed")
    assert caledon.peer.audit("relay-taken") == caledon.peer.audit("relay-refused") == []


async def test_the_recipient_decides_for_itself(chain: Chain) -> None:
    chain["caledon"].peer.kernel.adopt(without(chain.alliance, "bridge"))
    stated = await at_borduria(chain)
    await chain["borduria"].pass_on(stated, "caledon")
    gone = await chain["borduria"].until_answered(stated, "caledon-1", "refused")
    assert "no agreement joins borduria and caledon" in gone.reason
    assert len(chain["caledon"].peer.audit("relay-refused")) == 1
    with chain["caledon"].peer.store.read() as tx:
        assert tx.statement_by_id(parse_statement_id(stated)) is None
    chain["caledon"].peer.kernel.adopt(chain.alliance)
    again = await chain["borduria"].pass_on(stated, "caledon")
    assert again["caledon"].outcome == "sent"
    await chain["caledon"].until_has(stated)


async def test_what_went_before_does_not_go_again(chain: Chain) -> None:
    stated = await at_borduria(chain)
    await chain["borduria"].pass_on(stated, "caledon")
    again = await chain["borduria"].pass_on(stated, "caledon")
    assert again["caledon"].outcome == "known"
    assert len(chain["borduria"].peer.audit("relayed")) == 1


async def test_a_dry_run_sends_nothing(chain: Chain) -> None:
    stated = await at_borduria(chain)
    would = await chain["borduria"].pass_on(stated, "caledon", dry_run=True)
    assert would["caledon"].outcome == "would-go"
    assert await chain["borduria"].gone(stated) == {}


async def test_own_statements_are_not_passed_on(chain: Chain) -> None:
    stated = await at_borduria(chain)
    with pytest.raises(InvalidInput) as caught:
        await chain["arden"].pass_on(stated, "caledon")
    assert caught.value.rule == "own-statement"


async def test_only_release_officers_who_may_read_it(chain: Chain) -> None:
    stated = await at_borduria(chain, "TLP:AMBER")
    with pytest.raises(Forbidden):
        await chain["borduria"].pass_on(stated, "caledon", who="analyst")
    with pytest.raises(NotFound):
        await chain["borduria"].pass_on(stated, "caledon", who="junior")
    with pytest.raises(NotFound):
        await chain["borduria"].gone(stated, who="junior")


@pytest.mark.parametrize("name", ["nobody", ""])
async def test_unknown_names_are_named(chain: Chain, name: str) -> None:
    stated = await at_borduria(chain)
    with pytest.raises(InvalidInput) as caught:
        await chain["borduria"].pass_on(stated, name)
    assert name in str(caught.value)


async def test_a_redaction_rule_withholds_from_who_it_is_passed_on_to(tmp_path: Path) -> None:
    rule = "{to: [caledon], object_types: [indicator], fields: [description], clause: order 1}"
    rules = {"borduria": f"redactions: {{quiet: {rule}}}"}
    made = Chain(tmp_path, redactions=rules)
    async with made.running():
        raw = indicator(description="the name of a victim")
        stated = await made["arden"].state(raw, terms=THREE_HOPS)
        await made["borduria"].until_has(stated)
        sent = await made["borduria"].pass_on(stated, "caledon")
        assert [each.field for each in sent["caledon"].withheld] == ["description"]
        came = await made["caledon"].until_has(stated)
        assert "description" not in json.loads(came.body)
        await made["caledon"].pass_on(stated, "dorne")
        further = await made["dorne"].until_has(stated)
        assert b"victim" not in further.body
        for name in ("caledon", "dorne"):
            whole = made[name].peer.store.directory
            assert all(b"victim" not in path.read_bytes() for path in whole.glob(f"{name}-1.db*"))


async def test_a_marked_property_stays_with_those_it_is_for(chain: Chain) -> None:
    raw = json.loads(indicator(description="for allies only"))
    marking = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    }
    raw["granular_markings"] = [
        {"marking_ref": marking["id"], "selectors": ["description"]}  # TLP:AMBER+STRICT
    ]
    stated = await chain["arden"].state(json.dumps(raw).encode(), terms=THREE_HOPS)
    held = await chain["borduria"].until_has(stated)
    assert b"for allies only" in held.body
    await chain["borduria"].pass_on(stated, "caledon")
    came = await chain["caledon"].until_has(stated)
    assert b"for allies only" not in came.body


async def test_references_to_what_the_recipient_may_not_have_stay(chain: Chain) -> None:
    secret = json.loads(indicator())
    public = json.loads(indicator())
    kept = await chain["arden"].state(json.dumps(secret).encode(), "TLP:GREEN")
    moment = secret["created"]
    link = {
        "type": "relationship",
        "spec_version": "2.1",
        "id": "relationship--6fd920b0-5e8b-4f79-9ee9-91f868d9b421",
        "created": moment,
        "modified": moment,
        "relationship_type": "related-to",
        "source_ref": public["id"],
        "target_ref": secret["id"],
    }
    first = await chain["arden"].state(json.dumps(public).encode(), terms=THREE_HOPS)
    stated = await chain["arden"].state(json.dumps(link).encode(), terms=THREE_HOPS)
    for name in (kept, first, stated):
        await chain["borduria"].until_has(name)
    sent = await chain["borduria"].pass_on(stated, "caledon")
    assert sent["caledon"].outcome == "withheld"
    assert secret["id"] not in sent["caledon"].reason


async def test_of_what_waits_for_a_second_person_a_relay_tells_nothing(tmp_path: Path) -> None:
    rule = HoldRule("people", "order 4", to=("caledon",), object_types=("identity",))
    made = Chain(tmp_path, holds=HoldRules(two_person=(rule,)))
    author = identity()
    async with made.running():
        await made["borduria"].state(json.dumps(author).encode())
        raw = indicator(created_by_ref=author["id"])
        stated = await made["arden"].state(raw, terms=THREE_HOPS)
        await made["borduria"].until_has(stated)
        sent = await made["borduria"].pass_on(stated, "caledon")
        assert [each.field for each in sent["caledon"].withheld] == ["created_by_ref"]
        came = await made["caledon"].until_has(stated)
    assert author["id"].encode() not in came.body


async def test_a_relationship_goes_on_after_what_it_joins(chain: Chain) -> None:
    ends = [json.loads(indicator()) for _ in range(2)]
    link = {
        "type": "relationship",
        "spec_version": "2.1",
        "id": "relationship--7fd920b0-5e8b-4f79-9ee9-91f868d9b421",
        "created": ends[0]["created"],
        "modified": ends[0]["created"],
        "relationship_type": "related-to",
        "source_ref": ends[0]["id"],
        "target_ref": ends[1]["id"],
    }
    names = [
        await chain["arden"].state(json.dumps(one).encode(), terms=THREE_HOPS)
        for one in (*ends, link)
    ]
    for name in names:
        await chain["borduria"].until_has(name)
    for name in names:
        sent = await chain["borduria"].pass_on(name, "caledon")
        assert sent["caledon"].outcome == "sent", sent["caledon"].reason
    for name in names:
        await chain["caledon"].until_has(name)


async def test_two_officers_where_policy_wants_them(tmp_path: Path) -> None:
    rule = HoldRule(name="outside", clause="order 9", to=("caledon",))
    made = Chain(tmp_path, holds=HoldRules(two_person=(rule,)))
    for station in made.stations.values():
        if station.name != "borduria":
            station.peer.intake._own_rules._holds = HoldRules()
    async with made.running():
        stated = await at_borduria(made)
        for _ in range(2):
            first = await made["borduria"].pass_on(stated, "caledon")
            assert first["caledon"].outcome == "waits"
        assert await made["borduria"].gone(stated) == {}
        second = await made["borduria"].pass_on(stated, "caledon", who="second")
        assert second["caledon"].outcome == "sent"
        await made["caledon"].until_has(stated)


@pytest.mark.usefixtures("each_store")
async def test_what_the_origin_sends_itself_takes_the_place_of_a_relay(tmp_path: Path) -> None:
    """The agreement that opens it directly came later; the relay's agreement then ends."""
    description = chain_without(
        "agreements:\n",
        "agreements:\n  direct: {title: Direct, clause: article 9, parties: [arden, caledon], "
        "highest_tlp: RED, purposes: [collective-defence], "
        'valid_from: "2020-01-01T00:00:00Z", valid_until: "2030-01-01T00:00:00Z"}\n',
    )
    made = Chain(tmp_path, description=description)
    arden, caledon = made["arden"].peer, made["caledon"].peer
    arden.kernel.adopt(without(made.alliance, "direct"))
    async with made.running():
        stated = await at_borduria(made)
        await made["borduria"].pass_on(stated, "caledon")
        came = await made["caledon"].until_has(stated)
        with caledon.store.read() as tx:
            assert tx.release_classes()[came.release_class].relayed == ("borduria", "caledon")
        arden.kernel.adopt(made.alliance)
        name = parse_statement_id(stated)
        from ringwall.sharing import PastSender

        past = PastSender(
            node="arden-1",
            member="arden",
            kernel=arden.kernel,
            store=arden.store,
            clock=made.world.clock,
            recipients=["caledon-1"],
        )
        direct = next(each for each in made.alliance.agreements if each.id == "direct")
        assert past.send(direct)
        arden.outbox.wake("BULK")

        def relayed() -> tuple[str, ...]:
            with caledon.store.read() as tx:
                held = tx.statement_by_id(name)
                assert held is not None
                return tx.release_classes()[held.release_class].relayed

        await eventually(lambda: relayed() == (), "the direct one took its place")
        caledon.kernel.adopt(without(made.alliance, "bridge"))
        assert made["caledon"].has(stated) is not None


async def test_who_got_it_from_the_origin_gets_no_relay(chain: Chain) -> None:
    """An addressee has what its origin decided that it gets; nobody gives it more."""
    stated = await at_borduria(chain)
    sent = await chain["borduria"].pass_on(stated, "borduria", dry_run=True)
    assert denied(sent["borduria"]) in ("way", "addressed")


async def test_a_statement_kept_without_its_addressees_cannot_be_passed_on(chain: Chain) -> None:
    stated = await at_borduria(chain)
    store, name = chain["borduria"].peer.store, parse_statement_id(stated)

    def forget(tx: object) -> None:
        held = tx.statement_by_id(name)  # type: ignore[attr-defined]
        from ringwall.trust import decode_proof, encode_proof

        proof = encode_proof(decode_proof(*held.proof))
        tx.set_proofs(proof, [(held.order, b"")])  # type: ignore[attr-defined]

    store.write(forget).result()
    with pytest.raises(Conflict) as caught:
        await chain["borduria"].pass_on(stated, "caledon")
    assert caught.value.rule == "no-addressees"


async def test_a_revocation_follows_what_was_passed_on(chain: Chain) -> None:
    first = json.loads(indicator())
    stated = await chain["arden"].state(json.dumps(first).encode(), terms=THREE_HOPS)
    await chain["borduria"].until_has(stated)
    await chain["borduria"].pass_on(stated, "caledon")
    await chain["caledon"].until_has(stated)
    await chain["caledon"].pass_on(stated, "dorne")
    await chain["dorne"].until_has(stated)
    newer = first | {"modified": "2026-02-01T00:00:00.000Z", "revoked": True}
    revoked = await chain["arden"].state(json.dumps(newer).encode(), terms=THREE_HOPS)
    for name in ("borduria", "caledon", "dorne"):
        await chain[name].until_has(revoked)
    assert chain["elbe"].has(revoked) is None
    (entry,) = [e for e in chain["borduria"].peer.audit("relayed") if e.get("followed")]
    assert (entry["statement"], entry["reader"]) == (revoked, "borduria-release")


async def test_a_newer_version_without_terms_does_not_follow(chain: Chain) -> None:
    first = json.loads(indicator())
    stated = await chain["arden"].state(json.dumps(first).encode(), terms=THREE_HOPS)
    await chain["borduria"].until_has(stated)
    await chain["borduria"].pass_on(stated, "caledon")
    await chain["caledon"].until_has(stated)
    newer = first | {"modified": "2026-02-01T00:00:00.000Z"}
    kept = await chain["arden"].state(json.dumps(newer).encode())
    borduria = chain["borduria"].peer
    await eventually(lambda: borduria.audit("relay-not-followed") != [], "it is not followed")
    assert borduria.audit("relay-not-followed")[0]["statement"] == kept
    assert chain["caledon"].has(kept) is None


async def test_older_versions_do_not_follow(chain: Chain) -> None:
    first = json.loads(indicator())
    newer = first | {"modified": "2026-02-01T00:00:00.000Z"}
    old, new = [
        await chain["arden"].state(json.dumps(one).encode(), terms=THREE_HOPS)
        for one in (first, newer)
    ]
    for name in (old, new):
        await chain["borduria"].until_has(name)
    await chain["borduria"].pass_on(new, "caledon")
    await chain["caledon"].until_has(new)
    chain["borduria"].relays._following.look()
    assert [entry["statement"] for entry in chain["borduria"].peer.audit("relayed")] == [new]


async def test_what_the_officer_may_not_read_does_not_go_and_is_not_told(chain: Chain) -> None:
    raw = json.loads(indicator(description="for higher clearances"))
    amber = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
    raw["granular_markings"] = [{"marking_ref": amber, "selectors": ["description"]}]
    stated = await chain["arden"].state(json.dumps(raw).encode(), terms=THREE_HOPS)
    await chain["borduria"].until_has(stated)
    sent = await chain["borduria"].pass_on(stated, "caledon", who="junior")
    assert sent["caledon"].outcome == "sent"
    assert "description" not in [each.field for each in sent["caledon"].withheld]
    came = await chain["caledon"].until_has(stated)
    assert b"for higher clearances" not in came.body
    again = await chain["borduria"].pass_on(stated, "caledon", who="junior")
    assert again["caledon"].outcome == "known"
    await chain["borduria"].pass_on(stated, "caledon")

    def whole() -> bool:
        held = chain["caledon"].has(stated)
        return held is not None and b"for higher clearances" in held.body

    await eventually(whole, "the officer who may read it passed on the rest")
