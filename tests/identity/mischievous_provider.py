"""An OpenID provider over HTTP that does as it is told, the wrong thing included.

The signatures are real; what is signed, with which key and algorithm, is the test's choice.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "node", "a client's secret"
OWN = RSAKey.generate_key(2048, {"kid": "first"})
OTHER = RSAKey.generate_key(2048, {"kid": "second"})


def encoded(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


class MischievousProvider:
    """``claims`` go into the ID token over the right ones; None takes one out.

    ``raw`` are bytes that a path answers with instead, ``redirects`` where it sends on to.
    """

    def __init__(self) -> None:
        self.key = OWN
        self.keys: list[RSAKey] = [self.key]
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.raw: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[str] = []
        self.nonces: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.issuer = ""

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def unsigned(self, claims: dict[str, Any]) -> str:
        return f"{encoded({'alg': 'none'})}.{encoded(claims)}."

    def discovery(self) -> dict[str, Any]:
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
        }
        return {**found, **self.metadata}

    def authorize(self, query: dict[str, str]) -> str:
        """Log the one and only user in, and return where the browser goes."""
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        self.nonces.append(query["nonce"])
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        asked = self._codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"]:
            return None
        if authorization != f"Basic {basic}" or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        now = int(time.time())
        right = {
            "iss": self.issuer, "sub": "user-1", "aud": CLIENT, "exp": now + 300, "iat": now,
            "nonce": asked["nonce"], "name": "Ada Analyst", "groups": ["cti"],
        }  # fmt: skip
        claims = {k: v for k, v in {**right, **self.claims}.items() if v is not None}
        return {"id_token": self.sign(claims), "access_token": "access", "token_type": "Bearer"}


def handler_for(provider: MischievousProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(url.query).items()}
            provider.asked.append(url.path)
            if url.path == "/authorize":
                self._reply(303, location=provider.authorize(query))
            elif url.path == "/keys":
                keys = [key.as_dict(private=False) for key in provider.keys]
                self._reply(200, {"keys": [{"kty": "unheard-of"}, *keys]})
            elif url.path == "/userinfo":
                self._reply(200, provider.userinfo)
            elif url.path == "/.well-known/openid-configuration":
                self._reply(200, provider.discovery())
            else:
                self._reply(404)

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {k: v[0] for k, v in parse_qs(body).items()}
            answer = provider.token(form, self.headers.get("authorization", ""))
            self._reply(400 if answer is None else 200, answer or {"error": "invalid_grant"})

        def _reply(self, status: int, document: Any = None, location: str = "") -> None:
            if elsewhere := provider.redirects.get(urlsplit(self.path).path):
                status, location = 307, elsewhere
            body = b"" if document is None else json.dumps(document).encode()
            body = provider.raw.get(urlsplit(self.path).path, body)
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: tests read the answers."""

    return Handler


@contextmanager
def mischievous_provider() -> Iterator[MischievousProvider]:
    provider = MischievousProvider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(provider))
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
