"""Random alliances, labels and moments for the policy tests, as raw descriptions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

MEMBERS = ["aa", "bb", "cc", "dd"]
GROUPS = ["pair", "trio"]
TYPES = ["indicator", "malware", "note"]
PURPOSES = ["collective-defence", "training"]
LEVELS = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
KINDS = ["nation", "partner", "body", "nation"]
ROLES = ["analyst", "release-officer", "watch-officer", "policy-officer", "auditor", "submitter"]
START = datetime(2026, 1, 1, tzinfo=UTC)

levels = st.sampled_from(LEVELS)
types = st.sampled_from(TYPES)
purposes = st.sampled_from(PURPOSES)
members = st.sampled_from(MEMBERS)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# Whole minutes near each other, so that the two minutes of skew matter.
minutes = st.integers(min_value=0, max_value=12)
moments = st.builds(
    lambda minute, second: START + timedelta(minutes=minute, seconds=second),
    minutes,
    st.sampled_from([-1, 0, 1]),
)


def some(values: list[str], *, least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, unique=True)


@st.composite
def agreement(draw: st.DrawFn) -> dict[str, Any]:
    begin = draw(minutes)
    written = {
        "title": "An agreement",
        "parties": draw(
            st.one_of(st.sampled_from([["pair"], ["trio"]]), some(MEMBERS + GROUPS, least=3))
        ),
        "purposes": draw(some(PURPOSES)),
        "highest_tlp": draw(levels),
        "valid_from": stamp(START + timedelta(minutes=begin)),
        "valid_until": stamp(START + timedelta(minutes=begin + draw(minutes) + 1)),
        "clause": "article 1",
    }
    if draw(st.booleans()):
        written["object_types"] = draw(some(TYPES))
    return written


@st.composite
def descriptions(draw: st.DrawFn) -> dict[str, Any]:
    """A description with up to four agreements; the last member may have no node."""
    book: dict[str, Any] = {
        "alliance": {"id": "random", "name": "Random", "kind": "exercise"},
        "members": {
            name: {"name": name, "kind": kind, "nodes": {f"{name}-1": {"place": place}}}
            for place, (name, kind) in enumerate(zip(MEMBERS, KINDS, strict=True), start=1)
        },
        "groups": {
            "pair": draw(st.lists(members, min_size=2, max_size=2, unique=True)),
            "trio": draw(st.lists(members, min_size=3, max_size=3, unique=True)),
        },
        "agreements": {
            f"agreement-{number}": draw(agreement()) for number in range(draw(st.integers(0, 4)))
        },
        "readers": {
            f"reader-{member}": {
                "member": member,
                "name": "A reader",
                "roles": draw(some(ROLES)),
                "tlp": draw(levels),
            }
            for member in MEMBERS
        },
    }
    if draw(st.booleans()):
        del book["members"]["dd"]["nodes"]
    return book


@st.composite
def label_texts(draw: st.DrawFn) -> str:
    """Label text in its written form; now and then REL TO names a stranger or nobody."""
    text = "TLP:" + draw(levels)
    choice = draw(st.integers(0, 9))
    if choice < 4:
        return text
    if choice == 9:
        return text + "//REL TO " + draw(st.sampled_from(["NONE", "aa, stranger", "stranger"]))
    return text + "//REL TO " + ", ".join(sorted(draw(some(MEMBERS + GROUPS))))


def written(book: dict[str, Any]) -> str:
    """JSON is YAML, and quicker to write."""
    return json.dumps(book)
