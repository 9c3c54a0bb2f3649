"""The values in an object that can be matched against other objects and against logs."""

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from ringwall.stix.objects import Observable
from ringwall.stix.pattern import comparisons

_VALUE_TYPES = frozenset({"domain-name", "email-addr", "ipv4-addr", "ipv6-addr", "mac-addr", "url"})
_OTHER_PATHS = {
    "autonomous-system:number": "autonomous-system",
    "file:name": "file:name",
    "mutex:name": "mutex",
    "windows-registry-key:key": "windows-registry-key",
}
_HASHED = {"artifact": "file", "file": "file", "x509-certificate": "x509-certificate"}
_LOWER_CASE = frozenset({"domain-name", "mac-addr", "windows-registry-key"})


def observables(body: bytes) -> tuple[Observable, ...]:
    """Return the observables of a canonical object, sorted, each once.

    They come from cyber-observable objects, and from ``=`` and ``IN`` in STIX patterns. The object
    may be invalid: values of a wrong type are passed over.
    """
    obj = msgspec.json.decode(body)
    if obj.get("type") == "indicator":
        if obj.get("pattern_type") != "stix":
            return ()
        found = _of_pattern(_text(obj.get("pattern")))
    else:
        found = _of_observable(obj)
    unique = {Observable(kind, value) for kind, value in found if value}
    return tuple(sorted(unique, key=lambda each: (each.kind, each.value)))


def _of_observable(obj: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kind = _text(obj.get("type"))
    if kind in _VALUE_TYPES:
        yield _normalised(kind, _text(obj.get("value")))
    for path, name in _OTHER_PATHS.items():
        owner, _, field = path.partition(":")
        if owner == kind:
            yield _normalised(name, _text(obj.get(field)))
    hashes = obj.get("hashes")
    if kind in _HASHED and isinstance(hashes, dict):
        for algorithm, digest in hashes.items():
            yield f"{_HASHED[kind]}:{algorithm.lower()}", _text(digest).lower()


def _text(value: Any) -> str:
    """Return a string as it is, an integer in digits, and nothing for anything else."""
    return str(value) if type(value) is str or type(value) is int else ""


def _of_pattern(pattern: str) -> Iterator[tuple[str, str]]:
    for path, value in comparisons(pattern):
        owner, _, field = path.partition(":")
        if path in _OTHER_PATHS:
            yield _normalised(_OTHER_PATHS[path], value)
        elif owner in _VALUE_TYPES and field == "value":
            yield _normalised(owner, value)
        elif owner in _HASHED and field.startswith("hashes."):
            algorithm = field.removeprefix("hashes.").strip("'").lower()
            yield f"{_HASHED[owner]}:{algorithm}", value.lower()
        elif field.endswith(("_ref.value", "_refs[*].value")):
            yield _normalised(_kind_of_referred(owner, field, value), value)


def _kind_of_referred(owner: str, field: str, value: str) -> str:
    """Tell what a path such as ``network-traffic:dst_ref.value`` ends at."""
    if owner == "email-message":
        return "email-addr"
    if field.startswith("belongs_to"):
        return "user-account"
    try:
        return f"ipv{ipaddress.ip_interface(value).version}-addr"
    except ValueError:
        return "domain-name"


def _normalised(kind: str, value: str) -> tuple[str, str]:
    """Return kind and value so that equal things are equal text; what cannot be read stays."""
    value = value.strip()
    if kind in {"ipv4-addr", "ipv6-addr"}:
        return kind, _address(value)
    if kind == "domain-name":
        return kind, value.lower().rstrip(".")
    if kind == "email-addr":
        local, at, domain = value.rpartition("@")
        return kind, f"{local}{at}{domain.lower()}"
    if kind == "url":
        return kind, _url(value)
    return kind, value.lower() if kind in _LOWER_CASE else value


def _address(value: str) -> str:
    """Write an address or network in its shortest form; a network of one is that address."""
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return value.lower()
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _url(value: str) -> str:
    """Lower-case scheme and host (RFC 3986, section 6.2.2.1); the rest means what it says."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return value
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host.lower()}"))
