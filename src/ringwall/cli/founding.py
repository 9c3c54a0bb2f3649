"""Commands that found an alliance and join it: files on this machine, no network."""

import argparse
from pathlib import Path
from typing import Any

from ringwall.cli.output import print_json, print_table, progress
from ringwall.core import BadConfiguration, InvalidInput, SystemClock
from ringwall.core.settings import Files
from ringwall.enrolment import (
    admit,
    create_holder,
    create_hub,
    create_node,
    enrol,
    issue_registry,
    read_admission,
    read_holder_card,
    read_introduction,
    take_up_registry,
    write_document,
)
from ringwall.trust import (
    HolderKeys,
    Registry,
    SignedRegistry,
    decode_registry,
    encode_registry,
    read_registry,
    verify_registry,
)


def init_holder(options: argparse.Namespace) -> None:
    """Make the keys of a registry key holder."""
    create_holder(Path(options.directory), options.name)
    print(Path(options.directory) / "holder.json")


def init_hub(options: argparse.Namespace) -> None:
    """Make a hub."""
    settings = create_hub(
        Path(options.directory),
        _text(options.alliance),
        options.name,
        now=SystemClock().now(),
        host=options.host,
        leaf_port=options.leaf_port,
        client_port=options.client_port,
        monitor_port=options.monitor_port,
    )
    progress(f"nodes will reach {settings.hub} at tls://{options.host}:{settings.leaf_port}")


def init_node(options: argparse.Namespace) -> None:
    """Make a node's keys and the introduction that goes to holders and hub."""
    create_node(Path(options.directory), _text(options.alliance), options.node)
    print(Path(options.directory) / "introduction.json")


def admit_node(options: argparse.Namespace) -> None:
    """Admit a node to a hub."""
    introduction = read_introduction(Path(options.introduction))
    output = _new_file(options.output)
    write_document(
        output, admit(Path(options.hub_directory), introduction, now=SystemClock().now())
    )
    progress(f"{introduction.node} is admitted; give {output} to its operator")


def issue(options: argparse.Namespace) -> None:
    """Issue the next registry, signed by all holders that are named."""
    holders = {
        read_holder_card(Path(name) / "holder.json").name: HolderKeys.load(
            Path(name) / "holder-keys.json"
        )
        for name in options.holder
    }
    output = _new_file(options.output)
    signed = issue_registry(
        _text(options.alliance),
        [read_introduction(Path(name)) for name in options.introduction],
        holders,
        threshold=options.threshold or len(holders),
        issued=SystemClock().now(),
        previous=_registry(options.previous) if options.previous else None,
    )
    output.write_text(encode_registry(signed), encoding="utf-8")
    registry = read_registry(signed.document)
    progress(f"registry {registry.number} with {len(registry.nodes)} nodes, digest")
    print(registry.digest)


def registry_show(options: argparse.Namespace) -> None:
    """Show what a registry says; its signatures are not judged."""
    signed = _registry(options.file)
    registry = read_registry(signed.document)
    if options.json:
        print_json(_described(registry))
        return
    described = _described(registry)
    rows = [(name, value) for name, value in described.items() if name != "nodes"]
    print_table(("FIELD", "VALUE"), rows)
    print()
    heads = ("NODE", "MEMBER", "PLACE", "VALID FROM", "REVOKED", "KEY")
    print_table(heads, [tuple(node.values()) for node in described["nodes"]])


def registry_verify(options: argparse.Namespace) -> None:
    """Check that a registry is the one that ``--anchor`` names, or follows ``--previous``.

    Raises BadRegistry or BadSignature, and InvalidInput (rule ``one-of``) without either.
    """
    if bool(options.anchor) == bool(options.previous):
        raise InvalidInput("give either --anchor or --previous", field="--anchor", rule="one-of")
    trusted = read_registry(_registry(options.previous).document) if options.previous else None
    registry = verify_registry(
        _registry(options.file), trusted=trusted, anchor=options.anchor or ""
    )
    if options.json:
        print_json({"verified": True, **_described(registry)})
    else:
        print(f"registry {registry.number} of {registry.alliance} verifies: {registry.digest}")


def registry_install(options: argparse.Namespace) -> None:
    """Give a node a newer registry; it uses it from its next start on."""
    registry = take_up_registry(
        Files(Path(options.directory)),
        _registry(options.file),
        alliance_text=_text(options.alliance) if options.alliance else "",
    )
    progress(f"registry {registry.number} is used from the next start of the node on")
    print(registry.digest)


def enrol_node(options: argparse.Namespace) -> None:
    """Complete a node with the registry (all documents, the first one first) and its admission."""
    settings = enrol(
        Path(options.directory),
        [_registry(name) for name in options.registry],
        read_admission(Path(options.admission)),
        anchor=options.anchor or "",
        http_port=options.http_port,
        leaf_port=options.leaf_port,
    )
    progress(f"{settings.node} is complete; start it: ringwall up {options.directory}")
    print(f"http://{settings.http_host}:{settings.http_port}")


def _described(registry: Registry) -> dict[str, Any]:
    nodes = [
        {
            "node": name,
            "member": node.member,
            "place": node.place,
            "valid_from": node.valid_from,
            "revoked_at": node.revoked_at,
            "key": node.keys.key_id[:16],
        }
        for name, node in sorted(registry.nodes.items())
    ]
    return {
        "digest": registry.digest,
        "alliance": registry.alliance,
        "number": registry.number,
        "previous": registry.previous,
        "alliance_digest": registry.alliance_digest,
        "issued": registry.issued,
        "threshold": registry.threshold,
        "holders": sorted(registry.holders),
        "nodes": nodes,
    }


def _registry(name: str) -> SignedRegistry:
    return decode_registry(_text(name))


def _text(name: str) -> str:
    """Read a file. Raises InvalidInput (rule ``unreadable``) naming it."""
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{name}: {error}", field=name, rule="unreadable") from error


def _new_file(name: str) -> Path:
    """Refuse to write over a file: what was issued stays (BadConfiguration, rule ``exists``)."""
    if Path(name).exists():
        raise BadConfiguration(
            f"{name} is there already and is not overwritten", field=name, rule="exists"
        )
    return Path(name)
