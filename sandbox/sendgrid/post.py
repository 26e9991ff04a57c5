"""Carries a client's letter to omega's inbound hook, and comes again while omega is in trouble."""

import asyncio
import secrets
import time
from collections.abc import Callable
from functools import partial

from aiohttp import web

from sandbox.callbacks import Answer
from sandbox.carrier import Carrier
from sandbox.sendgrid import inbound
from sandbox.sendgrid.events import signature_headers
from sandbox.sendgrid.letter import Letter, Sent, as_mime
from sandbox.signing import SendGridSigner

WEBHOOK = "email/inbound/sendgrid"
# A 5xx, or nobody there, is tried again for three days; the clock is scaled to some minutes.
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0)


class Post:
    """The way of a letter: into the client's own mailbox, then to the hook."""

    def __init__(self, carrier: Carrier, show: Callable[[Sent], dict[str, object]]) -> None:
        self.carrier, self._show = carrier, show
        key = carrier.settings.sendgrid_webhook_private_key
        self._signer = SendGridSigner(key) if key else None

    def write(self, letter: Letter, *, raw: bool) -> tuple[Sent, bytes]:
        """File a letter and make its post's body. Raises ValueError for what makes no mail."""
        mime = as_mime(letter)
        wire = letter.raw or inbound.wire_mail(letter, mime)
        body = inbound.raw_form(letter, wire) if raw else inbound.parsed_form(letter, mime)
        sent = Sent(secrets.token_urlsafe(16), letter, wire)
        self.carrier.mailboxes.send(sent)
        self._tell(sent)
        return sent, body

    async def carry(self, sent: Sent, body: bytes, url: str, attempt: int = 0) -> Answer:
        """Post it once and return the answer; what is in trouble is tried again later, unseen."""
        at = time.time()
        answer = await self.carrier.caller.post(url, body, self._headers(body))
        sent.answers.append((at, answer.status))
        self._tell(sent)
        trouble = answer.status is None or answer.status >= 500
        if trouble and attempt < len(RETRY_SECONDS) and self._known(sent):
            again = partial(self.carrier.caller.enqueue, partial(self._again, sent, body, url, attempt + 1))
            asyncio.get_running_loop().call_later(RETRY_SECONDS[attempt], again)
        return answer

    async def _again(self, sent: Sent, body: bytes, url: str, attempt: int) -> None:
        if self._known(sent):
            await self.carry(sent, body, url, attempt)

    def _known(self, sent: Sent) -> bool:
        return self.carrier.mailboxes.item(sent.address, sent.sid) is sent

    def _tell(self, sent: Sent) -> None:
        self.carrier.hub.tell(lambda: {"type": "mail", "address": sent.address, "mail": self._show(sent)})

    def _headers(self, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": f"multipart/form-data; boundary={inbound.BOUNDARY}",
            "User-Agent": inbound.AGENT,
            **inbound.basic_header(self.carrier.settings.inbound_email_basic_auth),
            **signature_headers(self._signer, body),
        }


POST: web.AppKey[Post] = web.AppKey("post", Post)
