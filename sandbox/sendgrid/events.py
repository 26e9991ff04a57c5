"""Posts what becomes of an accepted mail: event-webhook batches, signed as SendGrid's."""

import asyncio
import json
import secrets
import time
from functools import partial
from typing import Any, NamedTuple

from sandbox.callbacks import Answer
from sandbox.carrier import Carrier
from sandbox.sendgrid.mail import Copy
from sandbox.sendgrid.steps import BLOCKED, BOUNCE, DROPPED, PROCESSED, USUAL, Step, magic_of
from sandbox.signing import SendGridSigner

GATHER_SECONDS = 0.1  # SendGrid gathers for 30 s; nobody who looks at a screen would wait for that
MOST_IN_BATCH, MOST_BYTES = 1000, 768 * 1024
# SendGrid's retries run for 24 hours at growing intervals; the clock is scaled to some minutes.
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0)
SUFFIX = ".recvd-67fdc7b4d6-wbpn9-1-67C58B10-15.0"
AGENT = "SendGrid Event API"
WEBHOOK = "email/webhook/sendgrid"
GOOD = range(200, 300)


class Noted(NamedTuple):
    """One event that waits to be posted, as its bytes."""

    copy: Copy
    event: str
    wire: bytes


class Courier:
    """Gathers events and posts them in batches; omega's answer decides whether a batch comes again."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        key = carrier.settings.sendgrid_webhook_private_key
        self._signer = SendGridSigner(key) if key else None
        self._pending: list[Noted] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self, copies: tuple[Copy, ...], code: int | None) -> None:
        """Let a mail take its course: its events at the callbacks' times, `send_at` counted in."""
        ways, loop = self.carrier.faults.callbacks, asyncio.get_running_loop()
        for copy in copies:
            at = ways.sent_ms / 1000
            for step, listed in self._course(copy, code):
                loop.call_later(at + ways.delay_ms / 1000, partial(self._happen, copy, step, listed=listed))
                wait = max(copy.part.send_at - time.time(), 0) if step is PROCESSED and copy.part.send_at else 0
                at += ways.delivered_ms / 1000 + wait

    async def run_before_answer(self, copies: tuple[Copy, ...], code: int | None) -> None:
        """All of a mail's events at once: omega hears of its fate before it hears that it was accepted."""
        steps = [(copy, step, listed) for copy in copies for step, listed in self._course(copy, code)]
        batch = [self._made(copy, event_of(copy, step), listed=listed) for copy, step, listed in steps]
        if batch and not self.carrier.faults.callbacks.drops():
            await self._post(batch)

    def tell(self, copy: Copy, step: Step) -> dict[str, Any]:
        """One event more, because a client or a test wants it; returns what will be posted."""
        event = event_of(copy, step)
        wait = self.carrier.faults.callbacks.delay_ms / 1000
        asyncio.get_running_loop().call_later(wait, partial(self._note, copy, event, listed=True))
        return event

    def _course(self, copy: Copy, code: int | None) -> list[tuple[Step, bool]]:
        """The events of one copy, each with whether it counts for the suppression lists.

        What magic does it does again with each mail, so that never puts an address on a list.
        """
        reason = self.carrier.suppressions.reason(copy.mail, copy.address)
        magic = magic_of(copy.address) if self.carrier.faults.magic else None
        if reason:
            found = [(Step("dropped", DROPPED.extra | {"reason": reason}), False)]
        elif code is not None:
            found = [(PROCESSED, True), (_refused(code), True)]
        else:
            found = [(step, magic is None) for step in (magic.steps if magic else USUAL)]
        return found[::-1] if self.carrier.faults.callbacks.shuffle else found

    def _happen(self, copy: Copy, step: Step, *, listed: bool) -> None:
        self._note(copy, event_of(copy, step), listed=listed)

    def _note(self, copy: Copy, event: dict[str, Any], *, listed: bool) -> None:
        if not self.carrier.ledger.holds(copy.mail):
            return
        noted, ways = self._made(copy, event, listed=listed), self.carrier.faults.callbacks
        if ways.drops():
            return
        self._pending += [noted] * ways.copies()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._flush)

    def _made(self, copy: Copy, event: dict[str, Any], *, listed: bool) -> Noted:
        """An event comes true: in the mailbox and on the lists, whether or not omega ever hears of it."""
        copy.status = copy.mail.status = event["event"]
        if listed:
            self.carrier.suppressions.learn(event)
        change = {"type": "mail_status", "address": copy.address, "id": copy.sid, "status": copy.status}
        self.carrier.hub.tell(lambda: change)
        return Noted(copy, event["event"], json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())

    def _flush(self) -> None:
        count = size = 0
        for count, noted in enumerate(self._pending, 1):
            size += len(noted.wire)
            if count == MOST_IN_BATCH or size >= MOST_BYTES:
                break
        batch, self._pending = self._pending[:count], self._pending[count:]
        self.carrier.caller.enqueue(partial(self._post, batch))
        self._timer = asyncio.get_running_loop().call_later(0, self._flush) if self._pending else None

    async def _post(self, batch: list[Noted], attempt: int = 0) -> None:
        batch = [noted for noted in batch if self.carrier.ledger.holds(noted.copy.mail)]
        if not batch:
            return
        at = time.time()
        answer = await self._send(wire_form([noted.wire for noted in batch]))
        for noted in batch:
            report = (noted.event, at, attempt + 1, answer.status, noted.copy.person.email)
            noted.copy.mail.reports += report
        self._show(batch)
        if answer.status in GOOD or attempt >= len(RETRY_SECONDS):
            return
        again = partial(self.carrier.caller.enqueue, partial(self._post, batch, attempt + 1))
        asyncio.get_running_loop().call_later(RETRY_SECONDS[attempt], again)

    def _show(self, batch: list[Noted]) -> None:
        for address, sid in {(noted.copy.address, noted.copy.sid) for noted in batch}:
            self.carrier.hub.tell(partial(dict, type="mail_report", address=address, id=sid))

    async def _send(self, body: bytes) -> Answer:
        headers = {"Content-Type": "application/json;charset=utf-8", "User-Agent": AGENT}
        headers |= signature_headers(self._signer, body)
        return await self.carrier.caller.post(self.carrier.settings.omega_url(WEBHOOK), body, headers)


