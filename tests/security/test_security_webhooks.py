"""Every door that providers call: who cannot prove to be the provider changes nothing; new doors are found here."""

import base64
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser
from django.test import override_settings
from twilio.request_validator import RequestValidator

from conversations.models import Message
from messaging import inbound_mail, mail_signatures
from messaging.models import WebhookEvent
from tests.contract.world import a_studio
from tests.schema.document import operations

FORM = "application/x-www-form-urlencoded"
DOORS = [one for one in operations() if one.is_open and one.method == "POST"]
FIELDS = {
    "AccountSid": "AC" + "0" * 31 + "1", "MessageSid": "SM" + "a" * 32, "CallSid": "CA" + "a" * 32,
    "From": "+12125550142", "Body": "STOP", "MessageStatus": "failed", "CallStatus": "ringing", "To": "+12125550100",
    "RecordingSid": "RE" + "a" * 32, "RecordingUrl": "http://169.254.169.254/", "Caller": "+12125550142",
}  # fmt: skip


def paths(door):
    """The door's paths: one for each provider where the path names it."""
    if "{provider}" not in door.path:
        return [door.path]
    known = inbound_mail.PROVIDERS if "inbound" in door.path else mail_signatures.PROVIDERS
    return [door.path.replace("{provider}", name) for name in sorted(known)]


PATHS = [(door.name, path) for door in DOORS for path in paths(door)]


def forgeries(path):
    """Headers of somebody who does not know the secret."""
    url = f"http://testserver{path}"
    other = RequestValidator("another token than ours").compute_signature(url, FIELDS)
    basic = base64.b64encode(b"sendgrid:wrong").decode()
    prefix = "X-Twilio-Email-Event-Webhook"
    return [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": other},
        {"X-Twilio-Signature": RequestValidator("").compute_signature(url, FIELDS)},
        {"Authorization": f"Basic {basic}"},
        {"Authorization": "Basic é"},
        {f"{prefix}-Signature": "MEUCIQ==", f"{prefix}-Timestamp": "1"},
        {"X-API-KEY": "omega_plat_" + "x" * 32},
    ]


def test_there_are_doors():
    assert len(PATHS) > 10


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "path"), PATHS, ids=lambda one: one)
def test_who_cannot_prove_to_be_the_provider_changes_nothing(name, path):
    a_studio()
    bodies = [(urlencode(FIELDS), FORM), ("[]", "application/json"), ('[{"event": "delivered"}]', "application/json")]
    for headers in forgeries(path):
        for body, kind in bodies:
            answer = Browser().post(path, body, content_type=kind, headers=headers)
            assert answer.status_code in {401, 403, 404}, (headers, answer.status_code, answer.content)
    assert not WebhookEvent.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("path", sorted({path for _, path in PATHS if "/twilio/" in path or "twiml" in path}))
def test_a_signature_holds_for_one_url_and_one_body(path):
    """Neither another host, path, query or field under a good signature, nor the host that the caller claims."""
    ours = RequestValidator("only-for-tests-token")
    signed = ours.compute_signature(f"http://testserver{path}", FIELDS)
    browser = Browser()

    def status(url, fields, **headers):
        told = {"X-Twilio-Signature": signed, **headers}
        return browser.post(url, urlencode(fields), content_type=FORM, headers=told).status_code

    assert status(f"{path}?mid=1", FIELDS) == 403
    assert status(path, FIELDS | {"Body": "START"}) == 403
    assert status(path, FIELDS | {"More": "1"}) == 403
    evil = ours.compute_signature(f"http://evil.example{path}", FIELDS)
    assert status(path, FIELDS, **{"X-Twilio-Signature": evil, "Host": "evil.example"}) == 403
    with override_settings(TWILIO_AUTH_TOKEN="rotated"):
        assert status(path, FIELDS) == 403
