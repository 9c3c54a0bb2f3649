"""What reading a submission costs: strict parsing, validation, canonical bytes, words, observables.

Ordinary objects take the fast lane; a custom property makes an object take the closer look.
"""

import json

import stix2
from stix2patterns.validator import run_validator

from benches.examples import bundle
from benches.figure import Figure, microseconds
from ringwall.stix import SubmissionReader
from ringwall.stix.pattern import by_grammar

COUNT = 1000
UNCOMMON = (
    "([ipv4-addr:value = '198.51.100.1' AND ipv4-addr:belongs_to_refs[*].number NOT IN (1, 2)] "
    "FOLLOWEDBY [url:value LIKE 'http://%.example.com/a']) WITHIN 600 SECONDS"
)


def read(raw: bytes) -> None:
    """Read a bundle as an intake does, in slices of 500."""
    accepted = 0
    for part in SubmissionReader(raw).slices(500):
        if part.refusals:
            raise ValueError(f"the example is not valid: {part.refusals[:1]}")
        accepted += len(part.objects)
    if accepted != COUNT:
        raise ValueError(f"{accepted} of {COUNT} objects were read")


def run() -> list[Figure]:
    """Measure on a bundle of 1,000 indicators."""
    raw = bundle(COUNT)
    document = json.loads(raw)
    for obj in document["objects"]:
        obj["x_rank"] = 1
    custom = json.dumps(document).encode()
    text = raw.decode()
    ours = microseconds(lambda: read(raw), per=COUNT)
    closer = microseconds(lambda: read(custom), per=COUNT)
    theirs = microseconds(lambda: stix2.parse(text), per=COUNT)
    antlr = microseconds(lambda: run_validator(UNCOMMON, stix_version="2.1"))
    return [
        Figure("intake.validate", ours, "µs/object", theirs, "stix2.parse of the same bundle"),
        Figure("intake.validate.closer", closer, "µs/object", theirs, "stix2.parse, as above"),
        Figure(
            "intake.pattern",
            microseconds(lambda: by_grammar(UNCOMMON)),
            "µs",
            antlr,
            "stix2-patterns, of an uncommon pattern",
        ),
    ]
