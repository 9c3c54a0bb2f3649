"""policy: may this member, may this reader have it? The decision, its reasons, and a cache of both.

One pure definition, ``decide_member`` and ``decide_reader``; the kernel only remembers what they
say, until the moment at which time changes it. Everything that is not known denies.
May touch: core, labels and alliance. No I/O.
"""

from ringwall.policy.decision import Decision, decide_member, decide_reader
from ringwall.policy.gates import SKEW, GateResult
from ringwall.policy.kernel import Kernel
from ringwall.policy.release_class import DEFAULT_PURPOSE, ReleaseClass

__all__ = [
    "DEFAULT_PURPOSE",
    "SKEW",
    "Decision",
    "GateResult",
    "Kernel",
    "ReleaseClass",
    "decide_member",
    "decide_reader",
]
