"""The host platform: sends on every channel, lists, cancels, assignments, read marks, notes, retries, trespassing."""

import json
import random
import threading
import time
from collections.abc import Sequence
from typing import Any

import urllib3

from chaos.journal import Journal, Said
from chaos.phones import Phones
from chaos.plan import LIST, Plan, Step
from chaos.system import System

# A caller that was refused or cut calls again with the same request_id, as api.md tells it to.
CALLS_AGAIN_FOR = 40.0
_EXPECTED = frozenset({200, 201, 202, 404, 409, 422, 503})


class Caller(threading.Thread):
    """One thread of the platform and of its clients: carries out its steps, each as soon as it is time and it can.

    `door` is another web process's address; a call that it does not answer goes to the usual one.
    """

    def __init__(self, system: System, journal: Journal, plan: Plan, steps: Sequence[Step], door: str = "") -> None:
        super().__init__(name="caller", daemon=True)
        self.system, self.journal, self.plan, self.steps, self.door = system, journal, plan, steps, door
        self.phones = Phones(system, journal, plan, door)
        self.stopping = threading.Event()
        self.left = len(steps)
        self.chance = random.Random()
        self.name_of_step = ""

    def run(self) -> None:
        for step in self.steps:
            if self.stopping.wait(max(0.0, self.journal.began + step.at - time.monotonic())):
                return
            self.do(step)
            self.left -= 1

    def do(self, step: Step) -> None:
        """One act."""
        self.chance, self.name_of_step = step.chance(), step.name
        self.journal.done[step.kind] += 1
        if self.phones.does(step, self):
            return
        getattr(self, step.kind)()

    # ---- sends

    def send(self) -> None:
        said = self._new()
        self.until_answered(said, "/sms/queue", _body(said) | {"priority": self.chance.choice(["high", "normal"])})

    def send_many(self) -> None:
        self._send_rows(self.chance.randint(2, 12))

    def send_list(self) -> None:
        self._send_rows(LIST)

    def _send_rows(self, count: int) -> None:
        many = [self._new("many", number) for number in range(count)]
        rows = [{"channel": "sms", "direction": "outbound", "action": "send", **_body(said)} for said in many]
        whole = Said("list", "", 0, "", "")
        self.until_answered(whole, "/messages", rows)
        for said, row in zip(many, whole.answer.get("results", []), strict=False):
            said.status, said.answer = row["status"], row
        for said in many:
            said.began, said.at = whole.began, whole.at

    def send_mail(self) -> None:
        said = self._new("mail")
        said.to, said.channel = mailbox(said.to), "email"
        body = _body(said)
        body["text"] = body.pop("body")
        self.until_answered(said, "/email/queue", body | {"subject": f"About {said.body}"})

    def cancel(self) -> None:
        said = self._new("cancel")
        later = _body(said) | {"scheduled_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))}
        if self.until_answered(said, "/sms/queue", later) and said.status == 202:
            gone = Said("canceled", "", said.business_id, said.to, said.body)
            self.until_answered(gone, f"/messages/{said.answer['message_id']}/cancel", {})
            said.kind = "canceled" if gone.status == 200 else "send"

    def retry(self) -> None:
        self.until_answered(Said("retry", "", 0, "", ""), "/messages/retry", {"limit": 20})

    # ---- the conversation

    def assign(self) -> None:
        business, thread = self._thread()
        staff = self.get(f"/businesses/{business['id']}/staffs?page_size=50").get("results", [])
        if not thread or not staff:
            return
        chosen = self.chance.choice([*staff, None])
        said = Said("assign", "", business["id"], "", "", conversation_id=thread["id"])
        said.staff_id = chosen["id"] if chosen else None
        self.journal.call(said)
        whom = f"assigned_to={chosen['id'] if chosen else 'none'}&force=true"
        self.until_answered(said, f"{_path(thread)}/assignment?{whom}", {})

    def read(self) -> None:
        business, thread = self._thread()
        rows = self.get(f"{_path(thread)}/messages?page_size=20").get("results", []) if thread else []
        unread = tuple(row["id"] for row in rows if not row["is_read"])
        if unread:
            said = Said("read", "", business["id"], "", "", conversation_id=thread["id"], message_ids=unread)
            self.journal.call(said)
            body = {"is_read": True, "message_ids": list(unread)}
            self.until_answered(said, f"{_path(thread)}/messages/read-status", body)

    def note(self) -> None:
        business, thread = self._thread()
        if thread:
            name = f"chaos-note-{self.name_of_step}"
            said = Said("note", name, business["id"], "", f"note {self.name_of_step}", "note")
            said.conversation_id = thread["id"]
            self.journal.call(said)
            self.until_answered(said, f"{_path(thread)}/notes", {"body": said.body, "request_id": name})

    def trespass(self) -> None:
        """One business's key at another's conversation: nothing may be seen, nothing done."""
        business, thread = self._thread()
        other = next(one for one in self.system.facts["businesses"] if one["id"] != business["id"])
        if not thread:
            return
        wanted = [
            ("GET", f"{_path(thread)}/messages", None), ("POST", f"{_path(thread)}/notes", {"body": "not ours"}),
            ("POST", f"{_path(thread)}/assignment?assigned_to=none", {}),
            ("POST", f"{_path(thread)}/messages/read-status", {"is_read": True}),
        ]  # fmt: skip
        for method, path, body in wanted:
            status, answer = self._ask(method, path, body, key=other["api_key"])
            if 200 <= status < 300:
                what = f"{method} {path} by the key of business {other['id']}: {status} {str(answer)[:100]}"
                self.journal.trespass(what)

    def _thread(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """A business, and the conversation of one of our clients there."""
        business, client = self._business(), self.chance.choice(self.plan.clients)
        found = self.get(f"/businesses/{business['id']}/conversations?page_size=5&q=%2B{client[1:]}").get("results", [])
        return business, next((row for row in found if row["client"]["phone"] == client), None)

    # ---- asking

    def _business(self) -> dict[str, Any]:
        found: dict[str, Any] = self.chance.choice(self.system.facts["businesses"])
        return found

    def _new(self, kind: str = "send", number: int = 0) -> Said:
        name = f"{self.name_of_step}.{number}"
        to = self.chance.choice(self.plan.clients)
        said = Said(kind, f"chaos-{name}", self._business()["id"], to, f"chaos {name}")
        self.journal.call(said)
        return said

    def get(self, path: str) -> dict[str, Any]:
        status, answer = self._ask("GET", path, None)
        return answer if status == 200 else {}

    def until_answered(self, said: Said, path: str, body: Any) -> bool:
        """Call until there is an answer that is no 503; False where there was none in all that time."""
        said.began = time.monotonic()
        ends = said.began + CALLS_AGAIN_FOR
        while time.monotonic() < ends:
            said.tries += 1
            status, answer = self._ask("POST", path, body, door=self.door if said.tries % 2 else "")
            if status and status != 503:
                said.status, said.answer, said.at = status, answer, time.monotonic()
                return True
            if self.stopping.wait(0.3):
                ends = min(ends, time.monotonic() + 10.0)
        return False

    def _ask(self, method: str, path: str, body: Any, *, key: str = "", door: str = "") -> tuple[int, dict[str, Any]]:
        headers = {"X-API-KEY": key or self.system.key, "Content-Type": "application/json"}
        sent = json.dumps(body).encode() if body is not None else None
        address = (door or self.system.url) + path
        try:
            got = self.system.pool.request(method, address, body=sent, headers=headers, timeout=20.0)
        except (urllib3.exceptions.HTTPError, OSError):
            return 0, {}
        if got.status not in _EXPECTED and not (key and got.status == 403):
            self.journal.wonder(f"{method} {path}: {got.status} {got.data[:200]!r}")
        try:
            return got.status, json.loads(got.data)
        except json.JSONDecodeError:
            self.journal.wonder(f"{method} {path}: {got.status} is no JSON: {got.data[:100]!r}")
            return got.status, {}


def mailbox(phone: str) -> str:
    """A client's address of mail."""
    return f"client{phone.lstrip('+')}@example.net"


def _path(thread: dict[str, Any]) -> str:
    return f"/businesses/{thread['business_id']}/clients/{thread['client']['id']}/conversations/{thread['id']}"


def _body(said: Said) -> dict[str, Any]:
    return {"business_id": said.business_id, "to": said.to, "body": said.body, "request_id": said.request_id}
