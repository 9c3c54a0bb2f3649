"""A naive second opinion on every decision, written from the rules and sharing no code.

It works on the raw YAML description, label document and terms document, in the order in which a
careful clerk would ask. It imports nothing of ringwall and remembers nothing.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.policy.oracle_acs import acs_lets_share, acs_permits

Json = dict[str, Any]
LEVELS = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
ALL_ROLES = {
    *("analyst", "release-officer", "watch-officer", "policy-officer", "auditor"),
    *("administrator", "submitter"),
}
LABEL_FIELDS = {
    *("tlp", "rel_to", "confidentiality", "alternatives", "pap", "iep", "acs"),
    *("created", "review", "unknown"),
}
TERMS_FIELDS = {"sectors", "embargo", "onward_to", "hops", "unknown"}
TWO_MINUTES = timedelta(minutes=2)


def may_receive(book: Json, case: Json, member: str, at: datetime) -> bool:
    """May this member have a statement with this label and these terms?"""
    label, terms, origin = case["label"], case["terms"], case["origin"]
    entry = book["members"].get(member)
    if entry is None or not entry.get("nodes"):
        return False
    if not is_understood(book, label) or not are_understood(terms):
        return False
    if member == origin:
        return True
    if not is_the_time(label, terms, at):
        return False
    if not all(acs_permits(marking, entry, member) for marking in label.get("acs", [])):
        return False
    if case.get("relayed") and not came_rightly(book, case, entry, member):
        return False
    if not is_named(book, label, member):
        return False
    if tlp_of(label) == "RED" and not is_named_alone(book, label, member):
        return False
    if "confidentiality" in label:
        clearances = entry.get("clearances", {})
        if not is_cleared(book, label, clearances, lambda names: is_in(book, names, member)):
            return False
    if not any(is_fit(book, label, seat) for seat in entry["nodes"].values()):
        return False
    agreements = book["agreements"].values()
    return any(opens(book, agreement, case, member, at) for agreement in agreements)


def may_read(book: Json, case: Json, card: Json, at: datetime) -> bool:
    """May whoever shows this card see such a statement?"""
    label, origin = case["label"], case["origin"]
    if not is_reader(book, card):
        return False
    if not may_receive(book, case, card["member"], at):
        return False
    if LEVELS.index(tlp_of(label)) > LEVELS.index(card["tlp"]):
        return False
    if "confidentiality" in label:

        def is_for(names: list[str]) -> bool:
            nations = nations_of(book, names, origin, card)
            return all_known(book, names) and card["nationality"] in nations

        if not is_cleared(book, label, card["clearances"], is_for):
            return False
        if not is_of_a_nation_named(book, label, origin, card):
            return False
    for role in card["roles"]:
        if role in ("analyst", "watch-officer", "release-officer"):
            return True
        if role == "submitter" and card["member"] == origin:
            return True
    return False


# What the label and the terms say by themselves.


def is_understood(book: Json, label: Json) -> bool:
    for field in label:
        if field not in LABEL_FIELDS:
            return False
    if label.get("unknown"):
        return False
    if "tlp" in label and label["tlp"] not in LEVELS:
        return False
    if not isinstance(label.get("rel_to", []), list) or not isinstance(label.get("iep", []), list):
        return False
    if not is_moment(label.get("review")) or not is_moment(label.get("created")):
        return False
    for other in label.get("alternatives", []):
        if not is_complete(other):
            return False
    for each in label.get("iep", []):
        if each.get("tlp", "white").upper() not in ("WHITE", *LEVELS[1:3], "RED"):
            return False
    if "confidentiality" in label:
        return is_complete(label["confidentiality"]) and is_valid(book, label["confidentiality"])
    return "tlp" in label and not label.get("alternatives")


def tlp_of(label: Json) -> str:
    """The strictest TLP that it states anywhere; CLEAR limits nothing."""
    said = [label.get("tlp", "CLEAR")]
    said += [each.get("tlp", "white").upper() for each in label.get("iep", [])]
    return max((each.replace("WHITE", "CLEAR") for each in said), key=LEVELS.index)


def are_understood(terms: Json) -> bool:
    for field in terms:
        if field not in TERMS_FIELDS:
            return False
    return is_moment(terms.get("embargo")) and terms.get("hops", 0) <= 8


def is_complete(stated: Json) -> bool:
    return bool(stated.get("policy")) and bool(stated.get("classification"))


def is_valid(book: Json, stated: Json) -> bool:
    """Is everything in this classification known to its policy, and still in use?"""
    policy = book["classification_policies"].get(stated["policy"])
    if policy is None:
        return False
    if stated.get("policy_uri") and policy.get("uri") and stated["policy_uri"] != policy["uri"]:
        return False
    level = policy["levels"].get(stated["classification"])
    if level is None or level.get("obsolete"):
        return False
    for category in stated.get("categories", []):
        tag = policy["tags"].get(category["tag"])
        if tag is None or category["tag"] in level.get("excludes", []):
            return False
        if category.get("uri") and tag.get("uri") and category["uri"] != tag["uri"]:
            return False
        if category.get("kind") and category["kind"] != tag["kind"]:
            return False
        for value in category.get("values", []):
            if value not in tag["values"] or value in tag.get("obsolete", []):
                return False
            if {"tag": category["tag"], "value": value} in level.get("excludes_values", []):
                return False
    return True


def is_moment(text: Any) -> bool:
    return text is None or (text[:2] == "20" and text[-1] == "Z")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text if "T" in text else text + "T00:00:00+00:00")


def is_the_time(label: Json, terms: Json, at: datetime) -> bool:
    if is_too_late(label.get("review"), at) or is_too_early(terms.get("embargo"), at):
        return False
    for each in label.get("iep", []):
        if is_too_early(each.get("start"), at) or is_too_late(each.get("end"), at):
            return False
    for marking in label.get("acs", []):
        disposed = marking.get("resource_disposition", {}).get("disposition_date")
        if is_too_late(disposed, at):
            return False
    return True


def is_too_early(begin: Any, at: datetime) -> bool:
    return begin is not None and at < moment(begin) + TWO_MINUTES


def is_too_late(end: Any, at: datetime) -> bool:
    return end is not None and at >= moment(end) - TWO_MINUTES


# Whom the label names.


def lists_of(book: Json, label: Json) -> list[list[str]]:
    lists = [label["rel_to"]] if "rel_to" in label else []
    if "confidentiality" in label:
        stated = label["confidentiality"]
        tags = book["classification_policies"][stated["policy"]]["tags"]
        lists += [
            category.get("values", [])
            for category in stated.get("categories", [])
            if tags[category["tag"]].get("releasable")
        ]
    return lists


def people(book: Json, name: str) -> set[str]:
    if name in book["members"]:
        return {name}
    if name in book["groups"]:
        return set(book["groups"][name])
    return {member for member, each in book["members"].items() if name in each.get("codes", [])}


def is_named(book: Json, label: Json, member: str) -> bool:
    lists = lists_of(book, label)
    if not lists:
        return "confidentiality" not in label
    return all(is_in(book, names, member) for names in lists)


def is_in(book: Json, names: list[str], member: str) -> bool:
    """A list with a name that nobody knows is for nobody."""
    return all_known(book, names) and any(member in people(book, name) for name in names)


def all_known(book: Json, names: list[str]) -> bool:
    return all(people(book, name) for name in names)


def is_named_alone(book: Json, label: Json, member: str) -> bool:
    for name in label.get("rel_to", []):
        if name not in book["groups"] and people(book, name) == {member}:
            return True
    return False


def is_of_a_nation_named(book: Json, label: Json, origin: str, card: Json) -> bool:
    """Must hold for each list by itself; without any list only the originator's nation is left."""
    for names in lists_of(book, label) or [[]]:
        if card["nationality"] not in nations_of(book, names, origin, card):
            return False
    return True


