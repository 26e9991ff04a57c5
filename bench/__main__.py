"""`make bench`: measures omega on this machine, beside what bounds it here. See --help for less and for more."""

import argparse
import fcntl
import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path

from bench import loading
from bench.bulk import Bulk
from bench.calls import CallMeasures
from bench.fairness import FairnessMeasures
from bench.inbox import InboxMeasures
from bench.mails import MailMeasures
from bench.measures import SMALL, Effort
from bench.report import Report
from bench.system import Failed, System, listen_to_signals
from bench.volleys import Armoury
from bench.wall import WallMeasures
from tools import programs

PHASES = (
    "bounds",
    "reads",
    "pages",
    "writes",
    "calls",
    "mails",
    "batches",
    "marks",
    "inbox",
    "worker",
    "fair",
    "wall",
    "memory",
)


def effort_of(given: argparse.Namespace) -> Effort:
    """How much is asked for; `--quick` is for a look, not for a verdict."""
    if given.quick:
        return Effort(seconds=given.seconds or 3.0, rounds=given.rounds or 1, sends=1000, size=SMALL)
    plain = Effort()
    return Effort(given.seconds or plain.seconds, given.rounds or plain.rounds, plain.sends, given.size or plain.size)


def parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute's look: one round, and no million messages")
    parser.add_argument("--only", choices=PHASES, action="append", help="these phases only (may be repeated)")
    parser.add_argument("--rounds", type=int, help="how often each rate is measured (3)")
    parser.add_argument("--seconds", type=float, help="how long each round fires (3)")
    parser.add_argument("--size", type=int, help="the large number of messages (1,000,000)")
    parser.add_argument("--results", type=Path, default=programs.ROOT / "bench-results", help="where the JSON goes")
    return parser.parse_args(words)


def measure(system: System, report: Report, effort: Effort, phases: tuple[str, ...]) -> None:
    """All phases, the small database's before the large one's."""
    measures = MailMeasures(system, prepare(system), report, effort)
    if "bounds" in phases:
        measures.bounds()
    small = read(measures, SMALL, phases, ({}, {}))
    if effort.size > SMALL:
        load(system, effort.size - SMALL)
        measures.armoury.look()
        large = read(measures, effort.size, phases, small)
        measures.growth(small[0], large[0])
    bulk = Bulk(measures)
    work = {
        "writes": measures.writes,
        "calls": CallMeasures(system, measures.armoury, report, effort).answers,
        "mails": measures.events, "batches": bulk.batches, "marks": bulk.marks,
        "inbox": InboxMeasures(system, measures.armoury, report, effort).inbox,
        "worker": measures.worker, "fair": FairnessMeasures(system, measures.armoury, report, effort).fair,
        "wall": WallMeasures(system, measures.armoury, report, effort).wall,
        "memory": measures.memory,
    }  # fmt: skip
    for phase, measured in work.items():
        if phase in phases:
            measured()


Readings = tuple[dict[str, float], dict[str, float]]


def read(measures: MailMeasures, size: int, phases: tuple[str, ...], before: Readings) -> Readings:
    """The reads at this size: the rates of the hot lists, and the times of all."""
    rates = measures.reads(size) if "reads" in phases else {}
    times = measures.pages(size, before[1]) if "pages" in phases else {}
    return rates, times


def prepare(system: System) -> Armoury:
    """Everything but the worker runs, and the small database is there."""
    load(system, SMALL)
    business = system.rows("SELECT id FROM accounts_business WHERE external_id = 'demo-load'")[0]["id"]
    key = system.manage("create_api_key", "--name", "bench", "--business", str(business)).strip()
    system.start_sandbox()
    system.start_web()
    system.start_bound()
    system.start(programs.scheduler(), lambda: True)
    armoury = Armoury(system, business, key)
    armoury.look()
    return armoury


def load(system: System, size: int) -> None:
    print(f"\nMaking {size:,} messages …", flush=True)
    with loading.bare(system.rows) if size > loading.WORTH * SMALL else nullcontext():
        system.manage("seed_demo", "--size", str(size), DEBUG="true")


def main(words: list[str]) -> int:
    given, report = parsed(words), Report()
    home = Path(os.environ.get("OMEGA_HOME") or programs.ROOT / ".omega").resolve() / "bench"
    home.mkdir(parents=True, exist_ok=True)
    listen_to_signals()
    with (home / "bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("A benchmark runs already.\n")
            return 1
        return run(home, report, given)


def run(home: Path, report: Report, given: argparse.Namespace) -> int:
    """Measure, and keep what was measured even where the run is cut short."""
    try:
        with System(home) as system:
            measure(system, report, effort_of(given), tuple(given.only or PHASES))
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 130
    finally:
        if report.figures:
            print(f"\nWritten to {report.write(given.results)}")
    missed = [figure.name for figure in report.missed()]
    print(f"Missed: {json.dumps(missed)}" if missed else "Every target is met.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
