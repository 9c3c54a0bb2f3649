"""The naive second opinion on ACS markings; as the oracle, it shares no code with ringwall."""

from typing import Any

Json = dict[str, Any]


def acs_permits(marking: Json, entry: Json, member: str) -> bool:
    """Does an ACS marking let this member have it? A rule that denies beats one that permits."""
    known = {"policy_reference", "control_set", "access_privilege", "resource_disposition"}
    codes = {member, "ALL", *entry.get("codes", [])}
    controls = marking["control_set"]
    if set(marking) - known - {"further_sharing"} or controls["classification"] != "U":
        return False
    if any("sharing_scope" not in rule for rule in marking.get("further_sharing", [])):
        return False
    if codes.isdisjoint(controls.get("permitted_nationalities", ["ALL"])):
        return False
    effects = {
        rule["rule_effect"]
        for rule in marking.get("access_privilege", [])
        if rule["privilege_action"] in ("DSPLY", "ALL")
        and not codes.isdisjoint(rule["privilege_scope"]["permitted_nationalities"])
    }
    return acs_says_yes(marking, "privdefault=permit", effects)


def acs_lets_share(marking: Json, entry: Json, member: str) -> bool:
    """Does an ACS marking let whoever has it share it with this member?"""
    codes = {member, "ALL", *entry.get("codes", [])}
    effects = {
        rule["rule_effect"]
        for rule in marking.get("further_sharing", [])
        if any(each in codes for each in rule["sharing_scope"])
    }
    return acs_says_yes(marking, "sharedefault=permit", effects)


def acs_says_yes(marking: Json, default: str, effects: set[str]) -> bool:
    if "deny" in effects:
        return False
    return "permit" in effects or all(
        default in policy for policy in marking["policy_reference"].split()
    )
