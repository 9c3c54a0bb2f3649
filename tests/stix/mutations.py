"""Valid objects and what becomes of them when any value is put at any place."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from ringwall.stix.common import COMMON
from ringwall.stix.tables import TABLES
from tests.stix.examples import EXAMPLES, LATER, TIME, domain, identifier, observable

RICH: dict[str, Any] = {
    "external_references": [{"source_name": "list", "external_id": "TA-0001"}],
    "object_marking_refs": [identifier("marking-definition")],
    "granular_markings": [{"selectors": ["id"], "lang": "en"}],
    "extensions": {"x-more": {"extension_type": "property-extension", "rank": 1}},
    "labels": ["tlp:amber"],
    "created_by_ref": identifier("identity"),
}
CUSTOM = [observable("x-beacon", value="a"), domain("x-plan", name="a")]
OLD = domain(
    "observed-data",
    spec_version="2.0",
    first_observed=TIME,
    last_observed=LATER,
    number_observed=1,
    objects={
        "0": {"type": "file", "hashes": {"MD5": "ab" * 16}, "parent_directory_ref": "1"},
        "1": {"type": "directory", "path": "/srv/x", "contains_refs": ["0"], "created": TIME},
        "2": {"type": "network-traffic", "protocols": ["tcp"], "src_ref": "3", "dst_ref": "3"},
        "3": {"type": "ipv4-addr", "value": "192.0.2.1"},
    },
)
VALID = [
    *EXAMPLES.values(),
    *({**obj, **RICH} for obj in EXAMPLES.values()),
    *CUSTOM,
    *({**obj, **RICH} for obj in CUSTOM),
    observable("file", hashes={"SHA-256": "ab" * 32}),
]

_scalar = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e9, 1e9)
    | st.text(max_size=8)
    | st.sampled_from(["stix", "tlp", "statement", "2.0", "2.1", TIME, LATER, "zzz", "[a:b = 'c']"])
    | st.sampled_from([identifier(kind) for kind in (*EXAMPLES, "x-beacon")])
)
_common = st.sampled_from(sorted(COMMON))
names = st.sampled_from(
    sorted({*COMMON, *(name for table in TABLES.values() for name in table.properties)})
)
json_values = st.recursive(
    _scalar,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every value inside ``value``."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@st.composite
def mutated(draw: st.DrawFn, valid: list[dict[str, Any]]) -> dict[str, Any]:
    """Take a valid object and put any values at one to three places, old or new."""
    obj: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            container, key = draw(st.sampled_from(list(places(obj))))
        else:
            container, key = obj, draw(_common | names)
        container[key] = draw(json_values)
    return obj
