"""Every MUST by itself: what breaks one is refused, or told, with its place."""

import json
from typing import Any

import pytest

from ringwall.core import InvalidInput
from ringwall.stix import read_object, validate
from ringwall.stix.relationships import RELATIONSHIPS
from ringwall.stix.tables import TABLES
from ringwall.stix.vocabularies import (
    DOMAIN_TYPES,
    META_TYPES,
    OBSERVABLE_TYPES,
    RELATIONSHIP_TYPES,
)
from tests.stix.complete import COMPLETE, LEFT_OUT
from tests.stix.examples import EXAMPLES
from tests.stix.musts import ACCEPTED, REFUSED, TOLD, relation


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_is_refused(name: str) -> None:
    obj, field, rule = REFUSED[name]
    with pytest.raises(InvalidInput) as caught:
        validate(obj)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    with pytest.raises(InvalidInput):
        read_object(json.dumps(obj).encode())


@pytest.mark.parametrize("name", sorted(TOLD))
def test_it_is_told(name: str) -> None:
    obj, words = TOLD[name]
    assert any(words in line for line in validate(obj)), validate(obj)
    assert read_object(json.dumps(obj).encode()).warnings == validate(obj)


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_it_is_accepted(name: str) -> None:
    obj: dict[str, Any] = ACCEPTED[name]
    assert validate(obj) == ()
    assert read_object(json.dumps(obj).encode()).warnings == ()


def test_warnings_are_few_however_much_is_wrong() -> None:
    tool = EXAMPLES["tool"]
    for more in (
        {"x_list": [None] * 100_000},
        {"tool_types": ["x"] * 100_000},
        {f"x_{number}_ref": "" for number in range(10_000)},
    ):
        told = read_object(json.dumps({**tool, **more}).encode()).warnings
        assert 1 <= len(told) <= 101
        assert sum(map(len, told)) < 20_000


def test_the_complete_objects_are_complete() -> None:
    for kind, table in TABLES.items():
        missing = {name for name in table.properties if name not in COMPLETE[kind]}
        assert {(kind, name) for name in missing} <= LEFT_OUT


def test_the_tables_are_of_the_standard_types() -> None:
    standard = {*DOMAIN_TYPES, *RELATIONSHIP_TYPES, *OBSERVABLE_TYPES, *META_TYPES}
    assert set(TABLES) == standard


@pytest.mark.parametrize(("source", "name", "target"), sorted(RELATIONSHIPS))
def test_a_defined_relationship_needs_no_warning(source: str, name: str, target: str) -> None:
    assert validate(relation(source, name, target)) == ()
