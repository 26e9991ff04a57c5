"""Many at once: a hundred messages in one call, and a long conversation marked read."""

import json
import time
import urllib.request
from typing import Any

from bench.measures import CONNECTIONS, Measures
from bench.report import Figure, of_rounds
from bench.shots import Shot
from bench.system import Failed
from bench.volleys import JSON, SECURE

ROWS = 100
BATCH_GAIN, BATCH_RATE = 8.0, 5000.0
# More calls than these are not answered in a second.
_SINGLE_A_SECOND, _LISTS_A_SECOND = 1800, 120
UNREAD, READ_MS = 50_000, 300.0
# A conversation like any other, but for its length: its messages are copies of one that came in.
_FILL = """
INSERT INTO conversations_message ({names})
SELECT {values} FROM conversations_message m, generate_series(1, %(most)s) n
WHERE m.id = (SELECT max(id) FROM conversations_message WHERE business_id = %(business)s AND direction = 'inbound'
              AND channel = 'sms')
"""
_COUNT = """
UPDATE conversations_conversation SET unread_count = %(most)s, message_count = message_count + %(most)s,
    last_message_id = (SELECT max(id) FROM conversations_message WHERE conversation_id = %(thread)s)
WHERE id = %(thread)s
"""
_COLUMNS = """
SELECT column_name AS name FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = 'conversations_message' AND is_generated = 'NEVER'
"""


class Bulk:
    """What is measured of many at once."""

    def __init__(self, measures: Measures) -> None:
        self.measures, self.armoury, self.system = measures, measures.armoury, measures.system

    def batches(self) -> None:
        """`POST /messages` with a hundred rows beside the same one by one."""
        report, seconds = self.measures.report, self.measures.effort.seconds
        report.head(f"POST /messages, {CONNECTIONS} connections")
        single, lists, made = [], [], []
        for _ in range(self.measures.effort.rounds):
            single.append(self._fire("single", [self._shot([row]) for row in self._texts(_SINGLE_A_SECOND * seconds)]))
            rows = self._texts(_LISTS_A_SECOND * seconds * ROWS)
            before = self._messages()
            lists.append(self._fire("lists", [self._shot(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS)]))
            made.append((self._messages() - before) / lists[-1]["answered"])
        if round(min(made)) != ROWS:
            raise Failed(f"A list of {ROWS} rows made {min(made):.1f} messages.")
        one, many = of_rounds("one at a time", single), of_rounds(f"{ROWS} in a list: calls", lists)
        figure = Figure(f"{ROWS} in a list: messages", many.rate * ROWS, bound="one at a time")
        figure.share = figure.rate / one.rate
        met = figure.share >= BATCH_GAIN and figure.rate >= BATCH_RATE
        report.add(one, many, figure.aim(f">= {BATCH_GAIN:.0f}x, {BATCH_RATE:,.0f}/s", met=met))

    def _fire(self, name: str, shots: list[Shot]) -> dict[str, Any]:
        outcome = self.measures.fire(name, shots)
        if outcome["refused"]:
            raise Failed(f"{name}: {outcome['first_refusals'][0]}")
        return outcome

    def _texts(self, count: float) -> list[dict[str, Any]]:
        return [json.loads(shot.body) | {"channel": "sms", "action": "send"} for shot in self.armoury.queue(int(count))]

    def _shot(self, rows: list[dict[str, Any]]) -> Shot:
        body = json.dumps(rows if len(rows) > 1 else rows[0]).encode()
        return Shot("POST", "/omega/messages", (("X-API-KEY", self.armoury.key), JSON, SECURE), body)

    def _messages(self) -> int:
        return int(self.system.rows("SELECT last_value AS n FROM conversations_message_id_seq")[0]["n"])

    def marks(self) -> None:
        """Read-status of a conversation of fifty thousand unread messages: read, and unread again."""
        report = self.measures.report
        report.head(f"POST read-status, {UNREAD:,} unread messages")
        path = self._fill()
        took: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(self.measures.effort.rounds):
            for is_read in (True, False):
                took[is_read].append(self._mark(path, is_read))
        for is_read, name in ((True, "marked read"), (False, "marked unread again")):
            worst = max(took[is_read])
            figure = Figure(name, worst, " ms", rounds=[round(one, 1) for one in took[is_read]])
            report.add(figure.aim(f"<= {READ_MS:.0f} ms", met=worst <= READ_MS))

    def _fill(self) -> str:
        """The path of a client's conversation that now has so many unread messages."""
        person = min(self.armoury.people, key=lambda one: one.messages)
        names = [row["name"] for row in self.system.rows(_COLUMNS)]
        new = {
            "id": "nextval('conversations_message_id_seq')", "position": "currval('conversations_message_id_seq')",
            "conversation_id": str(person.conversation_id), "client_id": str(person.client_id), "is_read": "false",
            "request_id": "'unread-' || n", "provider_message_id": "'SMunread' || n", "created_at": "now()",
        }  # fmt: skip
        statement = _FILL.format(
            names=", ".join(f'"{name}"' for name in names),
            values=", ".join(new.get(name, f'm."{name}"') for name in names),
        )
        params = {"business": self.armoury.business_id, "most": UNREAD, "thread": person.conversation_id}
        self.system.rows(statement, params)
        self.system.rows(_COUNT, params)
        self.system.rows("VACUUM (ANALYZE) conversations_message")
        thread = f"clients/{person.client_id}/conversations/{person.conversation_id}"
        return f"/omega/businesses/{self.armoury.business_id}/{thread}/messages/read-status"

    def _mark(self, path: str, is_read: bool) -> float:
        """How many milliseconds the call took."""
        headers = {"X-API-KEY": self.armoury.key, **dict((JSON, SECURE))}
        body = json.dumps({"is_read": is_read}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.system.port}{path}", body, headers)
        began = time.perf_counter()
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30.0) as answer:
            updated = json.loads(answer.read())["updated"]
        took = time.perf_counter() - began
        if updated < UNREAD:
            raise Failed(f"Of {UNREAD} messages {updated} were marked.")
        return 1000 * took
