"""Keys: two algorithms, one private file, never overwritten."""

import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ringwall.core import BadConfiguration, BadRegistry, InvalidInput
from ringwall.trust import (
    HolderKeys,
    NodeKeys,
    public_document,
    public_keys_from_document,
    verifying_keys_from_document,
)
from ringwall.trust.documents import to_bytes, to_text
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
    assert HolderKeys.generate().public() != HolderKeys.generate().public()


@pytest.mark.parametrize(
    ("keys", "kind", "sizes"),
    [
        (NODE, "node", {"ed25519": 32, "ml_dsa_65": 32, "ml_kem_768": 64, "x25519": 32}),
        (world.HOLDERS["holder-1"], "holder", {"ed25519": 32, "ml_dsa_65": 32}),
    ],
)
def test_a_key_file_is_as_the_protocol_says(
    keys: NodeKeys | HolderKeys, kind: str, sizes: dict[str, int], tmp_path: Path
) -> None:
    keys.save(tmp_path / "keys.json")
    text = (tmp_path / "keys.json").read_text()
    document = json.loads(text)
    assert text.endswith("}\n")
    assert (document.pop("kind"), document.pop("version")) == (kind, 1)
    for name, size in sizes.items():
        to_bytes(document.pop(name), size=size, error=InvalidInput, field=name)
    assert document == {}


def test_public_keys_are_made_from_the_seeds() -> None:
    seeds = [world.secret(f"seed {n}", size) for n, size in enumerate((32, 32, 64, 32))]
    public, holder = NodeKeys(*seeds).public(), HolderKeys(*seeds[:2]).public()
    ed25519 = Ed25519PrivateKey.from_private_bytes(seeds[0]).public_key().public_bytes_raw()
    ml_dsa_65 = MLDSA65PrivateKey.from_seed_bytes(seeds[1]).public_key().public_bytes_raw()
    ml_kem_768 = MLKEM768PrivateKey.from_seed_bytes(seeds[2]).public_key().public_bytes_raw()
    x25519 = X25519PrivateKey.from_private_bytes(seeds[3]).public_key().public_bytes_raw()
    assert (public.ed25519, public.ml_dsa_65) == (ed25519, ml_dsa_65)
    assert (holder.ed25519, holder.ml_dsa_65) == (ed25519, ml_dsa_65)
    assert public.hpke == ml_kem_768 + x25519


