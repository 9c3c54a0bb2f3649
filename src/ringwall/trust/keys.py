"""Key pairs of nodes and of registry key holders, and the one file each is kept in.

Signing is hybrid (Ed25519, RFC 8032, and ML-DSA-65, FIPS 204); sealing uses the HPKE KEM
MLKEM768-X25519 (X-Wing). Private keys are stored as their seeds.
"""

import hashlib
import os
import secrets
import stat
from functools import cached_property
from pathlib import Path
from typing import NoReturn, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from ringwall.core import BadConfiguration, InvalidInput, RingwallError
from ringwall.core.strict_json import parse_json
from ringwall.trust.documents import take_shape, to_bytes, to_text

_ED25519_PUBLIC, _ML_DSA_65_PUBLIC, _ML_KEM_768_PUBLIC = 32, 1952, 1184
_KEY_FILE_LIMIT = 16 * 1024


class VerifyingKeys(msgspec.Struct, frozen=True, dict=True):
    """What verifies signatures: raw public keys, Ed25519 (32 bytes), ML-DSA-65 (1952 bytes)."""

    ed25519: bytes
    ml_dsa_65: bytes

    @cached_property
    def key_id(self) -> str:
        """Hex SHA-256 of both signing keys, Ed25519 first: names this pair in proofs."""
        return hashlib.sha256(self.ed25519 + self.ml_dsa_65).hexdigest()

    @cached_property
    def ed25519_key(self) -> Ed25519PublicKey:
        """The parsed Ed25519 key, kept: parsing it costs about as much as using it."""
        return Ed25519PublicKey.from_public_bytes(self.ed25519)

    @cached_property
    def ml_dsa_65_key(self) -> MLDSA65PublicKey:
        """The parsed ML-DSA-65 key, kept."""
        return MLDSA65PublicKey.from_public_bytes(self.ml_dsa_65)


class PublicKeys(VerifyingKeys, frozen=True, dict=True):
    """A node's public keys; ``hpke`` is ML-KEM-768 (1184 bytes) then X25519 (32 bytes)."""

    hpke: bytes

    @cached_property
    def hpke_key(self) -> MLKEM768X25519PublicKey:
        """The parsed key that envelope keys are wrapped to, kept."""
        ml_kem_768 = MLKEM768PublicKey.from_public_bytes(self.hpke[:_ML_KEM_768_PUBLIC])
        return MLKEM768X25519PublicKey(ml_kem_768, self.x25519_key)

    @property
    def x25519_key(self) -> X25519PublicKey:
        """The second half of ``hpke``."""
        return X25519PublicKey.from_public_bytes(self.hpke[_ML_KEM_768_PUBLIC:])


class _VerifyingDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ed25519: str
    ml_dsa_65: str


class _PublicDocument(_VerifyingDocument, frozen=True, forbid_unknown_fields=True):
    hpke: str


def public_document(keys: VerifyingKeys) -> dict[str, str]:
    """Return public keys as a JSON object of base64url texts (the inverse reads below)."""
    document = {"ed25519": to_text(keys.ed25519), "ml_dsa_65": to_text(keys.ml_dsa_65)}
    if isinstance(keys, PublicKeys):
        document["hpke"] = to_text(keys.hpke)
    return document


def verifying_keys_from_document(
    document: object, *, field: str, error: type[RingwallError] = InvalidInput
) -> VerifyingKeys:
    """Read a holder's public keys. Raises ``error`` naming the place and the rule."""
    texts = take_shape(document, _VerifyingDocument, error=error, field=field)
    keys = VerifyingKeys(*_signing_bytes(texts, field, error))
    _check_usable(keys, field, error)
    return keys


def public_keys_from_document(
    document: object, *, field: str, error: type[RingwallError] = InvalidInput
) -> PublicKeys:
    """Read a node's public keys. Raises ``error`` naming the place and the rule."""
    texts = take_shape(document, _PublicDocument, error=error, field=field)
    hpke_size = _ML_KEM_768_PUBLIC + 32
    hpke = to_bytes(texts.hpke, size=hpke_size, error=error, field=f"{field}/hpke")
    keys = PublicKeys(*_signing_bytes(texts, field, error), hpke)
    _check_usable(keys, field, error)
    return keys


def _signing_bytes(
    texts: _VerifyingDocument, field: str, error: type[RingwallError]
) -> tuple[bytes, bytes]:
    sizes = {"ed25519": _ED25519_PUBLIC, "ml_dsa_65": _ML_DSA_65_PUBLIC}
    ed25519, ml_dsa_65 = (
        to_bytes(getattr(texts, name), size=size, error=error, field=f"{field}/{name}")
        for name, size in sizes.items()
    )
    return ed25519, ml_dsa_65


def _check_usable(keys: VerifyingKeys, field: str, error: type[RingwallError]) -> None:
    """Parse every key once, so that a broken one is refused here and not at its first use."""
    try:
        parsed: list[object] = [keys.ed25519_key, keys.ml_dsa_65_key]
        if isinstance(keys, PublicKeys):
            parsed.append(keys.hpke_key)
            # A point of small order (RFC 7748, section 6.1) shares a secret with nobody: nothing
            # could be sealed to it, nor to anybody else in the same envelope.
            X25519PrivateKey.generate().exchange(keys.x25519_key)
    except ValueError as cause:
        raise error(
            f"{field}: not a usable public key: {cause}", field=field, rule="key"
        ) from cause


