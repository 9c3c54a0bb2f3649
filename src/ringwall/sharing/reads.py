"""The audit entry of a read of what is no statement: entries of the catalogue, requests."""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from ringwall.alliance import Reader
from ringwall.core import canonical_json
from ringwall.store import Store, WriteTransaction


def enter_read(store: Store, reader: Reader, route: str, shown: Sequence[msgspec.Struct]) -> None:
    """Enter who read how much, and a digest of it; blocks until that is durable."""
    digest = hashlib.sha256(canonical_json(msgspec.to_builtins(shown))).hexdigest()
    entry = {"reader": reader.id, "route": route, "count": len(shown), "result": digest}
    store.write(partial(_enter, entry), essential=True).result()


def _enter(entry: dict[str, Any], tx: WriteTransaction) -> None:
    tx.append_audit("read", entry)
