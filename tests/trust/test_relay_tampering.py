"""Whatever is changed in a relay after it was signed, by whomever, it is refused."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core import PeerError, canonical_json
from ringwall.trust import read_relay, relay_document
from tests.trust import relay_world
from tests.trust.relay_world import check, hop, narrowed, passed, stated, with_hop

LATER = "2026-02-01T00:00:00.000000Z"
THREE = passed(narrowed(hop(stated(), "bbb-1", "ddd-1"), {"name"}), "ddd-1", "eee-1", "fff-1")


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"at": LATER},
        {"to": "ggg-1"},
        {"by": "ggg-1"},
        {"onward_to": ("eee", "fff", "ggg")},
        {"onward_to": tuple(reversed(relay_world.MEMBERS))},
        {"hops": 5},
        {"withheld": (5, 6)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_word_of_a_hop_counts(place: int, changes: dict[str, Any]) -> None:
    assert check(THREE)
    with pytest.raises(PeerError):
        check(with_hop(THREE, place, **changes), me="fff-1", sender="eee-1")


RAW = canonical_json(relay_document(THREE))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(RAW) - 1), st.integers(0, 7))
def test_a_relay_with_a_flipped_bit_is_refused(at: int, bit: int) -> None:
    changed = bytearray(RAW)
    changed[at] ^= 1 << bit
    try:
        document = msgspec.json.decode(bytes(changed))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    with pytest.raises(PeerError):
        check(read_relay(document), me="fff-1", sender="eee-1")


def regions(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the place of every text and number of a document."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in regions(inner, (*path, key))]
    if isinstance(value, list):
        return [found for at, inner in enumerate(value) for found in regions(inner, (*path, at))]
    return [path]


DOCUMENT = msgspec.json.decode(RAW)


@pytest.mark.parametrize("path", regions(DOCUMENT), ids=lambda path: "/".join(map(str, path)))
def test_every_part_of_the_document_counts(path: tuple[str | int, ...]) -> None:
    document = msgspec.json.decode(RAW)
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    change: Callable[[Any], Any] = {int: lambda n: n + 1, str: changed_text}[type(holder[path[-1]])]
    holder[path[-1]] = change(holder[path[-1]])
    with pytest.raises(PeerError):
        check(read_relay(document), me="fff-1", sender="eee-1")


def changed_text(text: str) -> str:
    """Change a text in its middle; an empty one is no more."""
    at = len(text) // 2
    return text[:at] + ("b" if text[at : at + 1] != "b" else "c") + text[at + 1 :]
