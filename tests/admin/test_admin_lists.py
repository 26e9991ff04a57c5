"""Every model has its list: opened, searched, never counted, and in as many queries for thirty rows as for one."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.admin.world import EVIL, a_business, a_staff_member, a_thread, an_event, fails, hears, says

APPS = ("accounts", "conversations", "messaging", "onboarding")
OURS = [model for app in APPS for model in apps.get_app_config(app).get_models()]
INBOX = "/admin/conversations/conversation/"


def list_of(name):
    return reverse(f"admin:{name}_changelist")


def queries_of(browser, url):
    """The page's HTML and the statements that it took."""
    with CaptureQueriesContext(connection) as captured:
        answer = browser.get(url)
    assert answer.status_code == 200, (url, answer.status_code)
    return answer.content.decode(), [query["sql"] for query in captured]


def a_busy_house(threads):
    business = a_business()
    for number in range(threads):
        thread = a_thread(business, first_name=f"Client{number}")
        thread.__class__.objects.filter(pk=thread.pk).update(assigned_to=a_staff_member(business))
        fails(says(thread), retryable=True)
        an_event(b"From=1&To=2")
    return business


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_model_is_registered_and_its_list_opens(browser, model):
    assert model in admin.site._registry
    a_busy_house(1)
    html, statements = queries_of(browser, list_of(model._meta.label_lower.replace(".", "_")))
    assert "Page 1" in html or "No results" in html or "0 " in html
    assert not [sql for sql in statements if "COUNT(" in sql.upper()]


def test_the_page_of_each_row_opens(browser):
    a_busy_house(1)
    opened = set()
    for model in OURS:
        for row in model.objects.all()[:1]:
            answer = browser.get(
                reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
            )
            assert answer.status_code == 200, model
            opened.add(model._meta.model_name)
    assert opened >= {"business", "client", "sender", "staff", "conversation", "message", "webhookevent", "carriercode"}


@pytest.mark.parametrize("name", ["conversations_conversation", "conversations_message", "accounts_client"])
def test_a_list_takes_as_many_queries_for_thirty_rows_as_for_one(browser, name):
    a_busy_house(1)
    _, few = queries_of(browser, list_of(name))
    a_busy_house(30)
    html, many = queries_of(browser, list_of(name))
    assert len(many) == len(few) <= 8
    assert "?p=2" in html


def test_the_second_page_goes_on_where_the_first_ended(browser):
    a_busy_house(30)
    first, _ = queries_of(browser, INBOX)
    second, _ = queries_of(browser, f"{INBOX}?p=2")
    assert "Client29" in first
    assert "Client29" not in second
    assert "Client0<" in second
    assert "?p=3" not in second


def test_the_inbox_is_found_through_by_name_phone_and_part_of_a_mail(browser):
    wanted = a_thread(first_name="Zoë", last_name="Quill", email="zq@example.org")
    a_thread(wanted.business, first_name="Other")
    for words in ("quill", "zoë QUILL", wanted.client.phone[-7:], "zq@exam"):
        html = browser.get(INBOX, {"q": words}).content.decode()
        assert "Zoë Quill" in html, words
        assert ">Other<" not in html


def test_the_inbox_shows_who_waits_and_filters_by_it(browser):
    waits = a_thread(first_name="Waits", said="Are you open?")
    calm = a_thread(waits.business, first_name="Calm", said="")
    calm.__class__.objects.filter(pk=calm.pk).update(status="closed", assigned_to=a_staff_member(waits.business))
    html = browser.get(INBOX).content.decode()
    assert "Are you open?" in html
    assert 'title="Unread messages">1<' in html
    for query, shown in [("unread=yes", "Waits"), ("status__exact=closed", "Calm"), ("assignee=nobody", "Waits")]:
        html = browser.get(f"{INBOX}?{query}").content.decode()
        assert {name for name in ("Waits", "Calm") if f">{name}<" in html} == {shown}


