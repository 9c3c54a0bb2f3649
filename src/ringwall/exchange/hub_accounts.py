"""Who may do what on a hub: NATS accounts, users and permissions as signed JWTs.

The alliance is one NATS account. A node is a user of it, issued by a signing key whose scope
carries the permissions as a template, so that the key can mint nothing but nodes and a node's
token cannot widen them. Three kinds of users exist:

- node: may publish as itself, pull from and reset its own consumers, acknowledge to them, and
  listen on its own inbox; over leaf connections only;
- steward: the hub's own keeper of streams and consumers, from this machine only;
- nobody in the system account: it exists because JetStream and operator mode want one.

Format: NATS JWT version 2, signed with ``ed25519-nkey``.
"""

import base64
import hashlib
import os
from datetime import datetime
from typing import Any

import msgspec
import nkeys
from msgspec import Struct

from ringwall.core import LANES, InvalidInput, canonical_json
from ringwall.exchange.transport import CONTROL

STREAM_LANES: tuple[str, ...] = (*(str(lane) for lane in LANES), CONTROL)
"""Every lane that has a stream on the hub."""

_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
_UNLIMITED = {"subs": -1, "data": -1, "payload": -1}


class HubKeys(Struct, frozen=True):
    """The hub's signing seeds; whoever has them owns the hub."""

    operator: str
    account: str
    system: str
    node_signer: str
    steward_signer: str


class HubAccounts(Struct, frozen=True):
    """What nats-server is told: the operator, the accounts, and their public keys."""

    operator_jwt: str
    account: str
    account_jwt: str
    system: str
    system_jwt: str


def new_user_seed() -> str:
    """Return a fresh user nkey seed (Ed25519, ``SU…``)."""
    return _new_seed(nkeys.PREFIX_BYTE_USER)


def new_hub_keys() -> HubKeys:
    """Return fresh seeds for a hub."""
    return HubKeys(
        operator=_new_seed(nkeys.PREFIX_BYTE_OPERATOR),
        account=_new_seed(nkeys.PREFIX_BYTE_ACCOUNT),
        system=_new_seed(nkeys.PREFIX_BYTE_ACCOUNT),
        node_signer=_new_seed(nkeys.PREFIX_BYTE_ACCOUNT),
        steward_signer=_new_seed(nkeys.PREFIX_BYTE_ACCOUNT),
    )


def public_nkey(seed: str) -> str:
    """Return the public nkey of a seed. Raises InvalidInput (rule ``nkey``)."""
    try:
        return str(nkeys.from_seed(bytearray(seed, "ascii")).public_key.decode())
    except (nkeys.NkeysError, ValueError) as error:
        raise InvalidInput("not an nkey seed", field="nkey", rule="nkey") from error


def check_user_nkey(public: str) -> str:
    """Return ``public`` if it is a user's public nkey (``U…``). Raises InvalidInput."""
    try:
        raw = base64.b32decode(public + "=" * (-len(public) % 8))
    except ValueError as error:
        raise InvalidInput("nkey: not base32", field="nkey", rule="nkey") from error
    checksum = int.from_bytes(raw[-2:], "little")
    whole = len(raw) == 35 and raw[0] == nkeys.PREFIX_BYTE_USER
    if not whole or nkeys.crc16(raw[:-2]) != checksum:
        raise InvalidInput("nkey: not a user's public nkey", field="nkey", rule="nkey")
    return public


def credentials_text(user_jwt: str, seed: str) -> str:
    """Write the file that a NATS leaf or client reads its user token and seed from."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def mint_accounts(keys: HubKeys, *, alliance: str, hub: str, issued: datetime) -> HubAccounts:
    """Sign the operator, the alliance's account with its two scopes, and the system account."""
    account, system = public_nkey(keys.account), public_nkey(keys.system)
    operator = public_nkey(keys.operator)
    scopes = [
        _scope(keys.node_signer, "node", _node_permissions(hub)),
        _scope(keys.steward_signer, "steward", _steward_permissions(hub)),
    ]
    return HubAccounts(
        operator_jwt=_sign(
            keys.operator,
            operator,
            f"{alliance} {hub}",
            {"type": "operator", "system_account": system},
            issued,
        ),
        account=account,
        account_jwt=_sign(keys.operator, account, alliance, _account(scopes, jetstream=-1), issued),
        system=system,
        system_jwt=_sign(keys.operator, system, "system", _account([], jetstream=0), issued),
    )


