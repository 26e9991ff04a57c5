"""Bad posts and bad mails: the answer that the contract names, nothing executed, nothing lost, and in good time."""

import json
import time

import pytest
from django.core.files.storage import default_storage

from accounts.models import Sender
from conversations.models import Attachment, Message
from messaging.models import WebhookEvent
from messaging.services import intake
from messaging.services.stored_mail import read_payload
from tests.contract.shapes import assert_error
from tests.mail.letters import (
    BOUNDARY,
    a_house,
    a_mail,
    a_thread,
    address,
    arrives,
    event,
    form,
    mail_of,
    post,
    raw_fields,
    token_of,
    writes,
)

pytestmark = pytest.mark.django_db
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
NO_MAIL = [
    (b"", MULTIPART),
    (b"garbage", MULTIPART),
    (b"\x00\xff" * 1000, MULTIPART),
    (b"--other\r\n\r\nx", MULTIPART),
    (form([("nothing", "x")]), MULTIPART),
    (form([("email", "x")]), "multipart/form-data"),
    (form([("email", "x")]), "multipart/form-data; boundary="),
    (form([("email", "x")]), 'multipart/form-data; boundary="' + "b" * 300 + '"'),
    (form([("email", "x")]), "application/json"),
    (form([("email", "x")]), ""),
    (form([("email", "x")]), "\x00"),
    (b'{"email": "x"}', "application/json"),
    (b"email=x", "application/x-www-form-urlencoded"),
]


@pytest.mark.parametrize(("body", "content_type"), NO_MAIL)
def test_what_is_no_mail_in_any_form_is_422_and_not_kept(body, content_type):
    answer = post(body, content_type=content_type)
    assert answer.faulty == {"body"}
    assert not WebhookEvent.objects.exists()


def test_too_large_a_post_is_413(settings):
    settings.INBOUND_EMAIL_MAX_BYTES = 10_000
    house = a_house()
    body = form(raw_fields(a_mail(address(), house.address, "x" * 11_000), house.address))
    assert_error(post(body), 413, "too_large")
    assert not WebhookEvent.objects.exists()


def test_thirty_megabytes_are_taken_whatever_the_limit_of_other_bodies(settings):
    assert settings.INBOUND_EMAIL_MAX_BYTES == 30 * 1024 * 1024 > settings.OMEGA_MAX_BODY_BYTES


def test_a_form_that_breaks_off_behind_the_mail_is_kept_and_the_whole_one_comes_too():
    thread = a_thread(a_house())
    fields = form(raw_fields(a_mail(thread.client.email, token_of(thread), "All of it"), token_of(thread)))
    broken = fields[: fields.index(b'name="sender_ip"')]
    assert post(broken).body == {"status": "stored"}
    assert post(fields).body == {"status": "stored"}
    first, whole = Message.objects.order_by("pk")
    assert (first.body, first.metadata["incomplete"]) == ("All of it", True)
    assert "incomplete" not in whole.metadata


NO_ENVELOPE = [
    "",
    "null",
    "[]",
    "{}",
    '{"to": 5}',
    '{"to": [5, null]}',
    '{"to": "x", "from": 7}',
    "{",
    '{"to": ["\\ud800"]}',
]


@pytest.mark.parametrize("envelope", NO_ENVELOPE)
def test_an_envelope_that_is_none_leaves_the_mails_own_receivers(envelope):
    thread = a_thread(a_house())
    answer = post(form([("email", a_mail(thread.client.email, token_of(thread))), ("envelope", envelope)]))
    assert answer.status == 200
    if event().status == "processed":
        assert Message.objects.get().conversation_id == thread.pk
    else:  # it named receivers, and nobody has them
        assert "x" in envelope or "ud800" in envelope


NO_SENDER = [
    b"",
    b"From: \r\n",
    b"From: Somebody\r\n",
    b"From: <>\r\n",
    b"From: @\r\n",
    b"From: a@b\r\n",
    b"From: \xff\xfe\r\n",
]


@pytest.mark.parametrize("line", NO_SENDER)
def test_a_mail_without_a_sender_is_kept_with_a_sentence(line):
    house = a_house()
    mail = line + b"Subject: x\r\n\r\nHello\r\n"
    assert post(form([("email", mail), ("envelope", json.dumps({"to": [house.address]}))])).status == 200
    assert (event().status, event().error) == ("failed", "The mail names nobody whom it is from.")
    assert default_storage.open(read_payload(bytes(event().payload)).file).read() == mail


