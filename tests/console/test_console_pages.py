"""The inbox in process: what its pages show, to whom, and at what price."""

import itertools
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts import roles
from accounts.models import AdminRole, AuditEntry, Client, ClientAddress
from conversations.models import Conversation, Message, SavedView, Seen
from conversations.services import threads
from messaging.console import urls
from messaging.models import Template
from tests.admin.world import EVIL, a_business, a_staff_member, a_thread, fails, hears, opened_to, says
from tests.security.test_security_roles import login_as

MOST_QUERIES = 12
RTL = "\u202eevil\u202c"


def page(browser, path="", **query):
    answer = browser.get(f"/admin/inbox/{path}", query)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def deed(browser, thread, name, code=200, /, **fields):
    answer = browser.post(f"/admin/inbox/{thread.pk}/{name}/", fields)
    assert answer.status_code == code, answer.content[:500]
    return answer.json() if answer.content else {}


def ids_in(html):
    return [int(one) for one in re.findall(r'class="in-row[^"]*"\s+data-id="(\d+)"', html)]


def counted(work):
    """Statements of Django's own and of lib.sql, which passes by its log."""
    found = []

    def note(execute, sql, params, many, context):
        found.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        work()
    return len([one for one in found if not str(one).startswith(("SAVEPOINT", "RELEASE"))])


def test_a_page_and_a_thread_cost_the_same_at_any_size(browser):
    business = a_business()
    threads_made = [a_thread(business, said=f"Hello {number}") for number in range(40)]
    for number in range(70):
        hears(threads_made[0], f"Line {number}")
    query = {"business": business.pk}
    page(browser, **query)
    assert counted(lambda: page(browser, **query)) <= MOST_QUERIES
    assert counted(lambda: page(browser, f"{threads_made[0].pk}/thread/")) <= MOST_QUERIES
    assert counted(lambda: page(browser, f"{threads_made[0].pk}/side/")) <= MOST_QUERIES
    news = query | {"ids": ",".join(str(one.pk) for one in threads_made), "thread": threads_made[0].pk}
    assert counted(lambda: page(browser, "news/", **news)) <= MOST_QUERIES + 4  # the list's and the thread's together


def test_the_list_goes_on_by_key_and_shows_each_once(browser):
    business = a_business()
    made = {a_thread(business).pk for _ in range(65)}
    html, found = page(browser, "rows/", business=business.pk), []
    for _ in itertools.repeat(None, 5):
        found += ids_in(html)
        more = re.search(r'hx-get="([^"]*)"', html)
        if not more:
            break
        html = browser.get(more[1].replace("&amp;", "&")).content.decode()
    assert len(found) == len(set(found)) == 65
    assert set(found) == made
    assert ids_in(page(browser, "rows/", business=business.pk, cursor="forged"))  # as if none were given


def test_folders_and_filters_find_their_own(db):
    business = a_business()
    mo = a_staff_member(business, email="mo@example.com")
    user = User.objects.create_user("mo", "mo@example.com", is_staff=True)
    AdminRole.objects.create(user=user, role="agent", business=business, staff=mo)
    browser = Browser()
    browser.force_login(user)
    mine, free, shut, slept, named = (a_thread(business, first_name=one) for one in ("A", "B", "C", "D", "E"))
    threads.assign_conversation(conversation=mine, staff_id=mo.pk, actor_id=None)
    threads.change_status(conversation=shut, status="closed", snoozed_until=None, actor_id=None)
    later = timezone.now() + timedelta(days=1)
    threads.change_status(conversation=slept, status="snoozed", snoozed_until=later, actor_id=None)
    threads.add_note(conversation=named, note=threads.NewNote("@Mo look", mentions=[mo.pk]))
    threads.set_labels(conversation=free, labels=["vip"])
    threads.mark_read(conversation_id=named.pk, is_read=True, chosen={})

    def shown(**query):
        return set(ids_in(page(browser, "rows/", **query)))

    assert shown(folder="mine") == {mine.pk}
    assert shown(folder="unassigned") == {free.pk, named.pk}
    assert shown(folder="all") == shown() == shown(folder="nonsense") == {mine.pk, free.pk, named.pk}
    assert shown(folder="mentions") == {named.pk}
    assert shown(folder="closed") == {shut.pk}
    assert shown(folder="snoozed") == {slept.pk}
    assert shown(label="vip") == {free.pk}
    assert shown(unread="yes") == {mine.pk, free.pk}
    assert shown(channel="email") == set()
    assert shown(q=shut.client.phone, folder="mine") == {shut.pk}  # a search looks everywhere
    assert "Nothing was found" in page(browser, "rows/", q="nowhere to be found")
    assert "Nothing fits these filters" in page(browser, "rows/", location="1")


