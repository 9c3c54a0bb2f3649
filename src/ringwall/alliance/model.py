"""The alliance as frozen values. Rights belong to members; keys and sequences belong to nodes."""

import msgspec

from ringwall.alliance.agreement import Agreement
from ringwall.alliance.classification import ClassificationPolicy, Clearance
from ringwall.core import InvalidInput
from ringwall.labels import Label, Tlp

CONTENT_ROLES = frozenset({"analyst", "release-officer", "watch-officer"})
"""Roles that read every statement that their member and their clearance may see."""

ROLES = CONTENT_ROLES | {"policy-officer", "auditor", "administrator", "submitter"}
"""Every role. Policy officers, auditors and administrators work without reading content."""

RANKS = {
    "submitter": 1,
    "analyst": 2,
    "watch-officer": 3,
    "auditor": 4,
    "release-officer": 5,
    "policy-officer": 6,
    "administrator": 7,
}
"""Who stands above whom when credentials are made or taken away."""


class NodeSeat(msgspec.Struct, frozen=True):
    """A node of a member; ``place`` is its place K in the hub subject, from 1, never reused.

    ``assurance`` and ``zone`` are what the alliance found when it accredited the installation;
    ``post_quantum``: its transport is.
    """

    id: str
    member: str
    place: int
    assurance: int = 0
    zone: str = ""
    post_quantum: bool = True


class Assertions(msgspec.Struct, frozen=True):
    """What a member may say of its own people: the most that its identity provider can give.

    No role, nationality, community, TLP or clearance beyond it, whatever the provider sends.
    """

    roles: frozenset[str] = frozenset()
    tlp: Tlp = Tlp.CLEAR
    nationalities: frozenset[str] = frozenset()
    communities: frozenset[str] = frozenset()
    clearances: tuple[Clearance, ...] = ()


class Member(msgspec.Struct, frozen=True):
    """A member; ``kind`` is nation, partner, body, company or organisation.

    ``sponsor`` names the nation that vouches for a company or an organisation, else it is empty.
    ``codes`` are its names in releasability categories and ACS markings (a country code, say).
    ``clearances``: what it may hold of each classification policy. ``assertions`` None: nobody
    is a reader of it but whom the alliance description names.
    """

    id: str
    name: str
    kind: str
    sponsor: str = ""
    sectors: tuple[str, ...] = ()
    nodes: tuple[NodeSeat, ...] = ()
    codes: frozenset[str] = frozenset()
    clearances: tuple[Clearance, ...] = ()
    assertions: Assertions | None = None


class Reader(msgspec.Struct, frozen=True):
    """A person or tool of a member; ``tlp`` is the highest TLP that this reader may see.

    ``nationality`` is a member's name or "". ``clearances``: under classification policies.
    """

    id: str
    member: str
    name: str
    roles: frozenset[str]
    tlp: Tlp
    nationality: str = ""
    communities: frozenset[str] = frozenset()
    clearances: tuple[Clearance, ...] = ()

    @property
    def rank(self) -> int:
        """Return the rank of the highest role."""
        return max((RANKS[role] for role in self.roles), default=0)


class Alliance(msgspec.Struct, frozen=True):
    """The whole federation; ``kind`` is operation or exercise.

    ``digest`` is the SHA-256, in hex, of the canonical JSON of the description: the policy
    version that releases and registries name. ``agreements`` are those of the description and
    those that the parties signed since.
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
    policies: dict[str, ClassificationPolicy] = {}

    def node(self, node_id: str) -> NodeSeat:
        """Return a node's seat. Raises InvalidInput (rule ``unknown-node``)."""
        for member in self.members.values():
            for seat in member.nodes:
                if seat.id == node_id:
                    return seat
        raise InvalidInput(
            f"{self.id}: no node is called {node_id[:80]!r}", field="node", rule="unknown-node"
        )

    def expand(self, name: str, *, field: str = "name") -> frozenset[str]:
        """Return the members behind a member's or a group's name, which stood in ``field``.

        Raises InvalidInput (rule ``unknown-name``): an unknown name must never mean everybody.
        """
        if name in self.members:
            return frozenset({name})
        if name in self.groups:
            return self.groups[name]
        raise InvalidInput(
            f"no member and no group is called {name[:80]!r}",
            field=field,
            rule="unknown-name",
        )

    def coded(self, code: str) -> frozenset[str]:
        """Return the members that a code of a classification policy means; nobody if unknown."""
        if code in self.members or code in self.groups:
            return self.expand(code)
        return frozenset(name for name, member in self.members.items() if code in member.codes)
