"""POST /email/queue: what is taken as it was asked for, and what is refused with the field that is wrong."""

import base64

import pytest

from conversations.models import Attachment, Message
from messaging.models import Consent, Email, Template
from messaging.services import mail_rules
from tests.contract import world

pytestmark = pytest.mark.django_db
PDF = base64.b64encode(b"%PDF-1.4").decode()


def a_file(**fields):
    return {"name": "plan.pdf", "content_type": "application/pdf", "content_base64": PDF} | fields


def consent(studio, address, state="opted_out"):
    Consent.objects.create(
        business_id=studio.id, channel="email", address=address, state=state, updated_at="2026-01-01T00:00:00Z"
    )


def test_the_mail_is_stored_as_it_was_asked_for(studio):
    got = world.mail(
        studio, to="Ana@Example.com", subject="Classes ☀", text="Hi", html="<p>Hi</p>", cc=["bo@example.com"],
        bcc=["archive@example.com"], reply_to="desk@example.com", headers={"X-Campaign": "spring"},
        metadata={"visit": 77},
    )  # fmt: skip
    assert (got.status, got["status"], got["segments"]) == (202, "queued", 0)
    shown = world.message(studio, got["message_id"])
    assert (shown["channel"], shown["provider"]) == ("email", "sendgrid")
    assert (shown["from"], shown["to"]) == (studio.mailbox, "ana@example.com")
    assert (shown["cc"], shown["bcc"]) == (["bo@example.com"], ["archive@example.com"])
    assert (shown["subject"], shown["body"], shown["html"]) == ("Classes ☀", "Hi", "<p>Hi</p>")
    assert shown["metadata"] == {"visit": 77}
    kept = Email.objects.get(message_id=got["message_id"])
    assert (kept.reply_to, kept.headers) == ("desk@example.com", {"X-Campaign": "spring"})


def test_a_text_is_made_of_the_html_where_there_is_none(studio):
    page = "<style>p{}</style><p>Hi <b>Ana</b>,</p><ul><li>mat<li>towel</ul><p><a href='https://x.example'>Book</a></p>"
    got = world.mail(studio, text=None, html=page)
    body = world.message(studio, got["message_id"])["body"]
    assert body == "Hi Ana,\n\n  * mat\n  * towel\n\n[Book](https://x.example)"


def test_an_unknown_address_makes_a_client_and_is_the_same_one_next_time(studio):
    first = world.mail(studio, to="Ana@Example.com")
    again = world.mail(studio, to="ana@EXAMPLE.com ")
    assert again["client_id"] == first["client_id"]
    client = world.get(f"{studio.path}/clients/{first['client_id']}", studio.key)
    assert (client["email"], client["phone"]) == ("ana@example.com", None)


def test_a_mail_and_a_text_of_one_client_stand_in_one_conversation(studio):
    client = world.a_client(studio, email="ana@example.com")
    mail, text = world.mail(studio, to="ana@example.com"), world.queue(studio, client_id=client.pk)
    assert mail["conversation_id"] == text["conversation_id"]
    assert [one["channel"] for one in world.timeline(studio, text)] == ["sms", "email"]
    assert world.conversations(studio)[0]["channels"] == ["email", "sms"]


def test_each_address_stands_once(studio):
    got = world.mail(
        studio, to="a@x.example", cc=["A@x.example", "b@x.example", "b@x.example"], bcc=["b@x.example", "c@x.example"]
    )
    shown = world.message(studio, got["message_id"])
    assert (shown["cc"], shown["bcc"]) == (["b@x.example"], ["c@x.example"])


