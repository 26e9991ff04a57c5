"""What the database itself gives: omega's statements, prepared, by psycopg alone.

    python -m bench.plain STATEMENTS CONNECTIONS SECONDS [--cycle]

Prints the outcome as JSON. The connections are shared out between two processes, as between granian's two workers.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from bench.shots import Statement, kept

PROCESSES = 2
OPTIONS = "-c timezone=UTC"


def work(requests: Iterable[list[Statement]], seconds: float, counts: list[int]) -> None:
    """One connection's part: each request's statements in turn."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, options=OPTIONS) as line:
        ends = time.perf_counter() + seconds
        for statements in requests:
            for sql, params in statements:
                line.execute(sql, params, prepare=True)
            counts.append(1)
            if time.perf_counter() > ends:
                break


def run(requests: list[list[Statement]], threads: int, seconds: float, cycle: bool, told: Any) -> None:
    """One process's part; tells how many requests it did in how many seconds."""
    counts: list[int] = []
    parts: list[Iterable[list[Statement]]] = [requests[n::threads] for n in range(threads)]
    if cycle:
        parts = [itertools.cycle(part) for part in parts]
    workers = [threading.Thread(target=work, args=(part, seconds, counts)) for part in parts]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told.put((len(counts), time.perf_counter() - began))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("statements", type=Path)
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--cycle", action="store_true")
    given = parser.parse_args()
    requests, told = kept(given.statements), multiprocessing.SimpleQueue()
    processes = [
        multiprocessing.Process(
            target=run,
            args=(requests[n::PROCESSES], given.connections // PROCESSES, given.seconds, given.cycle, told),
            daemon=True,
        )
        for n in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    parts = [told.get() for _ in processes]
    print(json.dumps({"requests": sum(p[0] for p in parts), "rate": sum(p[0] / p[1] for p in parts)}))


if __name__ == "__main__":
    main()
