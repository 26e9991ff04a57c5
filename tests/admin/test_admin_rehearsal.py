"""A replay rehearsed: what it would change is told, and nothing is changed, queued, kept or sent."""

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client as Browser

from accounts.models import AdminRole, Client
from conversations.models import Attachment, Conversation, Message
from messaging.models import Consent, ConsentChange, WebhookEvent
from messaging.services.rehearsing import rehearse
from omega_project.lib import jobs
from tests.admin.world import EVIL, a_business, a_thread, an_event, phone, says
from tests.mail.letters import a_house, a_mail, address, arrives, event, token_of
from tests.mail.letters import a_thread as a_mail_thread

pytestmark = pytest.mark.django_db


def a_text(business, body="Hello there", sender=None):
    to = business.senders.get(channel="sms").address
    form = {"MessageSid": f"SM{phone()[1:]}", "From": sender or phone(), "To": to, "Body": body, "NumMedia": "0"}
    payload = "&".join(f"{name}={value.replace('+', '%2B').replace(' ', '+')}" for name, value in form.items())
    return an_event(payload.encode(), business=None)


def page_of(browser, one):
    answer = browser.post(f"/admin/messaging/webhookevent/{one.pk}/do/rehearse/")
    assert answer.status_code == 200
    return answer.content.decode()


def everything():
    models = (Client, Conversation, Message, Consent, ConsentChange, WebhookEvent)
    return [sorted(map(str, model.objects.values_list())) for model in models]


def test_a_new_text_is_told_and_not_made(browser, monkeypatch, django_capture_on_commit_callbacks):
    one = a_text(a_business(), "Is the sauna open?")
    before = everything()
    pushed = []
    monkeypatch.setattr(jobs, "_push", lambda *args: pushed.append(args))
    monkeypatch.setattr(jobs, "_kick", lambda *args: pushed.append(args))
    with django_capture_on_commit_callbacks(execute=True):
        page = page_of(browser, one)
    assert "It would be processed." in page
    assert "A new message would be made" in page
    assert "A new client would be made" in page
    assert "Is the sauna open?" in page
    assert everything() == before
    assert not pushed


def test_an_opt_out_is_told_as_a_change_of_consent(browser):
    thread = a_thread()
    one = a_text(thread.business, "STOP", sender=thread.client.phone)
    page = page_of(browser, one)
    assert "A new change of consent would be made" in page
    assert f"The client #{thread.client_id} would change" in page
    assert "opted_out" in page
    assert not ConsentChange.objects.exists()


def test_a_report_tells_the_status_that_the_message_would_have(browser):
    message = says(a_thread())
    Message.objects.filter(pk=message).update(status="sent", provider_message_id="SM1", provider="twilio")
    one = an_event(b"MessageSid=SM1&MessageStatus=delivered", kind="sms.status")
    found = rehearse(event_id=one.pk)
    changed = next(one for one in found.differences if one.table == "conversations_message")
    assert changed.columns["status"] == ("sent", "delivered")
    assert Message.objects.get(pk=message).status == "sent"


def test_what_would_fail_again_says_why_and_stays_as_it_is(browser):
    one = an_event(f"From={EVIL}&To=%2B12125550100&Body=Hi&MessageSid=SM9".encode())
    before = WebhookEvent.objects.values().get(pk=one.pk)
    page = page_of(browser, one)
    assert "It would fail again." in page
    assert EVIL not in page
    assert WebhookEvent.objects.values().get(pk=one.pk) == before


def test_a_mails_files_are_not_left_behind(browser):
    thread = a_mail_thread(a_house())
    mail = a_mail(thread.client.email, token_of(thread), files=[("note.txt", "text/plain", b"Hello")])
    arrives(mail, token_of(thread))
    kept = set(default_storage.listdir("attachments")[0]) and Attachment.objects.get().file.name
    Message.objects.filter(direction="inbound").delete()
    default_storage.delete(kept)
    WebhookEvent.objects.update(status="failed", message=None)
    folder = kept.rpartition("/")[0]
    before = sorted(default_storage.listdir(folder)[1])
    page = page_of(browser, event())
    assert "A new attachment would be made" in page
    assert sorted(default_storage.listdir(folder)[1]) == before
    assert not Attachment.objects.exists()


def test_support_is_told_what_would_change_and_nothing_of_anybody(db):
    user = User.objects.create_user("sue", password="pass", is_staff=True)
    AdminRole.objects.create(user=user, role="support")
    sue = Browser()
    sue.force_login(user)
    one = a_text(a_business(), "Marzipan allergy", sender="+12125557391")
    page = page_of(sue, one)
    assert "A new message would be made" in page
    assert "received" in page
    assert "Marzipan" not in page
    assert "5557391" not in page


def test_the_events_page_has_its_headers_and_its_verdict(browser):
    arrives(a_mail(address(), "x@y.example"), "nobody@nowhere.example")
    page = browser.get(f"/admin/messaging/webhookevent/{event().pk}/change/").content.decode()
    assert "it gave the hook&#x27;s user and password" in page
    assert "Content-Type" in page
    assert "Basic " not in page
