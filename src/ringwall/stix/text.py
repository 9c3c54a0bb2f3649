"""The words by which an object is found."""

from typing import Any

import msgspec

_TEXTS = (
    "name",
    "description",
    "pattern",
    "value",
    "aliases",
    "abstract",
    "content",
    "explanation",
    "objective",
    "goals",
    "subject",
    "path",
    "key",
    "command_line",
    "user_id",
    "account_login",
    "display_name",
    "labels",
)


def search_text(body: bytes) -> str:
    """Return name, description, pattern, values, aliases, hashes and external ids, a line each.

    ``body`` is a canonical object, valid or not: what is no text is passed over. Property names
    and identifiers are not in it.
    """
    obj = msgspec.json.decode(body)
    lines: list[str] = []
    for name in _TEXTS:
        _collect(obj.get(name), lines)
    hashes = obj.get("hashes")
    if isinstance(hashes, dict):
        _collect(list(hashes.values()), lines)
    references = obj.get("external_references")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict):
            _collect(reference.get("external_id"), lines)
    return "\n".join(lines)


def _collect(value: Any, lines: list[str]) -> None:
    if isinstance(value, str):
        if value:
            lines.append(value)
    elif isinstance(value, list):
        lines.extend(item for item in value if isinstance(item, str) and item)