def test_names_words_and_files_are_text_whatever_is_in_them(browser):
    business = a_business()
    thread = a_thread(business, said=f"{EVIL} {RTL}", first_name=f"{RTL}{EVIL}", tags=[EVIL])
    threads.set_labels(conversation=thread, labels=[EVIL[:60]])
    threads.add_note(conversation=thread, note=threads.NewNote(EVIL))
    Template.objects.create(business=business, name=EVIL, channel="sms", body=f"{{{{ client.first_name }}}} {EVIL}")
    ClientAddress.objects.create(business=business, client=thread.client, kind="phone", address=EVIL)
    for path in ("", f"{thread.pk}/", f"{thread.pk}/thread/", f"{thread.pk}/side/", f"{thread.pk}/templates/"):
        html = page(browser, path, business=business.pk)
        assert "<script>alert" not in html, path
        assert html.count("<bdi>") or path.endswith("templates/")
    found = browser.get("/admin/inbox/news/", {"business": business.pk, "ids": thread.pk, "thread": thread.pk}).json()
    assert "<script>" not in found["rows"][0]["html"] + "".join(one["html"] for one in found["thread"]["entries"])


def test_a_template_is_filled_in_and_a_hole_in_the_text_never_leaves(browser):
    thread = a_thread(first_name="Ana")
    Template.objects.create(
        business=thread.business, name="Reminder", channel="sms", body="Hi {{ client.first_name }}, at {{ time }}?"
    )
    html = page(browser, f"{thread.pk}/templates/", channel="sms", q="remi")
    assert "Hi Ana, at {{ time }}?" in html
    answer = deed(browser, thread, "reply", 422, body="Hi Ana, at {{ time }}?", channel="sms")
    assert "still wants {{time}}" in answer["errors"][0]
    assert not Message.objects.filter(direction="outbound").exists()


def test_a_reply_is_held_on_disk_and_taken_back_before_it_leaves(browser):
    thread = a_thread()
    before = timezone.now()
    answer = deed(browser, thread, "reply", body="See you at 5", channel="sms", request_id="abc123")
    message = Message.objects.get(pk=answer["id"])
    assert (message.status, answer["undo"]) == ("scheduled", 5)
    assert message.due_at >= before + timedelta(seconds=5)
    assert deed(browser, thread, "reply", body="See you at 5", channel="sms", request_id="abc123")["id"] == message.pk
    thread.refresh_from_db()
    assert thread.unread_count == 0
    back = deed(browser, thread, "undo", message=message.pk)
    assert (back["body"], back["channel"]) == ("See you at 5", "sms")
    message.refresh_from_db()
    assert message.status == "canceled"
    Message.objects.filter(pk=message.pk).update(status="sending", lease_until=timezone.now())
    assert "cannot be taken back" in deed(browser, thread, "undo", 409, message=message.pk)["errors"][0]
    assert deed(browser, thread, "undo", 404, message=message.pk + 1)["errors"]


def test_what_failed_is_tried_again_or_written_anew(browser):
    thread = a_thread()
    passing, lasting = says(thread, "Until nine"), says(thread, "Until ten")
    fails(passing, retryable=True)
    fails(lasting, retryable=False)
    Message.objects.update(attempts=1)
    html = page(browser, f"{thread.pk}/thread/")
    assert html.count('data-deed="retry"') == html.count('data-rewrite="sms"') == 1
    assert "1 message is queued again" in deed(browser, thread, "retry", message=passing)["told"]
    assert "failed for good" in deed(browser, thread, "retry", 409, message=lasting)["errors"][0]
    assert deed(browser, thread, "retry", 404, message=says(a_thread(), "Elsewhere"))["errors"]
    assert Message.objects.get(pk=passing).status == "queued"


