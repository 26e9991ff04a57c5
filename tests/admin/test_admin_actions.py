"""What an operator can do by hand: retry, cancel, replay; and the forms, whose faults are sentences."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, Client, Location, Sender
from accounts.services.credentials import find_api_key
from conversations.models import Message
from messaging.models import CarrierCode, Consent, ConsentChange, ConsentKeyword, Template, WebhookEvent
from messaging.services import consent, vocabulary
from omega_project.lib import sql
from tests.admin.world import EVIL, a_business, a_staff_member, a_thread, an_event, fails, phone, says

MESSAGES = "/admin/conversations/message/"
EVENTS = "/admin/messaging/webhookevent/"


def do(browser, url, **data):
    return browser.post(url, data, follow=True).content.decode()


def act(browser, url, action, rows):
    data = {"action": action, "_selected_action": list(rows), "index": "0"}
    return browser.post(url, data, follow=True).content.decode()


def status_of(message):
    return Message.objects.get(pk=message).status


def test_a_failed_message_is_retried_from_its_page(browser):
    message = says(a_thread())
    fails(message, retryable=True)
    html = browser.get(f"{MESSAGES}{message}/change/").content.decode()
    for words in ("The phone is switched off.", "Trying again can help.", "What happened", "Free to go at once."):
        assert words in html
    assert "1 message is queued again." in do(browser, f"{MESSAGES}{message}/do/retry/")
    assert status_of(message) == "queued"


def test_a_permanent_fault_needs_force(browser):
    message = says(a_thread())
    fails(message, retryable=False)
    assert "trying again cannot help" in do(browser, f"{MESSAGES}{message}/do/retry/")
    assert status_of(message) == "failed"
    assert "queued again" in do(browser, f"{MESSAGES}{message}/do/retry_forced/")
    assert status_of(message) == "queued"


def test_many_are_retried_at_once_and_the_rest_is_told_why_not(browser):
    thread = a_thread()
    passing, permanent, unknown, fine, untouched = (says(thread) for _ in range(5))
    for message in (passing, untouched):
        fails(message, retryable=True)
    fails(permanent, retryable=False)
    fails(unknown, retryable=True, status="unknown")
    html = act(browser, MESSAGES, "retry_selected", [passing, permanent, unknown, fine])
    for words in (
        "1 message is queued again",
        "trying again cannot help",
        "of unknown outcome",
        "1 message has not failed",
    ):
        assert words in html
    assert [status_of(one) for one in (passing, permanent, untouched)] == ["queued", "failed", "failed"]


def test_a_blocked_message_never_goes(browser):
    thread = a_thread()
    Client.objects.filter(pk=thread.client_id).update(consent_sms="opted_out")
    message = says(thread)
    assert "consent or policy forbids it" in act(browser, MESSAGES, "retry_selected_forced", [message])
    assert browser.post(f"{MESSAGES}{message}/do/retry_forced/").status_code == 404
    assert status_of(message) == "blocked"


def test_a_waiting_message_is_taken_back_and_a_sent_one_is_not(browser):
    thread = a_thread()
    waiting, sent = says(thread), says(thread)
    Message.objects.filter(pk=sent).update(status="sent")
    assert "it will not be sent" in do(browser, f"{MESSAGES}{waiting}/do/cancel/")
    assert "is sent: it cannot be taken back" in act(browser, MESSAGES, "cancel_selected", [sent])
    assert [status_of(one) for one in (waiting, sent)] == ["canceled", "sent"]


def test_a_failed_event_is_replayed_once_its_cause_is_mended(browser):
    number = phone()
    payload = f"From=%2B12125550001&To=%2B{number[1:]}&Body={EVIL}&MessageSid=SM{'7' * 32}".encode()
    event = an_event(payload)
    html = browser.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert "&lt;script&gt;" in html
    assert EVIL not in html
    assert "failed again: No business has the number" in do(browser, f"{EVENTS}{event.pk}/do/replay/")
    Sender.objects.create(business=a_business(), channel="sms", address=number, provider="twilio")
    assert "was processed. See message" in act(browser, EVENTS, "replay_selected", [event.pk])
    assert WebhookEvent.objects.get(pk=event.pk).status == "processed"
    assert Message.objects.get(provider_message_id="SM" + "7" * 32).body == EVIL


@pytest.mark.parametrize("payload", [b"\xff\x00\xfe", b"", b"[1, 2]", b"a=" + b"x" * 30_000])
def test_any_payload_is_shown(browser, payload):
    event = an_event(payload, content_type="application/json" if payload == b"[1, 2]" else "text/plain")
    html = browser.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert f"{len(payload)} bytes" in html


def test_messages_and_events_are_read_only(browser):
    message, event = says(a_thread()), an_event(b"a=1")
    for url, pk in ((MESSAGES, message), (EVENTS, event.pk)):
        assert browser.get(f"{url}add/").status_code == 403
        assert browser.post(f"{url}{pk}/delete/", {"post": "yes"}).status_code == 403
        browser.post(f"{url}{pk}/change/", {"status": "delivered", "error": "none"})
    assert status_of(message) == "queued"
    assert WebhookEvent.objects.get(pk=event.pk).error == event.error


def test_an_action_needs_the_right_to_change_and_its_token(db, operator):
    message = says(a_thread())
    fails(message, retryable=True)
    looker = User.objects.create_user("lou", password="pass", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__in=["view_message", "every_business"]))
    lou, forged = Browser(), Browser(enforce_csrf_checks=True)
    lou.force_login(looker)
    forged.force_login(operator)
    assert "do/retry/" not in lou.get(f"{MESSAGES}{message}/change/").content.decode()
    assert "retry_selected" not in lou.get(MESSAGES).content.decode()
    assert lou.post(f"{MESSAGES}{message}/do/retry/").status_code == 403
    assert forged.post(f"{MESSAGES}{message}/do/retry/").status_code == 403
    assert lou.get(f"{MESSAGES}{message}/do/retry/").status_code == 405
    assert status_of(message) == "failed"


def test_an_api_key_is_shown_once_works_and_dies_by_revoking(browser):
    business = a_business()
    data = {"name": "Till", "business": business.pk, "expires_at_0": "", "expires_at_1": ""}
    html = do(browser, "/admin/accounts/apikey/add/", **data)
    key = re.search(r"omega_biz_[\w-]+(?=</code>)", html)[0]
    row = ApiKey.objects.get(name="Till")
    assert find_api_key(key)["business_id"] == business.pk
    page = browser.get(f"/admin/accounts/apikey/{row.pk}/change/").content.decode()
    assert key not in page
    assert bytes(row.key_hash).hex() not in page
    assert "is revoked" in do(browser, f"/admin/accounts/apikey/{row.pk}/do/revoke/")
    assert find_api_key(key) is None
    assert browser.post(f"/admin/accounts/apikey/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_key_cannot_be_born_dead(browser):
    html = do(browser, "/admin/accounts/apikey/add/", name="Old", expires_at_0="2020-01-01", expires_at_1="00:00:00")
    assert "This must be a time in the future." in html
    assert not ApiKey.objects.filter(name="Old")


FAULTY = [
    ("accounts/location", {"name": "East", "phone": "12"}, "must be a phone number|cannot be a phone number"),
    ("accounts/location", {"name": "East", "timezone": "Mars/Base"}, "Mars/Base is no time zone."),
    ("accounts/staff", {"name": "Mo", "email": "nobody"}, "must be an e-mail address|valid email"),
    (
        "accounts/sender",
        {"address": "nonsense address", "channel": "sms", "provider": "twilio"},
        "must be a phone number",
    ),
    ("accounts/sender", {"address": "x", "channel": "email", "provider": "sendgrid"}, "must be an e-mail address"),
    ("messaging/template", {"name": "T", "channel": "sms", "body": "Hi {{ first name }}"}, "A variable stands as"),
    ("messaging/template", {"name": "T", "channel": "email", "body": "Hi"}, "An e-mail needs a subject."),
    ("messaging/consentkeyword", {"word": "!!", "kind": "stop"}, "must have a letter or a digit"),
]


@pytest.mark.parametrize(("model", "form", "sentence"), FAULTY, ids=[f"{model}-{says}" for model, _, says in FAULTY])
def test_a_fault_in_a_form_is_a_sentence(browser, model, form, sentence):
    html = do(browser, f"/admin/{model}/add/", business=a_business().pk, role="agent", availability="away", **form)
    assert re.search(sentence, html)


def test_a_row_cannot_point_into_another_business(browser):
    business, other = a_business(), a_business()
    place = Location.objects.create(business=other, name="Elsewhere")
    form = {"address": phone(), "channel": "sms", "provider": "twilio", "business": business.pk, "location": place.pk}
    assert "This belongs to another business" in do(browser, "/admin/accounts/sender/add/", **form)


def test_numbers_are_kept_in_e164_by_the_country_of_the_business(browser):
    business = a_business(country="GB")
    do(browser, "/admin/accounts/location/add/", name="Kings", business=business.pk, phone="020 7946 0018")
    do(browser, "/admin/accounts/sender/add/", address="020 7946 0019", channel="sms", provider="twilio",
       business=business.pk)  # fmt: skip
    assert Location.objects.get(business=business).phone == "+442079460018"
    assert Sender.objects.filter(business=business, address="+442079460019").exists()


def test_only_what_a_form_changed_is_saved(browser):
    staff = a_staff_member(a_business())
    form = {"name": "Mo Renamed", "role": staff.role, "availability": staff.availability, "is_active": "on"}
    with CaptureQueriesContext(connection) as captured:
        do(browser, f"/admin/accounts/staff/{staff.pk}/change/", **form)
    (update,) = [query["sql"] for query in captured if query["sql"].startswith('UPDATE "accounts_staff"')]
    assert '"name" = ' in update
    assert '"updated_at" = ' in update
    assert '"availability" = ' not in update


def test_a_new_phone_brings_the_consent_that_it_has(browser, django_capture_on_commit_callbacks):
    client = a_thread().client
    number = phone()
    Consent.objects.create(
        business_id=client.business_id, channel="sms", address=number, state="opted_out", updated_at=timezone.now()
    )
    with django_capture_on_commit_callbacks(execute=True):
        do(browser, f"/admin/accounts/client/{client.pk}/change/", first_name="Ana", phone=number, tags="")
    client.refresh_from_db()
    assert (client.phone, client.consent_sms) == (number, "opted_out")


def test_consent_shows_how_it_came_to_be(browser):
    client = a_thread().client
    evidence = {"keyword": "STOP", "note": EVIL}
    sql.in_transaction(
        lambda: consent.change_consent(
            business_id=client.business_id, channel="sms", address=client.phone, state="opted_out", source="keyword",
            evidence=evidence, client_id=client.pk,
        )
    )  # fmt: skip
    html = browser.get(f"/admin/messaging/consent/{Consent.objects.get().pk}/change/").content.decode()
    assert "Unknown → Opted out" in html
    assert "STOP" in html
    assert EVIL not in html
    change = browser.get(f"/admin/messaging/consentchange/{ConsentChange.objects.get().pk}/change/").content.decode()
    assert "STOP" in change
    assert client.phone in browser.get("/admin/messaging/consent/", {"q": client.phone}).content.decode()


def test_the_vocabulary_is_edited_and_heard_at_once(browser):
    assert vocabulary.keyword_in("basta") == ""
    do(browser, "/admin/messaging/consentkeyword/add/", word="bas-ta", kind="stop")
    assert ConsentKeyword.objects.filter(word="BASTA").exists()
    assert vocabulary.keyword_in("Basta!") == "stop"
    code = {"provider": "twilio", "code": "77777", "handling": "permanent", "meaning": "The number is asleep."}
    do(browser, "/admin/messaging/carriercode/add/", **code)
    assert CarrierCode.objects.filter(code="77777").exists()
    assert vocabulary.meaning_of("twilio", "77777").sentence == "The number is asleep."


def test_nothing_in_names_and_templates_is_run(browser):
    business = a_business(name=EVIL)
    template = Template.objects.create(business=business, name=EVIL, body=EVIL)
    thread = a_thread(business, first_name=EVIL, said=EVIL)
    fails(says(thread, EVIL), retryable=True)
    Message.objects.update(error_message=EVIL, subject=EVIL)
    message = thread.messages.first().pk
    pages = (
        "",
        "accounts/business/",
        "accounts/client/",
        "conversations/message/",
        "messaging/template/",
        f"accounts/client/{thread.client_id}/change/",
        f"conversations/message/{message}/change/",
        f"messaging/template/{template.pk}/change/",
    )
    for page in pages:
        assert EVIL not in browser.get(f"/admin/{page}").content.decode(), page


def test_the_way_from_a_client_to_the_thread(browser):
    client = Client.objects.create(business=a_business(), first_name="New", phone=phone())
    answer = browser.post(f"/admin/accounts/client/{client.pk}/do/converse/")
    assert answer.url == f"/admin/conversations/conversation/{client.conversation.pk}/change/"
    assert "Nothing has been said yet" in browser.get(answer.url).content.decode()


def test_a_business_in_use_keeps_its_country(browser):
    business = a_business(country="GB")
    html = browser.get(f"/admin/accounts/business/{business.pk}/change/").content.decode()
    assert 'name="country"' not in html
    assert 'name="quiet_from"' in html
