"""The documents that are carried between holders, nodes and hubs; all are JSON, none is secret.

An introduction is signed by the node's own keys: whoever takes it knows that its sender holds the
keys that it names, and that nobody exchanged the TLS request or the nkey on the way. Who the
sender is, the people who carry it must know.
"""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ringwall.core import BadConfiguration, InvalidInput, canonical_json, parse_json
from ringwall.exchange.nats_process import write_private
from ringwall.trust import (
    PublicKeys,
    Signature,
    VerifyingKeys,
    public_keys_from_document,
    verify,
    verifying_keys_from_document,
)
from ringwall.trust.documents import to_bytes, to_text

INTRODUCTION_PURPOSE = "introduction"

Document = TypeVar("Document", bound=Struct)


class HolderCard(Struct, frozen=True, forbid_unknown_fields=True):
    """A registry key holder: name and public keys."""

    name: str
    keys: dict[str, str]

    def verifying(self) -> VerifyingKeys:
        """Return the keys. Raises InvalidInput."""
        return verifying_keys_from_document(self.keys, field="keys")


class Introduction(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new node tells holders and hubs: public keys, user nkey, TLS request (PEM)."""

    alliance: str
    node: str
    keys: dict[str, str]
    nkey: str
    csr: str
    signature: dict[str, str]

    def public(self) -> PublicKeys:
        """Return the node's keys. Raises InvalidInput."""
        return public_keys_from_document(self.keys, field="keys")


class Admission(Struct, frozen=True, forbid_unknown_fields=True):
    """What a hub gives a node: where it is, a user token, certificate and authority (PEM)."""

    alliance: str
    hub: str
    domain: str
    url: str
    node: str
    nkey: str
    user_jwt: str
    certificate: str
    authority: str


def introduction_payload(document: dict[str, Any]) -> bytes:
    """Return the bytes of an introduction that its signature covers: all but the signature."""
    return canonical_json({key: document[key] for key in document if key != "signature"})


def signature_document(signature: Signature) -> dict[str, str]:
    """Return a signature as a JSON object of base64url texts."""
    return {"ed25519": to_text(signature.ed25519), "ml_dsa_65": to_text(signature.ml_dsa_65)}


def read_introduction(path: Path) -> Introduction:
    """Read an introduction and check its signature. Raises InvalidInput, BadSignature."""
    introduction = _read(path, Introduction)
    check_introduction(introduction)
    return introduction


def check_introduction(introduction: Introduction) -> None:
    """Check that an introduction is signed by the keys it names. Raises BadSignature."""
    if set(introduction.signature) != {"ed25519", "ml_dsa_65"}:
        raise InvalidInput(
            "introduction: both signatures must stand in it", field="signature", rule="shape"
        )
    signature = Signature(
        **{
            name: to_bytes(text, error=InvalidInput, field=f"signature/{name}")
            for name, text in introduction.signature.items()
        }
    )
    payload = introduction_payload(msgspec.to_builtins(introduction))
    verify(introduction.public(), INTRODUCTION_PURPOSE, introduction.alliance, payload, signature)


def read_admission(path: Path) -> Admission:
    """Read an admission. Raises InvalidInput."""
    return _read(path, Admission)


def read_holder_card(path: Path) -> HolderCard:
    """Read a holder's card and check its keys. Raises InvalidInput."""
    card = _read(path, HolderCard)
    card.verifying()
    return card


def write_document(path: Path, document: Struct) -> None:
    """Write a document as indented JSON, whole or not at all."""
    raw = msgspec.json.format(msgspec.json.encode(document), indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, raw.decode() + "\n")


def create_private(path: Path, text: str) -> None:
    """Write a new file (mode 0600) and never replace one: BadConfiguration, rule ``exists``."""
    refuse_existing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, text)


def refuse_existing(path: Path) -> None:
    """Raise BadConfiguration (rule ``exists``) if ``path`` is there: keys are not overwritten."""
    if path.exists():
        raise BadConfiguration(
            f"{path} is there already and is not overwritten", field=str(path), rule="exists"
        )


def _read(path: Path, kind: type[Document]) -> Document:
    try:
        return msgspec.convert(parse_json(path.read_bytes(), field=path.name), kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{path}: {error}", field=str(path), rule="shape") from error
    except OSError as error:
        raise BadConfiguration(
            f"{path}: {error.strerror}", field=str(path), rule="unreadable"
        ) from error
