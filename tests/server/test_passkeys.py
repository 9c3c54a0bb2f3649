"""Passkeys over HTTP: made after a one-time link, used to log in, and nothing else lets one in."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ringwall.core import ManualClock, parse_timestamp
from tests.identity.authenticator import PRESENT, Authenticator
from tests.server.world import World

START = "2026-06-01T12:00:00.000000Z"
LOGIN, PASSKEYS = "/api/v1/login/passkey", "/api/v1/passkeys"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, host="localhost", clock=ManualClock(parse_timestamp(START)))
    yield made
    made.close()


def with_code(node: World, http: httpx.Client, reader: str = "analyst") -> None:
    answer = http.post("/api/v1/login", json={"code": node.login_code(reader)})
    assert answer.status_code == 204, answer.text


def same(node: World) -> dict[str, str]:
    return {"origin": node.url}


def register(node: World, http: httpx.Client, device: Authenticator) -> httpx.Response:
    options = http.post(f"{PASSKEYS}/options", headers=same(node))
    if options.status_code != 200:
        return options
    made = {"credential": device.create(options.json()), "note": "a key"}
    return http.post(PASSKEYS, json=made, headers=same(node))


def log_in(node: World, http: httpx.Client, device: Authenticator) -> httpx.Response:
    options = http.get(LOGIN).json()
    return http.post(LOGIN, json={"credential": device.get(options)})


def registered(node: World, reader: str = "analyst") -> Authenticator:
    device = Authenticator(node.url)
    with node.http() as http:
        with_code(node, http, reader)
        answer = register(node, http, device)
    assert answer.status_code == 201, answer.text
    return device


def kinds(node: World) -> list[str]:
    with node.store.read() as snapshot:
        leaves = [row.leaf.decode() for row in snapshot.audit_entries(0, 1000)]
    return [kind for leaf in leaves for kind in [leaf.partition('"kind":"')[2].partition('"')[0]]]


@pytest.mark.usefixtures("each_store")
def test_a_passkey_is_made_after_a_link_and_logs_in_without_a_name(node: World) -> None:
    device = registered(node)
    with node.http() as http:
        answer = log_in(node, http, device)
        me = http.get("/api/v1/me").json()
        (shown,) = http.get(PASSKEYS).json()["passkeys"]
    assert answer.status_code == 204, answer.text
    assert "SameSite=Strict" in answer.headers["set-cookie"]
    assert me["reader"] == "analyst"
    assert (shown["note"], shown["used"]) == ("a key", START)
    assert "public_key" not in shown
    assert {"passkey-added", "login"} <= set(kinds(node))


def test_the_documents_are_what_openapi_promises(node: World) -> None:
    from tests.server.test_openapi import DOCUMENT, conforms

    device, paths = Authenticator(node.url), DOCUMENT["paths"]
    with node.http() as http:
        conforms(http.get(LOGIN), paths[LOGIN]["get"])
        with_code(node, http)
        options = http.post(f"{PASSKEYS}/options", headers=same(node))
        conforms(options, paths[f"{PASSKEYS}/options"]["post"])
        sent = {"credential": device.create(options.json())}
        conforms(http.post(PASSKEYS, json=sent, headers=same(node)), paths[PASSKEYS]["post"])
        conforms(http.get(PASSKEYS), paths[PASSKEYS]["get"])
        conforms(log_in(node, http, device), paths[LOGIN]["post"])


def test_the_browser_is_told_to_verify_the_person_and_to_keep_the_key(node: World) -> None:
    with node.http() as http:
        with_code(node, http)
        made = http.post(f"{PASSKEYS}/options", headers=same(node)).json()
        asked = http.get(LOGIN).json()
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["attestation"] == "none"
    assert made["rp"]["id"] == asked["rpId"] == "localhost"
    assert asked["userVerification"] == "required"
    assert asked.get("allowCredentials", []) == []


def altered_origin(device: Authenticator) -> None:
    device.origin = "https://evil.example"


def altered_host(device: Authenticator) -> None:
    device.host = "evil.example"


def unverified(device: Authenticator) -> None:
    device.flags = PRESENT


def absent(device: Authenticator) -> None:
    device.flags = 0


def another_key(device: Authenticator) -> None:
    device.key = Authenticator("").key


def another_user(device: Authenticator) -> None:
    device.user = b"x" * 32


def another_credential(device: Authenticator) -> None:
    device.credential = b"y" * 32


FAULTS = [altered_origin, altered_host, unverified, absent, another_key, another_user,
          another_credential]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_login_that_is_not_wholly_right_is_refused(node: World, fault: Any) -> None:
    device = registered(node)
    fault(device)
    with node.http() as http:
        answer = log_in(node, http, device)
        assert http.get("/api/v1/me").status_code == 401
    assert (answer.status_code, answer.json()["rule"]) == (401, "passkey")


@pytest.mark.parametrize("fault", [altered_origin, altered_host, unverified, absent])
def test_a_passkey_that_is_not_wholly_right_is_not_kept(node: World, fault: Any) -> None:
    device = Authenticator(node.url)
    fault(device)
    with node.http() as http:
        with_code(node, http)
        assert register(node, http, device).status_code == 401
        device = Authenticator(node.url)
        device.attestation = "tpm"
        assert register(node, http, device).status_code == 401
        assert http.get(PASSKEYS).json()["passkeys"] == []


@pytest.mark.parametrize("credential", [{}, {"rawId": 7}, {"rawId": "!"}, {"rawId": "A" * 4000}])
def test_nonsense_is_refused(node: World, credential: dict[str, Any]) -> None:
    with node.http() as http:
        http.get(LOGIN)
        assert http.post(LOGIN, json={"credential": credential}).status_code == 401
        with_code(node, http)
        http.post(f"{PASSKEYS}/options", headers=same(node))
        sent = http.post(PASSKEYS, json={"credential": credential}, headers=same(node))
        assert sent.status_code == 401


def test_a_count_that_does_not_rise_shows_a_copied_key(node: World) -> None:
    device = registered(node)
    with node.http() as http:
        assert log_in(node, http, device).status_code == 204
        assert log_in(node, http, device).status_code == 204
        device.count = 0
        answer = log_in(node, http, device)
    assert (answer.status_code, answer.json()["rule"]) == (401, "sign-count")
    assert "passkey-copied" in kinds(node)


def test_an_answer_works_once_also_where_the_authenticator_does_not_count(node: World) -> None:
    device = registered(node)
    device.count = -1
    with node.http() as http:
        options = http.get(LOGIN)
        state = options.headers["set-cookie"].partition(";")[0]
        sent = {"credential": device.get(options.json())}
        assert http.post(LOGIN, json=sent).status_code == 204
    with node.http(headers={"cookie": state}) as thief:
        assert thief.post(LOGIN, json=sent).status_code == 401
    with node.http() as other:  # another browser's challenge
        other.get(LOGIN)
        assert other.post(LOGIN, json=sent).status_code == 401


def test_a_challenge_ends(node: World) -> None:
    device = registered(node)
    with node.http() as http:
        options = http.get(LOGIN)
        state = options.headers["set-cookie"].partition(";")[0]
        node.clock.advance(timedelta(minutes=11))
        sent = {"credential": device.get(options.json())}
        answer = http.post(LOGIN, json=sent, headers={"cookie": state})
    assert (answer.status_code, answer.json()["rule"]) == (401, "login-state")


def test_more_passkeys_need_a_fresh_passkey_login(node: World) -> None:
    device = registered(node)
    with node.http() as http:
        with_code(node, http)
        refused = register(node, http, Authenticator(node.url))
        assert (refused.status_code, refused.json()["rule"]) == (403, "fresh-login")
        log_in(node, http, device)
        assert register(node, http, Authenticator(node.url)).status_code == 201
        node.clock.advance(timedelta(minutes=6))
        assert register(node, http, Authenticator(node.url)).status_code == 403


def test_the_first_passkey_needs_a_fresh_link_and_a_browser(node: World) -> None:
    with node.http() as http:
        with_code(node, http)
        node.clock.advance(timedelta(minutes=16))
        assert register(node, http, Authenticator(node.url)).status_code == 403
    with node.http("analyst") as http:
        assert register(node, http, Authenticator(node.url)).json()["rule"] == "fresh-login"


def test_a_passkey_that_was_taken_away_logs_nobody_in(node: World) -> None:
    device = registered(node)
    with node.http() as http:
        log_in(node, http, device)
        (shown,) = http.get(PASSKEYS).json()["passkeys"]
        assert http.delete(f"{PASSKEYS}/{shown['id']}", headers=same(node)).status_code == 204
        assert http.delete(f"{PASSKEYS}/{shown['id']}", headers=same(node)).status_code == 404
        assert log_in(node, http, device).status_code == 401


def test_somebodys_passkey_is_taken_away_by_who_stands_as_high(node: World) -> None:
    device, theirs = registered(node), registered(node, "admin")
    with node.http("policy") as http:
        (passkey,) = http.get("/api/v1/people/analyst").json()["passkeys"]
        path = f"/api/v1/people/analyst/passkeys/{passkey['id']}"
        assert http.get("/api/v1/people/admin").json()["rule"] == "rank"
        assert http.delete(path.replace("analyst", "watch")).status_code == 404
        assert http.delete(path).status_code == 204
    with node.http() as http:
        assert log_in(node, http, device).status_code == 401
        assert log_in(node, http, theirs).status_code == 204


def test_the_registration_of_one_reader_cannot_be_finished_by_another(node: World) -> None:
    device = Authenticator(node.url)
    with node.http() as victim, node.http() as other:
        with_code(node, victim, "watch")
        with_code(node, other, "analyst")
        options = other.post(f"{PASSKEYS}/options", headers=same(node))
        victim.cookies.set("ringwall-login", other.cookies["ringwall-login"])
        sent = {"credential": device.create(options.json())}
        assert victim.post(PASSKEYS, json=sent, headers=same(node)).status_code == 401


def test_a_node_without_a_hosts_name_offers_none(world: World) -> None:
    with world.http() as http:
        answer = http.get(LOGIN)
        assert (answer.status_code, answer.json()["rule"]) == (403, "host-name")
        assert 'data-offered="no"' in http.get("/login").text


def test_cve_2024_45404_wrong_passkeys_lock_their_source_out(node: World) -> None:
    device, stranger = registered(node), Authenticator(node.url)
    with node.http() as http:
        answers = [log_in(node, http, stranger).status_code for _ in range(12)]
        assert answers == [401] * 10 + [429] * 2
        assert log_in(node, http, device).status_code == 204


def test_a_copied_key_is_noted_also_where_its_source_is_locked_out(node: World) -> None:
    device, stranger = registered(node), Authenticator(node.url)
    with node.http() as http:
        assert log_in(node, http, device).status_code == 204
        for _ in range(10):
            log_in(node, http, stranger)
        device.count = 0
        assert log_in(node, http, device).status_code == 429
    assert "passkey-copied" in kinds(node)


def test_a_passkey_that_is_taken_away_takes_its_sessions_with_it(node: World) -> None:
    device = registered(node)
    with node.http() as thief, node.http() as owner, node.http() as other:
        log_in(node, thief, device)
        log_in(node, owner, device)
        with_code(node, other)
        (shown,) = owner.get(PASSKEYS).json()["passkeys"]
        assert owner.delete(f"{PASSKEYS}/{shown['id']}", headers=same(node)).status_code == 204
        asked = [http.get("/api/v1/me").status_code for http in (thief, owner, other)]
    assert asked == [401, 200, 200]  # whoever takes it away stays


def test_an_administrator_who_takes_a_passkey_away_ends_what_it_opened(node: World) -> None:
    device = registered(node)
    with node.http() as thief, node.http("admin") as admin:
        log_in(node, thief, device)
        (shown,) = admin.get("/api/v1/people/analyst").json()["passkeys"]
        path = f"/api/v1/people/analyst/passkeys/{shown['id']}"
        assert admin.delete(path).status_code == 204
        assert thief.get("/api/v1/me").status_code == 401
