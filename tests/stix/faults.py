"""Valid objects with one fault each: a property taken out, or a value put in its place."""

import copy
from collections.abc import Iterator
from typing import Any

from tests.stix.complete import COMPLETE
from tests.stix.examples import EXAMPLES, identifier

EARLY = "2020-01-01T00:00:00.000Z"
VALUES: list[Any] = [
    None, True, -1, 1.5, "zzz", "", [], {}, ["zzz"], [1], {"a": 1}, EARLY, "2026-02-30T00:00:00Z",
    "2026-03-01T08:00:60.000Z", identifier("tool"), identifier("url"), identifier("relationship"),
    identifier("marking-definition"), identifier("bundle"), [identifier("tool")],
    [identifier("url")], [identifier("relationship")], "[a:b = 'c'", "odd-hex-1", "AF_X", 2**31,
]  # fmt: skip

Fault = tuple[str, str, Any, dict[str, Any]]
"""Type, property, what was put there (... for taken out), and the object."""


def top_level_faults() -> Iterator[Fault]:
    """Yield every valid object with each property in turn taken out or replaced."""
    for source in (EXAMPLES, COMPLETE):
        for kind, obj in sorted(source.items()):
            for name in sorted(obj):
                without = {key: value for key, value in obj.items() if key != name}
                yield kind, name, ..., without
                for value in VALUES:
                    yield kind, name, value, {**obj, name: value}


def _places(value: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key, f"{path}/{key}"
        if isinstance(value[key], dict | list):
            yield from _places(value[key], f"{path}/{key}")


def inner_faults() -> Iterator[Fault]:
    """Yield every complete object with each value inside its properties in turn replaced."""
    for kind, original in sorted(COMPLETE.items()):
        for index, (_, _, path) in enumerate(list(_places(original, ""))):
            if path.count("/") < 2:
                continue
            for value in [..., *VALUES[:11]]:
                obj = copy.deepcopy(original)
                container, key, _ = list(_places(obj, ""))[index]
                if value is ...:
                    del container[key]
                else:
                    container[key] = value
                yield kind, path[1:], value, obj
