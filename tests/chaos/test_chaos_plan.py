"""The plan: the same seed is the same schedule, and every kind of act and fault is in it."""

from chaos.harms import HARMS
from chaos.load import Caller
from chaos.phones import Phones
from chaos.plan import ACTS, BURST, KILLED, LANES, LIST, Shape, draw


def test_the_same_seed_is_the_same_schedule():
    assert draw(7, Shape()) == draw(7, Shape())
    assert draw(7, Shape()) != draw(8, Shape())
    step = draw(7, Shape()).callers[0][0]
    assert step.chance().random() == step.chance().random()


def test_no_two_steps_have_one_name():
    plan = draw(7, Shape())
    names = [step.name for steps in (*plan.callers, *plan.lanes.values()) for step in steps]
    assert len(set(names)) == len(names) > 1000


def test_five_minutes_have_every_act_and_every_fault():
    plan = draw(7, Shape())
    assert {step.kind for steps in plan.callers for step in steps} == set(ACTS)
    for name, (kinds, _) in LANES.items():
        assert {step.kind for step in plan.lanes[name]} == set(kinds)


def test_every_kind_can_be_carried_out():
    assert {kind for kinds, _ in LANES.values() for kind in kinds} | set(KILLED) <= set(HARMS)
    reach = draw(7, Shape(reach=10_000))
    kinds = set(ACTS) | {step.kind for steps in reach.callers for step in steps}
    assert [kind for kind in kinds if not hasattr(Caller, kind) and not hasattr(Phones, kind)] == []


def test_the_large_run_has_its_ten_thousand_and_a_kill_every_two_seconds():
    plan = draw(7, Shape(seconds=240, reach=10_000))
    kinds = [step.kind for steps in plan.callers for step in steps]
    sends = {"send": 1, "send_mail": 1, "cancel": 1, "send_list": LIST}
    heard = {"burst": BURST, "write_mail": 1, "call_in": 1, "call_out": 1, "stop_or_start": 1}
    assert sum(sends.get(kind, 0) for kind in kinds) >= 10_000
    assert sum(heard.get(kind, 0) for kind in kinds) >= 10_000
    assert [step.at for step in plan.lanes["processes"]] == [2.0 * n for n in range(1, 121)]
