"""The canary walk: every route as every kind of reader, in worlds that differ by canaries alone.

    python -m tests.server.canary    walks and prints the matrix of readers and paths

A cell is "same" where every answer was the same in a world without the canaries that the reader
may not know: status, headers and bytes. Cells with a word of their own are explained below it.
"""

import json
import logging
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx

from ringwall.server import ROUTES, Route
from tests.server.canary_world import (
    CANARIES,
    CANARY,
    CLEARED,
    EVERY,
    HIDDEN,
    LINK,
    PRIVATE,
    VISIBLE,
    CanaryWorld,
    stix_id,
)

SECRET = bytes(range(64))
NOTHING = frozenset[str]()
LOW = (
    "trainee", "junior", "capped", "submitting", "admin", "auditor", "policy", "stranger", "nobody",
)  # fmt: skip
CLEARED_READERS = ("analyst", "watch", "releaser")
OWNERS = ("analyst", "capped", "submitting")
"""The analyst and its narrowed tokens."""
TOOL = CLEARED - {"parted", "entry", "request"}
"""A submitter reads what its own member stated."""
TAXII = "application/taxii+json;version=2.1"
OPERATING = frozenset({"/api/v1/peers", "/api/v1/receipts"})
OPERATORS = frozenset({"watch", "releaser", "junior", "admin", "auditor", "policy"})
"""Whose work it is to know how much was sent to whom; they are told figures and nothing else."""
AUDIT = frozenset({"/api/v1/audit", "/api/v1/audit/checkpoint"})


class Question(NamedTuple):
    """One request of the walk."""

    route: Route
    method: str
    target: str
    body: bytes = b""
    media_type: str = "application/json"


