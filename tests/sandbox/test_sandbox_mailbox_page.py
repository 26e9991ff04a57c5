"""The mailbox in a real browser: a mail as its client sees it, what the client does with it, and the answer."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.sandbox.browser import browse, needs_browser
from tests.sandbox.listener import Answer, Hook, Listener
from tests.sandbox.process import Sandbox

pytestmark = needs_browser
QUICK = {"sent_ms": 5, "delivered_ms": 5}
EVENTS, INBOUND = "/omega/email/webhook/sendgrid", "/omega/email/inbound/sendgrid"


@pytest.fixture(autouse=True)
def quick(sandbox: Sandbox) -> None:
    sandbox.faults(callbacks=QUICK)


def send(sandbox: Sandbox, omega: Listener, **changes: Any) -> str:
    html = (
        '<h1>Tuesday at ten?</h1><script>document.body.textContent = "run"</script>'
        f'<a href="{omega.url}/p/1">See it</a><img src="{omega.url}/pixel.gif">'
    )
    headers = {
        "Message-ID": "<m-1@omega>",
        "List-Unsubscribe": f"<{omega.url}/u/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    content = [{"type": "text/plain", "value": "Tuesday at ten, in words"}, {"type": "text/html", "value": html}]
    file = {"content": "aGVsbG8=", "filename": "Plan.pdf", "type": "application/pdf"}
    return sandbox.mail(content=content, headers=headers, attachments=[file], **changes)


def heard(omega: Listener, path: str, what: str = "") -> Hook:
    """The last hook to a path that has the words in it."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        found = [hook for hook in omega.hooks if hook.path == path and what.encode() in hook.body]
        if found:
            return found[-1]
        time.sleep(0.02)
    raise AssertionError([hook.path for hook in omega.hooks])


def test_a_mail_arrives_and_is_seen_as_its_client_sees_it(sandbox: Sandbox, omega: Listener, page: Page) -> None:
    send(sandbox, omega)
    expect(page.get_by_role("button", name="Mailbox").locator(".fresh")).to_be_visible()
    page.get_by_role("button", name="Mailbox").click()
    expect(page.get_by_role("heading", name="bob@example.net")).to_be_visible()
    expect(page.locator("#trail")).to_contain_text("delivered")
    inside = page.frame_locator("#sheet iframe")
    expect(inside.get_by_role("heading", name="Tuesday at ten?")).to_be_visible()
    expect(inside.locator("body")).not_to_have_text("run")
    assert [hook for hook in omega.hooks if hook.path == "/pixel.gif"] == []
    page.get_by_role("button", name="Load them").click()
    heard(omega, "/pixel.gif")
    page.get_by_role("tab", name="Text").click()
    expect(page.locator("#sheet")).to_have_text("Tuesday at ten, in words")
    page.get_by_role("tab", name="Headers").click()
    expect(page.locator("#sheet")).to_contain_text("<m-1@omega>")
    with page.expect_download() as download:
        page.get_by_role("link", name="Plan.pdf").click()
    assert download.value.suggested_filename == "Plan.pdf"


def choose(page: Page, menu: str, item: str) -> None:
    page.locator(".acts summary", has_text=menu).click()
    page.locator(".acts details[open] button", has_text=item).first.click()


def test_what_a_client_does_reaches_omega(sandbox: Sandbox, omega: Listener, page: Page) -> None:
    send(sandbox, omega)
    page.get_by_role("button", name="Mailbox").click()
    choose(page, "Open", "A machine opens it")
    assert json.loads(heard(omega, EVENTS, '"open"').body)[0]["sg_machine_open"] is True
    choose(page, "Click", "See it")
    assert json.loads(heard(omega, EVENTS, '"click"').body)[0]["url"] == f"{omega.url}/p/1"
    choose(page, "Unsubscribe", "One click, as Gmail")
    assert heard(omega, "/u/abc").body == b"List-Unsubscribe=One-Click"
    choose(page, "Unsubscribe", "At SendGrid")
    heard(omega, EVENTS, '"unsubscribe"')
    page.get_by_role("button", name="Complain", exact=True).click()
    heard(omega, EVENTS, '"spamreport"')
    choose(page, "Bounce", "Bounces for good")
    assert json.loads(heard(omega, EVENTS, '"bounce"').body)[0]["type"] == "bounce"
    expect(page.locator("#mails .bad")).to_have_text("bounced")
    expect(page.locator("#suppressed")).to_contain_text("bounces")
    page.get_by_role("button", name="Take it off").click()
    expect(page.locator("#suppressed")).to_be_hidden()
    assert sandbox.get("/suppressions")["bounces"] == []