def _refused(code: int) -> Step:
    """A mailbox's SMTP reply that a fault gave: 5xx for good, 4xx for now."""
    if code >= 500:
        return Step("bounce", BOUNCE.extra | {"reason": f"{code} 5.0.0 Refused", "status": "5.0.0"})
    return Step("bounce", BLOCKED.extra | {"reason": f"{code} 4.0.0 Try again later", "status": "4.0.0"})


def signature_headers(signer: SendGridSigner | None, body: bytes) -> dict[str, str]:
    """SendGrid's two signature headers; none where no key is configured."""
    if signer is None:
        return {}
    timestamp = str(int(time.time()))
    prefix = "X-Twilio-Email-Event-Webhook"
    return {f"{prefix}-Signature": signer.sign(timestamp, body), f"{prefix}-Timestamp": timestamp}


def event_of(copy: Copy, step: Step) -> dict[str, Any]:
    """One event's object: custom args flattened to its top, the carrier's own keys over them."""
    mail = copy.mail
    own: dict[str, Any] = {
        "email": copy.person.email,
        "event": step.event,
        "sg_event_id": secrets.token_urlsafe(18),
        "sg_message_id": mail.sid + SUFFIX,
        "smtp-id": mail.smtp_id,
        "timestamp": int(time.time()),
    }
    if mail.categories:
        own["category"] = list(mail.categories)
    if mail.asm_group_id is not None and "asm_group_id" in step.extra:
        step = Step(step.event, step.extra | {"asm_group_id": mail.asm_group_id})
    found = copy.part.custom_args | own | step.extra
    return {name: value for name, value in found.items() if value is not None}


def wire_form(events: list[bytes]) -> bytes:
    """A batch's bytes: CRLF between the events and at the end, which a re-dump would lose."""
    return b"[" + b",\r\n".join(events) + b"]\r\n"
