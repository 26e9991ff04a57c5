"""Templates in the admin: written beside what they would say; a variable that nobody gives is named."""

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from playwright.sync_api import expect

from accounts.models import AdminRole
from messaging.models import Template
from tests.admin.test_admin_browser import aside, log_in, page  # noqa: F401  (page is a fixture)
from tests.admin.world import EVIL, a_business, a_thread

PLACE = "/admin/messaging/template/"


def save(browser, business, **fields):
    data = {"name": "Reminder", "business": business.pk, "channel": "sms", "language": "", "subject": ""}
    return browser.post(f"{PLACE}add/", data | {"body": "Hi {{ client.first_name }}, see you {{ day }}!"} | fields)


def preview(browser, business, **fields):
    return browser.post(f"{PLACE}preview/", {"business": business.pk, "channel": "sms", "body": "Hi"} | fields).json()


def test_a_variable_with_a_dot_is_taken_as_the_api_takes_it(browser):
    assert save(browser, a_business()).status_code == 302
    shown = browser.get(PLACE).content.decode()
    assert '<code class="om-variable">client.first_name</code>' in shown
    assert '<code class="om-variable">day</code>' in shown


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"body": "Hi {{ client first }}"}, "A variable stands as {{ name }}"),
        ({"subject": "{{ x", "channel": "email"}, "A variable stands as {{ name }}"),
        ({"channel": "email"}, "An e-mail needs a subject."),
        ({"language": "Spanish please"}, "Write a language as its two letters"),
    ],
)
def test_what_is_wrong_is_said_where_it_was_typed(browser, fields, sentence):
    answer = save(browser, a_business(), **fields)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not Template.objects.exists()


def test_two_of_one_name_are_refused(browser):
    business = a_business()
    assert save(browser, business).status_code == 302
    assert save(browser, business).status_code == 200
    assert Template.objects.count() == 1


def test_the_preview_fills_in_what_is_known_and_names_the_rest(browser):
    thread = a_thread(first_name=EVIL)
    shown = preview(
        browser,
        thread.business,
        client=thread.client_id,
        body="Hi {{ client.first_name }}, {{ day }} at {{business.name}}",
    )
    assert shown["body"] == f"Hi {EVIL}, {{{{ day }}}} at Studio"
    assert shown["missing"] == ["day"]
    assert shown["segments"] == 1
    assert [thread.client_id, EVIL] in shown["clients"]


def test_the_preview_knows_nobody_of_another_business(db):
    own, theirs = a_business(), a_thread(first_name="Barnaby")
    user = User.objects.create_user("mia", password="pass", is_staff=True)
    AdminRole.objects.create(user=user, role="manager", business=own)
    manager = Browser()
    manager.force_login(user)
    fields = {"client": theirs.client_id, "body": "{{ client.first_name }}{{ business.name }}"}
    assert preview(manager, theirs.business, **fields)["missing"] == ["client.first_name", "business.name"]
    assert preview(manager, own, **fields)["missing"] == ["client.first_name"]


def test_support_sees_the_preview_masked(db):
    thread = a_thread(first_name="Zyxwvut")
    user = User.objects.create_user("sue", password="pass", is_staff=True)
    AdminRole.objects.create(user=user, role="support")
    sue = Browser()
    sue.force_login(user)
    fields = {"client": thread.client_id, "body": "{{ client.first_name }} {{ client.phone }}"}
    assert preview(sue, thread.business, **fields)["body"] == f"Z••• •••{thread.client.phone[-2:]}"


def test_the_preview_follows_the_hand_in_a_browser(live_server, transactional_db, page):  # noqa: F811
    def work():
        User.objects.create_superuser("olga", "olga@example.com", "pass")
        thread = a_thread(first_name="Ana")
        return thread, Template.objects.create(business=thread.business, name="Hello", channel="sms", body="Hello")

    thread, template = aside(work)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    log_in(page, f"{live_server.url}{PLACE}{template.pk}/change/")
    shown = page.locator("#template-preview [data-part=body]")
    expect(shown).to_have_text("Hello")
    page.fill("#id_body", "Dear ")
    page.click("[data-variable='client.first_name']")
    page.select_option("#template-client", str(thread.client_id))
    expect(shown).to_have_text("Dear Ana")
    page.fill("#id_body", f"{EVIL} {{{{ day }}}}")
    expect(page.locator("#template-preview [data-part=missing]")).to_be_visible()
    assert EVIL in shown.text_content()
    assert not faults
