"""How browsers name a node: the origin of its pages, which no request may decide."""

from urllib.parse import urlsplit

from ringwall.core import BadConfiguration
from ringwall.core.settings import Files, NodeSettings
from ringwall.edge.certificate import names_of


def address_of(settings: NodeSettings, files: Files) -> str:
    """Return the origin: as the settings state it, else by the first name of the certificate.

    Raises BadConfiguration (rule ``public-url``) for what is no origin.
    """
    if settings.public_url:
        return _checked(settings.public_url)
    if not settings.tls_certificate:
        return f"http://{settings.http_host}:{settings.http_port}"
    names = names_of(files.directory / settings.tls_certificate) or ["localhost"]
    return f"https://{names[0]}:{settings.https_port}"


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _refusal(url)
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise _refusal(url)
    return f"{parts.scheme}://{parts.netloc}"


def _refusal(url: str) -> BadConfiguration:
    return BadConfiguration(
        f"public_url: {url[:80]!r} is not like https://node.example:8443",
        field="public_url",
        rule="public-url",
    )
