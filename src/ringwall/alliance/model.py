"""The alliance as frozen values. Rights belong to members; keys and sequences belong to nodes."""

import msgspec

from ringwall.core import InvalidInput
from ringwall.labels import Label, Tlp

CONTENT_ROLES = frozenset({"analyst", "release-officer", "watch-officer"})
"""Roles that read every statement that their member and their clearance may see."""

ROLES = CONTENT_ROLES | {"policy-officer", "auditor", "administrator", "submitter"}
"""Every role. Policy officers, auditors and administrators work without reading content."""


class NodeSeat(msgspec.Struct, frozen=True):
    """A node of a member; ``place`` is its place K in the hub subject, from 1, never reused."""

    id: str
    member: str
    place: int


class Member(msgspec.Struct, frozen=True):
    """A member; ``kind`` is nation, partner, body, company or organisation.

    ``sponsor`` names the nation that vouches for a company or an organisation, else it is empty.
    """

    id: str
    name: str
    kind: str
    sponsor: str = ""
    sectors: tuple[str, ...] = ()
    nodes: tuple[NodeSeat, ...] = ()


class Agreement(msgspec.Struct, frozen=True):
    """A sharing agreement: every party may receive from every other party.

    ``parties`` are members, groups already expanded. ``object_types`` None means every STIX type.
    ``valid_from`` is the first moment and ``valid_until`` the first moment no longer, both as
    ``format_timestamp`` writes them. ``clause`` is what an explanation quotes.
    """

    id: str
    title: str
    parties: frozenset[str]
    purposes: frozenset[str]
    object_types: frozenset[str] | None
    highest_tlp: Tlp
    valid_from: str
    valid_until: str
    clause: str


class Reader(msgspec.Struct, frozen=True):
    """A person or tool of a member; ``tlp`` is the highest TLP that this reader may see."""

    id: str
    member: str
    name: str
    roles: frozenset[str]
    tlp: Tlp
    nationality: str = ""
    communities: frozenset[str] = frozenset()


class Alliance(msgspec.Struct, frozen=True):
    """The whole federation; ``kind`` is operation or exercise.

    ``digest`` is the SHA-256, in hex, of the canonical JSON of the description: the policy
    version that releases and registries name.
    """

    id: str
    name: str
    kind: str
    members: dict[str, Member]
    groups: dict[str, frozenset[str]]
    agreements: tuple[Agreement, ...]
    labels: dict[str, Label]
    readers: dict[str, Reader]
    digest: str

    def node(self, node_id: str) -> NodeSeat:
        """Return a node's seat. Raises InvalidInput (rule ``unknown-node``)."""
        for member in self.members.values():
            for seat in member.nodes:
                if seat.id == node_id:
                    return seat
        raise InvalidInput(
            f"{self.id}: no node is called {node_id[:80]!r}", field="node", rule="unknown-node"
        )

    def expand(self, name: str) -> frozenset[str]:
        """Return the members behind a member's or a group's name.

        Raises InvalidInput (rule ``unknown-name``): an unknown name must never mean everybody.
        """
        if name in self.members:
            return frozenset({name})
        if name in self.groups:
            return self.groups[name]
        raise InvalidInput(
            f"{self.id}: no member and no group is called {name[:80]!r}",
            field="name",
            rule="unknown-name",
        )
