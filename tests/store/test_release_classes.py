"""Release classes as a store reads them: one that is damaged is for nobody."""

from typing import Any

import pytest

from ringwall.core import canonical_json
from ringwall.labels import Terms, parse_label
from ringwall.policy import ReleaseClass, decide_member
from ringwall.store.rows import read_class
from tests.policy.world import NOW, WORLD

LABEL = {"tlp": "GREEN"}
PARTS = {"label": LABEL, "object_type": "note", "origin": "arden", "purpose": "collective-defence"}


def read(key: bytes) -> ReleaseClass:
    return read_class(key, "arden", "note", canonical_json(LABEL), "collective-defence")


def test_a_class_comes_back_with_its_terms_and_its_way() -> None:
    terms = Terms(onward_to=("caledon",), hops=1)
    for way in ((), ("borduria", "caledon"), ("caledon", "borduria")):
        one = ReleaseClass("arden", "note", parse_label("TLP:GREEN"), terms=terms, relayed=way)
        assert read(one.key()) == one


@pytest.mark.parametrize(
    "way",
    [
        *([], {}, "", 5, "caledon", [1], [None, "caledon"], [["borduria"], "caledon"]),
        *({"borduria": "caledon"}, ["borduria", {"a": 1}], True, None),
    ],
)
def test_a_way_that_is_damaged_is_for_nobody_and_raises_nothing(way: Any) -> None:
    found = read(canonical_json({**PARTS, "relayed": way}))
    assert found.relayed == ()
    assert found.label.unknown == ("damaged",)
    assert len({found}) == 1
    for name in ("arden", "caledon"):
        assert not decide_member(WORLD, found, name, NOW).permit


@pytest.mark.parametrize("key", [b"", b"[]", b"5", b"null", b"{", b"\xff", b'{"relayed": []}'])
def test_a_key_that_is_damaged_is_for_nobody(key: bytes) -> None:
    assert read(key).label.unknown == ("damaged",)
