"""Strategies for what is posted: valid STIX bundles, then mutated as documents and as bytes.

A generated body holds `FRESH` ids; `freshen` makes new ones of them when it is sent, so that each
body speaks of objects that nobody has stated and a store can be compared with the answer to it.
"""

import copy
import json
import re
import uuid
from typing import Any

from hypothesis import strategies as st

MARKINGS = (
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",  # TLP:AMBER
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",  # TLP:GREEN
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",  # TLP:GREEN of TLP 1
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",  # TLP:RED
)
MOMENT = "2026-02-03T04:05:06.789Z"
FRESH = re.compile(rb"00000000-0000-4000-8000-0000000000([0-9]{2})")


def _id(kind: str, number: int) -> str:
    return f"{kind}--00000000-0000-4000-8000-0000000000{number:02}"


def _domain(kind: str, number: int, **more: Any) -> dict[str, Any]:
    head = {"type": kind, "spec_version": "2.1", "id": _id(kind, number)}
    times = {"created": MOMENT, "modified": MOMENT, "object_marking_refs": [MARKINGS[0]]}
    return {**head, **times, **more}


def _observable(kind: str, number: int, **more: Any) -> dict[str, Any]:
    head = {"type": kind, "spec_version": "2.1", "id": _id(kind, number)}
    return {**head, "object_marking_refs": [MARKINGS[1]], **more}


TEMPLATES: tuple[dict[str, Any], ...] = (
    _domain(
        "indicator",
        1,
        name="C2",
        pattern="[ipv4-addr:value = '198.51.100.7' AND domain-name:value LIKE 'a%.example']",
        pattern_type="stix",
        valid_from=MOMENT,
        indicator_types=["malicious-activity"],
        kill_chain_phases=[{"kill_chain_name": "mitre-attack", "phase_name": "c2"}],
        confidence=70,
    ),
    _domain("malware", 2, name="Worm", is_family=False, malware_types=["worm"]),
    _domain("identity", 3, name="Arden", identity_class="organization", sectors=["energy"]),
    _domain(
        "relationship",
        4,
        relationship_type="indicates",
        source_ref=_id("indicator", 1),
        target_ref=_id("malware", 2),
    ),
    _domain("report", 5, name="R", published=MOMENT, object_refs=[_id("indicator", 1)]),
    _domain(
        "sighting",
        6,
        sighting_of_ref=_id("indicator", 1),
        count=3,
        first_seen=MOMENT,
        last_seen=MOMENT,
    ),
    _domain(
        "observed-data",
        7,
        first_observed=MOMENT,
        last_observed=MOMENT,
        number_observed=1,
        object_refs=[_id("ipv4-addr", 8)],
    ),
    _observable("ipv4-addr", 8, value="198.51.100.9"),
    _observable("domain-name", 9, value="bad.example"),
    _observable(
        "file", 10, name="a.exe", size=12, hashes={"MD5": "d41d8cd98f00b204e9800998ecf8427e"}
    ),
    _observable("url", 11, value="https://bad.example/a?b=c"),
    _domain("attack-pattern", 12, name="Phish", aliases=["a"]),
    _domain("note", 13, content="text", object_refs=[_id("indicator", 1)]),
    _domain("x-new-thing", 14, anything={"a": [1, 2.5, None]}),
    _domain("vulnerability", 15, name="CVE-2026-0001"),
    _observable(
        "network-traffic",
        16,
        src_ref=_id("ipv4-addr", 8),
        protocols=["tcp", "http"],
        extensions={"http-request-ext": {"request_method": "get", "request_value": "/"}},
    ),
)


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**53 - 1, 2**53, 2**64, -(2**63) - 1, 10**400, 1e308, 0.1, -0.0),
    *(float("nan"), float("inf"), "", " ", "\x00", "\u202e", "\ud800", "\U0001f600", "a" * 5000),
    *("indicator", "bundle", "indicator--", _id("indicator", 1), _id("malware", 99), "2.0", "2.2"),
    *("2026-02-30T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "0000-00-00T00:00:00Z", MOMENT),
    *("2026-02-03T04:05:60Z", "2026-02-03 04:05:06Z", "2026-02-03T04:05:06+01:00", "../../etc/x"),
    *(
        "[",
        "[a:b = 'c']",
        "(" * 3000,
        "[a:b='" + "\\" * 99,
        "[a:b MATCHES '(a+)+$']",
        "' OR 1=1;--",
    ),
    *("https://[::1", "198.51.100.0/99", "1.2.3.4.5", "::ffff:1.2.3.4/129", "a@b@c", "TLP:PURPLE"),
    *([], {}, [None], [[]], {"": ""}, {"__proto__": 1}, _deep(40), _deep(200), [1] * 500),
    *(MARKINGS[3], [MARKINGS[1], MARKINGS[3]], [MARKINGS[0]] * 3, {"type": "indicator"}),
    *({"extension_type": "property-extension"}, [{"lang": "de"}], ["tlp:white"], ["tlp:nonsense"]),
)

