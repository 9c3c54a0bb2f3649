"""Single sign-on: through a real provider as a browser goes, and against one that lies."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from ringwall.alliance import load_alliance
from ringwall.core import Clock, ManualClock, SystemClock
from ringwall.core.egress import parse_egress
from ringwall.edge import open_client
from ringwall.identity import Federation
from ringwall.identity.provider import Provider
from ringwall.identity.rules import IdentityRules, load_rules
from tests.identity.mischievous_provider import (
    CLIENT,
    SECRET,
    MischievousProvider,
    mischievous_provider,
)
from tests.server.world import ALLIANCE, World, bundle, free_port, indicator

DESCRIPTION = ALLIANCE.replace(
    "arden: {name: Arden, kind: nation,",
    "arden: {name: Arden, kind: nation, assertions: {"
    "roles: [analyst, watch-officer, administrator],"
    " tlp: AMBER, nationalities: [arden], communities: [fusion]},",
)
RULES = """
provider: {{issuer: "{issuer}", client_id: {client}, userinfo: {userinfo}}}
session_hours: 8
rules:
  - when: {{groups: {{contains: cti}}}}
    give: {{roles: [analyst], tlp: GREEN, communities: [fusion]}}
  - when: {{groups: {{contains: cleared}}, country: [AR, BO]}}
    give: {{tlp: AMBER}}
  - when: {{country: AR}}
    give: {{nationality: arden}}
  - when: {{groups: {{contains: operators}}}}
    give: {{roles: [auditor]}}
  - when: {{groups: {{contains: foreign}}}}
    give: {{tlp: RED, communities: [inner-circle]}}
  - when: {{groups: {{contains: admins}}}}
    give: {{roles: [administrator]}}
