"""Bodies of requests in the shapes that routes declare; what does not fit is named by its place."""

import re
from typing import TypeVar

import msgspec

from ringwall.core import InvalidInput, parse_json, place_of

B = TypeVar("B")

LONGEST = 200
"""So much of what was sent is repeated, in characters."""
_NAMED = re.compile(r"(?:missing required|contains unknown) field `([^`]*)`")


def read_shape(raw: bytes, shape: type[B], what: str) -> B:
    """Read a JSON body. ``what`` it is begins the message.

    Raises InvalidInput (rule ``shape``, and those of strict JSON); the field is the place of what
    is wrong, such as ``days`` or ``terms/hops``, or ``body`` where that is the whole.
    """
    try:
        return msgspec.convert(parse_json(raw), shape)
    except msgspec.ValidationError as error:
        problem, place = place_of(error)
        names = [place.removeprefix("/"), *_NAMED.findall(problem)]
        field, problem = "/".join(filter(None, names))[:LONGEST], problem[:LONGEST]
        said = f"{what}: {field}: {problem}" if field else f"{what}: {problem}"
        raise InvalidInput(said, field=field or "body", rule="shape") from error
