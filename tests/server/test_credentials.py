"""Tokens, sessions and login links: whose they are, what they are for, and who may touch whose."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import RANKS, Reader
from ringwall.core import ManualClock, parse_timestamp
from ringwall.identity import EVERY_SCOPE, Grant, Scope, narrow
from ringwall.labels import Tlp
from ringwall.server import ROUTES
from tests.server.world import ALLIANCE, World, bundle, indicator

START = "2026-06-01T12:00:00.000000Z"
SECOND = "  policy2: {member: arden, name: Second policy officer, roles: [policy-officer]}\n"
ADMIN = "  admin2: {member: arden, name: Second administrator, roles: [administrator]}\n"
BOTH = "  chief: {member: arden, name: Chief, roles: [administrator, policy-officer]}\n"
ROLE_OF = {
    "tool": "submitter", "analyst": "analyst", "watch": "watch-officer", "auditor": "auditor",
    "releaser": "release-officer", "policy": "policy-officer", "admin": "administrator",
}  # fmt: skip
API = "/api/v1"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[World]:
    clock = ManualClock(parse_timestamp(START))
    made = World(tmp_path, clock=clock, description=ALLIANCE + SECOND + ADMIN + BOTH)
    yield made
    made.close()


def token_of(node: World, reader: str, **wanted: Any) -> str:
    with node.http(reader) as http:
        answer = http.post(f"{API}/tokens", json=wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def as_token(node: World, token: str) -> httpx.Client:
    return node.http(headers={"authorization": f"Bearer {token}"})


def entries(node: World, kind: str) -> list[dict[str, Any]]:
    with node.store.read() as snapshot:
        leaves = [msgspec.json.decode(row.leaf) for row in snapshot.audit_entries(0, 1000)]
    return [leaf for leaf in leaves if leaf["kind"] == kind]


# --- scopes ---


def test_a_token_is_good_for_its_scopes_only(node: World) -> None:
    reading = token_of(node, "analyst", scopes=["read"])
    submitting = token_of(node, "analyst", scopes=["submit"])
    state = {"content": bundle(indicator("x")), "params": {"label": "warning"}}
    with as_token(node, reading) as http:
        assert http.get(f"{API}/statements").status_code == 200
        refused = http.post(f"{API}/submissions", **state)
        assert (refused.status_code, refused.json()["rule"]) == (403, "scope")
        assert http.get(f"{API}/tokens").json()["rule"] == "scope"
        assert http.get(f"{API}/me").json()["scopes"] == ["read"]
    with as_token(node, submitting) as http:
        assert http.post(f"{API}/submissions", **state).status_code == 201
        assert http.get(f"{API}/statements").json()["rule"] == "scope"


def test_every_scope_is_demanded_by_some_route() -> None:
    assert frozenset().union(*(r.access.scopes for r in ROUTES)) == EVERY_SCOPE


def test_every_route_for_readers_demands_a_scope_but_a_few() -> None:
    free = {
        f"{API}/me", f"{API}/alliance", f"{API}/logout", "/taxii2", "/taxii2/ringwall"
    }  # fmt: skip
    closed = [r for r in ROUTES if not (r.access.open or r.access.loopback)]
    assert {r.path for r in closed if not r.access.scopes} == free
    shows = {r.access.scopes for r in closed if r.access.content and r.method == "GET"}
    assert shows == {frozenset({Scope.READ})}


def test_a_token_for_looking_changes_nothing_but_what_its_reader_looks_for() -> None:
    looking = frozenset({Scope.READ, Scope.OPERATE, Scope.AUDIT})
    changing = {
        f"{r.method} {r.path}" for r in ROUTES if r.method != "GET" and r.access.scopes & looking
    }
    assert changing == {
        f"POST {API}/explanations", f"POST {API}/searches", f"DELETE {API}/searches/{{search:str}}"
    }  # fmt: skip


def test_a_token_for_submitting_shows_nothing_through_taxii(node: World) -> None:
    node.receive(indicator("secret"), label="TLP:GREEN", sequence=1)
    with node.http("analyst") as http:
        shown = http.get("/taxii2/ringwall/collections").text
    assert "source-borduria" in shown
    with as_token(node, token_of(node, "analyst", scopes=["submit"])) as http:
        listed = http.get("/taxii2/ringwall/collections")
        assert listed.status_code == 200
        assert "source-borduria" not in listed.text
        assert http.get("/taxii2/ringwall/collections/source-borduria").status_code == 404
        assert http.get("/taxii2/ringwall/collections/all/objects").status_code == 403


@pytest.mark.usefixtures("each_store")
def test_a_capped_token_sees_less_and_closes_nothing_for_its_reader(node: World) -> None:
    node.submit(indicator("open"), label="TLP:GREEN")
    node.submit(indicator("closed"), label="TLP:RED")
    capped = token_of(node, "analyst", scopes=["read"], tlp="GREEN")

    def titles(http: httpx.Client) -> list[tuple[str, str]]:
        page = http.get(f"{API}/statements").json()["statements"]
        return [(each["title"], each["received_at"]) for each in page]

    with node.http("analyst") as whole, as_token(node, capped) as narrow_one:
        before = titles(whole)
        assert [title for title, _ in titles(narrow_one)] == ["open"]
        assert titles(whole) == before  # nothing came again, nothing moved
        assert narrow_one.get(f"{API}/me").json()["tlp"] == "GREEN"
    assert [title for title, _ in before] == ["open", "closed"]


def test_no_token_has_more_than_what_made_it(node: World) -> None:
    making = token_of(node, "analyst", scopes=["read", "account"], tlp="AMBER", days=3)
    with as_token(node, making) as http:
        wanted: dict[str, Any]
        for wanted in ({"scopes": ["submit"]}, {"tlp": "RED"}, {"scopes": [*EVERY_SCOPE]}):
            refused = http.post(f"{API}/tokens", json=wanted)
            assert (refused.status_code, refused.json()["rule"]) == (403, "beyond-credential")
        made = http.post(f"{API}/tokens", json={"days": 300}).json()
    assert made["expires"] == "2026-06-04T12:00:00.000000Z"
    with as_token(node, made["token"]) as http:
        me = http.get(f"{API}/me").json()
    assert (me["scopes"], me["tlp"]) == (["account", "read"], "AMBER")


@pytest.mark.parametrize(
    "wanted",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"days": 0},
        {"days": 366},
        {"tlp": "x"},
        {"reader": "a"},
    ],
)
def test_a_token_that_makes_no_sense_is_refused(node: World, wanted: dict[str, Any]) -> None:
    with node.http("analyst") as http:
        assert http.post(f"{API}/tokens", json=wanted).status_code == 422


def test_a_narrowed_token_without_its_grant_is_good_for_nothing(node: World) -> None:
    token = token_of(node, "analyst", scopes=["read"])
    with node.store.read() as snapshot:
        ((key, _),) = snapshot.documents("token-grant", "analyst", START)
    node.store.write(lambda tx: tx.drop_document("token-grant", "analyst", key)).result()
    with as_token(node, token) as http:
        assert http.get(f"{API}/me").status_code == 401
    with as_token(node, token.removeprefix("scoped-")) as http:
        assert http.get(f"{API}/me").status_code == 401


def test_tokens_end_and_are_revoked_by_their_reader(node: World) -> None:
    token = token_of(node, "analyst", days=1)
    with as_token(node, token) as http:
        assert http.get(f"{API}/me").status_code == 200
        with node.http("watch") as other:
            listed = http.get(f"{API}/tokens").json()["tokens"]
            name = next(each["id"] for each in listed if each["scopes"] and each["tlp"])
            assert other.delete(f"{API}/tokens/{name}").status_code == 404
        assert http.delete(f"{API}/tokens/{name}").status_code == 204
        assert http.get(f"{API}/me").status_code == 401
    ended = token_of(node, "analyst", days=1)
    node.clock.advance(timedelta(days=1))
    with as_token(node, ended) as http:
        assert http.get(f"{API}/me").status_code == 401


ROLE_SETS = st.frozensets(st.sampled_from(sorted(RANKS)), min_size=1)


@given(roles=ROLE_SETS, granted=ROLE_SETS, own=st.sampled_from(Tlp), cap=st.sampled_from(Tlp))
def test_narrowing_never_widens(
    roles: frozenset[str], granted: frozenset[str], own: Tlp, cap: Tlp
) -> None:
    reader = Reader("a", "arden", "A", roles, own)
    shown = narrow(reader, Grant(EVERY_SCOPE, granted, cap))
    assert shown.roles <= roles & granted
    assert shown.tlp.rank == min(own.rank, cap.rank)
    assert msgspec.structs.replace(shown, roles=roles, tlp=own) == reader


# --- sessions ---


def test_a_reader_sees_and_ends_own_sessions(node: World) -> None:
    with node.http() as one, node.http() as two:
        for http in (one, two):
            http.post(f"{API}/login", json={"code": node.login_code("analyst")})
            node.clock.advance(timedelta(seconds=1))
        listed = one.get(f"{API}/sessions").json()["sessions"]
        assert [each["current"] for each in listed] == [True, False]
        assert {each["method"] for each in listed} == {"login-code"}
        same = {"origin": node.url}
        gone = one.delete(f"{API}/sessions/{listed[1]['id']}", headers=same)
        assert gone.status_code == 204
        assert two.get(f"{API}/me").status_code == 401
        assert one.post(f"{API}/logout", headers=same).status_code == 204
    with node.http("analyst") as http:
        assert http.get(f"{API}/sessions").json()["sessions"] == []


# --- links ---


def make_link(node: World, maker: str, target: str) -> dict[str, Any]:
    with node.http(maker) as http:
        answer = http.post(f"{API}/people/{target}/login-link", json={})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def code_of(link: dict[str, Any]) -> str:
    return str(link["link"]).partition("code=")[2]


def enter(node: World, code: str) -> int:
    with node.http() as http:
        return http.post(f"{API}/login", json={"code": code}).status_code


@pytest.mark.parametrize(
    "target", ["analyst", "watch", "releaser", "tool", "auditor", "policy", "chief"]
)
def test_a_link_for_anybody_but_an_administrator_needs_two_people(node: World, target: str) -> None:
    link = make_link(node, "admin", target)
    assert link["waits"]
    first = code_of(link)
    assert enter(node, first) == 401
    confirmer = "policy2" if target != "chief" else "chief"
    with node.http("admin") as http:
        (waiting,) = http.get(f"{API}/login-links").json()["links"]
        assert (waiting["reader"], waiting["by"]) == (target, "admin")
    with node.http("policy2") as http:
        answer = http.post(f"{API}/login-links/{link['id']}/confirmation")
        if confirmer == "chief":  # nobody of lower rank confirms for an administrator
            assert (answer.status_code, answer.json()["rule"]) == (403, "rank")
            return
        assert answer.status_code == 201
        second = answer.json()["code"]
        assert http.post(f"{API}/login-links/{link['id']}/confirmation").status_code == 404
    assert enter(node, first) == 401  # neither half opens anything
    assert enter(node, second) == 401
    assert enter(node, f"{second}.{first}") == 401
    assert enter(node, f"{first}.{second}") == 204
    assert enter(node, f"{first}.{second}") == 401
    (made,) = entries(node, "login-code-created")
    (confirmed,) = entries(node, "login-code-confirmed")
    assert (made["by"], confirmed["by"], confirmed["reader"]) == ("admin", "policy2", target)


def test_the_form_takes_both_parts(node: World) -> None:
    link = make_link(node, "admin", "analyst")
    with node.http("policy") as http:
        second = http.post(f"{API}/login-links/{link['id']}/confirmation").json()["code"]
    with node.http() as http:
        sent = {"code": code_of(link), "confirmation": second}
        assert http.post("/login", data=sent).status_code == 303
        assert http.get(f"{API}/me").json()["reader"] == "analyst"


def test_a_link_for_an_administrator_works_at_once(node: World) -> None:
    link = make_link(node, "admin", "admin2")
    assert not link["waits"]
    assert enter(node, code_of(link)) == 204


def test_who_made_a_link_or_whom_it_is_for_cannot_confirm_it(node: World) -> None:
    for maker, target, confirmer in (("chief", "analyst", "chief"), ("admin", "policy", "policy")):
        link = make_link(node, maker, target)
        with node.http(confirmer) as http:
            answer = http.post(f"{API}/login-links/{link['id']}/confirmation")
            assert (answer.status_code, answer.json()["rule"]) == (403, "second-person")


def test_one_person_does_not_do_both_halves_through_another_administrators_name(
    node: World,
) -> None:
    """Whoever administers gets into another administrator's account alone, and could make it."""
    same = {"origin": node.url}
    with node.http() as borrowed:
        code = code_of(make_link(node, "chief", "admin2"))
        assert borrowed.post(f"{API}/login", json={"code": code}).status_code == 204
        answer = borrowed.post(f"{API}/people/analyst/login-link", json={}, headers=same)
        link = answer.json()
        assert (answer.status_code, link["waits"]) == (201, True)
    with node.http("chief") as http:
        answer = http.post(f"{API}/login-links/{link['id']}/confirmation")
        assert (answer.status_code, answer.json()["rule"]) == (403, "second-person")
    with node.http("policy") as http:
        assert http.post(f"{API}/login-links/{link['id']}/confirmation").status_code == 201


