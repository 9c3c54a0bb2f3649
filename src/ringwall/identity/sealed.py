"""State between two requests of one login: sealed into the browser's own cookie, used once.

Nothing is stored for who only begins to log in, so that strangers cannot fill the database. The
key lives as long as the process: a login that is under way at a restart begins anew.
"""

import base64
import hashlib
import os
from datetime import datetime, timedelta

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ringwall.core import Unauthenticated, format_timestamp, new_secret
from ringwall.store import WriteTransaction

LOGIN_LIFE = timedelta(minutes=10)
ONE_TIME = "one-time"
_NONCE = 12


class OneTime(msgspec.Struct, frozen=True):
    """The state of one login: secrets for its messages, for whom, and until when.

    ``challenge`` answers for the whole: what was proved under it cannot be used a second time.
    """

    purpose: str
    challenge: str
    until: str
    reader: str = ""
    state: str = ""
    verifier: str = ""


class SealedState:
    """Seals and opens the state of logins under a key of this process (AES-256-GCM)."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def begin(self, purpose: str, now: datetime, *, reader: str = "") -> tuple[OneTime, str]:
        """Return fresh state, and the same sealed for a cookie."""
        state = OneTime(
            purpose=purpose,
            challenge=new_secret(),
            until=format_timestamp(now + LOGIN_LIFE),
            reader=reader,
            state=new_secret(),
            verifier=new_secret(),
        )
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(state), purpose.encode())
        return state, base64.urlsafe_b64encode(sealed).decode()

    def open(self, purpose: str, sealed: str, now: datetime) -> OneTime:
        """Open what `begin` sealed. Raises Unauthenticated (rule ``login-state``)."""
        try:
            raw = base64.urlsafe_b64decode(sealed)
            plain = self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
        except (ValueError, InvalidTag) as error:
            raise _stale() from error
        state = msgspec.json.decode(plain, type=OneTime)
        if state.until <= format_timestamp(now):
            raise _stale()
        return state


def spend(tx: WriteTransaction, member: str, state: OneTime, at: str) -> None:
    """Use up the state of a login. Raises Unauthenticated (``login-state``) the second time."""
    key = hashlib.sha256(state.challenge.encode()).hexdigest()
    if tx.document(ONE_TIME, member, key, at) is not None:
        raise _stale()
    tx.put_document(ONE_TIME, member, key, b"{}", at, state.until)


def _stale() -> Unauthenticated:
    return Unauthenticated("this login is over: begin again", field="state", rule="login-state")
