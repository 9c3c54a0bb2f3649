"""The same comparison at scale, from another seed every time: `make long`."""

import secrets

import pytest

from tests.policy.differential import compare

LEAST = 1_000_000


@pytest.mark.long
def test_a_million_decisions_agree(capsys: pytest.CaptureFixture[str]) -> None:
    seed = secrets.randbits(32)
    with capsys.disabled():
        print(f"\ndifferential: seed {seed}")  # noqa: T201
        counted = compare(LEAST, seed=seed)
        print(counted)  # noqa: T201
    assert counted.decisions >= LEAST
    assert counted.permitted > LEAST // 50
    assert counted.relayed > LEAST // 1000
