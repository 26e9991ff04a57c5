"""The mail tests' world: businesses with a mail address, clients who write, and providers that hand it over."""

import base64
import itertools
import json
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from django.conf import settings

from accounts.models import Client, Sender
from conversations.models import Conversation, Message
from conversations.services.threads import ensure_conversation
from messaging.models import Email, WebhookEvent
from messaging.services.reply_tokens import reply_address
from tests.contract.world import a_studio, call

BOUNDARY = "xYzZY"
_numbers = itertools.count(1)


def address(name="ana"):
    """An address that nobody else in this run has."""
    return f"{name}{next(_numbers)}@example.net"


@dataclass
class House:
    """A business that is written to at `address`."""

    studio: object
    address: str

    @property
    def id(self):
        return self.studio.id


def a_house(**fields):
    studio = a_studio(**fields)
    own = f"hello@studio{next(_numbers)}.example"
    Sender.objects.create(business_id=studio.id, channel="email", address=own, provider="sendgrid", is_default=True)
    return House(studio, own)


def a_client(house, email=None, **fields):
    return Client.objects.create(business_id=house.id, email=email or address(), **{"first_name": "Ana"} | fields)


def a_thread(house, client=None):
    """A client's conversation, and the address that answers into it."""
    client = client or a_client(house)
    pk, _ = ensure_conversation(business_id=house.id, client_id=client.pk)
    return Conversation.objects.select_related("client").get(pk=pk)


def token_of(thread):
    return reply_address(thread.pk)


def a_mail(sender, to, text="Hello", *, html=None, files=(), **headers):
    """A mail's bytes. `files` are (name, type, bytes); headers by name with underscores."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = headers.pop("Subject", "Friday")
    mail["Message-ID"] = headers.pop("Message_ID", f"<{next(_numbers)}.x@mail.example.net>")
    mail["Date"] = "Mon, 03 Mar 2025 10:20:20 +0000"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    for name, kind, data in files:
        main, _, sub = kind.partition("/")
        mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return mail.as_bytes()


def form(fields, boundary=BOUNDARY):
    """A multipart body of (name, bytes) or (name, bytes, filename, type)."""
    parts = []
    for name, value, *file in fields:
        more = f'; filename="{file[0]}"\r\nContent-Type: {file[1]}' if file else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        parts.append(head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def basic(credentials=None):
    given = settings.INBOUND_EMAIL_BASIC_AUTH if credentials is None else credentials
    return "Basic " + base64.b64encode(given.encode()).decode()


def post(body, provider="sendgrid", content_type=f"multipart/form-data; boundary={BOUNDARY}", **headers):
    """A provider's call; with the right user and password unless `Authorization` says otherwise."""
    headers.setdefault("Authorization", basic())
    given = {name: value for name, value in headers.items() if value is not None}
    return call("POST", f"/email/inbound/{provider}", data=body, content_type=content_type, **given)


def raw_fields(mail, to, sender="", *, spf="pass", dkim=""):
    envelope = json.dumps({"to": [to] if isinstance(to, str) else to, "from": sender})
    return [("email", mail), ("dkim", dkim), ("envelope", envelope), ("SPF", spf), ("sender_ip", "209.85.128.42")]


def arrives(mail, to, sender="someone@example.net", **words):
    """SendGrid hands over a mail in raw mode; it must be taken."""
    answer = post(form(raw_fields(mail, to, sender, **words)))
    assert answer.status == 200, answer.raw
    return answer


def writes(sender, to, text="Hello", *, headers_to=None, spf="pass", dkim="", **more):
    """Somebody writes a mail, and SendGrid hands it over; the message that it became, None where it became none."""
    arrives(a_mail(sender, headers_to or to, text, **more), to, sender, spf=spf, dkim=dkim)
    return Message.objects.filter(channel="email").order_by("-pk").first()


def event():
    """The newest webhook event."""
    return WebhookEvent.objects.order_by("-pk").first()


def mail_of(message):
    return Email.objects.get(pk=message.pk)
