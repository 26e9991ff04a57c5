"""Support sees masked data until it gives a reason: every page of the admin is walked and looked through."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import AdminRole, ApiKey, AuditEntry, Client, ClientAddress, Unmasking
from conversations.models import Assignment, Attachment, Message, MessageEvent, Notification
from messaging.models import Attempt, Email
from omega_project.lib import masking
from omega_project.lib.reach import SUPPORT
from tests.admin.world import a_business, a_staff_member, a_thread, an_event, fails, hears, says
from voice.models import Call, Leg

NAME, SURNAME, PHONE, MAIL = "Zyxwvut", "Qponmlk", "+12125557391", "zyxwvut@planted.example"
WORDS, SUBJECT, FILE = "Marzipan allergy, please hurry", "Saffron matters", "passport-scan.png"
PLANTED = (NAME, SURNAME, PHONE, PHONE[1:], "5557391", "planted.example", "Marzipan", "Saffron", "passport-scan")
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
REASON = "The owner asked why her text did not arrive"


def name_of(model):
    return model._meta.label


def plant():
    """A client of whom something stands in every table that is about clients."""
    business = a_business(name="Lotus")
    thread = a_thread(business, said=WORDS, first_name=NAME, last_name=SURNAME, phone=PHONE, email=MAIL)
    client = thread.client
    sent = says(thread, WORDS)
    fails(sent, retryable=True)
    Message.objects.filter(pk=sent).update(
        subject=SUBJECT, html=f"<b>{WORDS}</b>", cc=[MAIL], error_message=f"{PHONE} is switched off, said {MAIL}.",
        metadata={"from_name": NAME}, channel="email", decision={"source": "api"},
    )  # fmt: skip
    Email.objects.create(message_id=sent, full_text=WORDS, envelope_from=MAIL, held_from=MAIL, headers={"X": WORDS})
    hears(thread, "STOP")
    ClientAddress.objects.create(business=business, client=client, kind="email", address=MAIL)
    Attachment.objects.create(message_id=sent, status="stored", name=FILE, source_url=f"https://x.example/{FILE}")
    Message.objects.filter(pk=sent).update(media_count=1)
    MessageEvent.objects.create(
        message_id=sent, from_status="queued", status="failed", source="twilio", detail=PHONE, at=client.created_at
    )
    Attempt.objects.create(
        message_id=sent, number=1, worker="w", started_at=client.created_at, outcome="failed", detail=f"{PHONE}: no"
    )
    an_event(f"Body={WORDS}&From={PHONE}".encode(), business=business, error=f"Nobody has {PHONE}.")
    an_event(f"Body={WORDS}&From={PHONE}".encode(), error=f"Nobody has {PHONE}.")
    staff = a_staff_member(business)
    Notification.objects.create(business=business, staff=staff, conversation=thread, kind="note", text=f"{NAME} wrote")
    Assignment.objects.create(conversation=thread, staff=staff)
    call = Message.objects.get(pk=hears(thread, "Ring"))
    Message.objects.filter(pk=call.pk).update(channel="voice", call={"from": PHONE, "to": "x", "status": "busy"})
    rings = Call.objects.create(sid="CA1", business=business, message=call, created_at=client.created_at)
    Leg.objects.create(call=rings, sid="CA1", to_address=PHONE)
    admin.models.LogEntry.objects.create(
        user=User.objects.create_user("other"), object_id=str(client.pk), object_repr=f"{NAME} {SURNAME}",
        content_type_id=admin.options.get_content_type_for_model(client).pk, action_flag=2, change_message=PHONE,
    )  # fmt: skip
    return thread


@pytest.fixture
def thread(db):
    return plant()


@pytest.fixture
def sue(db):
    """Somebody of support."""
    user = User.objects.create_user("sue", "sue@example.com", "pass", is_staff=True)
    AdminRole.objects.create(user=user, role="support")
    made = Browser()
    made.force_login(user)
    return made


def content_of(answer):
    return (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode(errors="replace")


def hides(answer):
    shown = content_of(answer)
    assert answer.status_code in {200, 302, 403, 404, 405, 422}, (answer.request["PATH_INFO"], answer.status_code)
    found = [one for one in PLANTED if one.lower() in shown.lower()]
    assert not found, (answer.request["PATH_INFO"], answer.request["QUERY_STRING"], found)
    return answer


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_no_page_list_search_choice_or_export_shows_anybody(thread, sue, model):
    place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    changelist = reverse(f"{place}_changelist")
    business = thread.business_id
    queries = ["", "?q=yxwvu", "?q=555", f"?business={business}", "?state=problems", f"?q={model.objects.count()}"]
    for query in queries:
        hides(sue.get(changelist + query))
    for part in ("add/", "export/", "import/"):
        hides(sue.get(changelist + part))
    hides(sue.post(f"{changelist}export/", {"format": "0", "resource": "", "_export_fields": "x"}))
    for row in model._default_manager.all()[:6]:
        for part in ("change", "history", "delete", "entries", "mail/text", "mail/html", "mail/source", "source"):
            hides(sue.get(f"{changelist}{row.pk}/{part}/"))
    for one in [one for one in model._meta.get_fields() if one.concrete and one.is_relation]:
        asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": one.name}
        hides(sue.get("/admin/autocomplete/", {**asked, "term": ""}))


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_no_deed_changes_or_shows_anybody_unseen(thread, sue, model):
    place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    admin_of = admin.site._registry[model]
    deeds = [f"do/{one.name}" for one in getattr(admin_of, "post_actions", ())]
    deeds += ["reply", "note", "assign", "status", "read", "change", "delete", "call-token"]
    before = Client.objects.values().get(), Message.objects.count()
    for row in model._default_manager.all()[:3]:
        for deed in deeds:
            answer = sue.post(f"{place}{row.pk}/{deed}/", {"post": "yes", "body": "Hi", "note": "Hi"})
            hides(answer)
            if answer.status_code == 302:
                hides(sue.get(answer.url, follow=True))
        for action in ("delete_selected", *(admin_of.actions or ())):
            chosen = {"action": action, "_selected_action": [row.pk], "index": "0", "post": "yes"}
            hides(sue.post(place, chosen, follow=True))
    assert (Client.objects.values().get(), Message.objects.count()) == before


def test_the_first_page_and_the_conversations_page_are_masked_and_say_so(thread, sue):
    hides(sue.get("/admin/"))
    page = content_of(hides(sue.get(f"/admin/conversations/conversation/{thread.pk}/change/")))
    assert "hidden from you until you say why" in page
    assert f"/admin/reason/?client={thread.client_id}&amp;next=" in page
    assert f"{NAME[0]}•••" in page


def test_the_inbox_shows_nobody_and_finds_a_whole_number_alone(thread, sue):
    place, business = f"/admin/inbox/{thread.pk}/", f"business={thread.business_id}"
    parts = ["", "thread/", "side/", "older/", "templates/", "clients/?q=zyx"]
    paths = [place + part for part in parts]
    paths += [f"/admin/inbox/?{business}", f"/admin/inbox/rows/?{business}", f"/admin/inbox/labels/?{business}"]
    paths += [f"/admin/inbox/news/?{business}&ids={thread.pk}&thread={thread.pk}&after=0"]
    paths += [f"/admin/inbox/rows/?{business}&q={word}" for word in ("zyxwv", "arzipa", "555739", "lanted")]
    for path in paths:
        hides(sue.get(path))
    found = f'data-id="{thread.pk}"'
    assert found in content_of(sue.get(f"/admin/inbox/rows/?{business}&q=%2B{PHONE[1:]}"))
    assert found not in content_of(sue.get(f"/admin/inbox/rows/?{business}&q=arzipan"))
    for deed in ("reply", "note", "status", "assign", "block", "merge", "read"):
        assert sue.post(f"{place}{deed}/", {"body": "Hi"}).status_code == 403, deed
    sue.post("/admin/reason/", {"client": thread.client_id, "reason": REASON})
    assert "Marzipan" in content_of(sue.get(f"{place}thread/"))


def test_a_reason_opens_one_client_and_stands_in_the_trail(thread, sue):
    other = a_thread(thread.business, said="Elderberry", first_name="Barnaby")
    given = {"client": thread.client_id, "reason": REASON, "next": "/admin/accounts/client/"}
    answer = sue.post("/admin/reason/", given)
    assert (answer.status_code, answer.url) == (302, "/admin/accounts/client/")
    page = content_of(sue.get(f"/admin/conversations/conversation/{thread.pk}/change/"))
    assert WORDS in page
    assert PHONE in page
    people = content_of(sue.get("/admin/accounts/client/"))
    assert SURNAME in people
    assert "Barnaby" not in people
    assert "Elderberry" not in content_of(sue.get(f"/admin/conversations/conversation/{other.pk}/change/"))
    entry = AuditEntry.objects.get(action="unmask")
    assert (entry.reason, entry.object_kind, entry.object_id) == (REASON, "client", str(thread.client_id))
    assert (entry.business_id, entry.actor_name) == (thread.business_id, "sue")


def test_a_reason_for_a_business_opens_it_and_no_other_one(thread, sue):
    other = a_thread(a_business(), said="Elderberry", first_name="Barnaby")
    sue.post("/admin/reason/", {"business": thread.business_id, "reason": REASON})
    people = content_of(sue.get("/admin/accounts/client/"))
    assert NAME in people
    assert "Barnaby" not in people
    exported = content_of(
        sue.post("/admin/accounts/client/export/", {"format": "0", "resource": "", "clientresource_phone": "on"})
    )
    assert PHONE in exported
    assert other.client.phone not in exported
    for model in (Email, Attempt, MessageEvent, Notification):
        assert sue.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")).status_code == 200


def test_it_ends_by_itself_by_hand_and_is_nobody_elses(thread, sue, settings, time_machine):
    sue.post("/admin/reason/", {"client": thread.client_id, "reason": REASON})
    url = f"/admin/accounts/client/{thread.client_id}/change/"
    assert PHONE in content_of(sue.get(url))
    tom = User.objects.create_user("tom", password="pass", is_staff=True)
    AdminRole.objects.create(user=tom, role="support")
    visitor = Browser()
    visitor.force_login(tom)
    hides(visitor.get(url))
    sue.post("/admin/reason/end/")
    hides(sue.get(url))
    sue.post("/admin/reason/", {"client": thread.client_id, "reason": REASON})
    Unmasking.objects.update(expires_at=thread.client.created_at)
    hides(sue.get(url))


@pytest.mark.parametrize("reason", ["", "   ", "because", " . . . . "])
def test_no_reason_opens_nothing(thread, sue, reason):
    answer = sue.post("/admin/reason/", {"client": thread.client_id, "reason": reason})
    assert answer.status_code == 422
    assert not Unmasking.objects.exists()
    assert not AuditEntry.objects.filter(action="unmask").exists()


def test_who_is_masked_finds_a_client_by_a_whole_address_alone(thread, sue):
    url = "/admin/accounts/client/"
    assert f"/client/{thread.client_id}/" in content_of(sue.get(url, {"q": PHONE}))
    assert f"/client/{thread.client_id}/" in content_of(sue.get(url, {"q": MAIL}))
    for part in (PHONE[:-1], NAME, "planted", MAIL[1:]):
        assert f"/client/{thread.client_id}/" not in content_of(sue.get(url, {"q": part}))


def test_what_is_open_may_be_changed_and_answered(thread, sue):
    sue.post("/admin/reason/", {"client": thread.client_id, "reason": REASON})
    answer = sue.post(f"/admin/conversations/conversation/{thread.pk}/note/", {"note": "Rang the owner"})
    assert answer.status_code == 302
    assert Message.objects.filter(body="Rang the owner").exists()


def test_a_failed_message_is_retried_unseen(thread, sue):
    failed = Message.objects.get(status="failed")
    assert sue.post(f"/admin/conversations/message/{failed.pk}/do/retry/").status_code == 302
    failed.refresh_from_db()
    assert (failed.status, failed.body) == ("queued", WORDS)


def test_a_new_key_is_no_way_around_it(thread, sue):
    data = {"name": "mine", "business": thread.business_id, "expires_at_0": "", "expires_at_1": ""}
    assert sue.post("/admin/accounts/apikey/add/", data).status_code == 403
    assert not ApiKey.objects.exists()
    sue.post("/admin/reason/", {"business": thread.business_id, "reason": REASON})
    assert sue.post("/admin/accounts/apikey/add/", data | {"business": ""}).status_code == 403
    assert sue.post("/admin/accounts/apikey/add/", data).status_code == 302


def test_who_is_not_masked_has_no_such_page(thread, admin_client):
    assert admin_client.get("/admin/reason/").status_code == 404
    assert PHONE in content_of(admin_client.get("/admin/accounts/client/"))


def test_a_request_that_fails_leaves_the_connection_as_it_was(thread, sue, monkeypatch):
    def breaks(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(admin.site._registry[Client], "get_queryset", breaks)
    with pytest.raises(RuntimeError):
        sue.get("/admin/accounts/client/")
    assert not masking.is_on()
    assert Client.objects.values_list("phone", flat=True).get() == PHONE


def test_without_the_views_support_sees_nothing_at_all(thread, sue):
    masking.drop_views()
    answer = sue.get("/admin/accounts/client/")
    assert answer.status_code == 503
    assert PHONE not in content_of(answer)


def test_a_table_that_nobody_said_anything_of_is_masked(db):
    free = masking._free_columns()
    with connection.cursor() as cursor:
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = %s", [masking.SCHEMA])
        views = {row[0] for row in cursor.fetchall()}
    wordless = {"accounts_staff_locations"}
    unseen = {
        table for table, columns in free.items()
        if table not in views and not masking.is_plain(table) and _has_words(table, columns)
    } - wordless  # fmt: skip
    assert not unseen


def _has_words(table, columns):
    kinds = masking._kinds()[table]
    known = masking._known(table)
    return any(masking._mask(table, one, kinds[one]) for one in columns - known.plain if one in kinds)


def test_a_column_that_nobody_named_is_masked():
    assert masking._mask("accounts_client", "diary", "text").startswith("omega_masked.words(")
    assert masking._mask("accounts_client", "facts", "jsonb").startswith("CASE")
    assert re.match(r"'\{\}'::", masking._mask("accounts_client", "pets", "text[]"))


def test_support_is_who_is_masked():
    assert SUPPORT.is_masked
    assert SUPPORT.is_everything
