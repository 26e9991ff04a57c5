"""Mails that went out, and what a provider says became of them."""

import base64
import itertools
import json
import secrets
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from conversations.models import Message
from conversations.services.threads import ensure_conversation
from conversations.services.timeline import NewMessage, append_messages
from messaging.models import Email
from messaging.providers.mail_event import MailEvent
from messaging.services import mail_events
from tests.contract.world import Client, call

KEY = ec.generate_private_key(ec.SECP256R1())
PREFIX = "X_Twilio_Email_Event_Webhook_"
_numbers = itertools.count()


def public_key(key=KEY):
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(*form)).decode()


def an_address():
    return f"ana{next(_numbers)}@example.net"


def a_mail(studio, to=None, *, status="sent", **columns):
    """A mail of the business that SendGrid has taken; its row."""
    to = to or an_address()
    client, _ = Client.objects.get_or_create(business_id=studio.id, email=to)
    thread, _ = ensure_conversation(business_id=studio.id, client_id=client.pk)
    new = NewMessage(
        studio.id, thread, client.pk, "email", "outbound", status, f"mail-{next(_numbers)}", to_address=to,
        subject="Hello", body="Hello", from_address="studio@example.com", provider="sendgrid",
        provider_message_id=secrets.token_urlsafe(16), sends=True,
    )  # fmt: skip
    for name in [name for name in columns if hasattr(new, name)]:
        setattr(new, name, columns.pop(name))
    made = append_messages([new])[0]["id"]
    Email.objects.create(message_id=made, rfc_message_id=columns.pop("rfc_message_id", f"{made}.omega@example.com"))
    if columns:
        Message.objects.filter(pk=made).update(**columns)
    return row(made)


def row(message_id):
    return Message.objects.select_related("mail").get(pk=getattr(message_id, "pk", message_id))


def told(mail, kind, **more):
    """An event of this mail, as a caller may tell it."""
    return MailEvent(kind, message_id=mail.pk, address=mail.to_address, **more)


def tell(mail, *kinds, **more):
    """Apply events to a mail; what was answered, and the mail as it is then."""
    answers = mail_events.apply_events([told(mail, kind, **more) for kind in kinds], source="sendgrid")
    return answers, row(mail)


def event(mail, kind, **more):
    """An event as SendGrid's wire has it."""
    usual = {
        "email": mail.to_address, "event": kind, "sg_event_id": secrets.token_urlsafe(18),
        "sg_message_id": f"{mail.provider_message_id}.recvd-67fdc7b4d6-wbpn9-1-67C58B10-15.0",
        "smtp-id": f"<{mail.provider_message_id}@geopod-ismtpd-3>", "timestamp": int(time.time()),
        "omega_message_id": str(mail.pk),
    }  # fmt: skip
    return {name: value for name, value in (usual | more).items() if value is not None}


def wire(events):
    """A batch's bytes: CRLF between the events and at the end."""
    return ("[" + ",\r\n".join(one if isinstance(one, str) else json.dumps(one) for one in events) + "]\r\n").encode()


def signature(body, at, key=KEY):
    return base64.b64encode(key.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()


def post_events(events, *, path="/email/webhook/sendgrid", key=KEY, at=None, **headers):
    """A signed post of SendGrid's; `events` may be bytes as they are."""
    body = events if isinstance(events, bytes) else wire(events)
    at = at or str(int(time.time()))
    signed = {f"{PREFIX}Signature": signature(body, at, key), f"{PREFIX}Timestamp": at}
    return call("POST", path, data=body, **{name: value for name, value in (signed | headers).items() if value})


def lines(mail):
    """The history of a mail, as pairs of statuses."""
    return [(one.from_status, one.status) for one in row(mail).events.all()]


def long_ago():
    return timezone.now().replace(year=1970)
