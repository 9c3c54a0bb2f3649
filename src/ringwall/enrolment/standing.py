"""Whether what lies in a node's directory speaks of one and the same node."""

from ringwall.alliance import Alliance
from ringwall.core import BadConfiguration
from ringwall.trust import NodeKeys, Registry


def check_standing(node: str, alliance: Alliance, registry: Registry, keys: NodeKeys) -> str:
    """Check that alliance, registry and key file speak of the same node; return its member.

    Raises BadConfiguration (rules ``alliance``, ``alliance-digest``, ``registry-node``,
    ``node-keys``): a node that decided by another description than the others would be a leak.
    """
    entry = registry.nodes.get(node)
    seat = alliance.node(node)
    problems = {
        "alliance": registry.alliance != alliance.id,
        "alliance-digest": registry.alliance_digest != alliance.digest,
        "registry-node": entry is None
        or (entry.member, entry.place) != (seat.member, seat.place)
        or entry.revoked_at is not None,
        "node-keys": entry is not None and entry.keys != keys.public(),
    }
    for rule, wrong in problems.items():
        if wrong:
            raise BadConfiguration(
                f"{node}: alliance.yaml, registry.json and keys/node.json disagree ({rule})",
                field="registry.json",
                rule=rule,
            )
    return seat.member
