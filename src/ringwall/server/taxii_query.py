"""TAXII 2.1 filtering and paging (section 3.4 and 3.5): what is asked for, and opaque cursors.

A cursor carries every filter, because some clients send only ``next`` and ``limit`` on later
pages; when a cursor comes with filters, the cursor wins.
"""

import base64
import binascii
from typing import Annotated

import msgspec

from ringwall.core import InvalidInput, parse_timestamp
from ringwall.server.query import Query

DEFAULT_PAGE = 1000
LARGEST_PAGE = 1000
VERSION_KEYWORDS = frozenset({"first", "last", "all"})


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """Which objects of a collection are asked for; an empty tuple filters nothing."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    """Order of arrival to start after."""
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    versions: tuple[str, ...] = ("last",)
    spec_versions: tuple[str, ...] = ()
    added_after: str = ""

    def takes_type(self, object_type: str) -> bool:
        """Tell whether objects of a type can be wanted at all; all of ours are of STIX 2.1."""
        known = not self.spec_versions or "2.1" in self.spec_versions
        return known and (not self.types or object_type in self.types)

    def takes(self, object_id: str, object_type: str) -> bool:
        """Tell whether an object passes the filters that need only its id and type."""
        return self.takes_type(object_type) and (not self.ids or object_id in self.ids)

    def cursor(self, after: int, added: str) -> str:
        """Write the same question, continued after ``after``, as an opaque text.

        ``added`` is when that was added: an empty page still has to name a date.
        """
        continued = msgspec.structs.replace(self, after=after, added_after=added)
        return base64.urlsafe_b64encode(msgspec.json.encode(continued)).rstrip(b"=").decode()


_CURSOR = msgspec.json.Decoder(Wanted)


def read_wanted(query: Query, *, object_id: str = "") -> tuple[Wanted, int]:
    """Read the filters and the page size. Raises InvalidInput naming the parameter.

    ``object_id``: the path names one object, which rules out filters by id and type.
    """
    names = ["added_after", "limit", "next", "match[version]", "match[spec_version]"]
    query.only(*names, *([] if object_id else ["match[id]", "match[type]"]))
    limit = query.integer("limit", DEFAULT_PAGE, low=1, high=2**31)
    if query.text("next"):
        return _continued(query.text("next"), object_id), min(limit, LARGEST_PAGE)
    wanted = Wanted(
        ids=(object_id,) if object_id else _values(query, "match[id]"),
        types=_values(query, "match[type]"),
        versions=_versions(query),
        spec_versions=_values(query, "match[spec_version]"),
        added_after=query.timestamp("added_after"),
    )
    return wanted, min(limit, LARGEST_PAGE)


def _values(query: Query, name: str) -> tuple[str, ...]:
    if name not in query.names():
        return ()
    values = tuple(query.text(name).split(","))
    if not all(values):
        raise InvalidInput(f"{name}: an empty value", field=name, rule="match")
    return values


def _versions(query: Query) -> tuple[str, ...]:
    name = "match[version]"
    values = _values(query, name) or ("last",)
    _check_versions(values, name)
    return values


def _check_versions(values: tuple[str, ...], name: str) -> None:
    if "all" in values and len(values) > 1:
        raise InvalidInput(f"{name}: `all` stands alone", field=name, rule="match")
    for value in values:
        if value not in VERSION_KEYWORDS:
            parse_timestamp(value, field=name)


def _continued(text: str, object_id: str) -> Wanted:
    try:
        wanted = _CURSOR.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise InvalidInput("next: not one of our cursors", field="next", rule="cursor") from error
    if wanted.added_after:
        parse_timestamp(wanted.added_after, field="next")  # it may come back in a header
    _check_versions(wanted.versions, "next")
    if object_id and wanted.ids != (object_id,):
        raise InvalidInput("next: of another resource", field="next", rule="cursor")
    return wanted
