"""docs/protocol.md says what the code does: names, numbers and files that could drift apart."""

import re
from pathlib import Path

import pytest

from ringwall.trust import (
    MAX_ENVELOPE,
    MAX_ITEMS,
    MAX_RECIPIENTS,
    MOST_HOPS,
    WIRE_VERSION,
    Hop,
    Item,
    Relay,
)
from ringwall.trust.keys import NodeKeys
from ringwall.trust.relays import RELAY_PURPOSE
from ringwall.trust.sealing import KEY_SIZE
from ringwall.trust.signatures import ED25519_SIZE, ML_DSA_65_SIZE, payload_type
from ringwall.trust.statements import KINDS, Payload
from ringwall.trust.wire import MAX_HEADER, MAX_PAYLOAD, SIGNATURE_SIZE, HeaderDocument

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "protocol.md").read_text(encoding="utf-8")


def section(number: int) -> str:
    """Return the text of one numbered section."""
    return re.split(r"^## \d+ ", TEXT, flags=re.MULTILINE)[number]


@pytest.mark.parametrize(
    "limit", [MAX_ENVELOPE, MAX_HEADER, MAX_PAYLOAD, MAX_RECIPIENTS, MAX_ITEMS]
)
def test_limits(limit: int) -> None:
    assert f"{limit:,}" in section(11)


def test_sizes() -> None:
    public = NodeKeys.generate().public()
    for size in (len(public.ed25519), len(public.ml_dsa_65), len(public.hpke)):
        assert str(size) in section(2)
    for size in (ED25519_SIZE, ML_DSA_65_SIZE):
        assert str(size) in section(3)
    assert f"u32 s = {SIGNATURE_SIZE}" in section(8)
    assert f"{KEY_SIZE}-byte key" in section(7)


def test_every_field_of_header_and_payload_is_described() -> None:
    header, _, rest = section(8).partition("**Payload**")
    payload, _, body = rest.partition("**Body**")
    for fields, text in ((HeaderDocument, header), (Payload, payload)):
        for name in fields.__struct_fields__:
            assert f"`{name}`" in text
    rows = re.findall(r"^\| (\d+) \| (\w+)", body, flags=re.MULTILINE)
    assert rows == [(str(n), name) for n, name in enumerate(Item.__struct_fields__)]


def test_kinds_version_and_payload_type() -> None:
    assert all(f"`{kind}`" in section(8) for kind in KINDS)
    assert f"wire version {WIRE_VERSION}" in TEXT.splitlines()[0]
    assert payload_type("<purpose>", "<alliance>") in section(3)


def test_every_field_of_a_relay_and_of_a_hop_is_described() -> None:
    relay, _, rest = section(15).partition("A **hop** is")
    hop, _, signed = rest.partition("Both signatures are made")
    for fields, text in ((Relay, relay), (Hop, hop)):
        for name in fields.__struct_fields__:
            assert f"`{name}`" in text
    words = set(Hop.__struct_fields__) - {"ed25519", "ml_dsa_65"}
    assert words <= set(re.findall(r'"(\w+)"', signed))
    assert f"1 to {MOST_HOPS} hops" in relay
    assert f"1 to {MOST_HOPS} hops" in section(11)


def test_the_messages_of_a_relay_are_described() -> None:
    assert f"`{RELAY_PURPOSE}`" in section(3)
    for kind in ("relay", "relay-answer"):
        assert f"- `{kind}` `{{" in section(8)


def test_every_vector_is_described_and_there() -> None:
    described = set(re.findall(r"`(\w+\.json)`", section(14)))
    assert described == {path.name for path in (DOCS / "vectors").glob("*.json")}
