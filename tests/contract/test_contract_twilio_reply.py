"""POST /twilio/sms/reply: what a client texts is kept once, whatever the bytes, and nothing forged."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from accounts.models import Client, Sender
from conversations.models import Conversation, Message
from messaging.models import WebhookEvent
from tests.contract.shapes import MEDIA, assert_error, assert_keys
from tests.contract.world import (
    FORM,
    a_client,
    a_platform_key,
    a_sender,
    a_studio,
    at_once,
    call,
    conversations,
    phone,
    post,
    queue,
    reply,
    signature,
    text_form,
    timeline,
    twilio,
)

pytestmark = pytest.mark.django_db
PATH = "/twilio/sms/reply"
FIXTURES = Path(__file__).parents[1] / "fixtures"
INDEX = json.loads((FIXTURES / "index.json").read_text())


def assert_twiml(answer, *words):
    assert answer.status == 200, answer.raw
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert b"<Response" in answer.raw
    assert all(word in answer.raw.decode() for word in words)
    if not words:
        assert b"<Message" not in answer.raw


def inbound(studio):
    return list(Message.objects.filter(business_id=studio.id, direction="inbound").order_by("id"))


def test_a_reply_is_answered_with_empty_twiml_and_stored_unread():
    studio, number = a_studio(), phone()
    sent = queue(studio, to=number)
    assert_twiml(reply(studio, number, "Yes, Tuesday works."))
    stored = timeline(studio, sent)[0]
    wanted = {
        "channel": "sms", "direction": "inbound", "status": "received", "body": "Yes, Tuesday works.",
        "from": number, "to": studio.sender, "provider": "twilio", "is_read": False, "media": [],
        "conversation_id": sent["conversation_id"], "client_id": sent["client_id"],
    }  # fmt: skip
    assert {name: stored[name] for name in wanted} == wanted
    assert conversations(studio)[0]["unread_count"] == 1


def test_somebody_new_becomes_a_client():
    studio, number = a_studio(), phone()
    assert_twiml(reply(studio, number, "Are you open?"))
    assert Client.objects.get(business_id=studio.id).phone == number
    assert [one["unread_count"] for one in conversations(studio)] == [1]


def test_of_two_clients_with_one_phone_the_one_whose_thread_moved_last_gets_it():
    studio, number = a_studio(), phone()
    first, second = a_client(studio, phone=number), a_client(studio, phone=number)
    queue(studio, client_id=second.pk)
    queue(studio, client_id=first.pk)
    reply(studio, number, "Me")
    assert [one.client_id for one in inbound(studio)] == [first.pk]


@pytest.mark.parametrize("status", ["closed", "pending", "snoozed"])
def test_a_text_reopens_a_thread(status):
    studio, number = a_studio(), phone()
    sent = queue(studio, to=number)
    until = "2031-01-01T00:00:00Z" if status == "snoozed" else None
    Conversation.objects.filter(pk=sent["conversation_id"]).update(status=status, snoozed_until=until)
    reply(studio, number, "Hello again")
    seen = conversations(studio)[0]
    assert (seen["status"], seen["snoozed_until"], seen["unread_count"]) == ("open", None, 1)


def test_a_doubled_call_is_one_message():
    studio, number = a_studio(), phone()
    form = text_form(studio, number, "Once")
    for _ in range(3):
        assert_twiml(twilio(PATH, form))
    assert len(inbound(studio)) == 1
    assert conversations(studio)[0]["unread_count"] == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False])
def test_the_same_call_fifty_times_at_once_is_one_message(known):
    studio, number = a_studio(), phone()
    if known:
        queue(studio, to=number)
    form = text_form(studio, number, "Once")
    answers = at_once(50, lambda _: twilio(PATH, form))
    assert {answer.status for answer in answers} == {200}, {answer.raw for answer in answers}
    assert len(inbound(studio)) == 1
    assert [one["unread_count"] for one in conversations(studio)] == [1]
    assert WebhookEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_first_texts_of_one_stranger_at_once_make_one_client_and_lose_none():
    studio, number = a_studio(), phone()
    answers = at_once(20, lambda n: reply(studio, number, f"text {n}"))
    assert {answer.status for answer in answers} == {200}
    assert Client.objects.filter(business_id=studio.id).count() == 1
    assert [one["unread_count"] for one in conversations(studio)] == [20]
    assert {one.body for one in inbound(studio)} == {f"text {n}" for n in range(20)}


@pytest.mark.parametrize("signed", [False, "", "bm90IHRoZSBzaWduYXR1cmU=", "é", "\x00", "x" * 9000, "====", "0"])
def test_a_wrong_or_missing_signature_is_403_and_writes_nothing(signed):
    studio = a_studio()
    assert_error(twilio(PATH, text_form(studio, phone(), "Hi"), signed=signed), 403, "invalid_signature")
    assert not inbound(studio)
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("change", [{"Body": "other"}, {"From": "+12125550100"}, {"Extra": "1"}])
def test_a_changed_parameter_is_403(change, settings):
    studio = a_studio()
    form = text_form(studio, phone(), "Hi")
    right = signature(f"{settings.PUBLIC_BASE_URL}/omega{PATH}", form)
    assert_error(twilio(PATH, form | change, signed=right), 403, "invalid_signature")


@pytest.mark.parametrize(
    "url",
    ["https://testserver/omega/twilio/sms/reply", "http://evil.example/omega/twilio/sms/reply",
     "http://testserver/omega/twilio/sms/status", "http://testserver/omega/twilio/sms/reply?x=1",
     "http://testserver:8443/omega/twilio/sms/reply", "http://testserver/omega/twilio/sms/reply/"],
)  # fmt: skip
def test_a_signature_of_another_url_is_403(url):
    form = text_form(a_studio(), phone(), "Hi")
    assert_error(twilio(PATH, form, signed=signature(url, form)), 403, "invalid_signature")


def test_a_signature_by_another_token_is_403():
    form = text_form(a_studio(), phone(), "Hi")
    right_url = "http://testserver/omega/twilio/sms/reply"
    assert_error(twilio(PATH, form, signed=signature(right_url, form, token="0" * 32)), 403, "invalid_signature")


def test_a_forged_host_header_makes_no_signature_good():
    form = text_form(a_studio(), phone(), "Hi")
    forged = signature("http://evil.example/omega/twilio/sms/reply", form)
    for header in ({"Host": "evil.example"}, {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http"}):
        got = call("POST", PATH, data=urlencode(form), content_type=FORM, X_Twilio_Signature=forged, **header)
        assert_error(got, 403, "invalid_signature")


def test_a_query_in_the_url_is_part_of_what_is_signed():
    studio = a_studio()
    assert_twiml(twilio(f"{PATH}?a=1&b=%20x", text_form(studio, phone(), "Hi")))
    assert len(inbound(studio)) == 1


def test_an_unknown_parameter_is_taken_and_checked():
    studio = a_studio()
    assert_twiml(reply(studio, phone(), "Hi", NewThing="{}", Ünknown="ä", Empty=""))
    assert len(inbound(studio)) == 1


def test_a_text_to_a_number_that_nobody_has_is_kept_and_taken_in_later():
    studio, stranger, number = a_studio(), phone(), phone()
    assert_twiml(reply(studio, stranger, "Hello?", To=number))
    event = WebhookEvent.objects.get()
    assert event.status == "failed"
    assert event.error
    assert not inbound(studio)
    a_sender(studio.id, number)
    assert post("/messages/retry", {}, a_platform_key()).status == 202
    assert [one.body for one in inbound(studio)] == ["Hello?"]


def test_a_number_given_up_still_receives():
    studio = a_studio()
    Sender.objects.filter(business_id=studio.id).update(is_active=False)
    assert_twiml(reply(studio, phone(), "Hi"))
    assert len(inbound(studio)) == 1


@pytest.mark.parametrize(
    ("body", "kept"),
    [("", ""), ("x" * 1600, "x" * 1600), ("Привет 👋", "Привет 👋"), ("a\r\nb", "a\r\nb"), (" padded ", " padded "),
     ("<b>&amp;", "<b>&amp;"), ("'; DROP TABLE x; --", "'; DROP TABLE x; --"), ("\u202egnp.exe", "\u202egnp.exe")],
)  # fmt: skip
def test_words_are_kept_as_they_came(body, kept):
    studio = a_studio()
    assert_twiml(reply(studio, phone(), body))
    assert [one.body for one in inbound(studio)] == [kept]


def test_a_nul_is_no_reason_to_lose_a_text():
    studio = a_studio()
    assert_twiml(reply(studio, phone(), "before\x00after"))
    stored = inbound(studio)[0].body
    assert stored.startswith("before")
    assert stored.endswith("after")


@pytest.mark.parametrize("charset", ["ISO-8859-1", "iso-8859-1", "windows-1252"])
def test_a_webhook_in_latin_1_keeps_its_accents(charset):
    studio = a_studio()
    form = text_form(studio, phone(), "Café à neuf heures, señor")
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    assert_twiml(twilio(PATH, form, encoding="latin-1", content_type=kind))
    assert [one.body for one in inbound(studio)] == ["Café à neuf heures, señor"]


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "text/plain", "application/x-www-form-urlencoded; charset=klingon", "nonsense",
     "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=utf-16"],
)  # fmt: skip
def test_a_strange_content_type_is_never_a_500(content_type):
    studio = a_studio()
    got = twilio(PATH, text_form(studio, phone(), "Hi ä"), content_type=content_type)
    assert got.status in {200, 403}, got.raw


@pytest.mark.parametrize("data", [b"", b"%", b"%ff=%fe", b"a=b;c", b"&&&=", b"\x00\xff\xfe", b"Body", b"a=1&" * 20000])
def test_a_body_that_is_no_form_is_never_a_500(data):
    got = call("POST", PATH, data=data, content_type=FORM, X_Twilio_Signature="x")
    assert_error(got, 403, "invalid_signature")


@pytest.mark.parametrize("missing", ["From", "To", "Body", "MessageSid", "NumMedia"])
def test_a_signed_call_that_lacks_something_is_stored_and_200(missing):
    form = text_form(a_studio(), phone(), "Hi")
    if missing == "MessageSid":
        form = {name: value for name, value in form.items() if not name.endswith("Sid")}
    form.pop(missing, None)
    assert_twiml(twilio(PATH, form))
    assert WebhookEvent.objects.count() == 1


@pytest.mark.parametrize("extra", [{"NumMedia": "x"}, {"NumMedia": "-1"}, {"NumMedia": "99999999999"},
                                   {"NumSegments": ""}, {"NumSegments": "1e9"}, {"NumSegments": "40000"},
                                   {"MessageSid": "x" * 5000}, {"From": "x" * 5000}, {"NumMedia": "3"},
                                   {"MediaUrl0": "nonsense", "NumMedia": "1"}, {"From": ""},
                                   {"MessageSid": "a\x00b"}])  # fmt: skip
def test_a_signed_call_with_nonsense_in_it_is_stored_and_200(extra):
    assert_twiml(reply(a_studio(), phone(), "Hi", **extra))
    assert WebhookEvent.objects.count() == 1


def test_an_anonymous_or_named_sender_is_kept_too():
    studio = a_studio()
    for sender in ("BANK", "72345", "+266696687"):
        assert_twiml(reply(studio, sender, "Hi"))
    assert len(inbound(studio)) == 3


def test_pictures_stand_in_the_message_and_are_fetched_later():
    studio, number = a_studio(), phone()
    sent = queue(studio, to=number)
    media = {f"MediaUrl{n}": f"https://api.twilio.com/2010-04-01/Media/ME{n}" for n in range(2)}
    kinds = {"MediaContentType0": "image/jpeg", "MediaContentType1": "text/vcard"}
    assert_twiml(reply(studio, number, "", NumMedia="2", **media, **kinds))
    stored = timeline(studio, sent)[0]
    for item in stored["media"]:
        assert_keys(item, MEDIA)
    assert [item["content_type"] for item in stored["media"]] == ["image/jpeg", "text/vcard"]
    assert conversations(studio)[0]["last_message"]["id"] == stored["id"]


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("inbound_*.form")))
def test_a_captured_call_is_taken(name, settings):
    settings.PUBLIC_BASE_URL = "https://omega.example.com"
    settings.TWILIO_AUTH_TOKEN = INDEX["twilio_auth_token"]
    studio = a_studio()
    a_sender(studio.id, "+15017122661")
    captured = INDEX["fixtures"][name]
    data = (FIXTURES / name).read_bytes()
    headers = {key.replace("-", "_"): value for key, value in captured["headers"].items() if key != "Content-Type"}
    kind = captured["headers"]["Content-Type"]
    assert_twiml(call("POST", PATH, data=data, content_type=kind, **headers))
    assert [one.from_address for one in inbound(studio)] == ["+15558675310"]
    assert_error(call("POST", PATH, data=data + b"&a=b", content_type=kind, **headers), 403, "invalid_signature")


def test_a_callers_request_id_can_never_hide_a_text_that_comes_in():
    studio, number = a_studio(), phone()
    form = text_form(studio, number, "Do not lose me")
    queue(studio, request_id=f"twilio:{form['MessageSid']}")
    assert_twiml(twilio(PATH, form))
    assert [one.body for one in inbound(studio)] == ["Do not lose me"]
