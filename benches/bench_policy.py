"""What one release decision costs: may this member have a statement of this class now?

The baseline is the same rules for the same alliance written in Cedar. Before anything is timed
both must agree on every pair of release class and member.
"""

import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from cedarpy import Entities, PolicySet, is_authorized_batch

from benches.figure import Figure, microseconds
from ringwall.alliance import Agreement, Alliance, load_alliance
from ringwall.core import SystemClock, parse_timestamp
from ringwall.labels import parse_label
from ringwall.policy import SKEW, Kernel, ReleaseClass, decide_member

DESCRIPTION = Path(__file__).parent.parent / "src" / "ringwall" / "demo" / "alliance.yaml"
LABELS = (
    "TLP:CLEAR",
    "TLP:GREEN",
    "TLP:AMBER",
    "TLP:AMBER//REL TO allies",
    "TLP:AMBER+STRICT//REL TO energy",
    "TLP:RED",
    "TLP:RED//REL TO borduria",
    "TLP:RED//REL TO allies",
)
TYPES = ("indicator", "report", "sighting")
PURPOSES = ("collective-defence", "incident-response")
Pair = tuple[ReleaseClass, str]

CEDAR_ORIGINATOR = "permit(principal, action, resource) when { principal == context.origin };"
CEDAR_AGREEMENT = """permit(principal, action, resource) when {{
  [{parties}].contains(principal) && [{parties}].contains(context.origin)
  && [{purposes}].contains(context.purpose) && {types} && context.tlp <= {tlp}
  && context.at >= {opens} && context.at < {closes}
}};"""
CEDAR_REL_TO = """forbid(principal, action, resource) when {
  principal != context.origin && context.marked && !(principal in context.rel_to)
};"""
CEDAR_RED = """forbid(principal, action, resource) when {
  principal != context.origin && context.tlp == 4 && !context.rel_to.contains(principal)
};"""


def run() -> list[Figure]:
    """Measure the definition and the remembered decision of a running node."""
    alliance = load_alliance(DESCRIPTION.read_text(encoding="utf-8"))
    at = SystemClock().now()
    pairs = [
        (ReleaseClass(origin, kind, parse_label(label), purpose), member)
        for origin, kind, label, purpose, member in itertools.product(
            alliance.members, TYPES, LABELS, PURPOSES, alliance.members
        )
    ]
    policies = PolicySet.from_str("\n".join(cedar_policies(alliance)))
    entities = Entities.from_json_str(json.dumps(cedar_entities(alliance)))
    requests = [cedar_request(pair, at) for pair in pairs]
    check_agreement(alliance, pairs, at, is_authorized_batch(requests, policies, entities))
    kernel = Kernel(alliance, SystemClock())
    cedar = microseconds(lambda: is_authorized_batch(requests, policies, entities), per=len(pairs))
    defined = microseconds(
        lambda: [decide_member(alliance, *pair, at) for pair in pairs], per=len(pairs)
    )
    remembered = microseconds(lambda: [kernel.may_receive(*pair) for pair in pairs], per=len(pairs))
    against = "cedarpy, the same rules, parsed once, one batch"
    return [
        Figure("policy.decide", defined, "µs/decision, with reasons", cedar, against),
        Figure("policy.decide.remembered", remembered, "µs/decision", cedar, against),
    ]


def check_agreement(alliance: Alliance, pairs: list[Pair], at: datetime, cedar: list[Any]) -> None:
    """Raise ValueError unless Cedar and the kernel decide every pair alike, some each way."""
    ours = [decide_member(alliance, *pair, at).permit for pair in pairs]
    theirs = [answer.allowed and not answer.diagnostics.errors for answer in cedar]
    if ours != theirs:
        pair = pairs[[a == b for a, b in zip(ours, theirs, strict=True)].index(False)]
        raise ValueError(f"the baseline decides {pair} otherwise")
    if len(set(ours)) != 2:
        raise ValueError("the examples are all decided alike")


def cedar_policies(alliance: Alliance) -> list[str]:
    """Return the rules of the gates, one permit for each agreement."""
    opened = [cedar_agreement(agreement) for agreement in alliance.agreements]
    return [CEDAR_ORIGINATOR, CEDAR_REL_TO, CEDAR_RED, *opened]


def cedar_agreement(agreement: Agreement) -> str:
    """Return one agreement as a Cedar policy."""
    types = json.dumps(sorted(agreement.object_types or ()))
    return CEDAR_AGREEMENT.format(
        parties=", ".join(f'Party::"{name}"' for name in sorted(agreement.parties)),
        purposes=", ".join(f'"{name}"' for name in sorted(agreement.purposes)),
        types="true" if agreement.object_types is None else f"{types}.contains(context.type)",
        tlp=agreement.highest_tlp.rank,
        opens=seconds(parse_timestamp(agreement.valid_from) + SKEW),
        closes=seconds(parse_timestamp(agreement.valid_until) - SKEW),
    )


def cedar_entities(alliance: Alliance) -> list[dict[str, Any]]:
    """Return members and groups; a member stands below its groups."""
    groups = [{"uid": party(name), "attrs": {}, "parents": []} for name in alliance.groups]
    members = [
        {
            "uid": party(name),
            "attrs": {},
            "parents": [party(group) for group, names in alliance.groups.items() if name in names],
        }
        for name in alliance.members
    ]
    return groups + members


def cedar_request(pair: Pair, at: datetime) -> dict[str, Any]:
    """Return the question whether a member may have statements of a class."""
    release, member = pair
    tlp = release.label.tlp
    if tlp is None:
        raise ValueError("the examples all have a TLP")
    named = release.label.rel_to or ()
    return {
        "principal": f'Party::"{member}"',
        "action": 'Action::"receive"',
        "resource": 'Statement::"any"',
        "context": {
            "origin": {"__entity": party(release.origin)},
            "type": release.object_type,
            "purpose": release.purpose,
            "tlp": tlp.rank,
            "marked": release.label.rel_to is not None,
            "rel_to": [{"__entity": party(name)} for name in named],
            "at": seconds(at),
        },
    }


def party(name: str) -> dict[str, str]:
    """Return the Cedar id of a member or a group."""
    return {"type": "Party", "id": name}


def seconds(at: datetime) -> int:
    """Return a time as Cedar compares it here."""
    return int(at.timestamp())
