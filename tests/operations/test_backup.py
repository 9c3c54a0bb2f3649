"""Backups are whole, private and consistent while the node runs; what is damaged is named."""

import io
import json
import random
import shutil
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ringwall.core import (
    BadConfiguration,
    BadSignature,
    IntegrityFailure,
    InvalidInput,
    RingwallError,
    StorageFull,
    SystemClock,
)
from ringwall.core.settings import Files, load_node_settings
from ringwall.enrolment import check_standing
from ringwall.exchange.resumption import RESTORED
from ringwall.operations.archive import ArchiveReader, Manifest
from ringwall.operations.backup import LAST_BACKUP, back_up
from ringwall.operations.passphrase import open_files, seal_files
from ringwall.operations.restore import RestoredNode, restore
from ringwall.operations.sources import SqliteSource, database_source
from ringwall.store import SqliteStore, WriteTransaction, verify_store
from ringwall.store.sqlite import snapshots
from ringwall.trust import NodeKeys
from tests.operations.node_world import NodeWorld

PASSPHRASE = "correct horse battery"
CLOCK = SystemClock()


def save(world: NodeWorld, name: str = "node.backup", passphrase: str = "") -> Path:
    target = world.directory / name
    source = database_source(world.files, world.settings)
    back_up(world.files, world.settings, source, target, clock=CLOCK, passphrase=passphrase)
    return target


def bring_back(archive: Path, directory: Path, **options: object) -> RestoredNode:
    return restore(archive, directory, clock=CLOCK, **options)  # type: ignore[arg-type]


def test_a_backup_brings_the_whole_node_back(world: NodeWorld, tmp_path: Path) -> None:
    archive = save(world, passphrase=PASSPHRASE)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    directory = tmp_path / "back"
    restored = bring_back(archive, directory, passphrase=PASSPHRASE, check_all=True)
    assert restored.keys
    for path in directory.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o600 if path.is_file() else 0o700), path
    kept = {
        str(path.relative_to(world.node)): path.read_bytes()
        for path in world.node.rglob("*")
        if path.is_file() and not path.name.startswith("ringwall.db")
    }
    assert {"keys/node.json", "hub/node.creds", "registry-chain.json", "alliance.yaml"} <= set(kept)
    for name, data in kept.items():
        assert (directory / name).read_bytes() == data, name
    settings = load_node_settings(directory)
    files = Files(directory)
    from ringwall.alliance import load_alliance

    alliance = load_alliance(files.alliance.read_bytes())
    check_standing(settings.node, alliance, world.registry(), NodeKeys.load(files.keys))
    store = SqliteStore(files.database)
    assert verify_store(store, registry=world.registry(), node="aaa-1") == []
    with store.read() as tx:
        assert tx.last_order() == 2
        assert tx.meta(RESTORED) is not None
    store.close()


def test_without_a_passphrase_no_secret_is_in_it(world: NodeWorld, tmp_path: Path) -> None:
    token = world.give_token()
    data = save(world).read_bytes()
    secrets = [
        json.loads((world.node / "keys" / "node.json").read_bytes())["ed25519"],
        (world.node / "keys" / "nats.seed").read_text().strip(),
        token,
    ]
    for secret in secrets:
        assert secret.encode() not in data
    assert b"PRIVATE" not in data
    restored = bring_back(world.directory / "node.backup", tmp_path / "back")
    assert not restored.keys
    assert not (tmp_path / "back" / "keys").exists()


def test_with_a_passphrase_the_keys_are_sealed(world: NodeWorld, tmp_path: Path) -> None:
    archive = save(world, passphrase=PASSPHRASE)
    data = archive.read_bytes()
    assert b"PRIVATE" not in data
    assert (world.node / "keys" / "nats.seed").read_bytes().strip() not in data
    with pytest.raises(IntegrityFailure) as refused:
        bring_back(archive, tmp_path / "back", passphrase="another passphrase")
    assert refused.value.rule == "passphrase"
    assert list(tmp_path.glob("*back*")) == []
    assert not bring_back(archive, tmp_path / "back").keys


