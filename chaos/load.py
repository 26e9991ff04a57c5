"""The load: callers of the platform and clients with phones, each with its own seeded mind."""

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import urllib3

from chaos.journal import Heard, Journal, Said
from chaos.system import System

# A caller that was refused or cut calls again with the same request_id, as api.md tells it to.
CALLS_AGAIN_FOR = 25.0
_EXPECTED = frozenset({200, 201, 202, 404, 409, 422, 503})


class Caller(threading.Thread):
    """One thread of the host platform: sends, cancels, assigns, retries; and texts from clients' phones."""

    def __init__(self, system: System, journal: Journal, seed: str, clients: list[str], rate: float) -> None:
        super().__init__(name=f"caller-{seed}", daemon=True)
        self.system, self.journal, self.clients = system, journal, clients
        self.random = random.Random(seed)
        self.name_of_run, self.pause = seed, 1.0 / rate
        self.stopping = threading.Event()
        self.count = 0

    def run(self) -> None:
        acts: list[tuple[Callable[[], None], int]] = [
            (self.send, 45), (self.send_many, 6), (self.send_mail, 10), (self.text, 22), (self.write_mail, 5),
            (self.stop_or_start, 5), (self.cancel, 4), (self.assign, 3), (self.retry, 2),
        ]  # fmt: skip
        while not self.stopping.is_set():
            act = self.random.choices([one for one, _ in acts], [weight for _, weight in acts])[0]
            act()
            self.stopping.wait(self.random.expovariate(1.0 / self.pause))

    def _next(self) -> str:
        self.count += 1
        return f"{self.name_of_run}-{self.count}"

    def _business(self) -> dict[str, Any]:
        found: dict[str, Any] = self.random.choice(self.system.facts["businesses"])
        return found

    def _new(self, kind: str = "send") -> Said:
        name = self._next()
        to = self.random.choice(self.clients)
        return Said(kind, f"chaos-{name}", self._business()["id"], to, f"chaos {name}")

    def send(self) -> None:
        said = self._new()
        self.journal.call(said)
        self._until_answered(said, "/sms/queue", _body(said))

    def send_many(self) -> None:
        many = [self._new("many") for _ in range(self.random.randint(2, 12))]
        for said in many:
            self.journal.call(said)
        rows = [{"channel": "sms", "direction": "outbound", "action": "send", **_body(said)} for said in many]
        whole = Said("list", "", 0, "", "")
        self._until_answered(whole, "/messages", rows)
        for said, row in zip(many, whole.answer.get("results", []), strict=False):
            said.status, said.answer, said.at = row["status"], row, time.monotonic()

    def send_mail(self) -> None:
        said = self._new("mail")
        said.to = self._address(said.to)
        self.journal.call(said)
        body = _body(said)
        body["text"] = body.pop("body")
        self._until_answered(said, "/email/queue", body | {"subject": f"About {said.body}"})

    def write_mail(self) -> None:
        """A client's mail, new or as an answer to the last one that they got."""
        client, business = self.random.choice(self.clients), self._business()
        name = self._next()
        heard = Heard(self._address(client), business["email_sender"], f"mail {name}", time.time(), is_mail=True)
        body = {"from": heard.sender, "to": heard.to, "subject": f"Mail {name}", "text": heard.body}
        self.system.carrier("POST", "/handset/email", body, seconds=60.0)
        self.journal.text(heard)

    def _address(self, phone: str) -> str:
        return f"client{phone.lstrip('+')}@example.net"

    def text(self) -> None:
        self._from_client(f"hello {self._next()}")

    def stop_or_start(self) -> None:
        self._from_client(self.random.choice(["STOP", "START"]))

    def _from_client(self, words: str) -> None:
        heard = Heard(self.random.choice(self.clients), self._business()["sms_sender"], words, time.time())
        body = {"from": heard.sender, "to": heard.to, "body": words}
        heard.sid = self.system.carrier("POST", "/handset/sms", body, seconds=60.0)["sid"]
        self.journal.text(heard)

    def cancel(self) -> None:
        said = self._new("cancel")
        self.journal.call(said)
        later = _body(said) | {"scheduled_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))}
        if self._until_answered(said, "/sms/queue", later) and said.status == 202:
            gone = Said("canceled", "", said.business_id, said.to, said.body)
            self._until_answered(gone, f"/messages/{said.answer['message_id']}/cancel", {})
            said.kind = "canceled" if gone.status == 200 else "send"

    def assign(self) -> None:
        rows = self._get(f"/businesses/{self._business()['id']}/conversations?page_size=5")
        for row in rows.get("results", [])[:1]:
            path = f"/businesses/{row['business_id']}/clients/{row['client']['id']}/conversations/{row['id']}"
            self._until_answered(Said("assign", "", 0, "", ""), f"{path}/assignment?assigned_to=none", {})

    def retry(self) -> None:
        self._until_answered(Said("retry", "", 0, "", ""), "/messages/retry", {"limit": 20})

    def _get(self, path: str) -> dict[str, Any]:
        status, answer = self._ask("GET", path, None)
        return answer if status == 200 else {}

    def _until_answered(self, said: Said, path: str, body: Any) -> bool:
        """Call until there is an answer that is no 503; False where there was none in all that time."""
        ends = time.monotonic() + CALLS_AGAIN_FOR
        while time.monotonic() < ends:
            said.tries += 1
            status, answer = self._ask("POST", path, body)
            if status and status != 503:
                said.status, said.answer, said.at = status, answer, time.monotonic()
                return True
            if self.stopping.wait(0.3):
                ends = min(ends, time.monotonic() + 10.0)
        return False

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"X-API-KEY": self.system.key, "Content-Type": "application/json"}
        sent = json.dumps(body).encode() if body is not None else None
        try:
            got = self.system.pool.request(method, self.system.url + path, body=sent, headers=headers, timeout=20.0)
        except (urllib3.exceptions.HTTPError, OSError):
            return 0, {}
        if got.status not in _EXPECTED:
            self.journal.wonder(f"{method} {path}: {got.status} {got.data[:200]!r}")
        try:
            return got.status, json.loads(got.data)
        except json.JSONDecodeError:
            self.journal.wonder(f"{method} {path}: {got.status} is no JSON: {got.data[:100]!r}")
            return got.status, {}


def _body(said: Said) -> dict[str, Any]:
    return {"business_id": said.business_id, "to": said.to, "body": said.body, "request_id": said.request_id}