_KEYS = st.sampled_from(
    (
        *("id", "type", "spec_version", "created", "modified", "pattern", "pattern_type"),
        *("object_marking_refs", "granular_markings", "labels", "extensions", "revoked", "lang"),
        *("created_by_ref", "external_references", "confidence", "definition", "hashes", "value"),
        *("x_custom", "X-Bad", "", "a" * 300, "objects", "defanged", "\u0000", "valid_until"),
    )
)
_PLACE = st.integers(0, 10**6)
_VALUE = st.sampled_from(NASTY) | st.integers() | st.text(max_size=12)
_MUTATION = st.tuples(
    st.sampled_from(("put", "put", "drop", "add", "double", "text")), _PLACE, _KEYS, _VALUE
)


def _places(node: Any) -> list[tuple[Any, Any]]:
    """List (container, key) of everything inside a document."""
    found: list[tuple[Any, Any]] = []
    waiting = [node]
    while waiting and len(found) < 2000:
        item = waiting.pop()
        inside = item.items() if isinstance(item, dict) else enumerate(item)
        for key, value in list(inside):
            found.append((item, key))
            if isinstance(value, dict | list):
                waiting.append(value)
    return found


def _mutate(document: Any, how: tuple[str, int, str, Any]) -> None:
    kind, place, name, value = how
    value = copy.deepcopy(value)  # later mutations must not reach what the strategy will draw again
    places = _places(document)
    if not places:
        return
    container, key = places[place % len(places)]
    if kind == "drop":
        del container[key]
    elif kind == "add" and isinstance(container, dict):
        container[name] = value
    elif kind == "double" and isinstance(container, list):
        container.append(copy.deepcopy(container[key]))
    elif kind == "text" and isinstance(container[key], str):
        at = place % (len(container[key]) + 1)
        container[key] = container[key][:at] + str(name) + container[key][at:]
    else:
        container[key] = value


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A bundle of one to six objects, with up to four things wrong."""
    chosen = draw(st.lists(st.sampled_from(TEMPLATES), min_size=1, max_size=6))
    objects = json.loads(json.dumps(chosen))
    document = {"type": "bundle", "id": _id("bundle", 0), "objects": objects}
    for how in draw(st.lists(_MUTATION, max_size=4)):
        _mutate(document, how)
    return document


_BYTES = st.tuples(
    st.sampled_from(("cut", "flip", "insert", "repeat", "key")),
    _PLACE,
    st.binary(min_size=1, max_size=6),
)
_WHOLE = st.sampled_from(
    (
        *(b"", b" ", b"null", b"0", b'""', b"[]", b"{}", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}"),
        *(b"[" * 100_000, b'{"a":' * 20_000, b'{"objects":[' * 5000, b"{" * 50, b"\x00" * 64),
        *(b'{"objects":[' + b"{}," * 3000 + b"{}]}", b'{"objects":{}}', b'{"objects":null}'),
        *(b'{"more":false}', b'{"objects":[1,"a",null,[],true]}', b'{"objects":[]}'),
        *(b'{"type":"bundle","type":"bundle","objects":[]}', b"9" * 50_000, b'"' + b"a" * 300_000),
        *(
            b"-",
            b"NaN",
            b'{"objects":[{"id":"\\ud800"}]}',
            b'{"a":1}{"b":2}',
            b"<xml/>",
            b"a=b&c=d",
        ),
    )
)


def _damage(body: bytes, how: tuple[str, int, bytes]) -> bytes:
    kind, place, extra = how
    at = place % (len(body) + 1)
    if kind == "cut":
        return body[:at]
    if kind == "flip":
        return body[:at] + bytes([(body[at] if at < len(body) else 0) ^ extra[0]]) + body[at + 1 :]
    if kind == "insert":
        return body[:at] + extra + body[at:]
    if kind == "repeat":
        return body[:at] + body[max(0, at - 40) : at] * 3 + body[at:]
    return body.replace(b"{", b'{"type":"x",', 1 + place % 3)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """The bytes of a post: mostly a mutated bundle, now and then damaged or something else."""
    if draw(st.integers(0, 11)) == 0:
        return draw(_WHOLE)
    text = json.dumps(draw(documents()), ensure_ascii=draw(st.booleans()))
    body = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 3)) == 0:
        for how in draw(st.lists(_BYTES, min_size=1, max_size=3)):
            body = _damage(body, how)
    if draw(st.integers(0, 39)) == 0:
        body = body.decode("utf-8", "replace").encode("utf-16")
    return body


def freshen(body: bytes) -> bytes:
    """Give the objects of a generated body ids that nobody has used."""
    names = {number: str(uuid.uuid4()).encode() for number in set(FRESH.findall(body))}
    return FRESH.sub(lambda found: names[found[1]], body)
