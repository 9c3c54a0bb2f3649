"""The relationships that the standard defines (STIX 2.1, sections 4 and 6, appendix B).

Others are allowed (section 3.7); they are told, because a reader may not know what they mean.
"""

from ringwall.stix.checks import Notes
from ringwall.stix.vocabularies import OBSERVABLE_TYPES

_ADDRESSED = "domain-name ipv4-addr ipv6-addr url"
_TARGETED = "identity location vulnerability"
_USED = "attack-pattern infrastructure malware tool"

_DEFINED: dict[str, dict[str, str]] = {
    "attack-pattern": {"delivers": "malware", "targets": _TARGETED, "uses": "malware tool"},
    "campaign": {
        "attributed-to": "intrusion-set threat-actor",
        "compromises": "infrastructure",
        "originates-from": "location",
        "targets": _TARGETED,
        "uses": _USED,
    },
    "course-of-action": {
        "investigates": "indicator",
        "mitigates": "attack-pattern indicator malware tool vulnerability",
        "remediates": "malware vulnerability",
    },
    "domain-name": {"resolves-to": "domain-name ipv4-addr ipv6-addr"},
    "identity": {"located-at": "location"},
    "indicator": {
        "based-on": "observed-data",
        "indicates": (
            "attack-pattern campaign infrastructure intrusion-set malware threat-actor tool"
        ),
    },
    "infrastructure": {
        "communicates-with": f"infrastructure {_ADDRESSED}",
        "consists-of": f"infrastructure observed-data {' '.join(OBSERVABLE_TYPES)}",
        "controls": "infrastructure malware",
        "delivers": "malware",
        "has": "vulnerability",
        "hosts": "malware tool",
        "located-at": "location",
        "uses": "infrastructure",
    },
    "intrusion-set": {
        "attributed-to": "threat-actor",
        "compromises": "infrastructure",
        "hosts": "infrastructure",
        "originates-from": "location",
        "owns": "infrastructure",
        "targets": _TARGETED,
        "uses": _USED,
    },
    "ipv4-addr": {"belongs-to": "autonomous-system", "resolves-to": "mac-addr"},
    "ipv6-addr": {"belongs-to": "autonomous-system", "resolves-to": "mac-addr"},
    "malware": {
        "authored-by": "intrusion-set threat-actor",
        "beacons-to": "infrastructure",
        "communicates-with": _ADDRESSED,
        "controls": "malware",
        "downloads": "file malware tool",
        "drops": "file malware tool",
        "exfiltrates-to": "infrastructure",
        "exploits": "vulnerability",
        "originates-from": "location",
        "targets": f"infrastructure {_TARGETED}",
        "uses": _USED,
        "variant-of": "malware",
    },
    "malware-analysis": {
        "analysis-of": "malware",
        "av-analysis-of": "malware",
        "characterizes": "malware",
        "dynamic-analysis-of": "malware",
        "static-analysis-of": "malware",
    },
    "threat-actor": {
        "attributed-to": "identity",
        "compromises": "infrastructure",
        "hosts": "infrastructure",
        "impersonates": "identity",
        "located-at": "location",
        "owns": "infrastructure",
        "targets": _TARGETED,
        "uses": _USED,
    },
    "tool": {
        "delivers": "malware",
        "drops": "malware",
        "has": "vulnerability",
        "targets": f"infrastructure {_TARGETED}",
        "uses": "infrastructure",
    },
}
RELATIONSHIPS = frozenset(
    (source, name, target)
    for source, names in _DEFINED.items()
    for name, targets in names.items()
    for target in targets.split()
)
"""Every (source type, relationship type, target type) that the standard defines."""

_NAMES = frozenset(name for _, name, _ in RELATIONSHIPS)


def note_relationship(source: str, name: str, target: str, notes: Notes) -> None:
    """Tell if the standard does not define the relationship between objects of these types."""
    if name == "related-to" or (source, name, target) in RELATIONSHIPS:
        return
    if name in {"derived-from", "duplicate-of"}:
        if source != target:
            notes.append(f"/relationship_type: {name} joins objects of one type")
    elif name in _NAMES:
        notes.append(f"/relationship_type: {name} is not defined from {source} to {target}")
    else:
        notes.append(f"/relationship_type: {name} is a custom relationship type")