def test_messages_are_found_by_each_of_their_ids(browser):
    thread = a_thread(said="")
    wanted, other = says(thread, request_id="order-77"), says(thread)
    thread.messages.filter(pk=wanted).update(provider_message_id="SM77")
    for term in (str(wanted), "order-77", "SM77"):
        html = browser.get(list_of("conversations_message"), {"q": term}).content.decode()
        assert f"#{wanted}" in html
        assert f"#{other}" not in html


@pytest.mark.parametrize("words", ["nobody", "99999999999999999999", "'", "%", EVIL, "\x00"])
@pytest.mark.parametrize("name", ["conversations_conversation", "conversations_message", "messaging_consent"])
def test_any_search_text_gets_a_page(browser, name, words):
    answer = browser.get(list_of(name), {"q": words}, follow=True)
    assert answer.status_code == 200
    assert EVIL not in answer.content.decode()


@pytest.mark.django_db
def test_the_search_of_clients_uses_its_index():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        query, params = apps.get_model("accounts", "Client").objects.matching("ana").query.sql_with_params()
        cursor.execute(f"EXPLAIN {query}", params)
        assert "client_search" in str(cursor.fetchall())


@pytest.mark.parametrize("state", ["failed", "problems", "unknown", "scheduled", "waiting"])
@pytest.mark.django_db
def test_the_states_of_messages_are_filtered_by_an_index(state):
    model_admin = admin.site._registry[apps.get_model("conversations", "Message")]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        condition = model_admin.list_filter[0]._conditions[state][1]
        query, params = model_admin.model.objects.filter(**condition).query.sql_with_params()
        cursor.execute(f"EXPLAIN {query}", params)
        assert "Index" in str(cursor.fetchall())


@pytest.mark.parametrize("path", ["", "conversations/conversation/", "messaging/webhookevent/", "accounts/apikey/add/"])
def test_who_is_not_staff_sees_nothing(db, path):
    User.objects.create_user("guest", password="pass")
    guest = Browser()
    for _ in range(2):
        answer = guest.get(f"/admin/{path}")
        assert answer.status_code == 302
        assert "/admin/login/" in answer.url
        guest.login(username="guest", password="pass")


def test_nothing_of_what_came_in_is_run_by_the_inbox(browser):
    hears(a_thread(first_name=EVIL, said=EVIL), EVIL)
    html = browser.get(INBOX).content.decode()
    assert EVIL not in html
    assert "&lt;script&gt;" in html


def test_the_first_page_says_what_waits(browser):
    a_busy_house(2)
    html, statements = queries_of(browser, "/admin/")
    cards = html.split('class="om-figures"')[1]
    for title, count in (("Unread conversations", 2), ("Messages with problems", 2), ("Failed webhook events", 2)):
        assert f"<strong>{count}</strong>" in cards.split(title)[1].split("</a>")[0]
    assert "Nothing waits to be sent." in cards
    assert len(statements) <= 9


def test_the_sidebar_marks_the_list_that_is_open(browser):
    for url, title in ((INBOX, "Conversations"), (f"{INBOX}?unread=yes", "Unread")):
        groups = browser.get(url).context["sidebar_navigation"]
        assert [item["title"] for group in groups for item in group["items"] if item["active"]] == [title]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("conversations/message", "Nothing has been said yet."),
        ("messaging/webhookevent", "No provider has called yet."),
        ("messaging/template", "A template saves typing"),
        ("accounts/sender", "Without a sender nothing can be sent."),
        ("onboarding/onboarding", "No business is being set up."),
        ("messaging/attempt", "Rows come here by themselves"),
    ],
)
def test_an_empty_list_says_what_to_do_next(browser, path, sentence):
    answer = browser.get(f"/admin/{path}/").content.decode()
    assert sentence in answer
    searched = browser.get(f"/admin/{path}/", {"q": "999999"}).content.decode()
    assert sentence not in searched or "Nothing fits" not in answer
    if 'id="searchbar"' in searched:
        assert "Show everything" in searched
