"""A node's own side: its keys, its introduction, and becoming a member's node by two documents."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from ringwall.alliance import load_alliance
from ringwall.core import BadConfiguration, InvalidInput, canonical_json
from ringwall.core.settings import Files, NodeSettings, format_settings
from ringwall.enrolment.documents import (
    INTRODUCTION_PURPOSE,
    Admission,
    Introduction,
    create_private,
    introduction_payload,
    read_admission,
    read_introduction,
    refuse_existing,
    signature_document,
    write_document,
)
from ringwall.enrolment.hubs import free_port
from ringwall.exchange import tls
from ringwall.exchange.hub_accounts import (
    credentials_text,
    new_user_seed,
    public_nkey,
    user_token_claims,
)
from ringwall.exchange.leaf import LeafRemote
from ringwall.exchange.nats_process import write_private
from ringwall.trust import (
    NodeKeys,
    Registry,
    SignedRegistry,
    decode_registry,
    encode_registry,
    public_document,
    read_registry,
    sign,
    verify_registry,
    verify_registry_chain,
)


def create_node(directory: Path, alliance_text: str, node: str) -> Introduction:
    """Make a node's keys in ``directory`` and its ``introduction.json``.

    Raises InvalidInput (rule of the alliance) if the alliance has no such node, BadConfiguration
    (rule ``exists``) if there are keys already.
    """
    alliance = load_alliance(alliance_text)
    alliance.node(node)
    files = Files(directory)
    for path in (files.keys, _seed_path(files), _tls_key_path(files), files.alliance):
        refuse_existing(path)
    files.keys.parent.mkdir(parents=True, exist_ok=True)
    keys = NodeKeys.generate()
    keys.save(files.keys)
    seed = new_user_seed()
    create_private(_seed_path(files), seed + "\n")
    csr, tls_key = tls.new_request(alliance.id, node)
    create_private(_tls_key_path(files), tls_key.decode())
    create_private(files.alliance, alliance_text)
    document: dict[str, Any] = {
        "alliance": alliance.id,
        "node": node,
        "keys": public_document(keys.public()),
        "nkey": public_nkey(seed),
        "csr": csr.decode(),
    }
    signature = sign(keys, INTRODUCTION_PURPOSE, alliance.id, introduction_payload(document))
    introduction = Introduction(**document, signature=signature_document(signature))
    write_document(directory / "introduction.json", introduction)
    return introduction


def enrol(
    directory: Path,
    registries: Sequence[SignedRegistry],
    admission: Admission,
    *,
    anchor: str = "",
    http_port: int = 0,
    leaf_port: int = 0,
) -> NodeSettings:
    """Make the node in ``directory`` ready to start.

    ``registries`` is the chain from the first document on; ``anchor`` is the hex digest of the
    first one, learnt by another way (without it the first that is seen is trusted, once). Port 0
    takes a free one. Both documents must name this node's own keys; nothing is written before
    all is checked. Raises BadRegistry, BadSignature, InvalidInput (rules ``node``, ``keys``,
    ``alliance``, ``alliance-digest``, ``nkey``, ``jwt``, those of the certificate).
    """
    files = Files(directory)
    introduction = read_introduction(directory / "introduction.json")
    refuse_existing(files.settings)
    if not registries:
        raise InvalidInput("no registry", field="registry", rule="missing")
    first = anchor or read_registry(registries[0].document).digest
    registry = verify_registry_chain(registries, anchor=first)
    _check_registry(files, registry, introduction)
    _check_admission(files, admission, introduction)
    settings = NodeSettings(
        node=introduction.node,
        hub=admission.hub,
        http_port=http_port or free_port(),
        leaf_port=leaf_port or free_port(),
    )
    _write_admission(files, admission)
    write_private(files.registry, encode_registry(registries[-1]))
    _write_chain(files, first, registries)
    create_private(files.settings, format_settings(settings))
    return settings


def load_registry(files: Files) -> Registry:
    """Read the node's registry and verify its whole chain from the anchor that was enrolled.

    Raises BadConfiguration (rules ``missing``, ``registry-chain``), BadRegistry, BadSignature.
    """
    try:
        stored = msgspec.json.decode(_chain_path(files).read_bytes(), type=_Chain)
        current = decode_registry(files.registry.read_bytes())
    except FileNotFoundError as error:
        raise BadConfiguration(
            f"{error.filename} is missing: enrol this node first",
            field=str(error.filename),
            rule="missing",
        ) from error
    except (msgspec.DecodeError, OSError) as error:
        path = str(_chain_path(files))
        raise BadConfiguration(f"{path}: {error}", field=path, rule="registry-chain") from error
    chain = [decode_registry(bytes(raw)) for raw in stored.registries]
    registry = verify_registry_chain(chain, anchor=stored.anchor)
    if current.document != chain[-1].document:
        raise BadConfiguration(
            f"{files.registry} is not the last of {_chain_path(files)}",
            field=str(files.registry),
            rule="registry-chain",
        )
    return registry


def take_up_registry(files: Files, signed: SignedRegistry, *, alliance_text: str = "") -> Registry:
    """Make the node's next start use a newer registry, and the description that it binds.

    ``alliance_text`` is needed when the registry binds another description than the node has.
    Doing it again changes nothing, so what was cut off can be repeated. Raises BadRegistry or
    BadSignature if it does not follow the one that is trusted, InvalidInput (rule
    ``alliance-digest``), BadConfiguration; then nothing was written.
    """
    stored = msgspec.json.decode(_chain_path(files).read_bytes(), type=_Chain)
    chain = [decode_registry(bytes(raw)) for raw in stored.registries]
    registry = verify_registry_chain(chain, anchor=stored.anchor)
    if signed.document != chain[-1].document:
        registry = verify_registry(signed, trusted=registry)
        chain.append(signed)
    text = alliance_text or files.alliance.read_text(encoding="utf-8")
    if load_alliance(text).digest != registry.alliance_digest:
        _refuse(
            "registry/alliance_digest", "alliance-digest", "binds another description than ours"
        )
    write_private(files.alliance, text)
    _write_chain(files, stored.anchor, chain)
    write_private(files.registry, encode_registry(signed))
    return registry


def leaf_remote(files: Files, settings: NodeSettings) -> LeafRemote:
    """Return the way to the node's hub, with absolute paths.

    Raises BadConfiguration (rule ``hub``) if the admission is of another hub than the settings.
    """
    files = Files(files.directory.absolute())
    admission = read_admission(_admission_path(files))
    if admission.hub != settings.hub:
        raise BadConfiguration(
            f"settings name hub {settings.hub}, the admission is of {admission.hub}",
            field="hub",
            rule="hub",
        )
    return LeafRemote(
        hub=admission.hub,
        url=admission.url,
        credentials=files.hub / "node.creds",
        certificate=files.hub / "certificate.pem",
        key=_tls_key_path(files),
        authority=files.hub / "authority.pem",
    )


class _Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    anchor: str
    registries: list[msgspec.Raw]


def _write_chain(files: Files, anchor: str, registries: Sequence[SignedRegistry]) -> None:
    chain = [msgspec.json.decode(encode_registry(signed)) for signed in registries]
    document = canonical_json({"anchor": anchor, "registries": chain})
    write_private(_chain_path(files), document.decode())


def _check_registry(files: Files, registry: Registry, introduction: Introduction) -> None:
    alliance = load_alliance(files.alliance.read_text(encoding="utf-8"))
    if registry.alliance != alliance.id:
        _refuse("registry/alliance", "alliance", f"is of alliance {registry.alliance}")
    if registry.alliance_digest != alliance.digest:
        _refuse(
            "registry/alliance_digest", "alliance-digest", "binds another description than ours"
        )
    listed = registry.nodes.get(introduction.node)
    if listed is None:
        _refuse("registry/nodes", "node", f"does not list {introduction.node}")
    keys = NodeKeys.load(files.keys).public()
    if listed.keys != keys or introduction.public() != keys:
        _refuse(f"registry/nodes/{introduction.node}", "keys", "does not name this node's keys")
    if listed.place != alliance.node(introduction.node).place:
        _refuse(f"registry/nodes/{introduction.node}", "place", "names another place")


def _check_admission(files: Files, admission: Admission, introduction: Introduction) -> None:
    if admission.alliance != introduction.alliance:
        _refuse("admission/alliance", "alliance", f"is of alliance {admission.alliance}")
    if admission.node != introduction.node:
        _refuse("admission/node", "node", f"is for {admission.node}")
    nkey = public_nkey(_read_seed(files))
    claims = user_token_claims(admission.user_jwt)
    if admission.nkey != nkey or claims.get("sub") != nkey:
        _refuse("admission/nkey", "nkey", "does not name this node's nkey")
    if claims.get("name") != introduction.node:
        _refuse("admission/user_jwt", "jwt", f"the token is not {introduction.node}'s")
    tls.check_node_certificate(
        admission.certificate.encode(),
        admission.authority.encode(),
        _tls_key_path(files).read_bytes(),
        admission.alliance,
        admission.node,
    )


def _write_admission(files: Files, admission: Admission) -> None:
    files.hub.mkdir(parents=True, exist_ok=True)
    credentials = credentials_text(admission.user_jwt, _read_seed(files))
    write_private(files.hub / "node.creds", credentials)
    write_private(files.hub / "certificate.pem", admission.certificate)
    write_private(files.hub / "authority.pem", admission.authority)
    write_document(_admission_path(files), admission)


def _read_seed(files: Files) -> str:
    return _seed_path(files).read_text(encoding="ascii").strip()


def _seed_path(files: Files) -> Path:
    return files.keys.with_name("nats.seed")


def _tls_key_path(files: Files) -> Path:
    return files.keys.with_name("tls.pem")


def _admission_path(files: Files) -> Path:
    return files.hub / "admission.json"


def _chain_path(files: Files) -> Path:
    return files.registry.with_name("registry-chain.json")


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise InvalidInput(f"{field}: {why}", field=field, rule=rule)
