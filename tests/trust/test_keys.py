"""Keys: two algorithms, one private file, never overwritten."""

import json
import os
import stat
from pathlib import Path

import pytest

from ringwall.core import BadConfiguration, BadRegistry, InvalidInput
from ringwall.trust import (
    HolderKeys,
    NodeKeys,
    public_document,
    public_keys_from_document,
    verifying_keys_from_document,
)
from tests.trust import world

NODE = world.NODES["aaa-1"]


@pytest.mark.parametrize("kind", [NodeKeys, HolderKeys])
def test_saved_keys_come_back(kind: type[NodeKeys] | type[HolderKeys], tmp_path: Path) -> None:
    path, keys = tmp_path / "keys.json", kind.generate()
    keys.save(path)
    assert kind.load(path).public() == keys.public()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_generated_keys_differ() -> None:
    assert NodeKeys.generate().public() != NodeKeys.generate().public()


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    NODE.save(path)
    before = path.read_bytes()
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.generate().save(path)
    assert caught.value.rule == "exists"
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_a_loose_umask_does_not_open_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        NODE.save(tmp_path / "keys.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_that_others_may_touch_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    NODE.save(path)
    path.chmod(mode)
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(path)
    assert caught.value.rule == "mode"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("not json", "json"),
        ("[]", "shape"),
        ("{}", "kind"),
        ('{"kind":"holder","version":1}', "kind"),
        ('{"kind":"node","version":2}', "kind"),
        ('{"kind":"node","version":1}', "shape"),
    ],
)
def test_a_wrong_file_is_refused(content: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(path)
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("value", "rule"), [(7, "shape"), ("*", "base64url"), ("AAAA", "length"), ("B", "base64url")]
)
def test_a_wrong_seed_is_refused(value: object, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    NODE.save(path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "x25519": value}))
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(path)
    assert caught.value.rule == rule


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(tmp_path / "none.json")
    assert caught.value.rule == "readable"
    assert "none.json" in caught.value.field


def test_public_documents_come_back() -> None:
    document = public_document(NODE.public())
    assert public_keys_from_document(document, field="keys") == NODE.public()
    holder = world.HOLDERS["holder-1"].public()
    assert verifying_keys_from_document(public_document(holder), field="keys") == holder


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"hpke": "AAAA"}, "length"),
        ({"ed25519": "*" * 43}, "base64url"),
        ({"ed25519": None}, "shape"),
        ({"more": "x"}, "shape"),
        ({"ml_dsa_65": "A" * 2603 + "B"}, "length"),
    ],
)
def test_a_bad_public_document_is_refused(changes: dict[str, str], rule: str) -> None:
    document = {**public_document(NODE.public()), **changes}
    with pytest.raises(InvalidInput) as caught:
        public_keys_from_document(document, field="keys")
    assert caught.value.rule == rule
    with pytest.raises(BadRegistry):
        public_keys_from_document(document, field="keys", error=BadRegistry)


def test_a_key_id_names_both_keys() -> None:
    public = NODE.public()
    assert public.key_id == NODE.verifying.key_id
    assert len({keys.public().key_id for keys in world.NODES.values()}) == len(world.NODES)
