"""The release decision: the definition that everything else must agree with.

Something is released only if every gate passes or has nothing to say. All gates are asked every
time, so that an explanation is whole. No gate raises: what a gate does not know, it denies.
"""

from datetime import datetime

import msgspec

from ringwall.alliance import Alliance, Reader
from ringwall.core import format_timestamp
from ringwall.policy import gates
from ringwall.policy.gates import GateResult
from ringwall.policy.release_class import ReleaseClass


class Decision(msgspec.Struct, frozen=True):
    """A decision with its reasons.

    ``until`` is the first moment at which time can change it (RFC 3339, as ``format_timestamp``
    writes): ask again then. None if time alone never can. ``subject`` is the member or reader
    that it is about.
    """

    permit: bool
    gates: tuple[GateResult, ...]
    until: str | None
    subject: str = ""

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


def decide_member(
    alliance: Alliance, release_class: ReleaseClass, member: str, at: datetime
) -> Decision:
    """Decide whether a member may have statements of this class at ``at`` (aware, UTC)."""
    return _decide(alliance, release_class, member, at, subject=member, more=())


def decide_reader(
    alliance: Alliance, release_class: ReleaseClass, reader: Reader, at: datetime
) -> Decision:
    """Decide whether a reader may see statements of this class: the member's gates and two more."""
    more = (
        gates.clearance_gate(release_class, reader),
        gates.role_gate(alliance, release_class, reader),
    )
    return _decide(alliance, release_class, reader.member, at, subject=reader.id, more=more)


def _decide(
    alliance: Alliance,
    release: ReleaseClass,
    member: str,
    at: datetime,
    *,
    subject: str,
    more: tuple[GateResult, ...],
) -> Decision:
    covering = gates.covering_agreements(alliance, release, member)
    results = (
        gates.label_gate(release),
        gates.rel_to_gate(alliance, release, member),
        gates.tlp_gate(release, member),
        gates.agreement_gate(covering, alliance, release, member, at),
        gates.node_gate(alliance, member),
        *more,
    )
    denying = {result.gate for result in results if result.outcome == "deny"}
    # Only the agreement gate knows time: if another gate denies, no moment can change the answer.
    by_time = denying <= {"agreement"} and member != release.origin
    until = gates.next_change(covering, at) if by_time else None
    return Decision(
        permit=not denying,
        gates=results,
        until=format_timestamp(until) if until else None,
        subject=subject,
    )
