"""What every test has: the event loop, the public data sets, the Hypothesis profiles."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# The same examples in every run of the checks; `HYPOTHESIS_PROFILE=explore` looks for new ones.
settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# A planted fault only has to turn a test red: looking for the smallest example takes minutes.
settings.register_profile(
    "sabotage",
    settings.get_profile("ci"),
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

REPOSITORY = Path(__file__).parent.parent
pytest_plugins = ["tests.store.stores"]


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the node does."""
    return "asyncio"


@pytest.fixture(scope="session")
def ringwall_data() -> Path:
    """Folder of public data sets: `attack`, `misp-events`, …; tests that need it skip without."""
    data = Path(os.environ.get("RINGWALL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not data.is_dir():
        pytest.skip(f"no public data sets in {data}; RINGWALL_DATA names their folder")
    return data
