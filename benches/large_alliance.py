"""An alliance of the largest size that is foreseen: 1,100 members, 150 agreements, 5,000 labels.

Everything is drawn from one seed, so that every run decides the same.
"""

import json
from random import Random
from typing import Any

from ringwall.alliance import Alliance, load_alliance
from ringwall.labels import Category, Confidentiality, Iep, Label, Tlp
from ringwall.policy import ReleaseClass, release_class

MEMBERS, AGREEMENTS, LABELS = 1_100, 150, 5_000
NATIONS, GROUPS = 40, 60
TYPES = ("indicator", "malware", "attack-pattern", "report", "sighting", "identity", "relationship")
PURPOSES = ("collective-defence", "incident-response", "training")
LEVELS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
CLASSES = ("UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET")
CAVEATS = ("ALPHA", "BRAVO", "CHARLIE")


def large_alliance(seed: int = 4) -> Alliance:
    """Return the alliance; one reader, of the first nation, may see nearly everything of it."""
    draw = Random(seed)
    names = [f"nation-{n:02}" for n in range(NATIONS)]
    names += [f"company-{n:04}" for n in range(MEMBERS - NATIONS)]
    book = {
        "alliance": {"id": "large", "name": "Large", "kind": "exercise"},
        "classification_policies": {
            policy: {
                "levels": {level: {"rank": rank} for rank, level in enumerate(CLASSES)},
                "tags": {"Caveat": {"kind": "restrictive", "values": list(CAVEATS)}},
                "equivalences": [{"other": other, "ours": level, "theirs": level}
                                 for level in CLASSES[:3]],
            }
            for policy, other in (("ALLIED", "NATIONAL"), ("NATIONAL", "ALLIED"))
        },
        "members": {name: _member(draw, name, place) for place, name in enumerate(names, 1)},
        "groups": {f"group-{n:02}": sorted(draw.sample(names, 30)) for n in range(GROUPS)},
        "agreements": {},
        "readers": {"analyst": {
            "member": names[0], "name": "Analyst", "roles": ["analyst"], "tlp": "RED",
            "nationality": names[0], "clearances": {"ALLIED": {
                "classification": "SECRET", "categories": {"Caveat": list(CAVEATS)}}},
        }},
    }  # fmt: skip
    groups = sorted(book["groups"])
    for number in range(AGREEMENTS):
        book["agreements"][f"agreement-{number:03}"] = _agreement(draw, names, groups)
    return load_alliance(json.dumps(book))


def _member(draw: Random, name: str, place: int) -> dict[str, Any]:
    nation = name.startswith("nation")
    member: dict[str, Any] = {
        "name": name,
        "kind": "nation" if nation else "company",
        "nodes": {f"{name}-1": {"place": place}},
    }
    if not nation:
        member["sponsor"] = f"nation-{draw.randrange(NATIONS):02}"
    if draw.random() < 0.5:
        member["clearances"] = {
            draw.choice(("ALLIED", "NATIONAL")): {
                "classification": draw.choice(CLASSES),
                "categories": {"Caveat": sorted(draw.sample(CAVEATS, 2))},
            }
        }
    return member


def _agreement(draw: Random, names: list[str], groups: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "title": "An agreement",
        "clause": "article 1",
        "parties": [*draw.sample(groups, 2), *draw.sample(names, 3)],
        "purposes": draw.sample(PURPOSES, 2),
        "highest_tlp": draw.choice(LEVELS[1:]),
        "highest_classification": {"ALLIED": draw.choice(CLASSES)},
        "valid_from": "2020-01-01",
        "valid_until": f"20{draw.randrange(27, 60)}-01-01",
    }
    if draw.random() < 0.5:
        entry["object_types"] = draw.sample(TYPES, 4)
    return entry


def classes(alliance: Alliance, count: int = LABELS, seed: int = 5) -> list[ReleaseClass]:
    """Return release classes of so many different labels."""
    draw = Random(seed)
    nations = [name for name in alliance.members if name.startswith("nation")]
    names = [*alliance.groups, *alliance.members]
    found: dict[Label, ReleaseClass] = {}
    while len(found) < count:
        label = _label(draw, names)
        made = release_class(draw.choice(nations), draw.choice(TYPES), label, draw.choice(PURPOSES))
        found[made.label] = made
    return list(found.values())


def _label(draw: Random, names: list[str]) -> Label:
    rel_to = tuple(sorted(draw.sample(names, draw.randrange(1, 6))))
    stated = None
    if draw.random() < 0.4:
        caveats = tuple(sorted(draw.sample(CAVEATS, draw.randrange(0, 2))))
        categories = (Category("Caveat", caveats),) if caveats else ()
        stated = Confidentiality("ALLIED", draw.choice(CLASSES), categories)
    iep = (Iep(end="2050-01-01T00:00:00.000000Z"),) if draw.random() < 0.1 else ()
    return Label(Tlp(draw.choice(LEVELS)), rel_to, stated, iep=iep)
