"""The envelope on the wire: framing, header, limits. Nothing here is believed, only read.

``RWE1`` ‖ four big-endian u32 lengths ‖ header ‖ signed payload ‖ signatures ‖ ciphertext.
"""

import struct
from itertools import pairwise
from typing import Annotated, NamedTuple

import msgspec

from ringwall.core import BadEnvelope
from ringwall.trust.documents import Moment, Name, Positive, read_canonical, take_shape
from ringwall.trust.signatures import ED25519_SIZE, ML_DSA_65_SIZE, Signature

MAGIC = b"RWE1"
WHOLE_VERSION = 1
REDACTIONS_VERSION = 2
"""What holds a redaction is version 2; everything else is still written as version 1."""
WIRE_VERSION = REDACTIONS_VERSION
# N and N-1 are understood.
READ_VERSIONS = frozenset({WHOLE_VERSION, REDACTIONS_VERSION})

MAX_ENVELOPE = 8_000_000
MAX_HEADER = 4_000_000
MAX_PAYLOAD = 4_096
MAX_ITEMS = 1_000
MAX_RECIPIENTS = 1_100
SIGNATURE_SIZE = ED25519_SIZE + ML_DSA_65_SIZE

_LENGTHS = struct.Struct(">4s4I")


class Recipient(msgspec.Struct, frozen=True):
    """A recipient node and its wrap (base64url)."""

    node: Name
    wrap: Annotated[str, msgspec.Meta(max_length=4096)]


class HeaderDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a header and what they may hold."""

    v: int
    id: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{22}\Z")]
    alliance: Name
    origin: Name
    lane: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{1,16}\Z")]
    kind: Annotated[str, msgspec.Meta(pattern=r"\A[a-z-]{1,32}\Z")]
    registry: Positive
    sent: Moment
    recipients: Annotated[
        tuple[Recipient, ...], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)
    ]
    ciphertext: Annotated[str, msgspec.Meta(min_length=43, max_length=43)]


class Header(HeaderDocument, frozen=True, kw_only=True):
    """What a hub sees of an envelope; unverified unless it comes from ``open_envelope``.

    ``registry`` is the number of the registry it was sealed under, ``ciphertext`` the SHA-256 of
    the sealed body (base64url). ``unknown_fields`` are JSON pointers to fields of a later
    version: they are covered by the signature, and whoever receives them must not release onward.
    """

    unknown_fields: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The recipients' node ids, in ascending order."""
        return tuple(recipient.node for recipient in self.recipients)


_HEADER_FIELDS = frozenset(HeaderDocument.__struct_fields__)
_RECIPIENT_FIELDS = frozenset(Recipient.__struct_fields__)


class Frame(NamedTuple):
    """The four parts of an envelope as they arrived."""

    header: bytes
    payload: bytes
    signature: Signature
    ciphertext: bytes


def join_frame(header: bytes, payload: bytes, signature: Signature, ciphertext: bytes) -> bytes:
    """Put the parts of an envelope together."""
    sizes = len(header), len(payload), SIGNATURE_SIZE, len(ciphertext)
    signatures = signature.ed25519 + signature.ml_dsa_65
    return b"".join((_LENGTHS.pack(MAGIC, *sizes), header, payload, signatures, ciphertext))


def split_frame(data: bytes) -> Frame:
    """Take an envelope apart; every length is checked before anything is copied.

    Raises BadEnvelope (field ``frame``; rules ``size``, ``magic``, ``length``).
    """
    if not _LENGTHS.size <= len(data) <= MAX_ENVELOPE:
        raise _frame_error("size", f"{len(data)} bytes are no envelope")
    magic, header, payload, signature, ciphertext = _LENGTHS.unpack_from(data)
    if magic != MAGIC:
        raise _frame_error("magic", "does not start with RWE1")
    if header > MAX_HEADER or payload > MAX_PAYLOAD or signature != SIGNATURE_SIZE:
        raise _frame_error("length", "a part is longer or shorter than it may be")
    if _LENGTHS.size + header + payload + signature + ciphertext != len(data):
        raise _frame_error("length", "the parts do not fill the envelope exactly")
    at_payload = _LENGTHS.size + header
    at_signature = at_payload + payload
    at_ml_dsa, at_ciphertext = at_signature + ED25519_SIZE, at_signature + signature
    return Frame(
        data[_LENGTHS.size : at_payload],
        data[at_payload:at_signature],
        Signature(data[at_signature:at_ml_dsa], data[at_ml_dsa:at_ciphertext]),
        data[at_ciphertext:],
    )


def _frame_error(rule: str, why: str) -> BadEnvelope:
    return BadEnvelope(f"envelope: {why}", field="frame", rule=rule)


def read_header(raw: bytes) -> Header:
    """Read a header. Raises BadEnvelope (``canonical``, ``version``, ``shape``, ``recipients``)."""
    document = read_canonical(raw, error=BadEnvelope, field="header")
    if type(document.get("v")) is not int or document["v"] not in READ_VERSIONS:
        raise BadEnvelope(
            f"header: wire version {document.get('v')!r} is not understood",
            field="header/v",
            rule="version",
        )
    known = {name: value for name, value in document.items() if name in _HEADER_FIELDS}
    read = take_shape(known, HeaderDocument, error=BadEnvelope, field="header")
    nodes = [recipient.node for recipient in read.recipients]
    if any(left >= right for left, right in pairwise(nodes)):
        raise BadEnvelope(
            "header: recipients are not in ascending order, each once",
            field="header/recipients",
            rule="recipients",
        )
    fields = {name: getattr(read, name) for name in _HEADER_FIELDS}
    return Header(**fields, unknown_fields=_unknown_fields(document))


def _unknown_fields(document: dict[str, object]) -> tuple[str, ...]:
    unknown = [name for name in document if name not in _HEADER_FIELDS]
    recipients = document["recipients"]
    if isinstance(recipients, list):
        for index, recipient in enumerate(recipients):
            extra = sorted(set(recipient) - _RECIPIENT_FIELDS)
            unknown += [f"recipients/{index}/{name}" for name in extra]
    return tuple(unknown)


def peek_header(data: bytes) -> Header:
    """Read the header of an envelope without verifying anything: for logs and routing only."""
    return read_header(split_frame(data).header)
