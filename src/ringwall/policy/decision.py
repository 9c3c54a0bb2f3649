"""The release decision: the definition that everything else must agree with.

Something is released only if every gate passes or has nothing to say. All gates are asked every
time, so that an explanation is whole. No gate raises: what a gate does not know, it denies.
"""

from datetime import datetime

import msgspec

from ringwall.alliance import Agreement, Alliance, Reader
from ringwall.core import format_timestamp
from ringwall.policy import gates
from ringwall.policy.gates import GateResult, Question
from ringwall.policy.moments import TIMED, next_change
from ringwall.policy.release_class import ReleaseClass
from ringwall.policy.vetoes import NO_VETOES, Vetoes


class Decision(msgspec.Struct, frozen=True):
    """A decision with its reasons.

    ``until`` is the first moment at which time can change it (RFC 3339, as ``format_timestamp``
    writes): ask again then. None if time alone never can. ``subject`` is the member or reader
    that it is about. ``duties`` are the handling instructions and obligations that come with it:
    what the agreement that opened asks for.
    """

    permit: bool
    gates: tuple[GateResult, ...]
    until: str | None
    subject: str = ""
    duties: tuple[str, ...] = ()

    def denying(self) -> GateResult | None:
        """Return the first gate that denies, None if the decision permits."""
        return next((gate for gate in self.gates if gate.outcome == "deny"), None)

    def reason(self) -> str:
        """Return one line for a person: the first gate that denies, or what opened."""
        gate = self.denying()
        if gate is not None:
            return f"withheld from {self.subject}: {gate.fact}"
        opened = next((each.fact for each in self.gates if each.gate == "agreement"), "")
        return f"released to {self.subject}: {opened}"


def without_a_node(decision: Decision) -> Decision:
    """Return a decision about a member none of whose nodes is in the registry: nothing goes."""
    fact = f"{decision.subject} has no node in the registry"
    none = GateResult("node", "deny", "not-enrolled", "registry", fact)
    asked = (
        none if (each.gate, each.outcome) == ("node", "pass") else each for each in decision.gates
    )
    return msgspec.structs.replace(decision, permit=False, gates=tuple(asked))


def decide_member(
    alliance: Alliance,
    release_class: ReleaseClass,
    member: str,
    at: datetime,
    vetoes: Vetoes = NO_VETOES,
) -> Decision:
    """Decide whether a member may have statements of this class at ``at`` (aware, UTC)."""
    asked = Question(alliance, release_class, member, at)
    return _decide(asked, member, (), vetoes)


def decide_reader(
    alliance: Alliance,
    release_class: ReleaseClass,
    reader: Reader,
    at: datetime,
    vetoes: Vetoes = NO_VETOES,
) -> Decision:
    """Decide whether a reader may see such statements: the member's gates and its own."""
    asked = Question(alliance, release_class, reader.member, at)
    more = (
        gates.clearance_gate(asked, reader),
        gates.nationality_gate(asked, reader),
        gates.role_gate(asked, reader),
    )
    return _decide(asked, reader.id, more, vetoes, reader)


def _decide(
    asked: Question,
    subject: str,
    more: tuple[GateResult, ...],
    vetoes: Vetoes,
    reader: Reader | None = None,
) -> Decision:
    covering = gates.covering_agreements(asked)
    results = (
        gates.label_gate(asked),
        gates.embargo_gate(asked),
        gates.classification_gate(asked),
        gates.rel_to_gate(asked),
        gates.tlp_gate(asked),
        gates.agreement_gate(asked, covering),
        *([gates.onward_gate(asked)] if asked.release.relayed else []),
        gates.iep_gate(asked),
        gates.acs_gate(asked),
        gates.node_gate(asked),
        *more,
    )
    denying = {result.gate for result in results if result.outcome == "deny"}
    if not denying and vetoes.any:
        veto = vetoes.gate(asked)
        if reader is not None and veto.outcome != "deny":
            veto = vetoes.gate(asked, reader)
        results = (*results, veto)
        denying |= {"veto"} if veto.outcome == "deny" else set()
    by_time = denying <= TIMED and not asked.is_origin
    until = next_change(asked.release, covering, asked.at) if by_time else None
    return Decision(
        permit=not denying,
        gates=results,
        until=format_timestamp(until) if until else None,
        subject=subject,
        duties=() if denying else _duties(asked, covering),
    )


def _duties(asked: Question, covering: list[Agreement]) -> tuple[str, ...]:
    opened = next((each for each in covering if gates.in_force(each, asked.at)), None)
    if opened is None or asked.is_origin:
        return ()
    return tuple(sorted({*opened.handling, *opened.obligations}))
