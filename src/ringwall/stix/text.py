"""The words by which an object is found."""

from collections.abc import Iterable
from typing import Any

import msgspec

TEXTS = (
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
    return text_of_object(msgspec.json.decode(body))


def text_of_object(obj: dict[str, Any]) -> str:
    """Return the same for a decoded object."""
    references = obj.get("external_references")
    named = [
        reference.get("external_id")
        for reference in (references if isinstance(references, list) else ())
        if isinstance(reference, dict)
    ]
    return text_of(map(obj.get, TEXTS), obj.get("hashes"), named)


def text_of(values: Iterable[Any], hashes: Any, external_ids: Iterable[Any]) -> str:
    """Return the same for the values of ``TEXTS``; what is neither text nor list is not."""
    lines: list[str] = []
    for value in values:
        if type(value) is str:
            if value:
                lines.append(value)
        elif type(value) is list:
            lines.extend(item for item in value if type(item) is str and item)
    if type(hashes) is dict:
        lines.extend(item for item in hashes.values() if type(item) is str and item)
    lines.extend(item for item in external_ids if type(item) is str and item)
    return "\n".join(lines)
