"""A conversation's page: what was said, a reply that is really queued, and what staff do with a thread."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Business, Client, Sender
from conversations.models import Attachment, Conversation, Message
from conversations.services.threads import NewNote, add_note
from tests.admin.world import EVIL, a_staff_member, a_thread, fails, hears, says


def page_of(thread, part="change"):
    return f"/admin/conversations/conversation/{thread.pk}/{part}/"


def shown(browser, thread, **query):
    answer = browser.get(page_of(thread), query)
    assert answer.status_code == 200
    return answer.content.decode()


def reply(browser, thread, body="On our way", request_id="form1", **headers):
    return browser.post(page_of(thread, "reply"), {"body": body, "request_id": request_id}, headers=headers)


def texts(thread):
    return list(thread.messages.filter(channel="sms", direction="outbound").order_by("id"))


def test_the_timeline_tells_everything_that_was_said(browser):
    thread = a_thread(said="Is the sauna open?")
    add_note(conversation=thread, note=NewNote(body="A regular", staff_id=a_staff_member(thread.business).pk))
    fails(says(thread, "It is, until nine"), retryable=True)
    html = shown(browser, thread)
    order = ["Is the sauna open?", "A regular", "It is, until nine"]
    assert sorted(order, key=html.index) == order
    for wanted in (
        "om-entry--inbound",
        "om-entry--note",
        "om-entry--outbound",
        "Mo Santos",
        "The phone is switched off.",
    ):
        assert wanted in html


def test_the_page_takes_few_queries_however_much_was_said(browser):
    thread = a_thread()
    for number in range(60):
        message = hears(thread, f"Text {number}", media_urls=["https://example.com/a.jpg"])
        says(thread, f"Answer {number}", staff_id=a_staff_member(thread.business).pk)
    with CaptureQueriesContext(connection) as captured:
        html = shown(browser, thread)
    assert len(captured) <= 12, [query["sql"][:80] for query in captured]
    assert html.count("<article") == 50
    assert f'data-id="{message}"' in html


def test_older_messages_are_behind_a_link(browser):
    thread = a_thread(said="")
    ids = [hears(thread, f"Text {number}") for number in range(70)]
    assert f'href="?before={ids[20]}"' in shown(browser, thread)
    html = shown(browser, thread, before=ids[20])
    assert html.count("<article") == 20
    assert "Back to the newest" in html
    found = browser.get(page_of(thread, "entries"), {"before": ids[60]}).json()
    assert [entry["id"] for entry in found["entries"]] == ids[10:60]
    assert found["before"] == ids[10]


def test_a_reply_is_queued_as_a_real_text_that_goes_first(browser, operator):
    thread = a_thread()
    staff = a_staff_member(thread.business, email=operator.email.upper())
    answer = reply(browser, thread, "Line one\r\nline two  ")
    assert answer.status_code == 302
    (message,) = texts(thread)
    assert (message.status, message.body, message.priority) == ("queued", "Line one\nline two", 0)
    assert (message.staff_id, message.decision["source"], message.request_id) == (staff.pk, "admin", "form1")
    assert bytes(message.request_hash) == hashlib.sha256(b"Line one\nline two").digest()
    assert "Line one<br>line two" in shown(browser, thread)


def test_a_double_click_is_one_text(browser):
    thread = a_thread()
    assert [reply(browser, thread).status_code for _ in range(2)] == [302, 302]
    assert len(texts(thread)) == 1


def test_another_text_in_a_used_form_is_kept_and_not_sent(browser):
    thread = a_thread()
    reply(browser, thread, "First")
    answer = reply(browser, thread, "Second")
    assert answer.status_code == 409
    assert "was sent already" in answer.content.decode()
    assert ">Second</textarea>" in answer.content.decode()
    assert 'value="form1"' not in answer.content.decode()
    assert [message.body for message in texts(thread)] == ["First"]


@pytest.mark.parametrize(("body", "sentence"), [("", "The text is required"), ("x" * 1601, "at most 1600 characters")])
def test_a_text_that_cannot_go_is_explained_and_kept(browser, body, sentence):
    thread = a_thread()
    answer = reply(browser, thread, body)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert f">{body}</textarea>" in answer.content.decode()
    asked = reply(browser, thread, body, Accept="application/json")
    assert sentence in asked.json()["errors"][0]
    assert not texts(thread)


CLOSED = [
    (lambda thread: Client.objects.filter(pk=thread.client_id).update(phone=""), "has no phone number"),
    (lambda thread: Client.objects.filter(pk=thread.client_id).update(consent_sms="opted_out"), "opted out of texts"),
    (lambda thread: Client.objects.filter(pk=thread.client_id).update(is_blocked=True), "This client is blocked."),
    (lambda thread: Business.objects.filter(pk=thread.business_id).update(status="suspended"), "is suspended"),
    (
        lambda thread: Sender.objects.filter(business=thread.business_id).update(is_active=False),
        "nothing to send texts from",
    ),
]


@pytest.mark.parametrize(("happens", "sentence"), CLOSED, ids=[sentence for _, sentence in CLOSED])
def test_the_box_is_closed_with_a_sentence_where_nothing_can_be_sent(browser, happens, sentence):
    thread = a_thread()
    assert "disabled" not in shown(browser, thread).split('id="reply-body"')[1].split(">")[0]
    happens(thread)
    html = shown(browser, thread)
    assert sentence in html
    assert "disabled" in html.split('id="reply-body"')[1].split(">")[0]
    assert sentence in browser.get(page_of(thread, "entries")).json()["boxes"]["sms"]["closed"]


def test_the_page_is_told_what_is_new_and_what_has_changed(browser):
    thread = a_thread(said="First")
    first, sent = thread.messages.get().pk, says(thread, "Answer")
    asked = {"after": sent, "watch": f"{sent},nonsense"}
    (before,) = browser.get(page_of(thread, "entries"), asked).json()["entries"]
    Message.objects.filter(pk=sent).update(status="delivered")
    new = hears(thread, "Second")
    with CaptureQueriesContext(connection) as captured:
        found = browser.get(page_of(thread, "entries"), asked).json()
    assert len(captured) <= 8
    assert [entry["id"] for entry in found["entries"]] == [sent, new]
    assert found["entries"][0]["rev"] != before["rev"]
    assert "done_all" in found["entries"][0]["html"]
    assert str(first) not in [str(entry["id"]) for entry in found["entries"]]
    assert "Ana" in found["head"]


def test_staff_note_assign_snooze_close_and_read(browser):
    thread, other = a_thread(), a_thread()
    mine, foreign = a_staff_member(thread.business), a_staff_member(other.business, name="Foreign")
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    deeds = [
        ("note", {"note": "Call her", "request_id": "n1"}, "no client sees it"),
        ("note", {"note": "Call her", "request_id": "n1"}, "no client sees it"),
        ("note", {"note": "  "}, "is empty"),
        ("assign", {"staff": mine.pk}, "Assigned to Mo Santos."),
        ("assign", {"staff": foreign.pk}, "no such staff member"),
        ("status", {"status": "snoozed", "snoozed_until": tomorrow}, "is snoozed now"),
        ("status", {"status": "snoozed", "snoozed_until": "2001-01-01T00:00"}, "must be a time in the future"),
        ("status", {"status": "gone"}, "must be open, pending"),
        ("read", {}, "1 marked as read."),
    ]
    for part, form, sentence in deeds:
        html = browser.post(page_of(thread, part), form, follow=True).content.decode()
        assert sentence in html, (part, form)
    now = Conversation.objects.get(pk=thread.pk)
    assert (now.assigned_to, now.status, now.unread_count) == (mine, "snoozed", 0)
    assert thread.messages.filter(channel="note").count() == 1
    assert "Foreign" not in shown(browser, thread)


def test_media_are_shown_by_signed_links_and_no_link_can_run(browser):
    thread = a_thread(said="")
    message = hears(thread, "See", media_urls=["https://example.com/knee.jpg", "javascript:alert(1)"])
    stored = Attachment.objects.filter(message_id=message).first()
    stored.file.save("knee.png", ContentFile(b"png"), save=False)
    stored.status, stored.content_type, stored.name = "stored", "image/png", f"{EVIL}.png"
    stored.save()
    html = shown(browser, thread)
    assert f"/omega/media/{stored.pk}-" in html
    assert "<img src=" in html
    assert 'href="javascript:' not in html
    assert EVIL not in html


def test_nothing_that_a_client_wrote_is_run(browser):
    thread = a_thread(said=EVIL, first_name=EVIL, email=f"{EVIL}@example.com", tags=[EVIL])
    add_note(conversation=thread, note=NewNote(body=EVIL))
    Conversation.objects.filter(pk=thread.pk).update(labels=[EVIL])
    Message.objects.filter(pk=hears(thread, EVIL)).update(subject=EVIL, channel="email", body="", html=EVIL)
    assert EVIL not in shown(browser, thread)
    news = browser.get(page_of(thread, "entries")).json()
    assert not [entry for entry in news["entries"] if EVIL in entry["html"]]
    assert EVIL not in news["head"]
    assert EVIL not in reply(browser, thread, EVIL + "x" * 1600).content.decode()


def test_who_may_only_look_writes_nothing_and_a_post_needs_its_token(db, operator):
    thread = a_thread()
    looker = User.objects.create_user("lou", password="pass", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__in=["view_conversation", "every_business"]))
    lou, forged = Browser(), Browser(enforce_csrf_checks=True)
    lou.force_login(looker)
    forged.force_login(operator)
    assert 'id="reply-body"' not in shown(lou, thread)
    for part in ("reply", "note", "assign", "status", "read"):
        assert lou.post(page_of(thread, part), {"body": "Hi", "note": "Hi"}).status_code == 403
        assert forged.post(page_of(thread, part), {"body": "Hi", "note": "Hi"}).status_code == 403
        assert lou.get(page_of(thread, part)).status_code == 405
    assert not texts(thread)


@pytest.mark.parametrize(
    "part", ["999999999/change", "abc/change", "9999999999999999999999/change", "999999999/entries"]
)
def test_a_conversation_that_is_none_is_404(browser, part):
    assert browser.get(f"/admin/conversations/conversation/{part}/").status_code == 404


def test_a_merged_conversation_leads_to_the_one_that_lives(browser):
    kept = a_thread()
    merged = a_thread(kept.business)
    Conversation.objects.filter(pk=merged.pk).update(merged_into=kept)
    assert browser.get(page_of(merged)).url == page_of(kept)
