"""Cursors: where a reader goes on, in a form that only the node can read.

Places are orders of the node. Their gaps would tell a reader how much lies between two statements
that it may not see, so no place leaves the node: what leaves is sealed with AES-256-SIV (RFC 5297)
under a secret of the node. It is deterministic, so that the same question gets the same bytes; it
is authenticated, so that nobody can count; and it is bound to the kind of cursor and to the order
of arrival that it belongs to, so that it is of no use to another reader.
"""

import base64
import threading

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ringwall.core import InvalidInput
from ringwall.store import Store, WriteTransaction

SECRET = "cursor-secret"  # noqa: S105 - the name under which the store keeps it
BEGINNING = "0"
"""What stands for the place before everything: it tells nothing, so it is as it is."""
PLACE = r"0|[A-Za-z0-9_-]{32}"
PLACES, REFERENCES, QUESTIONS = "place", "reference", "question"
"""The kinds: places of statements, of reference objects, and the questions of TAXII's ``next``."""
_KEY_BITS = 512
_NUMBER = 8


class CursorKey:
    """The secret of one node, which its store keeps: made once, read once; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cipher: AESSIV | None = None

    def of(self, store: Store) -> AESSIV:
        """Return the cipher under the secret of ``store``, which is made if there is none."""
        with self._lock:
            if self._cipher is None:
                self._cipher = AESSIV(_secret(store))
            return self._cipher


def _secret(store: Store) -> bytes:
    with store.read() as snapshot:
        kept = snapshot.meta(SECRET)
    return store.write(_keep, essential=True).result() if kept is None else kept


def _keep(tx: WriteTransaction) -> bytes:
    kept = tx.meta(SECRET)  # another process of this node may have been quicker
    if kept is None:
        kept = AESSIV.generate_key(_KEY_BITS)
        tx.set_meta(SECRET, kept)
    return kept


class Cursors:
    """Writes and reads the cursors of one order of arrival: a reader's, or a narrowed token's."""

    def __init__(self, cipher: AESSIV, order: str) -> None:
        """``order`` names whose it is."""
        self._cipher = cipher
        self._order = order.encode()

    def seal(self, plain: bytes, kind: str) -> str:
        """Write something that only the node may read."""
        sealed = self._cipher.encrypt(plain, [kind.encode(), self._order])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, text: str, kind: str, *, field: str) -> bytes:
        """Read what `seal` wrote. Raises InvalidInput (rule ``cursor``) for anything else."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed, [kind.encode(), self._order])
        except (ValueError, InvalidTag) as error:
            why = f"{field}: not one of the cursors that you were given"
            raise InvalidInput(why, field=field, rule="cursor") from error

    def place(self, number: int, kind: str = PLACES) -> str:
        """Write a place; the one before everything is `BEGINNING`."""
        return self.seal(number.to_bytes(_NUMBER), kind) if number else BEGINNING

    def number(self, text: str, kind: str = PLACES, *, field: str) -> int:
        """Read a place. Raises InvalidInput (rule ``cursor``)."""
        return 0 if text == BEGINNING else int.from_bytes(self.open(text, kind, field=field))
