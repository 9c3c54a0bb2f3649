"""What the verifier is built from: bytes, signatures, digests, trees, and opening a wrap.

Written from docs/protocol.md and the standards that it names; nothing of src/ is used.
"""

import base64
import hashlib
import hmac
import json
import struct
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Unverified(Exception):
    """The material does not verify; the text says what is wrong."""


def require(holds: bool, why: str) -> None:
    """Refuse, saying why, unless something holds."""
    if not holds:
        raise Unverified(why)


# ---------------- bytes, JSON, msgpack


def unb64(text: Any, what: str) -> bytes:
    """Read unpadded base64url, in its one canonical form."""
    require(isinstance(text, str), f"{what}: not text")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Unverified(f"{what}: not base64url") from error
    require(b64(data) == text, f"{what}: not canonical base64url")
    return data


def b64(data: bytes) -> str:
    """Write unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    require(len({key for key, _ in pairs}) == len(pairs), "a JSON key stands twice")
    return dict(pairs)


def read_json(raw: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object; a key that stands twice is refused."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise Unverified(f"{what}: not JSON") from error
    require(isinstance(value, dict), f"{what}: not a JSON object")
    document: dict[str, Any] = value
    return document


def read_canonical(raw: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object whose bytes are its RFC 8785 form."""
    value = read_json(raw, what)
    require(canonical(value) == raw, f"{what}: not canonical JSON")
    return value


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a value."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
        raise Unverified(f"no canonical form: {error}") from error