def test_sealed_files_open_with_their_passphrase_only() -> None:
    sealed = seal_files({"keys/node.json": b"\x00\xff"}, PASSPHRASE)
    assert open_files(sealed, PASSPHRASE) == {"keys/node.json": b"\x00\xff"}
    for damaged in (sealed[:-3], b"{}", sealed.replace(b'"version":1', b'"version":2')):
        with pytest.raises(IntegrityFailure):
            open_files(damaged, PASSPHRASE)
    with pytest.raises(InvalidInput):
        seal_files({}, "short")


def test_the_node_keeps_writing_while_it_is_saved(world: NodeWorld, tmp_path: Path) -> None:
    stop, written = threading.Event(), [0]

    def work() -> None:
        while not stop.is_set():
            world.state(f"busy {written[0]}")
            written[0] += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        archives = [save(world, f"{number}.backup") for number in range(4)]
    finally:
        stop.set()
        worker.join()
    assert written[0] > 0
    for number, archive in enumerate(archives):
        bring_back(archive, tmp_path / f"back-{number}", check_all=True)


def test_the_manifest_says_what_is_in_it(world: NodeWorld) -> None:
    archive = save(world)
    reader = ArchiveReader(archive)
    manifest: Manifest = reader.manifest
    reader.close()
    store = world.open()
    with store.read() as tx:
        assert (manifest.audit_size, manifest.audit_root) == (
            tx.audit_size(),
            tx.audit_root().hex(),
        )
        noted = json.loads(tx.meta(LAST_BACKUP) or b"")
        (entry,) = [
            entry
            for entry in (json.loads(row.leaf) for row in tx.audit_entries(0, 1000))
            if entry["kind"] == "backup"
        ]
    store.close()
    assert noted == {"at": manifest.taken_at, "size": archive.stat().st_size}
    assert (entry["to"], entry["keys"]) == ("node.backup", False)
    assert {part.name for part in manifest.parts} >= {
        "database",
        "files/ringwall.toml",
        "files/checkpoints.log",
    }
    assert [one.name for one in world.directory.glob(".*")] == []


def test_nothing_is_overwritten(world: NodeWorld, tmp_path: Path) -> None:
    archive = save(world)
    before = archive.read_bytes()
    with pytest.raises(BadConfiguration) as refused:
        save(world)
    assert refused.value.rule == "exists"
    assert archive.read_bytes() == before
    with pytest.raises(BadConfiguration) as refused:
        save(world, "aaa-1/node.backup")
    assert refused.value.rule == "inside"
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "file").write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for directory in (occupied, occupied / "file", link):
        with pytest.raises(BadConfiguration) as refused:
            bring_back(archive, directory)
        assert refused.value.rule == "not-empty"
    (empty := tmp_path / "empty").mkdir()
    bring_back(archive, empty)


def test_a_full_disk_leaves_no_half_backup(
    world: NodeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "free_bytes", lambda path: 4096)
    with pytest.raises(StorageFull) as refused:
        save(world)
    assert refused.value.rule == "copy-space"
    assert [path.name for path in world.directory.iterdir() if "backup" in path.name] == []


def put_credential(kind: str, tx: WriteTransaction) -> None:
    reader = {"id": "p-0", "member": "aaa", "name": "x", "roles": [], "tlp": "CLEAR"}
    body = json.dumps({"reader": reader, "issuer": "", "at": "", "until": ""}).encode()
    tx.put_document(kind, "aaa", "one", body, "2026", "")


def test_sessions_end_and_tokens_are_revoked(world: NodeWorld, tmp_path: Path) -> None:
    world.give_token()
    store = world.open()
    store.write(lambda tx: tx.put_session(b"s" * 32, "ana", "2026", "2099")).result()
    store.write(lambda tx: tx.put_login_code(b"c" * 32, "ana", "2099")).result()
    for kind in ("passkey", "person", "login-link"):
        store.write(partial(put_credential, kind)).result()
    store.close()
    archive = save(world)
    assert bring_back(archive, tmp_path / "a").tokens_revoked == 1
    assert bring_back(archive, tmp_path / "b", keep_tokens=True).tokens_revoked == 0
    for name, revoked in (("a", True), ("b", False)):
        restored = SqliteStore(tmp_path / name / "ringwall.db")
        with restored.read() as tx:
            assert [bool(row.revoked) for row in tx.tokens()] == [revoked]
            assert tx.reader_of_session(b"s" * 32, "2026-12") is None
            for kind in ("passkey", "person", "login-link"):
                assert tx.documents(kind, "aaa", "2026") == []
        assert restored.write(lambda tx: tx.use_login_code(b"c" * 32, "2026-12")).result() is None
        assert verify_store(restored, registry=world.registry(), node="aaa-1") == []
        restored.close()


