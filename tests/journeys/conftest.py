"""A running omega for the journeys, in a place of its own: they kill its programs and empty its Redis."""

import pytest

from tests.journeys.scene import Scene
from tests.settings import HOME
from tests.support.processes import Omega, lasting_place

SETTINGS = {"API_RATE_LIMIT": "off", "RECONCILE_SECONDS": "2", "EMAIL_UNKNOWN_GRACE": "4"}


@pytest.fixture(scope="package")
def running():
    with lasting_place(HOME) as place, Omega(place, **SETTINGS) as omega:
        scene = Scene(omega)
        omega.start_all()
        yield scene


@pytest.fixture
def scene(running):
    """The running omega with a carrier that is well and an empty ledger."""
    running.heal()
    running.carrier("DELETE", "/ledger")
    running.carrier("DELETE", "/optouts")
    running.carrier("DELETE", "/suppressions")
    yield running
    running.heal()
