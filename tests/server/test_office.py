"""The office in a real browser: what officers see before they decide, and what comes of it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server.browser import CHROMIUM, Browser, browser
from tests.server.office_world import OfficeWorld
from tests.server.world import bundle, indicator

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium")
SHOTS = os.environ.get("SCREENSHOTS", "")
WIDTH = 1280
MARKUP = "<img src=x onerror=alert(1)>"
LONG = "Lageinformationsaustauschvereinbarungsgrundlage" * 3
PROPOSAL = {
    "agreement": {"alliance": "test-alliance", "id": "arden-caledon", "version": 1},
    "title": f"{MARKUP} {LONG}",
    "parties": ["arden", "caledon"],
    "purposes": ["collective-defence"],
    "highest_tlp": "GREEN",
    "valid_from": "2026-01-01",
    "valid_until": "2030-01-01",
    "clause": "letter 7",
}
ENTRY: dict[str, Any] = {
    "id": "0a" * 16, "amount": "some", "ceiling": "AMBER", "type": "report",
    "label": {"tlp": "AMBER"},
}  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OfficeWorld]:
    made = OfficeWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        size = {"width": WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        opened.call("Emulation.setDeviceMetricsOverride", **size)
        yield opened


def enter(page: Browser, node: OfficeWorld, reader: str, section: str) -> None:
    """Log a reader in and open a section of the office."""
    page.call("Network.clearBrowserCookies")
    page.go(f"{node.url}/login?code={node.login_code(reader)}")
    page.click("form button[type=submit]")
    page.wait("location.pathname !== '/login' && document.getElementById('reader').innerText")
    page.go(f"{node.url}/office#/{section}")
    page.wait(f"!document.getElementById('{section}').hidden")


def fill(page: Browser, selector: str, value: str) -> None:
    """Put a value in a field, as typing it does."""
    field = f"document.querySelector({json.dumps(selector)})"
    page.run(
        f"{field}.value = {json.dumps(value)};"
        f"{field}.dispatchEvent(new Event('input', {{bubbles: true}}))"
    )


def press(page: Browser, text: str, within: str = "main") -> None:
    """Wait for a button that can be seen and pressed, and press it."""
    find = (
        f"[...document.querySelectorAll({json.dumps(within + ' button')})].find((each) =>"
        f" each.checkVisibility() && !each.disabled && each.innerText.includes({json.dumps(text)}))"
    )
    page.wait(find)
    page.run(f"{find}.click()")


def says(page: Browser, selector: str, text: str) -> None:
    """Wait until a place says something."""
    page.wait(
        f"document.querySelector({json.dumps(selector)}).innerText.includes({json.dumps(text)})"
    )


def fits(page: Browser, name: str) -> None:
    """Check that nothing scrolls sideways, and that the alliance and its kind are named."""
    if SHOTS:
        page.screenshot(Path(SHOTS) / f"office-{name}.png")
    assert page.run("document.documentElement.scrollWidth") <= WIDTH
    wide = "[...document.querySelectorAll('.table')].filter((e) => e.scrollWidth > e.clientWidth)"
    assert page.run(f"{wide}.length") == 0
    bar = page.run("document.querySelector('header').innerText")
    assert "Test alliance" in bar
    assert "exercise" in bar.lower()
    assert page.run("document.querySelectorAll('main img, main script').length") == 0


@pytest.mark.parametrize(
    ("reader", "sections"),
    [
        ("releaser", ["publish", "explain", "held", "onward", "agreements", "catalogue"]),
        ("analyst", ["publish", "explain", "catalogue"]),
        ("tool", ["publish", "explain"]),
        ("policy", ["explain", "agreements"]),
        ("auditor", ["agreements"]),
    ],
)
def test_a_reader_sees_the_sections_of_its_roles(
    node: OfficeWorld, page: Browser, reader: str, sections: list[str]
) -> None:
    enter(page, node, reader, sections[0])
    links = "[...document.querySelectorAll('#tabs a')].filter((each) => each.checkVisibility())"
    assert page.run(f"{links}.map((each) => each.hash.slice(2))") == sections


def test_an_administrator_is_told_that_there_is_nothing_to_do(
    node: OfficeWorld, page: Browser
) -> None:
    page.call("Network.clearBrowserCookies")
    page.go(f"{node.url}/login?code={node.login_code('admin')}")
    page.click("form button[type=submit]")
    page.wait("location.pathname === '/account' && !document.getElementById('own').hidden")
    links = "[...document.querySelectorAll('header a.reader')].filter((e) => e.checkVisibility())"
    assert page.run(f"{links}.length") == 0
    page.go(f"{node.url}/office")
    says(page, "#problem", "nothing to do here (administrator)")
    assert page.run("document.getElementById('tabs').hidden")


def test_what_was_looked_at_is_stated_and_nothing_else(node: OfficeWorld, page: Browser) -> None:
    enter(page, node, "analyst", "publish")
    sent = bundle(indicator(f"{MARKUP} {LONG}"), indicator("second"), {"type": "indicator"})
    fill(page, "#draft textarea", sent.decode())
    fill(page, "#draft [name=label]", "TLP:AMBER")
    press(page, "Show who would get it")
    says(page, "#looked", "nothing is stated yet")
    says(page, "#looked", "all 2")  # Borduria
    says(page, "#looked", "1 object is refused")
    says(page, "#looked", "no agreement")  # why not Caledon
    says(page, "#looked", "2 not before a second officer confirms")
    says(page, "#looked", "waits for a second officer (standing order 4)")
    fits(page, "look")
    with node.http("analyst") as http:
        assert http.get("/api/v1/statements").json()["statements"] == []

        fill(page, "#draft [name=label]", "TLP:RED")
        says(page, "#looked", "look again")
        assert page.run("document.getElementById('stating')") is None
        fill(page, "#draft [name=label]", "TLP:AMBER")
        press(page, "Show who would get it")
        press(page, "State it: 2 objects")
        says(page, "#looked", "Stated: 2 new statements")
        fits(page, "stated")
        with node.store.read() as tx:
            assert len(tx.documents("idempotency", "analyst", "")) == 1
        stated = http.get("/api/v1/statements").json()["statements"]
        assert [each["label"] for each in stated] == ["TLP:AMBER", "TLP:AMBER"]
        press(page, "Show who would get it")
        press(page, "State it: 2 objects")
        says(page, "#looked", "Stated: 0 new statements, 2 stated before")
        assert len(http.get("/api/v1/statements").json()["statements"]) == 2


def strike(page: Browser, key: str) -> None:
    """Strike Tab or Enter."""
    code = {"Tab": 9, "Enter": 13}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code}
    page.call("Input.dispatchKeyEvent", type="keyDown", **pressed, **text)
    page.call("Input.dispatchKeyEvent", type="keyUp", **pressed)


def reach(page: Browser, selector: str) -> None:
    """Strike Tab until the focus is there, and check that it can be seen."""
    for _ in range(40):
        strike(page, "Tab")
        if page.run(f"document.activeElement.matches({json.dumps(selector)})"):
            assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"Tab never reaches {selector}")


def test_the_keyboard_alone_looks_states_and_explains(node: OfficeWorld, page: Browser) -> None:
    enter(page, node, "analyst", "publish")
    reach(page, "#draft textarea")
    page.call("Input.insertText", text=json.dumps(indicator("by hand")))
    reach(page, "#draft [name=label]")
    page.call("Input.insertText", text="warning")
    strike(page, "Enter")
    says(page, "#looked", "nothing is stated yet")
    reach(page, "#stating button")
    strike(page, "Enter")
    says(page, "#looked", "Stated: 1 new statement")
    statement = page.run("document.querySelector('#looked .objects a').innerText")
    page.go(f"{node.url}/office#/explain")
    page.wait("!document.getElementById('explain').hidden")
    reach(page, "#about [name=id]")
    page.call("Input.insertText", text=statement)
    strike(page, "Enter")
    page.wait("document.querySelector('#explained .member')")
    reach(page, "#explained .member:last-child summary")
    strike(page, "Enter")
    says(page, "#explained .member:last-child", "forbids it")


def test_what_is_under_embargo_is_looked_at_as_it_will_go_out(
    node: OfficeWorld, page: Browser
) -> None:
    enter(page, node, "analyst", "publish")
    fill(page, "#draft textarea", json.dumps(indicator("later")))
    fill(page, "#draft [name=label]", "warning")
    fill(page, "#draft [name=embargo]", "2026-04-01T10:00")
    press(page, "Show who would get it")
    says(page, "#looked", "arden keeps it back until 2026-04-01T10:00")
    says(page, "#looked", "when the embargo ends, 2026-04-01 10:00 UTC, by the rules of today")
    says(page, "#looked", "released to borduria")
    press(page, "State it: 1 object")
    says(page, "#looked", "Stated: 1 new statement")
    with node.store.read() as tx:
        (decided,) = tx.release_classes().values()
    assert decided.terms.embargo == "2026-04-01T10:00:00.000000Z"


def test_an_embargo_that_is_over_is_said(node: OfficeWorld, page: Browser) -> None:
    enter(page, node, "analyst", "publish")
    fill(page, "#draft textarea", json.dumps(indicator("a year too early")))
    fill(page, "#draft [name=label]", "warning")
    fill(page, "#draft [name=embargo]", "2025-04-01T10:00")
    press(page, "Show who would get it")
    says(page, "#looked", "The embargo was over at 2025-04-01 10:00 UTC")


def test_an_outcome_that_differs_from_the_look_is_said(node: OfficeWorld, page: Browser) -> None:
    enter(page, node, "analyst", "publish")
    fill(page, "#draft textarea", json.dumps(indicator("sudden")))
    fill(page, "#draft [name=label]", "TLP:GREEN")
    press(page, "Show who would get it")
    says(page, "#looked", "released to borduria")
    node.kernel.adopt(msgspec.structs.replace(node.alliance, agreements=()))
    press(page, "State it: 1 object")
    says(page, "#looked", "differs from what you looked at")


def test_a_submission_that_cannot_be_read_is_refused_in_words(
    node: OfficeWorld, page: Browser
) -> None:
    enter(page, node, "analyst", "publish")
    press(page, "Show who would get it")
    says(page, "#draft-wrong", "paste a text or choose a file")
    fill(page, "#draft textarea", '{"type": "bundle", "objects": [}')
    press(page, "Show who would get it")
    says(page, "#draft-wrong", "a value was expected")
    assert page.run("document.getElementById('looked').innerText") == ""


def test_every_gate_of_a_decision_is_explained(node: OfficeWorld, page: Browser) -> None:
    thing = indicator(LONG)
    (statement,) = node.submit(thing, label="TLP:GREEN")
    enter(page, node, "analyst", "explain")
    for name in (statement, thing["id"]):
        fill(page, "#about [name=id]", name)
        press(page, "Explain it")
        says(page, "#explained", statement)
        says(page, "#explained", "1 of 2 may have it")
        press(page, "Open all gates")
        says(page, "#explained .member:last-child", "forbids it")
        fits(page, "explanation")
        page.run("document.getElementById('explained').replaceChildren()")
    fill(page, "#about [name=id]", "indicator--00000000-0000-4000-8000-000000000000")
    press(page, "Explain it")
    says(page, "#explain-wrong", "there is no such thing")


def test_a_policy_officer_asks_what_would_be_decided(node: OfficeWorld, page: Browser) -> None:
    enter(page, node, "policy", "explain")
    assert not page.run("document.getElementById('about').checkVisibility()")
    fill(page, "#supposed [name=label]", "TLP:RED//REL TO borduria")
    press(page, "Explain what would be decided")
    says(page, "#explained", "1 of 2 may have it")
    fill(page, "#supposed [name=label]", "TLP:PURPLE")
    press(page, "Explain what would be decided")
    page.wait("document.getElementById('explain-wrong').innerText")


def test_what_waits_goes_or_stays_by_the_second_click_of_a_second_officer(
    node: OfficeWorld, page: Browser
) -> None:
    goes, stays = (node.submit(indicator(name), label="TLP:AMBER")[0] for name in ("go", "stay"))
    node.submit(indicator("mine"), label="TLP:AMBER", reader="releaser")
    enter(page, node, "releaser", "held")
    says(page, "#waiting", "go (indicator)")
    says(page, "#waiting section:nth-child(3)", "another release officer has to decide")
    assert page.run("document.querySelectorAll('#waiting section:nth-child(3) button').length") == 0
    press(page, "Confirm", "#waiting section:nth-child(1)")
    press(page, "No, leave it")
    press(page, "Confirm", "#waiting section:nth-child(1)")
    fits(page, "held")
    assert goes not in waiting_for_borduria(node)
    press(page, "Yes, let 1 statement go to Borduria")
    says(page, "#held-done", "Confirmed")
    press(page, "Refuse", "#waiting section:nth-child(1)")
    press(page, "Yes, never let it go to Borduria")
    says(page, "#held-done", "Refused")
    assert waiting_for_borduria(node) == [goes]
    with node.http("releaser") as http:
        (left,) = http.get("/api/v1/held-releases").json()["held"]
    assert stays not in left["statements"]


def waiting_for_borduria(node: OfficeWorld) -> list[str]:
    """Return the statements that are on their way there."""
    found = []
    with node.http("releaser") as http:
        for each in http.get("/api/v1/statements").json()["statements"]:
            told = http.get(f"/api/v1/statements/{each['statement']}/delivery").json()
            if any(way["member"] == "borduria" and way["nodes"] for way in told["members"]):
                found.append(each["statement"])
    return found


def test_what_goes_by_itself_is_confirmed_by_nobody(node: OfficeWorld, page: Browser) -> None:
    named = indicator("named")
    node.submit(named, label="TLP:AMBER")
    sighting = {
        "type": "sighting",
        "spec_version": "2.1",
        "id": "sighting--0e7f4d7c-3a0f-4b5e-8a51-25ef3a6a2f10",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "sighting_of_ref": named["id"],
    }
    node.submit(sighting, label="TLP:GREEN")
    enter(page, node, "releaser", "held")
    says(page, "#waiting section:nth-child(2)", "goes by itself")
    buttons = "document.querySelectorAll('#waiting section:nth-child(2) button')"
    assert page.run(f"[...{buttons}].map((each) => each.innerText)") == ["Refuse"]


@pytest.mark.parametrize("width", [390, 768])
def test_on_a_narrow_screen_every_reason_and_every_label_can_be_read(
    node: OfficeWorld, page: Browser, width: int
) -> None:
    enter(page, node, "analyst", "publish")
    fill(page, "#draft textarea", bundle(indicator(LONG), {"type": "indicator"}).decode())
    fill(page, "#draft [name=label]", "TLP:AMBER//REL TO borduria, caledon")
    press(page, "Show who would get it")
    says(page, "#looked", "waits for a second officer (standing order 4)")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.call("Emulation.setDeviceMetricsOverride", **size)
    try:
        assert page.run("document.documentElement.scrollWidth") <= width
        cells = "[...document.querySelectorAll('#looked td')].filter((e) => e.checkVisibility())"
        assert page.run(f"Math.min(...{cells}.map((each) => each.clientWidth))") > 40
        assert page.run(f"Math.max(...{cells}.map((each) => each.clientHeight))") < 400
        node.submit(indicator("labelled"), label="TLP:AMBER//REL TO borduria, caledon")
        page.go(f"{node.url}/")
        page.wait("document.querySelector('#rows .rel')")
        right = "document.querySelector('#rows .rel').getBoundingClientRect().right"
        assert page.run(right) <= width
    finally:
        size = {**size, "width": WIDTH}
        page.call("Emulation.setDeviceMetricsOverride", **size)


def test_what_is_wrong_now_does_not_stand_beside_the_answer_of_before(
    node: OfficeWorld, page: Browser
) -> None:
    (statement,) = node.submit(indicator("there"), label="TLP:GREEN")
    enter(page, node, "analyst", "explain")
    fill(page, "#about [name=id]", statement)
    press(page, "Explain it")
    says(page, "#explained", statement)
    fill(page, "#about [name=id]", "arden-1:1")
    press(page, "Explain it")
    says(page, "#explain-wrong", "there is no such thing")
    assert page.run("document.getElementById('explained').innerText") == ""


def test_a_decision_that_comes_too_late_is_refused_in_words(
    node: OfficeWorld, page: Browser
) -> None:
    node.submit(indicator("go"), label="TLP:AMBER")
    enter(page, node, "releaser", "held")
    press(page, "Confirm", "#waiting")
    with node.http("releaser") as http:
        (held,) = http.get("/api/v1/held-releases").json()["held"]
        assert http.delete(f"/api/v1/held-releases/{held['id']}").status_code == 200
    press(page, "Yes, let 1 statement go to Borduria")
    says(page, "#held-wrong", "somebody else has decided")
    says(page, "#waiting", "Nothing waits")


def test_an_agreement_is_previewed_proposed_and_withdrawn(node: OfficeWorld, page: Browser) -> None:
    for name in ("one", "two"):
        node.submit(indicator(name), label="TLP:GREEN")
    enter(page, node, "policy", "agreements")
    says(page, "#described", "Mutual sharing")
    fill(page, "#proposal textarea", json.dumps(PROPOSAL | {"parties": ["arden", "nobody"]}))
    press(page, "Show what it would open and close")
    says(page, "#proposal-wrong", "nobody")
    fill(page, "#proposal textarea", json.dumps(PROPOSAL))
    press(page, "Show what it would open and close")
    says(page, "#proposed", "2 statements become visible to Caledon; send past ones?")
    page.click("#proposed [type=checkbox]")
    fits(page, "proposal")
    assert node.agreements.listing() == []
    press(page, "Sign and propose it")
    press(page, "Yes, sign it for Arden")
    says(page, "#agreements-done", "sent to Caledon")
    (state,) = node.agreements.listing()
    assert (state.state, state.missing) == ("proposed", ("caledon",))
    assert json.loads(held_agreement(node, state.digest))["send_past"] is True
    says(page, "#signed", MARKUP)
    fits(page, "agreements")
    press(page, "Preview a withdrawal")
    press(page, "Withdraw", "#signed .results")
    press(page, "Yes, withdraw Arden")
    says(page, "#agreements-done", "Withdrawn from arden-caledon")
    assert node.agreements.listing()[0].state == "withdrawn"


def held_agreement(node: OfficeWorld, digest: str) -> bytes:
    """Return an agreement as the node keeps it."""
    with node.store.read() as tx:
        return tx.document("agreement", "arden", digest, "") or b""


def test_an_auditor_reads_agreements_and_changes_none(node: OfficeWorld, page: Browser) -> None:
    node.agreements.propose(node.alliance.readers["policy"], json.dumps(PROPOSAL).encode())
    enter(page, node, "auditor", "agreements")
    says(page, "#signed", "proposed, not signed by all")
    says(page, "#signed", "not yet")
    assert page.run("document.querySelectorAll('#signed button').length") == 0
    assert page.run("document.getElementById('proposing').hidden")


def test_access_is_asked_for_and_others_are_answered(node: OfficeWorld, page: Browser) -> None:
    node.take("borduria-1", "catalogue", {"v": 1, "series": "", "put": [ENTRY], "drop": []})
    node.submit(indicator("ours"), label="TLP:AMBER")
    (told,) = node.told("caledon-1")
    asked = {"v": 1, "id": "cd" * 16, "kind": "access", "subject": told, "purpose": "defence"}
    node.take("caledon-1", "request", {**asked, "reason": f"{MARKUP} {LONG}"})
    enter(page, node, "releaser", "catalogue")
    says(page, "#incoming", MARKUP)
    press(page, "Request access", "#entries")
    fill(page, "#wish [name=reason]", "for an exercise")
    press(page, "Send the request")
    says(page, "#catalogue-done", "Sent to Borduria")
    says(page, "#outgoing", "for an exercise")
    page.click("#incoming summary")
    fill(page, "#incoming textarea", "not now")
    page.run("document.querySelector('#incoming select').value = 'refused'")
    fits(page, "catalogue")
    press(page, "Send the answer")
    says(page, "#incoming", "not now")
    with node.http("releaser") as http:
        (answered,) = http.get("/api/v1/requests?direction=in").json()["requests"]
    assert (answered["state"], answered["answer"]["by"]) == ("refused", "releaser")
