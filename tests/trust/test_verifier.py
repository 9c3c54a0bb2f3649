"""The independent verifier: it agrees with the program, and catches every tampering by itself.

It runs as its own process from its own folder and can import nothing of src/.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.core import BadEnvelope, canonical_json
from ringwall.trust import (
    AuditTree,
    Proof,
    encode_registry,
    leaf_documents,
    leaf_hash,
    open_envelope,
    proof_document,
    redact,
    sign,
    sign_checkpoint,
)
from ringwall.trust.documents import to_text
from tests.trust import make_vectors, world
from tests.trust.forge import Change, forge
from tests.trust.make_vectors import vector

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "verifier" / "ringwall_verify.py"
VECTORS = ROOT / "docs" / "vectors"
ANCHOR = world.REGISTRY.digest


def run(*arguments: object) -> tuple[int, str, str]:
    command = [sys.executable, "-I", "-c", RUN, str(VERIFIER), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


# Isolated mode ignores PYTHONPATH; the import hook makes sure that `ringwall` stays out of it.
RUN = """
import runpy, sys
sys.modules["ringwall"] = None
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """A copy of the vectors to spoil."""
    for path in VECTORS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    path = tmp_path / "registry.json"
    path.write_text(encode_registry(world.signed_registry()))
    return path


def test_it_needs_nothing_of_ours() -> None:
    own = {path.stem for path in VERIFIER.parent.glob("*.py")}
    allowed = {"cryptography", "rfc8785"} | own | sys.stdlib_module_names
    for path in VERIFIER.parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "relative"]
            assert {name.partition(".")[0] for name in names} <= allowed


def test_all_vectors_verify() -> None:
    code, out, err = run("vectors", VECTORS)
    assert (code, err) == (0, "")
    assert json.loads(out)["verified"] is True


def flip(text: str, at: int) -> str:
    """Change one base64 character."""
    at %= len(text)
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def spoil(name: str, *path: str | int) -> tuple[str, tuple[str | int, ...]]:
    return name, path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        spoil("digests", "object"),
        spoil("digests", "leaf_salt"),
        spoil("merkle", "roots", 7),
        spoil("merkle", "inclusion", 9, "path", 0),
        spoil("registry", "anchor"),
        spoil("registry", "chain", 1, "document", "nodes", "ddd-1", "keys", "hpke"),
        spoil("registry", "chain", 0, "document", "alliance_digest"),
        spoil("envelope", "envelope"),
        spoil("envelope", "keys", "x25519"),
        spoil("envelope", "keys", "ml_kem_768"),
        spoil("envelope", "expected", "origin"),
        spoil("statement", "proof", "ed25519"),
        spoil("statement", "proof", "ml_dsa_65"),
        spoil("statement", "proof", "path", 0),
        spoil("statement", "proof", "leaf"),
        spoil("statement", "object"),
        spoil("statement", "seed"),
        spoil("statement", "redacted", "object"),
        spoil("statement", "redacted", "disclosure"),
        spoil("redaction", "envelope"),
        spoil("redaction", "object_digest"),
        spoil("relay", "anchor"),
        spoil("relay", "relays", 0, "relay", "object"),
        spoil("relay", "relays", 0, "relay", "seed"),
        spoil("relay", "relays", 0, "relay", "addressee_salt"),
        spoil("relay", "relays", 0, "relay", "hops", 0, "ed25519"),
        spoil("relay", "relays", 1, "relay", "disclosure"),
        spoil("relay", "relays", 1, "relay", "proof", "payload"),
        spoil("relay", "relays", 1, "relay", "hops", 1, "ml_dsa_65"),
        spoil("relay", "relays", 1, "leaf", "addressees"),
        spoil("relay", "relays", 1, "signed", 2),
        spoil("checkpoint", "leaves", 2),
        spoil("checkpoint", "note"),
        spoil("checkpoint", "ml_dsa_65"),
    ],
)
def test_a_spoilt_vector_is_refused(name: str, path: tuple[str | int, ...], vectors: Path) -> None:
    document = vector(name)
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = flip(holder[path[-1]], at=5)
    (vectors / f"{name}.json").write_text(json.dumps(document))
    code, out, err = run("vectors", vectors)
    assert (code, out) == (1, "")
    assert "NOT VERIFIED" in err


