"""ACS markings (Access Control Specification, as CISA and DoD put it on STIX objects).

Source: extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce and its schema isa-acs-3-0 (ISA
ACS 3.0a). The extension's properties are kept whole but for ``extension_type``, as canonical JSON
text, so that nothing of them is lost on the way through; `AcsControls` is what of them gates, read
by `acs_reading`.
"""

from typing import Any

import msgspec

from ringwall.core import canonical_json, parse_json

ACS_EXTENSION = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce"
IDENTITY = frozenset(
    {
        "authority_reference", "create_date_time", "identifier", "name",
        "responsible_entity_custodian", "responsible_entity_originator",
    }
)  # fmt: skip


def acs_text(properties: dict[str, Any]) -> str:
    """Return the extension's properties as a label holds them: canonical JSON."""
    return canonical_json(properties).decode()


def for_decision(text: str) -> str:
    """Return the part that a decision looks at: what is controlled, not who wrote it when."""
    properties = parse_json(text.encode())
    return acs_text({name: value for name, value in properties.items() if name not in IDENTITY})


UNCLASSIFIED = "U"
EVERYBODY = "ALL"
_HOME = "USA"
"""The nation whose nationals alone may have what is determined to be NF (no foreign nationals)."""
_OF_PERSONS = frozenset({"shareability", "entity"})
"""What persons are: of a member as a whole nobody can say that it is not."""


class AcsRule(msgspec.Struct, frozen=True):
    """An explicit rule; ``scope`` has the values of each dimension that it names, all of which
    must fit a recipient.
    """

    permit: bool
    scope: tuple[tuple[str, frozenset[str]], ...]


class AcsControls(msgspec.Struct, frozen=True):
    """What of an ACS marking gates a release.

    ``one_of`` and ``each_of``: controls with their values, of which a recipient must hold one, or
    every one. ``access``: the rules for having it (privilege actions DSPLY and ALL), ``sharing``:
    for passing it on; ``access_default`` and ``sharing_default``: what holds without a rule.
    ``disposition``: from this moment on it is to be disposed of (as ``format_timestamp`` writes),
    or "". ``unknown``: sorted names of what was not understood: it denies.
    """

    classification: str = ""
    determinations: frozenset[str] = frozenset()
    display_only: frozenset[str] = frozenset()
    one_of: tuple[tuple[str, frozenset[str]], ...] = ()
    each_of: tuple[tuple[str, frozenset[str]], ...] = ()
    access: tuple[AcsRule, ...] = ()
    sharing: tuple[AcsRule, ...] = ()
    access_default: bool = False
    sharing_default: bool = False
    disposition: str = ""
    unknown: tuple[str, ...] = ()


Decided = tuple[bool, str, str]
"""Whether, by which rule (a stable token), and the fact that decided."""


def permits(controls: AcsControls, member_codes: frozenset[str]) -> Decided:
    """Tell whether a member that is called ``member_codes`` in ACS may have it.

    A code is a nation, an organisation or whatever else a control asks for; each stands for itself
    alone (USA.USG is no more than USA.USG). In this order, the first that denies decides:
    anything not understood; a classification other than U; NF for all but USA; where some nations
    may only look (``display_only``: a copy is more than a look), all that are not permitted
    nationalities besides; every other control; an explicit deny. Then an explicit permit opens,
    else the policy's default decides. No control opens anything, nor does PUBREL.
    """
    if controls.unknown:
        return False, "acs-unknown", f"ACS not understood: {', '.join(controls.unknown)}"
    if controls.classification != UNCLASSIFIED:
        level = controls.classification or "missing"
        fact = f"ACS classification {level} has no classification policy here"
        return False, "acs-classification", fact
    if "NF" in controls.determinations and _HOME not in member_codes:
        return False, "acs-formal-determination", f"ACS NF: only {_HOME}"
    if controls.display_only and not _may_keep(controls, member_codes):
        return False, "acs-display-only", f"ACS display only: {_named(controls.display_only)}"
    for name, values in controls.one_of:
        if not _fits(values, member_codes):
            return False, _token(name), f"ACS {name}: {_named(values)}"
    for name, values in controls.each_of:
        if not values <= member_codes:
            return False, _token(name), f"ACS {name}: {_named(values - member_codes)} not held"
    return _by_rules(
        controls.access, member_codes, "acs-access-privilege", default=controls.access_default
    )


def permits_sharing(controls: AcsControls, member_codes: frozenset[str]) -> Decided:
    """Tell whether a recipient may pass it on to a member: that may have it, and sharing allows."""
    decided = permits(controls, member_codes)
    if not decided[0]:
        return decided
    return _by_rules(
        controls.sharing, member_codes, "acs-further-sharing", default=controls.sharing_default
    )


def _by_rules(
    rules: tuple[AcsRule, ...], member_codes: frozenset[str], token: str, *, default: bool
) -> Decided:
    """Decide by the rules that fit: a deny beats every permit, a permit the default."""
    fitting = [rule for rule in rules if _concerns(rule, member_codes)]
    for rule in sorted(fitting, key=lambda rule: rule.permit):
        said = ", ".join(f"{name} {_named(values)}" for name, values in rule.scope)
        return rule.permit, token, f"ACS {'permit' if rule.permit else 'deny'}: {said}"
    return default, f"{token}-default", f"ACS default: {'permit' if default else 'deny'}"


def _concerns(rule: AcsRule, member_codes: frozenset[str]) -> bool:
    """Tell whether a rule is for a member; a deny for some of its people denies it."""
    return all(
        _fits(values, member_codes) or (not rule.permit and name in _OF_PERSONS)
        for name, values in rule.scope
    )


def _may_keep(controls: AcsControls, member_codes: frozenset[str]) -> bool:
    """Tell whether a member may have more than a look."""
    keepers = dict(controls.one_of).get("permitted_nationalities", frozenset())
    return _fits(keepers, member_codes) and not _fits(controls.display_only, member_codes)


def _fits(values: frozenset[str], member_codes: frozenset[str]) -> bool:
    return EVERYBODY in values or not values.isdisjoint(member_codes)


def _token(name: str) -> str:
    return f"acs-{name.replace('_', '-')}"


def _named(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))[:200]
