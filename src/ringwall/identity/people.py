"""The readers of this node: those of the alliance description, and people of the provider's word.

What the provider said of somebody is a document that ends; with it end the person's sessions and
tokens, until the provider says it again. The description goes first: no document can change whom
it names.
"""

import hashlib

import msgspec

from ringwall.alliance import Alliance, Reader, within_assertions
from ringwall.core import Forbidden
from ringwall.store import ReadTransaction, WriteTransaction

PERSON = "person"


class Person(msgspec.Struct, frozen=True):
    """A reader as the provider last described it, at ``at``; it ends at ``until``."""

    reader: Reader
    issuer: str
    at: str
    until: str


_DECODER = msgspec.json.Decoder(Person)


def person_id(issuer: str, subject: str) -> str:
    """Return the name of a provider's subject: never that of another issuer's, nor a given one."""
    said = msgspec.json.encode([issuer, subject])
    return f"p-{hashlib.sha256(said).hexdigest()[:32]}"


def find_reader(
    alliance: Alliance, member: str, tx: ReadTransaction, name: str, at: str
) -> Reader | None:
    """Return a reader of ``member``, None if there is none of this name now."""
    described = alliance.readers.get(name)
    if described is not None:
        return described if described.member == member else None
    body = tx.document(PERSON, member, name, at)
    return None if body is None else _still_asserted(alliance, member, body)


def find_readers(
    alliance: Alliance, member: str, tx: ReadTransaction, at: str
) -> list[tuple[Reader, str]]:
    """Return every reader of ``member`` and when it ends ("": it does not), sorted by name."""
    found = [(each, "") for each in alliance.readers.values() if each.member == member]
    for _, body in tx.documents(PERSON, member, at):
        reader = _still_asserted(alliance, member, body)
        if reader is not None:
            found.append((reader, _DECODER.decode(body).until))
    return sorted(found, key=lambda each: each[0].id)


def put_person(tx: WriteTransaction, person: Person) -> None:
    """Keep what the provider said of somebody, in the place of what it said before."""
    body = msgspec.json.encode(person, order="deterministic")
    tx.put_document(PERSON, person.reader.member, person.reader.id, body, person.at, person.until)


def end_person(tx: WriteTransaction, member: str, name: str) -> bool:
    """Forget what the provider said of somebody; False: there was nothing."""
    return tx.drop_document(PERSON, member, name)


def check_rank(actor: Reader, target: Reader) -> None:
    """Refuse to touch the credentials of who stands above. Raises Forbidden (rule ``rank``)."""
    if actor.rank < target.rank:
        raise Forbidden(f"{target.id} stands above {actor.id}", field="reader", rule="rank")


def _still_asserted(alliance: Alliance, member: str, body: bytes) -> Reader | None:
    """Read a person; None if the alliance does not let the member say this any more."""
    reader = _DECODER.decode(body).reader
    if reader.member != member or within_assertions(alliance, reader):
        return None
    return reader
