"""Passing on in a real browser: the look, the second click, and what became of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.browser import CHROMIUM, Browser
from tests.server.complete_world import CompleteWorld
from tests.server.test_office import MARKUP, enter, fill, fits, page, press, says
from tests.server.test_relays import ONWARD, stated
from tests.server.world import indicator

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium")
__all__ = ["page", "stated"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CompleteWorld]:
    made = CompleteWorld(tmp_path)
    yield made
    made.close()


def look(page: Browser, statement: str, to: str) -> None:
    fill(page, "#passing input[name=id]", statement)
    fill(page, "#passing select[name=to]", to)
    press(page, "Look who would get what")


def test_an_officer_looks_and_then_passes_it_on(
    world: CompleteWorld, page: Browser, stated: str
) -> None:
    enter(page, world, "releaser", "onward")
    look(page, stated, "caledon")
    says(page, "#passed", "may have it")
    says(page, "#passed", "hop 1 of 1")
    says(page, "#passed", "It was passed on to nobody from here.")
    fits(page, "onward-look")
    press(page, "Pass it on")
    assert [each for each in world.posted("caledon-1") if each["message"] == "relay"] == []
    press(page, "Yes, to Caledon")
    says(page, "#onward-done", "Caledon: on its way.")
    says(page, "#passed", "not confirmed yet")
    fits(page, "onward-sent")
    assert len([each for each in world.posted("caledon-1") if each["message"] == "relay"]) == 1


def test_why_not_is_said_gate_by_gate_and_nothing_is_offered(
    world: CompleteWorld, page: Browser, stated: str
) -> None:
    kept = world.sent(indicator(MARKUP), label="TLP:AMBER+STRICT", onward=ONWARD)
    enter(page, world, "releaser", "onward")
    look(page, kept, "caledon")
    says(page, "#passed", "TLP:AMBER+STRICT stays with those who got it")
    fits(page, "onward-kept")
    buttons = "[...document.querySelectorAll('#passed button')].length"
    assert page.run(buttons) == 0


def test_what_is_not_there_is_said_in_words(world: CompleteWorld, page: Browser) -> None:
    enter(page, world, "releaser", "onward")
    look(page, "borduria-1:4", "caledon")
    says(page, "#onward-wrong", "there is no such thing")
