"""Registry key holders: their keys, and the registry documents that they sign together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ringwall.alliance import Alliance, load_alliance
from ringwall.core import InvalidInput, check_name, format_timestamp
from ringwall.enrolment.documents import (
    HolderCard,
    Introduction,
    check_introduction,
    refuse_existing,
    write_document,
)
from ringwall.trust import (
    HolderKeys,
    Registry,
    RegistryNode,
    SignedRegistry,
    VerifyingKeys,
    public_document,
    read_registry,
    sign_registry,
)


def create_holder(directory: Path, name: str) -> HolderCard:
    """Make a holder's keys (``holder-keys.json``, 0600) and its public card (``holder.json``).

    Raises InvalidInput for a bad name, BadConfiguration (rule ``exists``) if keys are there.
    """
    check_name(name, field="holder")
    path = directory / "holder-keys.json"
    refuse_existing(path)
    directory.mkdir(parents=True, exist_ok=True)
    keys = HolderKeys.generate()
    keys.save(path)
    card = HolderCard(name, public_document(keys.public()))
    write_document(directory / "holder.json", card)
    return card


def draft_registry(
    alliance_text: str | bytes,
    introductions: Sequence[Introduction],
    holders: Mapping[str, VerifyingKeys],
    *,
    threshold: int,
    issued: datetime,
    previous: SignedRegistry | None = None,
) -> Registry:
    """Make the next registry document, for holders to sign.

    Nodes of ``previous`` stay; an introduction adds a node or brings new keys for one. Raises
    InvalidInput (rules ``alliance``, ``node``, ``duplicate``), BadSignature, BadRegistry.
    """
    alliance = load_alliance(alliance_text)
    before = read_registry(previous.document) if previous is not None else None
    moment = format_timestamp(issued)
    nodes = dict(before.nodes) if before is not None else {}
    names = [introduction.node for introduction in introductions]
    if len(set(names)) != len(names):
        raise InvalidInput("two introductions of one node", field="introductions", rule="duplicate")
    for introduction in introductions:
        nodes[introduction.node] = _registry_node(alliance, introduction, moment)
    return Registry(
        alliance=alliance.id,
        number=before.number + 1 if before is not None else 1,
        previous=before.digest if before is not None else "",
        alliance_digest=alliance.digest,
        issued=moment,
        threshold=threshold,
        holders=dict(holders),
        nodes=nodes,
    )


def issue_registry(
    alliance_text: str | bytes,
    introductions: Sequence[Introduction],
    holders: Mapping[str, HolderKeys],
    *,
    threshold: int,
    issued: datetime,
    previous: SignedRegistry | None = None,
) -> SignedRegistry:
    """Draft the next document and sign it with the keys of all ``holders`` at one table.

    Holders at several places sign a draft one after another with `trust.sign_registry`.
    """
    draft = draft_registry(
        alliance_text,
        introductions,
        {name: keys.public() for name, keys in holders.items()},
        threshold=threshold,
        issued=issued,
        previous=previous,
    )
    return sign_registry(draft, holders.values())


def _registry_node(alliance: Alliance, introduction: Introduction, moment: str) -> RegistryNode:
    check_introduction(introduction)
    if introduction.alliance != alliance.id:
        raise InvalidInput(
            f"introduction of {introduction.node}: is for alliance {introduction.alliance}",
            field="alliance",
            rule="alliance",
        )
    seat = alliance.node(introduction.node)
    return RegistryNode(seat.member, seat.place, introduction.public(), moment)
