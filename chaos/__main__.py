"""`make chaos`: SEED and SECONDS choose the run; the table says how often each promise was broken."""

import argparse
import os
import random
import sys
from pathlib import Path

from chaos.run import Result, fire
from chaos.system import Failed, System

_SHOWN = 8


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="the same seed makes the same load and the same faults")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long it burns (300)")
    parser.add_argument("--rate", type=float, default=30.0, help="acts a second (30)")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1_000_000)
    home = Path(os.environ.get("OMEGA_HOME") or ".omega") / "chaos"
    try:
        with System(home) as system:
            result = fire(system, seed=seed, seconds=min(given.seconds, 3600.0), rate=given.rate)
    except Failed as error:
        print(f"The run with seed {seed} could not be finished: {error}", file=sys.stderr)
        return 2
    print(table(result))
    return 0 if result.is_well else 1


def table(result: Result) -> str:
    """The run for people: what was done, and each promise with how often it was broken."""
    lines = [
        f"seed {result.seed}: {result.sent} sends, {result.heard} incoming texts, {len(result.faults)} faults;"
        f" quiet after {result.settled_in:.0f} s",
        "",
    ]
    for name, broken in result.broken.items():
        lines.append(f"{name:<28}{len(broken):>6}")
        lines += [f"    {sentence}" for sentence in broken[:_SHOWN]]
    if not result.is_well:
        lines += ["", "The faults:", *result.faults, "", f"Again: make chaos SEED={result.seed}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