def nations_of(book: Json, names: list[str], origin: str, card: Json) -> set[str]:
    sponsor = book["members"][card["member"]].get("sponsor")
    nations = {origin}
    for name in names:
        nations |= people(book, name)
    if sponsor and card["member"] in nations:
        nations.add(sponsor)
    return nations


# Over whom it came.


def came_rightly(book: Json, case: Json, entry: Json, member: str) -> bool:
    """Did it come over members to whom its originator let it be passed on, to this one last?"""
    label, terms, way = case["label"], case["terms"], case["relayed"]
    if tlp_of(label) in ("AMBER+STRICT", "RED"):
        return False
    if len(way) == 1 or way[-1] != member:
        return False
    for name in [case["origin"], *way]:
        if name not in book["members"] or [case["origin"], *way].count(name) > 1:
            return False
    others = way[1:]
    if len(others) > terms.get("hops", 0):
        return False
    for name in others:
        if not any(is_meant(book, each, name) for each in terms.get("onward_to", [])):
            return False
    return all(acs_lets_share(marking, entry, member) for marking in label.get("acs", []))


def is_meant(book: Json, written: str, member: str) -> bool:
    return written == member or member in book["groups"].get(written, [])


def giver(case: Json) -> str:
    """From whom the last one got it."""
    stations: list[str] = [case["origin"], *case.get("relayed", [])]
    return stations[-2] if len(stations) > 2 else case["origin"]


