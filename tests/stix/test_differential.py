"""The same objects, valid and with one fault each, judged by us and by the standard's authors.

Two judgements differ where one refuses and the other has nothing to say. Every difference must
fall into a class of `docs/stix-conformance.md`, and every class there must be met here.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from ringwall.core import InvalidInput, TooLarge
from ringwall.stix import validate
from tests.stix.complete import COMPLETE
from tests.stix.examples import EXAMPLES
from tests.stix.faults import Fault, inner_faults, top_level_faults
from tests.stix.reference_validator import reference_errors

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "stix-conformance.md"

# What we refuse and they take, by our rule.
STRICTER = {
    "identifier": "references-are-identifiers",
    "reference-type": "reference-types",
    "identifier-type": "id-and-type",
    "type": "inner-types",
    "range": "negative-counts",
    "at-least-one": "observed-without-observables",
    "empty-dictionary": "empty-dictionaries",
}
# What we refuse by a rule that they know as well, but not of these properties.
MISSING = {"extension-definition/created_by_ref", "marking-definition/definition_type"}
# What they refuse and we have nothing to say about, by their words.
LAXER = [
    (r"second must be in 0\.\.59", "leap-seconds"),
    (r"not a valid RFC 5646|contents.*RFC 5646", "language-registry"),
    (r"languages\[\d+\]|ISO 639-2", "software-languages"),
    (r"idn-hostname", "host-names"),
    (r"source_name' must be 'cve'", "numbers-of-other-sources"),
    (r"IANA|not .*media type|mime_type", "registries"),
]


def judge(faults: Sequence[Fault]) -> tuple[Counter[str], list[str]]:
    """Return how often each class of difference occurred, and the differences without a class."""
    seen: Counter[str] = Counter()
    unexplained: list[str] = []
    errors = reference_errors(fault[-1] for fault in faults)
    for (kind, name, value, obj), told in zip(faults, errors, strict=True):
        found = ""
        try:
            is_silent = not validate(obj)
        except (InvalidInput, TooLarge) as error:
            if not told:
                found = STRICTER.get(error.rule, f"we refuse: {error.rule}: {error.message}")
                if error.rule == "required" and f"{kind}/{name}" in MISSING:
                    found = "required-by-the-text"
        else:
            if told and is_silent:
                found = next(
                    (each for words, each in LAXER if re.search(words, told[0])), f"they: {told[0]}"
                )
        if ": " in found:
            unexplained.append(f"{kind}/{name} = {value!r:.60}: {found[:200]}")
        elif found:
            seen[found] += 1
    return seen, unexplained


def documented() -> set[str]:
    """Return the classes of differences that the document explains."""
    return set(re.findall(r"^\| `([a-z-]+)` \| (?:we|they) ", DOCUMENT.read_text(), re.MULTILINE))


def assert_explained(faults: Sequence[Fault]) -> Counter[str]:
    seen, unexplained = judge(faults)
    assert not unexplained, "\n".join(unexplained[:20])
    assert set(seen) <= documented()
    return seen


def test_both_take_what_is_valid() -> None:
    for source in (EXAMPLES, COMPLETE):
        for obj in source.values():
            assert validate(obj) == ()
        told = dict(zip(source, reference_errors(source.values()), strict=True))
        differing = {kind for kind, errors in told.items() if errors}
        assert differing <= {"software"}  # languages: see software-languages


def test_a_sample_of_faults_is_judged_alike() -> None:
    faults = [*top_level_faults()][::67] + [*inner_faults()][::97]
    assert len(faults) > 450
    seen = assert_explained(faults)
    assert seen.total() < len(faults) / 10


@pytest.mark.long
def test_all_faults_are_judged_alike_and_every_class_occurs() -> None:
    faults = [*top_level_faults(), *inner_faults()]
    assert len(faults) > 30_000
    assert set(assert_explained(faults)) == documented()
