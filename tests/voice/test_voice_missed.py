"""A call that nobody answered: unread, told to whom it concerns, answered by a text, each once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Business, Client
from conversations.models import Conversation, Message, Notification
from messaging.models import Template, WebhookEvent
from messaging.services import consent, intake
from tests.contract.world import (
    a_client,
    a_location,
    a_staff_member,
    a_studio,
    at_once,
    conversations,
    phone,
    queue,
    sid,
)
from tests.voice.world import a_voice_number, call_in, dialled, heard, only_call, only_message, prefer, thread_of
from voice.models import Call
from voice.services import telling

pytestmark = pytest.mark.django_db
LANDLINE, MOBILE = "+493012345678", "+4915112345678"


def missed(studio, caller=None, to=None):
    """A client calls, and nobody is there."""
    heard(call_in(studio, caller or phone(), to))


def texts(studio):
    return list(Message.objects.filter(business_id=studio.id, channel="sms").order_by("id"))


def text_back(studio, **changes):
    prefer(studio, **({"texts_back": True} | changes))


def test_a_missed_call_is_unread_and_opens_its_conversation():
    studio = a_studio()
    client = a_client(studio)
    queue(studio, client_id=client.pk)
    Conversation.objects.update(status="snoozed", snoozed_until="2030-01-01T00:00:00Z")
    missed(studio, client.phone)
    found = conversations(studio)[0]
    assert (found["status"], found["unread_count"], found["last_message"]["preview"]) == ("open", 1, "Missed call")
    assert (only_message(studio)["is_read"], only_message(studio)["call"]["status"]) == (False, "no-answer")


def test_an_answered_call_is_not():
    studio, caller, parent = a_studio(), phone(), sid("CA")
    a_staff_member(studio)
    document = heard(call_in(studio, caller, CallSid=parent))
    dialled(document, parent, "completed", caller=caller, to=studio.sender)
    assert conversations(studio)[0]["unread_count"] == 0
    assert not Notification.objects.exists()


def test_the_assignee_is_told_else_whom_it_rang_else_who_runs_the_business():
    studio = a_studio()
    owner, agent, client = a_staff_member(studio, role="owner"), a_staff_member(studio), a_client(studio)
    prefer(studio, takes_voicemail=False)
    a_location(studio, hours={"mon": []})
    missed(studio, client.phone)
    assert [one.staff_id for one in Notification.objects.all()] == [owner.pk]
    assert "Missed call from Ana" in Notification.objects.get().text
    Conversation.objects.update(assigned_to=agent)
    missed(studio, client.phone)
    assert Notification.objects.latest("pk").staff_id == agent.pk
    assert {one.kind for one in Notification.objects.all()} == {"missed_call"}


def test_it_is_told_once_whatever_is_repeated():
    studio, caller = a_studio(), phone()
    a_staff_member(studio, role="owner", availability="away")
    text_back(studio)
    missed(studio, caller)
    call = only_call(studio)
    for _ in range(3):
        telling.tell(call.pk)
    intake.replay_event(event_id=WebhookEvent.objects.get().pk)
    assert (Notification.objects.count(), len(texts(studio)), conversations(studio)[0]["unread_count"]) == (1, 1, 1)


def test_the_text_back_goes_from_the_number_that_was_called():
    studio, caller = a_studio(name="Lotus"), phone()
    text_back(studio)
    missed(studio, caller)
    [text] = texts(studio)
    assert (text.to_address, text.from_address, text.status) == (caller, studio.sender, "queued")
    assert text.body.startswith("Hi, this is Lotus. Sorry that we missed your call.")
    assert (text.request_id, only_call(studio).text_back) == (f"text-back:{only_call(studio).sid}", "sent")
    number = a_voice_number(studio)
    missed(studio, phone(), number)
    assert [one.from_address for one in texts(studio)] == [studio.sender] * 2


def test_the_business_writes_it_itself():
    studio = a_studio(name="Lotus")
    template = Template.objects.create(
        business_id=studio.id, name="x", body="Hi {{ client.first_name }}, {{ business.name }} here!"
    )
    text_back(studio, text_back_template_id=template.pk, text_back_body="Sorry! {{ business.name }}")
    missed(studio, a_client(studio, first_name="Ana").phone)
    missed(studio)
    assert [one.body for one in texts(studio)] == ["Hi Ana, Lotus here!", "Sorry! Lotus"]
    with pytest.raises(ValueError, match="template"):
        prefer(a_studio(), text_back_template_id=template.pk)


@pytest.mark.parametrize(
    "why", ["off", "opted out", "blocked", "suspended", "landline", "withheld", "no sender", "told"]
)
def test_who_must_not_be_texted_is_not(why):
    studio = a_studio()
    caller = {"landline": LANDLINE, "withheld": "anonymous"}.get(why, MOBILE)
    text_back(studio, texts_back=why != "off")
    number = studio.sender
    if why == "opted out":
        consent.change_consent(business_id=studio.id, channel="sms", address=caller, state="opted_out", source="api",
                               evidence={})  # fmt: skip
    if why == "suspended":
        Business.objects.filter(pk=studio.id).update(status="suspended")
    if why == "no sender":
        number = a_voice_number(studio)
        studio_senders = Business.objects.get(pk=studio.id).senders
        studio_senders.filter(channel="sms").delete()
    if why == "told":
        known = queue(studio, to=caller)
        Message.objects.filter(pk=known["message_id"]).update(status="undelivered", error_code="30006")
    if why == "blocked":
        a_client(studio, phone=caller, is_blocked=True)
    missed(studio, caller, number)
    assert [one for one in texts(studio) if "missed" in one.body] == []
    assert only_call(studio).text_back != "sent"


def test_who_calls_again_soon_is_texted_once():
    studio, caller = a_studio(), phone()
    text_back(studio)
    missed(studio, caller)
    missed(studio, caller)
    assert len(texts(studio)) == 1
    assert Call.objects.order_by("id").last().text_back == "texted back lately"
    Message.objects.filter(channel="sms").update(created_at=timezone.now() - timedelta(hours=2))
    missed(studio, caller)
    assert len(texts(studio)) == 2


def test_a_text_that_did_not_go_is_none():
    studio, caller = a_studio(), phone()
    text_back(studio)
    missed(studio, caller)
    Message.objects.filter(channel="sms").update(status="failed")
    missed(studio, caller)
    assert len(texts(studio)) == 2


def test_a_mobile_abroad_is_texted():
    studio = a_studio()
    text_back(studio)
    missed(studio, MOBILE)
    assert len(texts(studio)) == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_first_calls_of_one_stranger_at_once_are_one_client_and_twenty_missed_calls():
    studio, caller = a_studio(), phone()
    text_back(studio)
    at_once(20, lambda n: missed(studio, caller))
    assert Client.objects.filter(business_id=studio.id).count() == 1
    assert thread_of(studio, caller).unread_count == 20
    assert len(texts(studio)) == 1


@pytest.mark.django_db(transaction=True)
def test_one_call_told_twice_at_once_is_missed_once():
    studio, caller = a_studio(), phone()
    a_staff_member(studio, role="owner", availability="away")
    text_back(studio)
    answers = at_once(8, lambda n: call_in(studio, caller, CallSid="CA" + "e" * 32))
    assert {heard(one).names[0] for one in answers} == {"Say"}
    assert (Notification.objects.count(), len(texts(studio)), thread_of(studio, caller).unread_count) == (1, 1, 1)
