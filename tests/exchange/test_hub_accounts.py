"""Tokens, subjects and configuration as data."""

import base64
from datetime import UTC, datetime

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput
from ringwall.exchange.hub_accounts import (
    STREAM_LANES,
    check_user_nkey,
    mint_accounts,
    mint_node_user,
    new_hub_keys,
    new_user_seed,
    public_nkey,
    user_token_claims,
)
from ringwall.exchange.hub_streams import (
    StreamLimits,
    consumer_configuration,
    lane_subject,
    place_filter,
    stream_configuration,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def matches(pattern: str, subject: str) -> bool:
    """NATS subject matching, written from its documentation."""
    wanted, tokens = pattern.split("."), subject.split(".")
    for number, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > number
        if number >= len(tokens) or token not in {"*", tokens[number]}:
            return False
    return len(tokens) == len(wanted)


@given(st.sets(st.integers(1, 40), min_size=1), st.integers(1, 40))
def test_a_filter_matches_exactly_the_addressed(places: set[int], place: int) -> None:
    subject = lane_subject("hub1", "aaa-1", "FLASH", sorted(places))
    assert matches(place_filter("hub1", "FLASH", place), subject) == (place in places)
    assert not matches(place_filter("hub1", "BULK", place), subject)
    stream = stream_configuration("hub1", "FLASH", StreamLimits(60, 1))
    assert matches(stream["subjects"][0], subject)


def test_streams_and_consumers_are_as_the_design_wants_them() -> None:
    for lane in STREAM_LANES:
        stream = stream_configuration("hub1", lane, StreamLimits(3600, 1 << 20))
        assert stream["deny_delete"] is True
        assert stream["deny_purge"] is True
        assert stream["storage"] == "file"
        consumer = consumer_configuration("hub1", lane, "aaa-1", 1)
        assert consumer["ack_policy"] == "all"
        assert consumer["max_deliver"] == -1


def test_a_node_token_is_signed_by_the_scope_and_carries_no_permissions() -> None:
    keys, nkey = new_hub_keys(), public_nkey(new_user_seed())
    token = mint_node_user(keys, node="aaa-1", nkey=nkey, issued=NOW)
    claims = user_token_claims(token)
    assert claims["iss"] == public_nkey(keys.node_signer)
    assert (claims["sub"], claims["name"]) == (nkey, "aaa-1")
    assert claims["nats"] == {
        "type": "user",
        "version": 2,
        "issuer_account": public_nkey(keys.account),
    }
    unsigned, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    signer = nkeys.from_seed(bytearray(keys.node_signer, "ascii"))
    assert signer.verify(unsigned.encode(), raw)


def test_the_scope_lists_what_a_node_may_do_and_nothing_wider() -> None:
    accounts = mint_accounts(new_hub_keys(), alliance="ring", hub="hub1", issued=NOW)
    account = user_token_claims(accounts.account_jwt)["nats"]
    scopes = {scope["role"]: scope["template"] for scope in account["signing_keys"]}
    assert set(scopes) == {"node", "steward"}
    node = scopes["node"]
    assert node["allowed_connection_types"] == ["LEAFNODE"]
    assert node["sub"] == {"allow": ["_I.{{name()}}.>"]}
    assert all(".{{name()}}" in subject for subject in node["pub"]["allow"])
    assert len(node["pub"]["allow"]) == 1 + 3 * len(STREAM_LANES)
    assert scopes["steward"]["src"] == ["127.0.0.1/32"]
    system = user_token_claims(accounts.system_jwt)["nats"]
    assert system["signing_keys"] == []


def test_expiry_is_written_when_given() -> None:
    nkey = public_nkey(new_user_seed())
    token = mint_node_user(new_hub_keys(), node="aaa-1", nkey=nkey, issued=NOW, expires=NOW)
    assert user_token_claims(token)["exp"] == int(NOW.timestamp())


@given(st.text(max_size=70))
def test_only_user_nkeys_are_taken(text: str) -> None:
    with pytest.raises(InvalidInput):
        check_user_nkey(text)


def test_an_account_key_or_a_slip_is_no_user_nkey() -> None:
    good = public_nkey(new_user_seed())
    assert check_user_nkey(good) == good
    slip = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
    for bad in (slip, public_nkey(new_hub_keys().account), new_user_seed()):
        with pytest.raises(InvalidInput):
            check_user_nkey(bad)


@given(st.text(max_size=40))
def test_a_token_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        user_token_claims(text)
