"""Own rules: nobody's terms let others pass on what the member itself would not send.

Whoever names a member in ``onward_to`` gives it the whole of an object, by way of any recipient: a
rule of the member's own that withholds something from it would be gone round.
"""

from collections.abc import Sequence

from ringwall.core import InvalidInput
from ringwall.policy import HoldRules, Kernel, RedactionRules, ReleaseClass, named_members


class OwnRules:
    """The rules of one member that hold something back from another."""

    def __init__(
        self, member: str, kernel: Kernel, redactions: RedactionRules, holds: HoldRules
    ) -> None:
        self.member = member
        self._kernel = kernel
        self._redactions = redactions
        self._holds = holds

    def check(self, release: ReleaseClass) -> None:
        """Raise InvalidInput (field ``onward_to``, rule ``own-rules``) where terms go round one."""
        for member in self.beyond(release):
            if why := self.why_not(release, member):
                raise InvalidInput(
                    f"onward_to: it may not be passed on to {member}: {why}",
                    field="onward_to",
                    rule="own-rules",
                )

    def beyond(self, release: ReleaseClass) -> Sequence[str]:
        """Return the other members whom the terms let it be passed on to, sorted."""
        named = named_members(self._kernel.alliance, release.terms.onward_to)
        return sorted(named - {self.member})

    def why_not(self, release: ReleaseClass, member: str) -> str:
        """Return the rule that withholds something of such a statement from a member, or ""."""
        alliance = self._kernel.alliance
        for rule in self._redactions.concerning(alliance, release.object_type, member):
            return f"rule {rule.name} withholds {', '.join(rule.fields)} ({rule.clause})"
        held = self._holds.holding(alliance, release, member)
        if held is not None:
            return f"rule {held.name} wants a second person ({held.clause})"
        return self._kernel.vetoed(release, member)
