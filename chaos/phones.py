"""The clients: their texts, mails and calls, by the carrier's control calls; some come twice, late, or never.

A third of what comes in is reported twice, most of it overtakes something else, and of a few the carrier's call is
lost: those only its own record tells of.
"""

import time
from typing import TYPE_CHECKING, Any

from chaos.journal import Heard, Journal
from chaos.plan import BURST, Plan, Step
from chaos.system import Failed, System

if TYPE_CHECKING:
    from chaos.load import Caller

DOUBLED, LOST = 0.3, 0.03
LATEST_MS = 3000
_HOOK, _RETRIES = "/twilio/sms/reply", "#rc=3&rp=5xx,ct,rt"


class Phones:
    """The clients' side of a caller's steps."""

    def __init__(self, system: System, journal: Journal, plan: Plan, door: str = "") -> None:
        self.system, self.journal, self.plan, self.door = system, journal, plan, door

    def does(self, step: Step, caller: "Caller") -> bool:
        """Carry out a step that is a client's; False where it is none."""
        if step.kind not in {"text", "burst", "stop_or_start", "write_mail", "call_in", "call_out"}:
            return False
        getattr(self, step.kind)(caller)
        return True

    def text(self, caller: "Caller", number: int = 0) -> None:
        chance = caller.chance
        heard = Heard(chance.choice(self.plan.clients), caller._business()["sms_sender"], "", time.time())
        heard.body = f"hello {caller.name_of_step}.{number}"
        heard.copies = 2 if chance.random() < DOUBLED else 1
        delays = [chance.randrange(LATEST_MS) for _ in range(heard.copies)]
        more: dict[str, Any] = {"webhook": False} if chance.random() < LOST else {"after_ms": delays}
        self._send(heard, more)

    def burst(self, caller: "Caller") -> None:
        for number in range(BURST):
            self.text(caller, number)

    def stop_or_start(self, caller: "Caller") -> None:
        """In the order in which they were said: the carrier's call has no time in it, so a late one would win."""
        words = caller.chance.choice(["STOP", "START", "START"])
        client = caller.chance.choice(self.plan.stoppers)
        heard = Heard(client, caller._business()["sms_sender"], words, time.time())
        heard.copies = 2 if caller.chance.random() < DOUBLED else 1
        self._send(heard, {"copies": heard.copies})

    def _send(self, heard: Heard, more: dict[str, Any]) -> None:
        body = {"from": heard.sender, "to": heard.to, "body": heard.body} | more
        if self.door and "webhook" not in body:
            body["url"] = self.door + _HOOK + _RETRIES
        heard.at = time.time()
        heard.sid = self.system.carrier("POST", "/handset/sms", body, seconds=60.0)["sid"]
        self.journal.listen(heard)

    def write_mail(self, caller: "Caller") -> None:
        """A client's mail; each is new."""
        client, business = caller.chance.choice(self.plan.clients), caller._business()
        name = caller.name_of_step
        address = f"client{client.lstrip('+')}@example.net"
        heard = Heard(address, business["email_sender"], f"mail {name}", time.time(), kind="mail")
        heard.copies = 2 if caller.chance.random() < DOUBLED else 1
        body = {
            "from": heard.sender, "to": heard.to, "subject": f"Mail {name}", "text": heard.body, "wait": False,
            "copies": heard.copies,
        }  # fmt: skip
        self.system.carrier("POST", "/handset/email", body, seconds=60.0)
        self.journal.listen(heard)

    def call_in(self, caller: "Caller") -> None:
        client, business = caller.chance.choice(self.plan.clients), caller._business()
        script = {"talk_ms": caller.chance.choice([50, 1500]), "voicemail_seconds": 2}
        body = {"from": client, "to": business["sms_sender"], "script": script, "wait": False}
        heard = Heard(client, business["sms_sender"], "", time.time(), kind="call")
        heard.sid = self.system.carrier("POST", "/handset/call", body)["sid"]
        self.journal.listen(heard)

    def call_out(self, caller: "Caller") -> None:
        """A staff member's device calls a client."""
        client, business = caller.chance.choice(self.plan.clients), caller._business()
        staff = caller.get(f"/businesses/{business['id']}/staffs?page_size=50").get("results", [])
        if not staff:
            return
        member = caller.chance.choice(staff)["id"]
        token = caller.get(f"/voice-calls/token?business_id={business['id']}&staff_id={member}").get("token")
        if not token:
            return
        try:
            device = self.system.carrier("POST", "/device/register", {"token": token})["identity"]
            phones = {client: {"answer": caller.chance.choice(["yes", "busy", "no-answer"])}}
            body = {"params": {"To": client}, "script": {"phones": phones}, "wait": False}
            heard = Heard(str(business["sms_sender"]), client, "", time.time(), kind="call out")
            heard.sid = self.system.carrier("POST", f"/device/{device}/call", body)["sid"]
        except Failed as error:
            self.journal.wonder(f"the carrier took no call of a device: {error}")
            return
        self.journal.listen(heard)
