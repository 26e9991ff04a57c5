"""What every test of the contract starts from: a caller who is nobody yet."""

import pytest

from tests.contract.world import browser


@pytest.fixture(autouse=True)
def _nobody():
    """No test is logged in by a cookie that another one was given."""
    browser().cookies.clear()
