"""The voice tests' world: a studio with a number, staff and places, and a carrier that signs what it says."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from xml.etree import ElementTree

from django.conf import settings

from accounts.models import Client, ProviderAccount, Sender
from conversations.models import Conversation, Message
from messaging.services import carriers
from omega_project.lib import sealing
from sandbox.voice import twiml as strict
from tests.contract import world as made
from voice.models import Call
from voice.services import preferences

TWIML, STATUS, DIAL = "/voice-calls/twiml", "/twilio/voice/status", "/twilio/voice/dial"
BEGAN = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
_seconds = itertools.count()


def an_account(studio, **secrets):
    """An account of the studio's own at Twilio; its sid."""
    known = {
        "auth_token": "its own",
        "api_key_sid": "SK" + "b" * 32,
        "api_key_secret": "its secret, which is 32 bytes long",
        "twiml_app_sid": "AP" + "b" * 32,
    } | secrets
    carriers.forget()
    return ProviderAccount.objects.create(
        business_id=studio.id, provider="twilio", account_id=made.sid("AC"), secrets=sealing.seal(known)
    ).account_id


def a_voice_number(studio, **fields):
    """A number of the studio for calls alone."""
    address = fields.pop("address", None) or made.phone()
    Sender.objects.create(business_id=studio.id, channel="voice", address=address, provider="twilio", **fields)
    return address


def prefer(studio, **changes):
    preferences.save_preferences(business_id=studio.id, **changes)


def identity(studio, staff):
    return f"b{studio.id}_s{staff.pk}"


@dataclass
class Document:
    """TwiML that was answered, taken by a parser as strict as Twilio's."""

    raw: str

    def __post_init__(self):
        self.verbs = strict.parse(self.raw)
        self.root = ElementTree.fromstring(self.raw)

    @property
    def names(self):
        return [verb.tag for verb in self.root]

    @property
    def said(self):
        return " ".join(verb.text or "" for verb in self.root.iter("Say"))

    @property
    def dial(self):
        return self.root.find("Dial")

    @property
    def rung(self):
        """Whom it rings: identities and numbers."""
        return [noun.findtext("Identity") or noun.text for noun in self.dial] if self.dial is not None else []


def heard(answer):
    """The document of an answer."""
    assert answer.status == 200, (answer.status, answer.raw[:500])
    assert answer.headers["Content-Type"].startswith("text/xml")
    return Document(answer.raw.decode())


def call_form(sid=None, **fields):
    known = {
        "AccountSid": settings.TWILIO_ACCOUNT_SID, "ApiVersion": "2010-04-01", "CallSid": sid or made.sid("CA"),
        "CallStatus": "ringing", "Direction": "inbound", "Called": "", "Caller": fields.get("From", ""),
    }  # fmt: skip
    return known | fields


def call_in(studio, caller, to=None, **fields):
    """A client calls: the first request."""
    return made.twilio(TWIML, call_form(**({"From": caller, "To": to or studio.sender} | fields)))


def call_out(studio, staff, **fields):
    """A staff member's client calls: the first request."""
    return made.twilio(TWIML, call_form(**({"From": f"client:{identity(studio, staff)}", "To": ""} | fields)))


def path_of(url):
    """A callback's address as the carrier calls it: without its fragment."""
    assert url.startswith(f"{settings.PUBLIC_BASE_URL}/omega")
    assert url.endswith("#rc=3&rp=5xx,ct,rt")
    return url.removeprefix(f"{settings.PUBLIC_BASE_URL}/omega").partition("#")[0]


def dialled(document, sid, status, *, caller, to, **fields):
    """The Dial's action: how it went."""
    form = call_form(
        sid, **({"From": caller, "To": to, "DialCallStatus": status, "CallStatus": "in-progress"} | fields)
    )
    return made.twilio(path_of(document.dial.get("action")), form)


def leg_form(parent, sid, status, sequence, to, **fields):
    at = BEGAN + timedelta(seconds=sequence * 3)
    known = {
        "AccountSid": settings.TWILIO_ACCOUNT_SID, "CallSid": sid, "ParentCallSid": parent, "CallStatus": status,
        "SequenceNumber": str(sequence), "Timestamp": format_datetime(at), "To": to, "Called": to,
        "CallbackSource": "call-progress-events", "Direction": "outbound-dial",
    }  # fmt: skip
    return known | fields


def report(path, form):
    got = made.twilio(path, form)
    assert got.status == 204, got.raw
    return got


def only_call(studio):
    return Call.objects.get(business_id=studio.id)


def only_message(studio):
    """The one call's message, as the API shows it."""
    found = Message.objects.get(business_id=studio.id, channel="voice")
    return made.message(studio, found.pk)


def thread_of(studio, phone):
    return Conversation.objects.get(client=Client.objects.get(business_id=studio.id, phone=phone))
