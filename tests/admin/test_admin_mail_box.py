"""The conversation's e-mail box: subject of the last mail, files, copies, and why it is closed."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Client, Sender
from conversations.models import Attachment
from messaging.models import Email
from messaging.services.mails import MailToRecord
from messaging.services.recording import record_message
from tests.admin.test_admin_conversation import page_of, shown
from tests.admin.world import a_thread

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread():
    made = a_thread(email="ana@example.com")
    Sender.objects.create(
        business=made.business, channel="email", address="desk@studio.example", provider="sendgrid", is_default=True
    )
    return made


def came(thread, subject="Towels?"):
    mail = MailToRecord(
        thread.business_id, "inbound", "received", client_id=thread.client_id, from_="ana@example.com",
        text="Are there?", subject=subject,
    )  # fmt: skip
    return record_message(mail).message_id


def reply(browser, thread, **fields):
    form = {"channel": "email", "body": "There are", "subject": "Towels", "request_id": "form1"} | fields
    return browser.post(page_of(thread, "reply"), form, headers={"Accept": "application/json"})


def mails(thread):
    return list(thread.messages.filter(channel="email", direction="outbound").order_by("id"))


def test_the_last_mails_subject_is_the_default(browser, thread):
    assert 'value="Re: Towels?"' not in shown(browser, thread)
    answered = came(thread)
    html = shown(browser, thread)
    assert 'value="Re: Towels?"' in html
    assert f'name="answers"\n             value="{answered}"' in html or f'value="{answered}"' in html


def test_a_mail_goes_with_its_files_and_copies_and_answers_the_last_one(browser, thread):
    answered = came(thread)
    files = [SimpleUploadedFile("plan.pdf", b"%PDF-1.4 plan", "application/pdf"), SimpleUploadedFile("a.txt", b"a")]
    answer = reply(browser, thread, files=files, cc="bo@example.com; cy@example.com", answers=answered)
    assert answer.status_code == 200, answer.content
    (mail,) = mails(thread)
    assert (mail.status, mail.subject, mail.body, mail.priority) == ("queued", "Towels", "There are", 0)
    assert (mail.to_address, mail.from_address, mail.cc) == (
        "ana@example.com", "desk@studio.example", ["bo@example.com", "cy@example.com"],
    )  # fmt: skip
    kept = Attachment.objects.filter(message=mail).order_by("id")
    assert [(one.name, one.size, one.file.read()) for one in kept] == [
        ("plan.pdf", 13, b"%PDF-1.4 plan"),
        ("a.txt", 1, b"a"),
    ]
    assert Email.objects.filter(message=mail).exists()


def test_a_double_click_is_one_mail(browser, thread):
    assert [reply(browser, thread).status_code for _ in range(2)] == [200, 200]
    assert len(mails(thread)) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"subject": ""}, "subject"),
        ({"body": " "}, "text is empty"),
        ({"cc": "nobody"}, "cc"),
        ({"subject": "Hi\r\nBcc: eve@example.com"}, "subject"),
        ({"answers": "99999999"}, "no such message"),
    ],
)
def test_a_mail_that_cannot_go_is_explained(browser, thread, fields, sentence):
    answer = reply(browser, thread, **fields)
    assert answer.status_code in {404, 422}
    assert sentence in answer.json()["errors"][0].lower()
    assert not mails(thread)


def test_the_box_says_why_it_is_closed_and_the_text_box_stays_open(browser, thread):
    Client.objects.filter(pk=thread.client_id).update(email="")
    boxes = browser.get(page_of(thread, "entries")).json()["boxes"]
    assert boxes["email"]["closed"] == "This client has no e-mail address, so there is nowhere to send e-mail."
    assert boxes["sms"]["closed"] == ""


def test_a_client_who_wrote_by_mail_alone_finds_the_mail_box_open(browser, thread):
    Client.objects.filter(pk=thread.client_id).update(phone="")
    assert 'id="mode-mail"\n         autocomplete="off"\n         checked' in shown(browser, thread)
