"""Reading what gates a release out of an ACS marking; the source is named in ``acs``."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from ringwall.core import InvalidInput, parse_json
from ringwall.labels.acs import EVERYBODY, IDENTITY, AcsControls, AcsRule
from ringwall.labels.label import read_moment

_POLICY = "urn:isa:policy:acs:ns:v3.0"
_ONE_OF = ("permitted_nationalities", "permitted_organizations", "shareability", "entity")
"""Controls and scopes of which a recipient must hold one value; ALL is everybody."""
_EACH_OF = ("logical_authority_category", "sci_controls", "caveat", "sensitivity")
"""Controls of which a recipient must hold every value."""
_DETERMINATIONS = frozenset(
    {
        "PUBREL", "NF", "AIS", "FOUO", "NO-PII-PRESENT", "PII-NECESSARY-TO-UNDERSTAND-THREAT",
        "INFORMATION-DIRECTLY-RELATED-TO-CYBERSECURITY-THREAT",
    }
)  # fmt: skip
_DISPLAY = frozenset({"DSPLY", EVERYBODY})
_OTHER_ACTIONS = frozenset(
    {
        "IDSRC", "TENOT", "NETDEF", "LEGAL", "INTEL", "TEARLINE", "OPACTION", "REQUEST",
        "ANONYMOUSACCESS", "CISAUSES",
    }
)  # fmt: skip
_DEFAULTS = frozenset(
    f"{name}={effect}" for name in ("privdefault", "sharedefault") for effect in ("permit", "deny")
)
_DESCRIPTIVE = frozenset(
    {"original_classification", "derivative_classification", "declassification", "public_release"}
)
_CONTROLS = frozenset(
    {"classification", "formal_determination", "display_only", *_ONE_OF, *_EACH_OF}
)
_READ = frozenset(
    {
        "access_privilege", "further_sharing", "control_set", "policy_reference",
        "resource_disposition",
    }
)  # fmt: skip


@lru_cache(maxsize=1024)  # every decision on a release class reads the same few
def read_controls(text: str) -> AcsControls:
    """Read what gates out of an ACS marking as a label holds it; never fails.

    A missing default denies, and of several policies each must permit. A missing classification
    is as good as one that is not known.
    """
    try:
        properties = parse_json(text.encode())
    except (InvalidInput, UnicodeEncodeError):
        properties = None
    if not isinstance(properties, dict):
        return AcsControls(unknown=("acs",))
    unknown: list[str] = []
    controls = AcsControls(
        access=tuple(_access(properties, unknown)),
        sharing=tuple(_sharing(properties, unknown)),
        disposition=_disposition(properties, unknown),
        **_control_set(properties, unknown),
        **_defaults(properties, unknown),
    )
    known = _READ | IDENTITY | _DESCRIPTIVE
    unknown += [name[:200] for name in properties if name not in known]
    return msgspec.structs.replace(controls, unknown=tuple(sorted(set(unknown))))


def _control_set(properties: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    controls = properties.get("control_set")
    if not isinstance(controls, dict) or not set(controls) <= _CONTROLS:
        unknown.append("control_set")
        return {}
    classification = controls.get("classification")
    determinations = _values(controls, "formal_determination", unknown)
    if not isinstance(classification, str):
        unknown.append("classification")
    if not determinations <= _DETERMINATIONS:
        unknown.append("formal_determination")
    return {
        "classification": str(classification),
        "determinations": determinations,
        "display_only": _values(controls, "display_only", unknown),
        "one_of": _dimensions(controls, _ONE_OF, unknown),
        "each_of": _dimensions(controls, _EACH_OF, unknown),
    }


def _dimensions(
    stated: dict[str, Any], names: tuple[str, ...], unknown: list[str]
) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((name, _values(stated, name, unknown)) for name in names if name in stated)


def _values(stated: dict[str, Any], name: str, unknown: list[str]) -> frozenset[str]:
    """Return the values of a list; one that is there has some."""
    if name not in stated:
        return frozenset()
    values = stated[name]
    if isinstance(values, list) and values and all(isinstance(each, str) for each in values):
        return frozenset(values)
    unknown.append(name)
    return frozenset()


def _access(properties: dict[str, Any], unknown: list[str]) -> Iterator[AcsRule]:
    keys = {"privilege_action", "privilege_scope", "rule_effect"}
    for stated in _rules(properties, "access_privilege", keys, unknown):
        action, scope = stated["privilege_action"], stated["privilege_scope"]
        if not isinstance(scope, dict) or not scope or not set(scope) <= set(_ONE_OF):
            unknown.append("privilege_scope")
        elif action in _DISPLAY:
            yield AcsRule(stated["permit"], _dimensions(scope, _ONE_OF, unknown))
        elif action not in _OTHER_ACTIONS:
            unknown.append("privilege_action")


def _sharing(properties: dict[str, Any], unknown: list[str]) -> Iterator[AcsRule]:
    keys = {"sharing_scope", "rule_effect"}
    for stated in _rules(properties, "further_sharing", keys, unknown):
        yield AcsRule(stated["permit"], _dimensions(stated, ("sharing_scope",), unknown))


def _rules(
    properties: dict[str, Any], name: str, keys: set[str], unknown: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield the rules of a list that have exactly these properties, and whether each permits."""
    stated = properties.get(name, [])
    for rule in stated if isinstance(stated, list) else [stated]:
        effects = {"permit": True, "deny": False}
        if not isinstance(rule, dict) or set(rule) != keys:
            unknown.append(name)
        elif (effect := rule["rule_effect"]) not in ("permit", "deny"):
            unknown.append("rule_effect")
        elif not isinstance(rule.get("privilege_action", ""), str):
            unknown.append("privilege_action")
        else:
            yield {**rule, "permit": effects[effect]}


def _defaults(properties: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    """Read ``urn:isa:policy:acs:ns:v3.0?privdefault=deny&sharedefault=permit``, one or several."""
    reference = properties.get("policy_reference", "")
    policies = reference.split() if isinstance(reference, str) else [""]
    stated = []
    for policy in policies:
        urn, question, query = policy.partition("?")
        pairs = query.split("&") if question else []
        values = dict(pair.split("=", 1) for pair in pairs if pair in _DEFAULTS)
        if urn != _POLICY or len(values) < len(pairs):
            unknown.append("policy_reference")
        stated.append(values)
    return {
        "access_default": _all_permit(stated, "privdefault"),
        "sharing_default": _all_permit(stated, "sharedefault"),
    }


def _all_permit(policies: list[dict[str, str]], name: str) -> bool:
    return bool(policies) and all(each.get(name) == "permit" for each in policies)


def _disposition(properties: dict[str, Any], unknown: list[str]) -> str:
    if "resource_disposition" not in properties:
        return ""
    try:
        moment = properties["resource_disposition"]["disposition_date"]
        return read_moment(moment)
    except (InvalidInput, KeyError, TypeError):
        unknown.append("resource_disposition")
        return ""
