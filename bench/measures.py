"""What is measured, and in which order: a bound stands right beside the figure that it bounds, round by round."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.pages import questions
from bench.report import Figure, Report, of_rounds
from bench.shots import Shot, keep
from bench.system import Failed, System
from bench.volleys import Armoury
from tools import programs

SMALL = 10_000
CONNECTIONS = 16
WARMUP = 100
# More than any of these gives in a second here: so many shots are prepared for each second of a round.
SHOTS_A_SECOND, PLAIN_A_SECOND = 1800, 5000
PLAIN_SECONDS = 1.0
# A page is asked for by so many callers at once, one for each of the web's processes: its own time, no queue's.
ALONE = 2
PAGE_SECONDS = 0.6
# The least share of "the same SQL behind an empty DRF view", and the p99 in milliseconds.
WRITE_SHARE, WRITE_P99 = 0.75, 40.0
STATUS_RATE, PAGE_RATE, PAGE_P99, GROWTH = 1200.0, 1000.0, 25.0, 1.3
WORKER_RATES = {80: 500.0, 0: 1500.0}
MEMORY_MB = 150.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often."""

    seconds: float = 3.0
    rounds: int = 3
    sends: int = 5000
    size: int = 1_000_000


class Measures:
    """The phases of a run."""

    def __init__(self, system: System, armoury: Armoury, report: Report, effort: Effort) -> None:
        self.system, self.armoury, self.report, self.effort = system, armoury, report, effort

    def fire(
        self,
        name: str,
        shots: list[Shot],
        *,
        at: str = "web",
        cycle: bool = False,
        connections: int = CONNECTIONS,
        rate: float = 0.0,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Fire at a program; the outcome, with the processors' milliseconds that each request took there."""
        path = self.system.shots / f"{name}.shots"
        keep(path, shots)
        warmup = min(WARMUP, len(shots) // 5)
        words = [
            str(path),
            str(self.system.port_of(at)),
            str(connections),
            str(seconds or self.effort.seconds),
            str(warmup),
        ]
        words += ["--cycle"] if cycle else []
        words += ["--rate", str(rate)] if rate else []
        before = self.system.processor_seconds(at)
        outcome = dict(self.system.python("bench.firing", *words))
        after = self.system.processor_seconds(at)
        if not outcome["requests"]:
            raise Failed(f"{name}: nothing was answered: {outcome['first_refusals']}")
        answered = outcome["requests"] + warmup
        used = [1000 * (then - now) / answered for now, then in zip(before, after, strict=True)]
        return outcome | {"answered": answered, "program_ms": used[0], "database_ms": used[1]}

    def _record(self, name: str, shots: list[Shot]) -> Path:
        """The statements of these shots in a file; nothing of them stays in the database."""
        paths = self.system.shots / f"{name}.shots", self.system.shots / f"{name}.statements"
        keep(paths[0], shots)
        self.system.python("bench.recording", str(paths[0]), str(paths[1]), str(len(shots)))
        return paths[1]

    def _plain(self, path: Path, *, cycle: bool = False) -> float:
        words = [str(path), str(CONNECTIONS), str(PLAIN_SECONDS), *(["--cycle"] if cycle else [])]
        return float(self.system.python("bench.plain", *words)["rate"])

    def _bound(self, name: str, paths: list[str], *, cycle: bool) -> dict[str, Any]:
        return self.fire(name, [Shot("POST", path) for path in paths], at="bound", cycle=cycle)

    def bounds(self) -> None:
        """What Django and the REST framework give when there is nothing to do."""
        self.report.head("Bounds")
        for name, path in (("empty Django view", "/empty"), ("empty DRF view", "/empty-drf")):
            shots = [Shot("GET", path)]
            outcomes = [self.fire("empty", shots * 10, at="bound", cycle=True) for _ in range(2)]
            self.report.add(of_rounds(name, outcomes))

    def writes(self) -> None:
        """Each way in: the caller's, the client's and the carrier's."""
        self.report.head(f"Writes, {CONNECTIONS} connections")
        for name, title, make in (
            ("queue", "POST sms/queue", self.armoury.queue),
            ("inbound", "POST twilio/sms/reply", self.armoury.inbound),
            ("status", "POST twilio/sms/status", self.armoury.status),
        ):
            self._write(name, title, make)

    def _write(self, name: str, title: str, make: Callable[[int], list[Shot]]) -> None:
        count, plainly = int(self.effort.seconds * SHOTS_A_SECOND), int(PLAIN_SECONDS * PLAIN_A_SECOND)
        if name == "status":  # a message can be delivered once
            count = min(count, self.armoury.receipts_left() // (2 * self.effort.rounds + 1))
            plainly = min(plainly, count)
        real, replayed = [], []
        for number in range(self.effort.rounds):
            shots, kept_as = make(count), f"{name}-{number}"
            self._record(kept_as, shots)
            paths = [f"/replay/{kept_as}/{place}" for place in range(len(shots))]
            replayed.append(self._bound(name, paths, cycle=False))
            real.append(self.fire(name, make(count)))
        statements = self._record(f"{name}-plain", make(plainly))
        plain = Figure(f"  its SQL by psycopg, {CONNECTIONS} connections", self._plain(statements))
        behind = of_rounds("  its SQL behind an empty DRF view", replayed)
        figure = of_rounds(title, real, bound="its SQL behind DRF")
        figure.share = median(mine["rate"] / theirs["rate"] for mine, theirs in zip(real, replayed, strict=True))
        self.report.add(plain, behind, self._aimed(name, figure))

    def _aimed(self, name: str, figure: Figure) -> Figure:
        if name == "status":
            return figure.aim(f"{STATUS_RATE:,.0f}/s", met=figure.rate >= STATUS_RATE)
        met = (figure.share or 0) >= WRITE_SHARE and (figure.p99_ms or 0) < WRITE_P99
        return figure.aim(f"{WRITE_SHARE:.2f}, p99 < {WRITE_P99:.0f} ms", met=met)

    def reads(self, messages: int) -> dict[str, float]:
        """The inbox and the timeline at this size; their rates."""
        self.report.head(f"Pages of 25 at {messages:,} messages")
        rates = {}
        for title, shots in (("inbox", self.armoury.inbox()), ("timeline", self.armoury.timeline())):
            name = f"{title}-{messages}"
            outcomes = [self.fire(name, shots, cycle=True) for _ in range(self.effort.rounds)]
            statements = self._record(name, shots)
            plain = Figure(f"  its SQL by psycopg, {CONNECTIONS} connections", self._plain(statements, cycle=True))
            paths = [f"/replay/{name}/{place}" for place in range(len(shots))]
            behind = of_rounds("  its SQL behind an empty DRF view", [self._bound(name, paths, cycle=True)])
            figure = of_rounds(f"GET {title}", outcomes, bound="its SQL behind DRF")
            figure.share = figure.rate / behind.rate
            met = figure.rate >= PAGE_RATE and (figure.p99_ms or 0) < PAGE_P99
            self.report.add(plain, behind, figure.aim(f"{PAGE_RATE:,.0f}/s, p99 < {PAGE_P99:.0f} ms", met=met))
            rates[title] = figure.rate
        return rates

    def pages(self, messages: int, before: dict[str, float]) -> dict[str, float]:
        """Each list, filter and search at this size, beside its time `before` at the small one: medians in ms."""
        self.report.head(f"Lists, filters and searches at {messages:,} messages, {ALONE} connections")
        times = {}
        for name, shots, wanted in questions(self.armoury):
            outcome = self.fire("page", shots, cycle=True, connections=ALONE, seconds=PAGE_SECONDS)
            figure = of_rounds(name, [outcome])
            times[name] = outcome["p50_ms"]
            target, met = f"p99 < {wanted:.0f} ms", outcome["p99_ms"] < wanted
            if name in before:
                figure.share, figure.bound = times[name] / before[name], f"its time at {SMALL:,}"
                target, met = f"{target}, <= {GROWTH}x", met and figure.share <= GROWTH
            self.report.add(figure.aim(target, met=met))
        return times

    def growth(self, small: dict[str, float], large: dict[str, float]) -> None:
        """What a hundred times as many messages cost a page."""
        self.report.head("Cost of a page, large to small")
        for name, rate in small.items():
            times = rate / large[name]
            self.report.add(
                Figure(f"{name}, {self.effort.size:,} to 10,000", times, "x").aim(f"<= {GROWTH}x", met=times <= GROWTH)
            )

    def worker(self) -> None:
        """One worker against the carrier: from the first try to the last settle."""
        self.report.head("Sending, one worker")
        for latency in WORKER_RATES:
            self.system.rows("UPDATE conversations_message SET status = 'canceled' WHERE status = 'queued'")
            faults = {"twilio": {"latency_ms": latency}, "callbacks": {"drop": 1}}
            self.system.sandbox("PUT", "/faults", faults)
            carrier = self.fire("carrier", self.armoury.carrier(4000), at="sandbox", connections=96)
            self.system.sandbox("DELETE", "/ledger")
            self.report.add(of_rounds(f"  the carrier itself, {latency} ms, 96 connections", [carrier]))
            rate = self._drain()
            figure = Figure(f"sends at {latency} ms", rate, bound="the carrier itself", share=rate / carrier["rate"])
            wanted = WORKER_RATES[latency]
            self.report.add(figure.aim(f"{wanted:,.0f}/s", met=rate >= wanted))

    def _drain(self) -> float:
        """Queue for distinct clients, start the worker, and wait until the carrier's ledger has all."""
        count = min(self.effort.sends, len(self.armoury.people))
        last = self.system.rows("SELECT max(id) AS id FROM conversations_message")[0]["id"]
        path = self.system.shots / "drain.shots"
        keep(path, self.armoury.distinct(count))
        words = (str(path), str(self.system.port), str(CONNECTIONS), "60", "0")
        if self.system.python("bench.firing", *words)["requests"] != count:
            raise Failed("Not every message was queued.")
        self._start_worker()
        try:
            self._wait_for_ledger(count)
        finally:
            self.report.add(self._memory("worker", "worker-1"))
            self.system.end("worker-1")
        tries = """
        SELECT count(*) AS n, EXTRACT(EPOCH FROM max(finished_at) - min(started_at))::float AS seconds
        FROM messaging_attempt WHERE message_id > %s
        """
        took = self.system.rows(tries, [last])[0]
        if took["n"] != count:
            raise Failed(f"{count} messages were queued, and {took['n']} tries made.")
        return float(count / took["seconds"])

    def _start_worker(self) -> None:
        statement = "SELECT 1 FROM messaging_attempt LIMIT 1"
        self.system.start(programs.workers()[0], lambda: self.system.rows(statement) is not None)

    def _wait_for_ledger(self, count: int) -> None:
        ends = time.monotonic() + 120.0
        while (there := self.system.sandbox("GET", "/ledger?limit=0")["count"]) < count:
            if time.monotonic() > ends:
                raise Failed(f"Of {count} messages only {there} reached the carrier within two minutes.")
            time.sleep(0.2)
        time.sleep(1.0)  # the last settle
        if there != count:
            raise Failed(f"{count} messages were queued, and {there} reached the carrier.")

    def memory(self) -> None:
        """The most that each program ever held."""
        self.report.head("Peak memory, the largest process")
        for title, name in (("web", "web"), ("scheduler", "scheduler"), ("sandbox", "sandbox")):
            self.report.add(self._memory(title, name))

    def _memory(self, title: str, name: str) -> Figure:
        peaks = self.system.peak_memory(name)
        note = ", ".join(f"{peak:.0f}" for peak in peaks) + " MB" if len(peaks) > 1 else ""
        figure = Figure(f"memory of {title}", max(peaks), " MB", note=note)
        if title == "sandbox":
            return figure
        return figure.aim(f"< {MEMORY_MB:.0f} MB", met=max(peaks) < MEMORY_MB)
