"""Caddy's configuration, as JSON and never as a Caddyfile.

A Caddyfile adds a second, empty TLS policy, and a client without SNI gets past the key exchange
and the client certificate. Here is one connection policy without ``match``, so it holds for every
handshake, and ``strict_sni_host`` refuses a request whose host is not the one of its handshake.

What the proxy tells the node stands in headers that begin with ``X-Ringwall-``. Each of those that
a client sends is removed before ours are set, and so is its ``Connection`` header: what that names,
the proxy would take out again (RFC 9110, section 7.6.1).
"""

from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

POST_QUANTUM = "x25519mlkem768"
CLASSICAL = "x25519"
GRACE = "10s"
"""How long a connection may go on with the old configuration after a new one was loaded."""
UPSTREAM_IDLE = "20s"
"""Shorter than the node's own patience with an idle connection: ours closes it first."""

ClientCertificates = Literal["none", "request", "require"]
_MODES = {"request": "verify_if_given", "require": "require_and_verify"}
_SOURCE = {"X-Ringwall-Source": ["{http.request.remote.host}"]}
_CERTIFICATE = {"X-Ringwall-Certificate": ["{http.request.tls.client.fingerprint}"]}
_SHOWN = '{http.request.tls.client.certificate_der_base64} != ""'
"""Whether there is a client certificate: without one its fingerprint is that of nothing."""
_FROM_OTHERS = ["Connection", "X-Ringwall-*", "X-Forwarded-*", "X-Real-Ip", "Forwarded", "Via"]
_REMOVE_VIA = {"handler": "headers", "response": {"deferred": True, "delete": ["Via"]}}
_UNREACHABLE = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "the node does not answer",
    "code": "unavailable",
    "field": "",
    "rule": "edge",
}


class EdgeSettings(Struct, frozen=True):
    """What the proxy needs: absolute paths, ``host`` "" for every address of the machine."""

    certificate: Path
    key: Path
    port: int
    host: str = ""
    client_certificates: ClientCertificates = "none"
    client_authority: Path | None = None
    classical: bool = False
    http3: bool = False
    header_bytes: int = 16 * 1024


def caddy_configuration(settings: EdgeSettings, directory: Path, upstream: Path) -> dict[str, Any]:
    """Return the whole configuration; Caddy keeps its own files in ``directory``.

    ``upstream`` is the node's Unix socket. Nothing is fetched from anywhere: no ACME, no OCSP. The
    administration interface is off; SIGUSR1 makes Caddy read files and certificates again.
    """
    pair = {"certificate": str(settings.certificate), "key": str(settings.key), "tags": ["node"]}
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "storage": {"module": "file_system", "root": str(directory)},
        "apps": {
            "tls": {
                "certificates": {"load_files": [pair]},
                # each connection shows its certificate anew, to the authorities of that moment
                "session_tickets": {"disabled": settings.client_certificates != "none"},
                "disable_ocsp_stapling": True,
                "disable_storage_check": True,
                "disable_storage_clean": True,
            },
            "http": {"grace_period": GRACE, "servers": {"node": _server(settings, upstream)}},
        },
    }


def _server(settings: EdgeSettings, upstream: Path) -> dict[str, Any]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "listen": [f"{host}:{settings.port}"],
        "protocols": ["h1", "h2", *(["h3"] if settings.http3 else [])],
        "automatic_https": {"disable": True},
        "allow_0rtt": False,  # what can be replayed must not change anything
        "strict_sni_host": True,
        "read_header_timeout": "10s",
        "idle_timeout": "2m",
        "max_header_bytes": settings.header_bytes,
        "tls_connection_policies": [_tls(settings)],
        "routes": [
            {"handle": [{"handler": "headers", "request": {"delete": _FROM_OTHERS}}]},
            {"handle": [{"handler": "headers", "request": {"set": _SOURCE}}]},
            {
                "match": [{"expression": _SHOWN}],
                "handle": [{"handler": "headers", "request": {"set": _CERTIFICATE}}],
            },
            {"handle": [_REMOVE_VIA, _proxy(upstream)]},
        ],
        "errors": {"routes": _error_routes()},
    }


def _tls(settings: EdgeSettings) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "protocol_min": "tls1.3",
        "curves": [POST_QUANTUM, *([CLASSICAL] if settings.classical else [])],
        "alpn": [*(["h3"] if settings.http3 else []), "h2", "http/1.1"],
        "certificate_selection": {"any_tag": ["node"]},
    }
    if settings.client_certificates != "none":
        policy["client_authentication"] = {
            "ca": {"provider": "file", "pem_files": [str(settings.client_authority)]},
            "mode": _MODES[settings.client_certificates],
        }
    return policy


def _proxy(upstream: Path) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{upstream}"}],
        "transport": {
            "protocol": "http",
            "compression": False,
            "keep_alive": {"idle_timeout": UPSTREAM_IDLE},
        },
        "flush_interval": -1,
    }


def _error_routes() -> list[dict[str, Any]]:
    import json

    answer = {
        "handler": "static_response",
        "headers": {
            "Content-Type": ["application/problem+json"],
            "Cache-Control": ["no-store"],
            "Retry-After": ["5"],
            "Server": ["ringwall"],
        },
    }
    gone = {"expression": "{http.error.status_code} in [502, 503, 504]"}
    unreachable = {**answer, "status_code": 503, "body": json.dumps(_UNREACHABLE)}
    other = {"handler": "static_response", "status_code": "{http.error.status_code}"}
    return [
        {"match": [gone], "handle": [unreachable], "terminal": True},
        {"handle": [{**other, "headers": {"Server": ["ringwall"]}}]},
    ]
