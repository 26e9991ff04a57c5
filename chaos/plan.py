"""What happens when. All of it is drawn from the seed before anything begins: the same seed is the same schedule.

A step that has more to choose when it is carried out draws from a generator of its own, named after the seed and its
place in the plan, so that no choice depends on what was quicker.
"""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass

CALLERS = 8
# How often each kind of act is done, of a hundred or so.
ACTS = {
    "send": 34, "send_many": 5, "send_mail": 9, "text": 20, "stop_or_start": 4, "write_mail": 4, "call_in": 3,
    "call_out": 2, "cancel": 4, "assign": 4, "read": 4, "note": 4, "retry": 2, "trespass": 2,
}  # fmt: skip
# What is broken, lane by lane: the faults of one lane follow each other, those of two lanes meet. Each lane goes
# through all of its kinds before it does one again. The second figure is the pause between two of them, in seconds.
LANES: Mapping[str, tuple[tuple[str, ...], float]] = {
    "processes": (
        ("kill_worker", "kill_web", "kill_worker", "kill_scheduler", "freeze_worker", "kill_web", "roll"),
        3.0,
    ),
    "points": (("point",), 4.0),
    "redis": (("redis_flush", "redis_kill", "redis_pause", "redis_gone", "redis_freeze"), 9.0),
    "postgres": (
        ("postgres_crash", "cut_connections", "lock_table", "slow_statement", "disk_full", "lock_row", "postgres_gone"),
        9.0,
    ),
    "carrier": (("carrier", "carrier", "callbacks"), 4.0),
    "deployments": (("old_worker", "skewed_web", "old_web", "skewed_worker"), 7.0),
}  # fmt: skip
KILLED = (
    "kill_worker", "kill_web", "kill_at_point", "kill_any",
    "kill_worker", "kill_web", "kill_at_point", "kill_scheduler",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One act or one fault: `at` seconds after the start, by a name that nothing else has."""

    at: float
    kind: str
    name: str

    def chance(self) -> random.Random:
        """The step's own generator."""
        return random.Random(self.name)


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a run is. `reach`: so many sends and incoming texts, and a process killed every two seconds.

    Callers whose acts are not done when the faults end may go on for `overtime` seconds.
    """

    seconds: float = 300.0
    rate: float = 20.0
    clients: int = 60
    reach: int = 0
    overtime: float = 150.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    shape: Shape
    clients: tuple[str, ...]
    callers: tuple[tuple[Step, ...], ...]
    lanes: Mapping[str, tuple[Step, ...]]

    @property
    def stoppers(self) -> tuple[str, ...]:
        """The clients who say STOP and START; the others never do, so that most of what is queued leaves."""
        return self.clients[: len(self.clients) // 3]


def draw(seed: int, shape: Shape) -> Plan:
    """The plan of a seed."""
    chance = random.Random(f"{seed}/clients")
    numbers = chance.sample(range(2_000_000, 9_999_999), shape.clients)
    acts = _reaching(seed, shape) if shape.reach else _acts(seed, shape)
    callers = tuple(tuple(acts[place::CALLERS]) for place in range(CALLERS))
    return Plan(seed, shape, tuple(f"+1415{number}" for number in numbers), callers, _lanes(seed, shape))


def _acts(seed: int, shape: Shape) -> list[Step]:
    chance, at, found = random.Random(f"{seed}/acts"), 0.0, []
    for number in itertools.count():
        at += chance.expovariate(shape.rate)
        if at > shape.seconds:
            return found
        found.append(Step(at, chance.choices(list(ACTS), list(ACTS.values()))[0], f"{seed}-{number}"))
    return found


# A caller's list has this many messages in it, a burst of clients so many texts.
LIST, BURST = 50, 40


def _reaching(seed: int, shape: Shape) -> list[Step]:
    """Acts that come to `reach` sends and as many incoming messages, evenly over the time, and some of every kind."""
    share = shape.reach // 100
    counts = {
        "send": 20 * share, "send_list": 76 * share // LIST + 1, "send_mail": 4 * share, "cancel": share,
        "burst": 96 * share // BURST + 1, "write_mail": 3 * share, "call_in": share, "call_out": share // 2,
        "stop_or_start": 2 * share, "assign": share, "read": share, "note": share, "retry": share // 10,
        "trespass": share // 4,
    }  # fmt: skip
    chance = random.Random(f"{seed}/acts")
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    chance.shuffle(kinds)
    pause = shape.seconds / len(kinds)
    return [Step(number * pause, kind, f"{seed}-{number}") for number, kind in enumerate(kinds)]


def _lanes(seed: int, shape: Shape) -> dict[str, tuple[Step, ...]]:
    if shape.reach:
        carrier = _lane(seed, "carrier", *LANES["carrier"], shape.seconds)
        return {"carrier": carrier, "processes": _every(seed, "processes", KILLED, 2.0, shape.seconds)}
    return {name: _lane(seed, name, *lane, shape.seconds) for name, lane in LANES.items()}


def _lane(seed: int, name: str, kinds: tuple[str, ...], pause: float, seconds: float) -> tuple[Step, ...]:
    chance, at, found = random.Random(f"{seed}/{name}"), 0.0, []
    bag: list[str] = []
    for number in itertools.count():
        at += chance.uniform(0.4, 1.6) * pause
        if at > seconds:
            break
        bag = bag or chance.sample(kinds, len(kinds))
        found.append(Step(at, bag.pop(), f"{seed}-{name}-{number}"))
    return tuple(found)


def _every(seed: int, name: str, kinds: tuple[str, ...], pause: float, seconds: float) -> tuple[Step, ...]:
    chance = random.Random(f"{seed}/{name}")
    count = int(seconds / pause)
    return tuple(Step((n + 1) * pause, chance.choice(kinds), f"{seed}-{name}-{n}") for n in range(count))
