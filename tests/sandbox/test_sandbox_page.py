"""The page: its files under a strict policy, and the handset in a real browser, live."""

import requests
from playwright.sync_api import Page, expect

from tests.sandbox.browser import needs_browser
from tests.sandbox.listener import Listener
from tests.sandbox.process import Sandbox

US, CLIENT = "+15017122661", "+15558675310"


def test_the_page_and_its_files_are_served_under_a_strict_policy(sandbox: Sandbox) -> None:
    answer = requests.get(sandbox.base_url, timeout=5)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert '<script type="module" src="/static/app.js">' in answer.text
    assert requests.get(f"{sandbox.base_url}/static/app.js", timeout=5).headers["Content-Type"].startswith("text/java")
    assert requests.get(f"{sandbox.base_url}/static/..%2F..%2Ffiles.py", timeout=5).status_code == 404


def test_the_config_says_where_omega_is(sandbox: Sandbox, omega: Listener) -> None:
    found = requests.get(f"{sandbox.base_url}/config", timeout=5).json()
    assert found["admin_url"] == f"{omega.url}/admin/"
    assert f"{omega.url}/omega/sms/queue" in found["curl"]


@needs_browser
def test_a_handset_receives_and_answers_live(sandbox: Sandbox, omega: Listener, page: Page) -> None:
    expect(page.get_by_text("No texts yet")).to_be_visible()
    sandbox.post(To=CLIENT, From=US, Body="<b>Tuesday</b> at ten?", StatusCallback=f"{omega.url}/status")
    expect(page.get_by_role("heading", name="+1 (555) 867-5310")).to_be_visible()
    bubble = page.locator("#thread .text").first
    expect(bubble.locator(".bubble")).to_have_text("<b>Tuesday</b> at ten?")
    expect(bubble).to_contain_text("delivered")
    page.get_by_label("Text to send from this handset").fill("Ten is fine")
    page.keyboard.press("Enter")
    expect(page.locator("#thread .mine")).to_contain_text("omega has it")
    assert omega.hooks[-1].form["Body"] == "Ten is fine"
    page.get_by_role("button", name="STOP", exact=True).click()
    said = page.get_by_role("log", name="Texts").get_by_text("You have successfully been unsubscribed")
    expect(said).to_be_visible()
    expect(page.locator("#blocked")).to_be_visible()


@needs_browser
def test_the_panel_makes_the_weather(sandbox: Sandbox, page: Page) -> None:
    page.get_by_role("radio", name="Crowded").check()
    expect(page.locator("#alarm")).to_contain_text("Crowded")
    assert sandbox.post(To=CLIENT, From=US, Body="x").status_code == 429
    sandbox.faults(callbacks={"drop": True})
    expect(page.get_by_role("switch", name="Lost")).to_be_checked()
    page.get_by_role("button", name="Make it well").click()
    expect(page.locator("#alarm")).to_be_hidden()
    assert sandbox.post(To=CLIENT, From=US, Body="x").status_code == 201
    expect(page.get_by_role("button", name="0001 Unreachable")).to_be_visible()
