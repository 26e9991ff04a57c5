"""The admin on a phone: no main page is wider than it, and nothing needs a mouse to get in."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import sync_playwright

from accounts.models import AdminRole
from messaging.models import Template
from tests.admin.test_admin_browser import FLAGS, aside
from tests.admin.world import a_staff_member, a_thread, an_event, fails, hears, says

NARROW = {"width": 360, "height": 740}


def furnish():
    """A house with something on every page; the paths of the main pages."""
    for name, fields in {"olga": {"is_superuser": True}, "sue": {}}.items():
        user = User(username=name, is_staff=True, **fields)
        user.set_password("pass")
        user.save()
    AdminRole.objects.create(user=User.objects.get(username="sue"), role="support")
    thread = a_thread(said="Is the sauna open?", last_name="Bell")
    a_staff_member(thread.business)
    message = says(thread, "Until nine")
    fails(message, retryable=True)
    hears(thread, "Thanks")
    event = an_event(b"From=%2B12125550142&Body=Hi", business=thread.business)
    template = Template.objects.create(business=thread.business, name="Hello", body="Hi {{ client.first_name }}")
    paths = [
        "", "inbox/", f"inbox/{thread.pk}/", "accounts/client/", f"accounts/client/{thread.client_id}/change/",
        f"conversations/conversation/{thread.pk}/change/", "conversations/message/",
        f"conversations/message/{message}/change/", "conversations/message/problems/", "messaging/webhookevent/",
        f"messaging/webhookevent/{event.pk}/change/", "messaging/template/",
        f"messaging/template/{template.pk}/change/", "preferences/", "no/such/page/",
    ]  # fmt: skip
    return paths, thread


@pytest.fixture
def house(transactional_db):
    return aside(furnish)


@pytest.fixture
def browser(chromium):
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield made
        made.close()


def enter(browser, url, name="olga", **fields):
    page = browser.new_page(**fields)
    page.set_default_timeout(30_000)
    page.goto(f"{url}/admin/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", "pass")
    page.keyboard.press("Enter")  # no mouse is needed
    page.wait_for_url("**/admin/")
    return page


def open_page(page, url):
    page.goto(url)
    page.wait_for_load_state("load")
    page.wait_for_function("!document.querySelector('[x-cloak]') || true")


def test_each_main_page_fits_a_phone(live_server, house, browser):
    page = enter(browser, live_server.url, viewport=NARROW)
    wide = {}
    for path in house[0]:
        open_page(page, f"{live_server.url}/admin/{path}")
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 1:
            wide[path] = over
    assert not wide