class MessagePack:
    """Reads what an envelope's body may hold: maps, arrays, text, bytes, numbers, null."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Take the next bytes."""
        part = self.data[self.at : self.at + count]
        require(len(part) == count, "body: ends too early")
        self.at += count
        return part

    def number(self, code: str) -> Any:
        """Take a big-endian number."""
        return struct.unpack(f">{code}", self.take(struct.calcsize(code)))[0]

    def value(self, depth: int = 0) -> Any:
        """Take one value of any type."""
        require(depth < 64, "body: nested too deeply")
        tag = self.take(1)[0]
        if tag < 0x80 or tag >= 0xE0:
            return tag if tag < 0x80 else tag - 0x100
        if tag < 0x90:
            return self.map(tag & 0x0F, depth)
        if tag < 0xA0:
            return self.array(tag & 0x0F, depth)
        if tag < 0xC0:
            return self.text(tag & 0x1F)
        constants = {0xC0: None, 0xC2: False, 0xC3: True}
        if tag in constants:
            return constants[tag]
        numbers = {0xCA: "f", 0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q"}
        numbers |= {0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
        if tag in numbers:
            return self.number(numbers[tag])
        if 0xC4 <= tag <= 0xC6:
            return self.take(self.number("BHI"[tag - 0xC4]))
        if 0xD9 <= tag <= 0xDB:
            return self.text(self.number("BHI"[tag - 0xD9]))
        if 0xDC <= tag <= 0xDD:
            return self.array(self.number("HI"[tag - 0xDC]), depth)
        if 0xDE <= tag <= 0xDF:
            return self.map(self.number("HI"[tag - 0xDE]), depth)
        raise Unverified(f"body: msgpack type {tag:#x} has no place here")

    def text(self, size: int) -> str:
        """Take UTF-8 text."""
        try:
            return self.take(size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unverified("body: text is not UTF-8") from error

    def array(self, size: int, depth: int) -> list[Any]:
        """Take the elements of an array."""
        return [self.value(depth + 1) for _ in range(size)]

    def map(self, size: int, depth: int) -> dict[str, Any]:
        """Take the pairs of a map."""
        pairs = [(self.value(depth + 1), self.value(depth + 1)) for _ in range(size)]
        require(all(isinstance(key, str) for key, _ in pairs), "body: a key is not text")
        return dict(pairs)


def read_msgpack(data: bytes) -> Any:
    """Read one msgpack value and nothing after it."""
    reader = MessagePack(data)
    value = reader.value()
    require(reader.at == len(data), "body: bytes after its end")
    return value


# ---------------- signatures (protocol 3)


def pae(purpose: str, alliance: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding under Ringwall's payload type."""
    kind = f"application/vnd.ringwall.{purpose}.v1+json; alliance={alliance}".encode()
    return b" ".join(
        (b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload)
    )


def check_ed25519(public: dict[str, str], signature: bytes, message: bytes, what: str) -> None:
    """Check the Ed25519 half."""
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(unb64(public["ed25519"], what))
        key.verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Unverified(f"{what}: the Ed25519 signature is wrong") from error


def check_ml_dsa(public: dict[str, str], signature: bytes, message: bytes, what: str) -> None:
    """Check the ML-DSA-65 half."""
    try:
        key = mldsa.MLDSA65PublicKey.from_public_bytes(unb64(public["ml_dsa_65"], what))
        key.verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Unverified(f"{what}: the ML-DSA-65 signature is wrong") from error


def check_both(
    public: dict[str, str], pair: tuple[bytes, bytes], message: bytes, what: str
) -> None:
    """Check both halves of a hybrid signature."""
    check_ed25519(public, pair[0], message, what)
    check_ml_dsa(public, pair[1], message, what)


def key_id(public: dict[str, str]) -> str:
    """Name a pair of signing keys."""
    parts = (unb64(public[name], name) for name in ("ed25519", "ml_dsa_65"))
    return sha256(*parts).hex()


# ---------------- digests and trees (protocol 4, 5)


def object_digest(body: bytes, seed: bytes) -> bytes:
    """Digest an object from its salted field digests."""
    document = read_canonical(body, "object")
    fields = sorted(document.items(), key=lambda field: field[0].encode("utf-16-be"))
    salts = hashlib.shake_256(seed).digest(32 * len(fields))
    return sha256(
        b"\x02",
        *(
            sha256(b"\x03", salts[32 * i : 32 * i + 32], canonical(name), b":", canonical(value))
            for i, (name, value) in enumerate(fields)
        ),
    )


def disclosed_digest(body: bytes, disclosure: bytes) -> bytes:
    """Digest the object that a redaction was made of, from what is shown and what is not."""
    document = read_canonical(body, "object")
    fields = sorted(document.items(), key=lambda field: field[0].encode("utf-16-be"))
    require(len(disclosure) > 0 and len(disclosure) % 33 == 0, "disclosure: not of whole entries")
    digests = []
    for start in range(0, len(disclosure), 33):
        tag, data = disclosure[start], disclosure[start + 1 : start + 33]
        require(tag in (0, 1), "disclosure: neither a salt nor a digest")
        if tag == 0:
            require(bool(fields), "disclosure: more salts than fields")
            name, value = fields.pop(0)
            data = sha256(b"\x03", data, canonical(name), b":", canonical(value))
        digests.append(data)
    require(not fields, "disclosure: fewer salts than fields")
    require(1 in disclosure[::33], "disclosure: nothing is withheld")
    return sha256(b"\x02", *digests)


def held_digest(body: bytes, seed: bytes, disclosure: bytes) -> bytes:
    """Digest a whole object under its seed, or a redaction by its disclosure: never both."""
    require(len(seed) == (0 if disclosure else 32), "object: a seed or a disclosure")
    return disclosed_digest(body, disclosure) if disclosure else object_digest(body, seed)


def addressee_digest(salt: bytes, nodes: list[str]) -> bytes:
    """Digest the set of recipients under a salt."""
    return sha256(b"\x04", salt, canonical(sorted(nodes)))


def tree_root(hashes: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written there."""
    if not hashes:
        return sha256()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\x01", tree_root(hashes[:split]), tree_root(hashes[split:]))


def root_from_path(hashed: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Recompute the root from a path, by the recursion that made it (RFC 9162, 2.1.3.1)."""
    if size == 1:
        require(not path, "path: too long")
        return hashed
    require(bool(path), "path: too short")
    split = 1
    while split * 2 < size:
        split *= 2
    if index < split:
        return sha256(b"\x01", root_from_path(hashed, index, split, path[:-1]), path[-1])
    below = root_from_path(hashed, index - split, size - split, path[:-1])
    return sha256(b"\x01", path[-1], below)


# ---------------- sealing (protocol 7)


SUITE = b"HPKE" + struct.pack(">HHH", 0x647A, 0x0001, 0x0002)


def expand(secret: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """RFC 9180's LabeledExpand."""
    labelled = struct.pack(">H", size) + b"HPKE-v1" + SUITE + label + info
    output = block = b""
    counter = 1
    while len(output) < size:
        block = hmac.digest(secret, block + labelled + bytes([counter]), "sha256")
        output += block
        counter += 1
    return output[:size]


def extract(salt: bytes, label: bytes, secret: bytes) -> bytes:
    """RFC 9180's LabeledExtract."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE + label + secret, "sha256")


def open_wrap(wrap: bytes, keys: dict[str, str], info: bytes) -> bytes:
    """Open a wrap: X-Wing, then HPKE's base mode (RFC 9180, 5.1), from their definitions."""
    require(len(wrap) > 1088 + 32 + 16, "wrap: too short")
    private = x25519.X25519PrivateKey.from_private_bytes(unb64(keys["x25519"], "keys"))
    kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(unb64(keys["ml_kem_768"], "keys"))
    peer = wrap[1088:1120]
    try:
        shared = sha3_256(
            kem.decapsulate(wrap[:1088])
            + private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
            + peer
            + private.public_key().public_bytes_raw()
            + rb"\.//^"
            + b"\\"
        )
        context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
        secret = extract(shared, b"secret", b"")
        key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
        return AESGCM(key).decrypt(nonce, wrap[1120:], b"")
    except (InvalidTag, ValueError) as error:
        raise Unverified("wrap: does not open") from error


def sha3_256(data: bytes) -> bytes:
    """SHA3-256."""
    return hashlib.sha3_256(data).digest()
