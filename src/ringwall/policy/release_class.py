"""The release class: everything about a statement that policy looks at."""

import msgspec

from ringwall.core import canonical_json
from ringwall.labels import Label, label_document

DEFAULT_PURPOSE = "collective-defence"
"""The purpose of a submission that names none."""


class ReleaseClass(msgspec.Struct, frozen=True, cache_hash=True):
    """What a decision depends on besides the alliance, the asker and the time.

    ``origin`` is the member (not the node) that states it. Statements share release classes, so a
    store interns them and filters by class.
    """

    origin: str
    object_type: str
    label: Label
    purpose: str = DEFAULT_PURPOSE

    def key(self) -> bytes:
        """Return the canonical JSON of the class: equal classes have equal keys."""
        return canonical_json(
            {
                "label": label_document(self.label),
                "object_type": self.object_type,
                "origin": self.origin,
                "purpose": self.purpose,
            }
        )
