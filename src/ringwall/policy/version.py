"""The policy version: one digest of everything that decisions are made by."""

import hashlib

from ringwall.alliance import Alliance
from ringwall.core import canonical_json
from ringwall.policy.vetoes import Vetoes


def policy_version(alliance: Alliance, vetoes: Vetoes) -> str:
    """Return the version in hex.

    It is the digest of the alliance description while that is all there is; with agreements that
    were signed since, or with vetoes, it is the SHA-256 of the canonical JSON of all their digests.
    """
    signed = sorted(each.digest for each in alliance.agreements if each.digest)
    if not signed and not vetoes.any:
        return alliance.digest
    parts = {"alliance": alliance.digest, "agreements": signed, "vetoes": vetoes.digest}
    return hashlib.sha256(canonical_json(parts)).hexdigest()
