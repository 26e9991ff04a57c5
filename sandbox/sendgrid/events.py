"""What becomes of an accepted mail: event-webhook posts, batched and signed as SendGrid's."""

import asyncio
import json
import secrets
import time
from functools import partial
from typing import Any, NamedTuple

from sandbox.callbacks import Answer
from sandbox.carrier import Carrier
from sandbox.sendgrid.mail import Mail
from sandbox.signing import SendGridSigner

GATHER_SECONDS = 0.1  # SendGrid gathers for 30 s; nobody who looks at a screen would wait for that
MOST_IN_BATCH = 200
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)  # SendGrid's retries run for 24 hours; the clock is scaled
SUFFIX = ".recvd-67fdc7b4d6-wbpn9-1-67C58B10-15.0"
AGENT = "SendGrid Event API"
WEBHOOK = "email/webhook/sendgrid"
GOOD = range(200, 300)


class Step(NamedTuple):
    """One event of a mail and what it says besides the usual."""

    event: str
    extra: dict[str, Any]


DELIVERED = Step("delivered", {"response": "250 2.0.0 OK", "ip": "149.72.1.1", "tls": 1})
DEFERRED = Step("deferred", {"response": "451 4.7.1 Greylisted, try again later", "attempt": "1", "tls": 1})
BOUNCE = Step("bounce", {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such user",
                         "bounce_classification": "Invalid Address"})  # fmt: skip
BLOCKED = Step("bounce", {"type": "blocked", "status": "4.7.0", "reason": "421 4.7.0 Try again later",
                          "bounce_classification": "Reputation"})  # fmt: skip
DROPPED = Step("dropped", {"reason": "Bounced Address", "status": "5.0.0"})
PROCESSED = Step("processed", {"send_at": 0})

# Magic addresses: the local part, up to a "+", decides what becomes of a mail.
FATES: dict[str, tuple[Step, ...]] = {
    "bounce": (PROCESSED, BOUNCE),
    "blocked": (PROCESSED, BLOCKED),
    "dropped": (DROPPED,),
    "deferred": (PROCESSED, DEFERRED, DELIVERED),
    "latebounce": (PROCESSED, DELIVERED, BOUNCE),
    "spam": (PROCESSED, DELIVERED, Step("spamreport", {})),
    "unsubscribe": (PROCESSED, DELIVERED, Step("unsubscribe", {})),
    "opens": (PROCESSED, DELIVERED, Step("open", {"sg_machine_open": False, "useragent": "Mozilla/5.0"})),
    "silent": (),
}
USUAL = (PROCESSED, DELIVERED)


def fate_of(carrier: Carrier, address: str, code: int | None) -> tuple[Step, ...]:
    """The events of one recipient, from a fault's code (an SMTP reply) or the address's magic."""
    if code is not None:
        return (PROCESSED, BOUNCE if code >= 500 else BLOCKED)
    name = address.partition("@")[0].partition("+")[0].lower()
    return FATES.get(name, USUAL) if carrier.faults.magic else USUAL


class Courier:
    """Gathers events and posts them in batches; omega's answer decides whether a batch comes again."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        key = carrier.settings.sendgrid_webhook_private_key
        self._signer = SendGridSigner(key) if key else None
        self._pending: list[tuple[Mail, dict[str, Any]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self, mail: Mail, code: int | None) -> None:
        """Let a mail take its course: its events at the callbacks' times."""
        ways, loop = self.carrier.faults.callbacks, asyncio.get_running_loop()
        for address in mail.recipients:
            at = ways.sent_ms / 1000
            for event in self._ordered(mail, address, code):
                loop.call_later(at + ways.delay_ms / 1000, self._note, mail, event)
                at += ways.delivered_ms / 1000

    async def run_before_answer(self, mail: Mail, code: int | None) -> None:
        """All of a mail's events at once: omega hears of its fate before it hears that it was accepted."""
        events = [(mail, e) for address in mail.recipients for e in self._ordered(mail, address, code)]
        mail.status = events[-1][1]["event"] if events else mail.status
        if events and not self.carrier.faults.callbacks.drops():
            await self._post(events)

    def _ordered(self, mail: Mail, address: str, code: int | None) -> list[dict[str, Any]]:
        found = [event_of(mail, address, step) for step in fate_of(self.carrier, address, code)]
        return found[::-1] if self.carrier.faults.callbacks.shuffle else found

    def _note(self, mail: Mail, event: dict[str, Any]) -> None:
        mail.status = event["event"]
        ways = self.carrier.faults.callbacks
        if ways.drops() or not self.carrier.ledger.holds(mail):
            return
        self._pending += [(mail, event)] * ways.copies()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._flush)

    def _flush(self) -> None:
        batch, self._pending = self._pending[:MOST_IN_BATCH], self._pending[MOST_IN_BATCH:]
        self.carrier.caller.enqueue(partial(self._post, batch))
        again = asyncio.get_running_loop().call_later(0, self._flush) if self._pending else None
        self._timer = again

    async def _post(self, batch: list[tuple[Mail, dict[str, Any]]], attempt: int = 0) -> None:
        batch = [(mail, event) for mail, event in batch if self.carrier.ledger.holds(mail)]
        if not batch:
            return
        at = time.time()
        answer = await self._send(wire_form([event for _, event in batch]))
        for mail, event in batch:
            mail.reports += (event["event"], at, attempt + 1, answer.status)
        if answer.status in GOOD or attempt >= len(RETRY_SECONDS):
            return
        again = partial(self.carrier.caller.enqueue, partial(self._post, batch, attempt + 1))
        asyncio.get_running_loop().call_later(RETRY_SECONDS[attempt], again)

    async def _send(self, body: bytes) -> Answer:
        headers = {"Content-Type": "application/json;charset=utf-8", "User-Agent": AGENT}
        headers |= signature_headers(self._signer, body)
        return await self.carrier.caller.post(self.carrier.settings.omega_url(WEBHOOK), body, headers)


def signature_headers(signer: SendGridSigner | None, body: bytes) -> dict[str, str]:
    """SendGrid's two signature headers; none where no key is configured."""
    if signer is None:
        return {}
    timestamp = str(int(time.time()))
    prefix = "X-Twilio-Email-Event-Webhook"
    return {f"{prefix}-Signature": signer.sign(timestamp, body), f"{prefix}-Timestamp": timestamp}


def event_of(mail: Mail, address: str, step: Step) -> dict[str, Any]:
    """One event's object: custom args flattened to its top, the carrier's own keys over them."""
    own = {
        "email": address,
        "event": step.event,
        "sg_event_id": secrets.token_urlsafe(18),
        "sg_message_id": mail.sid + SUFFIX,
        "smtp-id": f"<{mail.sid}@geopod-ismtpd-3>",
        "timestamp": int(time.time()),
    }
    if mail.categories:
        own["category"] = list(mail.categories)
    return mail.custom_args | own | step.extra


def wire_form(events: list[dict[str, Any]]) -> bytes:
    """A batch's bytes: CRLF between the events and at the end, which a re-dump would lose."""
    lines = (json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    return ("[" + ",\r\n".join(lines) + "]\r\n").encode()
