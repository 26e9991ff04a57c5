"""POST /email/record and /email/status, and mails by POST /messages."""

import base64

import pytest

from conversations.models import Message
from messaging.models import Consent, ConsentChange
from tests.contract import world

pytestmark = pytest.mark.django_db


def status(studio, **fields):
    return world.post("/email/status", fields, studio.key)


def door(studio, rows):
    return world.post("/messages", rows, studio.key)


def test_a_mail_that_came_another_way_stands_in_the_conversation_unread(studio):
    client = world.a_client(studio, email="ana@example.com")
    got = world.record_mail(
        studio, direction="inbound", **{"from": "Ana@example.com"}, subject="Towels?", html="<p>Are there towels?</p>",
        text=None, cc=["bo@example.com"],
    )  # fmt: skip
    assert (got.status, got["status"], got["client_id"]) == (201, "received", client.pk)
    shown = world.message(studio, got["message_id"])
    assert (shown["from"], shown["to"]) == ("ana@example.com", studio.mailbox)
    assert (shown["subject"], shown["body"], shown["cc"]) == ("Towels?", "Are there towels?", ["bo@example.com"])
    [thread] = world.conversations(studio)
    assert (thread["unread_count"], thread["last_message"]["preview"]) == (1, "Towels?")


def test_a_mail_that_went_another_way_is_never_sent_and_keeps_its_files(studio):
    file = {"name": "a.txt", "content_base64": base64.b64encode(b"hi").decode()}
    got = world.record_mail(studio, to="ana@example.com", attachments=[file, {"url": "https://files.example/b.pdf"}])
    assert (got.status, got["status"]) == (201, "sent")
    assert world.claimed() == []
    media = world.message(studio, got["message_id"])["media"]
    assert [one["name"] for one in media] == ["a.txt", "b.pdf"]
    assert media[1]["url"] == "https://files.example/b.pdf"


