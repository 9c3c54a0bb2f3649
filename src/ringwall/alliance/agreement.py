"""A sharing agreement: what opens a release, for whom, and what it costs the recipient."""

import msgspec

from ringwall.labels import Tlp


class Agreement(msgspec.Struct, frozen=True):
    """A sharing agreement: every party may receive from every other party.

    ``parties`` are members, groups already expanded; ``givers`` and ``receivers`` narrow that to
    one direction (None: every party). ``object_types`` and ``sectors`` None mean all; a statement
    of which no sector is known is outside an agreement that names sectors.
    ``highest_classification``: the highest level of each classification policy that it opens; a
    policy that is not named is not covered. ``handling`` are instructions and ``obligations``
    duties, both as stable tokens that travel with what it opens. ``onward_to`` and ``hops``: to
    whom parties may pass things on, where the originator's own terms allow it.
    ``valid_from`` is the first moment and ``valid_until`` the first moment no longer, both as
    ``format_timestamp`` writes them. ``clause`` is what an explanation quotes. ``digest`` names
    the document that the parties signed; "" for one of the alliance description, which the
    registry's key holders sign as a whole.
    """

    id: str
    title: str
    parties: frozenset[str]
    purposes: frozenset[str]
    object_types: frozenset[str] | None
    highest_tlp: Tlp
    valid_from: str
    valid_until: str
    clause: str
    version: int = 1
    givers: frozenset[str] | None = None
    receivers: frozenset[str] | None = None
    sectors: frozenset[str] | None = None
    highest_classification: dict[str, str] = {}
    handling: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    onward_to: frozenset[str] = frozenset()
    hops: int = 0
    digest: str = ""

    def joins(self, giver: str, receiver: str) -> bool:
        """Tell whether it lets ``giver`` share with ``receiver`` at all."""
        return (
            giver in self.parties
            and receiver in self.parties
            and (self.givers is None or giver in self.givers)
            and (self.receivers is None or receiver in self.receivers)
        )