class Seen(NamedTuple):
    """An answer, with what is random by nature left out."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


class Difference(NamedTuple):
    """Something that a reader was told and may not know."""

    reader: str
    question: Question
    why: str


# --- what is asked ---

_MISSING = {
    "statement": "borduria-1:4",
    "stix_id": stix_id("indicator", "nowhere"),
    "object_id": stix_id("indicator", "nowhere"),
}
_OTHERS = {
    "agreement": "0" * 64,
    "request": f"arden-1.{'b' * 32}",
    "token": "0" * 12,
    "session": "0" * 16,
    "passkey": "0" * 32,
    "link": "0" * 12,
    "reader": "nobody-known",
    "release": "0" * 32,
    "search": "00000000-0000-4000-8000-000000000000",
    "status": "00000000-0000-4000-8000-000000000000",
    "set": "nothing",
    "name": "app.js",
}
_FAMILIES = ("all", "indicators", "links", "source-arden", "source-borduria", "source-caledon")
_COLLECTIONS = (*_FAMILIES, "reference", "submit", "nothing")
_WORDS = sorted(CANARIES)
_LISTS = (
    "", "limit=1", "limit=1000", "type=tool", "latest=2", "latest=1000&limit=1", "after=0",
    "source=arden", "source=borduria", "source=caledon", "type=indicator", "text=visible",
    "type=relationship",
    "received_after=2026-03-01T03:30:00Z", "received_until=2026-03-01T06:30:00Z&limit=2",
    "text=described&after=0", "text=described&latest=1", "text=canarynewer", "text=canarylink",
    "text=canaryparted", "value=visible.example", "unknown=1", "limit=x", "after=x",
    *(f"text={CANARY}{word}" for word in _WORDS),
    *(f"value={CANARY}{word}.example" for word in _WORDS),
)  # fmt: skip
_TAXII = (
    "", "limit=1", "match[version]=all", "match[version]=first", "match[type]=relationship",
    "match[spec_version]=2.0", "added_after=2026-03-01T03:30:00Z",
    f"match[id]={VISIBLE['id']}&match[version]=all", f"match[id]={LINK['id']}", "next=x",
    *(f"match[id]={each['id']}&match[version]=all" for each in CANARIES.values()),
)  # fmt: skip
_QUERIES = {
    "/api/v1/statements": _LISTS,
    "/api/v1/objects/{stix_id:str}/statements": ("", "after=0", "limit=1"),
    "/api/v1/objects/{stix_id:str}/neighbourhood": ("", "depth=3&limit=2"),
    "/api/v1/catalogue": ("", f"type={CANARY}entry", "owner=caledon", "limit=1"),
    "/api/v1/requests": ("", "state=open", "direction=in", "limit=1"),
    "/api/v1/references": ("", "set=attack", "limit=1"),
    "/api/v1/audit": ("limit=1000",),
    "/api/v1/events": ("after=0",),
    "/api/v1/statements/{statement:str}/explanation": ("", "to=borduria", "to=nobody"),
}
_ONE = ("", "match[version]=all")


def questions(stated: dict[str, str], private: dict[str, str]) -> Iterator[Question]:
    """Yield what is asked of every route, in one order.

    ``stated``: every statement by name, canaries too; ``private``: somebody's ids, by kind.
    """
    for route in ROUTES:
        for number, path in enumerate(_paths(route, stated, private)):
            for query in _queries(route, path):
                target = f"{path}?{quote(query, safe='=&[]:,')}" if query else path
                if route.method == "GET":
                    yield Question(route, "GET", target)
                    if not number and query in ("", "after=0"):
                        yield Question(route, "HEAD", target)
                else:
                    for body in _bodies(route, stated):
                        yield Question(route, route.method, target, body, _media(route))


def _queries(route: Route, path: str) -> tuple[str, ...]:
    if route.method != "GET":
        return ("",)
    if route.path in _QUERIES:
        return _QUERIES[route.path]
    if route.path.endswith(("/objects", "/manifest")) and route.taxii:
        return _TAXII if path.split("/")[-2] in ("all", "source-borduria") else ("", "limit=1")
    return _ONE if "{object_id" in route.path else ("",)


def _paths(route: Route, stated: dict[str, str], private: dict[str, str]) -> list[str]:
    """Return the paths of a route: with what is visible, withheld, somebody else's, and missing."""
    named = re.findall(r"{(\w+):str}", route.path)
    paths = [route.path]
    for name in named:
        values = _values(name, stated, private)
        if name == "collection" and len(named) > 1:
            values = ["all", "source-arden"]
        if name == "object_id" and route.method == "DELETE":  # what others still look for stays
            values = [CANARIES[each]["id"] for each in HIDDEN]
        paths = [
            path.replace(f"{{{name}:str}}", quote(value)) for path in paths for value in values
        ]
    return paths


def _values(name: str, stated: dict[str, str], private: dict[str, str]) -> list[str]:
    if name == "statement":
        return [*stated.values(), _MISSING[name], VISIBLE["id"]]
    if name in ("stix_id", "object_id"):
        ids = [each["id"] for each in (VISIBLE, LINK, *CANARIES.values())]
        return [*ids, _MISSING[name], stated["visible"]]
    if name == "collection":
        return [*_COLLECTIONS, private["search"]]
    if name == "reader":
        return [_OTHERS[name], "analyst"]
    if name not in _OTHERS:
        raise AssertionError(f"{route_of(name)}: the walk does not know what to ask for")
    return list(dict.fromkeys((_OTHERS[name], private.get(name, _OTHERS[name]))))


def route_of(name: str) -> str:
    """Return the first route whose path has a parameter of this name."""
    return next(route.path for route in ROUTES if f"{{{name}:" in route.path)


def _bodies(route: Route, stated: dict[str, str]) -> tuple[bytes, ...]:
    """Return what is posted: nothing readable, and something about a canary."""
    about = (stated["named"], stated["red"], _MISSING["statement"])
    further = {"kind": "release-further", "reason": "x", "members": ["caledon"]}
    wishes = [{**further, "subject": each} for each in about]
    entry = {"kind": "access", "subject": f"caledon-1.{'a' * 32}", "reason": "canary wish"}
    ask = {"label": "TLP:RED", "object_type": "indicator"}
    told = {
        "/api/v1/requests": (*wishes, entry),
        "/api/v1/explanations": (ask,),
        "/api/v1/requests/{request:str}/answer": ({"state": "refused", "words": "no"},),
        "/api/v1/statements/{statement:str}/relays": (
            {"to": ["caledon", "borduria"], "dry_run": True},
            {"to": ["caledon"]},
        ),
    }
    bare = (b"{}",) if "{" in route.path else (b"{}", b"[")
    return (*bare, *(json.dumps(each).encode() for each in told.get(route.path, ())))