def test_a_reply_goes_later_when_asked_and_never_in_the_past(browser):
    thread = a_thread()
    at = timezone.now() + timedelta(days=2)
    answer = deed(browser, thread, "reply", body="Tomorrow", channel="sms", at=at.isoformat())
    assert Message.objects.get(pk=answer["id"]).due_at == at
    assert answer["undo"] == 0
    for wrong in ("yesterday", (timezone.now() - timedelta(hours=1)).isoformat(), "2099-01-01T00:00:00Z"):
        assert deed(browser, thread, "reply", 422, body="x", channel="sms", at=wrong)["errors"]


def test_an_answer_over_a_colleagues_is_asked_about_and_over_the_clients_is_not(browser):
    thread = a_thread()
    began = Conversation.objects.get(pk=thread.pk).last_message_id
    hears(thread, "And bring a towel?")
    assert deed(browser, thread, "reply", body="Yes", channel="sms", expected=began)["id"]
    colleague = says(thread, "No need to")
    asked = deed(browser, thread, "reply", 409, body="Please do", channel="sms", expected=began)
    assert asked["missed"][-1]["body"] == "No need to"
    assert asked["last"] == colleague
    assert deed(browser, thread, "reply", body="Please do", channel="sms", expected=asked["last"])["id"]


def test_an_opted_out_client_is_told_of_and_what_can_be_done(browser):
    thread = a_thread(email="ana@client.example")
    hears(thread, "STOP")
    html = page(browser, f"{thread.pk}/thread/")
    assert "This client has opted out of texts." in html
    assert deed(browser, thread, "reply", body="Hello?", channel="sms")["status"] == "blocked"
    assert deed(browser, thread, "note", note="They said STOP")["id"]


def test_what_each_login_has_seen_is_its_own(browser):
    business = a_business()
    thread = a_thread(business, said="One")
    assert "in-row--new" in page(browser, "rows/", business=business.pk)
    page(browser, f"{thread.pk}/thread/")
    html = page(browser, "rows/", business=business.pk)
    assert "in-row--new" not in html
    assert 'title="Unread messages">1' in html  # the conversation's own count is another matter
    sue = login_as("sue", "support")
    assert "in-row--new" in page(sue, "rows/", business=business.pk)
    second = hears(thread, "Two")
    assert "in-row--new" in page(browser, "rows/", business=business.pk)
    deed(browser, thread, "read")
    thread.refresh_from_db()
    assert thread.unread_count == 0
    assert "in-row--new" not in page(browser, "rows/", business=business.pk)
    deed(browser, thread, "unread", message=second)
    thread.refresh_from_db()
    assert thread.unread_count == 1
    assert Seen.objects.get(user__username="olga").message_id < second
    assert "in-row--new" in page(browser, "rows/", business=business.pk)
    assert deed(browser, thread, "unread", 404, message=10**15)["errors"]


def test_deeds_go_by_the_services_and_two_may_do_the_same(browser):
    business = a_business()
    mo, thread = a_staff_member(business), a_thread(business, first_name="Ana")
    assert "Mo Santos" in deed(browser, thread, "assign", staff=mo.pk)["told"]
    assert deed(browser, thread, "status", status="closed")["told"].startswith("Closed.")
    sue = login_as("sue", "manager", business)
    assert "somebody else may have" in deed(sue, thread, "status", status="closed")["told"]
    assert deed(browser, thread, "status", 422, status="gone")["errors"]
    assert deed(browser, thread, "status", 422, status="snoozed", until="soon")["errors"]
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    deed(browser, thread, "status", status="snoozed", until=until)
    deed(browser, thread, "set-labels", label=[" vip ", "", "vip", "knee"])
    thread.refresh_from_db()
    assert (thread.assigned_to_id, thread.status, thread.labels) == (mo.pk, "snoozed", ["vip", "knee"])
    assert deed(browser, thread, "set-labels", 422, label=[str(number) for number in range(40)])["errors"]
    deed(browser, thread, "block", blocked="yes")
    assert Client.objects.get(pk=thread.client_id).is_blocked
    deed(browser, thread, "block", blocked="no")
    assert not Client.objects.get(pk=thread.client_id).is_blocked
    other = a_thread(business, said="It is me, from work", first_name="Anna")
    assert "Anna" in page(browser, f"{thread.pk}/clients/", q="anna")
    deed(browser, thread, "merge", client=other.client_id)
    assert "It is me, from work" in page(browser, f"{other.pk}/thread/")
    said = list(Message.objects.filter(conversation=thread, channel="activity").values_list("body", flat=True))
    assert {"Client blocked", "Client unblocked"} <= set(said)