def test_the_envelopes_sender_stands_in_for_one_that_is_missing():
    house, sender = a_house(), address()
    arrives(b"Subject: x\r\n\r\nHello\r\n", house.address, sender)
    assert Message.objects.get().from_address == sender


def test_ten_thousand_recipients_are_no_work():
    thread = a_thread(a_house())
    many = ", ".join(f'"Nobody {n}" <n{n}@example.org>' for n in range(10_000))
    mail = f"From: {thread.client.email}\r\nTo: {many}\r\nCc: {many}\r\nMessage-ID: <m@x>\r\n\r\nHi\r\n".encode()
    before = time.process_time()
    arrives(mail, [*(f"n{n}@example.org" for n in range(10_000)), token_of(thread)])
    assert time.process_time() - before < 2
    assert len(Message.objects.get().cc) == 100


HEADERS = [
    b"A" * 60_000 + b": x",
    b"Subject: " + b"=?utf-8?Q?" * 9000,
    b"Content-Type: multipart/mixed; boundary=" + b"(" * 30_000,
    b"To: " + b'"' * 30_000,
    b"To: " + b'"\\' * 15_000,
    b"References: " + b"<a@b> " * 20_000,
    b"X: y\r\n" * 40_000,
    b"From: x <" + b"a" * 30_000 + b"@example.net>",
    b"Date: " + b"9" * 30_000,
    b"Message-ID: <" + b"z" * 60_000 + b">",
    b"Content-Disposition: attachment; filename*0*=" + b"%" * 30_000,
]


@pytest.mark.parametrize("line", HEADERS, ids=lambda line: line[:16].decode())
def test_headers_as_bombs_are_no_work(line):
    thread = a_thread(a_house())
    before = time.process_time()
    arrives(f"From: {thread.client.email}\r\n".encode() + line + b"\r\n\r\nHi\r\n", token_of(thread))
    assert time.process_time() - before < 2
    assert event().status == "processed", event().error


def nested(depth):
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))


PARTS = {
    "nested": nested(3000) + b"\r\ndeep\r\n",
    "many": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\nContent-Type: a/b\r\n\r\nc\r\n" * 20_000,
    "no headers": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 100_000,
    "same": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" * 10_000,
    "lines": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"\n" * 800_000,
    "html": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 150_000,
    "quotes": b"\r\n" + b"> " * 400_000,
    "words": b"\r\n" + b"On Mon, x <a@b> wrote:\r\n" * 30_000,
    "nul": b"\r\n" + b"\x00" * 700_000,
}


@pytest.mark.parametrize("name", PARTS)
def test_bodies_as_bombs_are_no_work(name):
    thread = a_thread(a_house())
    before = time.process_time()
    arrives(f"From: {thread.client.email}\r\n".encode() + PARTS[name], token_of(thread))
    assert time.process_time() - before < 4
    assert event().status == "processed", event().error
    assert Attachment.objects.count() <= 100


def test_more_files_than_anybody_sends_are_left_in_the_source():
    thread = a_thread(a_house())
    files = [(f"{n}.txt", "text/csv", b"x") for n in range(130)]
    message = writes(thread.client.email, token_of(thread), files=files)
    assert (message.media_count, message.metadata["incomplete"]) == (100, True)


def test_a_compressed_file_stays_closed():
    thread = a_thread(a_house())
    zipped = b"PK\x03\x04" + b"\x00" * 5000
    writes(thread.client.email, token_of(thread), files=[("zeros.zip", "application/zip", zipped)])
    kept = Attachment.objects.get()
    assert (kept.name, kept.size, kept.file.read()) == ("zeros.zip", 5004, zipped)


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "..\\..\\x", "\x00", "a" * 300 + ".pdf", "\u202egnp.exe", "con:x"]
)
def test_a_files_name_leads_nowhere(name):
    thread = a_thread(a_house())
    writes(thread.client.email, token_of(thread), files=[(name.replace("\x00", "\ufffd"), "application/pdf", b"x")])
    kept = Attachment.objects.get()
    assert not set("/\\\x00\u202e:") & set(kept.name)
    assert 0 < len(kept.name) <= 120
    assert kept.file.name.startswith("attachments/")
    assert kept.file.name.endswith(".bin")