def _media(route: Route) -> str:
    return TAXII if route.taxii else "application/json"


# --- how it is compared ---

_RANDOM = (
    (re.compile(r'"next":"[A-Za-z0-9_-]{32,}"'), '"next":"a cursor"'),
    (re.compile(r'"(seed|digest|hash|root|note|ml_dsa_65|log_root|token|code|link)":"[^"]*"'),
     r'"\1":"random"'),
    (re.compile(r'"disclosure":"[^"]*"'), '"disclosure":"what proves a redaction"'),
    (re.compile(r'"arden-1\.[0-9a-f]{32}"'), '"a new request"'),
    (re.compile(r'"id":"[0-9a-f]{12}"'), '"id":"random"'),
    (re.compile(r"^id: [A-Za-z0-9_-]{32}$", re.MULTILINE), "id: a cursor"),
    (re.compile(r"127\.0\.0\.1:\d+"), "a-node"),
)  # fmt: skip
"""Cursors, what is made of the salts and keys of a node, names of new secrets, and its port.

A disclosure has a salt or a digest for each field of an object, shown or not: without them nobody
could check the origin's signature over what is shown. That something is left out, it tells.
"""
_VOLATILE = frozenset({"date", "content-length"})


_Asking = tuple[CanaryWorld, httpx.Client, Question]


def ask(world: CanaryWorld, http: httpx.Client, question: Question) -> tuple[Seen, str]:
    """Ask one question; return the answer as it is compared, and as it came."""
    headers = {"content-type": question.media_type} if question.body else {}
    with http.stream(
        question.method, question.target, content=question.body or None, headers=headers
    ) as answer:
        if question.route.handler is None and answer.status_code == 200:
            text = _first_events(answer)
        else:
            text = answer.read().decode()
            length = answer.headers.get("content-length")
            if question.method == "GET" and length is not None:
                assert int(length) == len(text.encode()), question
    shown = text
    for name, statement in world.stated.items():
        shown = shown.replace(f'"{statement}"', f'"statement {name}"')
    for name, value in world.private.items():
        shown = shown.replace(value, f"private {name}")
    for pattern, words in _RANDOM:
        shown = pattern.sub(words, shown)
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _VOLATILE]
    return Seen(answer.status_code, tuple(sorted(kept)), shown), text + str(kept)


def _first_events(answer: httpx.Response) -> str:
    """Read a stream from the beginning up to the last statement that every reader sees."""
    text = ""
    for part in answer.iter_text():
        text += part
        if '"title":"last indicator"' in text or "event: end" in text:
            break
    return text


