"""What the audit log says for ever about the rows of other tables: read once, then compared."""

from collections.abc import Iterator

import msgspec

from ringwall.core import canonical_json


class Pin(msgspec.Struct, frozen=True):
    """What the entry of a statement's acceptance or receipt says about it."""

    index: int
    kind: str
    digest: str
    label: bytes
    purpose: str
    lane: str
    reader: str
    """Who submitted it here; "" for what was received."""
    version: str | None
    received_at: str | None
    audience: frozenset[str] | None
    """The nodes that it was released to when it was accepted; None: not entered."""


class Seal(msgspec.Struct, frozen=True):
    """What the entry of a sealed envelope says about it."""

    index: int
    lane: str
    sha256: str
    recipients: dict[str, int]
    statements: frozenset[str]


class TokenEntry(msgspec.Struct, frozen=True):
    """What the entry of a token's creation says about it."""

    reader: str
    expires: str
    sha256: str


class Ledger(msgspec.Struct):
    """What a log pins, by the names of the rows."""

    pins: dict[str, Pin] = {}
    seals: dict[str, Seal] = {}
    sealed: set[str] = set()
    """The statements in any seal."""
    closed: set[str] = set()
    """The statements that were narrowed or found damaged before they left."""
    tokens: dict[str, TokenEntry] = {}

    def enter(self, index: int, data: bytes) -> Iterator[tuple[str, str]]:
        """Take in one leaf; yield (check, message) for what is wrong with it."""
        try:
            leaf = _LEAF.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield "leaf", f"the entry cannot be read: {error}"
            return
        match leaf.kind:
            case "accepted" | "received":
                yield from self._pin(index, leaf)
            case "sealed":
                yield from self._seal(index, leaf)
            case "release-narrowed" | "damaged":
                self.closed.add(leaf.statement)
            case "token-created":
                self.tokens[leaf.token] = TokenEntry(leaf.reader, leaf.expires, leaf.sha256)

    def _pin(self, index: int, leaf: "_Leaf") -> Iterator[tuple[str, str]]:
        if leaf.statement in self.pins:
            before = self.pins[leaf.statement].index
            yield "repeated", f"{leaf.statement} was entered before, at {before}"
            return
        self.pins[leaf.statement] = Pin(
            index=index,
            kind=leaf.kind,
            digest=leaf.digest,
            label=canonical_json(leaf.label),
            purpose=leaf.purpose,
            lane=leaf.lane,
            reader=leaf.reader,
            version=leaf.version,
            received_at=leaf.received_at,
            audience=None if leaf.audience is None else frozenset(leaf.audience),
        )

    def _seal(self, index: int, leaf: "_Leaf") -> Iterator[tuple[str, str]]:
        if leaf.envelope in self.seals:
            before = self.seals[leaf.envelope].index
            yield "repeated", f"{leaf.envelope} was entered before, at {before}"
            return
        statements = frozenset(leaf.statements)
        self.seals[leaf.envelope] = Seal(index, leaf.lane, leaf.sha256, leaf.recipients, statements)
        self.sealed |= statements


class _Leaf(msgspec.Struct, frozen=True):
    """The fields of an audit leaf that verification needs."""

    kind: str
    statement: str = ""
    digest: str = ""
    label: dict[str, object] = {}
    purpose: str = ""
    lane: str = ""
    reader: str = ""
    version: str | None = None
    received_at: str | None = None
    audience: list[str] | None = None
    envelope: str = ""
    sha256: str = ""
    recipients: dict[str, int] = {}
    statements: list[str] = []
    token: str = ""
    expires: str = ""


_LEAF = msgspec.json.Decoder(_Leaf)
