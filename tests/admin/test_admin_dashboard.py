"""The dashboard: the API's own figures, each leading to just the rows that it counts; one's own business alone."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts.models import AdminRole, Location
from conversations.models import Conversation, Message
from conversations.services.threads import change_status
from messaging.models import Circuit, Hearing
from messaging.services import summaries
from tests.admin.world import EVIL, a_business, a_staff_member, a_thread, fails, hears, says

pytestmark = pytest.mark.django_db
PLACE = "/admin/messaging/reportday/dashboard/"


def shown(browser, **query):
    answer = browser.get(PLACE, query)
    assert answer.status_code == 200
    return answer


def links(answer):
    """The addresses of rows on a page, once each."""
    return sorted({unescape(one) for one in re.findall(r'href="([^"]*dashboard/rows/[^"]*)"', answer.content.decode())})


def row_ids(answer):
    return [int(one) for one in re.findall(r">#(\d+)</a>\s*</th>", answer.content.decode())]


def log_in(role, business):
    user = User.objects.create_user(f"otto-{role}-{business.pk}", password="pass", is_staff=True)
    AdminRole.objects.create(user=user, role=role, business=business)
    made = Browser()
    made.force_login(user)
    made.get("/admin/jsi18n/")
    return made


@pytest.fixture
def week():
    """A business with something of everything."""
    business = a_business(name="Studio")
    staff = a_staff_member(business, name="Mo Santos")
    place = Location.objects.create(business=business, name="Main Street")
    thread = a_thread(business, said="Are you open?")
    Conversation.objects.filter(pk=thread.pk).update(assigned_to=staff, location=place)
    first = says(thread, staff_id=staff.pk)
    Message.objects.filter(pk=first).update(status="delivered")
    fails(says(thread), retryable=False)
    fails(says(thread), retryable=False, status="undelivered", code="")
    closed = Conversation.objects.get(pk=thread.pk)
    change_status(conversation=closed, status="closed", snoozed_until=None, actor_id=staff.pk)
    hears(a_thread(business, said="Hello"), "Hello?")
    return business


def test_its_figures_are_those_of_the_api(browser, week):
    today = timezone.now().astimezone().date()
    page = shown(browser, business=week.pk)
    report = summaries.summarise(week, today - timedelta(days=29), today)
    cards = {card["title"]: card["value"] for card in page.context["cards"]}
    assert (cards["Came in"], cards["Went out"], cards["Failed"]) == (report["inbound"], report["outbound"], 2)
    assert cards["Delivered"] == "33.3 %"
    hours = page.context["report"]["hours"]
    assert sum(one["messages"] for one in hours) == report["inbound"] + report["outbound"]


def test_each_figure_leads_to_just_the_rows_that_it_counts(browser, week):
    page = shown(browser, business=week.pk)
    counted = 0
    for text, address in _figures(page):
        ids = row_ids(browser.get(address))
        assert len(ids) == len(set(ids)) == text, address
        counted += 1
    assert counted > 15
    assert not [one for one in links(page) if "business=" not in one]


def _figures(page):
    """The numbers on the page that are links to rows, each with where it leads."""
    found = re.findall(r'<a class="om-link"\s+href="([^"]*dashboard/rows/[^"]*)">(\d+)</a>', page.content.decode())
    return [(int(text), unescape(address)) for address, text in found]


def test_the_charts_say_the_same_as_the_tables(browser, week):
    page = shown(browser, business=week.pk).content.decode()
    data = {
        name: json.loads(text)
        for name, text in re.findall(r'id="db-(\w+)-data" type="application/json">(.*?)</script>', page)
    }
    assert set(data) == {"volume", "hours", "ends", "times"}
    assert sum(sum(one["values"]) for one in data["volume"]["series"]) == 6
    assert [sum(one["values"]) for one in data["ends"]["series"]] == [1, 2, 0]
    assert len(data["hours"]["labels"]) == 24
    assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", page), "no policy lets an inline script run"


def test_an_answers_time_and_a_closing_are_rows_too(browser, week):
    answers = browser.get(PLACE + "rows/", {"business": week.pk, "kind": "response"})
    closings = browser.get(PLACE + "rows/", {"business": week.pk, "kind": "resolution"})
    assert len(row_ids(answers)) == len(row_ids(closings)) == 1
    assert "Mo Santos" in closings.content.decode()


def test_it_says_who_has_how_many_conversations_open(browser):
    business = a_business()
    staff = a_staff_member(business, name="Mo Santos")
    thread = a_thread(business)
    Conversation.objects.filter(pk=thread.pk).update(assigned_to=staff)
    says(thread, staff_id=staff.pk)
    lines = shown(browser, business=business.pk).context["loads"][0]["lines"]
    assert next(line for line in lines if line["title"] == "Mo Santos")["figures"][-1]["shown"] == 1


def test_what_waits_and_what_is_wrong_with_a_sender_is_said(browser):
    business, now = a_business(), timezone.now()
    says(a_thread(business))
    shut = {"state": "open", "opened_at": now, "failed_at": now, "probe_at": now, "code": "20003"}
    Circuit.objects.update_or_create(provider="twilio", account=None, defaults=shut)
    sender = business.senders.get()
    Hearing.objects.create(sender=sender, first_at=now, inbound_silent_since=now)
    page = shown(browser, business=business.pk)
    text = page.content.decode()
    assert page.context["waiting"]["count"] == 1
    assert "takes no messages" in text
    assert "20003" in text
    assert "Nothing comes in any more" in text


def test_a_sheet_of_the_same(browser, week):
    answer = shown(browser, business=week.pk, format="csv")
    assert answer["Content-Type"].startswith("text/csv")
    lines = answer.content.decode().splitlines()
    assert lines[0].startswith("day,channel,direction,messages")
    assert sum(int(line.split(",")[3]) for line in lines[1:]) == 6


@pytest.mark.parametrize("query", [
    {"from": "yesterday"}, {"from": "2026-03-02", "to": "2026-03-01"}, {"from": "2020-01-01", "to": "2026-01-01"},
    {"from": "0001-01-01", "to": "9999-12-31"}, {"to": "2026-13-01"}, {"from": "\0"},
])  # fmt: skip
def test_days_that_make_no_sense_are_the_last_thirty_and_said_so(browser, query):
    page = shown(browser, business=a_business().pk, **query)
    assert len(page.context["report"]["days"]) == 30
    assert "last 30 days" in page.content.decode()


@pytest.mark.parametrize("query", [
    {"hour": "99"}, {"hour": "x"}, {"staff": "9" * 40}, {"status": "\0"}, {"code": EVIL}, {"kind": EVIL},
    {"channel": EVIL * 20}, {"location": "-1"}, {"business": "0"}, {"from": "0001-01-01", "to": "0001-01-02"},
    {"from": "9999-12-30", "to": "9999-12-31"},
])  # fmt: skip
def test_nonsense_in_an_address_is_a_page(browser, week, query):
    for place in (PLACE, PLACE + "rows/"):
        answer = browser.get(place, {"business": week.pk} | query)
        assert answer.status_code == 200
        assert EVIL not in answer.content.decode()


def test_no_business_and_no_messages_say_what_to_do(browser):
    assert "There is no business yet" in shown(browser).content.decode()
    assert "There is no business yet" in browser.get(PLACE + "rows/").content.decode()
    business = a_business(name=EVIL)
    page = shown(browser, business=business.pk).content.decode()
    assert "Nothing was written in these days" in page
    assert EVIL not in page


@pytest.mark.parametrize("role", ["owner", "manager"])
def test_a_tenant_sees_its_own_business_alone(week, role):
    other = a_business(name="Elsewhere")
    says(a_thread(other, said="Hi"))
    tenant = log_in(role, week)
    page = shown(tenant, business=other.pk)
    assert page.context["asked"].business == week
    assert "Elsewhere" not in page.content.decode()
    ids = set(row_ids(tenant.get(PLACE + "rows/", {"business": other.pk})))
    assert ids <= set(Message.objects.filter(business=week).values_list("pk", flat=True))
    assert ids


def test_an_agent_and_a_stranger_see_nothing(week):
    agent = log_in("agent", week)
    assert agent.get(PLACE).status_code == 403
    assert agent.get(PLACE + "rows/").status_code == 403
    assert Browser().get(PLACE).status_code == 302


def test_it_takes_as_many_statements_for_a_busy_business_as_for_an_idle_one(browser, django_assert_max_num_queries):
    business = a_business()
    for _ in range(12):
        thread = a_thread(business)
        says(thread, staff_id=a_staff_member(business).pk)
    with django_assert_max_num_queries(20):
        shown(browser, business=business.pk)
    with django_assert_max_num_queries(14):
        browser.get(PLACE + "rows/", {"business": business.pk})


def test_the_sidebar_leads_there(browser):
    assert reverse("admin:messaging_dashboard") == PLACE
    assert f'href="{PLACE}"' in browser.get("/admin/").content.decode()
