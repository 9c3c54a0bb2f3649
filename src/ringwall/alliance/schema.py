"""The published JSON Schemas (draft 2020-12) of what an operator writes, and their checks."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jsonschema_rs

from ringwall.core import BadConfiguration

_FILES = resources.files(__package__)
SCHEMA_TEXT = _FILES.joinpath("alliance.schema.json").read_text("utf-8")
"""The schema of an alliance description as published: other programs may check against it."""
AGREEMENT_SCHEMA_TEXT = _FILES.joinpath("agreement.schema.json").read_text("utf-8")
"""The schema of a sharing agreement by itself."""

ALLIANCE, AGREEMENT = "alliance description", "agreement"


def _validator(text: str) -> jsonschema_rs.Draft202012Validator:
    """Return a validator; the alliance's schema refers to that of an agreement by its URN."""
    shared = json.loads(AGREEMENT_SCHEMA_TEXT)
    known = {shared["$id"]: shared}
    return jsonschema_rs.Draft202012Validator(json.loads(text), retriever=known.__getitem__)


_VALIDATORS = {ALLIANCE: _validator(SCHEMA_TEXT), AGREEMENT: _validator(AGREEMENT_SCHEMA_TEXT)}


def check_schema(document: Any, what: str = ALLIANCE) -> None:
    """Raise BadConfiguration (rule ``schema``) at the first place that breaks the schema."""
    errors = [
        (_pointer(error.instance_path), error.message)
        for error in _VALIDATORS[what].iter_errors(document)
    ]
    if errors:
        place, message = (text if text.isprintable() else ascii(text) for text in min(errors))
        raise BadConfiguration(
            f"{what}, {place or 'at the top'}: {message[:300]}", field=place, rule="schema"
        )


def check_policies(entries: Mapping[str, Any]) -> None:
    """Raise BadConfiguration (rule ``schema``) for policies that no alliance description holds."""
    around = {
        "alliance": {"id": "any", "name": "Any", "kind": "exercise"},
        "members": {"any": {"name": "Any", "kind": "nation"}},
    }
    check_schema({**around, "classification_policies": entries})


def refusal(what: str, rule: str, problem: str, *path: str | int) -> BadConfiguration:
    """Return the error that names the place and the rule which a document breaks there."""
    place = pointer(*path)
    return BadConfiguration(f"{what}, {place}: {problem}", field=place, rule=rule)


def _pointer(path: Sequence[str | int]) -> str:
    return pointer(*path)


def pointer(*path: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
