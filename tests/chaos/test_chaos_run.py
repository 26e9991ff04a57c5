"""Three quarters of a minute against the real programs, killed and cut as in the long run: every promise is kept."""

import pytest

from chaos.plan import Shape
from chaos.report import table
from chaos.run import fire
from chaos.system import System
from tests.settings import HOME


@pytest.mark.timeout(600)
def test_three_quarters_of_a_minute_under_fire_breaks_no_promise():
    with System(HOME.parent / "chaos-test") as system:
        result = fire(system, seed=7, shape=Shape(seconds=45, rate=10, overtime=30))
    assert result.is_well, table(result)
    assert result.sent > 100
    assert len(result.journal.faults) > 20
    assert [one.after for one in result.recovered if one.seconds is None] == []