def envelope_arguments(tmp_path: Path, registry: Path, data: bytes) -> list[object]:
    (tmp_path / "sealed.rwe").write_bytes(data)
    keys = tmp_path / "node.json"
    if not keys.exists():
        world.NODES["bbb-1"].save(keys)
    files: list[object] = ["envelope", tmp_path / "sealed.rwe", "--registry", registry]
    return [*files, "--anchor", ANCHOR, "--node", "bbb-1", "--keys", keys]


def test_an_envelope_from_the_program(tmp_path: Path, registry: Path) -> None:
    items = [
        world.item(1, label={"tlp": "RED", "n": 1.5, "big": 2**52, "no": None}),
        world.item(300, onward={"é": [True, False, -1, -40000, "x" * 300, 70000]}),
    ]
    data = world.seal(*items).data
    code, out, _ = run(*envelope_arguments(tmp_path, registry, data))
    found = json.loads(out)
    assert (code, found["position"], len(found["items"])) == (0, 7, 2)
    assert found["items"][0]["label"]["tlp"] == "RED"


@pytest.mark.parametrize("at", [0, 5, 30, 1200, 3_500, 4_000, 7_500, -1])
def test_a_changed_envelope_is_refused(at: int, tmp_path: Path, registry: Path) -> None:
    data = bytearray(world.seal().data)
    data[at] ^= 1
    code, out, err = run(*envelope_arguments(tmp_path, registry, bytes(data)))
    assert (code, out) == (1, "")
    assert err.startswith("NOT VERIFIED")


def put(field: str, value: object) -> Change:
    return lambda document: document.__setitem__(field, value)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("header", "sent", "~"),
        ("header", "sent", "2026-01-02T03:04:05Z"),
        ("header", "lane", "routine"),
        ("header", "registry", True),
        ("payload", "batch_size", True),
        ("payload", "v", True),
        ("wrapped", "position", True),
    ],
)
def test_what_is_signed_in_another_form_is_refused(
    part: str, field: str, value: object, tmp_path: Path, registry: Path
) -> None:
    changes: dict[str, Any] = {part: put(field, value)}
    data = forge(**changes)
    with pytest.raises(BadEnvelope):
        open_envelope(
            data,
            me="bbb-1",
            keys=world.NODES["bbb-1"],
            alliance=world.ALLIANCE,
            registry=world.REGISTRY,
        )
    code, out, err = run(*envelope_arguments(tmp_path, registry, data))
    assert (code, out) == (1, "")
    assert err.startswith("NOT VERIFIED")


def test_a_proof_whose_payload_has_a_field_more_is_refused(tmp_path: Path, registry: Path) -> None:
    """Signed by the origin and all: what a version does not know it must not ignore."""
    item = world.item(1)
    (leaf,) = leaf_documents([item], ["bbb-1"])
    fields = {"alliance": world.ALLIANCE, "origin": "aaa-1", "batch_size": 1, "header_digest": "x"}
    path = tmp_path / "statement.json"

    def verdict(**more: object) -> int:
        root = to_text(leaf_hash(leaf, item.leaf_salt))
        payload = canonical_json({"v": 1, "batch_root": root, **fields, **more})
        pair = sign(world.NODES["aaa-1"], "envelope", world.ALLIANCE, payload)
        key_id = world.NODES["aaa-1"].public().key_id
        proof = Proof(leaf, item.leaf_salt, (), 0, 1, payload, pair, key_id)
        bundle = {"object": to_text(world.BODY), "seed": to_text(world.SEED)}
        path.write_text(json.dumps(bundle | {"proof": proof_document(proof)}))
        return run("statement", path, "--registry", registry, "--anchor", ANCHOR)[0]

    assert verdict() == 0
    assert verdict(later="only until Friday") == 1


@pytest.mark.parametrize("withheld", [{"name"}, {"confidence", "valid_from"}])
def test_a_redaction_in_an_envelope_and_by_itself(
    withheld: set[str], tmp_path: Path, registry: Path
) -> None:
    body, disclosure = redact(world.BODY, world.SEED, withheld)
    sealed = world.seal(world.item(object=body, seed=b"", disclosure=disclosure))
    code, out, _ = run(*envelope_arguments(tmp_path, registry, sealed.data))
    assert (code, len(json.loads(out)["items"])) == (0, 1)
    path = tmp_path / "statement.json"
    arguments = ("statement", path, "--registry", registry, "--anchor", ANCHOR)
    proof = proof_document(sealed.proofs[0])
    bundle = {"object": to_text(body), "disclosure": to_text(disclosure), "proof": proof}
    path.write_text(json.dumps(bundle))
    assert run(*arguments)[0] == 0
    for wrong in (disclosure[33:], disclosure[:-33], b"\2" + disclosure[1:], disclosure[:-1], b""):
        path.write_text(json.dumps(bundle | {"disclosure": to_text(wrong)}))
        assert run(*arguments)[0] == 1
    path.write_text(json.dumps(bundle | {"seed": to_text(world.SEED)}))
    assert run(*arguments)[0] == 1


