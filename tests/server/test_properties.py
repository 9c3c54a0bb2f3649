"""Whatever a client sends: an answer that follows the rules, or a refusal; never a failure."""

import base64
import contextlib
import json

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, canonical_json
from ringwall.server.access import session_in, tokens_in
from ringwall.server.cursors import Cursors
from ringwall.server.documents import TITLE_LENGTH, title
from ringwall.server.query import Query
from ringwall.server.taxii_query import Wanted, read_wanted
from ringwall.store import PageRow

CURSORS = Cursors(AESSIV(AESSIV.generate_key(512)), "analyst")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(st.text(max_size=60))
def test_authorization_and_cookie_headers_never_fail(header: str) -> None:
    assert all(isinstance(token, str) and token for token in tokens_in(header))
    assert isinstance(session_in(header, secure=False), str)


@given(JSON)
def test_a_forged_cursor_is_refused(document: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
    with contextlib.suppress(InvalidInput):
        read_wanted(Query([("next", text)]), CURSORS, collection="x")
        pytest.fail("a cursor that the node did not write was taken")


@given(st.lists(st.sampled_from(["indicator", "malware", "tool"]), max_size=3), st.integers(0, 99))
def test_a_cursor_asks_the_same_question_further_on(types: list[str], after: int) -> None:
    wanted = Wanted(types=tuple(types), versions=("all",))
    added = "2026-01-01T00:00:00.000000Z"
    last = PageRow(after, "x", "indicator", "", added, 1, False, False, b"", b"{}")
    cursor = wanted.cursor(last, "x", CURSORS)
    again, _ = read_wanted(Query([("next", cursor)]), CURSORS, collection="x")
    assert (again.types, again.versions, again.after) == (wanted.types, wanted.versions, after)


@given(st.dictionaries(st.sampled_from(["name", "value", "pattern", "source_ref"]), JSON))
def test_a_title_is_one_short_line(fields: dict[str, object]) -> None:
    with contextlib.suppress(InvalidInput):  # what has no canonical form is never stored
        line = title(canonical_json(fields))
        assert len(line) <= TITLE_LENGTH
        assert "\n" not in line
