"""How results look: JSON for programs, plain tables for people."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print one JSON document to stdout."""
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table to stdout; every column as wide as its widest cell, the last one open."""
    cells = [tuple(heads), *(tuple(_cell(value) for value in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())


def progress(text: str) -> None:
    """Tell a person on stderr what is going on."""
    print(text, file=sys.stderr, flush=True)


def _cell(value: object) -> str:
    """Make a value safe for a terminal: content comes from strangers, so no control characters."""
    if value is None:
        return "-"
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
