"""Passkeys without a server: where they are offered, and answers of any shape."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import Unauthenticated
from ringwall.identity.passkeys import (
    Passkey,
    find_passkey,
    relying_party,
    user_handle,
    verify_login,
    verify_registration,
)
from ringwall.store import SqliteStore

PARTY = relying_party("https://node.example:8443", "Arden")
AT = "2026-01-01T00:00:00.000000Z"
KEPT = Passkey(
    id="x", reader="ada", note="", credential="x", public_key=b"", sign_count=0, created=AT
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
ANSWERS = st.dictionaries(st.sampled_from(["id", "rawId", "type", "response"]), ANY) | st.builds(
    lambda inner: {"id": "AA", "rawId": "AA", "type": "public-key", "response": inner},
    st.dictionaries(
        st.sampled_from(
            ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]
        ),
        ANY,
    ),
)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://node.example:8443", "node.example"), ("http://localhost:8440", "localhost"),
        ("https://127.0.0.1", ""), ("https://[::1]:8443", ""), ("http://node.example", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_passkeys_need_a_hosts_name_and_tls(address: str, host: str) -> None:
    party = relying_party(address, "Arden")
    assert (party.id if party else "") == host
    assert party is None or party.origin == address


def test_authenticators_learn_no_names() -> None:
    handles = {user_handle("arden", "ada"), user_handle("arden", "bob"), user_handle("bo", "ada")}
    assert len(handles) == 3
    assert all(len(each) == 32 and b"ada" not in each for each in handles)


@given(ANSWERS)
def test_an_answer_of_any_shape_is_refused(answer: dict[str, Any]) -> None:
    assert PARTY is not None
    with pytest.raises(Unauthenticated):
        verify_login(PARTY, "arden", KEPT, answer, "challenge")
    with pytest.raises(Unauthenticated):
        verify_registration(PARTY, answer, "challenge", reader="ada", note="", at=AT)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = SqliteStore(Path(tmp_path_factory.mktemp("store")) / "node.db")
    yield made
    made.close()


@given(answer=ANSWERS)
def test_an_answer_of_any_shape_names_nobody(store: SqliteStore, answer: dict[str, Any]) -> None:
    with store.read() as snapshot:
        assert find_passkey(snapshot, "arden", answer, AT) is None
