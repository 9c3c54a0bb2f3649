"""enrolment: founding an alliance and joining it, as files that people carry.

    holders:  create_holder                      → their public keys
    node:     create_node                        → introduction.json
    hub:      create_hub, admit(introduction)    → admission.json
    holders:  issue_registry(introductions)      → registry.json
    node:     enrol(registry, admission)         → a node that can start

May touch: core, alliance, trust, the hub and TLS material of exchange, and the directories that
it is told. Private keys are made where they stay, never leave, and are never overwritten.
"""

from ringwall.enrolment.documents import (
    Admission,
    HolderCard,
    Introduction,
    read_admission,
    read_holder_card,
    read_introduction,
    write_document,
)
from ringwall.enrolment.holders import create_holder, draft_registry, issue_registry
from ringwall.enrolment.hubs import admit, create_hub
from ringwall.enrolment.nodes import (
    create_node,
    enrol,
    leaf_remote,
    load_registry,
    take_up_registry,
)
from ringwall.enrolment.standing import check_standing

__all__ = [
    "Admission",
    "HolderCard",
    "Introduction",
    "admit",
    "check_standing",
    "create_holder",
    "create_hub",
    "create_node",
    "draft_registry",
    "enrol",
    "issue_registry",
    "leaf_remote",
    "load_registry",
    "read_admission",
    "read_holder_card",
    "read_introduction",
    "take_up_registry",
    "write_document",
]
