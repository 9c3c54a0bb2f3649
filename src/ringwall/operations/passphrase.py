"""Private keys under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM (SP 800-38D) seals.

A backup lies in places that the node's own disk does not: tapes, shares, other people's machines.
Whoever has the keys is the node, so there they are encrypted, whatever the place is. scrypt makes
each guess cost 128 MiB of memory and about half a second; both algorithms come from the library
that the node uses already. There is one nonce for one key: the salt is fresh for every backup.
"""

import secrets
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ringwall.core import IntegrityFailure, InvalidInput

SHORTEST = 12
"""Characters that a passphrase must have."""

_COST, _BLOCK, _PARALLEL = 2**17, 8, 1
_CONTEXT = b"ringwall backup keys v1"


class _SealedKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    cost: Annotated[int, msgspec.Meta(ge=2**14, le=2**20)]
    salt: bytes
    nonce: bytes
    sealed: bytes


def seal_files(files: dict[str, bytes], passphrase: str) -> bytes:
    """Encrypt files, by their relative names, under a passphrase.

    Raises InvalidInput (rule ``passphrase``) if it is shorter than :data:`SHORTEST`.
    """
    if len(passphrase) < SHORTEST:
        raise InvalidInput(
            f"a passphrase has at least {SHORTEST} characters",
            field="passphrase",
            rule="passphrase",
        )
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
    key = _derive(passphrase, salt, _COST)
    sealed = AESGCM(key).encrypt(nonce, msgspec.json.encode(files), _CONTEXT)
    return msgspec.json.encode(_SealedKeys(1, _COST, salt, nonce, sealed))


def open_files(data: bytes, passphrase: str) -> dict[str, bytes]:
    """Decrypt :func:`seal_files`'s bytes.

    Raises IntegrityFailure (rules ``keys``, ``passphrase``): damaged, or another passphrase; the
    two cannot be told apart.
    """
    try:
        document = msgspec.json.decode(data, type=_SealedKeys)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityFailure(f"the sealed keys: {error}", field="keys", rule="keys") from error
    if document.version != 1 or document.cost & (document.cost - 1):
        raise IntegrityFailure("the sealed keys: unknown version", field="keys", rule="keys")
    try:
        key = _derive(passphrase, document.salt, document.cost)
        plain = AESGCM(key).decrypt(document.nonce, document.sealed, _CONTEXT)
        return msgspec.json.decode(plain, type=dict[str, bytes])
    except (InvalidTag, ValueError) as error:
        raise IntegrityFailure(
            "the keys do not open: another passphrase, or they were changed",
            field="keys",
            rule="passphrase",
        ) from error


def _derive(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=_BLOCK, p=_PARALLEL).derive(passphrase.encode())
