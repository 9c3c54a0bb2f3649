"""Single sign-on with a real provider, which this test runs."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from ringwall.core import SystemClock
from ringwall.identity.people import person_id
from tests.identity import django_provider
from tests.server.test_federated import API, browser, entries, node_of
from tests.server.world import World, free_port, indicator

PROVIDER = Path(django_provider.__file__)


@contextmanager
def running_provider(directory: Path, port: int, node: World) -> Iterator[None]:
    address = f"{node.url}/login/oidc/callback"
    command = [sys.executable, str(PROVIDER), str(directory), str(port), address]
    process = subprocess.Popen([*command, f"{node.url}/login"])
    try:
        deadline = time.monotonic() + 30
        url = f"http://127.0.0.1:{port}/o/.well-known/openid-configuration"
        while True:
            try:
                httpx.get(url, trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, "the provider ended"
                assert time.monotonic() < deadline, "the provider does not start"
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port = free_port()
    node = node_of(
        tmp_path_factory.mktemp("node"),
        f"http://127.0.0.1:{port}/o",
        django_provider.CLIENT,
        django_provider.SECRET,
        clock=SystemClock(),
        userinfo=True,
    )
    try:
        with running_provider(tmp_path_factory.mktemp("provider"), port, node):
            yield node
    finally:
        node.close()


def send_form(http: httpx.Client, page: httpx.Response, **more: str) -> httpx.Response:
    """Send the form of a page with its hidden fields, as a browser does."""
    fields = re.findall(r"<input[^>]*>", page.text)
    found = {}
    for field in fields:
        name, value = (re.search(rf'{each}="([^"]*)"', field) for each in ("name", "value"))
        if 'type="hidden"' in field and name and value:
            found[name[1]] = unescape(value[1])
    headers = {"referer": str(page.url), "origin": str(page.url.join("/")).rstrip("/")}
    return http.post(page.url, data={**found, **more}, headers=headers)


def follow(http: httpx.Client, answer: httpx.Response, until: str = "/login/oidc/callback") -> Any:
    """Follow redirects as far as ``until``; return the last answer and where it leads."""
    while answer.is_redirect:
        url = urljoin(str(answer.url), answer.headers["location"])
        if urlsplit(url).path == until:
            return answer, url
        answer = http.get(url)
    return answer, ""


def log_in_at_provider(http: httpx.Client, node: World, name: str) -> str:
    """Log in and consent at the real provider; return where it sends the browser."""
    form, _ = follow(http, http.get(f"{node.url}/login/oidc"))
    assert "password" in form.text
    consent, _ = follow(http, send_form(http, form, username=name, password=name))
    assert "Authorize" in consent.text, consent.text
    _, url = follow(http, send_form(http, consent, allow="Authorize"))
    return str(url)


def test_a_real_provider_lets_a_person_in_with_the_attributes_of_the_rules(real: World) -> None:
    real.submit(indicator("for all"), label="TLP:GREEN")
    real.submit(indicator("for few"), label="TLP:RED")
    with browser() as http:
        assert '"ways provider"' in http.get(f"{real.url}/login").text
        back = log_in_at_provider(http, real, "ada")
        answer = http.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "SameSite=Strict" in answer.headers["set-cookie"]
        me = http.get(f"{real.url}{API}/me").json()
        page = http.get(f"{real.url}{API}/statements").json()["statements"]
        again = http.get(back)
    issuer = real.context.federation.rules.provider.issuer
    assert me["reader"] == person_id(issuer, "1")
    assert (me["name"], me["roles"], me["tlp"]) == ("Ada", ["analyst"], "AMBER")
    assert (me["nationality"], me["communities"]) == ("arden", ["fusion"])
    assert [each["title"] for each in page] == ["for all"]
    assert again.status_code == 401  # the answer of the provider works once
    (login,) = [each for each in entries(real, "login") if each["reader"] == me["reader"]]
    assert (login["method"], login["beyond"]) == ("single-sign-on", [])


def test_what_is_beyond_the_registry_is_not_given_and_is_told(real: World) -> None:
    with browser() as http:
        assert http.get(log_in_at_provider(http, real, "eve")).status_code == 303
        me = http.get(f"{real.url}{API}/me").json()
    assert (me["roles"], me["tlp"], me["communities"]) == (["analyst"], "CLEAR", ["fusion"])
    (login,) = [each for each in entries(real, "login") if each["reader"] == me["reader"]]
    assert login["beyond"] == ["roles: auditor", "communities: inner-circle", "tlp: RED"]


@pytest.mark.parametrize(("name", "rule"), [("bob", "no-role"), ("mix", "separation-of-duties")])
def test_who_has_no_standing_is_not_let_in(real: World, name: str, rule: str) -> None:
    with browser() as http:
        answer = http.get(log_in_at_provider(http, real, name))
        assert http.get(f"{real.url}{API}/me").status_code == 401
    assert answer.status_code == 403
    assert "no role here" in answer.text
    assert rule in [each["rule"] for each in entries(real, "login-refused")]


def test_logging_out_ends_the_session_here_and_leads_to_the_providers(real: World) -> None:
    with browser() as http:
        http.get(log_in_at_provider(http, real, "ada"))
        assert http.post(f"{real.url}{API}/logout", headers={"origin": real.url}).is_success
        assert http.get(f"{real.url}{API}/me").status_code == 401
        leaving = http.get(f"{real.url}/login/oidc/logout")
        assert leaving.status_code == 303
        confirm = http.get(leaving.headers["location"])
        _, back = follow(http, send_form(http, confirm, allow="Logout"), until="/login")
        assert back.startswith(f"{real.url}/login")
        form, _ = follow(http, http.get(f"{real.url}/login/oidc"))
        assert "password" in form.text  # the provider asks again
