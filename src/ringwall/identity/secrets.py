"""What is stored of a secret."""

import hashlib


def hash_secret(secret: str) -> bytes:
    """Return what is stored of a token, session or login code: its SHA-256.

    A fast hash is right here: the secrets are 256 random bits, so there is nothing to guess.
    """
    return hashlib.sha256(secret.encode()).digest()


def hash_code(code: str) -> bytes:
    """Return what is stored of a login code, which two people may hold in two parts.

    The parts are joined by a dot; whoever stored the first part did so as its hash only.
    """
    first, dot, second = code.partition(".")
    return hash_parts(hash_secret(first), second) if dot else hash_secret(first)


def hash_parts(first: bytes, second: str) -> bytes:
    """Return what is stored of a login code whose first part has this hash."""
    return hashlib.sha256(first + second.encode()).digest()
