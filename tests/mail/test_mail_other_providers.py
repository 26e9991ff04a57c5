"""Other providers than SendGrid, by django-anymail's back ends over HTTP: what they are told, what they answer."""

import json
import socket
import time
from email import message_from_bytes

import pytest

from accounts.models import ProviderAccount, Sender
from messaging.providers.anymail import BACKENDS, AnymailProvider
from messaging.providers.base import File, Mail, Outcome, Outgoing
from messaging.services import carriers, delivery, handover
from messaging.services.claiming import claim_due
from omega_project.lib import sealing
from tests.contract import world
from tests.sandbox.listener import Listener

JSON = "application/json"
# What each needs to be set up.
KEYS = {"api_key": "k", "api_token": "k", "server_token": "k", "secret_key": "k", "sender_domain": "studio.example"}
MAIL = Outgoing(
    message_id=901177, attempt=2, from_address="hello@studio.example", to_address="ana@example.com", body="Hi",
    mail=Mail(
        subject="Kurse ☀", html="<p>Hi</p>", from_name="Lotus, Day Spa", cc=["bo@example.com"], bcc=["x@example.com"],
        reply_to="reply+abc@inbound.omega.test", files=[File("plan.pdf", "application/pdf", b"%PDF-1.4")],
        headers={"Message-ID": "<m.abc@inbound.omega.test>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                 "List-Unsubscribe": "<https://omega.test/u/x>"},
    ),
)  # fmt: skip


@pytest.fixture
def elsewhere():
    """The provider: answers as `answers` says, and keeps what it was told."""
    made = Listener()
    yield made
    made.close()


def provider(name, url, **credentials):
    return AnymailProvider(name, KEYS | {"api_url": url} | credentials)


def answer(elsewhere, status, body, **headers):
    text = body if isinstance(body, str) else json.dumps(body)
    elsewhere.answers = lambda hook: (
        status,
        JSON,
        text,
        {name.replace("_", "-"): one for name, one in headers.items()},
    )


QUEUED = {"id": "<20260101.1@studio.example>", "message": "Queued. Thank you."}


def test_mailgun_gets_the_whole_mail_and_our_ids(elsewhere):
    answer(elsewhere, 200, QUEUED)
    result = provider("mailgun", elsewhere.url).send(MAIL)
    assert (result.outcome, result.provider_message_id) == (Outcome.ACCEPTED, QUEUED["id"])
    [hook] = elsewhere.hooks
    assert hook.path == "/studio.example/messages"
    kind = next(value for name, value in hook.headers.items() if name.lower() == "content-type")
    form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + hook.body)
    told = {}
    for part in form.get_payload():
        told.setdefault(part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
    text = {name: value.decode() for name, value in told.items() if name != "attachment"}
    assert text["from"] == '"Lotus, Day Spa" <hello@studio.example>'
    assert (text["to"], text["cc"], text["bcc"]) == ("ana@example.com", "bo@example.com", "x@example.com")
    assert (text["subject"], text["text"], text["html"]) == ("Kurse ☀", "Hi", "<p>Hi</p>")
    assert text["h:Reply-To"] == "reply+abc@inbound.omega.test"
    assert text["h:Message-Id"] == "<m.abc@inbound.omega.test>"
    assert text["h:List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (text["v:omega_message_id"], text["v:omega_attempt"]) == ("901177", "2")
    assert told["attachment"] == b"%PDF-1.4"


def test_postmark_gets_the_whole_mail_and_our_ids(elsewhere):
    took = {"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a", "To": "ana@example.com"}
    answer(elsewhere, 200, took)
    result = provider("postmark", elsewhere.url).send(MAIL)
    assert (result.outcome, result.provider_message_id) == (Outcome.ACCEPTED, "b7bc2f4a")
    told = json.loads(elsewhere.hooks[0].body)
    assert told["Metadata"] == {"omega_message_id": "901177", "omega_attempt": "2"}
    assert {one["Name"]: one["Value"] for one in told["Headers"]} == MAIL.mail.headers | {"X-PM-KeepID": "true"}
    assert (told["To"], told["Cc"], told["Bcc"]) == ("ana@example.com", "bo@example.com", "x@example.com")
    assert told["Attachments"][0]["Name"] == "plan.pdf"


ANSWERS = {
    "too many": (429, {"message": "slow down"}, {"Retry_After": "7"}, Outcome.NOT_TAKEN, "429", 7.0),
    "not ours": (401, {"message": "Forbidden"}, {}, Outcome.REFUSED, "401", None),
    "a bad address": (400, {"message": "'to' parameter is not a valid address"}, {}, Outcome.REFUSED, "400", None),
    "too large": (413, "<html>413</html>", {}, Outcome.REFUSED, "413", None),
    "a fault": (500, {"message": "oops"}, {}, Outcome.UNKNOWN, "500", None),
    "a proxy's page": (502, "<html>502</html>", {}, Outcome.UNKNOWN, "502", None),
    "garbage": (200, "<<<", {}, Outcome.UNKNOWN, "garbage", None),
    "nothing": (200, "", {}, Outcome.UNKNOWN, "garbage", None),
    "another shape": (200, [1, 2], {}, Outcome.UNKNOWN, "garbage", None),
    "a redirect": (302, "", {"Location": "/elsewhere"}, Outcome.UNKNOWN, "no_answer", None),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_means_what_it_means_at_sendgrid(elsewhere, name):
    status, body, headers, outcome, code, wait = ANSWERS[name]
    answer(elsewhere, status, body, **headers)
    result = provider("mailgun", elsewhere.url).send(MAIL)
    assert (result.outcome, result.code, result.retry_after) == (outcome, code, wait)
    if isinstance(body, dict) and outcome != Outcome.UNKNOWN:
        assert body["message"] in result.detail


def test_a_limit_told_as_a_time_of_day_is_waited_for(elsewhere):
    answer(elsewhere, 429, {}, X_RateLimit_Reset=str(int(time.time()) + 30))
    assert 20 < provider("mailgun", elsewhere.url).send(MAIL).retry_after <= 30


def test_nobody_there_took_nothing_and_a_cut_line_may_have():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = provider("mailgun", f"http://127.0.0.1:{port}").send(MAIL)
    assert (result.outcome, result.code) == (Outcome.NOT_TAKEN, "connect")


def test_a_line_cut_before_the_answer_is_an_unknown_outcome(elsewhere):
    def cut(hook):
        raise ConnectionAbortedError

    elsewhere.answers = cut
    result = provider("mailgun", elsewhere.url).send(MAIL)
    assert (result.outcome, result.code) == (Outcome.UNKNOWN, "no_answer")


def test_a_refused_recipient_is_a_refusal(elsewhere):
    answer(elsewhere, 422, {"ErrorCode": 406, "Message": "You tried to send to a recipient marked as inactive."})
    result = provider("postmark", elsewhere.url).send(MAIL)
    assert result.outcome == Outcome.REFUSED
    assert "inactive" in result.detail


def test_without_a_key_the_sentence_says_so():
    result = AnymailProvider("mailgun", {}).send(MAIL)
    assert (result.outcome, result.code) == (Outcome.REFUSED, "not_configured")
    assert "MAILGUN_API_KEY" in result.detail


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(("status", "body"), [(200, "{}"), (500, "oops"), (400, '{"message": "no"}'), (200, "null")])
def test_whatever_any_of_them_answers_nothing_is_raised(elsewhere, name, status, body):
    answer(elsewhere, status, body)
    result = provider(name, elsewhere.url).send(MAIL)
    assert result.outcome in {Outcome.UNKNOWN, Outcome.REFUSED, Outcome.ACCEPTED}, result
    assert result.code not in {"not_configured", "unsupported"}, result
    assert elsewhere.hooks
    if status == 500:
        assert result.outcome == Outcome.UNKNOWN


@pytest.mark.django_db
def test_a_business_sends_by_the_account_that_it_chose(elsewhere):
    answer(elsewhere, 200, QUEUED)
    studio = world.a_studio(quiet_from="00:00", quiet_until="00:00")
    world.a_mail_sender(studio, provider="mailgun")
    secrets = sealing.seal({"api_key": "own", "api_url": elsewhere.url, "sender_domain": "own.example"})
    ProviderAccount.objects.create(business_id=studio.id, provider="mailgun", account_id="own", secrets=secrets)
    carriers.forget()
    sent = world.mail(studio)
    [claim] = claim_due(room=9, in_flight={}, most=9, worker="w").claims
    [ready] = handover.prepare([claim])
    result = delivery.send(claim, delivery.provider_for(claim), ready)
    assert (claim.message_id, claim.provider, result.outcome) == (sent["message_id"], "mailgun", Outcome.ACCEPTED)
    assert elsewhere.hooks[0].path == "/own.example/messages"


@pytest.mark.django_db
def test_a_provider_that_nobody_knows_fails_with_a_sentence():
    studio = world.a_studio()
    world.a_mail_sender(studio)
    Sender.objects.filter(channel="email").update(provider="pigeon")
    world.mail(studio)
    [claim] = claim_due(room=9, in_flight={}, most=9, worker="w").claims
    assert delivery.provider_for(claim).detail == "There is no provider 'pigeon'."
