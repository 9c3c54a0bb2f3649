"""Random alliances, labels, terms and moments for the policy tests, as raw descriptions.

Everything is drawn from a ``random.Random``: Hypothesis brings its seed, which a failure names,
and `make long` makes a million cases in minutes. What a name may be is few, so that labels,
clearances and agreements meet. Nothing here is checked: the code under test does that.
"""

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

Book = dict[str, Any]
Case = dict[str, Any]

NATIONS = ["aa", "bb", "cc", "dd"]
MEMBERS = [*NATIONS, "ee"]
KINDS = {"aa": "nation", "bb": "nation", "cc": "nation", "dd": "partner", "ee": "company"}
GROUPS = ["pair", "trio"]
TYPES = ["indicator", "malware", "note"]
PURPOSES = ["collective-defence", "training"]
SECTORS = ["energy", "health"]
LEVELS = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
ROLES = ["analyst", "release-officer", "watch-officer", "policy-officer", "auditor", "submitter"]
COMMUNITIES = ["cert"]
ZONES = ["zone-1", "zone-2"]
START = datetime(2026, 1, 1, tzinfo=UTC)

# Two policies. In each R1 < R2 < R3, and OLD is obsolete; K must all be held, one of P and of Q.
POLICIES = ["ALFA", "BETA"]
RANKS = {"R1": 1, "R2": 2, "R3": 3, "OLD": 2}
URIS = {"ALFA": "urn:oid:1.2.3", "BETA": ""}
TAGS: dict[str, tuple[str, list[str]]] = {
    "K": ("restrictive", ["k1", "k2", "k3"]),
    "P": ("permissive", ["p1", "p2", "p3"]),
    "Q": ("permissive", ["q1", "q2"]),
    "I": ("informative", ["i1"]),
    "REL": ("permissive", ["AAA", "BBB", "cc", "pair", "NAMED", "NOWHERE"]),
}
CODES = {"aa": ["AAA", "NAMED"], "bb": ["BBB", "NAMED"], "ee": ["EEE"]}

randoms = st.integers(0, 2**32 - 1).map(Random)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(rng: Random) -> datetime:
    """A moment near the others, so that the two minutes of skew matter."""
    return START + timedelta(minutes=rng.randrange(16), seconds=rng.choice([-1, 0, 0, 1]))


def moment_text(rng: Random) -> str:
    return stamp(START + timedelta(minutes=rng.randrange(16)))


def some(rng: Random, values: list[str], least: int = 1) -> list[str]:
    return sorted(rng.sample(values, rng.randint(least, len(values))))


def seldom(rng: Random, one_in: int = 10) -> bool:
    return rng.randrange(one_in) == 0


def description(rng: Random, *, readers: int = 2, prefix: str = "reader") -> Book:
    """A whole alliance; ``prefix`` begins the names of its readers."""
    groups = {"pair": some_of(rng, 2), "trio": some_of(rng, 3)}
    book: Book = {
        "alliance": {"id": "random", "name": "Random", "kind": "exercise"},
        "members": {name: member(rng, place, name) for place, name in enumerate(MEMBERS)},
        "groups": groups,
        "classification_policies": policies(rng),
        "agreements": {f"agreement-{n}": agreement(rng, groups) for n in range(rng.randrange(7))},
        "readers": {},
    }
    for number in range(readers):
        for name in MEMBERS:
            entry = {"name": "A reader", **person(rng, name)}
            if not entry["communities"]:
                del entry["communities"]
            book["readers"][f"{prefix}-{name}-{number}"] = entry
    return book


def some_of(rng: Random, number: int) -> list[str]:
    return sorted(rng.sample(MEMBERS, number))