def test_a_link_ends_and_is_withdrawn(node: World) -> None:
    link, other = make_link(node, "admin", "analyst"), make_link(node, "admin", "watch")
    with node.http("policy") as http:
        assert http.delete(f"{API}/login-links/{link['id']}").status_code == 204
        assert http.post(f"{API}/login-links/{link['id']}/confirmation").status_code == 404
        node.clock.advance(timedelta(minutes=15))
        assert http.post(f"{API}/login-links/{other['id']}/confirmation").status_code == 404


def test_administrators_see_credentials_and_no_secret(node: World) -> None:
    token = token_of(node, "analyst")
    with node.http("admin") as http:
        people = http.get(f"{API}/people").json()["people"]
        shown = http.get(f"{API}/people/analyst")
        assert http.get(f"{API}/people/stranger").status_code == 404  # of another member
        assert http.delete(f"{API}/people/analyst").status_code == 404  # the description's
    assert {each["reader"] for each in people} >= set(ROLE_OF)
    assert len(shown.json()["tokens"]) == 2
    assert token.removeprefix("scoped-") not in shown.text


def test_an_administrator_or_a_policy_officer_takes_access_away_at_once(node: World) -> None:
    for actor in ("admin", "policy"):
        token = token_of(node, "analyst")
        with node.http(actor) as http, node.http() as analyst, as_token(node, token) as tool:
            analyst.post(f"{API}/login", json={"code": node.login_code("analyst")})
            held = http.get(f"{API}/people/analyst").json()
            session, made = held["sessions"][-1]["id"], held["tokens"][-1]["id"]
            assert analyst.get(f"{API}/me").status_code == 200
            assert http.delete(f"{API}/people/analyst/sessions/{session}").status_code == 204
            assert analyst.get(f"{API}/me").status_code == 401
            assert tool.get(f"{API}/me").status_code == 200
            assert http.delete(f"{API}/people/analyst/tokens/{made}").status_code == 204
            assert tool.get(f"{API}/me").status_code == 401
            for path in (f"sessions/{session}", f"tokens/{made}", f"passkeys/{'0' * 32}"):
                assert http.delete(f"{API}/people/analyst/{path}").status_code == 404
    assert [each["by"] for each in entries(node, "session-ended")] == ["admin", "policy"]
    assert [each["by"] for each in entries(node, "token-revoked")] == ["admin", "policy"]


