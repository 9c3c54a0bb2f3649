"""What a node forgets that was brought back from a backup: whoever was let in, and what lets in.

Access that was taken away since must not come back with the database.
"""

from ringwall.alliance import Alliance
from ringwall.identity.links import LINK
from ringwall.identity.passkeys import PASSKEY
from ringwall.identity.people import PERSON, find_readers
from ringwall.identity.sessions import end_sessions
from ringwall.store import WriteTransaction


def forget_logins(tx: WriteTransaction, alliance: Alliance, member: str, at: str) -> None:
    """Forget sessions, links that wait, passkeys, and what the provider said of people."""
    for reader, _ in find_readers(alliance, member, tx, at):
        end_sessions(tx, reader.id, at)
    for kind in (PERSON, PASSKEY, LINK):
        for key, _ in tx.documents(kind, member, at):
            tx.drop_document(kind, member, key)