def mint_node_user(
    keys: HubKeys, *, node: str, nkey: str, issued: datetime, expires: datetime | None = None
) -> str:
    """Sign the token that lets the holder of ``nkey`` connect as ``node``."""
    return _user(keys, keys.node_signer, node, check_user_nkey(nkey), issued, expires)


def mint_steward_user(keys: HubKeys, *, nkey: str, issued: datetime) -> str:
    """Sign the token of the hub's steward."""
    return _user(keys, keys.steward_signer, "steward", check_user_nkey(nkey), issued, None)


def user_token_claims(token: str) -> dict[str, Any]:
    """Read the claims of a user token without checking it. Raises InvalidInput (rule ``jwt``)."""
    try:
        _, body, _ = token.split(".")
        claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidInput("user token: not a JWT", field="user_jwt", rule="jwt") from error
    if not isinstance(claims, dict):
        raise InvalidInput("user token: not a JWT", field="user_jwt", rule="jwt")
    return claims


def _node_permissions(hub: str) -> dict[str, Any]:
    """What a node may do; ``{{name()}}`` becomes the node when the hub reads its token."""
    me = "{{name()}}"
    publish = [f"{hub}.rel.{me}.>"]
    for lane in STREAM_LANES:
        publish += [
            f"$JS.{hub}.API.CONSUMER.MSG.NEXT.REL_{lane}.{me}",
            f"$JS.{hub}.API.CONSUMER.RESET.REL_{lane}.{me}",
            f"$JS.ACK.REL_{lane}.{me}.>",
        ]
    return {
        "pub": {"allow": publish},
        "sub": {"allow": [f"_I.{me}.>"]},
        "allowed_connection_types": ["LEAFNODE"],
        **_UNLIMITED,
    }


def _steward_permissions(hub: str) -> dict[str, Any]:
    return {
        "pub": {"allow": ["$JS.API.STREAM.>", "$JS.API.CONSUMER.>", "$JS.API.INFO"]},
        "sub": {"allow": [f"_I.{hub}.steward.>"]},
        "allowed_connection_types": ["STANDARD"],
        "src": ["127.0.0.1/32"],
        **_UNLIMITED,
    }


def _account(scopes: list[dict[str, Any]], *, jetstream: int) -> dict[str, Any]:
    limits = {
        **_UNLIMITED,
        "imports": -1,
        "exports": -1,
        "wildcards": True,
        "conn": -1,
        "leaf": -1,
        "mem_storage": jetstream,
        "disk_storage": jetstream,
        "streams": jetstream,
        "consumer": jetstream,
    }
    return {"type": "account", "limits": limits, "signing_keys": scopes}


def _scope(signer: str, role: str, template: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "user_scope", "key": public_nkey(signer), "role": role, "template": template}


def _user(
    keys: HubKeys, signer: str, name: str, nkey: str, issued: datetime, expires: datetime | None
) -> str:
    claims = {"type": "user", "issuer_account": public_nkey(keys.account)}
    return _sign(signer, nkey, name, claims, issued, expires)


def _sign(
    seed: str,
    subject: str,
    name: str,
    nats: dict[str, Any],
    issued: datetime,
    expires: datetime | None = None,
) -> str:
    claims: dict[str, Any] = {
        "iat": int(issued.timestamp()),
        "iss": public_nkey(seed),
        "name": name,
        "sub": subject,
        "nats": {**nats, "version": 2},
    }
    if expires is not None:
        claims["exp"] = int(expires.timestamp())
    digest = hashlib.sha256(canonical_json(claims)).digest()
    claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
    unsigned = f"{_encode(canonical_json(_HEADER))}.{_encode(canonical_json(claims))}"
    signature = nkeys.from_seed(bytearray(seed, "ascii")).sign(unsigned.encode())
    return f"{unsigned}.{_encode(signature)}"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _new_seed(prefix: int) -> str:
    return str(nkeys.encode_seed(os.urandom(32), prefix).decode())
