"""The published JSON Schema (draft 2020-12) of an alliance description, and its check."""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jsonschema_rs

from ringwall.core import BadConfiguration

SCHEMA_TEXT = resources.files(__package__).joinpath("alliance.schema.json").read_text("utf-8")
"""The schema as published: editors and other programs may check against it."""

_VALIDATOR = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA_TEXT))


def check_schema(description: Any) -> None:
    """Raise BadConfiguration (rule ``schema``) at the first place that breaks the schema."""
    errors = [(_pointer(error.instance_path), error.message) for error in _errors(description)]
    if errors:
        place, message = min(errors)
        raise BadConfiguration(
            f"alliance description, {place or 'at the top'}: {message[:300]}",
            field=place,
            rule="schema",
        )


def _errors(description: Any) -> list[jsonschema_rs.ValidationError]:
    return list(_VALIDATOR.iter_errors(description))


def _pointer(path: Sequence[str | int]) -> str:
    return pointer(*path)


def pointer(*path: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
