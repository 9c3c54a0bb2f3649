"""Strategies for whole requests: TAXII and REST paths, queries, headers, credentials, bodies.

Some parts are only known when a request is sent: ``{known}`` the id of an object that is stored,
``{cursor}`` a cursor that the node has handed out, ``{status}`` a status id, ``{token}`` a valid
token. `Sender` (in `fuzz_campaign`) puts them in.
"""

from dataclasses import dataclass
from urllib.parse import quote

from hypothesis import strategies as st

from tests.campaign.fuzz_bodies import bodies

TAXII = "application/taxii+json;version=2.1"
ROOT = "/taxii2/ringwall"
SUBMIT = f"{ROOT}/collections/submit/objects/"
SUBMISSIONS = "/api/v1/submissions"


@dataclass(frozen=True)
class Fuzzed:
    """A request before the parts that are only known later are put in."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    raw: bytes | None = None
    """Sent as it is, instead of all the rest: not even HTTP, perhaps."""
    posts: bool = False
    """Meant as a submission: what is stored is compared with the answer."""


_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_ODD = st.sampled_from(
    (
        *(
            "",
            "0",
            "-1",
            "1",
            "2",
            "1000",
            "1001",
            "99999999999999999999",
            "1e3",
            "0x10",
            "NaN",
            "٣",
        ),
        *(
            "true",
            "first",
            "last",
            "all",
            "all,first",
            "last,last",
            "first,last",
            ",",
            "2.1",
            "2.0",
        ),
        *("2026-02-03T04:05:06.789Z", "2026-13-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "now"),
        *("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "2026-02-03T04:05:06+14:00"),
        *(
            "indicator",
            "indicator,malware",
            "indicator--x",
            "{known}",
            "{known},{known}",
            "x" * 3000,
        ),
        *(
            "{cursor}",
            "{cursor}x",
            "x{cursor}",
            "AAAA",
            "W10",
            "bnVsbA",
            "WzAsW10sW10sWyJsYXN0Il0sW10sIiJd",
        ),
        *(
            "\x00",
            "\r\nx-injected: 1",
            "../../etc/passwd",
            "%",
            "'; DROP TABLE statements;--",
            "\U0001f600",
        ),
        *(
            "TLP:AMBER",
            "TLP:RED//REL TO arden",
            "TLP:NONE",
            "allied",
            "warning",
            "FLASH",
            "routine",
        ),
        *(
            '"',
            '"a',
            "NEAR(",
            "a AND",
            "*",
            "198.51.100.7",
            "198.51.100.0/24",
            "::/0",
            "ipv4-addr:",
        ),
    )
)
_VALUE = _ODD | _TEXT
_NAMES = st.sampled_from(
    (
        *("limit", "next", "added_after", "match[id]", "match[type]", "match[version]"),
        *("match[spec_version]", "match[other]", "match[]", "after", "latest", "text", "value"),
        *("type", "source", "label", "purpose", "precedence", "dry_run", "depth", "cursor", "x"),
    )
)
_PAIRS = st.lists(st.tuples(_NAMES, _VALUE), max_size=4)

_COLLECTIONS = st.sampled_from(
    (
        *("all", "submit", "reference", "indicators", "indicator", "malware", "nothing", "ALL"),
        *("91a7b528-80eb-42ed-a74d-c6fbd5a26116", "..", "%2e%2e", "%00", "all%2f", "a" * 2000),
    )
)
_OBJECT_IDS = st.sampled_from(
    ("{known}", "{known}", "indicator--1", "indicator", "%ff", "x--" + "0" * 500, "{status}")
)
_FIXED = (
    *(
        "/taxii2/",
        "/taxii2",
        f"{ROOT}/",
        f"{ROOT}/collections/",
        f"{ROOT}/status/",
        "/taxii2/other/",
    ),
    *(
        "/healthz",
        "/readyz",
        "/metrics",
        "/",
        "/login",
        "/static/app.css",
        "/static/../x",
        "//",
        "*",
    ),
    *("/api/v1/me", "/api/v1/alliance", "/api/v1/peers", "/api/v1/statements", "/api/v1/audit"),
    *("/api/v1/references", "/api/v1/audit/checkpoint", "/api/v1/openapi.json", "/api/v1/nothing"),
    *(
        "/api/v1/graph",
        "/api/v1/receipts",
        "/favicon.ico",
        "/taxii2/ringwall/../..",
        "/%c0%af",
        "/a b",
    ),
)


@st.composite
def _paths(draw: st.DrawFn) -> str:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.sampled_from(_FIXED))
    if kind == 1:
        return "/" + quote(draw(_TEXT), safe="/")
    if kind == 2:
        name = draw(st.sampled_from(("objects", "statements", "graph")))
        tail = draw(
            st.sampled_from(("", "/delivery", "/explanation", "/statements", "/graph", "/x"))
        )
        which = draw(
            st.sampled_from(("{known}", "arden-1:1", "arden-1:999999", "x:-1", "%2f", "a" * 999))
        )
        return f"/api/v1/{name}/{which}{tail}"
    if kind == 3:
        return f"{ROOT}/status/{draw(_OBJECT_IDS)}/"
    collection = f"{ROOT}/collections/{draw(_COLLECTIONS)}/"
    if kind == 4:
        return collection
    what = draw(st.sampled_from(("objects", "objects", "objects", "manifest", "Objects", "x")))
    if kind < 8:
        return f"{collection}{what}/"
    tail = draw(st.sampled_from(("", "", "versions/", "versions", "/", "other/")))
    return f"{collection}objects/{draw(_OBJECT_IDS)}/{tail}"


_MEDIA = st.sampled_from(
    (
        *(TAXII, TAXII, "application/taxii+json", "application/taxii+json;version=2.0", "*/*", ""),
        *("application/json", "application/stix+json;version=2.1", "text/html", "a/b;c", ";;", "*"),
        *(
            'application/taxii+json; version="2.1"; charset=utf-8',
            "application/taxii+json;version=",
        ),
        *(
            "application/vnd.oasis.taxii+json; version=2.0",
            "application/*;q=0.1, */*;q=0",
            "a" * 4000,
        ),
        *(", ".join(["text/html"] * 200), "application/problem+json", "é", "*/*;q=nope"),
    )
)
_TOKENS = ("Bearer {token}",) * 8 + (
    *("Token {token}", "{token}", "Bearer ", "Bearer wrong", "Basic !!!", "Basic e3Rva2VufTo=", ""),
    *("Bearer {token} {token}", "Digest x", "bearer {reader}", "Bearer {reader}", "Bearer é"),
)
_EXTRA = st.sampled_from(
    (
        *(
            ("host", "bad host"),
            ("host", "x" * 300),
            ("cookie", "session=1; a=b;;"),
            ("cookie", '"'),
        ),
        *(
            ("x-forwarded-for", "1.2.3.4, x"),
            ("origin", "https://evil.example"),
            ("range", "bytes=0-"),
        ),
        *(
            ("x-forwarded-proto", "javascript"),
            ("accept-encoding", "gzip, br;q=x"),
            ("expect", "100-continue"),
        ),
        *(("content-encoding", "gzip"), ("content-encoding", "nonsense"), ("idempotency-key", "k")),
        *(("idempotency-key", "x" * 5000), ("if-none-match", "*"), ("accept-language", "xx" * 500)),
        *(("sec-fetch-site", "cross-site"), ("x-big", "y" * 7000), ("if-modified-since", "then")),
    )
)


@st.composite
def _headers(draw: st.DrawFn, *, body: bool) -> tuple[tuple[str, str], ...]:
    made = [("authorization", draw(st.sampled_from(_TOKENS))), ("accept", draw(_MEDIA))]
    if body:
        made.append(("content-type", draw(_MEDIA)))
    if draw(st.integers(0, 7)) == 0:
        made.append(draw(_EXTRA))
    return tuple(made)


def _target(path: str, pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return path
    kept = "{}[],:"  # braces: what stands in them is put in later
    return path + "?" + "&".join(f"{quote(k, safe=kept)}={quote(v, safe=kept)}" for k, v in pairs)


@st.composite
def _reads(draw: st.DrawFn) -> Fuzzed:
    method = draw(st.sampled_from(("GET",) * 14 + ("HEAD", "OPTIONS")))
    target = _target(draw(_paths()), draw(_PAIRS))
    return Fuzzed(method, target, draw(_headers(body=False)))


@st.composite
def _cursors(draw: st.DrawFn) -> Fuzzed:
    """A cursor of the node's own, or one with a character changed, with or without filters."""
    where = draw(
        st.sampled_from(("objects", "manifest", "objects/{known}", "objects/{known}/versions"))
    )
    change = draw(
        st.sampled_from(("{cursor}", "{cursor}", "{cursor:3}", "{cursor:17}", "{cursor:-2}"))
    )
    pairs = [("next", change), *draw(_PAIRS)]
    headers = (("authorization", "Bearer {token}"), ("accept", TAXII))
    return Fuzzed("GET", _target(f"{ROOT}/collections/all/{where}/", pairs), headers)