# --- damage ---


def offsets(archive: Path) -> dict[str, tuple[int, int]]:
    with tarfile.open(archive) as opened:
        return {member.name: (member.offset_data, member.size) for member in opened}


@pytest.mark.parametrize(
    "part",
    [
        "manifest.json",
        "signature.json",
        "database",
        "files/registry.json",
        "files/hub/admission.json",
    ],
)
def test_a_flipped_bit_is_named(world: NodeWorld, tmp_path: Path, part: str) -> None:
    archive = save(world)
    data = bytearray(archive.read_bytes())
    start, size = offsets(archive)[part]
    data[start + size // 2] ^= 0x01
    archive.write_bytes(data)
    with pytest.raises((IntegrityFailure, BadSignature)) as refused:
        bring_back(archive, tmp_path / "back")
    named = f"{refused.value.field} {refused.value}"
    assert part in named or part in ("manifest.json", "signature.json"), named
    assert list(tmp_path.glob("*back*")) == []


def test_every_truncation_is_refused(world: NodeWorld, tmp_path: Path) -> None:
    archive = save(world)
    data, places = archive.read_bytes(), offsets(archive)
    cuts = {start + size // 2: name for name, (start, size) in places.items()}
    cuts |= {start - 100: name for name, (start, _) in places.items()}  # within its header
    for cut, name in sorted(cuts.items()):
        archive.write_bytes(data[:cut])
        with pytest.raises(RingwallError) as refused:
            bring_back(archive, tmp_path / "back")
        assert name in str(refused.value) or "manifest" in str(refused.value), (cut, name)
        assert isinstance(refused.value, (IntegrityFailure, BadSignature))
    for cut in (0, 1, 511):
        archive.write_bytes(data[:cut])
        with pytest.raises(IntegrityFailure, match=r"manifest\.json"):
            bring_back(archive, tmp_path / "back")


def repacked(archive: Path, change: Callable[[str, bytes, tarfile.TarInfo], bytes | None]) -> None:
    """Write an archive again with members changed; None leaves one out."""
    out = io.BytesIO()
    with tarfile.open(archive) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            data = change(member.name, file.read(), member)
            if data is not None:
                member.size = len(data) if member.isreg() else 0
                new.addfile(member, io.BytesIO(data) if member.isreg() else None)
    archive.write_bytes(out.getvalue())


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices_are_no_parts(world: NodeWorld, tmp_path: Path, kind: bytes) -> None:
    archive = save(world)

    def link(name: str, data: bytes, member: tarfile.TarInfo) -> bytes:
        if name == "files/registry.json":
            member.type, member.linkname = kind, "/etc/passwd"
        return data

    repacked(archive, link)
    with pytest.raises(IntegrityFailure, match=r"registry\.json") as refused:
        bring_back(archive, tmp_path / "back")
    assert refused.value.rule == "kind"


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/outside",
        "files/../../outside",
        "files//x",
        "files/.hidden",
        "other/x",
        "files",
    ],
)
def test_no_name_leads_outside(world: NodeWorld, tmp_path: Path, name: str) -> None:
    """Even when the manifest itself names it and is signed by the node's own keys."""
    archive = save(world)
    reader = ArchiveReader(archive)
    raw = reader.manifest_bytes.replace(b'"files/registry.json"', json.dumps(name).encode())
    reader.close()
    signature = sign_again(world, raw)

    def rename(was: str, data: bytes, member: tarfile.TarInfo) -> bytes:
        if was == "manifest.json":
            return raw
        if was == "signature.json":
            return signature
        if was == "files/registry.json":
            member.name = name
        return data

    repacked(archive, rename)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(IntegrityFailure):
        bring_back(archive, tmp_path / "deep" / "back")
    assert not (tmp_path / "outside").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {*before, "deep"}
    assert list(tmp_path.glob("deep/*")) == []


