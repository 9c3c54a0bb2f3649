"""Passkeys: WebAuthn Level 3 registration and login for readers of a node without a provider.

A person is verified by the authenticator each time, the credential lies on it (it needs no name
to log in), and attestation is not asked for: who registers one has proved who it is before.
"""

import base64
import hashlib
import ipaddress
import json
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Conflict, TooMany, Unauthenticated
from ringwall.store import ReadTransaction, WriteTransaction

PASSKEY = "passkey"
MOST = 20
"""Passkeys that one reader may have."""
_ID_LENGTH = 16
_FORMATS = frozenset({"none", "packed"})
"""Attestations that are read: none, and what some authenticators send although none was asked."""
_TIMEOUT_MS = 120_000


class RelyingParty(msgspec.Struct, frozen=True):
    """The node as authenticators know it: the host of its address, and the whole origin."""

    id: str
    name: str
    origin: str


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A registered passkey; ``id`` is made of the credential's own. Keys are COSE, base64."""

    id: str
    reader: str
    note: str
    credential: str
    public_key: bytes
    sign_count: int
    created: str
    used: str = ""


class PasskeyUse(msgspec.Struct, frozen=True):
    """A login that was verified: by which passkey, and its authenticator's new count."""

    passkey: Passkey
    sign_count: int


_DECODER = msgspec.json.Decoder(Passkey)


def relying_party(address: str, name: str) -> RelyingParty | None:
    """Return the party of a node at ``address``; None where browsers make no passkeys.

    They make them for names of hosts, not for bare addresses, over TLS or on this machine.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not host or _is_address(host) or not (parts.scheme == "https" or host == "localhost"):
        return None
    return RelyingParty(host, name, f"{parts.scheme}://{parts.netloc}")


def registration_options(
    party: RelyingParty, reader: Reader, known: list[Passkey], challenge: str
) -> dict[str, Any]:
    """Return what a browser's ``credentials.create`` is given, as JSON (WebAuthn L3, 5.1.9)."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=user_handle(reader.member, reader.id),
        user_name=reader.id,
        user_display_name=reader.name,
        challenge=challenge.encode(),
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential)) for each in known
        ],
    )
    return _document(webauthn.options_to_json(options))


def verify_registration(
    party: RelyingParty,
    response: dict[str, Any],
    challenge: str,
    *,
    reader: str,
    note: str,
    at: str,
) -> Passkey:
    """Return the passkey of a browser's answer. Raises Unauthenticated (rule ``passkey``)."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes, parse_attestation_object

    try:
        attestation = base64url_to_bytes(response["response"]["attestationObject"])
        if parse_attestation_object(attestation).fmt not in _FORMATS:
            _refuse("its attestation is of a kind that was not asked for")
        made = webauthn.verify_registration_response(
            credential=response,
            expected_challenge=challenge.encode(),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Unauthenticated:
        raise
    except Exception as error:  # CBOR, keys and lengths of a stranger's making
        _refuse("the answer does not hold", error)
    return Passkey(
        id=_id(made.credential_id),
        reader=reader,
        note=note,
        credential=_text(made.credential_id),
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        created=at,
    )


def login_options(party: RelyingParty, challenge: str) -> dict[str, Any]:
    """Return what a browser's ``credentials.get`` is given: any passkey of this node will do."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge.encode(),
        timeout=_TIMEOUT_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _document(webauthn.options_to_json(options))


def verify_login(
    party: RelyingParty, member: str, passkey: Passkey, response: dict[str, Any], challenge: str
) -> PasskeyUse:
    """Verify a browser's answer. Raises Unauthenticated (rules ``passkey``, ``sign-count``)."""
    import webauthn

    try:
        handle = response["response"].get("userHandle")
        if handle and handle.rstrip("=") != _text(user_handle(member, passkey.reader)):
            _refuse("it is of somebody else")
        verified = webauthn.verify_authentication_response(
            credential=response,
            expected_challenge=challenge.encode(),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # compared where it is kept: `record_use`
            require_user_verification=True,
        )
    except Unauthenticated:
        raise
    except Exception as error:  # CBOR, keys and lengths of a stranger's making
        _refuse("the answer does not hold", error)
    return PasskeyUse(passkey, verified.new_sign_count)


def find_passkey(
    tx: ReadTransaction, member: str, response: dict[str, Any], at: str
) -> Passkey | None:
    """Return the passkey that an answer names, None if it is not known."""
    raw = response.get("rawId")
    if not isinstance(raw, str) or len(raw) > 2048:
        return None
    try:
        credential = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
    except ValueError:
        return None
    body = tx.document(PASSKEY, member, _id(credential), at)
    passkey = None if body is None else _DECODER.decode(body)
    return passkey if passkey is not None and passkey.credential == _text(credential) else None


def passkeys_of(tx: ReadTransaction, member: str, reader: str, at: str) -> list[Passkey]:
    """Return a reader's passkeys, oldest first."""
    every = (_DECODER.decode(body) for _, body in tx.documents(PASSKEY, member, at))
    return sorted((each for each in every if each.reader == reader), key=lambda each: each.created)


def add_passkey(tx: WriteTransaction, member: str, passkey: Passkey) -> None:
    """Keep a new passkey. Raises Conflict (``known``) and TooMany (``passkeys``)."""
    if tx.document(PASSKEY, member, passkey.id, passkey.created) is not None:
        raise Conflict("this passkey is registered already", field="id", rule="known")
    if len(passkeys_of(tx, member, passkey.reader, passkey.created)) >= MOST:
        raise TooMany(f"a reader has at most {MOST} passkeys", rule="passkeys")
    _put(tx, member, passkey)


def record_use(tx: WriteTransaction, member: str, use: PasskeyUse, at: str) -> None:
    """Keep the authenticator's new count.

    Raises Unauthenticated: rule ``passkey`` if it was taken away meanwhile, ``sign-count`` if the
    count does not rise: then somebody has a copy of the key (WebAuthn L3, 6.1.1).
    """
    body = tx.document(PASSKEY, member, use.passkey.id, at)
    if body is None:
        _refuse("it was taken away")
    kept = _DECODER.decode(body)
    if (kept.sign_count or use.sign_count) and use.sign_count <= kept.sign_count:
        raise Unauthenticated(
            "this passkey may have been copied: have it revoked", field="id", rule="sign-count"
        )
    _put(tx, member, msgspec.structs.replace(kept, sign_count=use.sign_count, used=at))


def drop_passkey(tx: WriteTransaction, member: str, reader: str, passkey_id: str, at: str) -> bool:
    """Take a passkey from a reader; False: the reader has none of this id."""
    own = {each.id for each in passkeys_of(tx, member, reader, at)}
    return passkey_id in own and tx.drop_document(PASSKEY, member, passkey_id)


def user_handle(member: str, reader: str) -> bytes:
    """Return what authenticators call a reader: 32 bytes that name nobody to others."""
    return hashlib.sha256(f"{member}/{reader}".encode()).digest()


def _put(tx: WriteTransaction, member: str, passkey: Passkey) -> None:
    tx.put_document(PASSKEY, member, passkey.id, msgspec.json.encode(passkey), passkey.created)


def _id(credential: bytes) -> str:
    return hashlib.sha256(credential).hexdigest()[: 2 * _ID_LENGTH]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _document(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refuse(why: str, error: Exception | None = None) -> NoReturn:
    raise Unauthenticated(f"the passkey: {why}", field="response", rule="passkey") from error
