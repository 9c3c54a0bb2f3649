"""The only way for a node to fetch something over HTTP: checked at every hop, address included.

For each request, redirects included, the host must be on the allow-list, its name is resolved
once, every address of the answer is checked, and the connection goes to a checked address and not
to the name: what the name resolves to a moment later makes no difference. TLS still verifies the
name. Connections are not kept: one to the same address, made for another name, must not be used.
Proxies of the environment are not used, because they would resolve the name themselves.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable

import httpx

from ringwall.core import Forbidden, TooLarge, Unavailable
from ringwall.core.egress import Address, EgressPolicy

Resolve = Callable[[str, int], list[Address]]

TIMEOUT = 30.0
MOST_REDIRECTS = 5
MOST_SECONDS = 600.0
"""How long one document may take in all: a server that sends a byte now and then is not waited for.
"""
_PORTS = {"https": 443, "http": 80}


def open_client(
    policy: EgressPolicy,
    *,
    verify: ssl.SSLContext | bool = True,
    timeout: float = TIMEOUT,
    resolve: Resolve | None = None,
) -> httpx.Client:
    """Return a client that connects to what ``policy`` allows, and to nothing else.

    Its requests raise Forbidden (rules ``egress-host``, ``egress-address``), Unavailable (rule
    ``resolve``) and httpx's own errors. ``timeout`` is seconds without progress; ``verify`` a
    context that knows other authorities than the machine's.
    """
    return httpx.Client(
        transport=_CheckedTransport(policy, resolve or resolve_host, verify),
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        timeout=timeout,
        trust_env=False,
        headers={"accept-encoding": "identity"},  # nothing that is small here and huge unpacked
    )


def read_limited(client: httpx.Client, url: str, most: int) -> bytes:
    """Fetch a document of at most ``most`` bytes, sent as it is.

    Raises TooLarge (rule ``size``), Unavailable (rule ``fetch``), Forbidden (see `open_client`).
    """
    try:
        with client.stream("GET", url) as answer:
            answer.raise_for_status()
            return _collect(answer, most)
    except httpx.HTTPError as error:
        raise Unavailable(f"{url}: {error}", field="url", rule="fetch") from error


def resolve_host(host: str, port: int) -> list[Address]:
    """Return every address of a host. Raises Unavailable (rule ``resolve``)."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"{host}: {error.strerror}", field="url", rule="resolve") from error
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


class _CheckedTransport(httpx.BaseTransport):
    """Checks a request, and sends it to the address that was checked."""

    def __init__(
        self, policy: EgressPolicy, resolve: Resolve, verify: ssl.SSLContext | bool
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._inner = httpx.HTTPTransport(
            verify=verify, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in _PORTS:
            raise Forbidden("only https and http are spoken", field="url", rule="egress-host")
        port = url.port or _PORTS[url.scheme]
        self._policy.check_host(url.scheme, url.host, port)
        address = self._checked_address(url.host, port)
        request.headers.setdefault("host", url.netloc.decode("ascii"))
        sent = httpx.Request(
            request.method,
            url.copy_with(host=str(address)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.host},
        )
        return self._inner.handle_request(sent)

    def close(self) -> None:
        self._inner.close()

    def _checked_address(self, host: str, port: int) -> Address:
        """Resolve once and check all: a host with one address inside is not trusted at all."""
        addresses = self._resolve(host, port)
        if not addresses:
            raise Unavailable(f"{host} has no address", field="url", rule="resolve")
        for address in addresses:
            self._policy.check_address(host, address)
        return addresses[0]


def _collect(answer: httpx.Response, most: int) -> bytes:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise httpx.DecodingError("the document is packed, which was not asked for")
    parts: list[bytes] = []
    size = 0
    until = time.monotonic() + MOST_SECONDS
    for part in answer.iter_raw():
        size += len(part)
        if time.monotonic() > until:
            raise httpx.ReadTimeout(f"it takes longer than {MOST_SECONDS:g} s")
        if size > most:
            raise TooLarge(f"more than {most} bytes", field="url", rule="size")
        parts.append(part)
    return b"".join(parts)
