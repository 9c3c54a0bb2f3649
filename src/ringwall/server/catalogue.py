"""Handlers for the catalogue: what exists at other members, as far as a reader may know it."""

import msgspec

from ringwall.core import NotFound
from ringwall.labels import format_label
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.operations import Moment, Text, declare
from ringwall.server.statements import LIMIT, NAME, STIX_TYPE
from ringwall.sharing import Catalogue, Entry, Known, Wanted

OWNER = Text(name="owner", description="told by this member", pattern=NAME, longest=63, rule="name")
TYPE = Text(name="type", description="a STIX type", pattern=STIX_TYPE, longest=250, rule="type")
SECTOR = Text(
    name="sector", description="concerning this sector", pattern=NAME, longest=63, rule="name"
)
SINCE = Moment(name="since", description="told, or told anew, after this time")
AFTER_ENTRY = Text(
    name="after",
    description="go on after this entry: the `next` of the page before",
    pattern=rf"{NAME}\.[0-9a-f]{{32}}",
    longest=96,
    rule="place",
)


class EntryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A group of statements that exist at their owner; what it does not tell of them is empty."""

    type: str
    sectors: tuple[str, ...] | None
    """None: not told; empty: it knows of none."""
    time: str
    """The month or the day on which they were stated: YYYY-MM or YYYY-MM-DD, in UTC."""
    label: str
    """TLP and classification; to whom else they are released is not told."""
    purpose: str
    amount: str
    """``some``: below 10, ``tens``: below 100, ``hundreds``: below 1,000, ``thousands``."""


class CatalogueEntry(EntryDocument, frozen=True, kw_only=True):
    """An entry of the catalogue; its ``id`` is what a request for access names."""

    id: str
    owner: str
    told_at: str


class CataloguePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the catalogue; ``next`` is where it goes on, "" at its end."""

    entries: list[CatalogueEntry]
    next: str


@declare({200: CataloguePage}, OWNER, TYPE, SECTOR, SINCE, AFTER_ENTRY, LIMIT)
def listing(call: Call) -> Answer:
    """GET /catalogue: What exists at other members, as far as they tell this reader.

    Groups of statements that are not released here. A filter leaves out what does not tell of it.
    """
    wanted = Wanted(OWNER.of(call), TYPE.of(call), SECTOR.of(call), SINCE.of(call))
    found, after = _catalogue(call).page(
        call.reading,
        wanted,
        after=AFTER_ENTRY.of(call),
        limit=LIMIT.of(call),
        route=call.route,
    )
    return json_answer(CataloguePage(entries=[_document(each) for each in found], next=after))


def _catalogue(call: Call) -> Catalogue:
    if call.context.catalogue is None:
        raise NotFound("this node has no catalogue")
    return call.context.catalogue


def _document(known: Known) -> CatalogueEntry:
    shown = msgspec.structs.asdict(entry_document(known.entry))
    return CatalogueEntry(**shown, id=known.id, owner=known.owner, told_at=known.at)


def entry_document(entry: Entry) -> EntryDocument:
    """Describe an entry."""
    return EntryDocument(
        type=entry.type,
        sectors=entry.sectors,
        time=entry.time,
        label="" if entry.label is None else format_label(entry.reading_label),
        purpose=entry.purpose,
        amount=entry.amount,
    )
