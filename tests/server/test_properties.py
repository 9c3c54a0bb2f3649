"""Whatever a client sends: an answer that follows the rules, or a refusal; never a failure."""

import base64
import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, canonical_json
from ringwall.server.access import session_in, tokens_in
from ringwall.server.documents import TITLE_LENGTH, title
from ringwall.server.query import Query
from ringwall.server.taxii_collections import pick
from ringwall.server.taxii_query import LARGEST_PAGE, Wanted, read_wanted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
VERSIONS = st.sampled_from(
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.45Z", ""]
)


@given(st.text(max_size=60))
def test_authorization_and_cookie_headers_never_fail(header: str) -> None:
    assert all(isinstance(token, str) and token for token in tokens_in(header))
    assert isinstance(session_in(header, secure=False), str)


@given(JSON)
def test_a_forged_cursor_is_refused_or_harmless(document: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
    with contextlib.suppress(InvalidInput):
        wanted, limit = read_wanted(Query([("next", text)]))
        assert 0 <= wanted.after < 2**63
        assert 1 <= limit <= LARGEST_PAGE
        assert "\n" not in wanted.added_after


@given(st.lists(st.sampled_from(["indicator", "malware", "tool"]), max_size=3), st.integers(0, 99))
def test_a_cursor_asks_the_same_question_further_on(types: list[str], after: int) -> None:
    wanted = Wanted(types=tuple(types), versions=("all",))
    added = "2026-01-01T00:00:00.000000Z"
    again, _ = read_wanted(Query([("next", wanted.cursor(after, added))]))
    assert (again.types, again.versions, again.after) == (wanted.types, wanted.versions, after)


@given(st.lists(st.tuples(st.sampled_from("ab"), VERSIONS), max_size=12))
def test_versions_are_picked_as_the_naive_reading_says(rows: list[tuple[str, str]]) -> None:
    index = [(name, version, order) for order, (name, version) in enumerate(rows, 1)]
    every, last, first = (pick(index, (word,)) for word in ("all", "last", "first"))
    by_time = ["", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.45Z", "2026-01-01T00:00:00.5Z"]
    for name in {name for name, _, _ in index}:
        mine = {version: order for one, version, order in reversed(index) if one == name}
        ordered = [mine[version] for version in by_time if version in mine]
        assert set(ordered) == {order for one, _, order in index if one == name} & every
        assert ordered[-1] in last
        assert ordered[0] in first
    assert len(last) == len(first) == len({name for name, _, _ in index})


@given(st.dictionaries(st.sampled_from(["name", "value", "pattern", "source_ref"]), JSON))
def test_a_title_is_one_short_line(fields: dict[str, object]) -> None:
    with contextlib.suppress(InvalidInput):  # what has no canonical form is never stored
        line = title(canonical_json(fields))
        assert len(line) <= TITLE_LENGTH
        assert "\n" not in line
