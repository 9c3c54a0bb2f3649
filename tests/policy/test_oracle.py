"""Definition, kernel and the reader filter in SQL against a naive oracle that shares no code."""

from tests.policy.differential import compare


def test_definition_kernel_sql_and_oracle_agree() -> None:
    """Some 20,000 decisions; `make long` makes a million (test_differential.py)."""
    counted = compare(20_000, seed=20261122)
    assert counted.decisions >= 20_000
    assert counted.permitted > 500
    assert counted.classified > 100
    assert counted.relayed > 10
