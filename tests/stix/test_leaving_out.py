"""What cannot be left out of an object: by its type, its identifier, or the rules across fields."""

import json
import uuid
from typing import Any

import pytest

from ringwall.core import canonical_json
from ringwall.stix import OBJECT_TYPES, needed_properties, read_object, why_needed
from tests.stix.examples import EXAMPLES

MD5 = {"MD5": "0" * 32}


def observable(kind: str, version: int = 4, **more: Any) -> bytes:
    number = uuid.uuid4() if version == 4 else uuid.uuid5(uuid.NAMESPACE_URL, "x")
    document = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{number}", **more}
    return read_object(json.dumps(document).encode()).body


@pytest.mark.parametrize("object_type", sorted(OBJECT_TYPES))
def test_every_type_needs_who_it_is_and_what_it_requires(object_type: str) -> None:
    needed = needed_properties(object_type)
    assert {"type", "id", "spec_version", "created", "modified", "revoked"} <= needed
    assert needed_properties("x-unknown") <= needed


@pytest.mark.parametrize("object_type", sorted(EXAMPLES))
def test_what_may_be_left_out_leaves_an_object(object_type: str) -> None:
    whole = read_object(json.dumps(EXAMPLES[object_type]).encode())
    fields = json.loads(whole.body)
    for name in fields:
        needed, why = why_needed(whole.body, {name})
        rest = canonical_json({key: value for key, value in fields.items() if key != name})
        if needed:
            assert (needed, bool(why)) == (name, True)
        else:
            assert read_object(rest).body == rest


def test_an_identifier_made_from_content_needs_that_content() -> None:
    random, made = (observable("file", version, name="a", hashes=MD5) for version in (4, 5))
    assert why_needed(random, {"name"}) == ("", "")
    assert why_needed(made, {"name"}) == ("name", "the identifier of the object is made from it")
    assert why_needed(observable("file", 5, name="a", size=3), {"size"}) == ("", "")


def test_rules_across_properties_count() -> None:
    both = observable("file", name="a", hashes=MD5)
    assert why_needed(both, {"hashes"}) == ("", "")
    assert why_needed(both, {"hashes", "name"}) == ("hashes", "the rest would be no valid file")


def test_what_is_revoked_is_not_shown_as_if_it_held() -> None:
    assert why_needed(observable("mutex", name="m"), {"revoked"})[0] == "revoked"
