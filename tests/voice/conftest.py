"""What every voice test starts from, and a running omega for those that want one."""

import pytest

from messaging.services import carriers
from tests.admin.conftest import CHROMIUM, chromium
from tests.settings import HOME
from tests.support.processes import Omega, lasting_place
from tests.voice.line import Line

__all__ = ["CHROMIUM", "chromium"]
_SETTINGS = (
    "from voice.services.preferences import save_preferences as s; "
    "[s(business_id=b, texts_back=True, erases_at_provider=True, ring_seconds=5) for b in (1, 2)]"
)


@pytest.fixture(autouse=True)
def _accounts_anew():
    """No test meets the accounts that another one made."""
    carriers.forget()
    yield
    carriers.forget()


@pytest.fixture(scope="package")
def line():
    """All of omega, running, with businesses that text back and keep nothing at the carrier."""
    with lasting_place(HOME) as place, Omega(place, API_RATE_LIMIT="off") as omega:
        omega.seed()
        omega.manage("shell", "-c", _SETTINGS)
        omega.start_all()
        yield Line(omega)