BAD = {
    "a display name alone": ({"to": "Ana Diaz"}, "body.to"),
    "a name beside the address": ({"to": "Ana <ana@example.com>"}, "body.to"),
    "two addresses in one": ({"to": "a@x.example, b@x.example"}, "body.to"),
    "a line end in the address": ({"to": "a@x.example\r\nBcc: b@x.example"}, "body.to"),
    "no subject": ({"subject": None}, "body.subject"),
    "an empty subject": ({"subject": ""}, "body.subject"),
    "a blank subject": ({"subject": " \t"}, "body.subject"),
    "a subject of 999": ({"subject": "x" * 999}, "body.subject"),
    "a line end in the subject": ({"subject": "Hi\r\nBcc: evil@example.com"}, "body.subject"),
    "a bare newline in the subject": ({"subject": "Hi\nBcc: evil@example.com"}, "body.subject"),
    "a bare return in the subject": ({"subject": "Hi\rBcc: evil@example.com"}, "body.subject"),
    "a next-line mark in the subject": ({"subject": "Hi\x85Bcc: evil@example.com"}, "body.subject"),
    "a line separator in the subject": ({"subject": "Hi\u2028Bcc: evil@example.com"}, "body.subject"),
    "neither text nor html": ({"text": None}, "body.text"),
    "a blank text": ({"text": "  \n"}, "body.text"),
    "a text too long": ({"text": "x" * 500_001}, "body.text"),
    "html too long": ({"html": "x" * 500_001}, "body.html"),
    "a line end in cc": ({"cc": ["a@x.example\nX: y"]}, "body.cc.0"),
    "a line end in reply_to": ({"reply_to": "a@x.example\r\nX-Y: z"}, "body.reply_to"),
    "a line end behind from": ({"from": "a@x.example\r\n"}, "body.from"),
    "a line end behind to": ({"to": "a@x.example\n"}, "body.to"),
    "a bomb of copies": ({"cc": [f"c{n}@x.example" for n in range(10_000)]}, "body.cc"),
    "a bomb of blind copies": ({"bcc": [f"c{n}@x.example" for n in range(10_000)]}, "body.bcc"),
    "fifty-one together": ({"cc": [f"c{n}@x.example" for n in range(49)], "bcc": ["d@x.example"]}, "body.cc"),
    "a bomb in to": ({"to": ",".join(f"c{n}@x.example" for n in range(10_000))}, "body.to"),
    "to as a list": ({"to": ["a@x.example"]}, "body.to"),
    "a foreign sender": ({"from": "hello@elsewhere.example"}, "body.from"),
    "an unknown field": ({"body": "Hi"}, "body.body"),
    "a header that routes": ({"headers": {"Bcc": "evil@example.com"}}, "body.headers.Bcc"),
    "a header of ours": ({"headers": {"Message-ID": "<x@y>"}}, "body.headers.Message-ID"),
    "a header of the thread": ({"headers": {"In-Reply-To": "<x@y>"}}, "body.headers.In-Reply-To"),
    "an unsubscribe of one's own": ({"headers": {"List-Unsubscribe": "<https://x>"}},
                                    "body.headers.List-Unsubscribe"),
    "a header that steers SendGrid": ({"headers": {"X-SMTPAPI": "{}"}}, "body.headers.X-SMTPAPI"),
    "a header that steers Mailgun": ({"headers": {"x-mailgun-track": "no"}}, "body.headers.x-mailgun-track"),
    "a line end in a header": ({"headers": {"X-A": "b\r\nBcc: evil@example.com"}}, "body.headers.X-A"),
    "a folded header": ({"headers": {"X-A": "b\r\n c"}}, "body.headers.X-A"),
    "a header beyond ASCII": ({"headers": {"X-A": "é"}}, "body.headers.X-A"),
    "a header twice": ({"headers": {"X-A": "1", "x-a": "2"}}, "body.headers"),
    "a header's value as a number": ({"headers": {"X-A": 1}}, "body.headers.X-A"),
    "a path as a name": ({"attachments": [a_file(name="../../x")]}, "body.attachments.0.name"),
    "a Windows path as a name": ({"attachments": [a_file(name="..\\x.exe")]}, "body.attachments.0.name"),
    "a line end in a name": ({"attachments": [a_file(name="a\r\nb.pdf")]}, "body.attachments.0.name"),
    "a name that turns around": ({"attachments": [a_file(name="x\u202efdp.exe")]}, "body.attachments.0.name"),
    "a name of dots": ({"attachments": [a_file(name="..")]}, "body.attachments.0.name"),
    "no name": ({"attachments": [a_file(name=None)]}, "body.attachments.0"),
    "a type that is none": ({"attachments": [a_file(content_type="pdf")]}, "body.attachments.0.content_type"),
    "a line end in a type": ({"attachments": [a_file(content_type="text/x\r\nX: y")]},
                             "body.attachments.0.content_type"),
    "no base64": ({"attachments": [a_file(content_base64="%%%")]}, "body.attachments.0.content_base64"),
    "an empty file": ({"attachments": [a_file(content_base64="")]}, "body.attachments.0.content_base64"),
    "content and URL": ({"attachments": [a_file(url="https://x.example/a")]}, "body.attachments.0"),
    "neither content nor URL": ({"attachments": [{"name": "a"}]}, "body.attachments.0"),
    "a URL of another scheme": ({"attachments": [{"url": "file:///etc/passwd"}]}, "body.attachments.0.url"),
    "too many files": ({"attachments": [a_file() for _ in range(21)]}, "body.attachments"),
    "an answer to nothing": ({"in_reply_to": 0}, "body.in_reply_to"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_and_named(studio, name):
    fields, place = BAD[name]
    before = Message.objects.count()
    got = world.mail(studio, **fields)
    assert place in got.faulty, got.raw
    assert Message.objects.count() == before


def test_a_dry_run_refuses_the_same_and_stores_nothing(studio):
    good = world.mail(studio, to="ana@example.com", dry_run=True, html="<p>Hi</p>", text=None, cc=["bo@example.com"])
    assert good.status == 200, good.raw
    assert (good["would"], good["segments"], good["body"], good["cc"]) == ("send", 0, "Hi", ["bo@example.com"])
    assert good["bytes"] == len("Your class") + len("Hi") + len("<p>Hi</p>")
    assert "body.subject" in world.mail(studio, subject="a\r\nb", dry_run=True).faulty
    assert Message.objects.count() == 0


def test_files_are_kept_and_shown_under_signed_links(studio):
    got = world.mail(studio, attachments=[a_file(), a_file(name="Übersicht.txt", content_type=None)])
    media = world.message(studio, got["message_id"])["media"]
    assert [(one["name"], one["content_type"], one["size"]) for one in media] == [
        ("plan.pdf", "application/pdf", 8), ("Übersicht.txt", "text/plain", 8),
    ]  # fmt: skip
    link = media[0]["url"].split("/omega", 1)[1]
    assert world.get(link).raw == b"%PDF-1.4"


def test_files_too_large_together_are_refused(studio, monkeypatch):
    monkeypatch.setattr(mail_rules, "MOST_BYTES", 1000)
    large = base64.b64encode(b"x" * 600).decode()
    assert world.mail(studio, attachments=[a_file(content_base64=large)]).status == 202
    two = world.mail(studio, attachments=[a_file(content_base64=large), a_file(content_base64=large)])
    assert two.faulty == {"body.attachments"}


def test_a_mail_waits_for_files_that_lie_elsewhere(studio):
    got = world.mail(studio, attachments=[{"url": "https://files.example/a%20b.pdf?x=1"}])
    assert got["status"] == "queued"
    assert world.claimed() == []
    kept = Attachment.objects.get(message_id=got["message_id"])
    assert (kept.status, kept.name) == ("pending", "a b.pdf")


@pytest.mark.parametrize("where", ["to", "cc", "bcc"])
def test_nobody_who_opted_out_gets_a_mail_by_any_door(studio, where):
    consent(studio, "ana@example.com")
    got = world.mail(studio, **({"to": "Ana@example.com"} if where == "to" else {where: ["Ana@example.com"]}))
    shown = world.message(studio, got["message_id"])
    assert (got["status"], shown["status"]) == ("blocked", "blocked")
    assert shown["error"]["code"] == ("opted_out" if where == "to" else "copy_opted_out")
    assert "opted out of e-mail" in shown["error"]["message"]
    assert world.claimed() == []


def test_who_opted_out_of_texts_still_gets_mail(studio):
    client = world.a_client(studio, email="ana@example.com", consent_sms="opted_out")
    assert world.mail(studio, client_id=client.pk)["status"] == "queued"
    assert world.queue(studio, client_id=client.pk)["status"] == "blocked"


def test_a_mailbox_that_is_gone_gets_no_mail(studio):
    consent(studio, "ana@example.com", "unknown")
    Consent.objects.update(bounced_at="2026-01-01T00:00:00Z")
    shown = world.message(studio, world.mail(studio, to="ana@example.com")["message_id"])
    assert (shown["status"], shown["error"]["code"]) == ("blocked", "address_bounced")


@pytest.mark.parametrize("fields", [{"cc": ["bo@example.com"]}, {"to": "bo@example.com"}], ids=["copy", "recipient"])
def test_an_opt_out_after_the_door_holds_at_the_claim(studio, fields):
    got = world.mail(studio, **fields)
    consent(studio, "bo@example.com")
    assert world.claimed() == []
    shown = world.message(studio, got["message_id"])
    assert shown["status"] == "blocked"
    assert "opted out of e-mail" in shown["error"]["message"]


def test_a_client_without_an_address_cannot_be_mailed(studio):
    client = world.a_client(studio)
    assert world.mail(studio, client_id=client.pk).faulty == {"body.client_id"}
    client = world.a_client(studio, email="own@example.com")
    assert world.mail(studio, client_id=client.pk, to="other@example.com").faulty == {"body.to"}


def test_a_studio_without_a_mail_sender_is_told_so(db):
    bare = world.a_studio()
    assert world.mail(bare).faulty == {"body.business_id"}


def test_a_template_gives_subject_and_text(studio):
    made = Template.objects.create(
        business_id=studio.id, name="Visit", channel="email", subject="See you {{ day }}", body="Hi {{ name }}!"
    )
    fields = {"template_id": made.pk, "subject": None, "text": None}
    got = world.mail(studio, variables={"day": "Friday", "name": "Ana"}, **fields)
    shown = world.message(studio, got["message_id"])
    assert (shown["subject"], shown["body"]) == ("See you Friday", "Hi Ana!")
    missing = world.mail(studio, variables={"day": "Friday"}, **fields)
    assert missing.faulty == {"body.variables.name"}
    forged = world.mail(studio, variables={"day": "Friday\r\nBcc: evil@example.com", "name": "Ana"}, **fields)
    assert forged.faulty == {"body.variables"}
    own = world.mail(studio, variables={"name": "Ana"}, template_id=made.pk, text=None, subject="Own")
    assert world.message(studio, own["message_id"])["subject"] == "Own"
    texts = Template.objects.create(business_id=studio.id, name="Text", channel="sms", body="Hi")
    assert world.mail(studio, template_id=texts.pk, subject=None, text=None).faulty == {"body.template_id"}


def test_the_same_request_twice_is_one_mail(studio):
    fields = {"to": "ana@example.com", "request_id": "visit-77", "attachments": [a_file()]}
    first, again = world.mail(studio, **fields), world.mail(studio, **fields)
    assert (first.body, again.headers.get("Idempotent-Replayed")) == (again.body, "true")
    assert (Message.objects.count(), Attachment.objects.count(), Email.objects.count()) == (1, 1, 1)
    other = world.mail(studio, **fields | {"text": "Another"})
    assert (other.status, other["code"]) == (409, "request_id_conflict")


def test_a_bulk_mail_waits_for_the_end_of_quiet_hours(db):
    quiet = world.a_studio(quiet_from="00:00", quiet_until="23:59")
    world.a_mail_sender(quiet)
    assert world.mail(quiet, priority="bulk")["status"] == "scheduled"
    assert world.mail(quiet)["status"] == "queued"


def test_a_suspended_studio_sends_no_mail(db):
    idle = world.a_studio(status="suspended")
    world.a_mail_sender(idle)
    assert world.mail(idle)["status"] == "blocked"


def test_somebody_who_wrote_meanwhile_is_not_talked_over(studio):
    first = world.mail(studio, to="ana@example.com")
    came = world.record_mail(studio, direction="inbound", **{"from": "ana@example.com"})
    got = world.mail(studio, to="ana@example.com", expected_last_message_id=first["message_id"])
    assert (got.status, got["code"]) == (409, "conversation_moved")
    good = world.mail(studio, to="ana@example.com", expected_last_message_id=came["message_id"])
    assert good.status == 202


def test_mails_of_one_client_are_claimed_in_order_and_texts_pass_them(studio):
    client = world.a_client(studio, email="ana@example.com")
    first, second = (world.mail(studio, client_id=client.pk) for _ in range(2))
    text = world.queue(studio, client_id=client.pk)
    assert sorted(world.claimed()) == sorted([first["message_id"], text["message_id"]])
    Message.objects.filter(pk=first["message_id"]).update(status="sent", lease_until=None)
    assert world.claimed() == [second["message_id"]]


@pytest.mark.parametrize("known", [True, False])
def test_a_mail_to_a_known_client_takes_three_statements(studio, known):
    client = world.a_client(studio, email="ana@example.com")
    world.mail(studio, client_id=client.pk)
    with world.statements() as seen:
        world.mail(studio, **({"client_id": client.pk} if known else {"to": "ana@example.com"}))
    assert len(seen) <= 3, [sql for sql, _ in seen]
