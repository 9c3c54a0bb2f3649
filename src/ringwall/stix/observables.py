"""The values in an object that can be matched against other objects and against logs."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from ringwall.stix.common import Get
from ringwall.stix.objects import Observable
from ringwall.stix.pattern import comparisons

_VALUE_TYPES = frozenset({"domain-name", "email-addr", "ipv4-addr", "ipv6-addr", "mac-addr", "url"})
_OTHER_PATHS = {
    "autonomous-system:number": "autonomous-system",
    "file:name": "file:name",
    "mutex:name": "mutex",
    "windows-registry-key:key": "windows-registry-key",
}
_NAMED_BY = {
    **{kind: ("value", kind) for kind in _VALUE_TYPES},
    **{
        path.partition(":")[0]: (path.partition(":")[2], kind)
        for path, kind in _OTHER_PATHS.items()
    },
}
_HASHED = {"artifact": "file", "file": "file", "x509-certificate": "x509-certificate"}

# What is surely in its normal form already.
_PLAIN_IPV4 = re.compile(
    r"(?:[1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
    r"(?:\.(?:[1-9]?[0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])){3}"
)
_PLAIN_URL = re.compile(
    r"(?:https?://[a-z0-9.-]+(?::[0-9]+)?(?=[/?]|\Z))?[A-Za-z0-9/._~=&;,+%-]*(?:\?[A-Za-z0-9/._~=&;,+%-]+)?"
)


def observables(body: bytes) -> tuple[Observable, ...]:
    """Return the observables of a canonical object, sorted, each once.

    They come from cyber-observable objects, and from ``=`` and ``IN`` in STIX patterns. The object
    may be invalid: values of a wrong type are passed over.
    """
    obj = msgspec.json.decode(body)
    return observables_of(_text(obj.get("type")), obj.get)


def observables_of(kind: str, get: Get) -> tuple[Observable, ...]:
    """Return the same for an object of type ``kind`` whose properties ``get`` gives."""
    if kind == "indicator":
        if get("pattern_type") != "stix":
            return ()
        found: Iterable[tuple[str, str]] = _of_pattern(_text(get("pattern")))
    elif kind in _NAMED_BY or kind in _HASHED:
        found = _of_observable(kind, get)
    else:
        return ()
    return tuple([Observable(*each) for each in sorted(set(found)) if each[1]])


def _of_observable(kind: str, get: Get) -> Iterator[tuple[str, str]]:
    if kind in _NAMED_BY:
        field, name = _NAMED_BY[kind]
        yield name, _NORMALISED.get(name, str.strip)(_text(get(field)))
    if kind in _HASHED:
        hashes = get("hashes")
        if isinstance(hashes, dict):
            for algorithm, digest in hashes.items():
                yield f"{_HASHED[kind]}:{algorithm.lower()}", _text(digest).lower()


def _text(value: Any) -> str:
    """Return a string as it is, an integer in digits, and nothing for anything else."""
    return str(value) if type(value) is str or type(value) is int else ""


def _of_pattern(pattern: str) -> list[tuple[str, str]]:
    found = []
    for path, value in comparisons(pattern):
        kind, normalised = _at(path)
        if kind == _REFERRED:
            kind = _kind_of_referred(path, value)
            normalised = _NORMALISED.get(kind, str.strip)
        if kind:
            found.append((kind, normalised(value)))
    return found


_REFERRED = "?"


@lru_cache(maxsize=1024)  # patterns compare the same few paths again and again
def _at(path: str) -> tuple[str, Callable[[str], str]]:
    """Return the kind of what an object path ends at ("" for none), and its values' normal form."""
    owner, _, field = path.partition(":")
    if path in _OTHER_PATHS:
        kind = _OTHER_PATHS[path]
    elif owner in _VALUE_TYPES and field == "value":
        kind = owner
    elif owner in _HASHED and field.startswith("hashes."):
        algorithm = field.removeprefix("hashes.").strip("'").lower()
        return f"{_HASHED[owner]}:{algorithm}", str.lower
    else:
        kind = _REFERRED if field.endswith(("_ref.value", "_refs[*].value")) else ""
    return kind, _NORMALISED.get(kind, str.strip)


def _kind_of_referred(path: str, value: str) -> str:
    """Tell what a path such as ``network-traffic:dst_ref.value`` ends at."""
    owner, _, field = path.partition(":")
    if owner == "email-message":
        return "email-addr"
    if field.startswith("belongs_to"):
        return "user-account"
    try:
        return f"ipv{ipaddress.ip_interface(value).version}-addr"
    except ValueError:
        return "domain-name"


def _address(value: str) -> str:
    """Write an address or network in its shortest form; a network of one is that address."""
    value = value.strip()
    if _PLAIN_IPV4.fullmatch(value):
        return value
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return value.lower()
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _url(value: str) -> str:
    """Lower-case scheme and host (RFC 3986, section 6.2.2.1); the rest means what it says."""
    value = value.strip()
    if _PLAIN_URL.fullmatch(value):
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return value
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host.lower()}"))


def _domain(value: str) -> str:
    return value.strip().lower().rstrip(".")


def _email(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _lower(value: str) -> str:
    return value.strip().lower()


_NORMALISED: dict[str, Callable[[str], str]] = {
    "ipv4-addr": _address,
    "ipv6-addr": _address,
    "domain-name": _domain,
    "email-addr": _email,
    "url": _url,
    "mac-addr": _lower,
    "windows-registry-key": _lower,
}
"""How equal things become equal text; what cannot be read stays, and other kinds are stripped."""
