"""Gates that look at the label and the originator's terms alone: whoever asks, the same answer."""

from collections.abc import Iterator

from ringwall.alliance import why_invalid
from ringwall.core import parse_timestamp
from ringwall.labels import Label, obligations
from ringwall.labels.acs import permits
from ringwall.labels.acs_reading import read_controls
from ringwall.policy.gates.question import SKEW, GateResult, Question, shown


def label_gate(asked: Question) -> GateResult:
    """Deny a label that is not wholly understood: what it would restrict cannot be known.

    Past its review a label opens nothing to others; its originator can still see and renew it.
    """
    label, terms = asked.release.label, asked.release.terms
    if label.unknown or terms.unknown:
        names = shown(", ".join([*label.unknown, *terms.unknown]))
        fact = f"the label holds {names}, which is not understood"
        source = "label.unknown" if label.unknown else "terms.unknown"
        return GateResult("label", "deny", "not-understood", source, fact)
    if label.alternatives and label.confidentiality is None:
        fact = "the label has other wordings of a classification that it does not have"
        return GateResult("label", "deny", "not-understood", "label.alternatives", fact)
    if label.confidentiality is not None:
        rule, why = why_invalid(label.confidentiality, asked.alliance.policies)
        if rule:
            return GateResult("label", "deny", rule, "label.confidentiality", shown(why))
    elif label.tlp is None:
        fact = "the label has neither a TLP nor a classification"
        return GateResult("label", "deny", "no-tlp", "label.tlp", fact)
    if not asked.is_origin:
        for rule, source, moment, fact in _ends(label):
            if asked.at >= parse_timestamp(moment) - SKEW:
                return GateResult("label", "deny", rule, source, fact)
    return GateResult("label", "pass", "understood", "label", "the label is understood")


def _ends(label: Label) -> Iterator[tuple[str, str, str, str]]:
    """Yield rule, source, moment and fact of what ends a label's life for others."""
    if label.review:
        fact = f"the label was to be reviewed by {label.review}"
        yield "review", "label.review", label.review, fact
    for text in label.acs:
        if disposed := read_controls(text).disposition:
            fact = f"its ACS marking has it disposed of at {disposed}"
            yield "disposition", "label.acs", disposed, fact


def embargo_gate(asked: Question) -> GateResult:
    """Deny everybody but the originator until an embargo has ended."""
    until = asked.release.terms.embargo
    if not until or asked.is_origin:
        return GateResult("embargo", "abstain", "none", "terms", "there is no embargo")
    if asked.at < parse_timestamp(until) + SKEW:
        fact = f"{asked.release.origin} keeps it back until {until}"
        return GateResult("embargo", "deny", "embargo", "terms.embargo", fact)
    return GateResult("embargo", "pass", "ended", "terms.embargo", f"the embargo ended at {until}")


def iep_gate(asked: Question) -> GateResult:
    """Deny outside the dates of an information exchange policy (FIRST IEP 2.0)."""
    policies = asked.release.label.iep
    if not policies or asked.is_origin:
        return GateResult("iep", "abstain", "none", "label.iep", "no IEP limits it")
    for policy in policies:
        if policy.start and asked.at < parse_timestamp(policy.start) + SKEW:
            fact = f"its IEP begins at {policy.start}"
            return GateResult("iep", "deny", "not-begun", "label.iep.start", fact)
        if policy.end and asked.at >= parse_timestamp(policy.end) - SKEW:
            fact = f"its IEP ended at {policy.end}"
            return GateResult("iep", "deny", "ended", "label.iep.end", fact)
    duties = sorted({duty for policy in policies for duty in obligations(policy)})
    fact = f"its IEP is in force and asks for {', '.join(duties)}"
    return GateResult("iep", "pass", "in-force", "label.iep", fact)


def acs_gate(asked: Question) -> GateResult:
    """Deny what an ACS marking does not permit to this member, by its name or one of its codes."""
    markings = asked.release.label.acs
    if not markings or asked.is_origin:
        return GateResult("acs", "abstain", "none", "label.acs", "no ACS marking limits it")
    known = asked.alliance.members.get(asked.member)
    codes = known.codes | {known.id} if known else frozenset[str]()
    for text in markings:
        permitted, rule, fact = permits(read_controls(text), codes)
        if not permitted:
            return GateResult("acs", "deny", rule, "label.acs", shown(fact))
    return GateResult("acs", "pass", "permitted", "label.acs", "its ACS marking permits it")