def sign_again(world: NodeWorld, manifest: bytes) -> bytes:
    import msgspec

    from ringwall.trust import sign

    signed = sign(NodeKeys.load(world.files.keys), "backup", "ring", manifest)
    return msgspec.json.encode({"ed25519": signed.ed25519, "ml_dsa_65": signed.ml_dsa_65})


def test_a_part_that_is_missing_moved_or_added_is_named(world: NodeWorld, tmp_path: Path) -> None:
    archive = save(world)
    whole = archive.read_bytes()
    repacked(archive, lambda name, data, _: None if name == "files/alliance.yaml" else data)
    with pytest.raises(IntegrityFailure, match=r"alliance\.yaml"):
        bring_back(archive, tmp_path / "back")
    archive.write_bytes(whole)
    with tarfile.open(archive, "a") as opened:
        opened.addfile(tarfile.TarInfo("files/more"))
    with pytest.raises(IntegrityFailure) as refused:
        bring_back(archive, tmp_path / "back")
    assert refused.value.rule == "more"


def test_a_manifest_of_other_keys_is_refused(world: NodeWorld, tmp_path: Path) -> None:
    archive = save(world)
    other = Files(world.directory / "bbb-1")

    def forge(name: str, data: bytes, _: tarfile.TarInfo) -> bytes:
        if name != "signature.json":
            return data
        import msgspec

        from ringwall.trust import sign

        reader = ArchiveReader(archive)
        signed = sign(NodeKeys.load(other.keys), "backup", "ring", reader.manifest_bytes)
        reader.close()
        return msgspec.json.encode({"ed25519": signed.ed25519, "ml_dsa_65": signed.ml_dsa_65})

    repacked(archive, forge)
    with pytest.raises(BadSignature):
        bring_back(archive, tmp_path / "back")


def test_a_newer_schema_is_refused_before_anything_is_written(
    world: NodeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = save(world)
    monkeypatch.setattr(SqliteSource, "schema", 0)
    with pytest.raises(BadConfiguration) as refused:
        bring_back(archive, tmp_path / "back")
    assert refused.value.rule == "schema-version"
    assert list(tmp_path.glob("*back*")) == []


def test_verify_names_what_was_tampered_before_the_backup(world: NodeWorld, tmp_path: Path) -> None:
    database = sqlite3.connect(world.files.database)
    with database:
        database.execute("UPDATE statements SET submitted_by = 'eve' WHERE \"order\" = 1")
    database.close()
    archive = save(world)
    with pytest.raises(IntegrityFailure) as refused:
        bring_back(archive, tmp_path / "back", check_all=True)
    assert refused.value.rule == "verify"
    assert "statements aaa-1:" in str(refused.value)
    assert "its submitter is not" in str(refused.value)
    assert not (tmp_path / "back").exists()


def test_a_damaged_database_is_not_saved_as_if_it_were_sound(world: NodeWorld) -> None:
    size = world.files.database.stat().st_size
    with world.files.database.open("r+b") as file:
        for page in range(3, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xde\xad" * 64)
    shutil.copy(world.files.database, world.directory / "damaged.db")
    with pytest.raises(RingwallError):
        save(world)
    assert not (world.directory / "node.backup").exists()


def test_a_file_whose_name_no_archive_takes_is_named(world: NodeWorld) -> None:
    (world.node / "my notes.txt").write_text("x")
    with pytest.raises(BadConfiguration, match=r"my notes\.txt") as refused:
        save(world)
    assert refused.value.rule == "name"


def test_no_byte_that_is_changed_does_harm(world: NodeWorld, tmp_path: Path) -> None:
    """Refused with one of our errors, or, where it was padding, restored as it was."""
    archive = save(world)
    data, chance = archive.read_bytes(), random.Random(7)
    heads = [start - 512 + chance.randrange(512) for start, _ in offsets(archive).values()]
    places = heads + [chance.randrange(len(data)) for _ in range(60)]
    outcomes = {"refused": 0, "restored": 0}
    for number, place in enumerate(places):
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(8)
        archive.write_bytes(changed)
        directory = tmp_path / f"back-{number}"
        try:
            bring_back(archive, directory, check_all=True)
        except (IntegrityFailure, BadSignature, BadConfiguration):
            outcomes["refused"] += 1
            assert not directory.exists()
        else:
            outcomes["restored"] += 1
    assert outcomes["refused"] > 50
