"""The phone on a conversation's page, in a real browser at the sandbox carrier: it calls, and it rings."""

import pytest
import requests
from playwright.sync_api import expect, sync_playwright

from tests.admin.test_admin_browser import FLAGS
from tests.voice.line import number


@pytest.fixture
def page(chromium, line):
    line.clean()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        made = browser.new_page()
        made.set_default_timeout(15_000)
        faults = []
        made.on("pageerror", lambda error: faults.append(str(error)))
        yield made
        browser.close()
        assert faults == []


def opened(page, line, client, path="/admin/conversations/conversation/{}/change/"):
    """Logged in, on the conversation's page of a client who has texted."""
    line.carrier("POST", "/handset/sms", {"from": client, "to": line.sender, "body": "Hello"})
    home = line.omega.base_url.removesuffix("/omega")
    page.goto(f"{home}/admin/")
    if "/login/" in page.url:
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", line.omega.seed()["admin_password"])
        page.click("[type=submit]")
    page.goto(home + path.format(line.message_of(client)["conversation_id"]))


def test_it_calls_the_client_and_hangs_up(page, line):
    client = number()
    line.carrier("PUT", f"/phones/{client}", {"answer": "yes", "talk_ms": 60_000})
    opened(page, line, client)
    page.click("[data-part=call]")
    expect(page.locator("#phone")).to_have_attribute("data-mode", "talking")
    page.click("[data-part=hangup]")
    expect(page.locator("#phone")).to_have_attribute("data-mode", "idle")
    expect(page.locator(".om-entry--call")).to_contain_text("Outgoing call, ")
    assert line.message(client)["status"] == "delivered"


def test_it_rings_and_answers(page, line):
    client = number()
    opened(page, line, client)
    page.check("[data-part=takes]")
    expect(page.locator("[data-part=words]")).to_have_text("Calls ring here")
    body = {"from": client, "to": line.sender, "script": {"talk_ms": 60_000}, "wait": False}
    requests.post(line.omega.sandbox_url + "/handset/call", json=body, timeout=10)
    expect(page.locator("[data-part=words]")).to_contain_text("is calling")
    page.click("[data-part=answer]")
    expect(page.locator("#phone")).to_have_attribute("data-mode", "talking")
    page.click("[data-part=hangup]")
    expect(page.locator(".om-entry--call")).to_contain_text("Call answered by ")


def test_a_call_that_is_refused_says_why(page, line):
    client = number()
    opened(page, line, client)
    line.omega.manage("shell", "-c", f"from accounts.models import Client as C; "
                      f"C.objects.filter(phone='{client}').update(is_blocked=True)")  # fmt: skip
    page.click("[data-part=call]")
    expect(page.locator("[data-part=words]")).to_have_text("This client is blocked.")
    page.reload()
    expect(page.locator("[data-part=call]")).to_be_disabled()


def test_the_inbox_calls_and_the_call_goes_on_while_another_conversation_is_read(page, line):
    client, other = number(), number()
    line.carrier("PUT", f"/phones/{client}", {"answer": "yes", "talk_ms": 60_000})
    opened(page, line, other)
    opened(page, line, client, "/admin/inbox/{}/")
    expect(page.locator("#box-body")).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator("#phone")).to_have_attribute("data-mode", "talking")
    page.locator(f"[data-open='{line.message_of(other)['conversation_id']}']").click()
    expect(page.locator("#entries")).to_contain_text("Hello")
    expect(page.locator("[data-part=who]")).to_have_text(client)
    page.keyboard.press("c")
    expect(page.locator("#phone")).to_have_attribute("data-mode", "talking")
    page.click("[data-part=hangup]")
    expect(page.locator("#phone")).to_have_attribute("data-mode", "idle")
    page.click("[data-part=away]")
    expect(page.locator("#phone")).to_be_hidden()
    page.locator(f"[data-open='{line.message_of(client)['conversation_id']}']").click()
    expect(page.locator(".om-entry--call")).to_contain_text("Outgoing call, ")


def test_the_inbox_plays_what_was_left_and_says_why_it_calls_nobody(page, line):
    client = number()
    opened(page, line, client, "/admin/inbox/{}/")
    line.calls_us(client, voicemail_seconds=4)
    expect(page.locator("#entries .om-entry--call audio.om-sound")).to_have_count(1)
    expect(page.locator("#entries .om-entry--call")).to_contain_text("oicemail")
    line.omega.manage("shell", "-c", f"from accounts.models import Client as C; "
                      f"C.objects.filter(phone='{client}').update(is_blocked=True)")  # fmt: skip
    page.locator("#thread-head [data-call]").click()
    expect(page.locator("[data-part=words]")).to_have_text("This client is blocked.")
    expect(page.locator("[data-part=call]")).to_be_disabled()
