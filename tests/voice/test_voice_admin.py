"""Calls in the admin: what a conversation shows of them, and who may call as whom."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from accounts.models import AdminRole, Client, Location, Staff
from conversations.models import Attachment, Conversation, Message
from tests.contract.world import a_client, a_staff_member, a_studio, phone, sid
from tests.voice.world import call_in, call_out, heard, identity, leg_form, only_call, prefer, report
from voice.models import VoiceSettings

pytestmark = pytest.mark.django_db
STATUS = "/twilio/voice/status"


@pytest.fixture
def browser():
    made = Browser()
    made.force_login(User.objects.create_superuser("olga", "olga@example.com", "pass"))
    return made


def page(browser, conversation):
    got = browser.get(f"/admin/conversations/conversation/{conversation.pk}/change/")
    assert got.status_code == 200
    return got


def token(browser, conversation, **form):
    return browser.post(f"/admin/conversations/conversation/{conversation.pk}/call-token/", form)


def a_thread(studio, **fields):
    client = a_client(studio, **fields)
    return Conversation.objects.create(business_id=studio.id, client=client, last_message_at="2026-01-01T00:00:00Z")


def test_a_call_stands_in_the_timeline_with_its_outcome(browser):
    studio = a_studio()
    staff, thread = a_staff_member(studio, name="Sam"), a_thread(studio)
    heard(call_out(studio, staff, To=thread.client.phone, CallSid="CA1"))
    report(STATUS, leg_form("CA1", sid("CA"), "busy", 2, thread.client.phone))
    html = page(browser, thread).content.decode()
    assert "Outgoing call: the line was busy" in html
    assert "phone_disabled" in html


def test_a_voicemail_is_played_there(browser):
    studio, caller = a_studio(), phone()
    heard(call_in(studio, caller))
    message = only_call(studio).message
    Attachment.objects.create(message=message, status="stored", content_type="audio/mpeg", name="Voicemail.mp3")
    Message.objects.filter(pk=message.pk).update(media_count=1)
    html = page(browser, message.conversation).content.decode()
    assert re.search(r"<audio[^>]*src=\"/omega/media/", html)
    assert "Missed call" in html


def test_a_call_that_goes_on_is_asked_about_and_shown_anew(browser):
    studio = a_studio()
    a_staff_member(studio)
    thread = a_thread(studio)
    heard(call_in(studio, thread.client.phone, CallSid="CA2"))
    assert "data-live" in page(browser, thread).content.decode()
    url = f"/admin/conversations/conversation/{thread.pk}/entries/?after=0"
    before = browser.get(url).json()["entries"][0]["rev"]
    report(STATUS, leg_form("CA2", sid("CA"), "in-progress", 2, "+12125550142"))
    assert browser.get(url).json()["entries"][0]["rev"] != before


def test_support_calls_as_a_staff_member_of_the_business(browser):
    ours, theirs = a_studio(), a_studio()
    staff, foreign = a_staff_member(ours, name="Sam"), a_staff_member(theirs)
    thread = a_thread(ours)
    assert "as Sam" in page(browser, thread).content.decode()
    assert token(browser, thread, staff=staff.pk).json()["identity"] == identity(ours, staff)
    assert token(browser, thread, staff=foreign.pk).json()["identity"] == identity(ours, staff)
    assert browser.get(f"/admin/conversations/conversation/{thread.pk}/call-token/").status_code == 405


def a_member(studio, role, **fields):
    """A login with a role in a studio, and the staff member that it is."""
    staff = a_staff_member(studio, **fields)
    user = User.objects.create_user(f"user{staff.pk}", f"{staff.pk}@example.com", "pass", is_staff=True)
    AdminRole.objects.create(user=user, role=role, business_id=studio.id, staff=staff)
    browser = Browser()
    browser.force_login(user)
    return browser, staff


def test_staff_call_as_themselves_and_in_their_own_business():
    ours, theirs = a_studio(), a_studio()
    browser, staff = a_member(ours, "agent")
    other, thread, foreign = a_staff_member(ours), a_thread(ours), a_thread(theirs)
    assert token(browser, thread, staff=other.pk).json()["identity"] == identity(ours, staff)
    assert token(browser, foreign).status_code == 404
    Staff.objects.filter(pk=staff.pk).update(is_active=False)
    assert token(browser, thread).status_code == 409


@pytest.mark.parametrize(
    ("change", "words"),
    [({"is_blocked": True}, "This client is blocked."), ({"phone": ""}, "no phone number to call"),
     ({"consent_voice": "opted_out"}, "does not want to be called")],
)  # fmt: skip
def test_the_button_says_why_it_is_closed(browser, change, words):
    studio = a_studio()
    a_staff_member(studio)
    thread = a_thread(studio)
    Client.objects.filter(pk=thread.client_id).update(**change)
    assert words in page(browser, thread).content.decode()


def test_the_page_lets_the_microphone_and_the_carrier_in(browser, settings):
    thread = a_thread(a_studio())
    settings.TWILIO_API_BASE_URL = ""
    got = page(browser, thread)
    assert "connect-src 'self' https://*.twilio.com wss://*.twilio.com" in got.headers["Content-Security-Policy"]
    assert "microphone=(self)" in got.headers["Permissions-Policy"]
    settings.TWILIO_API_BASE_URL = "http://127.0.0.1:8171/x"
    assert page(browser, thread).headers["Content-Security-Policy"].endswith("connect-src 'self' http://127.0.0.1:8171")
    assert "microphone=()" in browser.get("/admin/").headers["Permissions-Policy"]


def test_the_phones_files_are_our_own(browser):
    html = page(browser, a_thread(a_studio())).content.decode()
    for name in ("voice/phone.js", "voice/twilio-voice-sdk-2.18.5/twilio.min.js"):
        assert browser.get(f"/static/{name}").status_code == 200
        assert name in html


def test_settings_are_checked_as_they_are_typed(browser):
    studio, other = a_studio(), a_studio()
    prefer(studio)
    url = f"/admin/voice/voicesettings/{studio.id}/change/"
    good = {"language": "en-US", "ring_seconds": "20", "voicemail_seconds": "60", "allowed_countries": "ca, mx"}
    assert browser.post(url, good).status_code == 302
    assert VoiceSettings.objects.get(pk=studio.id).allowed_countries == ["CA", "MX"]
    for bad in ({"ring_seconds": "4"}, {"voicemail_seconds": "601"}, {"allowed_countries": "XX"}):
        assert browser.post(url, good | bad).status_code == 200
    place = Location.objects.create(business_id=other.id, name="x")
    url = f"/admin/accounts/location/{place.pk}/change/"
    for hours, status in (('{"mon": [["09:00", "17:00"]]}', 302), ('{"mon": 3}', 200), ("[1]", 200)):
        assert browser.post(url, {"name": "x", "hours": hours, "is_active": "on"}).status_code == status


def test_lists_of_calls_show_without_a_question_for_each(browser, django_assert_max_num_queries):
    studio = a_studio()
    a_staff_member(studio)
    for _ in range(8):
        heard(call_in(studio, phone()))
    for name in ("call", "leg", "recording", "voicesettings"):
        with django_assert_max_num_queries(12):
            assert browser.get(f"/admin/voice/{name}/").status_code == 200
