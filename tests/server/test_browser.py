"""The login and account pages in a real browser, with a virtual authenticator of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.core import SystemClock
from tests.identity.mischievous_provider import CLIENT, SECRET, mischievous_provider
from tests.server.browser import CHROMIUM, Browser, browser
from tests.server.test_federated import node_of
from tests.server.world import World

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium")
SHOTS = Path(os.environ.get("SCREENSHOTS", ""))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("node"), host="localhost")
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }  # fmt: skip
        opened.call("WebAuthn.addVirtualAuthenticator", options=options)
        yield opened


def shoot(page: Browser, name: str) -> None:
    if os.environ.get("SCREENSHOTS"):
        page.screenshot(SHOTS / f"{name}.png")


def test_a_passkey_is_made_and_used_in_a_browser(node: World, page: Browser) -> None:
    page.go(f"{node.url}/login?code={node.login_code('analyst')}")
    assert page.run("document.getElementById('code').value.length") == 43
    page.click("form button[type=submit]")
    page.wait("location.pathname === '/' && document.getElementById('reader').innerText")
    page.click("#account")
    page.wait("location.pathname === '/account' && !document.getElementById('own').hidden")
    page.run("document.querySelector('#new-passkey input').value = 'this laptop'")
    page.click("#new-passkey button")
    page.wait("document.getElementById('passkeys').innerText.includes('this laptop')")
    page.click("#logout")
    page.wait("location.pathname === '/login' && document.readyState === 'complete'")
    page.wait("!document.getElementById('passkey').hidden")
    shoot(page, "login")
    page.click("#passkey")
    page.wait("location.pathname === '/' && document.getElementById('reader').innerText")
    with node.store.read() as snapshot:
        leaves = [row.leaf for row in snapshot.audit_entries(0, 100)]
    assert sum(b'"method":"passkey"' in leaf for leaf in leaves) == 1


def test_the_account_page_makes_and_revokes_a_token(node: World, page: Browser) -> None:
    page.go(f"{node.url}/account")
    page.wait("!document.getElementById('own').hidden")
    page.run("document.querySelector('#new-token input[name=note]').value = 'dashboards'")
    page.run("document.querySelector('#new-token select').value = 'GREEN'")
    page.click("#new-token button")
    page.wait("!document.getElementById('once').hidden")
    token = page.run("document.getElementById('secret').innerText")
    shoot(page, "account")
    with node.http(headers={"authorization": f"Bearer {token}"}) as http:
        me = http.get("/api/v1/me").json()
        assert (me["scopes"], me["tlp"]) == (["read"], "GREEN")
        page.click("#tokens button[aria-label='Revoke: dashboards']")
        page.wait("!document.getElementById('tokens').innerText.includes('dashboards')")
        assert http.get("/api/v1/me").status_code == 401


def test_a_passkey_that_was_removed_is_refused_with_words(node: World, page: Browser) -> None:
    page.go(f"{node.url}/account")
    page.wait("!document.getElementById('own').hidden")
    page.click("#passkeys button")
    page.wait("document.getElementById('passkeys').innerText.includes('no passkey')")
    page.click("#logout")
    page.wait("location.pathname === '/login' && document.readyState === 'complete'")
    page.click("#passkey")
    page.wait("document.getElementById('wrong').innerText.includes('not known')")


def test_single_sign_on_comes_back_from_another_site(tmp_path: Path, page: Browser) -> None:
    """The provider is another site to the browser, which then holds strict cookies back."""
    with mischievous_provider() as idp:
        idp.issuer = idp.issuer.replace("127.0.0.1", "localhost")
        idp.claims = {"country": "AR"}
        node = node_of(tmp_path, idp.issuer, CLIENT, SECRET, clock=SystemClock())
        try:
            page.go(f"{node.url}/login")
            page.click(".sso")
            page.wait("location.pathname === '/' && document.getElementById('reader').innerText")
            assert page.run("location.hostname") == "127.0.0.1"
            assert page.run("document.getElementById('reader').innerText").startswith("Ada")
        finally:
            node.close()
