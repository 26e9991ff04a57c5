"""The contract tests' world: made-up businesses, callers that speak HTTP, and a carrier that signs what it says."""

import base64
import hashlib
import hmac
import itertools
import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection, connections
from django.test import Client as Browser

from accounts.models import Business, Client, Location, Sender, Staff
from accounts.services.credentials import create_api_key
from messaging.services import claiming
from omega_project.lib.reach import everything

_numbers = itertools.count(2_000_000)


def phone():
    """A number that nobody else in this run has."""
    return f"+1212{next(_numbers)}"


@dataclass
class Studio:
    """A business with one texting number and a key of its own."""

    id: int
    key: str
    sender: str

    @property
    def path(self):
        return f"/businesses/{self.id}"


def a_studio(**fields):
    business = Business.objects.create(**{"name": "Studio", "timezone": "America/New_York"} | fields)
    sender = a_sender(business.pk, is_default=True)
    return Studio(business.pk, create_api_key(name="studio", business_id=business.pk), sender)


def a_sender(business_id, address=None, **fields):
    made = Sender.objects.create(
        business_id=business_id, channel="sms", address=address or phone(), provider="twilio", **fields
    )
    return made.address


_mailboxes = itertools.count(1)


def address():
    """A mail address that nobody else in this run has."""
    return f"client{next(_mailboxes)}@mail.example"


def a_mail_sender(studio, **fields):
    """The business's address for mail, its default one."""
    given = {"address": f"hello@studio{studio.id}.example", "provider": "sendgrid", "is_default": True} | fields
    return Sender.objects.create(business_id=studio.id, channel="email", **given).address


def a_client(studio, **fields):
    return Client.objects.create(business_id=studio.id, **{"first_name": "Ana", "phone": phone()} | fields)


def a_staff_member(studio, **fields):
    return Staff.objects.create(business_id=studio.id, **{"name": "Mo"} | fields)


def a_location(studio, **fields):
    return Location.objects.create(business_id=studio.id, **{"name": "Main Street"} | fields)


def a_platform_key():
    return create_api_key(name="platform")


@dataclass
class Answer:
    """What came back."""

    status: int
    raw: bytes
    headers: dict
    body: object = field(default=None)

    def __post_init__(self):
        if self.raw and self.headers.get("Content-Type", "").startswith("application/json"):
            self.body = json.loads(self.raw)

    def __getitem__(self, name):
        return self.body[name]

    @property
    def faulty(self):
        """The fields that a 422 complains about: `body.to`, `query.cursor` …"""
        assert self.status == 422, (self.status, self.raw[:500])
        return {".".join(str(part) for part in fault["loc"]) for fault in self.body["detail"]}


_thread = threading.local()


def browser():
    """A test client for this thread: making one for each call would cost more than the call."""
    if not hasattr(_thread, "browser"):
        _thread.browser = Browser(raise_request_exception=False)
    return _thread.browser


def call(method, path, *, key=None, data=b"", content_type="application/json", **headers):
    """One request to omega; header names as keywords, such as `Idempotency_Key`."""
    if not isinstance(data, (bytes, str)):
        data = json.dumps(data)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        named["X-API-KEY"] = key
    got = browser().generic(method, f"/omega{path}", data, content_type=content_type, headers=named)
    content = b"".join(got.streaming_content) if got.streaming else got.content
    return Answer(got.status_code, content, dict(got.headers))


def get(path, key=None, query=None, **headers):
    if query:
        path = f"{path}?{urlencode(query, doseq=True)}"
    return call("GET", path, key=key, **headers)


def post(path, data, key=None, **headers):
    return call("POST", path, key=key, data=data, **headers)


def follow(link, key):
    """Ask for a link out of an answer, such as a page's `next`."""
    return get(link.split("/omega", 1)[1], key)


def queue(studio, key=None, **fields):
    """POST /sms/queue; without `to` and `client_id`, to somebody new."""
    if "to" not in fields and "client_id" not in fields:
        fields["to"] = phone()
    body = {"business_id": studio.id, "body": "Hello"} | fields
    return post("/sms/queue", {name: value for name, value in body.items() if value is not None}, key or studio.key)


