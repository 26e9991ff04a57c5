"""Other providers' inbound mail, by django-anymail: their signatures are checked, and their posts read.

Here are those whose post holds the whole mail. Brevo and Resend hand over a mail's files by links, to be fetched with a
key; and of Amazon SES anymail does not check the signature (providers.md, 11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any, NamedTuple

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.signals import AnymailInboundEvent
from anymail.utils import get_anymail_setting
from anymail.webhooks import mailersend, mailgun, mailjet, mandrill, postal, postmark, sparkpost

from messaging.mail.charsets import one_line
from messaging.providers.arrived_mail import ArrivedMail, Unreadable


class Source(NamedTuple):
    """A provider's view in anymail, and the setting that makes it check a signature."""

    view: Any
    key: str = ""


SOURCES = {
    "mailersend": Source(mailersend.MailerSendInboundWebhookView, "inbound_secret"),
    "mailgun": Source(mailgun.MailgunInboundWebhookView, "webhook_signing_key"),
    "mailjet": Source(mailjet.MailjetInboundWebhookView),
    "mandrill": Source(mandrill.MandrillCombinedWebhookView, "webhook_key"),
    "postal": Source(postal.PostalInboundWebhookView, "webhook_key"),
    "postmark": Source(postmark.PostmarkInboundWebhookView),
    "sparkpost": Source(sparkpost.SparkPostInboundWebhookView),
}
# In these a field of the form is the mail itself: its bytes need no translation.
RAW = {"mailgun": ("body-mime", "sender", "recipient")}


@dataclass(slots=True)
class Post:
    """A provider's post as anymail asks for it: a request of Django's that was read already."""

    content_type: str
    body: bytes
    POST: Any
    FILES: Any
    META: Mapping[str, str]
    method: str = "POST"

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.removeprefix("HTTP_").replace("_", "-").title(): value for name, value in self.META.items()}


class Forged(Exception):
    """The call is not the provider's."""


def is_signed(name: str) -> bool:
    """Whether there is a key by which this provider's signature could be checked."""
    source = SOURCES[name]
    return bool(source.key) and get_anymail_setting(source.key, default=None, esp_name=source.view.esp_name) is not None


def check(name: str, post: Post, url: str, secret: str) -> None:
    """Raise Forged where the signature does not hold; for a provider that `is_signed`.

    `secret` is the user and password that were asked for already; `url` what the provider calls, with them in it.
    """
    view = SOURCES[name].view(webhook_secret=secret)
    view.webhook_url = url
    try:
        view.run_validators(post)
    except (AnymailError, AnymailWebhookValidationFailure, ValueError, KeyError, TypeError) as error:
        raise Forged("The call could not be checked.") from error


def read(name: str, post: Post) -> list[ArrivedMail]:
    """The mails in a provider's post. Raises Unreadable where it is not what the provider sends."""
    view = SOURCES[name].view.__new__(SOURCES[name].view)  # its __init__ asks for keys, which reading needs none of
    try:
        events = view.parse_events(post)
    except (AnymailError, ValueError, KeyError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise Unreadable(f"The post is not what {view.esp_name} sends for a mail: {error!r}"[:500]) from error
    found = [_arrived(event) for event in events if isinstance(event, AnymailInboundEvent)]
    if not found:
        raise Unreadable(f"The post has no mail in the form in which {view.esp_name} sends one.")
    return found


def _arrived(event: Any) -> ArrivedMail:
    message = event.message
    file = TemporaryFile()  # noqa: SIM115  the mail that is given back
    file.write(message.as_bytes(policy=message.policy.clone(refold_source="none")))
    receiver = message.envelope_recipient
    facts = {"event_id": event.event_id, "spam_score": message.spam_score, "spam_detected": message.spam_detected}
    return ArrivedMail(
        file=file,
        envelope_to=[one.strip() for one in str(receiver).split(",")] if receiver else [],
        envelope_from=message.envelope_sender,
        facts={name: one_line(str(value), 200) for name, value in facts.items() if value is not None},
    )
