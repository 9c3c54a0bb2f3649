"""policy: may this member, may this reader have it? The decision, its reasons, and a cache of both.

One pure definition, ``decide_member`` and ``decide_reader``; the kernel only remembers what they
say, until the moment at which time changes it, and asks a compiled form of the same rules for many
members at once. A member's own vetoes are asked last and can only forbid. Everything that is not
known denies. May touch: core, labels, alliance and cedarpy. No I/O.
"""

from ringwall.policy.cases import CaseResult, read_cases, try_cases
from ringwall.policy.compiled import CompiledPolicy, Recipients
from ringwall.policy.decision import Decision, decide_member, decide_reader
from ringwall.policy.gates import (
    SKEW,
    GateResult,
    Question,
    boundaries,
    in_force,
    named_members,
)
from ringwall.policy.kernel import Kernel
from ringwall.policy.moments import opening_moments
from ringwall.policy.passing_on import NO_FURTHER, Limit, further, passing_on, way_to
from ringwall.policy.redaction import (
    NO_REDACTIONS,
    RedactionRule,
    RedactionRules,
    read_redactions,
)
from ringwall.policy.release_class import DEFAULT_PURPOSE, ReleaseClass, release_class
from ringwall.policy.second_person import NO_HOLDS, HoldRule, HoldRules, read_hold_rules
from ringwall.policy.vetoes import NO_VETOES, Vetoes, veto_schema

__all__ = [
    "DEFAULT_PURPOSE",
    "NO_FURTHER",
    "NO_HOLDS",
    "NO_REDACTIONS",
    "NO_VETOES",
    "SKEW",
    "CaseResult",
    "CompiledPolicy",
    "Decision",
    "GateResult",
    "HoldRule",
    "HoldRules",
    "Kernel",
    "Limit",
    "Question",
    "Recipients",
    "RedactionRule",
    "RedactionRules",
    "ReleaseClass",
    "Vetoes",
    "boundaries",
    "decide_member",
    "decide_reader",
    "further",
    "in_force",
    "named_members",
    "opening_moments",
    "passing_on",
    "read_cases",
    "read_hold_rules",
    "read_redactions",
    "release_class",
    "try_cases",
    "veto_schema",
    "way_to",
]
