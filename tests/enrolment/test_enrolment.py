"""Founding and joining by files: what is right works, what is wrong is named, keys stay."""

import base64
import stat
from pathlib import Path

import msgspec
import pytest

from ringwall.core import (
    BadConfiguration,
    BadRegistry,
    BadSignature,
    Conflict,
    InvalidInput,
    RingwallError,
    SystemClock,
)
from ringwall.core.settings import Files, load_hub_settings, load_node_settings
from ringwall.enrolment import (
    Admission,
    admit,
    create_holder,
    create_hub,
    create_node,
    enrol,
    issue_registry,
    leaf_remote,
    load_registry,
    read_admission,
    read_holder_card,
    read_introduction,
    take_up_registry,
    write_document,
)
from ringwall.exchange import tls
from ringwall.exchange.hub_accounts import new_user_seed, public_nkey
from ringwall.trust import HolderKeys, SignedRegistry, read_registry

ALLIANCE = """\
alliance: {id: ring, name: Ring, kind: exercise}
members:
  aaa: {name: Aaa, kind: nation, nodes: {aaa-1: {place: 1}}}
  bbb: {name: Bbb, kind: nation, nodes: {bbb-1: {place: 2}}}
"""
NOW = SystemClock().now()


class Founding:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        create_hub(directory / "hub", ALLIANCE, "hub1", now=NOW)
        names = ("one", "two")
        for name in names:
            create_holder(directory / name, name)
        self.holders = {
            name: HolderKeys.load(directory / name / "holder-keys.json") for name in names
        }
        for node in ("aaa-1", "bbb-1"):
            create_node(directory / node, ALLIANCE, node)

    def registry(self, *nodes: str, text: str = ALLIANCE) -> SignedRegistry:
        introductions = [read_introduction(self.directory / n / "introduction.json") for n in nodes]
        return issue_registry(text, introductions, self.holders, threshold=2, issued=NOW)

    def admission(self, node: str) -> Admission:
        introduction = read_introduction(self.directory / node / "introduction.json")
        return admit(self.directory / "hub", introduction, now=NOW)


@pytest.fixture
def founding(tmp_path: Path) -> Founding:
    return Founding(tmp_path)


def refuse(founding: Founding, rule: str, registry: SignedRegistry, admission: Admission) -> None:
    directory = founding.directory / "aaa-1"
    with pytest.raises(RingwallError) as caught:
        enrol(directory, [registry], admission)
    assert caught.value.rule == rule
    assert not (directory / "ringwall.toml").exists()
    assert not (directory / "hub").exists()


def test_a_node_is_enrolled(founding: Founding) -> None:
    directory = founding.directory / "aaa-1"
    path = founding.directory / "admission.json"
    write_document(path, founding.admission("aaa-1"))
    registry = founding.registry("aaa-1", "bbb-1")
    settings = enrol(directory, [registry], read_admission(path))
    assert load_node_settings(directory) == settings
    assert (settings.node, settings.hub) == ("aaa-1", "hub1")
    assert load_registry(Files(directory)) == read_registry(registry.document)
    remote = leaf_remote(Files(directory), settings)
    port = load_hub_settings(founding.directory / "hub").leaf_port
    assert remote.url == f"tls://127.0.0.1:{port}"
    for file in (remote.credentials, remote.certificate, remote.key, remote.authority):
        assert file.is_absolute()
        assert file.is_file()


def test_secrets_are_the_owners_only(founding: Founding) -> None:
    enrol(founding.directory / "aaa-1", [founding.registry("aaa-1")], founding.admission("aaa-1"))
    secret = [
        "aaa-1/keys/node.json",
        "aaa-1/keys/nats.seed",
        "aaa-1/keys/tls.pem",
        "aaa-1/hub/node.creds",
        "hub/hub/identity.json",
        "hub/hub/authority-key.pem",
        "hub/hub/server-key.pem",
        "one/holder-keys.json",
    ]
    for name in secret:
        assert stat.S_IMODE((founding.directory / name).stat().st_mode) == 0o600, name


def test_existing_keys_are_never_overwritten(founding: Founding) -> None:
    before = {p: p.read_bytes() for p in founding.directory.rglob("*") if p.is_file()}
    for again in (
        lambda: create_node(founding.directory / "aaa-1", ALLIANCE, "aaa-1"),
        lambda: create_hub(founding.directory / "hub", ALLIANCE, "hub1", now=NOW),
        lambda: create_holder(founding.directory / "one", "one"),
    ):
        with pytest.raises(BadConfiguration) as caught:
            again()
        assert caught.value.rule == "exists"
    assert before == {p: p.read_bytes() for p in founding.directory.rglob("*") if p.is_file()}


def test_documents_for_another_node_are_refused(founding: Founding) -> None:
    both = founding.registry("aaa-1", "bbb-1")
    own = founding.admission("aaa-1")
    refuse(founding, "node", founding.registry("bbb-1"), own)
    refuse(founding, "node", both, founding.admission("bbb-1"))
    seed = public_nkey(new_user_seed())
    refuse(founding, "nkey", both, msgspec.structs.replace(own, nkey=seed))
    other = founding.admission("bbb-1").user_jwt
    refuse(founding, "nkey", both, msgspec.structs.replace(own, user_jwt=other))
    stranger = founding.admission("bbb-1").certificate
    refuse(founding, "key", both, msgspec.structs.replace(own, certificate=stranger))
    foreign = tls.new_authority("ring", "hub1", NOW).certificate.decode()
    refuse(founding, "issuer", both, msgspec.structs.replace(own, authority=foreign))