def test_cve_2026_44380_a_link_for_who_stands_above_is_not_touched(node: World) -> None:
    link = make_link(node, "admin", "chief")
    with node.http("policy") as http:
        for method, path in (("DELETE", ""), ("POST", "/confirmation")):
            answer = http.request(method, f"{API}/login-links/{link['id']}{path}")
            assert (answer.status_code, answer.json()["rule"]) == (403, "rank")
    with node.http("admin") as http:
        assert len(http.get(f"{API}/login-links").json()["links"]) == 1
        assert http.delete(f"{API}/login-links/{link['id']}").status_code == 204


# --- ranks ---

# --- what a narrowed token may not do ---


def test_a_narrowed_token_opens_no_session_for_an_administrator(node: World) -> None:
    token = token_of(node, "admin", scopes=["account"], tlp="CLEAR", days=1)
    with as_token(node, token) as http:
        for target in ("admin", "admin2"):
            answer = http.post(f"{API}/people/{target}/login-link", json={})
            assert (answer.status_code, answer.json()["rule"]) == (403, "beyond-credential")
        assert http.post(f"{API}/people/analyst/login-link", json={}).json()["waits"]
    assert len(entries(node, "login-code-created")) == 1


@pytest.mark.parametrize("revoked", [False, True])
def test_two_tokens_in_one_request_last_no_longer_than_the_shorter(
    node: World, *, revoked: bool
) -> None:
    lasting = token_of(node, "analyst", scopes=["read"], days=365)
    short = token_of(node, "analyst", days=1)
    if revoked:
        with node.http("analyst") as http:
            listed = http.get(f"{API}/tokens").json()["tokens"]
            (name,) = [each["id"] for each in listed if each["scopes"] == ["read"]]
            assert http.delete(f"{API}/tokens/{name}").status_code == 204
    pair = base64.b64encode(f"{lasting}:{short}".encode()).decode()
    with node.http(headers={"authorization": f"Basic {pair}"}) as http:
        made = http.post(f"{API}/tokens", json={"days": 300}).json()
    assert made["expires"] == "2026-06-02T12:00:00.000000Z"


