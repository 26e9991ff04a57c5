"""The inbox in a real browser: each deed by key and by mouse, and what goes wrong told where it went wrong."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from accounts.models import Client, Sender
from conversations.models import Attachment, Message, Notification
from messaging.models import Template
from messaging.services.mails import MailToRecord
from messaging.services.recording import record_message
from tests.admin.test_admin_browser import aside, log_in, page  # noqa: F401  (page is a fixture)
from tests.admin.world import EVIL, a_business, a_staff_member, a_thread, fails, hears, says

RTL = "\u202eexe.gpj\u202c"
HOSTILE = (
    f"<h1>Look {EVIL}</h1><img src='http://tracker.example/pixel.png'><iframe src='http://tracker.example/'></iframe>"
    "<link rel=stylesheet href='http://tracker.example/x.css'><a href='javascript:alert(1)' onclick='alert(2)'>here</a>"
    "<svg onload=alert(3)></svg><form action='http://tracker.example/'><input name=x></form>"
    "<p style='background:url(http://tracker.example/bg.png)'>ground</p>"
)
# A file as a person's hand gives it: dropped on the conversation, or pasted into the box.
GIVE = """([selector, kind, name, type, size]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(size).fill(65)], name, { type }));
  const way = { bubbles: true, cancelable: true };
  const event = kind === "paste" ? new ClipboardEvent(kind, { ...way, clipboardData: data })
    : new DragEvent(kind, { ...way, dataTransfer: data });
  document.querySelector(selector).dispatchEvent(event);
}"""
PASTE = """(length) => {
  const data = new DataTransfer();
  data.setData("text/plain", "x".repeat(length));
  const event = new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data });
  return document.getElementById("box-body").dispatchEvent(event);
}"""
FOCUS = """() => {
  const one = document.activeElement;
  const box = one.closest("label")?.querySelector("span") || one;
  const outlined = [one, box, one.closest("label"), one.closest("form")].filter(Boolean)
    .some((it) => getComputedStyle(it).outlineStyle !== "none" || it.matches(":focus-within") && it.id === "box");
  const name = one.getAttribute("aria-label") || one.innerText || one.closest("label")?.innerText || one.title || "";
  const id = one.id || one.dataset.open || one.dataset.deed || one.dataset.dialog || one.tagName;
  return [id, name.trim() !== "", outlined];
}"""


def furnish():
    """A house with an address for mail, two people, and two clients who are one."""
    for name in ("olga", "mona"):
        User.objects.create_superuser(name, f"{name}@example.com", "pass")
    business = a_business()
    Sender.objects.create(business=business, channel="email", address="desk@studio.example", provider="sendgrid")
    a_staff_member(business, email="olga@example.com", name="Olga Ruiz")
    a_staff_member(business)
    a_thread(business, said="It is me, from work", first_name="Anna")
    return a_thread(business, said="Is the sauna open?", email="ana@client.example")


@pytest.fixture
def thread(transactional_db):
    return aside(furnish)


@pytest.fixture
def faults(page):  # noqa: F811
    """What the page's scripts broke at, and what our policy had to stop."""
    found = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("dialog", lambda dialog: found.append(dialog.message))
    page.on("console", lambda line: found.append(line.text) if "Content Security Policy" in line.text else None)
    yield found
    assert found == []


def opened(page, live_server, thread):  # noqa: F811
    page.set_viewport_size({"width": 1400, "height": 800})  # all three panes
    log_in(page, f"{live_server.url}/admin/inbox/{thread.pk}/")
    expect(page.locator("#box-body")).to_be_visible()


def told(page, sentence):  # noqa: F811
    expect(page.locator("#toasts")).to_contain_text(sentence)


def anew(page, sentence):  # noqa: F811
    """A deed after which the conversation is fetched anew has been told, and what was fetched stands there."""
    told(page, sentence)
    expect(page.locator("#open")).not_to_have_attribute("aria-busy", "true")


def row_of(message):
    return aside(lambda: Message.objects.filter(body=message).values("status", "channel").first())


def test_deeds_by_key(live_server, thread, page, faults):  # noqa: F811
    opened(page, live_server, thread)
    head, keys, entries = page.locator("#thread-head"), page.keyboard, page.locator("#entries")
    keys.press("l")
    keys.type("vip, knee")
    keys.press("Enter")
    expect(head).to_contain_text("knee")
    expect(page.locator(f".in-row[data-id='{thread.pk}'] .in-tag--label")).to_have_text(["vip", "knee"])
    keys.press("s")
    keys.press("Tab")
    keys.press("Enter")  # tomorrow at nine
    expect(head).to_contain_text("Snoozed")
    keys.press("e")
    expect(head).to_contain_text("Closed")
    keys.press("e")
    expect(head.locator("[data-status]").first).to_have_attribute("data-status", "open")

    keys.press("b")
    page.get_by_role("button", name="Yes").click()
    anew(page, "Blocked: nothing goes")
    expect(page.locator("#box-why")).to_have_text("This client is blocked.")
    expect(page.locator("#box-instead button")).to_have_text(["Leave a note for your colleagues"])
    keys.press("b")
    page.get_by_role("button", name="Yes").click()
    anew(page, "Unblocked.")
    expect(page.locator("#box-closed")).to_be_hidden()

    keys.press("g")
    keys.type("anna")
    held = []
    page.route("**/thread/", lambda route: held.append(route))
    page.locator("#merge-found [data-client]").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("#open")).to_have_attribute("aria-busy", "true")
    page.locator("#box-body").click()
    keys.type("Half a sen")
    picture = {"name": "knee.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n"}
    page.set_input_files("#box-file", [picture])
    page.locator("#box-body").focus()
    held[0].continue_()
    page.unroute("**/thread/")
    anew(page, "is part of this client now")
    expect(entries).to_contain_text("It is me, from work")
    keys.type("tence")  # while the conversation is fetched anew, somebody goes on writing
    expect(page.locator("#box-body")).to_have_value("Half a sentence")
    expect(page.locator("#box")).to_contain_text("knee.png")
    page.locator("#box-body").fill("")
    page.locator("#box-body").blur()

    keys.press("n")
    keys.type("@Mo")
    expect(page.locator("#box-choices")).to_contain_text("Mo Santos")
    keys.press("Enter")
    keys.type("please look")
    keys.press("Control+Enter")
    expect(entries.locator(".om-entry--note")).to_contain_text("@Mo Santos please look")
    assert aside(lambda: Notification.objects.get().kind) == "mention"


def test_a_reply_goes_later_and_comes_back_and_stop_closes_the_box(live_server, thread, page, faults):  # noqa: F811
    opened(page, live_server, thread)
    body, entries = page.locator("#box-body"), page.locator("#entries")
    page.keyboard.press("r")
    body.fill("See you on Friday")
    page.click("#box-later")
    page.fill("#box-when", page.evaluate("new Date(Date.now() + 9e7).toISOString().slice(0, 16)"))
    page.click("#box-send")
    expect(entries).to_contain_text("goes")
    page.get_by_role("button", name="Take back").click()
    expect(body).to_have_value("See you on Friday")
    body.press("Control+Enter")
    told(page, "Sent.")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(body).to_have_value("See you on Friday")
    assert row_of("See you on Friday")["status"] == "canceled"

    assert page.evaluate(PASTE, 2_000_000) is False
    expect(page.locator("#box-errors")).to_contain_text("too long to be pasted")
    expect(body).to_have_value("See you on Friday")
    body.fill("x" * 1601)
    expect(page.locator("#box-counter")).to_contain_text("1601 / 1600")
    body.press("Control+Enter")
    expect(page.locator("#box-errors")).to_contain_text("1,600 characters at most")
    body.fill("")

    aside(lambda: hears(thread, "STOP"))
    expect(page.locator("#box-why")).to_contain_text("opted out of texts")
    expect(page.locator("#box-instead button")).to_have_text(
        ["Write an e-mail instead", "Leave a note for your colleagues"]
    )
    page.locator("#box-instead button").first.click()
    expect(body).to_be_enabled()
    expect(page.locator("#box-subject")).to_be_visible()


def test_files_are_dropped_pasted_and_refused_with_a_reason(live_server, thread, page, faults):  # noqa: F811
    opened(page, live_server, thread)
    shown, errors = page.locator("#box-files li"), page.locator("#box-errors")
    page.keyboard.press("r")
    page.evaluate(GIVE, ["#thread", "dragover", "knee.png", "image/png", 9])
    expect(page.locator("#thread")).to_have_attribute("data-drop", "Drop files here")
    page.evaluate(GIVE, ["#thread", "drop", f"{RTL}{EVIL}.png", "image/png", 9])
    page.evaluate(GIVE, ["#box-body", "paste", "plan.pdf", "application/pdf", 9])
    expect(shown).to_have_count(2)
    for name, kind, size, why in (
        ("tools.zip", "application/zip", 9, "carriers refuse files of this kind"),
        ("film.mp4", "video/mp4", 5_000_000, "more than 5 MB"),
        ("empty.png", "image/png", 0, "it is empty"),
    ):
        page.evaluate(GIVE, ["#thread", "drop", name, kind, size])
        expect(errors).to_contain_text(f"{name}: ")
        expect(errors).to_contain_text(why)
    page.click("#box-send")  # a picture needs no words
    expect(page.locator("#entries .om-entry--outbound")).to_contain_text("plan.pdf")
    expect(page.locator("#entries .om-entry--outbound img")).to_have_count(1)
    expect(shown).to_have_count(0)
    assert aside(lambda: Attachment.objects.count()) == 2

    page.locator("#box-body").fill("All the tools")
    page.evaluate(GIVE, ["#thread", "drop", "tools.zip", "application/zip", 9])
    page.get_by_role("button", name="Write an e-mail instead").click()
    expect(shown).to_have_count(1)
    expect(page.locator("#box-body")).to_have_value("All the tools")
    page.fill("#box-subject", "Tools")
    page.click("#box-send")
    expect(page.locator("#entries")).to_contain_text("tools.zip")
    assert row_of("All the tools")["channel"] == "email"


def test_two_close_the_same_and_a_failed_one_goes_again(live_server, thread, page, faults):  # noqa: F811
    aside(lambda: fails(says(thread, "Until nine"), retryable=True))
    aside(lambda: Message.objects.filter(body="Until nine").update(attempts=1))
    opened(page, live_server, thread)
    other = page.context.browser.new_page()
    log_in(other, f"{live_server.url}/admin/inbox/{thread.pk}/")
    expect(other.locator("#box-body")).to_be_visible()
    other.route("**/news/**", lambda route: route.abort())  # who has not heard of it yet
    page.keyboard.press("e")
    expect(page.locator("#thread-head")).to_contain_text("Closed")
    other.keyboard.press("e")
    told(other, "somebody else may have done it")
    other.close()
    failed = page.locator(".om-entry--outbound")
    expect(failed).to_contain_text("The phone is switched off.")
    failed.get_by_role("button", name="Try again").click()
    expect(failed.locator(".om-state")).to_contain_text("queued")
    expect(failed.get_by_role("button", name="Try again")).to_have_count(0)
    assert row_of("Until nine")["status"] == "queued"


def plant(thread):
    """Script and tricks wherever a person may write something."""
    Client.objects.filter(pk=thread.client_id).update(first_name=f"{RTL}{EVIL}", last_name="Bell")
    business = thread.business
    Template.objects.create(business=business, name=EVIL, channel="sms", body=f"{{{{ client.first_name }}}} {EVIL}")
    mail = MailToRecord(
        business.pk, "inbound", "received", client_id=thread.client_id, from_="ana@client.example", html=HOSTILE,
        subject=f"{EVIL} Towels?",
    )  # fmt: skip
    record_message(mail)
    kept = hears(thread, f"{EVIL} {RTL}")
    Message.objects.filter(pk=kept).update(media_count=1)
    Attachment.objects.create(message_id=kept, status="failed", name=f"{EVIL}.png")


def test_hostile_words_are_text_and_nothing_is_fetched_from_elsewhere(live_server, thread, page, faults):  # noqa: F811
    aside(lambda: plant(thread))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, live_server, thread)
    entries = page.locator("#entries")
    expect(page.locator("#thread-name bdi")).to_have_text(f"{RTL}{EVIL} Bell")
    for text in (f"{EVIL} Towels?", f"{EVIL} {RTL}", f"{EVIL}.png"):
        expect(entries).to_contain_text(text)
    frame = page.frame_locator("iframe[name^=mail-]")
    page.locator(".om-mail summary", has_text="HTML").click()
    expect(frame.locator("h1")).to_contain_text("Look")
    assert frame.locator("script, iframe, link, form, svg, [onclick], a[href^=javascript]").count() == 0
    page.keyboard.press("r")
    page.keyboard.type("/")
    expect(page.locator("#box-choices [role=option]")).to_contain_text(EVIL)
    page.keyboard.press("Enter")
    expect(page.locator("#box-body")).to_have_value(f"{RTL}{EVIL} {EVIL}")
    assert [url for url in asked if not url.startswith((live_server.url, "blob:", "data:"))] == []


def test_what_breaks_says_so_and_goes_on(live_server, thread, page):  # noqa: F811
    opened(page, live_server, thread)
    page.route(re.compile("/(rows|side|thread|reply|status)/"), lambda route: route.fulfill(status=500, body="no"))
    page.locator("#side").evaluate("htmx.trigger('#side', 'omega:side')")
    expect(page.locator("#side-body [role=alert]")).to_contain_text("something went wrong on our side")
    held = []
    page.route(re.compile("/news/"), lambda route: held.append(route))
    with page.expect_request(re.compile("/news/[?].*folder=all")):
        aside(lambda: hears(thread, "And on Sunday?"))
    page.locator(".in-folder", has_text="Closed").click()
    expect(page.locator("#rows [role=alert]")).to_contain_text("Nothing of yours was lost")
    with page.expect_response(re.compile("/news/[?].*folder=all")):
        held[0].continue_()
    page.unroute(re.compile("/news/"))
    expect(page.locator("#entries")).to_contain_text("And on Sunday?")  # but no row of the list that was left
    expect(page.locator("#rows [role=alert]")).to_contain_text("Nothing of yours was lost")
    page.keyboard.press("p")
    told(page, "please try again".capitalize())
    page.locator("#box-body").fill("Until nine")
    page.locator("#box-body").press("Control+Enter")
    expect(page.locator("#box-errors")).to_contain_text("That did not arrive")
    expect(page.locator("#box-body")).to_have_value("Until nine")

    page.unroute_all()
    page.locator("#side-body").get_by_role("button", name="Try again").click()
    expect(page.locator("#side-body")).to_contain_text("ana@client.example")
    page.locator("#rows").get_by_role("button", name="Try again").click()
    expect(page.locator("#rows .in-empty")).to_contain_text("Nothing has been closed yet.")
    page.locator("#box-errors").get_by_role("button", name="Try again").click()
    expect(page.locator("#entries")).to_contain_text("Until nine")
    expect(page.locator("#box-errors")).to_be_empty()

    page.context.set_offline(True)
    expect(page.locator("#bar")).to_contain_text("Not connected. What you write is kept")
    page.locator("#box-body").fill("Still here")
    page.locator("#box-body").press("Control+Enter")
    expect(page.locator("#box-errors")).to_contain_text("That did not arrive")
    page.context.set_offline(False)
    expect(page.locator("#bar")).to_be_hidden()
    expect(page.locator("#box-body")).to_have_value("Still here")
    aside(lambda: hears(thread, "Are you there?"))
    expect(page.locator("#entries")).to_contain_text("Are you there?")


def walk(page, most=90):  # noqa: F811
    """Where Tab goes, until it comes to the box's last button."""
    met = []
    for _ in range(most):
        page.keyboard.press("Tab")
        met.append(page.evaluate(FOCUS))
        if met[-1][0] == "box-send":
            break
    return met


def test_without_a_mouse_at_200_percent_and_on_a_phone(live_server, thread, page, faults):  # noqa: F811
    opened(page, live_server, thread)
    page.locator("#box-body").fill("Until nine")
    page.evaluate("document.activeElement.blur()")
    page.locator("#search").focus()
    met = walk(page)
    names = [one[0] for one in met]
    in_order = ["filter-open", "all", str(thread.pk), "assign-to", "snooze", "timeline", "box-body", "box-send"]
    places = [names.index(one) for one in in_order if one in names]
    assert [one for one in in_order if one not in names] == ["all"]  # folders are one stop, by the chosen one
    assert places == sorted(places)
    assert [one for one in met if not one[1] and one[0] != "timeline"] == []
    assert [one for one in met if not one[2]] == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#dialog-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#dialog-keys")).to_be_hidden()

    for width, height in ((640, 360), (390, 780)):
        page.set_viewport_size({"width": width, "height": height})
        for pane, seen in (("list", "#search"), ("thread", "#box-send"), ("side", "#side h3")):
            page.evaluate(f"document.getElementById('inbox').dataset.pane = '{pane}'")
            page.locator(seen).scroll_into_view_if_needed()
            expect(page.locator(seen)).to_be_in_viewport()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (width, pane)
            assert page.evaluate(CUT) == [], (width, pane)


# What stands out of the window sideways, and so cannot be seen without scrolling.
CUT = """() => [...document.querySelectorAll("#inbox *")].filter((one) => {
  const box = one.getBoundingClientRect();
  const isSeen = box.width > 1 && box.height > 1 && getComputedStyle(one).visibility !== "hidden";
  return isSeen && !one.closest("dialog, .in-hidden") && (box.right > window.innerWidth + 1 || box.left < -1);
}).map((one) => one.outerHTML.slice(0, 80))"""
