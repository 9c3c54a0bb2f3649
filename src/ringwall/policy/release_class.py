"""The release class: everything about a statement that policy looks at."""

import msgspec

from ringwall.core import canonical_json
from ringwall.labels import NO_TERMS, Label, Terms, for_decision, label_document, terms_document

DEFAULT_PURPOSE = "collective-defence"
"""The purpose of a submission that names none."""


class ReleaseClass(msgspec.Struct, frozen=True, cache_hash=True):
    """What a decision depends on besides the alliance, the asker and the time.

    ``origin`` is the member (not the node) that states it. Statements share release classes, so a
    store interns them and filters by class: ``label`` holds what decisions look at
    (labels.for_decision), and :func:`release_class` makes one that does. ``relayed`` is empty where
    the originator itself sent it; else it names the members over which it came, from the one that
    the originator sent it to until the one that holds it: it is that one's alone.
    """

    origin: str
    object_type: str
    label: Label
    purpose: str = DEFAULT_PURPOSE
    terms: Terms = NO_TERMS
    relayed: tuple[str, ...] = ()

    @property
    def giver(self) -> str:
        """Return the member that sends it to whoever is asked about."""
        return self.relayed[-2] if len(self.relayed) > 1 else self.origin

    def key(self) -> bytes:
        """Return the canonical JSON of the class: equal classes have equal keys."""
        document = {
            "label": label_document(self.label),
            "object_type": self.object_type,
            "origin": self.origin,
            "purpose": self.purpose,
        }
        if self.terms != NO_TERMS:
            document["terms"] = terms_document(self.terms)
        if self.relayed:
            document["relayed"] = list(self.relayed)
        return canonical_json(document)


def release_class(
    origin: str,
    object_type: str,
    label: Label,
    purpose: str = DEFAULT_PURPOSE,
    terms: Terms = NO_TERMS,
    relayed: tuple[str, ...] = (),
) -> ReleaseClass:
    """Return the class of a statement under its whole label."""
    return ReleaseClass(origin, object_type, for_decision(label), purpose, terms, relayed)