def test_a_registry_with_other_keys_or_description_is_refused(founding: Founding) -> None:
    admission = founding.admission("aaa-1")
    create_node(founding.directory / "impostor", ALLIANCE, "aaa-1")
    impostor = read_introduction(founding.directory / "impostor" / "introduction.json")
    registry = issue_registry(ALLIANCE, [impostor], founding.holders, threshold=2, issued=NOW)
    refuse(founding, "keys", registry, admission)
    other = ALLIANCE.replace("name: Bbb", "name: Changed")
    refuse(founding, "alliance-digest", founding.registry("aaa-1", text=other), admission)


def test_an_anchor_that_differs_is_refused(founding: Founding) -> None:
    with pytest.raises(BadRegistry) as caught:
        enrol(
            founding.directory / "aaa-1",
            [founding.registry("aaa-1")],
            founding.admission("aaa-1"),
            anchor="0" * 64,
        )
    assert caught.value.rule == "anchor"


def test_the_registry_on_disk_is_verified_at_every_start(founding: Founding) -> None:
    directory = founding.directory / "aaa-1"
    enrol(directory, [founding.registry("aaa-1")], founding.admission("aaa-1"))
    files = Files(directory)
    chain = directory / "registry-chain.json"
    good = chain.read_bytes()
    chain.write_bytes(good.replace(b'"member":"aaa"', b'"member":"bbb"'))
    with pytest.raises((BadRegistry, BadSignature)):
        load_registry(files)
    chain.write_bytes(good)
    other = founding.registry("aaa-1", "bbb-1")
    from ringwall.trust import encode_registry

    files.registry.write_text(encode_registry(other))
    with pytest.raises(BadConfiguration):
        load_registry(files)


def test_an_introduction_that_was_changed_is_refused(founding: Founding) -> None:
    path = founding.directory / "aaa-1" / "introduction.json"
    original = path.read_text()
    nkey = msgspec.json.decode(original)["nkey"]
    path.write_text(original.replace(nkey, public_nkey(new_user_seed())))
    with pytest.raises(BadSignature):
        read_introduction(path)
    path.write_text(original.replace('"nkey"', '"nkex"'))
    with pytest.raises(InvalidInput):
        read_introduction(path)
    path.write_text("{")
    with pytest.raises(InvalidInput):
        read_introduction(path)


def test_a_seat_is_not_taken_twice(founding: Founding) -> None:
    founding.admission("aaa-1")
    founding.admission("aaa-1")  # the same node again: a new certificate
    create_node(founding.directory / "impostor", ALLIANCE, "aaa-1")
    with pytest.raises(Conflict) as caught:
        founding.admission("impostor")
    assert caught.value.rule == "seat"


def test_unknown_nodes_and_names_are_refused(founding: Founding, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        create_node(tmp_path / "zzz", ALLIANCE, "zzz-1")
    assert not (tmp_path / "zzz").exists()
    with pytest.raises(InvalidInput):
        create_holder(tmp_path / "bad", "Bad Name")


def test_a_holder_card_carries_the_public_keys_only(founding: Founding) -> None:
    card = read_holder_card(founding.directory / "one" / "holder.json")
    assert card.verifying() == founding.holders["one"].public()
    text = (founding.directory / "one" / "holder.json").read_text()
    private = msgspec.json.decode((founding.directory / "one" / "holder-keys.json").read_bytes())
    seeds = [value for value in private.values() if isinstance(value, str) and len(value) > 40]
    assert seeds
    assert not any(seed in text for seed in seeds)


def test_a_token_cannot_be_read_as_another(founding: Founding) -> None:
    body = founding.admission("aaa-1").user_jwt.split(".")[1]
    claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["name"] == "aaa-1"
    assert "pub" not in claims["nats"]  # permissions come from the scope, never from the token
    assert "sub" not in claims["nats"]


def test_a_newer_registry_is_taken_up_and_an_older_one_is_not(founding: Founding) -> None:
    first = founding.registry("aaa-1", "bbb-1")
    files = Files(founding.directory / "aaa-1")
    enrol(files.directory, [first], founding.admission("aaa-1"))
    changed = ALLIANCE.replace("name: Ring", "name: New ring")
    introductions = [
        read_introduction(founding.directory / node / "introduction.json")
        for node in ("aaa-1", "bbb-1")
    ]
    second = issue_registry(
        changed, introductions, founding.holders, threshold=2, issued=NOW, previous=first
    )
    with pytest.raises(InvalidInput) as refused:
        take_up_registry(files, second)
    assert refused.value.rule == "alliance-digest"
    assert load_registry(files).number == 1
    for _ in range(2):  # what was cut off can be repeated
        assert take_up_registry(files, second, alliance_text=changed).number == 2
    assert load_registry(files).number == 2
    assert files.alliance.read_text() == changed
    with pytest.raises(BadRegistry):
        take_up_registry(files, first)
    forged = msgspec.structs.replace(second, document=second.document + b" ")
    with pytest.raises((BadRegistry, BadSignature, RingwallError)):
        take_up_registry(files, forged)
    assert load_registry(files).number == 2
