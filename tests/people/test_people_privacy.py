"""A person's data out, or gone: nothing of them is left in any table, and nothing of them comes back."""

import json

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import AdminRole, AuditEntry, Client, ClientAddress
from conversations.models import Attachment, Message
from conversations.services import merging
from messaging.models import Consent, WebhookDelivery, WebhookEvent
from messaging.services import stored_mail
from messaging.services.webhook_endpoints import add_endpoint
from tests.contract.shapes import CLIENT, MESSAGE, STATS, assert_error, assert_keys
from tests.contract.world import (
    a_client,
    a_mail_sender,
    a_staff_member,
    a_studio,
    address,
    claimed,
    get,
    mail,
    phone,
    post,
    queue,
    record,
    reply,
    report,
    sid,
    text_form,
    twilio,
)

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "Xanadu"


def erase(studio, client, **body):
    return post(f"{studio.path}/clients/{client.pk}/erase", body, studio.key)


def export(studio, client):
    return get(f"{studio.path}/clients/{client.pk}/export", studio.key)


def a_life(studio):
    """A client with something of theirs in every place that keeps words; all of it says SECRET, or their addresses."""
    a_mail_sender(studio)
    email = f"{SECRET.lower()}@mail.example"
    client = a_client(studio, first_name=SECRET, last_name=SECRET, email=email, tags=[SECRET], external_id=SECRET)
    sent = queue(studio, client_id=client.pk, body=SECRET, metadata={"of": SECRET})
    record(studio, client_id=client.pk, body=SECRET, provider_message_id=sid(), status="sent")
    reply(studio, client.phone, SECRET)
    mail(studio, client_id=client.pk, subject=SECRET, text=SECRET, cc=[f"cc.{email}"])
    thread = f"{studio.path}/clients/{client.pk}/conversations/{sent['conversation_id']}"
    mo, ann = a_staff_member(studio), a_staff_member(studio, name="Ann")
    post(f"{thread}/notes", {"body": SECRET, "staff_id": mo.pk, "mentions": [ann.pk]}, studio.key)
    post(f"{thread}/labels", {"labels": [SECRET]}, studio.key)
    call = {"sid": sid("CA"), "status": "completed", "recording_url": f"https://x.example/{SECRET}"}
    body = {"channel": "voice", "action": "record", "business_id": studio.id, "client_id": client.pk, "call": call}
    assert post("/messages", body | {"direction": "inbound", "body": SECRET}, studio.key).status == 201
    file = default_storage.save("attachments/x.txt", ContentFile(SECRET.encode()))
    Attachment.objects.create(message_id=sent["message_id"], status="stored", file=file, name=SECRET)
    twin = a_client(studio, first_name=SECRET, email="")
    record(studio, client_id=twin.pk, body=SECRET)
    merging.merge_clients(kept=client, merged=twin)
    endpoint, _ = add_endpoint(business_id=studio.id, url="https://p.example.com/", events=[], description="")
    WebhookDelivery.objects.create(
        business_id=studio.id, endpoint=endpoint, position=1, webhook_id="m", type="message.created",
        client_id=client.pk, payload=json.dumps({"body": SECRET}), created_at=timezone.now(),
    )  # fmt: skip
    return client, twin, file


