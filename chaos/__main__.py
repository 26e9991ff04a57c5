"""`make chaos`: SEED and SECONDS choose the run; the table says how often each promise was broken."""

import argparse
import os
import random
import signal
import sys
from pathlib import Path

from chaos.plan import Shape
from chaos.report import table
from chaos.run import fire
from chaos.system import Failed, System

REACH, REACH_SECONDS, REACH_CLIENTS, REACH_OVERTIME = 10_000, 240.0, 400, 900.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="the same seed makes the same load and the same faults")
    parser.add_argument("--seconds", type=float, default=None, help="how long it burns (300)")
    parser.add_argument("--rate", type=float, default=20.0, help="acts a second (20)")
    parser.add_argument("--reach", action="store_true", help=f"{REACH} sends, as many texts in, a kill every 2 s")
    parser.add_argument("--overtime", type=float, default=None, help="how long callers may go on for their last acts")
    parser.add_argument(
        "--drills", type=int, default=None, help="how often each recovery is measured (2; 1 in --reach)"
    )
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1_000_000)
    home = Path(os.environ.get("OMEGA_HOME") or ".omega") / "chaos"
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, what was mounted taken away
    try:
        with System(home) as system:
            result = fire(system, seed=seed, shape=_shape(given), rounds=_rounds(given))
    except Failed as error:
        print(f"The run with seed {seed} could not be finished: {error}", file=sys.stderr)
        return 2
    print(table(result))
    return 0 if result.is_well else 1


def _rounds(given: argparse.Namespace) -> int:
    if given.drills is None:
        return 1 if given.reach else 2
    return int(given.drills)


def _shape(given: argparse.Namespace) -> Shape:
    if given.reach:
        seconds, overtime = given.seconds or REACH_SECONDS, given.overtime or REACH_OVERTIME
        return Shape(min(seconds, 3600.0), given.rate, REACH_CLIENTS, REACH, overtime)
    return Shape(min(given.seconds or 300.0, 3600.0), given.rate, overtime=given.overtime or 150.0)


if __name__ == "__main__":
    sys.exit(main())
