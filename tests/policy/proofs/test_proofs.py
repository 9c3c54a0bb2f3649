"""Every property holds of the model, and its proof fails where the model is broken."""

import pytest

from tests.policy.proofs.model import Model
from tests.policy.proofs.properties import PROPERTIES
from tests.policy.proofs.symbols import Property, counterexample

EACH = pytest.mark.parametrize("wanted", PROPERTIES, ids=[each.name for each in PROPERTIES])


@EACH
def test_there_is_no_counterexample(wanted: Property) -> None:
    assert counterexample(wanted, Model()) is None


@EACH
def test_a_broken_model_has_one(wanted: Property) -> None:
    assert counterexample(wanted, wanted.broken) is not None