"""
API = "/api/v1"


def rules_for(issuer: str, client: str, *, userinfo: bool) -> IdentityRules:
    text = RULES.format(issuer=issuer, client=client, userinfo=str(userinfo).lower())
    return load_rules(text, load_alliance(DESCRIPTION))


def node_of(
    directory: Path,
    issuer: str,
    client: str,
    secret: str,
    *,
    clock: Clock,
    userinfo: bool = False,
    **options: Any,
) -> World:
    rules = rules_for(issuer, client, userinfo=userinfo)
    parts = urlsplit(issuer)
    allowed = parse_egress(f"{parts.scheme}://{parts.netloc} 127.0.0.0/8")
    provider = Provider(rules.provider, open_client(allowed, timeout=5), clock, secret=secret)
    federation = Federation(provider, rules)
    return World(directory, clock=clock, description=DESCRIPTION, federation=federation, **options)


def browser() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=10)


def entries(node: World, kind: str) -> list[dict[str, Any]]:
    with node.store.read() as snapshot:
        leaves = [msgspec.json.decode(row.leaf) for row in snapshot.audit_entries(0, 1000)]
    return [leaf for leaf in leaves if leaf["kind"] == kind]


# --- a provider that lies ---


class Liar:
    """A node whose provider does as a test says, at a time that the test sets."""

    def __init__(self, node: World, idp: MischievousProvider, clock: ManualClock) -> None:
        self.node, self.idp, self.clock = node, idp, clock

    def says(self, **claims: Any) -> None:
        now = int(self.clock.now().timestamp())
        right = {"iat": now, "exp": now + 300, "country": "AR"}
        self.idp.claims = {**right, **claims}

    def back(self, http: httpx.Client) -> str:
        start = http.get(f"{self.node.url}/login/oidc")
        return str(http.get(start.headers["location"]).headers["location"])

    def log_in(self, http: httpx.Client) -> httpx.Response:
        return http.get(self.back(http))


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[Liar]:
    with mischievous_provider() as idp:
        clock = ManualClock(datetime.now(UTC))
        node = node_of(tmp_path, idp.issuer, CLIENT, SECRET, clock=clock)
        made = Liar(node, idp, clock)
        made.says()
        try:
            yield made
        finally:
            node.close()


def test_rights_end_with_the_providers_word_and_come_back_with_it(liar: Liar) -> None:
    with browser() as http:
        assert liar.log_in(http).status_code == 303
        same = {"origin": liar.node.url}
        made = http.post(f"{liar.node.url}{API}/tokens", json={"days": 300}, headers=same)
        token = {"authorization": f"Bearer {made.json()['token']}"}
        liar.clock.advance(timedelta(hours=7, minutes=59))
        assert http.get(f"{liar.node.url}{API}/me").status_code == 200
        with liar.node.http(headers=token) as tool:
            assert tool.get(f"{API}/me").status_code == 200
            liar.clock.advance(timedelta(minutes=2))
            assert tool.get(f"{API}/me").status_code == 401
            assert http.get(f"{liar.node.url}{API}/me").status_code == 401
            liar.says()
            assert liar.log_in(http).status_code == 303
            assert tool.get(f"{API}/me").status_code == 200


def test_what_the_provider_takes_back_is_gone_from_every_session(liar: Liar) -> None:
    liar.says(groups=["cti", "cleared"])
    with browser() as first, browser() as second:
        liar.log_in(first)
        assert first.get(f"{liar.node.url}{API}/me").json()["tlp"] == "AMBER"
        liar.says(groups=["cti"])
        liar.log_in(second)
        assert first.get(f"{liar.node.url}{API}/me").json()["tlp"] == "GREEN"
        liar.says(groups=[])
        assert liar.log_in(second).status_code == 403


def test_what_the_provider_takes_back_is_gone_from_an_open_event_stream(liar: Liar) -> None:
    liar.says(groups=["cti", "cleared"])
    with browser() as http, browser() as again:
        liar.log_in(http)
        with http.stream("GET", f"{liar.node.url}{API}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            liar.node.submit(indicator("seen"), label="TLP:AMBER")
            assert any("seen" in line for line in lines)
            liar.says(groups=["cti"])
            liar.log_in(again)
            liar.node.submit(indicator("kept back"), label="TLP:AMBER")
            liar.node.submit(indicator("for all"), label="TLP:GREEN")
            line = next(line for line in lines if line.startswith("data:"))
    assert "for all" in line


def test_a_token_made_before_has_no_rights_that_came_after(liar: Liar) -> None:
    with browser() as http:
        liar.log_in(http)
        url = liar.node.url
        made = http.post(f"{url}{API}/tokens", json={}, headers={"origin": url}).json()
        liar.says(groups=["cti", "cleared"])
        liar.log_in(http)
        assert http.get(f"{url}{API}/me").json()["tlp"] == "AMBER"
    with liar.node.http(headers={"authorization": f"Bearer {made['token']}"}) as tool:
        assert tool.get(f"{API}/me").json()["tlp"] == "GREEN"


def test_an_administrator_ends_a_person_at_once(liar: Liar) -> None:
    with browser() as http, liar.node.http("admin") as admin:
        liar.log_in(http)
        name = http.get(f"{liar.node.url}{API}/me").json()["reader"]
        (shown,) = [p for p in admin.get(f"{API}/people").json()["people"] if p["until"]]
        assert (shown["reader"], shown["name"]) == (name, "Ada Analyst")
        link = admin.post(f"{API}/people/{name}/login-link", json={})
        assert (link.status_code, link.json()["rule"]) == (403, "federated")
        assert admin.delete(f"{API}/people/{name}").status_code == 204
        assert http.get(f"{liar.node.url}{API}/me").status_code == 401
        assert admin.get(f"{API}/people/{name}").status_code == 404
    (entry,) = entries(liar.node, "person-ended")
    assert (entry["reader"], entry["by"]) == (name, "admin")


def test_names_cannot_deceive(liar: Liar) -> None:
    liar.says(name="Admin\u202e\x00nimdA\n\u2066" + "x" * 200)
    with browser() as http:
        liar.log_in(http)
        name = http.get(f"{liar.node.url}{API}/me").json()["name"]
    assert name.startswith("Admin nimdA ")
    assert name.isprintable()
    assert len(name) <= 80


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"}, {"aud": "other"}, {"exp": 1}, {"nonce": "of-another"},
        {"sub": None},
    ],
)  # fmt: skip
def test_a_lie_opens_nothing_and_the_person_learns_no_more(
    liar: Liar, claims: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    liar.says(**claims)
    with browser() as http:
        answer = liar.log_in(http)
        assert http.get(f"{liar.node.url}{API}/me").status_code == 401
    assert answer.status_code == 401
    assert "single sign-on failed" in answer.text
    assert "single sign-on refused" in caplog.text
    for inside in ("iss", "audience", "nonce", "expired", liar.idp.issuer):
        assert inside not in re.sub(r"<[^>]*>", "", answer.text)


def test_an_unsigned_token_opens_nothing(liar: Liar) -> None:
    liar.idp.sign = liar.idp.unsigned
    with browser() as http:
        assert liar.log_in(http).status_code == 401


def test_an_answer_belongs_to_the_browser_that_began(liar: Liar) -> None:
    with browser() as mine, browser() as other:
        back = liar.back(mine)
        assert other.get(back).status_code == 401  # it has no state at all
        liar.back(other)
        assert other.get(back).status_code == 401  # it has its own
        asked = liar.idp.asked.count("/token")
        assert mine.get(re.sub("state=[^&]*", "state=x", back)).status_code == 401
        assert liar.idp.asked.count("/token") == asked == 0
        assert mine.get(back).status_code == 401  # and the state is gone after one answer


def test_over_tls_the_state_of_a_login_is_bound_to_it(tmp_path: Path) -> None:
    with mischievous_provider() as idp:
        node = node_of(
            tmp_path, idp.issuer, CLIENT, SECRET, clock=SystemClock(), secure_cookies=True
        )
        try:
            with browser() as http:
                cookie = http.get(f"{node.url}/login/oidc").headers["set-cookie"]
        finally:
            node.close()
    assert cookie.startswith("__Host-ringwall-login=")
    # Lax, or the browser would not send it along when the provider sends the person back
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def test_a_refusal_of_the_provider_is_a_refusal(liar: Liar) -> None:
    with browser() as http:
        state = parse_qs(urlsplit(liar.back(http)).query)["state"][0]
        url = f"{liar.node.url}/login/oidc/callback?error=access_denied&state={state}"
        answer = http.get(url)
    assert answer.status_code == 401
    assert "access_denied" not in answer.text


def test_a_login_that_takes_too_long_begins_anew(liar: Liar) -> None:
    with browser() as http:
        back = liar.back(http)
        liar.clock.advance(timedelta(minutes=11))
        assert http.get(back).status_code == 401


def test_cve_2024_45404_wrong_answers_lock_their_source_out(liar: Liar) -> None:
    with browser() as http:
        answers = [
            http.get(f"{liar.node.url}/login/oidc/callback?code=x&state=y") for _ in range(12)
        ]
        assert [each.status_code for each in answers] == [401] * 10 + [429] * 2
        asked = list(liar.idp.asked)
        assert liar.log_in(http).status_code == 429
        assert liar.idp.asked.count("/token") == asked.count("/token")  # nor is the provider asked
        liar.clock.advance(timedelta(seconds=61))
        liar.says()
        assert liar.log_in(http).status_code == 303


def test_cve_2024_45404_there_is_no_code_that_a_person_types_elsewhere(liar: Liar) -> None:
    with browser() as http:
        liar.log_in(http)
        for path in ("/login/oidc/device", "/login/device", "/device", f"{API}/login/device"):
            assert http.get(f"{liar.node.url}{path}").status_code == 404
    assert not [path for path in liar.idp.asked if "device" in path]


def test_a_provider_that_is_down_is_said_to_be_down(tmp_path: Path) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    node = node_of(tmp_path, issuer, CLIENT, SECRET, clock=SystemClock())
    try:
        with browser() as http:
            answer = http.get(f"{node.url}/login/oidc")
        assert answer.status_code == 503
        assert "cannot be used now" in answer.text
        assert issuer not in answer.text
        with node.http() as http:  # a code still lets a described reader in
            sent = http.post(f"{API}/login", json={"code": node.login_code("analyst")})
            assert sent.status_code == 204
    finally:
        node.close()


def test_a_node_without_a_provider_has_no_such_routes(world: World) -> None:
    with world.http() as http:
        assert '"ways no-provider"' in http.get("/login").text
        for path in ("/login/oidc", "/login/oidc/callback", "/login/oidc/logout"):
            assert http.get(path).status_code == 404


def test_a_federated_administrator_operates_and_reads_no_content(liar: Liar) -> None:
    liar.says(groups=["admins"])
    with browser() as http:
        assert liar.log_in(http).status_code == 303
        url = f"{liar.node.url}{API}"
        sent = http.post(
            f"{url}/submissions?label=warning",
            content=bundle(indicator("x")),
            headers={"origin": liar.node.url},
        )
        assert (sent.status_code, sent.json()["rule"]) == (403, "role")
        assert http.get(f"{url}/statements").status_code == 403
        assert http.get(f"{url}/people").status_code == 200


def test_whom_the_provider_gives_nothing_any_more_is_out_everywhere(liar: Liar) -> None:
    same = {"origin": liar.node.url}
    with browser() as first, browser() as second:
        liar.log_in(first)
        name = first.get(f"{liar.node.url}{API}/me").json()["reader"]
        made = first.post(f"{liar.node.url}{API}/tokens", json={}, headers=same).json()
        liar.says(groups=[])
        assert liar.log_in(second).status_code == 403
        assert first.get(f"{liar.node.url}{API}/me").status_code == 401
        with liar.node.http(headers={"authorization": f"Bearer {made['token']}"}) as tool:
            assert tool.get(f"{API}/me").status_code == 401
        liar.says()
        assert liar.log_in(second).status_code == 303
        assert first.get(f"{liar.node.url}{API}/me").status_code == 401  # it began before
    (refused,) = entries(liar.node, "login-refused")
    assert (refused["reader"], refused["rule"]) == (name, "no-role")


def test_a_person_who_was_ended_comes_back_without_the_old_tokens(liar: Liar) -> None:
    same = {"origin": liar.node.url}
    with browser() as http, liar.node.http("admin") as admin:
        liar.log_in(http)
        name = http.get(f"{liar.node.url}{API}/me").json()["reader"]
        made = http.post(f"{liar.node.url}{API}/tokens", json={}, headers=same).json()
        assert admin.delete(f"{API}/people/{name}").status_code == 204
        assert liar.log_in(http).status_code == 303
        assert http.get(f"{liar.node.url}{API}/me").status_code == 200
    with liar.node.http(headers={"authorization": f"Bearer {made['token']}"}) as tool:
        assert tool.get(f"{API}/me").status_code == 401
    (entry,) = entries(liar.node, "token-revoked")
    assert (entry["token"], entry["reader"], entry["by"]) == (made["id"], name, "admin")


def test_a_tool_with_a_wrong_token_keeps_nobody_from_single_sign_on(liar: Liar) -> None:
    with liar.node.http(headers={"authorization": "Bearer wrong"}) as tool:
        answers = [tool.get(f"{API}/me").status_code for _ in range(11)]
    assert answers[-1] == 429
    with browser() as http:
        assert liar.log_in(http).status_code == 303


def test_a_stream_ends_when_its_reader_loses_the_role_for_it(liar: Liar) -> None:
    liar.says(groups=["cti"])
    with browser() as http, browser() as again:
        liar.log_in(http)
        with http.stream("GET", f"{liar.node.url}{API}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            liar.says(groups=["admins"])
            liar.log_in(again)
            liar.node.submit(indicator("not for administrators"), label="TLP:GREEN")
            told = [line for line in lines if line]
    assert told[0] == "event: end"
    assert '"rule":"role"' in told[1]
