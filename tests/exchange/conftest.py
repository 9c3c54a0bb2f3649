"""What tests of the exchange share."""

import pytest

from ringwall.enrolment.hubs import free_port as find_free_port


@pytest.fixture
def free_port() -> int:
    return find_free_port()
