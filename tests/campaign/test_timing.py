"""The time of an answer does not tell what is withheld from what is missing (dudect's test).

100,000 calls of each class, in random order, in process: see `tests/server/timing.py`. |t| below
4.5, at every crop, is no evidence of a difference.
"""

import sys

import pytest

from tests.server.timed_world import timed_world
from tests.server.timing import LIMIT, judge, sample

CALLS = 100_000


@pytest.mark.long
@pytest.mark.parametrize("kind", ["statement", "object", "value", "taxii"])
def test_withheld_and_missing_take_the_same_time(kind: str) -> None:
    with timed_world() as node:
        withheld, missing = node.pairs()[kind]
        verdict = judge(sample(withheld, missing, CALLS))
    sys.stdout.write(f"{kind}: {verdict}\n")
    assert verdict.t < LIMIT, verdict
