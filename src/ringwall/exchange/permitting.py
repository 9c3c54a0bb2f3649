"""Who may submit, and under which purpose and terms: asked before anything is read."""

from ringwall.alliance import Alliance, Reader
from ringwall.core import Forbidden, InvalidInput
from ringwall.labels import Terms, terms_document, terms_from_document
from ringwall.policy import DEFAULT_PURPOSE

SUBMITTING_ROLES = frozenset({"analyst", "submitter", "release-officer", "watch-officer"})


def check_submitter(reader: Reader, member: str) -> None:
    """Raise Forbidden (rules ``role``, ``member``) unless a reader may submit for ``member``."""
    if not reader.roles & SUBMITTING_ROLES:
        raise Forbidden(f"reader {reader.id} has no role that may submit", rule="role")
    if reader.member != member:
        raise Forbidden(f"reader {reader.id} is not of member {member}", rule="member")


def check_purpose(alliance: Alliance, purpose: str) -> None:
    """Raise InvalidInput (rule ``purpose``) unless it is the default or an agreement's."""
    known = {DEFAULT_PURPOSE}.union(*(a.purposes for a in alliance.agreements))
    if purpose not in known:
        raise InvalidInput(
            f"purpose: no agreement names {purpose[:80]!r}", field="purpose", rule="purpose"
        )


def check_terms(alliance: Alliance, terms: Terms) -> None:
    """Raise InvalidInput unless all of an originator's terms are known and can be kept."""
    known = alliance.members.keys() | alliance.groups.keys()
    if strangers := [name for name in terms.onward_to if name not in known]:
        raise InvalidInput(
            f"onward_to: no member and no group is called {strangers[0]!r}",
            field="onward_to",
            rule="unknown-name",
        )
    if bool(terms.onward_to) != bool(terms.hops):
        raise InvalidInput(
            "hops: passing on needs both whom it may reach and over how many hops",
            field="hops",
            rule="hops",
        )
    if terms_from_document(terms_document(terms)).embargo != terms.embargo:
        why = f"embargo: {terms.embargo[:40]!r} is no moment that can be reckoned with"
        raise InvalidInput(why, field="embargo", rule="timestamp")
    if terms.unknown:
        names = ", ".join(terms.unknown)
        raise InvalidInput(f"terms: not understood: {names}", field="terms", rule="terms")