def test_tokens_that_have_ended_leave_room_for_new_ones(
    node: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringwall.identity.tokens.MOST", 3)
    for _ in range(2):
        token_of(node, "analyst", days=1)
    with node.http("analyst") as http:
        assert http.post(f"{API}/tokens", json={}).json()["rule"] == "tokens"
        node.clock.advance(timedelta(days=1))
        assert http.post(f"{API}/tokens", json={}).status_code == 201


def test_cve_2026_44380_a_link_for_who_stands_above_is_not_listed(node: World) -> None:
    make_link(node, "admin", "chief")
    link = make_link(node, "admin", "analyst")
    with node.http("policy") as http:
        assert [each["id"] for each in http.get(f"{API}/login-links").json()["links"]] == [
            link["id"]
        ]
    with node.http("chief") as http:
        assert len(http.get(f"{API}/login-links").json()["links"]) == 2


# --- what a stolen session may not do ---


def test_a_session_makes_what_outlives_it_only_just_after_logging_in(node: World) -> None:
    same = {"origin": node.url}
    link = f"{API}/people/admin/login-link"
    with node.http() as http:
        http.post(f"{API}/login", json={"code": node.login_code("admin")})
        assert http.post(f"{API}/tokens", json={}, headers=same).status_code == 201
        assert http.post(link, json={}, headers=same).status_code == 201
        node.clock.advance(timedelta(minutes=16))
        for path in (f"{API}/tokens", link):
            refused = http.post(path, json={}, headers=same)
            assert (refused.status_code, refused.json()["rule"]) == (403, "fresh-login"), path
        other = f"{API}/people/analyst/login-link"  # a second person has to confirm it
        assert http.post(other, json={}, headers=same).status_code == 201
    assert len(entries(node, "token-created")) == 1