def member(rng: Random, place: int, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": KINDS[name], "clearances": clearances(rng)}
    if name == "ee":
        entry["sponsor"] = "aa"
    if name in CODES:
        entry["codes"] = CODES[name]
    if seldom(rng, 3):
        entry["assertions"] = {
            "roles": some(rng, ROLES),
            "tlp": rng.choice(LEVELS),
            "nationalities": some(rng, NATIONS),
            "communities": COMMUNITIES,
            "clearances": clearances(rng),
        }
    if not seldom(rng, 20):
        entry["nodes"] = {f"{name}-1": seat(rng, 2 * place + 1)}
        if seldom(rng, 3):
            entry["nodes"][f"{name}-2"] = seat(rng, 2 * place + 2)
    return entry


def seat(rng: Random, place: int) -> dict[str, Any]:
    written: dict[str, Any] = {"place": place, "assurance": rng.choice([0, 1, 2, 2, 2])}
    if not seldom(rng, 4):
        written["zone"] = rng.choice(ZONES)
    if seldom(rng, 8):
        written["post_quantum"] = False
    return written


def clearances(rng: Random) -> dict[str, Any]:
    """Under one policy, both or none; more often high and wide than not."""
    return {name: clearance(rng) for name in POLICIES if not seldom(rng, 3)}


def clearance(rng: Random) -> dict[str, Any]:
    held = {
        tag: some(rng, TAGS[tag][1], least=1 if seldom(rng, 3) else len(TAGS[tag][1]) - 1)
        for tag in ("K", "P", "Q")
        if not seldom(rng, 6)
    }
    return {"classification": rng.choice(["R1", "R2", "R3", "R3", "OLD"]), "categories": held}


def policies(rng: Random) -> dict[str, Any]:
    found = {name: policy(rng, name) for name in POLICIES}
    alfa, beta = [2, 4, 6], sorted(rng.sample(range(2, 8), 3))
    found["ALFA"]["equivalences"] = equivalences(rng, alfa, beta, "BETA")
    found["BETA"]["equivalences"] = equivalences(rng, beta, alfa, "ALFA")
    return found


def policy(rng: Random, name: str) -> dict[str, Any]:
    written: dict[str, Any] = {
        "levels": {level: level_of(rng, level) for level in RANKS},
        "tags": {tag: tag_of(rng, tag) for tag in TAGS},
    }
    written["levels"]["OLD"]["rank"] = rng.choice([0, 4])
    if URIS[name]:
        written["uri"] = URIS[name]
    return written


def level_of(rng: Random, name: str) -> dict[str, Any]:
    written: dict[str, Any] = {"rank": RANKS[name], "obsolete": name == "OLD"}
    if seldom(rng, 6):
        written["excludes"] = some(rng, ["K", "P", "Q"])[:1]
    if seldom(rng, 6):
        tag = rng.choice(["K", "P", "Q"])
        written["excludes_values"] = [{"tag": tag, "value": rng.choice(TAGS[tag][1])}]
    if seldom(rng, 4):
        written["assurance"] = rng.randint(1, 2)
    if seldom(rng, 6):
        written["zones"] = some(rng, ZONES)
    return written


def tag_of(rng: Random, name: str) -> dict[str, Any]:
    kind, values = TAGS[name]
    written: dict[str, Any] = {"kind": kind, "values": values, "releasable": name == "REL"}
    if seldom(rng, 12):
        written["obsolete"] = [rng.choice(values)]
    if seldom(rng, 6):
        written["uri"] = f"urn:tag:{name.lower()}"
    return written


def equivalences(rng: Random, ours: list[int], theirs: list[int], other: str) -> list[Any]:
    """Between some levels, never with one that protects less; categories translate in part.

    ``ours`` and ``theirs``: how well R1, R2 and R3 of the two policies protect.
    """
    found: list[dict[str, Any]] = []
    least = 0
    for level in sorted(rng.sample([0, 1, 2], rng.randrange(4))):
        enough = [each for each in range(least, 3) if theirs[each] >= ours[level]]
        if enough:
            least = rng.choice([enough[0], enough[0], rng.choice(enough)])
            names = {"other": other, "ours": f"R{level + 1}", "theirs": f"R{least + 1}"}
            found.append({**names, "categories": translated(rng)})
    return found


def translated(rng: Random) -> list[dict[str, str]]:
    pairs = []
    for tag in ("K", "P", "Q"):
        for value in TAGS[tag][1]:
            if seldom(rng, 4):
                continue
            other_tag = tag
            if tag in "PQ" and seldom(rng, 4):
                other_tag = rng.choice(["P", "Q"])
            other_value = value if other_tag == tag else rng.choice(TAGS[other_tag][1])
            pairs.append(
                {"tag": tag, "value": value, "other_tag": other_tag, "other_value": other_value}
            )
    return pairs


def agreement(rng: Random, groups: dict[str, list[str]]) -> dict[str, Any]:
    begin = rng.choice([0, 0, rng.randrange(12)])
    parties = rng.choice([["pair"], ["trio"], some_of(rng, 3), ["pair", "aa", "bb"], MEMBERS])
    written: dict[str, Any] = {
        "title": "An agreement",
        "parties": parties,
        "purposes": rng.choice([PURPOSES, PURPOSES, PURPOSES[:1], PURPOSES[1:]]),
        "highest_tlp": rng.choice([*LEVELS, "RED", "RED"]),
        "valid_from": stamp(START + timedelta(minutes=begin)),
        "valid_until": stamp(START + timedelta(minutes=begin + rng.randrange(5, 30))),
        "clause": "article 1",
    }
    named = sorted({name for party in parties for name in groups.get(party, [party])})
    for side in ("givers", "receivers"):
        if seldom(rng, 4):
            written[side] = some(rng, named)
    if len(written.get("givers", [])) == 1 and written["givers"] == written.get("receivers"):
        del written["receivers"]
    if seldom(rng, 4):
        written["object_types"] = some(rng, TYPES)
    if seldom(rng, 4):
        written["sectors"] = some(rng, SECTORS)
    if not seldom(rng, 4):
        written["highest_classification"] = {
            name: rng.choice(["R1", "R2", "R3", "R3", "R3", "OLD"])
            for name in POLICIES
            if not seldom(rng, 6)
        }
    if seldom(rng, 3):
        names = some(rng, MEMBERS + GROUPS)
        written["onward"] = {"to": names, "hops": rng.choice([1, 1, 2, 3, 8])}
    for duty in ("handling", "obligations"):
        if seldom(rng, 3):
            written[duty] = some(rng, ["encrypt", "report", "no-resale"])
    return written


def person(rng: Random, name: str) -> dict[str, Any]:
    """What a reader is, as a description and a credential say it."""
    return {
        "member": name,
        "roles": some(rng, ROLES)[: rng.randint(1, 3)] if seldom(rng, 3) else ["analyst"],
        "tlp": rng.choice([*LEVELS, "RED", "RED", "RED"]),
        "nationality": rng.choice([name, name, name, *NATIONS, "nowhere"]),
        "communities": COMMUNITIES if seldom(rng, 4) else [],
        "clearances": clearances(rng),
    }


def cards(rng: Random, book: Book, number: int = 0) -> dict[str, dict[str, Any]]:
    """The readers of a description, some as a credential made them, and a few from outside it."""
    found = {
        name: {"communities": [], **entry, "id": name} for name, entry in book["readers"].items()
    }
    for name in found:
        if seldom(rng, 4):
            found[name] = {**found[name], **credential(rng, found[name])}
    for place in range(2):
        federated = f"p-{number:030x}{place:02x}"
        at_home = rng.choice(MEMBERS)
        most = book["members"][at_home].get("assertions", {})
        asserted = {**person(rng, at_home), "id": federated}
        if most and not seldom(rng, 3):
            asserted |= {"roles": most["roles"][:1], "tlp": rng.choice(["CLEAR", most["tlp"]])}
            asserted |= {"nationality": most["nationalities"][0], "clearances": most["clearances"]}
        found[federated] = asserted
    found["stranger"] = {**person(rng, rng.choice([*MEMBERS, "zz"])), "id": "stranger"}
    return found


def credential(rng: Random, card: dict[str, Any]) -> dict[str, Any]:
    """A change to a reader: a narrower credential still is that reader, any other is not."""
    return rng.choice(
        [
            {"roles": card["roles"][:1]},
            {"roles": []},
            {"roles": sorted({*card["roles"], rng.choice(ROLES)})},
            {"tlp": rng.choice(LEVELS)},
            {"nationality": rng.choice(NATIONS)},
            {"clearances": clearances(rng)},
            {"communities": COMMUNITIES},
            {"member": rng.choice(MEMBERS)},
        ]
    )


def case(rng: Random) -> Case:
    """A statement as policy sees it: origin, type, purpose, label document, terms document.

    ``relayed``, where it is there: over whom it came, the one that holds it last.
    """
    found = {
        "origin": rng.choice(MEMBERS),
        "object_type": rng.choice(TYPES),
        "purpose": rng.choice([*PURPOSES[:1] * 8, "training", "sales"]),
        "label": label(rng),
        "terms": terms(rng),
    }
    if seldom(rng, 3):
        relay(rng, found)
    return found


def relay(rng: Random, found: Case) -> None:
    """Let others have passed a case on: mostly within its terms, sometimes over no way at all."""
    others = [name for name in MEMBERS if name != found["origin"]]
    way = rng.sample(others, rng.choice([2, 2, 2, 3, 3, 4]))
    if not seldom(rng, 8):
        named = {*way[1:], *some(rng, MEMBERS + GROUPS)}
        if seldom(rng, 4):
            named = {*some(rng, MEMBERS), rng.choice(["pair", "trio", "zz"])}
        hops = max(1, len(way) - 1 + rng.choice([-1, 0, 0, 0, 1]))
        found["terms"] |= {"onward_to": sorted(named), "hops": hops}
    document = found["label"]
    if "tlp" in document and not seldom(rng, 3):
        document["tlp"] = rng.choice(["CLEAR", "GREEN", "AMBER"])
        for part in ("confidentiality", "alternatives", "review", "iep"):
            if not seldom(rng, 3):
                document.pop(part, None)
    if isinstance(document.get("rel_to"), list) and not seldom(rng, 3):
        document["rel_to"] = sorted({*document["rel_to"], way[-1]})
    found["relayed"] = no_way(rng, found["origin"], way) if seldom(rng, 8) else way
    if seldom(rng, 12):
        found["origin"] = "zz"


def no_way(rng: Random, origin: str, way: list[str]) -> list[str]:
    """What is no way: a loop, a way over the originator or a stranger, one that leads nowhere."""
    place = rng.randrange(len(way))
    longer = [[*way, name] for name in (way[0], origin, "zz", "", "pair")]
    longer += [[*way[:place], name, *way[place:]] for name in (way[0], origin, "zz")]
    return rng.choice([way[:1], *longer])


def label(rng: Random) -> dict[str, Any]:
    """A label document; about half are classified, few are wrong."""
    written: dict[str, Any] = {}
    classified = rng.random() < 0.5
    if not classified or rng.random() < 0.6:
        written["tlp"] = rng.choice(LEVELS)
    if classified:
        written["confidentiality"] = confidentiality(rng, rng.choice(POLICIES))
        if seldom(rng, 3):
            written["alternatives"] = [confidentiality(rng, rng.choice(POLICIES))]
    elif seldom(rng, 12):
        written["alternatives"] = [confidentiality(rng, rng.choice(POLICIES))]
    if rng.random() < (0.75 if classified else 0.5):
        written["rel_to"] = rel_to(rng)
    if seldom(rng, 6):
        written["pap"] = rng.choice(["CLEAR", "GREEN", "AMBER", "RED"])
    if seldom(rng, 5):
        written["iep"] = [iep(rng) for _ in range(rng.randrange(3))]
    if seldom(rng, 12):
        written["review"] = moment_text(rng)
    if seldom(rng, 6):
        written["created"] = moment_text(rng)
    if seldom(rng, 8):
        written["acs"] = [acs(rng) for _ in range(rng.choice([1, 1, 2]))]
    if seldom(rng, 30):
        written |= odd(rng)
    return written


def odd(rng: Random) -> dict[str, Any]:
    """What no label should hold, or what turns it into none."""
    return rng.choice(
        [
            {"colour": "blue"},
            {"unknown": ["marking-definition--1"]},
            {"tlp": "PURPLE"},
            {"tlp": None},
            {"rel_to": "aa"},
            {"confidentiality": {"policy": "ALFA"}},
            {"confidentiality": confidentiality(rng, "GAMMA")},
            {"iep": {}},
            {"iep": []},
            {"iep": [{"tlp": "purple"}]},
            {"review": "soon"},
        ]
    )


def rel_to(rng: Random) -> list[str]:
    if seldom(rng, 8):
        return rng.choice([[], ["aa", "stranger"], ["AAA".lower()]])
    return some(rng, MEMBERS + GROUPS, least=rng.choice([1, 3, 5]))


def confidentiality(rng: Random, name: str) -> dict[str, Any]:
    written: dict[str, Any] = {
        "policy": name,
        "classification": rng.choice(["R1", "R2", "R3", "OLD", "R4"])
        if seldom(rng, 8)
        else rng.choice(["R1", "R2", "R3"]),
        "categories": [category(rng, tag) for tag in TAGS if seldom(rng, 4)],
    }
    if seldom(rng, 6):
        written["policy_uri"] = rng.choice(["urn:oid:1.2.3", "urn:oid:9.9"])
    if seldom(rng, 6):
        written["privacy_mark"] = "CLERKS ONLY"
    return written


def category(rng: Random, tag: str) -> dict[str, Any]:
    kind, values = TAGS[tag]
    written: dict[str, Any] = {"tag": tag, "values": some(rng, values)}
    if seldom(rng, 4):
        written["kind"] = kind
    if seldom(rng, 40):
        written |= rng.choice(
            [
                {"kind": "informative"},
                {"kind": "restrictive"},
                {"tag": "Z"},
                {"values": ["z9"]},
                {"values": []},
                {"uri": f"urn:tag:{tag.lower()}"},
                {"uri": "urn:tag:other"},
            ]
        )
    return written


def iep(rng: Random) -> dict[str, Any]:
    written: dict[str, Any] = {"name": "A policy"}
    if rng.random() < 0.5:
        written["start"] = moment_text(rng)
    if rng.random() < 0.5:
        written["end"] = moment_text(rng)
    if seldom(rng, 3):
        written["tlp"] = rng.choice(["white", "green", "amber", "RED", "red"])
    return written


def acs(rng: Random) -> dict[str, Any]:
    """An ACS marking: whom it permits by default, by nationality and by rule."""
    references = [acs_policy(rng) for _ in range(2 if seldom(rng, 8) else 1)]
    written: dict[str, Any] = {
        "policy_reference": " ".join(references),
        "control_set": {"classification": "S" if seldom(rng, 8) else "U"},
    }
    codes = ["AAA", "BBB", "cc", "dd", "EEE", "ALL"]
    if seldom(rng, 3):
        written["control_set"]["permitted_nationalities"] = some(rng, codes)
    if seldom(rng, 3):
        written["access_privilege"] = [
            {
                "privilege_action": rng.choice(["DSPLY", "ALL", "NETDEF"]),
                "privilege_scope": {"permitted_nationalities": some(rng, codes)},
                "rule_effect": rng.choice(["permit", "permit", "deny"]),
            }
        ]
    if seldom(rng, 3):
        written["further_sharing"] = [sharing(rng, codes) for _ in range(rng.choice([1, 1, 2]))]
    if seldom(rng, 6):
        written["resource_disposition"] = {"disposition_date": moment_text(rng)}
    if seldom(rng, 12):
        written["colour"] = "blue"
    return written


def acs_policy(rng: Random) -> str:
    access, share = (rng.choice(["permit", "permit", "deny"]) for _ in range(2))
    return f"urn:isa:policy:acs:ns:v3.0?privdefault={access}&sharedefault={share}"


def sharing(rng: Random, codes: list[str]) -> dict[str, Any]:
    if seldom(rng, 12):
        return {"rule_effect": "permit"}
    effect = rng.choice(["permit", "permit", "deny"])
    return {"sharing_scope": some(rng, codes)[: rng.randint(1, 3)], "rule_effect": effect}


def terms(rng: Random) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if seldom(rng, 2):
        written["sectors"] = some(rng, SECTORS)
    if seldom(rng, 12):
        written["embargo"] = moment_text(rng)
    if seldom(rng, 8):
        written |= {"onward_to": ["aa"], "hops": 1}
    if seldom(rng, 40):
        written |= rng.choice([{"colour": "blue"}, {"embargo": "soon"}, {"hops": 99}])
    return written


def written(book: Book) -> str:
    """JSON is YAML, and quicker to write."""
    return json.dumps(book)