def test_a_client_answers_with_and_without_the_quote(sandbox: Sandbox, omega: Listener, page: Page) -> None:
    send(sandbox, omega)
    page.get_by_role("button", name="Mailbox").click()
    page.get_by_role("button", name="Reply", exact=True).click()
    page.get_by_label("What the client writes").fill("Ten is fine")
    page.get_by_label("Written in").select_option("Apple Mail")
    page.locator("#letter-attach").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"abc"})
    expect(page.locator("#letter-files")).to_contain_text("a.txt")
    page.get_by_role("button", name="Send", exact=True).click()
    letter = heard(omega, INBOUND).body
    assert b"> Tuesday at ten, in words" in letter
    assert b"In-Reply-To: <m-1@omega>" in letter
    assert b'filename="a.txt"' in letter
    expect(page.locator("#mails .mine")).to_contain_text("omega has it")
    page.get_by_role("button", name="Reply", exact=True).click()
    page.get_by_label("with the quote").uncheck()
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Posted as").select_option("raw MIME")
    page.get_by_role("textbox", name="From", exact=True).fill("stranger@example.org")
    page.get_by_label("What the client writes").fill("Nobody knows me")
    page.get_by_role("button", name="Send", exact=True).click()
    letter = heard(omega, INBOUND, "Nobody knows me").body
    assert b'name="email"' in letter
    assert b"Tuesday at ten, in words" not in letter
    expect(page.locator("#boxes")).to_contain_text("stranger@example.org")


def test_a_client_writes_first_and_omega_is_away(sandbox: Sandbox, omega: Listener, page: Page) -> None:
    letters: list[Hook] = []

    def answer(hook: Hook) -> Answer:
        letters.extend([hook] if hook.path == INBOUND else [])
        return (503 if hook.path == INBOUND and len(letters) < 2 else 200), "text/plain", "", {}

    omega.answers = answer
    page.get_by_role("button", name="Mailbox").click()
    page.get_by_role("button", name="Write omega from a new mailbox").click()
    page.get_by_label("Subject").fill("A question")
    page.get_by_label("What the client writes").fill("Are you open on Monday?")
    sandbox.mail(to=["bob@sandbox.test"])  # it does not disturb what is being written
    expect(page.locator("#mails button")).to_have_count(1)
    page.get_by_role("button", name="Handset").click()
    page.get_by_role("button", name="Mailbox").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#trail")).to_contain_text("omega answered 503")
    expect(page.locator("#mails .mine")).to_contain_text("omega has it")
    assert len(letters) == 2


def test_the_panel_makes_the_weather_of_mail(sandbox: Sandbox, page: Page) -> None:
    page.get_by_role("button", name="Mailbox").click()
    page.get_by_role("radio", name="Unreachable").check()
    expect(page.locator("#alarm")).to_contain_text("reject 550")
    assert sandbox.get("/faults")["twilio"]["mode"] == "none"
    page.get_by_role("button", name="Make it well").click()
    expect(page.get_by_role("button", name="bounce@ Bounces")).to_be_visible()
    expect(page.get_by_role("button", name="0001 Unreachable")).to_be_hidden()
    page.get_by_role("button", name="Handset").click()
    expect(page.get_by_role("button", name="0001 Unreachable")).to_be_visible()


def test_on_a_phone_one_thing_is_shown_at_a_time(sandbox: Sandbox, omega: Listener) -> None:
    send(sandbox, omega)
    with browse(f"{sandbox.base_url}/#mail=bob@example.net", width=390) as page:
        page.get_by_role("button", name="bob@example.net").click()
        page.locator("#mails button").click()
        expect(page.get_by_role("heading", name="Your appointment")).to_be_visible()
        expect(page.locator("#inbox")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("button", name="Back to the mails").click()
        expect(page.locator("#mails")).to_be_visible()
        page.get_by_role("button", name="Back to the mailboxes").click()
        expect(page.locator("#boxes")).to_be_visible()