@st.composite
def _posts(draw: st.DrawFn) -> Fuzzed:
    """A submission by somebody who may submit: what comes of it is the body's doing."""
    taxii = draw(st.booleans())
    pairs = [] if taxii or draw(st.booleans()) else [("label", "TLP:GREEN")]
    media = TAXII if taxii else "application/json"
    headers = (("authorization", "Bearer {submitter}"), ("content-type", media), ("accept", media))
    target = _target(SUBMIT if taxii else SUBMISSIONS, pairs)
    return Fuzzed("POST", target, headers, draw(bodies()), posts=True)


@st.composite
def _writes(draw: st.DrawFn) -> Fuzzed:
    """Any method with any body anywhere."""
    method = draw(st.sampled_from(("POST", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")))
    paths = st.sampled_from(
        (SUBMIT, SUBMISSIONS, "/api/v1/explanations", "/api/v1/login", "/login")
    )
    target = _target(draw(paths | _paths()), draw(_PAIRS))
    body = draw(st.sampled_from((b"", b"{}", b'{"label":"TLP:RED"}', b"a=b")) | bodies())
    return Fuzzed(method, target, draw(_headers(body=True)), body)


_LINES = st.sampled_from(
    (
        *(b"GET / HTTP/1.1", b"GET /taxii2/ HTTP/1.0", b"GET  / HTTP/1.1", b"get / http/1.1", b""),
        *(
            b"GET /\x00 HTTP/1.1",
            b"GET http://other/ HTTP/1.1",
            b"CONNECT a:1 HTTP/1.1",
            b"\x16\x03\x01",
        ),
        *(
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1",
            b"POST /api/v1/submissions HTTP/1.1",
            b"PRI * HTTP/2.0",
        ),
        *(b"GET /?" + b"a=b&" * 9000 + b" HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET /%zz HTTP/1.1"),
    )
)
_FIELDS = st.sampled_from(
    (
        *(
            b"Host: a",
            b"Content-Length: 5",
            b"Content-Length: -1",
            b"Content-Length: 99999999999999",
        ),
        *(
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
            b"Connection: upgrade",
        ),
        *(
            b"Upgrade: h2c",
            b"Upgrade: websocket",
            b": x",
            b"Bad Name: x",
            b" folded",
            b"A: \x00",
            b"A",
        ),
        *(
            b"Connection: close",
            b"Expect: 100-continue",
            b"Cookie: " + b"a" * 9000,
            b"Authorization: Basic",
        ),
    )
)
_RESTS = st.sampled_from(
    (b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"ffffffffffffffff\r\n", b"0\r\n")
)


@st.composite
def _wires(draw: st.DrawFn) -> Fuzzed:
    """What only looks like HTTP. The server may close without a word; it must not fail."""
    lines = [draw(_LINES), *draw(st.lists(_FIELDS, max_size=4))]
    return Fuzzed("RAW", "", raw=b"\r\n".join(lines) + b"\r\n\r\n" + draw(_RESTS))


def requests() -> st.SearchStrategy[Fuzzed]:
    """Any request: of 48, 23 read, six follow cursors, twelve submit, six write, one is raw."""
    many = [_reads()] * 23 + [_cursors()] * 6 + [_posts()] * 12 + [_writes()] * 6 + [_wires()]
    return st.integers(0, len(many) - 1).flatmap(many.__getitem__)


def batches(size: int = 8) -> st.SearchStrategy[list[Fuzzed]]:
    """Several requests in one example: drawing them is cheaper so, and they run side by side."""
    return st.lists(requests(), min_size=size, max_size=size)
