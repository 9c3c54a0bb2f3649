"""One-time login links that one reader makes for another.

A link to rights that its maker must not have works only when a second person has confirmed it,
and then only in two parts: the maker holds the link, the second person a code, and neither part
alone opens anything. So an administrator cannot read content through somebody else's name.
"""

import secrets

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Conflict, Forbidden, NotFound, TooMany, new_secret
from ringwall.identity.secrets import hash_parts, hash_secret
from ringwall.store import ReadTransaction, WriteTransaction

LINK = "login-link"
MOST = 100
"""Links of a node that wait for a second person."""
_ID_LENGTH = 12
_SECOND_PART = 8


class LoginLink(msgspec.Struct, frozen=True):
    """A link that waits for its confirmation."""

    id: str
    reader: str
    by: str
    created: str
    expires: str


class MadeLink(msgspec.Struct, frozen=True):
    """A link that was made: ``code`` is its secret part, shown once.

    ``waits``: it opens nothing until a second person confirms it.
    """

    id: str
    code: str
    waits: bool


class _Kept(msgspec.Struct, frozen=True):
    link: LoginLink
    sha256: str


_DECODER = msgspec.json.Decoder(_Kept)


def needs_second_person(reader: Reader) -> bool:
    """Tell whether a link for this reader needs one: all but for who only administers."""
    return reader.roles != {"administrator"}


def make_link(tx: WriteTransaction, member: str, reader: Reader, link: LoginLink) -> MadeLink:
    """Make a link for ``reader``; ``link.id`` is not looked at. Raises TooMany (``links``)."""
    code = new_secret()
    digest = hash_secret(code)
    name = digest.hex()[:_ID_LENGTH]
    waits = needs_second_person(reader)
    if waits:
        if len(tx.documents(LINK, member, link.created)) >= MOST:
            raise TooMany(f"at most {MOST} links wait for confirmation", rule="links")
        kept = _Kept(msgspec.structs.replace(link, id=name), digest.hex())
        body = msgspec.json.encode(kept)
        tx.put_document(LINK, member, name, body, link.created, link.expires)
    else:
        tx.put_login_code(digest, reader.id, link.expires)
    entry = {"link": name, "reader": reader.id, "by": link.by, "expires": link.expires}
    tx.append_audit("login-code-created", {**entry, "waits": waits})
    return MadeLink(name, code, waits)


def pending_links(tx: ReadTransaction, member: str, at: str) -> list[LoginLink]:
    """Return the links that wait for a second person, oldest first."""
    found = [_DECODER.decode(body).link for _, body in tx.documents(LINK, member, at)]
    return sorted(found, key=lambda each: (each.created, each.id))


def find_link(tx: ReadTransaction, member: str, name: str, at: str) -> LoginLink:
    """Return a link that waits. Raises NotFound."""
    return _find(tx, member, name, at).link


def confirm_link(tx: WriteTransaction, member: str, name: str, by: str, at: str) -> str:
    """Confirm a link as its second person and return the second part of its code.

    Raises NotFound, and Forbidden (rule ``second-person``) for who made it or whom it is for.
    """
    kept = _find(tx, member, name, at)
    if by in (kept.link.by, kept.link.reader):
        raise Forbidden(
            "a link is confirmed by neither who made it nor whom it is for", rule="second-person"
        )
    if not tx.drop_document(LINK, member, name):
        raise Conflict("the link was confirmed before", field="link", rule="confirmed")
    second = secrets.token_hex(_SECOND_PART)
    digest = hash_parts(bytes.fromhex(kept.sha256), second)
    tx.put_login_code(digest, kept.link.reader, kept.link.expires)
    tx.append_audit(
        "login-code-confirmed",
        {"link": name, "reader": kept.link.reader, "made_by": kept.link.by, "by": by},
    )
    return second


def drop_link(tx: WriteTransaction, member: str, name: str) -> bool:
    """Give up a link that waits; False: there is none."""
    return tx.drop_document(LINK, member, name)


def _find(tx: ReadTransaction, member: str, name: str, at: str) -> _Kept:
    body = tx.document(LINK, member, name, at)
    if body is None:
        raise NotFound("no such link")
    return _DECODER.decode(body)
