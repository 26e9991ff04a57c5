"""The load: shots fired over connections that stay open, from a process of its own, each answer timed.

    python -m bench.firing SHOTS PORT CONNECTIONS SECONDS WARMUP

fires each shot once, in order, or until the time is up, and prints the outcome as JSON. The warm-up shots come first
and are not measured. With `--cycle` the shots are fired again and again. With `--rate` so many are fired each second,
and an answer's time counts from when its shot was due: what waits for its turn is slow, too.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench.shots import kept


class Gunner(asyncio.Protocol):
    """One connection: fires, waits for the whole answer, notes the time, fires again."""

    def __init__(self, battery: "Battery") -> None:
        self.battery = battery
        self.transport: asyncio.Transport | None = None
        self.fired_at = 0.0
        self.received = b""
        self.wanted = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.fire()

    def fire(self) -> None:
        shot = self.battery.next_shot()
        assert self.transport is not None
        if shot is None:
            self.transport.close()
            return
        self.received, self.wanted = b"", -1
        self.fired_at, wait = self.battery.due()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self.transport.write, shot)
        else:
            self.transport.write(shot)

    def data_received(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data
        if self.wanted < 0:
            self.wanted = length_of(self.received)
        if self.wanted >= 0 and len(self.received) >= self.wanted:
            self.battery.note(time.perf_counter() - self.fired_at, self.received)
            self.fire()

    def connection_lost(self, error: Exception | None) -> None:
        self.battery.left(error, unanswered=self.wanted < 0 and self.fired_at > 0)


def length_of(received: bytes) -> int:
    """How long the answer is, its head included; -1 while its head is not whole."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return -1
    head = received[:end].lower()
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        if b" 204 " not in head[:13]:
            raise SystemExit(f"An answer without Content-Length cannot be measured: {head[:200]!r}")
        return end + 4
    stop = head.find(b"\r\n", start + 2)
    return end + 4 + int(head[start + 17 : stop if stop > 0 else len(head)])


class Battery:
    """All connections together."""

    def __init__(self, shots: Iterator[bytes], warmup: int, seconds: float, rate: float = 0.0) -> None:
        self.shots = shots
        self.rate = rate
        self.next_at = 0.0
        self.warmup = warmup
        self.seconds = seconds
        self.began = self.ended = 0.0
        self.ends = time.perf_counter() + 60.0
        self.answered = 0
        self.times: list[float] = []
        self.refused: Counter[str] = Counter()
        self.open = 0
        self.done = asyncio.Event()

    def next_shot(self) -> bytes | None:
        return next(self.shots, None) if time.perf_counter() < self.ends else None

    def due(self) -> tuple[float, float]:
        """When the shot in hand counts as fired, and how long to wait until then; at once where no rate is kept."""
        now = time.perf_counter()
        if not self.rate:
            return now, 0.0
        at = self.next_at or now
        self.next_at = at + 1.0 / self.rate
        return at, at - now

    def note(self, seconds: float, answer: bytes) -> None:
        self.answered += 1
        self.ended = time.perf_counter()
        if self.answered == self.warmup:
            self.began, self.ends = self.ended, self.ended + self.seconds
        elif self.answered > self.warmup:
            self.times.append(seconds)
        if answer[9:10] != b"2":
            self.refused[answer[:12].decode() + " " + answer[-200:].decode("utf-8", "replace")] += 1

    def left(self, error: Exception | None, *, unanswered: bool) -> None:
        if error or unanswered:
            self.refused[f"the connection was lost: {error}"] += 1
        self.open -= 1
        if not self.open:
            self.done.set()

    def outcome(self) -> dict[str, object]:
        """The figures; milliseconds for times."""
        times = sorted(self.times)
        elapsed = max(self.ended - self.began, 1e-9)
        at = [1000 * times[min(len(times) - 1, int(len(times) * share))] if times else 0.0 for share in (0.5, 0.99)]
        return {
            "requests": len(times),
            "seconds": elapsed,
            "rate": len(times) / elapsed,
            "p50_ms": at[0],
            "p99_ms": at[1],
            "refused": sum(self.refused.values()),
            "first_refusals": [text for text, _ in self.refused.most_common(3)],
        }


async def fire(battery: Battery, port: int, connections: int) -> None:
    """Fire until the shots or the time are used up."""
    loop = asyncio.get_running_loop()
    battery.open = connections
    battery.began = time.perf_counter()
    if not battery.warmup:
        battery.ends = battery.began + battery.seconds
    for _ in range(connections):
        await loop.create_connection(lambda: Gunner(battery), "127.0.0.1", port)
    async with asyncio.timeout(60.0 + battery.seconds):
        await battery.done.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shots", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("warmup", type=int)
    parser.add_argument("--cycle", action="store_true")
    parser.add_argument("--rate", type=float, default=0.0)
    given = parser.parse_args()
    wires = [shot.wire(f"127.0.0.1:{given.port}") for shot in kept(given.shots)]
    shots = itertools.cycle(wires) if given.cycle else iter(wires)

    async def run() -> dict[str, object]:
        battery = Battery(shots, given.warmup, given.seconds, given.rate)
        await fire(battery, given.port, given.connections)
        return battery.outcome()

    print(json.dumps(uvloop.run(run())))


if __name__ == "__main__":
    main()
