"""The state of a login under way: readable by nobody else, for one purpose, once, for minutes."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import Unauthenticated, format_timestamp
from ringwall.identity.sealed import LOGIN_LIFE, SealedState, spend
from ringwall.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEALER = SealedState()


def test_what_was_begun_is_opened_until_its_time_is_over() -> None:
    state, sealed = SEALER.begin("login", NOW, reader="ada")
    assert SEALER.open("login", sealed, NOW) == state
    assert SEALER.open("login", sealed, NOW + LOGIN_LIFE - timedelta(seconds=1)) == state
    with pytest.raises(Unauthenticated):
        SEALER.open("login", sealed, NOW + LOGIN_LIFE)
    assert state.challenge not in base64.urlsafe_b64decode(sealed).decode("latin-1")
    assert len({state.challenge, state.state, state.verifier}) == 3


def test_it_serves_its_own_purpose_and_process_only() -> None:
    _, sealed = SEALER.begin("login", NOW)
    with pytest.raises(Unauthenticated):
        SEALER.open("registration", sealed, NOW)
    with pytest.raises(Unauthenticated):
        SealedState().open("login", sealed, NOW)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        SEALER.open("login", text, NOW)


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_changed_bit_is_refused(place: int, bit: int) -> None:
    _, sealed = SEALER.begin("login", NOW)
    raw = bytearray(base64.urlsafe_b64decode(sealed))
    raw[place % len(raw)] ^= 1 << bit
    with pytest.raises(Unauthenticated):
        SEALER.open("login", base64.urlsafe_b64encode(raw).decode(), NOW)


def test_it_is_used_once(store: Store) -> None:
    (state, _), (other, _) = SEALER.begin("login", NOW), SEALER.begin("login", NOW)
    at = format_timestamp(NOW)
    store.write(lambda tx: spend(tx, "arden", state, at)).result()
    store.write(lambda tx: spend(tx, "arden", other, at)).result()
    with pytest.raises(Unauthenticated):
        store.write(lambda tx: spend(tx, "arden", state, at)).result()