def test_a_name_with_line_ends_makes_no_header():
    house = a_house()
    mail = (
        b"From: =?utf-8?Q?Eve=0D=0ABcc=3A_x=40y?= <eve@example.org>\r\nSubject: =?utf-8?Q?a=0D=0Ab=00c?=\r\n\r\nHi\r\n"
    )
    arrives(mail, house.address)
    message = Message.objects.get()
    assert (message.subject, message.metadata["from_name"]) == ("a b\ufffdc", "Eve Bcc: x@y")
    assert message.client.first_name == ""  # an address is no name


def test_script_in_a_name_a_subject_and_a_text_is_text():
    house = a_house()
    message = writes('"<script>alert(1)</script>" <eve@example.org>', house.address, "<b>no</b>", Subject="<img src=x>")
    assert (message.subject, message.body, message.html) == ("<img src=x>", "<b>no</b>", "")


def test_a_mail_to_nobody_waits_and_is_replayed_once_the_sender_is_there():
    house = a_house()
    arrives(a_mail(address("new"), "late@late.example"), "late@late.example")
    kept = event()
    assert (kept.status, kept.message_id) == ("failed", None)
    assert kept.error == "No business has the address late@late.example for mail. Add it as a sender, then replay this."
    add_sender(house, "late@late.example")
    intake.replay_event(event_id=kept.pk)
    kept.refresh_from_db()
    assert (kept.status, Message.objects.get().pk) == ("processed", kept.message_id)


def add_sender(house, own):
    Sender.objects.create(business_id=house.id, channel="email", address=own, provider="sendgrid")


def test_a_replay_of_what_was_processed_changes_nothing():
    thread = a_thread(a_house())
    message = writes(thread.client.email, token_of(thread), files=[("a.txt", "text/csv", b"x")])
    intake.replay_event(event_id=event().pk)
    assert (Message.objects.count(), Attachment.objects.count()) == (1, 1)
    assert event().message_id == message.pk


def test_a_mail_whose_file_is_gone_says_so():
    house = a_house()
    arrives(a_mail(address(), "x@y.example"), "late@late.example")
    default_storage.delete(read_payload(bytes(event().payload)).file)
    add_sender(house, "late@late.example")
    intake.replay_event(event_id=event().pk)
    assert event().error == "The file of this mail is no longer there."


def test_a_devices_one_message_id_for_everything_hides_no_mail():
    house = a_house()
    thread = a_thread(house)
    for day in (1, 2):
        mail = a_mail(thread.client.email, house.address, f"Day {day}", Message_ID="<always@scanner.example>")
        arrives(mail.replace(b"03 Mar 2025", b"%02d Mar 2025" % day), house.address)
    assert [one.body for one in Message.objects.order_by("pk")] == ["Day 1", "Day 2"]


def test_somebody_elses_mail_with_the_same_message_id_hides_none():
    house = a_house()
    for sender in (address(), address()):
        arrives(a_mail(sender, house.address, sender, Message_ID="<same@x.example>"), house.address)
    assert Message.objects.count() == 2


def test_the_source_is_the_mail_byte_for_byte():
    thread = a_thread(a_house())
    mail = b"From: " + thread.client.email.encode() + b"\r\nX-Odd: \xff\x00\r\n\r\nGr\xfc\xdfe\r\n--xYzZ\r\n\r"
    arrives(mail, token_of(thread))
    assert mail_of(Message.objects.get()).source.read() == mail


def test_a_large_mail_whose_job_was_lost_is_found_by_the_sweep():
    thread = a_thread(a_house())
    arrives(a_mail(thread.client.email, token_of(thread), "x" * 1_500_000), token_of(thread))
    assert (event().status, Message.objects.count()) == ("pending", 0)
    assert intake.retry_due() == 1
    assert (event().status, Message.objects.get().conversation_id) == ("processed", thread.pk)
    intake.process_waiting(event_id=event().pk)  # the job comes after all
    assert Message.objects.count() == 1


def test_no_word_of_a_provider_breaks_what_is_kept():
    thread = a_thread(a_house())
    fields = [
        ("email", a_mail(thread.client.email, token_of(thread))),
        ("SPF", b"p\x00\xffass"),
        ("dkim", b"\x00{@\xff : pass}"),
        ("envelope", json.dumps({"to": [token_of(thread)], "from": "\x00\ud800"})),
        ("sender_ip", b"\x00\xff"),
    ]
    assert post(form(fields)).status == 200
    assert event().status == "processed", event().error
