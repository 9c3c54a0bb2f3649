"""Saved searches: a reader's own questions by name; each is a TAXII collection of this reader."""

import uuid
from typing import Annotated

import msgspec

from ringwall.core import Conflict, InvalidInput, NotFound, TooLarge, format_timestamp, place_of
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare
from ringwall.store import Selection, WriteTransaction

KIND = "saved-search"
MOST = 100
"""Searches that one reader may keep."""
_NAMESPACE = uuid.UUID("0c6d3f0e-6f6b-5f0e-9b52-1f8e0c9f7a33")
_Type = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,249}$")]


class SavedSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question about statements; what is empty asks for nothing, the rest holds together."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    text: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    value: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    types: Annotated[tuple[_Type, ...], msgspec.Meta(max_length=100)] = ()
    source: Annotated[str, msgspec.Meta(max_length=63)] = ""
    id: str = ""
    """Made of reader and name: the id of its collection."""

    @property
    def selection(self) -> Selection:
        """What it selects."""
        return Selection(
            object_types=frozenset(self.types) if self.types else None,
            source=self.source or None,
            text=self.text,
            value=self.value,
        )


class SavedSearches(msgspec.Struct, frozen=True):
    """The searches that a reader keeps, by name."""

    searches: list[SavedSearch]


_DECODER = msgspec.json.Decoder(SavedSearch)


def saved_searches(call: Call) -> list[SavedSearch]:
    """Return the searches that the reader keeps, by name."""
    at = format_timestamp(call.context.clock.now())
    with call.context.store.read() as snapshot:
        kept = snapshot.documents(KIND, call.reader.id, at)
    return sorted((_DECODER.decode(body) for _, body in kept), key=lambda each: each.name)


@declare({200: SavedSearches})
def listing(call: Call) -> Answer:
    """GET /searches: The reader's own saved searches."""
    return json_answer(SavedSearches(saved_searches(call)))


@declare({201: SavedSearch}, body=Body((JSON,), SavedSearch), refusals=(409,))
def keep(call: Call) -> Answer:
    """POST /searches: Keep a search; 201 with its id, 409 if the reader has one of that name."""
    search = _read(call)
    owner, at = call.reader.id, format_timestamp(call.context.clock.now())
    body = msgspec.json.encode(search)

    def job(tx: WriteTransaction) -> None:
        kept = {key for key, _ in tx.documents(KIND, owner, at)}
        if search.id in kept:
            raise Conflict("name: there is a search of this name", field="/name", rule="name-taken")
        if len(kept) >= MOST:
            raise TooLarge(f"a reader keeps at most {MOST} searches", field="", rule="searches")
        tx.put_document(KIND, owner, search.id, body, at)

    call.context.store.write(job).result()
    return json_answer(search, 201)


@declare({204: None}, refusals=(404,))
def drop(call: Call) -> Answer:
    """DELETE /searches/{search}: Forget a search, and with it its collection."""
    owner, key = call.reader.id, call.path["search"]
    if not call.context.store.write(lambda tx: tx.drop_document(KIND, owner, key)).result():
        raise NotFound("no such search")
    return Answer(status=204)


def _read(call: Call) -> SavedSearch:
    try:
        search = _DECODER.decode(call.document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(str(error), field=place_of(error)[1], rule="search") from error
    name = " ".join(search.name.split())
    if not name or not name.isprintable():
        raise InvalidInput("name: not a line of text", field="/name", rule="name")
    if not (search.text.strip() or search.value or search.types or search.source):
        why = "a search asks for text, value, types or source"
        raise InvalidInput(why, field="/text", rule="empty-search")
    if search.source and search.source not in call.context.alliance.members:
        why = f"source: no member is called {search.source!r}"
        raise InvalidInput(why, field="/source", rule="unknown-member")
    own = uuid.uuid5(_NAMESPACE, f"{call.reader.id}/{name.casefold()}")
    return msgspec.structs.replace(search, name=name, id=str(own))