def may_pass_on(book: Json, case: Json, holder: str, to: str, at: datetime) -> int:
    """Over how many hops do those who gave it to the holder let it go on, by way of this member?"""
    most = 0
    for agreement in book["agreements"].values():
        onward = agreement.get("onward", {"to": [], "hops": 0})
        reaches = any(is_meant(book, written, to) for written in onward["to"])
        if reaches and opens(book, agreement, case, holder, at):
            most = max(most, onward["hops"])
    return most


# Who is cleared for what.


def is_cleared(
    book: Json, label: Json, clearances: Json, is_for: Callable[[list[str]], bool]
) -> bool:
    policies, stated = book["classification_policies"], label["confidentiality"]
    if meets(policies, stated, clearances):
        return True
    for other in label.get("alternatives", []):
        another = other["policy"] != stated["policy"] and is_valid(book, other)
        if another and meets(policies, other, clearances):
            lists = lists_of(book, {"confidentiality": other})
            if all(is_for(names) for names in lists):
                return True
    policy = policies[stated["policy"]]
    for equivalence in policy["equivalences"]:
        ours = policy["levels"][equivalence["ours"]]
        if ours.get("obsolete"):
            continue
        enough = ours["rank"] >= policy["levels"][stated["classification"]]["rank"]
        if enough and meets_by(policies, stated, equivalence, clearances):
            return True
    return False


def meets(policies: Json, stated: Json, clearances: Json) -> bool:
    held = clearances.get(stated["policy"])
    if held is None:
        return False
    policy = policies[stated["policy"]]
    if rank(policy, held["classification"]) < rank(policy, stated["classification"]):
        return False
    for category in enforced(policy, stated):
        values = held.get("categories", {}).get(category["tag"], [])
        if not satisfies(policy, category, values):
            return False
    return True


def meets_by(policies: Json, stated: Json, equivalence: Json, clearances: Json) -> bool:
    """Does a clearance under the other policy reach what that policy's words for this are?"""
    held = clearances.get(equivalence["other"])
    other = policies[equivalence["other"]]
    theirs = other["levels"][equivalence["theirs"]]
    if held is None or theirs.get("obsolete"):
        return False
    if rank(other, held["classification"]) < theirs["rank"]:
        return False
    for category in enforced(policies[stated["policy"]], stated):
        values = []
        for each in equivalence["categories"]:
            tag, value = each["other_tag"], each["other_value"]
            if each["tag"] != category["tag"] or tag in theirs.get("excludes", []):
                continue
            if {"tag": tag, "value": value} in theirs.get("excludes_values", []):
                continue
            if value in other["tags"][tag].get("obsolete", []):
                continue
            if value in held.get("categories", {}).get(tag, []):
                values.append(each["value"])
        if not satisfies(policies[stated["policy"]], category, values):
            return False
    return True


def rank(policy: Json, classification: str) -> int:
    number: int = policy["levels"][classification]["rank"]
    return number


def enforced(policy: Json, stated: Json) -> list[Json]:
    kept = []
    for category in stated.get("categories", []):
        tag = policy["tags"][category["tag"]]
        if tag["kind"] != "informative" and not tag.get("releasable"):
            kept.append(category)
    return kept


