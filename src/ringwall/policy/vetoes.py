"""A member's own vetoes, in Cedar: they can only forbid what every other gate has passed.

The engine fails open in ways that are closed here: a ``forbid`` that errors is skipped (so any
error denies), an entity that is missing is no error (so who asks must be there), an attribute that
does not exist is none without a schema (so there always is one, and vetoes are checked against it
when they are read). A ``permit`` is refused: it would open nothing and promise otherwise.
"""

import hashlib
import json
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ringwall.alliance import Reader
from ringwall.core import BadConfiguration
from ringwall.policy.gates import GateResult, Question, shown

if TYPE_CHECKING:  # the engine takes a tenth of a second to load, and most nodes have no veto
    from cedarpy import PolicySet

_PERMIT = "permit(principal, action, resource);"
_LARGEST = 256 * 1024
_LONGEST_VETO, _DEEPEST = 4096, 64
"""Without texts and comments. The engine recurses and takes the process with it when it falls."""
_PASSED_OVER = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|\s+', re.DOTALL)
_NO_RANK = -1


@cache
def veto_schema() -> str:
    """Return the Cedar schema of everything that a veto may look at, as published."""
    return resources.files(__package__).joinpath("veto.cedarschema").read_text("utf-8")


class Vetoes:
    """The vetoes of one node's member: at its egress, its ingress, and when its readers read."""

    def __init__(self, member: str, text: str) -> None:
        """Read ``text``, Cedar policies with an ``@id`` each; "" has none.

        Raises BadConfiguration (field ``vetoes``; rules ``size``, ``depth``, ``cedar``, ``permit``,
        ``id``, ``schema``).
        """
        self._member = member
        self._policies: PolicySet | None = _read(text) if text.strip() else None
        self.digest = hashlib.sha256(text.encode()).hexdigest() if self.any else ""

    @property
    def any(self) -> bool:
        """Tell whether there is a veto at all."""
        return self._policies is not None

    def gate(self, asked: Question, reader: Reader | None = None) -> GateResult:
        """Ask the vetoes; abstain without any, and about a member's own statements at home."""
        if self._policies is None or (asked.is_origin and reader is None):
            return GateResult("veto", "abstain", "none", "vetoes", "no veto is stated")
        denied = self._ask(self._policies, asked, reader)
        source = f"vetoes of {self._member}"
        if denied is None:
            return GateResult("veto", "pass", "no-veto", source, "no veto forbids it")
        rule, fact = denied
        return GateResult("veto", "deny", rule, source, fact)

    def _ask(
        self, policies: "PolicySet", asked: Question, reader: Reader | None
    ) -> tuple[str, str] | None:
        """Return the rule and the reason that forbid it, None if nothing does."""
        from cedarpy import is_authorized

        if asked.member not in asked.alliance.members:
            return "unknown-member", f"{shown(asked.member)} is no member"
        action = "accept" if asked.member == self._member else "release"
        principal = f'Member::"{asked.member}"'
        if reader is not None:
            action, principal = "read", f'Reader::"{reader.id}"'
        request = {
            "principal": principal,
            "action": f'Action::"{action}"',
            "resource": 'Statement::"this"',
            "context": _context(asked),
        }
        try:
            answer = is_authorized(request, policies, _entities(asked, reader), veto_schema())
        except (ValueError, TypeError) as error:
            return "error", f"a veto could not be asked: {shown(str(error))}"
        if answer.diagnostics.errors:
            return "error", f"a veto failed: {shown(str(answer.diagnostics.errors[0]))}"
        if answer.allowed:
            return None
        names = sorted(set(answer.diagnostics.id_annotations_by_reason.values()))
        return "veto", f"{self._member} forbids it: {', '.join(names) or 'unnamed veto'}"


NO_VETOES = Vetoes("", "")


