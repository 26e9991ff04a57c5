"""A short run against the real programs, killed and cut as in the long one: every promise kept."""

import pytest

from chaos.__main__ import table
from chaos.run import fire
from chaos.system import System
from tests.settings import HOME


@pytest.mark.timeout(400)
def test_thirty_seconds_under_fire_break_no_promise():
    with System(HOME.parent / "chaos-test") as system:
        result = fire(system, seed=7, seconds=30, rate=20)
    assert result.is_well, table(result)
    assert len(result.faults) > 5
    assert result.sent > 100