def test_the_same_provider_s_id_twice_is_one_mail(studio):
    first = world.record_mail(studio, to="ana@example.com", provider_message_id="sg-1")
    again = world.record_mail(studio, to="ana@example.com", provider_message_id="sg-1", subject="Another")
    assert again["message_id"] == first["message_id"]
    assert world.message(studio, first["message_id"])["provider"] == "sendgrid"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"direction": "inbound", "to": "x@y.example"}, "body.from"),
        ({"to": "Ana Diaz"}, "body.to"),
        ({"to": "a@x.example", "subject": "a\r\nb"}, "body.subject"),
        ({"to": "a@x.example", "subject": None, "text": None}, "body.text"),
        ({"to": "a@x.example", "status": "received"}, "body.status"),
        ({"to": "a@x.example", "direction": "sideways"}, "body.direction"),
        ({"to": "a@x.example", "cc": [f"c{n}@x.example" for n in range(10_000)]}, "body.cc"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(studio, fields, place):
    assert place in world.record_mail(studio, **fields).faulty
    assert Message.objects.count() == 0


@pytest.mark.parametrize(
    ("word", "ends"),
    [("delivered", "delivered"), ("opened", "read"), ("clicked", "read"), ("bounced", "undelivered"),
     ("dropped", "undelivered"), ("deferred", "sent"), ("failed", "failed")],
)  # fmt: skip
def test_a_status_or_event_moves_a_mail(studio, word, ends):
    got = world.record_mail(studio, to="ana@example.com", provider_message_id="sg-1")
    told = status(studio, provider_message_id="sg-1", status=word, error_message="550 no")
    assert (told.status, told["status"]) == (200, ends)
    assert world.status_of(studio, got["message_id"]) == ends


def test_a_status_never_moves_backwards_but_for_a_late_bounce(studio):
    sent = {"message_id": world.record_mail(studio, to="ana@example.com")["message_id"]}
    assert status(studio, **sent, status="opened")["applied"] is True
    assert status(studio, **sent, status="delivered").body == {**sent, "status": "read", "applied": False}
    assert status(studio, **sent, status="queued")["applied"] is False
    assert status(studio, **sent, status="bounced")["status"] == "undelivered"


@pytest.mark.parametrize("word", ["complained", "unsubscribed"])
def test_a_complaint_opts_out_of_mail_alone(studio, word):
    got = world.record_mail(studio, to="ana@example.com", status="delivered")
    assert status(studio, message_id=got["message_id"], status=word).body == {
        "message_id": got["message_id"], "status": "delivered", "applied": True,
    }  # fmt: skip
    assert Consent.objects.get(address="ana@example.com").state == "opted_out"
    assert world.mail(studio, to="ana@example.com")["status"] == "blocked"


def test_a_mail_s_status_is_none_of_a_text_and_the_other_way_round(studio):
    mail, text = world.record_mail(studio), world.record(studio)
    assert status(studio, message_id=text["message_id"], status="delivered").status == 404
    assert status(studio, message_id=text["message_id"], status="queued").status == 404
    other = world.post("/sms/status", {"message_id": mail["message_id"], "status": "delivered"}, studio.key)
    assert other.status == 404
    assert status(studio, message_id=mail["message_id"], status="sending", provider_message_id="x").status == 200
    assert status(studio, status="delivered").faulty == {"body.message_id"}
    assert status(studio, message_id=mail["message_id"], status="eaten").faulty == {"body.status"}


def test_one_door_takes_mails_singly_and_in_lists(studio):
    letter = {"channel": "email", "action": "send", "business_id": studio.id, "to": "ana@example.com",
              "subject": "Your class", "text": "Ten"}  # fmt: skip
    came = {"channel": "email", "action": "record", "direction": "inbound", "business_id": studio.id,
            "from": "ana@example.com", "subject": "Re: Your class", "text": "Yes"}  # fmt: skip
    assert (door(studio, letter).status, door(studio, came).status) == (202, 201)
    assert door(studio, letter | {"dry_run": True})["would"] == "send"
    assert door(studio, letter | {"direction": "inbound"}).faulty == {"body.direction"}
    text = {"channel": "sms", "action": "send", "business_id": studio.id, "to": world.phone(), "body": "Hi"}
    rows = door(studio, [letter, letter | {"subject": "a\nb"}, text, came, letter | {"html": "<p>x</p>"}])["results"]
    assert [one["status"] for one in rows] == [202, 422, 202, 201, 202]
    assert rows[1]["detail"][0]["loc"] == ["body", "subject"]
    thread = {"client_id": rows[0]["client_id"], "conversation_id": rows[0]["conversation_id"]}
    said = [(one["direction"], one["subject"]) for one in reversed(world.timeline(studio, thread))]
    assert said[2:] == [("outbound", "Your class"), ("inbound", "Re: Your class"), ("outbound", "Your class")]


def test_a_hundred_mails_to_known_clients_take_few_statements(studio):
    for n in range(30):
        world.mail(studio, to=f"c{n}@x.example")
    letter = {"channel": "email", "action": "send", "business_id": studio.id, "subject": "Your class", "text": "Ten"}
    rows = [letter | {"to": f"c{n % 30}@x.example"} for n in range(100)]
    with world.statements() as seen:
        got = door(studio, rows)
    assert {one["status"] for one in got["results"]} == {202}
    assert len(seen) <= 8, [sql[:80] for sql, _ in seen]


def test_an_answer_belongs_to_its_own_client_and_to_mail(studio):
    first = world.mail(studio, to="ana@example.com", subject="Nine?")
    other, text = world.mail(studio, to="bo@example.com"), world.queue(studio)
    answer = {"to": "ana@example.com", "subject": None, "in_reply_to": first["message_id"]}
    got = world.mail(studio, **answer)
    assert world.message(studio, got["message_id"])["subject"] == "Re: Nine?"
    assert world.mail(studio, **answer | {"in_reply_to": other["message_id"]}).faulty == {"body.in_reply_to"}
    assert world.mail(studio, **answer | {"in_reply_to": text["message_id"]}).faulty == {"body.in_reply_to"}
    assert world.mail(studio, **answer | {"in_reply_to": 10**12}).status == 404


def test_an_answer_to_a_mail_without_a_subject_takes_the_conversation_s_last(studio):
    ana = {"from": "ana@example.com"}
    bare = world.record_mail(studio, direction="inbound", subject=None, **ana)
    assert world.mail(studio, to="ana@example.com", subject=None, in_reply_to=bare["message_id"]).faulty == {
        "body.subject"
    }
    world.mail(studio, to="ana@example.com", subject="RE: Towels")
    got = world.mail(studio, to="ana@example.com", subject=None, in_reply_to=bare["message_id"])
    assert world.message(studio, got["message_id"])["subject"] == "RE: Towels"


def test_the_trace_of_a_mail_tells_of_its_parts(studio):
    file = {"name": "a.txt", "content_base64": base64.b64encode(b"hi").decode()}
    got = world.mail(studio, cc=["bo@example.com"], attachments=[file])
    trace = {step["step"]: step for step in world.message(studio, got["message_id"])["trace"]}
    assert trace["mail"]["detail"]["recipients"] == 2
    assert trace["mail"]["detail"]["message_id"].startswith("<m.")
    assert (trace["attachment"]["result"], trace["attachment"]["detail"]) == ("stored", {"name": "a.txt", "size": 2})
    assert ConsentChange.objects.count() == 0
