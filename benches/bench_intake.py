"""What reading a submission costs: strict parsing, validation and canonical bytes."""

import stix2

from benches.examples import bundle
from benches.figure import Figure, microseconds
from ringwall.stix import read_submission

COUNT = 1000


def run() -> list[Figure]:
    """Measure on a bundle of 1,000 indicators."""
    raw = bundle(COUNT)
    submission = read_submission(raw)
    if len(submission.objects) != COUNT or submission.refusals:
        raise ValueError(f"the example is not valid: {submission.refusals[:1]}")
    ours = microseconds(lambda: read_submission(raw), per=COUNT)
    text = raw.decode()
    theirs = microseconds(lambda: stix2.parse(text), per=COUNT)
    return [Figure("intake.validate", ours, "µs/object", theirs, "stix2.parse of the same bundle")]
