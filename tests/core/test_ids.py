"""Names and identifiers that go into file names, subjects and URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, StatementId, check_name, new_secret, parse_statement_id

_names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@given(_names, st.integers(1, 2**53 - 1))
def test_a_statement_id_is_read_back(origin: str, sequence: int) -> None:
    statement = StatementId(origin, sequence)
    assert parse_statement_id(str(statement)) == statement


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aaa-1",
        "aaa-1:",
        ":17",
        "aaa-1:0",
        "aaa-1:-1",
        "aaa-1:+1",
        "aaa-1: 1",
        "aaa-1:1 ",
        "aaa-1:1_0",
        "aaa-1:1.0",
        "aaa-1:٣",
        "aaa-1:²",
        "aaa-1:9007199254740992",
        "aaa-1:" + "9" * 5000,
        "AAA:1",
        "a:b:1",
        "aaa-1:1\n",
    ],
)
def test_what_is_no_statement_id(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_statement_id(text)
    assert caught.value.rule == "statement-id"


@given(_names)
def test_names_are_returned(name: str) -> None:
    assert check_name(name, field="member") == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "-a", "a-", "a.b", "a_b", "a b", "a*", "a>", "ä", "a/b", "..", "a\n", "a" * 64],
)
def test_what_may_not_name_anything(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_name(name, field="members/x")
    assert (caught.value.field, caught.value.rule) == ("members/x", "name")


def test_secrets_are_fresh_and_url_safe() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) == 43 for secret in secrets)
    assert all(secret.replace("-", "").replace("_", "").isalnum() for secret in secrets)