@pytest.mark.parametrize("keys", [NODE, world.HOLDERS["holder-1"]])
def test_private_keys_are_never_printed(keys: NodeKeys | HolderKeys, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.save(path)
    document = json.loads(path.read_text())
    secrets = [text for name, text in document.items() if name not in ("kind", "version")]
    path.write_text(json.dumps({**document, "more": 1}))
    with pytest.raises(BadConfiguration) as caught:
        type(keys).load(path)
    printed = f"{keys!r} {keys} {caught.value.diagnostics()}"
    for text in secrets:
        raw = to_bytes(text, error=InvalidInput, field="seed")
        assert text not in printed
        assert raw.hex() not in printed
        assert repr(raw) not in printed


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    NODE.save(path)
    before = path.read_bytes()
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.generate().save(path)
    assert (caught.value.field, caught.value.rule) == (str(path), "exists")
    assert str(caught.value) == f"{path}: exists already; keys are never overwritten"
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
    assert (caught.value.field, caught.value.rule) == (str(path), "mode")
    why = "others than its owner may read it; run chmod 600"
    assert str(caught.value) == f"{path}: {why}"


OTHER_KIND = "not a key file of a node, version 1"


@pytest.mark.parametrize(
    ("content", "rule", "why"),
    [
        ("not json", "json", ""),
        ("[]", "shape", "not a JSON object"),
        ("{}", "kind", OTHER_KIND),
        ('{"kind":"holder","version":1}', "kind", OTHER_KIND),
        ('{"kind":"node","version":2}', "kind", OTHER_KIND),
        ('{"kind":"node"}', "kind", OTHER_KIND),
        ('{"version":1}', "kind", OTHER_KIND),
        ('{"kind":"node","version":1}', "shape", "other fields than expected"),
    ],
)
def test_a_wrong_file_is_refused(content: str, rule: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(path)
    assert (caught.value.field, caught.value.rule) == (str(path), rule)
    assert str(caught.value).startswith(f"{path}: {why}")
    assert not why or str(caught.value).endswith(why)


def test_no_more_than_a_key_file_may_hold_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    NODE.save(path)
    path.write_text(path.read_text().ljust(16 * 1024))
    assert NodeKeys.load(path).public() == NODE.public()
    path.write_text(" " * 16 * 1024 + path.read_text())
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(path)
    assert caught.value.rule == "json"


@pytest.mark.parametrize(
    ("value", "rule", "field", "why"),
    [
        (7, "shape", "", ": x25519 is not text"),
        ("*", "base64url", "/x25519", "/x25519: not base64url"),
        ("AAAA", "length", "/x25519", "/x25519: 3 bytes instead of 32"),
        ("B", "base64url", "/x25519", "/x25519: not base64url"),
    ],
)
def test_a_wrong_seed_is_refused(
    value: object, rule: str, field: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    NODE.save(path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "x25519": value}))
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(path)
    assert (caught.value.field, caught.value.rule) == (f"{path}{field}", rule)
    assert str(caught.value) == f"{path}{why}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(BadConfiguration) as caught:
        NodeKeys.load(path)
    assert (caught.value.field, caught.value.rule) == (str(path), "readable")
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_public_documents_come_back() -> None:
    document = public_document(NODE.public())
    assert public_keys_from_document(document, field="keys") == NODE.public()
    holder = world.HOLDERS["holder-1"].public()
    assert verifying_keys_from_document(public_document(holder), field="keys") == holder


@pytest.mark.parametrize(
    ("changes", "field", "rule", "why"),
    [
        ({"hpke": "AAAA"}, "keys/hpke", "length", "3 bytes instead of 1216"),
        ({"hpke": "*"}, "keys/hpke", "base64url", "not base64url"),
        ({"ed25519": "*" * 43}, "keys/ed25519", "base64url", "not base64url"),
        ({"ed25519": "AAAA"}, "keys/ed25519", "length", "3 bytes instead of 32"),
        ({"ml_dsa_65": "A" * 2604}, "keys/ml_dsa_65", "length", "1953 bytes instead of 1952"),
        ({"ed25519": None}, "keys", "shape", "Expected `str`, got `null` - at `$.ed25519`"),
        ({"hpke": None}, "keys", "shape", "Expected `str`, got `null` - at `$.hpke`"),
        ({"more": "x"}, "keys", "shape", "Object contains unknown field `more`"),
    ],
)
def test_a_bad_public_document_is_refused(
    changes: dict[str, str], field: str, rule: str, why: str
) -> None:
    node, both = public_document(NODE.public()), public_document(NODE.verifying)
    readers: list[tuple[Callable[..., object], dict[str, str]]] = [
        (public_keys_from_document, node | changes)
    ]
    if "hpke" not in changes:
        readers.append((verifying_keys_from_document, both | changes))
    for read, document in readers:
        for error in (InvalidInput, BadRegistry):
            with pytest.raises(error) as caught:
                read(document, field="keys", error=error)
            assert (caught.value.field, caught.value.rule) == (field, rule)
            assert str(caught.value) == f"{field}: {why}"
        with pytest.raises(InvalidInput):
            read(document, field="keys")


def test_keys_of_a_node_are_none_of_a_holder() -> None:
    for read, document in (
        (verifying_keys_from_document, public_document(NODE.public())),
        (public_keys_from_document, public_document(NODE.verifying)),
    ):
        with pytest.raises(InvalidInput) as caught:
            read(document, field="keys")
        assert (caught.value.field, caught.value.rule) == ("keys", "shape")


def test_a_key_that_no_algorithm_can_use_is_refused_when_it_is_read() -> None:
    # Every coefficient of an ML-KEM key is below 3329; 0xffffff writes two that are not.
    document = public_document(NODE.public()) | {"hpke": to_text(b"\xff" * 1216)}
    for error in (InvalidInput, BadRegistry):
        with pytest.raises(error, match=r"\Akeys: not a usable public key: ") as caught:
            public_keys_from_document(document, field="keys", error=error)
        assert (caught.value.field, caught.value.rule) == ("keys", "key")


@pytest.mark.parametrize("point", [0, 1, 2**255 - 19, 2**255 - 18, 2**255 - 20])
def test_a_point_that_shares_a_secret_with_nobody_is_refused_when_it_is_read(point: int) -> None:
    x25519 = point.to_bytes(32, "little")
    keys = msgspec.structs.replace(NODE.public(), hpke=NODE.public().hpke[:1184] + x25519)
    with pytest.raises(BadRegistry, match=r"\Akeys: not a usable public key: ") as caught:
        public_keys_from_document(public_document(keys), field="keys", error=BadRegistry)
    assert (caught.value.field, caught.value.rule) == ("keys", "key")


def test_a_key_id_names_both_keys() -> None:
    public = NODE.public()
    assert public.key_id == NODE.verifying.key_id
    assert public.key_id == hashlib.sha256(public.ed25519 + public.ml_dsa_65).hexdigest()
    assert len({keys.public().key_id for keys in world.NODES.values()}) == len(world.NODES)