def _read(text: str) -> "PolicySet":
    from cedarpy import PolicySet, policies_to_json_str, validate_policies

    if len(text) > _LARGEST:
        raise _refusal("size", f"over {_LARGEST} bytes")
    _check_shape(text)
    try:
        written = json.loads(policies_to_json_str(text))
        checked = validate_policies(text, veto_schema())
        policies = PolicySet.from_str(f"{_PERMIT}\n{text}")
    except ValueError as error:
        raise _refusal("cedar", str(error).partition("\n")[0][:300]) from error
    except RecursionError as error:
        raise _refusal("depth", "a veto is nested too deep: write several") from error
    if written["templates"]:
        raise _refusal("cedar", "templates are not used here")
    for name, policy in written["staticPolicies"].items():
        if policy["effect"] != "forbid":
            raise _refusal("permit", f"{name}: a veto forbids; it can permit nothing")
        if not policy.get("annotations", {}).get("id"):
            raise _refusal("id", f'{name}: a veto needs a name: @id("…")')
    if not checked.validation_passed:
        raise _refusal("schema", "; ".join(error.error for error in checked.errors)[:300])
    return policies


def _check_shape(text: str) -> None:
    """Refuse what would overrun the engine's stack: deep brackets, endless chains."""
    for veto in _PASSED_OVER.sub("", text).split(";"):
        if len(veto) > _LONGEST_VETO:
            problem = f"a veto is longer than {_LONGEST_VETO} characters: write several"
            raise _refusal("size", problem)
        depth = 0
        for char in veto:
            depth += (char in "([{") - (char in ")]}")
            if depth > _DEEPEST:
                raise _refusal("depth", f"nested deeper than {_DEEPEST} brackets")


def _refusal(rule: str, problem: str) -> BadConfiguration:
    return BadConfiguration(f"vetoes: {problem}", field="vetoes", rule=rule)


def _context(asked: Question) -> dict[str, Any]:
    release = asked.release
    label, stated = release.label, release.label.confidentiality
    policy = asked.alliance.policies.get(stated.policy) if stated else None
    rank = policy.rank(stated.classification) if policy and stated else None
    categories = stated.categories if stated else ()
    return {
        "origin": {"__entity": {"type": "Member", "id": release.origin}},
        "object_type": release.object_type,
        "purpose": release.purpose,
        "sectors": list(release.terms.sectors),
        "hops": release.terms.hops,
        "relayed": list(release.relayed),
        "tlp": label.tlp.value if label.tlp else "",
        "tlp_rank": label.tlp.rank if label.tlp else _NO_RANK,
        "pap": label.pap.value if label.pap else "",
        "rel_to": list(label.rel_to or ()),
        "policy": stated.policy if stated else "",
        "classification": stated.classification if stated else "",
        "classification_rank": _NO_RANK if rank is None else rank,
        "categories": [f"{each.tag}={value}" for each in categories for value in each.values],
    }


def _entities(asked: Question, reader: Reader | None) -> list[dict[str, Any]]:
    """Return whoever asks, the originator, and the groups that they are in."""
    alliance = asked.alliance
    names = {asked.member, asked.release.origin} & alliance.members.keys()
    entities = [_entity("Group", name, {}, []) for name in alliance.groups]
    for name in sorted(names):
        member = alliance.members[name]
        attributes = {"kind": member.kind, "sponsor": member.sponsor}
        groups = [("Group", group) for group, each in alliance.groups.items() if name in each]
        sectors = {"sectors": list(member.sectors)}
        entities.append(_entity("Member", name, {**attributes, **sectors}, groups))
    if reader is not None:
        said = {
            "roles": sorted(reader.roles),
            "nationality": reader.nationality,
            "communities": sorted(reader.communities),
        }
        entities.append(_entity("Reader", reader.id, said, [("Member", reader.member)]))
    return [*entities, _entity("Statement", "this", {}, [])]


def _entity(
    kind: str, name: str, attributes: dict[str, Any], parents: list[tuple[str, str]]
) -> dict[str, Any]:
    above = [{"type": parent, "id": each} for parent, each in parents]
    return {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": above}
