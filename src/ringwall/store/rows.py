"""Reading rows: what every backend makes of the columns that it selects. No SQL, no database."""

import functools
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from ringwall.core import IntegrityFailure, InvalidInput, Precedence, StatementId, parse_json
from ringwall.labels import Label, Terms, label_from_document, terms_from_document
from ringwall.policy import ReleaseClass
from ringwall.stix import observables
from ringwall.store.parts import open_part
from ringwall.store.records import DeliveryRow, Release, Selection, Statement

_LANES = {lane.value: lane for lane in Precedence}
_DAMAGED = Label(unknown=("damaged",))
_NAMES: msgspec.json.Decoder[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...])
_WITHHELD: msgspec.json.Decoder[dict[str, tuple[str, ...]]] = msgspec.json.Decoder(
    dict[str, tuple[str, ...]]
)
_PARTS: msgspec.json.Decoder[dict[str, int]] = msgspec.json.Decoder(dict[str, int])
_NO_CLASS = 0
"""Classes count from 1."""


@functools.lru_cache(maxsize=4096)
def read_label(document: bytes) -> Label:
    """Return the label that a stored label document says; one that is damaged denies."""
    try:
        return label_from_document(parse_json(document, field="label"))
    except InvalidInput:
        return _DAMAGED


def narrow(
    classes: Collection[int], selection: Selection, known: Callable[[], Mapping[int, ReleaseClass]]
) -> Collection[int]:
    """Return the classes of wanted types and source: both are properties of a class.

    ``known`` is asked for all classes only if either is wanted.
    """
    types, source = selection.object_types, selection.source
    if types is None and source is None:
        return classes
    all_classes = known()
    return frozenset(
        one
        for one in classes
        if one in all_classes
        and (types is None or all_classes[one].object_type in types)
        and source in (None, all_classes[one].origin)
    )


def read_class(
    key: bytes, origin: str, object_type: str, label: bytes, purpose: str
) -> ReleaseClass:
    """Build a release class; one whose parts no longer fit its key denies.

    Terms, and the way of what was passed on, stand in the key only: few classes have any.
    """
    terms, relayed = _read_rest(key)
    one = ReleaseClass(origin, object_type, read_label(label), purpose, terms, relayed)
    return one if one.key() == key else ReleaseClass(origin, object_type, _DAMAGED, purpose)


def _read_rest(key: bytes) -> tuple[Terms, tuple[str, ...]]:
    try:
        document = parse_json(key)
        relayed = msgspec.convert(document.get("relayed", []), tuple[str, ...])
        return terms_from_document(document.get("terms", {})), relayed
    except (InvalidInput, AttributeError, msgspec.ValidationError):
        return Terms(unknown=("damaged",)), ()


class KnownClasses:
    """The release classes that are known by their ids, replaced as a whole when there are more.

    Committed snapshots have shown them; they never change or go.
    """

    def __init__(self) -> None:
        self._gate = threading.RLock()
        self._classes: Mapping[int, ReleaseClass] = {}
        self.last = 0

    def extended(self, more: Mapping[int, ReleaseClass]) -> Mapping[int, ReleaseClass]:
        """Take in the classes after a ``last``; return all of them, a mapping that never changes.

        What a later snapshot has brought meanwhile stays: nobody would ask for it again.
        """
        if more:
            with self._gate:
                highest = max(more)
                if highest > self.last:
                    self._classes = {**self._classes, **more}
                    self.last = highest
        return self._classes


def _read_lane(text: str) -> Precedence:
    lane = _LANES.get(text)
    if lane is None:
        raise IntegrityFailure(f"no lane is called {text!r}", field="statements", rule="lane")
    return lane


def read_statement(row: Any) -> Statement:
    """Build a statement from a row of its 16 columns, with or without the 3 that prove it."""
    return Statement(
        order=row[0],
        id=StatementId(row[1], row[2]),
        source=row[3],
        object_id=row[4],
        object_type=row[5],
        version=row[6],
        body=row[7],
        label=read_label(row[8]),
        release_class=row[9],
        purpose=row[10],
        lane=_read_lane(row[11]),
        submitted_by=row[12],
        received_at=row[13],
        seed=row[14],
        digest=row[15],
        proof=(row[16], row[17]) if len(row) > 16 and row[16] is not None else None,
        disclosure=(row[18] or b"") if len(row) > 16 else b"",
    )


class _Decision(msgspec.Struct, frozen=True):
    """A release decision as it is interned: canonical JSON of these fields."""

    policy_version: str
    audience: tuple[str, ...]
    reasons: list[dict[str, Any]]


def read_release(document: bytes, at: str) -> Release:
    """Build a release from its interned document and its time."""
    one = msgspec.json.decode(document, type=_Decision)
    return Release(one.policy_version, one.audience, one.reasons, at)


def write_names(names: Iterable[str]) -> str:
    """Return names, once each and sorted, as JSON: the audience of an outbox row."""
    return msgspec.json.encode(sorted(set(names))).decode()


def read_names(text: str) -> tuple[str, ...]:
    """Read :func:`write_names`'s text."""
    return _NAMES.decode(text)


def write_withheld(withheld: Mapping[str, Collection[str]]) -> str:
    """Return the fields withheld from each node, as JSON."""
    return msgspec.json.encode({node: sorted(withheld[node]) for node in sorted(withheld)}).decode()


def read_withheld(text: str) -> dict[str, tuple[str, ...]]:
    """Read :func:`write_withheld`'s text."""
    return _WITHHELD.decode(text)


def write_parts(parts: Mapping[str, int]) -> str:
    """Return the release class of each property that has one of its own, as JSON."""
    return msgspec.json.encode({name: parts[name] for name in sorted(parts)}).decode()


def read_parts(text: str) -> dict[str, int]:
    """Read :func:`write_parts`'s text; what cannot be read is a property that nobody may see."""
    try:
        return _PARTS.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"": _NO_CLASS}


def read_audience(document: bytes | None) -> tuple[str, ...] | None:
    """Return the nodes that a release decision names."""
    return None if document is None else _audience_of(document)


@functools.lru_cache(maxsize=1024)
def _audience_of(document: bytes) -> tuple[str, ...]:
    return msgspec.json.decode(document, type=_Decision).audience


def delivery_row(
    node: str, position: int, published_at: str, settled_at: str, rejected: str | None
) -> DeliveryRow:
    """Tell from an envelope's and its recipient's columns how far it got."""
    if rejected is not None:
        return DeliveryRow(node, "rejected", position, settled_at, rejected)
    if settled_at:
        return DeliveryRow(node, "received", position, settled_at)
    if published_at:
        return DeliveryRow(node, "sent", position, published_at)
    return DeliveryRow(node, "queued", position)


def fitting(sizes: Iterable[int], most: int) -> int:
    """Return how many of the first sizes stay within ``most`` together, at least one."""
    total = count = 0
    for size in sizes:
        total += size
        if count and total > most:
            break
        count += 1
    return count


def mentions(body: bytes, value: str) -> bool:
    """Tell whether an object is found by a value: two values may have one key."""
    return not value or any(one.value == value for one in observables(open_part(body)))
