"""A running omega for the journeys, in a place of its own: they kill its programs and empty its Redis."""

import secrets
import shutil

import psycopg
import pytest
from psycopg import sql

from omega_project.lib import embedded
from tests.journeys.scene import Scene
from tests.settings import HOME
from tests.support.processes import Omega, Place


@pytest.fixture(scope="session")
def journey_place():
    """As `lasting_place`, with a Redis database that no other program of the tests looks into."""
    name = f"journey_{secrets.token_hex(4)}"
    home = HOME / name
    home.mkdir(parents=True)
    redis_url = embedded.redis_url(HOME).replace("db=0", "db=2")
    try:
        yield Place(home, embedded.database_url(HOME, name), redis_url)
    finally:
        with psycopg.connect(embedded.database_url(HOME), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def running(journey_place):
    with Omega(journey_place, API_RATE_LIMIT="off", RECONCILE_SECONDS="2", EMAIL_UNKNOWN_GRACE="4") as omega:
        omega.manage("migrate", "--verbosity", "0")
        scene = Scene(omega)
        scene.flush_redis()
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
