"""The gates: every one looks at its own part of a release and at nothing else.

A gate passes, abstains (has nothing to say) or denies; whatever it does not know, it denies, and
it never raises. ``fact`` is a clause for an officer, ready to follow "withheld from dorne:".
Everything here is pure: who asks brings alliance, release class, member and time.
"""

from ringwall.policy.gates.agreed import (
    agreement_gate,
    boundaries,
    covering_agreements,
    covers,
    in_force,
)
from ringwall.policy.gates.labelled import acs_gate, embargo_gate, iep_gate, label_gate
from ringwall.policy.gates.onward import named_members, onward_gate
from ringwall.policy.gates.question import SKEW, GateName, GateResult, Question, shown
from ringwall.policy.gates.readers import clearance_gate, nationality_gate, role_gate
from ringwall.policy.gates.recipients import (
    classification_gate,
    fit_seats,
    node_gate,
    rel_to_gate,
    release_lists,
    tlp_gate,
)

__all__ = [
    "SKEW",
    "GateName",
    "GateResult",
    "Question",
    "acs_gate",
    "agreement_gate",
    "boundaries",
    "classification_gate",
    "clearance_gate",
    "covering_agreements",
    "covers",
    "embargo_gate",
    "fit_seats",
    "iep_gate",
    "in_force",
    "label_gate",
    "named_members",
    "nationality_gate",
    "node_gate",
    "onward_gate",
    "rel_to_gate",
    "release_lists",
    "role_gate",
    "shown",
    "tlp_gate",
]