def test_a_note_mentions_colleagues_of_the_business_alone(browser):
    business = a_business()
    mo, stranger = a_staff_member(business), a_staff_member(a_business())
    thread = a_thread(business)
    deed(browser, thread, "note", note="@Mo Santos look", mentions=str(mo.pk))
    assert mo.notifications.get().kind == "mention"
    assert deed(browser, thread, "note", 404, note="hm", mentions=str(stranger.pk))["errors"]
    assert deed(browser, thread, "note", 422, note="  ")["errors"]


def test_a_paste_of_two_megabytes_is_refused_in_a_sentence(browser):
    thread = a_thread(email="ana@client.example")
    answer = deed(browser, thread, "reply", 422, body="x" * 2_000_000, channel="sms")
    assert "1600" in answer["errors"][0]
    deed(browser, thread, "reply", 422, body="x", channel="email", subject="x\r\nBcc: all@example.com")
    assert not Message.objects.filter(direction="outbound").exists()


def test_views_are_ones_own(browser):
    business = a_business()
    answer = browser.post(f"/admin/inbox/views/?business={business.pk}", {"name": "VIP", "query": "label=vip"})
    assert answer.json()["name"] == "VIP"
    assert "VIP" in page(browser, business=business.pk)
    sue = login_as("sue", "support")
    assert ">VIP<" not in page(sue, business=business.pk)
    sue.post(f"/admin/inbox/views/?business={business.pk}", {"remove": answer.json()["id"]})
    assert SavedView.objects.count() == 1
    browser.post(f"/admin/inbox/views/?business={business.pk}", {"remove": answer.json()["id"]})
    assert not SavedView.objects.exists()
    assert browser.post(f"/admin/inbox/views/?business={business.pk}", {"name": " "}).status_code == 422


def test_a_window_goes_on_where_it_was(browser):
    business = a_business()
    thread = a_thread(business)
    first = browser.get("/admin/inbox/live/", {"business": business.pk})
    place = re.search(r"id: (\d+)", first.content.decode())[1]
    hears(thread, "Still there?")
    told = browser.get("/admin/inbox/live/", {"business": business.pk}, headers={"Last-Event-ID": place})
    assert told.headers["Content-Type"] == "text/event-stream"
    assert '"message.created",' in told.content.decode()
    assert f",{thread.pk}]" in told.content.decode()
    gone = browser.get("/admin/inbox/live/", {"business": business.pk, "after": "999999"})
    assert "event: anew" in gone.content.decode()


GETS = ("", "rows/", "labels/", "news/", "live/")
OF_ONE = ("", "thread/", "side/", "older/", "templates/", "clients/")
POSTS = ("assign", "status", "set-labels", "read", "unread", "merge", "block", "note", "reply", "undo", "retry", "here")


def test_every_path_is_walked_here():
    known = {f"inbox/{one}" for one in (*GETS, "views/")} | {f"inbox/<int:conversation_id>/{one}" for one in OF_ONE}
    known |= {f"inbox/<int:conversation_id>/{one}/" for one in POSTS}
    assert {str(one.pattern) for one in urls.urlpatterns} == known