class Walk:
    """What was asked of every pair of worlds, and what was found to differ."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.asked: dict[tuple[str, str], int] = defaultdict(int)
        """Questions, by reader and route."""
        self.told: dict[tuple[str, str], int] = defaultdict(int)
        """Those of them that were answered with 200."""

    def run(
        self,
        readers: Iterable[str],
        knows: frozenset[str],
        directory: Path,
        paths: frozenset[str] = frozenset(),
    ) -> None:
        """Ask everything as every one of these, with all canaries and with those that they know.

        ``paths``: the routes that are asked; none: all of them.
        """
        every = _world(directory / "every", EVERY)
        twin = _world(directory / "twin", knows)
        try:
            pairs = zip(
                questions(every.stated, every.private),
                questions(every.stated, twin.private),
                strict=True,
            )
            asked = [each for each in pairs if not paths or each[0].route.path in paths]
            for reader in readers:
                with every.browse(reader) as one, twin.browse(reader) as other:
                    for here, there in asked:
                        self._compare(reader, (every, one, here), (twin, other, there))
        finally:
            every.close()
            twin.close()

    def _compare(self, reader: str, here: _Asking, there: _Asking) -> None:
        found, raw = ask(*here)
        expected, _ = ask(*there)
        question = here[2]
        key = (reader, f"{question.route.method} {question.route.path}")
        self.asked[key] += 1
        self.told[key] += found.status == 200
        if found != expected and not exempt(reader, question.route):
            self.differences.append(Difference(reader, question, _where(found, expected)))
        said = question.target + question.body.decode()
        for word in words_withheld(reader, question.route):
            if word in raw and word not in said:
                self.differences.append(Difference(reader, question, f"it says {word}"))


def _world(directory: Path, wanted: frozenset[str]) -> CanaryWorld:
    directory.mkdir(parents=True)
    return CanaryWorld(directory, wanted, SECRET)


def walk_everything(directory: Path) -> Walk:
    """Walk as every kind of reader: those that know no canary, and those that know some."""
    walk = Walk()
    walk.run(LOW, NOTHING, directory / "low")
    walk.run(CLEARED_READERS, CLEARED, directory / "cleared")
    walk.run(("tool",), TOOL, directory / "tool")
    return walk


def exempt(reader: str, route: Route) -> str:
    """Return why answers may differ, "" where they may not; canary words are never exempt."""
    if route.path in AUDIT and reader == "auditor":
        return "audit"
    return "figures" if route.path in OPERATING and reader in OPERATORS else ""


def words_withheld(reader: str, route: Route) -> list[str]:
    """Return the words that a reader never hears from the node unless it says them first."""
    words = [CANARY] if reader in LOW else [f"{CANARY}{name}" for name in HIDDEN]
    if reader not in OWNERS:
        words += [f"{PRIVATE} search", "/objects/0/"]
        if not (route.path.startswith("/api/v1/people") and reader in ("admin", "policy")):
            words += [f"{PRIVATE} token"]
    if reader not in (*CLEARED_READERS, "trainee", "junior", "capped"):
        words += [f"{PRIVATE}reference"]
    return words


def _where(found: Seen, expected: Seen) -> str:
    if found.status != expected.status:
        return f"status {found.status} for {expected.status}"
    if found.headers != expected.headers:
        return f"headers {set(found.headers) ^ set(expected.headers)}"
    at = next(
        (n for n, (a, b) in enumerate(zip(found.body, expected.body, strict=False)) if a != b),
        min(len(found.body), len(expected.body)),
    )
    return f"…{found.body[max(0, at - 60) : at + 90]!r} for …{expected.body[at : at + 60]!r}"


def matrix(walk: Walk) -> str:
    """Return the table of readers and paths."""
    readers = list(dict.fromkeys(reader for reader, _ in walk.asked))
    broken = {
        (each.reader, f"{each.question.route.method} {each.question.route.path}")
        for each in walk.differences
    }
    lines = [f"{'path':58} " + " ".join(f"{reader[:10]:>10}" for reader in readers)]
    for route in ROUTES:
        name = f"{route.method} {route.path}"
        cells = []
        for reader in readers:
            count = walk.asked[reader, name]
            why = exempt(reader, route)
            word = "LEAK" if (reader, name) in broken else why or "same"
            cells.append(f"{word + ' ' + str(count):>10}")
        lines.append(f"{name.replace(':str', ''):58} " + " ".join(cells))
    return "\n".join(lines)


def main() -> int:
    """Walk and print."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as directory:
        walk = walk_everything(Path(directory))
    out = sys.stdout.write
    out(f"{matrix(walk)}\n\n{sum(walk.asked.values())} questions, each in two worlds\n")
    for each in walk.differences:
        out(f"LEAK {each.reader} {each.question.method} {each.question.target}: {each.why}\n")
    return 1 if walk.differences else 0


if __name__ == "__main__":
    sys.exit(main())