def test_one_statement_and_its_registry(tmp_path: Path, registry: Path) -> None:
    bundle = {
        "object": to_text(world.BODY),
        "seed": to_text(world.SEED),
        "proof": proof_document(world.seal().proofs[1]),
    }
    path = tmp_path / "statement.json"
    path.write_text(json.dumps(bundle))
    arguments = ("statement", path, "--registry", registry, "--anchor")
    code, out, _ = run(*arguments, ANCHOR)
    assert (code, json.loads(out)["leaf"]["sequence"]) == (0, 2)
    assert run(*arguments, "0" * 64)[0] == 1


def test_a_log_against_its_checkpoint(tmp_path: Path, registry: Path) -> None:
    leaves, tree = [b'{"n":%d}' % number for number in range(6)], AuditTree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    signed = sign_checkpoint(world.NODES["aaa-1"], world.ALLIANCE, "aaa-1", tree.size, tree.root)
    note = {"node": "aaa-1", "note": signed.note, "ml_dsa_65": to_text(signed.ml_dsa_65)}
    (tmp_path / "checkpoint.json").write_text(json.dumps(note))
    log = tmp_path / "audit.jsonl"
    arguments = ("checkpoint", tmp_path / "checkpoint.json", "--leaves", log)

    def verdict(lines: list[bytes]) -> int:
        log.write_bytes(b"".join(line + b"\n" for line in lines))
        return run(*arguments, "--registry", registry, "--anchor", ANCHOR)[0]

    assert verdict(leaves) == 0
    assert verdict([*leaves, b"{}"]) == 0  # entries after the checkpoint are not covered by it
    assert verdict(leaves[:-1]) == 1
    assert verdict([leaves[1], leaves[0], *leaves[2:]]) == 1
    assert verdict([*leaves[:3], b'{"n":9}', *leaves[4:]]) == 1


def test_a_registry_chain(tmp_path: Path, registry: Path) -> None:
    second = tmp_path / "second.json"
    after = make_vectors.second_registry()
    second.write_text(encode_registry(world.signed_registry(after)))
    assert run("registry", registry, second, "--anchor", ANCHOR)[0] == 0
    assert run("registry", second, registry, "--anchor", ANCHOR)[0] == 1
    second.write_text(encode_registry(world.signed_registry(after, "holder-1")))
    code, _, err = run("registry", registry, second, "--anchor", ANCHOR)
    assert code == 1
    assert "1 of 2 holders" in err


def test_of_a_key_that_was_revoked_since_it_is_said(tmp_path: Path, registry: Path) -> None:
    nodes = dict(world.REGISTRY.nodes)
    nodes["aaa-1"] = msgspec.structs.replace(nodes["aaa-1"], revoked_at=world.SENT)
    previous = world.REGISTRY.digest
    after = world.make_registry(number=2, previous=previous, nodes=nodes)
    second = tmp_path / "second.json"
    second.write_text(encode_registry(world.signed_registry(after)))
    data = world.seal(at="2026-01-01T05:00:00.000000Z").data
    arguments = envelope_arguments(tmp_path, registry, data)
    assert json.loads(run(*arguments)[1])["key"] == "in force"
    arguments.insert(arguments.index(registry) + 1, second)
    code, out, _ = run(*arguments)
    assert (code, json.loads(out)["key"]) == (0, f"revoked from {world.SENT}")


def test_what_cannot_be_read_is_another_exit_code(tmp_path: Path) -> None:
    assert run("registry", tmp_path / "none.json", "--anchor", ANCHOR)[0] == 2
    assert run("nonsense")[0] == 2
    (tmp_path / "odd.json").write_text('{"document":{}}')
    assert run("registry", tmp_path / "odd.json", "--anchor", ANCHOR)[0] == 1