def satisfies(policy: Json, category: Json, values: list[str]) -> bool:
    needed = category.get("values", [])
    if policy["tags"][category["tag"]]["kind"] == "restrictive":
        return all(value in values for value in needed)
    return any(value in values for value in needed)


# Where it would lie, and by what right.


def is_fit(book: Json, label: Json, seat: Json) -> bool:
    if not seat.get("post_quantum", True):
        return False
    if "confidentiality" not in label:
        return True
    stated = label["confidentiality"]
    levels = book["classification_policies"][stated["policy"]]["levels"]
    for level in levels.values():
        if level["rank"] > levels[stated["classification"]]["rank"] or level.get("obsolete"):
            continue
        if seat.get("assurance", 0) < level.get("assurance", 0):
            return False
        if "zones" in level and seat.get("zone") not in level["zones"]:
            return False
    return True


def opens(book: Json, agreement: Json, case: Json, member: str, at: datetime) -> bool:
    label, terms = case["label"], case["terms"]
    if giver(case) not in parties(book, agreement, "givers"):
        return False
    if member not in parties(book, agreement, "receivers"):
        return False
    if case["purpose"] not in agreement["purposes"]:
        return False
    if "object_types" in agreement and case["object_type"] not in agreement["object_types"]:
        return False
    if "sectors" in agreement:
        sectors = terms.get("sectors", [])
        if not sectors or any(sector not in agreement["sectors"] for sector in sectors):
            return False
    if LEVELS.index(tlp_of(label)) > LEVELS.index(agreement["highest_tlp"]):
        return False
    if "confidentiality" in label:
        stated = label["confidentiality"]
        highest = agreement.get("highest_classification", {}).get(stated["policy"])
        policy = book["classification_policies"][stated["policy"]]
        if highest is None or rank(policy, stated["classification"]) > rank(policy, highest):
            return False
    begin, end = agreement["valid_from"], agreement["valid_until"]
    return not is_too_early(begin, at) and not is_too_late(end, at)


def parties(book: Json, agreement: Json, side: str) -> set[str]:
    named: set[str] = set()
    for party in agreement["parties"]:
        named |= people(book, party)
    if side in agreement:
        only: set[str] = set()
        for party in agreement[side]:
            only |= people(book, party)
        named &= only
    return named


# Who shows a card.


def is_reader(book: Json, card: Json) -> bool:
    entry = book["readers"].get(card["id"])
    if entry is None:
        return may_be_asserted(book, card)
    for field in ("member", "nationality"):
        if card[field] != entry.get(field, ""):
            return False
    if sorted(card["communities"]) != sorted(entry.get("communities", [])):
        return False
    if card["clearances"] != entry.get("clearances", {}):
        return False
    if LEVELS.index(card["tlp"]) > LEVELS.index(entry.get("tlp", "CLEAR")):
        return False
    return all(role in entry["roles"] for role in card["roles"])


def may_be_asserted(book: Json, card: Json) -> bool:
    if re.fullmatch("p-[0-9a-f]{32}", card["id"]) is None or card["member"] not in book["members"]:
        return False
    most = book["members"][card["member"]].get("assertions")
    if most is None:
        return False
    for role in card["roles"]:
        if role not in most["roles"] or role not in ALL_ROLES:
            return False
    if "administrator" in card["roles"] and len(card["roles"]) > 1:
        return False
    if LEVELS.index(card["tlp"]) > LEVELS.index(most.get("tlp", "CLEAR")):
        return False
    if card["nationality"] and card["nationality"] not in most.get("nationalities", []):
        return False
    if any(each not in most.get("communities", []) for each in card["communities"]):
        return False
    ceilings = most.get("clearances", {})
    return all(is_below(book, *each, ceilings) for each in card["clearances"].items())


def is_below(book: Json, policy: str, held: Json, ceilings: Json) -> bool:
    ceiling = ceilings.get(policy)
    known = book["classification_policies"][policy]
    if ceiling is None:
        return False
    if rank(known, held["classification"]) > rank(known, ceiling["classification"]):
        return False
    for tag, values in held.get("categories", {}).items():
        if any(value not in ceiling.get("categories", {}).get(tag, []) for value in values):
            return False
    return True