def mail(studio, key=None, **fields):
    """POST /email/queue; without `to` and `client_id`, to somebody new. A field that is None is left out."""
    if "to" not in fields and "client_id" not in fields:
        fields["to"] = address()
    body = {"business_id": studio.id, "subject": "Your class", "text": "See you at ten."} | fields
    return post("/email/queue", {name: value for name, value in body.items() if value is not None}, key or studio.key)


def record_mail(studio, **fields):
    """POST /email/record of a mail to somebody new, unless the fields say otherwise."""
    if not {"to", "from", "client_id"} & fields.keys():
        fields["to"] = address()
    body = {"business_id": studio.id, "subject": "Your class", "text": "See you at ten."} | fields
    return post("/email/record", {name: value for name, value in body.items() if value is not None}, studio.key)


def record(studio, **fields):
    """POST /sms/record of a text to somebody new, unless the fields say otherwise."""
    if not {"to", "from", "client_id"} & fields.keys():
        fields["to"] = phone()
    return post("/sms/record", {"business_id": studio.id, "body": "Hello"} | fields, studio.key)


def message(studio, message_id):
    got = get(f"/messages/{message_id}", studio.key)
    assert got.status == 200, got.raw
    return got.body


def status_of(studio, message_id):
    return message(studio, message_id)["status"]


def sid(prefix="SM"):
    return prefix + secrets.token_hex(16)


def signature(url, form, token=None):
    """Twilio's: HMAC-SHA1 over the URL and the sorted parameters (providers.md, 4); written without its SDK."""
    text = url + "".join(name + value for name, value in sorted(form.items()))
    digest = hmac.new((token or settings.TWILIO_AUTH_TOKEN).encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(digest.digest()).decode()


FORM = "application/x-www-form-urlencoded; charset=UTF-8"


def twilio(path, form, *, signed=None, encoding="utf-8", content_type=FORM):
    """A call of Twilio's; `signed` takes the place of the right signature."""
    right = signature(f"{settings.PUBLIC_BASE_URL}/omega{path}", form)
    data = urlencode(form, encoding=encoding).encode()
    header = {} if signed is False else {"X_Twilio_Signature": right if signed is None else signed}
    return call("POST", path, data=data, content_type=content_type, **header)


def text_form(studio, sender, body, **extra):
    """The form of an inbound text from the number `sender`."""
    one = sid()
    known = {
        "MessageSid": one, "SmsSid": one, "SmsMessageSid": one, "AccountSid": settings.TWILIO_ACCOUNT_SID,
        "From": sender, "To": studio.sender, "Body": body, "NumMedia": "0", "NumSegments": "1",
        "SmsStatus": "received", "ApiVersion": "2010-04-01",
    }  # fmt: skip
    return known | extra


def reply(studio, sender, body, **extra):
    """An inbound text over the webhook."""
    return twilio("/twilio/sms/reply", text_form(studio, sender, body, **extra))


def report(studio, provider_message_id, status, *, query="", **extra):
    """A delivery receipt over the webhook."""
    form = {
        "MessageSid": provider_message_id, "SmsSid": provider_message_id, "MessageStatus": status,
        "SmsStatus": status, "AccountSid": settings.TWILIO_ACCOUNT_SID, "ApiVersion": "2010-04-01",
        "From": studio.sender,
    }  # fmt: skip
    return twilio(f"/twilio/sms/status{query}", form | extra)


def conversations(studio, **query):
    got = get(f"{studio.path}/conversations", studio.key, query)
    assert got.status == 200, got.raw
    return got.body["results"]


def thread_path(studio, answer):
    """The messages of the conversation that a send or record answered with."""
    ids = answer["client_id"], answer["conversation_id"]
    return "{}/clients/{}/conversations/{}/messages".format(studio.path, *ids)


def timeline(studio, answer, **query):
    got = get(thread_path(studio, answer), studio.key, query)
    assert got.status == 200, got.raw
    return got.body["results"]


def claimed():
    """The messages that a worker takes in hand now."""
    return [claim.message_id for claim in claiming.claim_due(room=50, in_flight={}, most=50, worker="w").claims]


def at_once(count, work):
    """`work(n)` in `count` threads at the same time, each with a database connection of its own."""

    @everything()
    def one(number):
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@contextmanager
def statements():
    """Every statement that omega sends to PostgreSQL meanwhile, its parameters with it."""
    seen = []

    def note(execute, sql, params, many, context):
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen
