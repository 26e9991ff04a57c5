"""One walk through a real browser: log in, read, write, and see the answer come in without a reload."""

from threading import Thread

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import expect, sync_playwright

from accounts.models import Client, Sender
from conversations.models import Message
from messaging.services.mails import MailToRecord
from messaging.services.recording import record_message
from omega_project.lib.reach import everything
from tests.admin.world import EVIL, a_thread, hears

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Texts and the parts that messaging/segments.py cuts them into; the page's own count must be the same.
SEGMENTS = [("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("ж" * 70, 1), ("ж" * 71, 2), ("😀" * 67, 3)]


def aside(work):
    """Run `work` in a thread of its own: Playwright's event loop keeps Django's ORM out of this one."""
    found = []

    @everything()
    def run():
        try:
            found.append(work())
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def page(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        made = browser.new_page(timezone_id="Europe/Berlin")
        made.set_default_timeout(10_000)
        yield made
        browser.close()


@pytest.fixture
def thread(transactional_db):
    """A client's open conversation, in a database that the server's threads see too."""

    def work():
        User.objects.create_superuser("olga", "olga@example.com", "pass")
        return a_thread(said="Is the sauna open?")

    return aside(work)


def log_in(page, url):
    page.goto(url)
    page.fill("input[name=username]", "olga")
    page.fill("input[name=password]", "pass")
    page.click("button[type=submit]")


def test_a_reply_is_written_and_its_answer_comes_in(live_server, thread, page):
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    log_in(page, f"{live_server.url}/admin/conversations/conversation/")
    page.click("text=Is the sauna open?")
    timeline = page.locator("#entries")
    expect(timeline.locator(".om-day")).to_have_count(1)

    box, send = page.locator("#reply-body"), page.locator("#reply-send")
    expect(send).to_be_disabled()
    for text, parts in SEGMENTS:
        box.fill(text)
        expect(page.locator("#reply-counter")).to_contain_text(f" {parts} segment")
    box.fill(f"Until nine {EVIL}")
    send.dblclick()
    expect(timeline.locator(".om-entry--outbound")).to_have_count(1)
    expect(timeline).to_contain_text(f"Until nine {EVIL}")
    expect(box).to_have_value("")

    box.fill("half a sen")
    aside(lambda: hears(thread, "Great, thanks!"))
    aside(lambda: Message.objects.filter(direction="outbound").update(status="delivered"))
    expect(timeline).to_contain_text("Great, thanks!")
    expect(timeline.locator(".om-state")).to_contain_text("delivered")
    expect(box).to_have_value("half a sen")
    assert not faults
    assert aside(lambda: Message.objects.filter(direction="outbound").count()) == 1


def test_a_file_that_is_chosen_leaves_the_subject_alone_and_goes(live_server, thread, page, tmp_path):
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    aside(lambda: wants_mail(thread))
    (tmp_path / "plan.pdf").write_bytes(b"%PDF-1.4 plan")
    log_in(page, f"{live_server.url}/admin/conversations/conversation/{thread.pk}/change/")
    page.click("label[for=mode-mail]")
    page.set_input_files("#mail-files", tmp_path / "plan.pdf")
    expect(page.locator("#mail-file-names")).to_have_text("plan.pdf")
    expect(page.locator("#mail-subject")).to_have_value("Re: Towels?")
    page.click("label[for=mode-reply]")
    page.set_input_files("#reply-files", tmp_path / "plan.pdf")
    page.click("#reply-send")
    expect(page.locator(".om-entry--outbound")).to_contain_text("plan.pdf")
    expect(page.locator("#reply-file-names")).to_have_text("")
    assert faults == []


def wants_mail(thread):
    """The client has written a mail, and the business has an address to answer from."""
    Client.objects.filter(pk=thread.client_id).update(email="ana@example.com")
    Sender.objects.create(business=thread.business, channel="email", address="desk@studio.example", provider="sendgrid")
    mail = MailToRecord(
        thread.business_id, "inbound", "received", client_id=thread.client_id, from_="ana@example.com",
        text="Are there?", subject="Towels?",
    )  # fmt: skip
    return record_message(mail)
