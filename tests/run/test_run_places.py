"""The programs of two tests never take each other's work."""

import psycopg
import pytest

from tests.settings import HOME
from tests.support.processes import Omega, lasting_place


def test_a_place_has_a_database_and_a_redis_of_its_own_and_is_migrated():
    with lasting_place(HOME) as one, lasting_place(HOME) as other:
        assert one.database_url != other.database_url
        assert one.redis_url != other.redis_url
        with psycopg.connect(one.database_url) as database:
            assert database.execute("SELECT count(*) FROM conversations_message").fetchone() == (0,)


def test_the_workers_of_two_omegas_are_not_started_on_one_place(place):
    with Omega(place) as omega, Omega(place) as other:
        omega.start("worker-1")
        with pytest.raises(AssertionError, match="a place of its own"):
            other.start("worker-1")