class SigningKeys:
    """The two signing keys that nodes and holders have; both sign everything."""

    kind = ""

    def __init__(self, ed25519_seed: bytes, ml_dsa_65_seed: bytes) -> None:
        self._seeds = {"ed25519": ed25519_seed, "ml_dsa_65": ml_dsa_65_seed}
        self.ed25519 = Ed25519PrivateKey.from_private_bytes(ed25519_seed)
        self.ml_dsa_65 = MLDSA65PrivateKey.from_seed_bytes(ml_dsa_65_seed)

    @cached_property
    def verifying(self) -> VerifyingKeys:
        """The public halves of the signing keys."""
        return VerifyingKeys(
            self.ed25519.public_key().public_bytes_raw(),
            self.ml_dsa_65.public_key().public_bytes_raw(),
        )

    def save(self, path: Path) -> None:
        """Write the key file: new, mode 0600, durable; an existing file is never replaced.

        Raises BadConfiguration (rule ``exists``) if ``path`` is there already.
        """
        texts = {name: to_text(seed) for name, seed in self._seeds.items()}
        _write_secret(path, msgspec.json.encode({"kind": self.kind, "version": 1, **texts}) + b"\n")


class HolderKeys(SigningKeys):
    """Keys of one registry key holder: they sign registry documents and nothing else."""

    kind = "holder"

    @classmethod
    def generate(cls) -> Self:
        """Make a fresh pair."""
        return cls(secrets.token_bytes(32), secrets.token_bytes(32))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file. Raises BadConfiguration naming the file (``mode``, ``kind``, …)."""
        return cls(**_read_seeds(path, cls.kind, {"ed25519": 32, "ml_dsa_65": 32}))

    def public(self) -> VerifyingKeys:
        """Return the public keys that the registry lists for this holder."""
        return self.verifying


class NodeKeys(SigningKeys):
    """A node's keys: signing, and the HPKE key that envelopes are sealed to."""

    kind = "node"

    def __init__(
        self,
        ed25519_seed: bytes,
        ml_dsa_65_seed: bytes,
        ml_kem_768_seed: bytes,
        x25519_seed: bytes,
    ) -> None:
        super().__init__(ed25519_seed, ml_dsa_65_seed)
        self._seeds |= {"ml_kem_768": ml_kem_768_seed, "x25519": x25519_seed}
        self._ml_kem_768 = MLKEM768PrivateKey.from_seed_bytes(ml_kem_768_seed)
        self._x25519 = X25519PrivateKey.from_private_bytes(x25519_seed)
        self.hpke = MLKEM768X25519PrivateKey(self._ml_kem_768, self._x25519)

    @classmethod
    def generate(cls) -> Self:
        """Make fresh keys."""
        return cls(*(secrets.token_bytes(size) for size in (32, 32, 64, 32)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file. Raises BadConfiguration naming the file (``mode``, ``kind``, …)."""
        sizes = {"ed25519": 32, "ml_dsa_65": 32, "ml_kem_768": 64, "x25519": 32}
        return cls(**_read_seeds(path, cls.kind, sizes))

    def public(self) -> PublicKeys:
        """Return the public keys that the registry lists for this node."""
        return self._public

    @cached_property
    def _public(self) -> PublicKeys:
        hpke = (
            self._ml_kem_768.public_key().public_bytes_raw()
            + self._x25519.public_key().public_bytes_raw()
        )
        return PublicKeys(self.verifying.ed25519, self.verifying.ml_dsa_65, hpke)


def _read_seeds(path: Path, kind: str, sizes: dict[str, int]) -> dict[str, bytes]:
    document = _parse_key_file(path)
    if document.get("kind") != kind or document.get("version") != 1:
        _refuse(path, "kind", f"not a key file of a {kind}, version 1")
    if set(document) != {"kind", "version", *sizes}:
        _refuse(path, "shape", "other fields than expected")
    seeds: dict[str, bytes] = {}
    for name, size in sizes.items():
        text = document[name]
        if not isinstance(text, str):
            _refuse(path, "shape", f"{name} is not text")
        field = f"{path}/{name}"
        seeds[f"{name}_seed"] = to_bytes(text, size=size, error=BadConfiguration, field=field)
    return seeds


def _parse_key_file(path: Path) -> dict[str, object]:
    try:
        document = parse_json(_read_secret(path))
    except InvalidInput as cause:
        raise BadConfiguration(f"{path}: {cause}", field=str(path), rule="json") from cause
    if not isinstance(document, dict):
        _refuse(path, "shape", "not a JSON object")
    return document


def _read_secret(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as cause:
        raise BadConfiguration(
            f"{path}: cannot be read: {cause.strerror}", field=str(path), rule="readable"
        ) from cause
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            _refuse(path, "mode", "others than its owner may read it; run chmod 600")
        return file.read(_KEY_FILE_LIMIT)


def _write_secret(path: Path, data: bytes) -> None:
    """Write beside, make durable, then link: a crash leaves the whole file or none."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # link, unlike rename, fails when the name is taken: keys are never overwritten.
        os.link(beside, path)
    except FileExistsError as cause:
        raise BadConfiguration(
            f"{path}: exists already; keys are never overwritten", field=str(path), rule="exists"
        ) from cause
    finally:
        beside.unlink()
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse(path: Path, rule: str, why: str) -> NoReturn:
    raise BadConfiguration(f"{path}: {why}", field=str(path), rule=rule)
