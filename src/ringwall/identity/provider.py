"""The OpenID provider as its relying party sees it: authorization code flow with PKCE.

OpenID Connect Core 1.0 (3.1), Discovery 1.0, RP-Initiated Logout 1.0; RFC 7636 (S256), RFC 9207.
What the provider sends is hostile input until its signature holds. There is no device flow and no
code that a person types: such codes are guessed and phished.
"""

import base64
import hashlib
import logging
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from ringwall.core import (
    Clock,
    InvalidInput,
    RingwallError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    parse_json,
)
from ringwall.identity.id_token import KeySet, check_claims, read_keys, verify_signature
from ringwall.identity.rules import ProviderSettings, is_secure
from ringwall.identity.sealed import OneTime

TIMEOUT = 10.0
"""Seconds without progress; the provider is asked while a person waits."""
_MOST_SECONDS = 20.0
_MOST_BYTES = 256 * 1024
_KEPT_SECONDS = 3600.0
_REFETCH_SECONDS = 60.0
"""How often a key that is not known makes us look again: rotation is seen, a flood is not."""
_REST_SECONDS = 5.0
_log = logging.getLogger("ringwall.identity")


class Metadata(msgspec.Struct, frozen=True):
    """What we use of a discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class Provider:
    """One provider and what is remembered of it; safe to share between threads.

    ``client`` connects to nothing but what the operator allows; ``secret`` "" is a public client.
    """

    def __init__(
        self, settings: ProviderSettings, client: httpx.Client, clock: Clock, *, secret: str = ""
    ) -> None:
        self.settings = settings
        self._client = client
        self._clock = clock
        self._secret = secret
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._rests_until = 0.0

    def close(self) -> None:
        """Close the connections to the provider."""
        self._client.close()

    def authorization_url(self, state: OneTime, redirect_uri: str) -> str:
        """Return where the browser is sent to log in. Raises Unavailable."""
        challenge = hashlib.sha256(state.verifier.encode()).digest()
        return _with(
            self.metadata().authorization_endpoint,
            response_type="code",
            client_id=self.settings.client_id,
            redirect_uri=redirect_uri,
            scope=" ".join(self.settings.scopes),
            state=state.state,
            nonce=state.challenge,
            code_challenge=base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            code_challenge_method="S256",
        )

    def logout_url(self, after: str) -> str:
        """Return where the browser ends its session at the provider, ``after`` if nowhere."""
        end = self.metadata().end_session_endpoint
        client = self.settings.client_id
        return _with(end, client_id=client, post_logout_redirect_uri=after) if end else after

    def claims(self, code: str, issuer: str, state: OneTime, redirect_uri: str) -> dict[str, Any]:
        """Exchange a code for the claims of who logged in.

        ``issuer`` is the ``iss`` of the authorization response, "" if it had none. Raises
        Unauthenticated (rules ``issuer``, ``code``, ``signature``, ``algorithm``, ``audience``,
        ``expired``, ``nonce``, ``claims``) and Unavailable (rule ``provider``).
        """
        metadata = self.metadata()
        named = issuer or not metadata.authorization_response_iss_parameter_supported
        if not named or issuer not in ("", metadata.issuer):
            raise Unauthenticated("the answer is another issuer's", field="iss", rule="issuer")
        tokens = self._exchange(metadata, code, state, redirect_uri)
        claims = self._verified(metadata, tokens.id_token)
        check_claims(
            claims,
            issuer=metadata.issuer,
            client_id=self.settings.client_id,
            nonce=state.challenge,
            now=self._clock.now(),
        )
        if self.settings.userinfo and metadata.userinfo_endpoint:
            return self._with_userinfo(metadata, tokens, claims)
        return claims

    def metadata(self) -> Metadata:
        """Return the provider's discovery document, at most an hour old. Raises Unavailable."""
        known, now = self._metadata, time.monotonic()
        if known is None or now - known[0] > _KEPT_SECONDS:
            known = self._metadata = now, self._discover()
        return known[1]

    def _discover(self) -> Metadata:
        base = self.settings.issuer.removesuffix("/")
        try:
            said = self._ask("GET", f"{base}/.well-known/openid-configuration")
            found = msgspec.convert(said, Metadata)
        except (msgspec.ValidationError, _Refused) as error:
            raise _unavailable("its discovery document cannot be read", error) from error
        if found.issuer != self.settings.issuer:
            raise _unavailable("its discovery document is of another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _check_url(getattr(found, name), name)
        for name in ("userinfo_endpoint", "end_session_endpoint"):
            if url := getattr(found, name):
                _check_url(url, name)
        return found

    def _exchange(
        self, metadata: Metadata, code: str, state: OneTime, redirect_uri: str
    ) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": state.verifier,
        }
        options: dict[str, Any] = {}
        client = self.settings.client_id
        if not self._secret:
            form["client_id"] = client
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            options["auth"] = httpx.BasicAuth(client, self._secret)
        else:
            form |= {"client_id": client, "client_secret": self._secret}
        try:
            said = self._ask("POST", metadata.token_endpoint, data=form, **options)
            return msgspec.convert(said, _Tokens)
        except (msgspec.ValidationError, _Refused) as error:
            raise Unauthenticated("the code is not taken", field="code", rule="code") from error

    def _verified(self, metadata: Metadata, id_token: str) -> dict[str, Any]:
        """Verify the signature; a key that is not known may be a new one."""
        keys = self._known_keys(metadata, _KEPT_SECONDS)
        if not keys.has_key_of(id_token):
            keys = self._known_keys(metadata, _REFETCH_SECONDS)
        return verify_signature(id_token, keys)

    def _known_keys(self, metadata: Metadata, oldest: float) -> KeySet:
        known, now = self._keys, time.monotonic()
        if known is None or now - known[0] > oldest:
            try:
                found = read_keys(self._ask("GET", metadata.jwks_uri))
            except _Refused as error:
                raise _unavailable("its keys cannot be read", error) from error
            known = self._keys = now, found
        return known[1]

    def _with_userinfo(
        self, metadata: Metadata, tokens: _Tokens, claims: dict[str, Any]
    ) -> dict[str, Any]:
        """Add what the userinfo endpoint says of the same subject; the ID token's word goes first.

        OpenID Connect Core 1.0, 5.3.2: what is said of another subject must not be used.
        """
        headers = {"authorization": f"Bearer {tokens.access_token}"}
        try:
            more = self._ask("GET", metadata.userinfo_endpoint, headers=headers)
        except _Refused as error:
            raise _unavailable("its userinfo cannot be read", error) from error
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise Unauthenticated("userinfo is of somebody else", field="sub", rule="claims")
        return {**more, **claims}

    def _ask(self, method: str, url: str, **options: Any) -> Any:
        """Return the JSON of a 200, following no redirect.

        Raises _Refused for another answer, Unavailable if there is none; then nobody is asked for
        a moment, so that people who wait for a dead provider do not fill the node's threads.
        """
        if time.monotonic() < self._rests_until:
            raise _unavailable("it did not answer a moment ago")
        try:
            with self._client.stream(method, url, follow_redirects=False, **options) as answer:
                body = _collect(answer)
        except (httpx.HTTPError, httpx.InvalidURL, RingwallError) as error:
            self._rests_until = time.monotonic() + _REST_SECONDS
            raise _unavailable(f"{urlsplit(url).netloc} cannot be asked", error) from error
        if answer.status_code != 200:
            raise _Refused(f"{answer.status_code} from {urlsplit(url).path}")
        try:
            return parse_json(body)
        except (InvalidInput, TooLarge) as error:
            raise _Refused(str(error)) from error


class _Refused(Exception):
    """The provider answers, and not with what was asked for."""


def _collect(answer: httpx.Response) -> bytes:
    body, until = b"", time.monotonic() + _MOST_SECONDS
    for part in answer.iter_raw():
        body += part
        if len(body) > _MOST_BYTES or time.monotonic() > until:
            raise httpx.DecodingError("an answer that is too long, or takes too long")
    return body


def _check_url(url: str, name: str) -> None:
    if not is_secure(url):
        raise _unavailable(f"its {name} is not an https URL")


def _with(url: str, **parameters: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def _unavailable(why: str, error: Exception | None = None) -> Unavailable:
    """Log why the provider cannot be used; whoever logs in is told that it cannot."""
    _log.warning("the identity provider cannot be used: %s%s", why, f": {error}" if error else "")
    return Unavailable("single sign-on cannot be used now", field="provider", rule="provider")
