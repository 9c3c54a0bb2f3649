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
    """None: not entered, by a program before schema 4."""
    received_at: str | None
    """When it came; statements of one entry are a microsecond apart at least. None: as above."""
    audience: frozenset[str] | None
    """The nodes that it was released to when it was accepted; None: not entered."""
    terms: dict[str, object] = {}
    """The originator's terms, as a document."""
    relayed: tuple[str, ...] = ()
    """The members over which it came, as in a release class."""
    parts: dict[str, object] = {}
    """The label of each property that is for fewer readers than the rest, as a document."""


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
    """The statements that were narrowed, found damaged or withdrawn before they left, or that wait
    for a second person, or were refused by one."""
    further: dict[str, frozenset[str]] = {}
    """The nodes that statements were released to later, by statement."""
    withdrawn: set[str] = set()
    """The statements that were taken out of every reader's sight."""
    tokens: dict[str, TokenEntry] = {}
    replaced: list[tuple[int, str]] = []
    """Order and time of the narrower redactions that wider ones took the place of."""
    skipped: list[tuple[int, int]] = []
    """Own sequences, first and last, that a restored node said it uses none of."""

    def enter(self, index: int, data: bytes) -> Iterator[tuple[str, str]]:
        """Take in one leaf; yield (check, message) for what is wrong with it."""
        try:
            if _KIND.decode(data).kind not in _PINNING:
                return
            leaf = _LEAF.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield "leaf", f"the entry cannot be read: {error}"
            return
        match leaf.kind:
            case "accepted" | "received":
                yield from self._pin(index, leaf)
            case "widened":
                self.replaced.append((leaf.replaced_order, leaf.replaced_at))
                for name in leaf.statements:
                    self.pins.pop(name, None)
                yield from self._pin(index, leaf)
            case "sealed":
                yield from self._seal(index, leaf)
            case "token-created":
                self.tokens[leaf.token] = TokenEntry(leaf.reader, leaf.expires, leaf.sha256)
            case "resumed":
                self.skipped.append((leaf.first_sequence, leaf.last_sequence))
            case _:
                self._release(leaf)

    def _release(self, leaf: "_Leaf") -> None:
        """Note what became of the release of statements."""
        match leaf.kind:
            case "release-narrowed" | "damaged":
                self.closed.add(leaf.statement)
            case "released-further":
                for name in leaf.statements:
                    self.further[name] = self.further.get(name, frozenset()).union(leaf.nodes)
            case "release-held" | "release-refused":
                self.closed.update(leaf.statements)
            case "withdrawn":
                self.withdrawn.add(leaf.statement)
                self.closed.add(leaf.statement)

    def _pin(self, index: int, leaf: "_Leaf") -> Iterator[tuple[str, str]]:
        statements, versions, digests = leaf.statements, leaf.versions, leaf.digests
        if leaf.statement:  # before schema 4 each statement had an entry of its own
            statements, versions, digests = [leaf.statement], [leaf.version], [leaf.digest]
        if not len(statements) == len(versions) == len(digests):
            yield "leaf", "its statements, versions and digests are not equally many"
            return
        audience = None if leaf.audience is None else frozenset(leaf.audience)
        label = canonical_json(leaf.label)
        for name, version, digest in zip(statements, versions, digests, strict=True):
            if name in self.pins:
                before = self.pins[name].index
                yield "repeated", f"{name} was entered before, at {before}"
                continue
            self.pins[name] = Pin(
                index=index,
                kind=leaf.kind,
                digest=digest,
                label=label,
                purpose=leaf.purpose,
                lane=leaf.lane,
                reader=leaf.reader,
                version=version,
                received_at=leaf.received_at,
                audience=audience,
                terms=leaf.terms,
                relayed=leaf.relayed,
                parts=leaf.parts.get(name, {}),
            )

    def _seal(self, index: int, leaf: "_Leaf") -> Iterator[tuple[str, str]]:
        if leaf.envelope in self.seals:
            before = self.seals[leaf.envelope].index
            yield "repeated", f"{leaf.envelope} was entered before, at {before}"
            return
        statements = frozenset(leaf.statements)
        self.seals[leaf.envelope] = Seal(index, leaf.lane, leaf.sha256, leaf.recipients, statements)
        self.sealed |= statements


class _Kind(msgspec.Struct, frozen=True):
    """What every audit leaf has; the fields of other kinds may be called alike and mean others."""

    kind: str


class _Leaf(msgspec.Struct, frozen=True):
    """The fields of an audit leaf that verification needs."""

    kind: str
    statement: str = ""
    version: str | None = None
    digest: str = ""
    versions: list[str | None] = []
    digests: list[str] = []
    label: dict[str, object] = {}
    purpose: str = ""
    lane: str = ""
    reader: str = ""
    received_at: str | None = None
    audience: list[str] | None = None
    terms: dict[str, object] = {}
    relayed: tuple[str, ...] = ()
    parts: dict[str, dict[str, object]] = {}
    replaced_order: int = 0
    replaced_at: str = ""
    envelope: str = ""
    sha256: str = ""
    recipients: dict[str, int] = {}
    statements: list[str] = []
    nodes: list[str] = []
    token: str = ""
    expires: str = ""
    first_sequence: int = 1
    last_sequence: int = 0


_KIND = msgspec.json.Decoder(_Kind)
_LEAF = msgspec.json.Decoder(_Leaf)
_PINNING = frozenset(
    {
        *("accepted", "received", "widened", "sealed", "token-created", "resumed"),
        *("release-narrowed", "damaged", "released-further", "release-held", "release-refused"),
        "withdrawn",
    }
)
"""The kinds of entries that :class:`Ledger` takes in."""
