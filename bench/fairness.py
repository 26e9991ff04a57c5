"""One business's twenty thousand beside another's single texts: how long these take from their 202 to the carrier."""

import json
import time
import urllib.request
from datetime import datetime
from statistics import median

from bench.bulk import ROWS
from bench.measures import CONNECTIONS, Measures
from bench.report import Figure
from bench.shots import Shot, keep
from bench.system import Failed
from bench.volleys import JSON, SECURE
from tools import programs

CROWD, LATENCY_MS = 20_000, 80
# So many single texts, one after another.
SINGLES, PAUSE_SECONDS = 100, 0.1
WORST_MS = 1000.0
# Nothing that another phase has queued, and no hour of a client's night, has a part in this.
_CLEAR = "UPDATE conversations_message SET status = 'canceled' WHERE status IN ('queued', 'scheduled')"
_NO_NIGHT = "UPDATE accounts_business SET quiet_from = '00:00', quiet_until = '00:00'"
_LEFT = "SELECT count(*) AS n FROM conversations_message WHERE status = 'queued' AND business_id = %s"


class FairnessMeasures(Measures):
    """The phase of fairness."""

    def fair(self) -> None:
        """Both workers send one business's crowd, of either priority, while another's texts come one by one."""
        self.report.head(f"Single texts beside {CROWD:,} of another business, carrier at {LATENCY_MS} ms")
        self._seed()
        for priority in ("bulk", "normal"):
            self._beside(priority)

    def _seed(self) -> None:
        """The neighbor is a business of the demo, known by its key."""
        path = self.system.home / f"demo-{self.armoury.run}.json"
        self.system.manage("seed_demo", "--json", str(path), DEBUG="true")
        self.neighbor = json.loads(path.read_text())["businesses"][0]
        path.unlink()
        self.system.rows(_NO_NIGHT)

    def _beside(self, priority: str) -> None:
        self.system.rows(_CLEAR)
        self.system.sandbox("PUT", "/faults", {"twilio": {"latency_ms": LATENCY_MS}, "callbacks": {"drop": 1}})
        self.system.sandbox("DELETE", "/ledger")
        self._queue_crowd(priority)
        for program in programs.workers():
            self.system.start(program, lambda: self._gone() > 0)
        try:
            taken = [self._single(number) for number in range(SINGLES)]
            left = self._left()
            waits = self._waits(taken)
        finally:
            for program in programs.workers():
                self.system.end(program.name)
        if not left:
            raise Failed("The crowd was gone before the last single text came: nothing was measured.")
        self.report.add(self._figure(priority, waits, left))

    def _queue_crowd(self, priority: str) -> None:
        texts = [json.loads(shot.body) for shot in self.armoury.queue(CROWD)]
        rows = [text | {"channel": "sms", "action": "send", "priority": priority} for text in texts]
        headers = (("X-API-KEY", self.armoury.key), JSON, SECURE)
        lists = [json.dumps(rows[at : at + ROWS]).encode() for at in range(0, CROWD, ROWS)]
        path = self.system.shots / "crowd.shots"
        keep(path, [Shot("POST", "/omega/messages", headers, body) for body in lists])
        self.system.python("bench.firing", str(path), str(self.system.port), str(CONNECTIONS), "120", "0")
        if self._left() != CROWD:
            raise Failed(f"Of {CROWD} messages {self._left()} were queued.")

    def _left(self) -> int:
        return int(self.system.rows(_LEFT, [self.armoury.business_id])[0]["n"])

    def _gone(self) -> int:
        return int(self.system.sandbox("GET", "/ledger?limit=0")["count"])

    def _single(self, number: int) -> tuple[str, float]:
        """A text of the neighbor's to somebody new: its words, and when it was answered."""
        words = f"A single one, {number}, of {self.armoury.run}-{next(self.armoury.numbers)}"
        fields = {"business_id": self.neighbor["id"], "to": f"+1213555{4000 + number:04d}", "body": words}
        headers = {"X-API-KEY": self.neighbor["api_key"], **dict((JSON, SECURE))}
        url = f"http://127.0.0.1:{self.system.port}/omega/sms/queue"
        request = urllib.request.Request(url, json.dumps(fields).encode(), headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30.0):
            answered = time.time()
        time.sleep(PAUSE_SECONDS)
        return words, answered

    def _waits(self, taken: list[tuple[str, float]]) -> list[float]:
        """Milliseconds from each answer to the carrier's acceptance, its latency included."""
        ends, words = time.monotonic() + 120.0, {one for one, _ in taken}
        while True:
            found = self.system.sandbox("GET", f"/ledger?from={self.neighbor['sms_sender']}".replace("+", "%2B"))
            heard = {one["body"]: one["at"] for one in found["results"] if one["body"] in words}
            if len(heard) == len(taken):
                return [1000 * (datetime.fromisoformat(heard[one]).timestamp() - at) for one, at in taken]
            if time.monotonic() > ends:
                raise Failed(f"Of {len(taken)} single texts {len(heard)} reached the carrier within two minutes.")
            time.sleep(0.2)

    def _figure(self, priority: str, waits: list[float], left: int) -> Figure:
        ordered = sorted(waits)
        figure = Figure(
            f"the crowd {priority}: the longest wait", ordered[-1], " ms",
            p50_ms=median(ordered), p99_ms=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
            rounds=[round(one, 1) for one in waits], note=f"{left:,} of the crowd were left behind the last one",
        )  # fmt: skip
        return figure.aim(f"< {WORST_MS:,.0f} ms", met=ordered[-1] < WORST_MS)
