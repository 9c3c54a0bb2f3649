"""An operator's own cases: what a policy must permit and deny, in words, tried on the real rules.

    cases:
      - name: Warnings reach the energy operators
        label: "TLP:GREEN"                    # a named label or an expression
        origin: arden
        object_type: indicator
        purpose: collective-defence           # left out: collective-defence
        terms: {sectors: [energy]}            # left out: none
        relayed: [borduria]                   # who passed it on, one to the next; left out: nobody
        at: "2026-12-01T00:00:00Z"            # left out: now
        members: {elbe-power: permit, dorne: deny by agreement}
        readers: {arden-trainee: deny}

``deny by GATE`` also says which gate has to be the first that denies.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, get_args

import msgspec

from ringwall.alliance import Alliance, resolve_label
from ringwall.core import BadConfiguration, InvalidInput, parse_timestamp
from ringwall.labels import terms_from_document
from ringwall.policy.decision import Decision, decide_member, decide_reader
from ringwall.policy.gates import GateName
from ringwall.policy.passing_on import passing_on
from ringwall.policy.release_class import DEFAULT_PURPOSE, ReleaseClass, release_class
from ringwall.policy.vetoes import NO_VETOES, Vetoes
from ringwall.stix import OBJECT_TYPES

_GATES = "|".join(get_args(GateName))
_Expected = Annotated[str, msgspec.Meta(pattern=rf"\A(permit|deny|deny by ({_GATES}))\Z")]


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case as it is written."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    label: str
    origin: str
    object_type: str
    purpose: str = DEFAULT_PURPOSE
    terms: dict[str, Any] = {}
    relayed: tuple[str, ...] = ()
    at: str = ""
    members: dict[str, _Expected] = {}
    readers: dict[str, _Expected] = {}


class _Cases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cases: Annotated[list[Case], msgspec.Meta(min_length=1)]


class CaseResult(msgspec.Struct, frozen=True):
    """What came of one expectation: ``subject`` is a member or a reader."""

    case: str
    subject: str
    expected: str
    met: bool
    reason: str


def read_cases(document: Any) -> list[Case]:
    """Read cases from a parsed document. Raises BadConfiguration (rule ``cases``)."""
    try:
        return msgspec.convert(document, _Cases).cases
    except msgspec.ValidationError as error:
        raise BadConfiguration(f"cases: {error}", field="cases", rule="cases") from error


def try_cases(
    cases: list[Case], alliance: Alliance, now: datetime, vetoes: Vetoes = NO_VETOES
) -> Iterator[CaseResult]:
    """Decide every case and compare.

    Raises BadConfiguration for names that are not there, and for a case that expects nothing (rule
    ``empty``).
    """
    for case in cases:
        try:
            release = _release(case, alliance)
            at = parse_timestamp(case.at, field="at") if case.at else now
        except InvalidInput as error:
            raise _refusal(case, error.rule, error.message) from error
        if not case.members and not case.readers:
            raise _refusal(case, "empty", "it expects nothing of any member or reader")
        for member, expected in case.members.items():
            if member not in alliance.members:
                raise _refusal(case, "unknown-name", f"no member is called {member!r}")
            decision = _decided(alliance, release, member, at, vetoes)
            yield _result(case, member, expected, decision)
        for name, expected in case.readers.items():
            if name not in alliance.readers:
                raise _refusal(case, "unknown-name", f"no reader is called {name!r}")
            reader = alliance.readers[name]
            seen = _passed_on(release, reader.member)
            decision = decide_reader(alliance, seen, reader, at, vetoes)
            yield _result(case, name, expected, decision)


def _release(case: Case, alliance: Alliance) -> ReleaseClass:
    if case.origin not in alliance.members:
        raise InvalidInput(f"no member is called {case.origin!r}", rule="unknown-name")
    if case.object_type not in OBJECT_TYPES and not case.object_type.startswith("x-"):
        raise InvalidInput(f"no type is called {case.object_type!r}", rule="unknown-type")
    label = resolve_label(alliance, case.label)
    terms = terms_from_document(case.terms)
    if terms.unknown:
        raise InvalidInput(f"terms not understood: {', '.join(terms.unknown)}", rule="terms")
    if strangers := [name for name in case.relayed if name not in alliance.members]:
        raise InvalidInput(f"no member is called {strangers[0]!r}", rule="unknown-name")
    return release_class(case.origin, case.object_type, label, case.purpose, terms, case.relayed)


def _decided(
    alliance: Alliance, release: ReleaseClass, member: str, at: datetime, vetoes: Vetoes
) -> Decision:
    """Decide for a member, and whether the last one on the way may pass it on to that one."""
    decision = decide_member(alliance, _passed_on(release, member), member, at, vetoes)
    if not release.relayed:
        return decision
    way = release.relayed
    held = msgspec.structs.replace(release, relayed=way if len(way) > 1 else ())
    agreed, _ = passing_on(alliance, held, way[-1], member, at)
    permit = decision.permit and agreed.outcome == "pass"
    return msgspec.structs.replace(decision, permit=permit, gates=(*decision.gates, agreed))


def _passed_on(release: ReleaseClass, member: str) -> ReleaseClass:
    way = (*release.relayed, member) if release.relayed else ()
    return msgspec.structs.replace(release, relayed=way)


def _result(case: Case, subject: str, expected: str, decision: Decision) -> CaseResult:
    denying = decision.denying()
    wanted, _, gate = expected.partition(" by ")
    met = decision.permit is (wanted == "permit")
    if met and gate:
        met = denying is not None and denying.gate == gate
    return CaseResult(case.name, subject, expected, met, decision.reason())


def _refusal(case: Case, rule: str, problem: str) -> BadConfiguration:
    return BadConfiguration(f"cases, {case.name}: {problem}", field=case.name, rule=rule)
