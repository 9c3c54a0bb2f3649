"""Deterministic identifiers of observables (STIX 2.1, section 2.9).

UUIDv5 of the RFC 8785 bytes of the properties that identify an observable of its type.
"""

import uuid
from typing import Any

from ringwall.core import InvalidInput, canonical_json

SCO_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")

CONTRIBUTING: dict[str, tuple[str, ...]] = {
    "artifact": ("hashes", "payload_bin"),
    "autonomous-system": ("number",),
    "directory": ("path",),
    "domain-name": ("value",),
    "email-addr": ("value",),
    "email-message": ("from_ref", "subject", "body"),
    "file": ("hashes", "name", "extensions", "parent_directory_ref"),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "mac-addr": ("value",),
    "mutex": ("name",),
    "network-traffic": (
        "start",
        "end",
        "src_ref",
        "dst_ref",
        "src_port",
        "dst_port",
        "protocols",
        "extensions",
    ),
    "software": ("name", "cpe", "swid", "vendor", "version"),
    "url": ("value",),
    "user-account": ("account_type", "user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
    "x509-certificate": ("hashes", "serial_number"),
}
_PREFERRED_HASHES = ("MD5", "SHA-1", "SHA-256", "SHA-512")


def deterministic_id(kind: str, contributing: dict[str, Any]) -> str:
    """Return the identifier of an observable from its contributing properties (section 2.9).

    Raises InvalidInput (rule ``canonical``) if they have no canonical form.
    """
    chosen = dict(contributing)
    if type(chosen.get("hashes")) is dict and chosen["hashes"]:
        hashes = chosen["hashes"]
        best = next((name for name in _PREFERRED_HASHES if name in hashes), min(hashes))
        chosen["hashes"] = {best: hashes[best]}
    return f"{kind}--{uuid.uuid5(SCO_NAMESPACE, canonical_json(chosen).decode())}"


def wrong_identifier(kind: str, identifier: str, contributing: dict[str, Any]) -> str:
    """Return what is to be told about the id of an observable, "" if it is in order.

    A random UUID is always in order. A UUIDv5 is so if it is the one that the contributing
    properties give; another one may have another namespace, so it is told and not refused.
    """
    if identifier[-22] != "5":
        return ""
    if not contributing:
        return f"/id: {kind} has nothing that a UUIDv5 could be made of: it should be a UUIDv4"
    try:
        expected = deterministic_id(kind, contributing)
    except InvalidInput:
        return ""
    if identifier.lower() == expected:
        return ""
    return f"/id: not the deterministic identifier of its content, which is {expected}"