@pytest.mark.parametrize("role", ["owner", "agent"])
def test_nobody_sees_or_does_anything_in_another_business(db, role):
    ours = a_business(name="Zyx")
    thread = a_thread(ours, said="Zyx secret", first_name="Zyx")
    outsider = login_as("charlie", role, a_business(name="Other"))
    before = Conversation.objects.filter(pk=thread.pk).values().get(), Client.objects.values().get(pk=thread.client_id)
    for path in GETS:
        for query in (
            {},
            {"business": ours.pk},
            {"ids": thread.pk},
            {"ids": thread.pk, "thread": thread.pk},
            {"q": "Zyx"},
        ):
            answer = outsider.get(f"/admin/inbox/{path}", query)
            assert answer.status_code in {200, 404}, path
            assert b"Zyx secret" not in answer.content, path
            if "business" in query:
                assert answer.status_code == 404, path
    for path in OF_ONE:
        assert outsider.get(f"/admin/inbox/{thread.pk}/{path}", {"q": "Zyx"}).status_code == 404, path
    fields = {"status": "closed", "body": "Hi", "note": "Hi", "label": "x", "blocked": "yes", "doing": "typing"}
    for name in POSTS:
        assert outsider.post(f"/admin/inbox/{thread.pk}/{name}/", fields).status_code == 404, name
    assert outsider.post(f"/admin/inbox/views/?business={ours.pk}", {"name": "x"}).status_code == 404
    assert before == (
        Conversation.objects.filter(pk=thread.pk).values().get(), Client.objects.values().get(pk=thread.client_id)
    )  # fmt: skip


def test_who_may_only_look_does_nothing(db, monkeypatch):
    business = a_business()
    thread = a_thread(business)
    assert login_as("nobody").get("/admin/inbox/").status_code == 403
    monkeypatch.setitem(roles.OF_ROLE, "agent", frozenset({"conversations.view_conversation"}))
    reader = login_as("rita", "agent", business)
    html = page(reader, f"{thread.pk}/thread/")
    assert "You may read this conversation" in html
    assert 'id="box-body"' not in html
    for name in POSTS:
        expected = 204 if name == "here" else 403
        assert reader.post(f"/admin/inbox/{thread.pk}/{name}/", {"status": "closed"}).status_code == expected, name
    may_answer = frozenset({"conversations.view_conversation", "conversations.change_conversation"})
    monkeypatch.setitem(roles.OF_ROLE, "agent", may_answer)
    for name in ("merge", "block"):  # the client's own record is another matter
        assert reader.post(f"/admin/inbox/{thread.pk}/{name}/", {"blocked": "yes"}).status_code == 403


def test_support_reads_and_writes_nothing_personal_without_a_reason(db):
    business = a_business()
    thread = a_thread(
        business, said="Zyx secret", first_name="Zyxwvut", last_name="Qponmlk", email="zyx@planted.example"
    )
    sue = login_as("sue", "support")
    for path in (*GETS, *(f"{thread.pk}/{one}" for one in OF_ONE)):
        query = {"business": business.pk, "ids": thread.pk, "thread": thread.pk, "after": 0}
        answer = sue.get(f"/admin/inbox/{path}", query)
        assert not re.search("Zyx secret|Zyxwvut|Qponmlk|planted", answer.content.decode()), path
    assert "Give a reason" in page(sue, f"{thread.pk}/thread/")
    for name in POSTS:
        expected = 204 if name == "here" else 403
        assert sue.post(f"/admin/inbox/{thread.pk}/{name}/", {"status": "closed"}).status_code == expected, name
    opened_to(User.objects.get(username="sue"), business)
    assert "Zyx secret" in page(sue, f"{thread.pk}/thread/")
    assert deed(sue, thread, "status", status="closed")["told"]


def test_nobody_is_let_in_without_a_login(client, db):
    thread = a_thread()
    for path in (*GETS, *(f"{thread.pk}/{one}" for one in OF_ONE)):
        answer = client.get(f"/admin/inbox/{path}")
        assert answer.status_code == 302, path
        assert answer.url.startswith(reverse("admin:login")), path


def test_deeds_are_in_the_audit_trail_and_asking_for_news_is_nobody_at_work(browser):
    thread = a_thread()
    deed(browser, thread, "status", status="closed")
    browser.post(f"/admin/inbox/{thread.pk}/here/", {"doing": "viewing", "window": "w1"})
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions[-1] == "admin.inbox: status"
