"""ID tokens: the provider's signature and what it says (OpenID Connect Core 1.0, 3.1.3.7)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from ringwall.core import InvalidInput, TooLarge, Unauthenticated, parse_json

SKEW = timedelta(minutes=2)
OLDEST = timedelta(hours=1)
"""How long ago a token may have been issued that is shown in a login of minutes."""
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Signatures only: with ``none`` or a MAC anybody could have made it."""
_LEAST_RSA_BITS = 2048
_LONGEST = 64 * 1024
_Key = RSAKey | ECKey | OKPKey


class KeySet(msgspec.Struct, frozen=True):
    """The provider's public keys for signatures, by their ids; ``lone`` if it has one only."""

    keys: dict[str, _Key]
    lone: _Key | None = None

    def find(self, kid: object) -> _Key | None:
        """Return the key of an id; without one, the key if there is but one."""
        if kid is None:
            return self.lone
        return self.keys.get(kid) if isinstance(kid, str) else None

    def has_key_of(self, token: str) -> bool:
        """Tell whether the key is here that a token names."""
        return self.find(_header(token).get("kid")) is not None


def read_keys(document: Any) -> KeySet:
    """Read a JWK set (RFC 7517, 5): what is no public key for signatures is passed over."""
    entries = document.get("keys") if isinstance(document, dict) else None
    found = [key for key in map(_key, entries if isinstance(entries, list) else ()) if key]
    named = {str(key.kid): key for key in found if key.kid}
    return KeySet(named, found[0] if len(found) == 1 else None)


def verify_signature(token: str, keys: KeySet) -> dict[str, Any]:
    """Return the claims of a signed token. Raises Unauthenticated (``signature``, ``algorithm``).

    The key's own type says what may verify with it, so a public key is never taken for a secret.
    """
    header = _header(token)
    if header.get("alg") not in ALGORITHMS:
        raise _wrong("algorithm", "an algorithm that is not taken", "alg")
    key = keys.find(header.get("kid"))
    if key is None:
        raise _wrong("signature", "a key that the provider does not have", "kid")
    try:
        verified = jws.deserialize_compact(token, key, algorithms=list(ALGORITHMS))
        claims = parse_json(verified.payload)
    except (JoseError, InvalidInput, TooLarge, ValueError, TypeError) as error:
        raise _wrong("signature", "the signature does not hold", "id_token") from error
    if not isinstance(claims, dict):
        raise _wrong("claims", "it is no set of claims", "id_token")
    return claims


def check_claims(
    claims: dict[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime
) -> None:
    """Check that a token is meant for us, now, and for this very login.

    Raises Unauthenticated (rules ``issuer``, ``audience``, ``expired``, ``nonce``, ``claims``).
    """
    if claims.get("iss") != issuer:
        raise _wrong("issuer", "another issuer", "iss")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp", client_id if len(audiences) == 1 else None)
    if client_id not in audiences or party != client_id:
        raise _wrong("audience", "not meant for this node", "aud")
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    begins = _moment(claims, "nbf") if "nbf" in claims else issued
    if expires <= now - SKEW or issued <= now - OLDEST:
        raise _wrong("expired", "it is over", "exp")
    if max(issued, begins) >= now + SKEW:
        raise _wrong("expired", "it has not begun", "iat")
    if claims.get("nonce") != nonce:
        raise _wrong("nonce", "of another login", "nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise _wrong("claims", "it names nobody", "sub")


def _moment(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong("claims", "not a time", name)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _wrong("claims", "not a time", name) from error


def _key(entry: Any) -> _Key | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    try:
        key = JWKRegistry.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey) and key.raw_value.key_size < _LEAST_RSA_BITS:
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) and not key.is_private else None


def _header(token: str) -> dict[str, Any]:
    if len(token) > _LONGEST:
        raise _wrong("signature", "it is too long", "id_token")
    try:
        return dict(jws.extract_compact(token.encode()).headers())
    except (JoseError, ValueError, TypeError) as error:
        raise _wrong("signature", "it cannot be read", "id_token") from error


def _wrong(rule: str, why: str, field: str) -> Unauthenticated:
    return Unauthenticated(f"the provider's token: {why}", field=field, rule=rule)
