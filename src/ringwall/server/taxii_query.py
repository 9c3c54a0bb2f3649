"""TAXII 2.1 filtering and paging (sections 3.4 and 3.5): what is asked for, and opaque cursors.

A cursor carries every filter and its collection, because some clients send only ``next`` and
``limit`` on later pages; what comes beside a cursor is checked, and the cursor wins.
"""

import re
from typing import Annotated

import msgspec

from ringwall.core import InvalidInput, format_timestamp, parse_timestamp
from ringwall.server.cursors import QUESTIONS, Cursors
from ringwall.server.query import Query
from ringwall.store import PageRow

DEFAULT_PAGE = 1000
LARGEST_PAGE = 1000
VERSION_KEYWORDS = frozenset({"first", "last", "all"})
_PAGING = ("added_after", "limit", "next")
_USUAL = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII
)
"""Milliseconds, and a day that every month has."""
_NAME = "[a-z0-9][a-z0-9-]{1,248}"
_FORMS = {
    "match[id]": re.compile(
        rf"{_NAME}--[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}"
    ),
    "match[type]": re.compile(_NAME),
    "match[spec_version]": re.compile(r"\d{1,3}\.\d{1,3}"),
}


class Wanted(msgspec.Struct, frozen=True, array_like=True):
    """Which objects of a collection are asked for; an empty tuple filters nothing."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    """Place to start after, in the reader's own order of arrival."""
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    versions: tuple[str, ...] = ("last",)
    spec_versions: tuple[str, ...] = ()
    added_after: str = ""
    """With ``after``: when that was added, for an empty page still has to name a date."""
    collection: str = ""
    """The collection that a cursor was made for; "" before there is one."""

    @property
    def is_possible(self) -> bool:
        """Tell whether anything can be wanted at all: every object of ours is of STIX 2.1."""
        return not self.spec_versions or "2.1" in self.spec_versions

    @property
    def keywords(self) -> frozenset[str]:
        """The words among the wanted versions."""
        return VERSION_KEYWORDS.intersection(self.versions)

    @property
    def moments(self) -> frozenset[str]:
        """The wanted versions that are times, so written that equal times are equal texts."""
        return frozenset(moment(v) for v in self.versions if v not in VERSION_KEYWORDS)

    def cursor(self, last: PageRow, collection: str, cursors: Cursors) -> str:
        """Write the same question, continued after the last row of a page, as an opaque text."""
        continued = msgspec.structs.replace(
            self, after=0, added_after=last.received_at, collection=collection
        )
        place = last.order.to_bytes(_PLACE)  # so its digits do not show in the length
        return cursors.seal(place + msgspec.json.encode(continued), QUESTIONS)


_CURSOR = msgspec.json.Decoder(Wanted)
_PLACE = 8


def read_wanted(query: Query, cursors: Cursors, *, collection: str) -> tuple[Wanted, int]:
    """Read the filters of objects or a manifest, and the page size.

    Raises InvalidInput naming the parameter.
    """
    query.only(*_PAGING, "match[id]", "match[type]", "match[version]", "match[spec_version]")
    return _read(query, cursors, collection)


def read_wanted_versions(
    query: Query, cursors: Cursors, object_id: str, *, collection: str, every: bool = False
) -> tuple[Wanted, int]:
    """Read the filters where the path names one object, ``every``: all of its versions."""
    only = ["match[spec_version]"] if every else ["match[version]", "match[spec_version]"]
    query.only(*_PAGING, *only)
    wanted, limit = _read(query, cursors, collection)
    if wanted.after and wanted.ids != (object_id,):
        raise InvalidInput("next: of another resource", field="next", rule="cursor")
    versions = ("all",) if every else wanted.versions
    return msgspec.structs.replace(wanted, ids=(object_id,), versions=versions), limit


def read_removal(query: Query, object_id: str) -> Wanted:
    """Read the filters of a removal, which without any means every version (section 5.7)."""
    query.only("match[version]", "match[spec_version]")
    return Wanted(
        ids=(object_id,),
        versions=_versions(query, default="all"),
        spec_versions=_values(query, "match[spec_version]"),
    )


def _read(query: Query, cursors: Cursors, collection: str) -> tuple[Wanted, int]:
    limit = min(query.integer("limit", DEFAULT_PAGE, low=1, high=2**31), LARGEST_PAGE)
    wanted = Wanted(
        ids=_values(query, "match[id]"),
        types=_values(query, "match[type]"),
        versions=_versions(query, default="last"),
        spec_versions=_values(query, "match[spec_version]"),
        added_after=_added_after(query),
    )
    if "next" in query.names():
        wanted = _continued(query.text("next"), cursors, collection)
    return wanted, limit


def _added_after(query: Query) -> str:
    if "added_after" in query.names():  # given and empty is malformed, not absent
        parse_timestamp(query.text("added_after"), field="added_after")
    return query.text("added_after")


def _values(query: Query, name: str) -> tuple[str, ...]:
    if name not in query.names():
        return ()
    values = tuple(query.text(name).split(","))
    form = _FORMS.get(name)
    for value in values:
        if not value or (form and not form.fullmatch(value)):
            why = f"{name}: {value[:80]!r} cannot be a value of it"
            raise InvalidInput(why, field=name, rule="match")
    return values


def _versions(query: Query, *, default: str) -> tuple[str, ...]:
    name = "match[version]"
    values = _values(query, name) or (default,)
    _check_versions(values, name)
    return values


def _check_versions(values: tuple[str, ...], name: str) -> None:
    if "all" in values and len(values) > 1:
        raise InvalidInput(f"{name}: `all` stands alone", field=name, rule="match")
    for value in values:
        if value not in VERSION_KEYWORDS:
            parse_timestamp(value, field=name)


def _continued(text: str, cursors: Cursors, collection: str) -> Wanted:
    plain = cursors.open(text, QUESTIONS, field="next")
    wanted = _CURSOR.decode(plain[_PLACE:])
    if wanted.collection != collection:
        raise InvalidInput("next: of another collection", field="next", rule="cursor")
    return msgspec.structs.replace(wanted, after=int.from_bytes(plain[:_PLACE]))


def moment(version: str) -> str:
    """Write a version so that text order is time order, "" where it is no time.

    Observables have none, or, as a property of their own, one that need not be a time at all.
    """
    if _USUAL.fullmatch(version):  # nearly all; the rest takes ten times as long
        return f"{version[:-1]}000Z"
    try:
        return format_timestamp(parse_timestamp(version)) if version else ""
    except InvalidInput:
        return ""