def rows_with(*words):
    """The tables, apart from the trail, in a row of which one of the words stands; bytes are read too."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            if not model._meta.managed or model is AuditEntry:
                continue
            table = model._meta.db_table
            text = f'SELECT count(*) FROM "{table}" t WHERE lower(t::text) LIKE ANY(%s)'
            hexed = [f"%{word.encode().hex()}%" for word in words]
            cursor.execute(text, [[f"%{word.lower()}%" for word in words] + hexed])
            if count := cursor.fetchone()[0]:
                found[table] = count
    return found


def test_nothing_of_an_erased_client_is_left_in_any_table():
    studio = a_studio()
    client, twin, file = a_life(studio)
    words = (SECRET, client.phone, twin.phone, client.email)
    assert len(rows_with(*words)) > 8  # or the claim below says nothing
    done = erase(studio, client)
    assert done.status == 200, done.raw
    assert_keys(done.body, {"client_id", "erased_at", "messages", "files"})
    assert rows_with(*words) == {}
    assert not default_storage.exists(file)
    assert done["messages"] == Message.objects.filter(business_id=studio.id).count()


def stray(business_id, payload, kind="sms.reply", status="failed"):
    """An event that never came to a message."""
    now = timezone.now()
    return WebhookEvent.objects.create(
        provider="twilio", kind=kind, dedupe_key=sid(), payload=payload, status=status, business_id=business_id,
        url="/x?q=1", error=f"No place for {payload[:40]!r}", received_at=now, next_attempt_at=now,
    )  # fmt: skip


def test_events_that_never_came_to_a_message_are_emptied_by_the_number_and_the_address():
    studio, other = a_studio(), a_studio()
    client, theirs = a_client(studio, email="ana@mail.example"), a_client(other)
    digits = client.phone[1:].encode()
    file = default_storage.save("mails/x.eml", ContentFile(b"From: ana@mail.example"))
    kept = stored_mail.StoredMail(file=file, size=1, digest="", envelope_from="ANA@mail.example").as_payload()
    hers = [
        stray(studio.id, b"From=%2B" + digits + b"&Body=hello\x00\xff"),
        stray(None, b"To=%2B1&From=%2B" + digits, status="pending"),
        stray(studio.id, b'{"to": "+' + digits + b'"}', kind="sms.status", status="processed"),
        stray(studio.id, b"from=Ana+%3Cana%40mail.example%3E", kind="email.event"),
        stray(None, kept, kind=stored_mail.KIND),
    ]
    others = [
        stray(studio.id, b"From=%2B" + digits + b"7"), stray(other.id, b"From=%2B" + digits),
        stray(studio.id, b"from=diana%40mail.example"), stray(None, b"From=%2B" + theirs.phone[1:].encode()),
    ]  # fmt: skip
    before = [bytes(one.payload) for one in others]
    assert erase(studio, client).status == 200
    for one in hers:
        one.refresh_from_db()
        assert (bytes(one.payload), one.url, one.error, one.next_attempt_at) == (b"", "", "", None)
        assert one.status in {"ignored", "processed"}
    assert not default_storage.exists(file)
    assert [bytes(WebhookEvent.objects.get(pk=one.pk).payload) for one in others] == before


def test_an_event_of_nobodys_stays_where_the_number_is_a_clients_elsewhere_too():
    studio, other = a_studio(), a_studio()
    client = a_client(studio)
    a_client(other, phone=client.phone)
    event = stray(None, b"From=%2B" + client.phone[1:].encode())
    assert erase(studio, client).status == 200
    event.refresh_from_db()
    assert bytes(event.payload)


def test_an_erased_client_stands_there_without_a_name():
    studio = a_studio()
    client, *_ = a_life(studio)
    erase(studio, client)
    shown = get(f"{studio.path}/clients/{client.pk}", studio.key)
    assert (shown["name"], shown["phone"], shown["email"], shown["tags"]) == ("Erased client", None, None, [])
    assert shown["conversation"]["status"] == "closed"
    assert shown["conversation"]["unread_count"] == 0
    again = erase(studio, client)
    assert (again.status, again["messages"], again["files"]) == (200, 0, 0)


def test_what_waits_for_an_erased_client_is_not_sent():
    studio = a_studio()
    client = a_client(studio)
    waiting = queue(studio, client_id=client.pk)["message_id"]
    erase(studio, client)
    assert claimed() == []
    assert get(f"/messages/{waiting}", studio.key)["status"] == "canceled"
    assert post(f"{studio.path}/messages/retry", {"force": True}, studio.key)["retried"] == []


def test_while_a_message_is_sent_it_is_409_and_nothing_is_gone():
    studio = a_studio()
    client = a_client(studio)
    queue(studio, client_id=client.pk, body=SECRET)
    assert claimed()
    assert_error(erase(studio, client), 409, "in_flight")
    assert Message.objects.get().body == SECRET


def test_what_was_taken_in_once_does_not_come_back():
    studio = a_studio()
    client = a_client(studio)
    form = text_form(studio, client.phone, SECRET)
    twilio("/twilio/sms/reply", form)
    sent = queue(studio, client_id=client.pk, request_id="r-1", body=SECRET)
    erase(studio, client)
    assert twilio("/twilio/sms/reply", form).status == 200
    again = queue(studio, client_id=client.pk, request_id="r-1", body=SECRET)
    assert again["message_id"] == sent["message_id"]
    assert rows_with(SECRET, client.phone) == {}


def test_a_late_receipt_changes_a_status_and_brings_nothing_back():
    studio, provider_id = a_studio(), sid()
    client = a_client(studio)
    record(studio, client_id=client.pk, body=SECRET, provider_message_id=provider_id, status="sent")
    erase(studio, client)
    assert report(studio, provider_id, "delivered", To=client.phone).status == 204
    assert Message.objects.get().status == "delivered"
    assert Message.objects.get().to_address == ""


def test_who_said_stop_is_not_written_to_again_whoever_they_are():
    studio, number = a_studio(), phone()
    client = a_client(studio, phone=number)
    reply(studio, number, "STOP")
    erase(studio, client)
    assert Consent.objects.get().state == "opted_out"
    assert queue(studio, to=number)["status"] == "blocked"


def test_a_number_that_somebody_else_has_too_keeps_its_consent():
    studio, number = a_studio(), phone()
    client, partner = a_client(studio, phone=number), a_client(studio, phone=number)
    path = f"{studio.path}/clients/{partner.pk}/consent"
    from_api = {"channel": "sms", "state": "opted_in", "reason": "form"}
    assert post(path, from_api, studio.key).status == 405
    Consent.objects.create(
        business_id=studio.id, channel="sms", address=number, state="opted_in", updated_at=timezone.now()
    )
    erase(studio, client)
    assert Consent.objects.get().state == "opted_in"
    assert Client.objects.get(pk=partner.pk).phone == number


def test_the_same_person_coming_again_is_somebody_new():
    studio, number = a_studio(), phone()
    client = a_client(studio, phone=number, external_id="c-1")
    queue(studio, client_id=client.pk)
    erase(studio, client)
    reply(studio, number, "Hello again")
    rows = [{"external_id": "c-1", "first_name": "Ana"}]
    assert post(f"{studio.path}/clients/sync", {"rows": rows}, studio.key)["created"] == 1
    assert Message.objects.get(direction="inbound").client_id != client.pk


def test_an_export_has_everything_once():
    studio = a_studio()
    client, _, _ = a_life(studio)
    ClientAddress.objects.create(business_id=studio.id, client=client, kind="email", address=address())
    got = export(studio, client)
    assert got.status == 200, got.raw
    assert_keys(got.body, {"exported_at", "client", "other_addresses", "consent", "messages"})
    assert_keys(got["client"], CLIENT | {"conversation", "stats"})
    assert_keys(got["client"]["stats"], STATS)
    ids = [one["id"] for one in got["messages"]]
    assert sorted(ids) == sorted(Message.objects.filter(client=client).values_list("pk", flat=True))
    assert all(set(one) == MESSAGE for one in got["messages"])
    assert len(got["other_addresses"]) >= 1
    assert "attachment" in got.headers["Content-Disposition"]


def test_an_export_of_more_than_a_page_of_messages_has_all(monkeypatch):
    monkeypatch.setattr("messaging.services.exporting._AT_ONCE", 3)
    studio = a_studio()
    client = a_client(studio)
    ids = [queue(studio, client_id=client.pk)["message_id"] for _ in range(7)]
    assert [one["id"] for one in export(studio, client)["messages"]] == ids


def test_a_client_without_a_thread_is_exported_and_erased():
    studio = a_studio()
    client = a_client(studio)
    assert export(studio, client)["messages"] == []
    assert erase(studio, client).status == 200


def test_a_foreign_or_merged_client_is_404():
    studio, other = a_studio(), a_studio()
    client = a_client(other)
    assert_error(erase(studio, client), 404, "not_found")
    assert_error(export(studio, client), 404, "not_found")
    kept, merged = a_client(studio), a_client(studio)
    merging.merge_clients(kept=kept, merged=merged)
    assert_error(erase(studio, merged), 404, "not_found")


def test_the_trail_says_who_asked_and_why():
    studio = a_studio()
    erase(studio, a_client(studio), reason="Asked by letter")
    entry = AuditEntry.objects.latest("pk")
    assert "erase" in entry.action
    assert "Asked by letter" in str(vars(entry))


def test_the_admins_client_page_exports_and_erases():
    studio = a_studio()
    client, *_ = a_life(studio)
    browser = Browser()
    browser.force_login(User.objects.create_superuser("olga", "olga@example.com", "pass"))
    browser.get("/admin/jsi18n/")
    page = f"/admin/accounts/client/{client.pk}/"
    assert "Erase their data" in browser.get(f"{page}change/").content.decode()
    got = browser.post(f"{page}do/export_data/")
    assert json.loads(got.content)["client"]["id"] == client.pk
    shown = browser.post(f"{page}do/erase/", follow=True).content.decode()
    assert "is gone" in shown
    assert "Erase their data" not in shown
    assert rows_with(SECRET, client.phone) == {}


def test_an_agent_erases_nobody():
    studio = a_studio()
    client = a_client(studio)
    user = User.objects.create_user("ann", "ann@example.com", "pass", is_staff=True)
    AdminRole.objects.create(user=user, role="agent", business_id=studio.id)
    browser = Browser()
    browser.force_login(user)
    browser.get("/admin/jsi18n/")
    assert browser.post(f"/admin/accounts/client/{client.pk}/do/erase/").status_code == 403
    assert Client.objects.get().erased_at is None
