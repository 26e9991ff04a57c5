"""The figures: what was measured beside its bound and its target, as a table and as JSON."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tools.programs import ROOT


@dataclass(slots=True)
class Figure:
    """One measurement. `rate` is the median of its rounds; `bound` the rate that it is a share of."""

    name: str
    rate: float
    unit: str = "/s"
    p50_ms: float | None = None
    p99_ms: float | None = None
    # Processors' milliseconds of the program and of the database for one request: they hold on a busy machine too.
    program_ms: float | None = None
    database_ms: float | None = None
    bound: str = ""
    share: float | None = None
    rounds: list[float] = field(default_factory=list)
    target: str = ""
    met: bool | None = None
    note: str = ""

    def aim(self, target: str, *, met: bool) -> "Figure":
        """Say what was wanted, and whether it was reached."""
        self.target, self.met = target, met
        return self


def of_rounds(name: str, outcomes: list[dict[str, Any]], **more: Any) -> Figure:
    """A figure of the outcomes that `bench.firing` gave, round by round."""
    refused = [text for outcome in outcomes for text in outcome["first_refusals"]]
    note = f"{sum(o['refused'] for o in outcomes)} refused: {' '.join(refused[0].split())[:160]}" if refused else ""
    return Figure(
        name,
        median(o["rate"] for o in outcomes),
        p50_ms=median(o["p50_ms"] for o in outcomes),
        p99_ms=median(o["p99_ms"] for o in outcomes),
        program_ms=median(o["program_ms"] for o in outcomes),
        database_ms=median(o["database_ms"] for o in outcomes),
        rounds=[round(o["rate"], 1) for o in outcomes],
        note=note,
        **more,
    )


class Report:
    """All figures of a run; each is printed as soon as it is known."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def add(self, *figures: Figure) -> None:
        for figure in figures:
            self.figures.append(figure)
            print(line_of(figure), flush=True)
            if figure.note:
                print(f"{'':<46}{figure.note}", flush=True)

    def head(self, title: str) -> None:
        print(
            f"\n{title:<44}{'measured':>12}{'p50':>9}{'p99':>9}{'cpu':>8}{'db cpu':>8}   share of / target", flush=True
        )

    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.met is False]

    def write(self, folder: Path) -> Path:
        """Keep the run in a file of its own."""
        folder.mkdir(exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
        path.write_text(json.dumps(machine() | {"figures": [asdict(one) for one in self.figures]}, indent=1) + "\n")
        return path


def line_of(figure: Figure) -> str:
    """A figure in one line of the table."""
    amount = f"{figure.rate:,.0f}{figure.unit}" if figure.rate >= 10 else f"{figure.rate:.2f}{figure.unit}"
    times = "".join(f"{'' if ms is None else f'{ms:.1f} ms':>9}" for ms in (figure.p50_ms, figure.p99_ms))
    times += "".join(f"{'' if ms is None else f'{ms:.2f}':>8}" for ms in (figure.program_ms, figure.database_ms))
    share = f"{figure.share:.2f} of {figure.bound}" if figure.share is not None else ""
    verdict = {True: "met: ", False: "MISSED: ", None: ""}[figure.met]
    target = f"{verdict}{figure.target}" if figure.target else ""
    return f"{figure.name:<44}{amount:>12}{times}   {'; '.join(filter(None, (share, target)))}"


def machine() -> dict[str, Any]:
    """Where and of what the figures are."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
    }
