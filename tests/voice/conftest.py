"""What every voice test starts from."""

import pytest

from messaging.services import carriers


@pytest.fixture(autouse=True)
def _accounts_anew():
    """No test meets the accounts that another one made."""
    carriers.forget()
    yield
    carriers.forget()
