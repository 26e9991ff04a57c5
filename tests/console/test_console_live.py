"""The inbox in two real browsers over the real programs: what one does, the other sees, and nothing typed is lost."""

import http.client
import json
import re
import urllib.request
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.admin.test_admin_browser import FLAGS
from tests.support.processes import wait_for

expect.set_options(timeout=20_000)
pytestmark = pytest.mark.timeout(300)  # whoever comes first waits for all the programs besides
PASSWORD = "a-long-password-1"
# Two people of the demo's first business, and a client of theirs whom nobody else in the tests writes to.
PEOPLE = f"""
from django.contrib.auth.models import User
from accounts.models import AdminRole, Business, Client, Staff
from conversations.services.threads import ensure_conversation
business = Business.objects.order_by("pk").first()
for staff in Staff.objects.filter(business=business).order_by("pk")[:2]:
    user, _ = User.objects.get_or_create(username=staff.name.split()[0].lower(), is_staff=True)
    user.set_password({PASSWORD!r})
    user.save()
    AdminRole.objects.update_or_create(user=user, defaults=dict(role="manager", business=business, staff=staff))
    print("LOGIN", user.username, staff.name)
client, _ = Client.objects.get_or_create(business=business, first_name="Ines", phone="+14155557731")
print("THREAD", ensure_conversation(business_id=business.pk, client_id=client.pk)[0])
"""


class Desk:
    """The demo's business as its people use it."""

    def __init__(self, omega):
        self.omega, self.demo = omega, omega.seed()
        told = omega.manage("shell", "-c", PEOPLE)
        self.logins = dict(re.findall(r"LOGIN (\S+) (.+)", told))
        self.thread = re.search(r"THREAD (\d+)", told)[1]
        self.root = f"http://127.0.0.1:{omega.port}/admin/"

    def enter(self, browser, name, path=None, **context):
        page = browser.new_context(timezone_id="Europe/Berlin", **context).new_page()
        page.set_default_timeout(20_000)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        path = path if path is not None else f"inbox/{self.thread}/"
        page.goto(f"{self.root}login/?{urlencode({'next': '/admin/' + path})}")
        self.log_in(page, name)
        return page

    def log_in(self, page, name):
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")

    def hears(self, body):
        """The client writes, by the carrier."""
        text = {"from": "+14155557731", "to": self.demo["businesses"][0]["sms_sender"], "body": body}
        self._call("/handset/sms", text)

    def carried(self, body):
        """How often the carrier was given a text."""
        return json.dumps(self._call("/ledger?limit=1000")).count(json.dumps(body))

    def _call(self, path, body=None):
        data = json.dumps(body).encode() if body else None
        asked = urllib.request.Request(self.omega.sandbox_url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")


@pytest.fixture(scope="module")
def desk(omega):
    return Desk(omega)


@pytest.fixture
def browser(chromium):
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield made
        made.close()


def listens(page):
    expect(page.locator("#inbox")).to_have_attribute("data-connected", "yes")


def test_what_one_does_the_other_sees_and_nothing_typed_is_lost(desk, browser):
    (first, _), (second, second_name) = desk.logins.items()
    one, other = desk.enter(browser, first), desk.enter(browser, second)
    box, entries = one.locator("#box-body"), one.locator("#entries")
    for page in (one, other):
        expect(page.locator("#box-body")).to_be_visible()
        listens(page)

    box.press_sequentially("half a sen")
    expect(other.locator("#present")).to_contain_text("is typing")
    desk.hears("Is the sauna open <b>today</b>?")
    for page in (one, other):
        expect(page.locator("#entries")).to_contain_text("Is the sauna open <b>today</b>?")
    expect(box).to_have_value("half a sen")

    other.keyboard.press("r")
    other.keyboard.type("Until nine")
    other.keyboard.press("Control+Enter")
    expect(entries).to_contain_text("Until nine")
    box.press("Control+Enter")  # a colleague's answer came while this was written
    expect(one.locator("#dialog-ask")).to_contain_text("Until nine")
    one.keyboard.press("Escape")
    expect(box).to_have_value("half a sen")
    expect(entries.locator(".om-state", has_text="delivered")).to_have_count(1)

    other.keyboard.press("Escape")
    other.keyboard.press("i")
    expect(one.locator("#assign-to option:checked")).to_contain_text(second_name)
    other.keyboard.press("n")
    other.keyboard.type("@")
    expect(other.locator("#box-choices")).to_be_visible()
    other.keyboard.press("Enter")
    other.keyboard.type("please look")
    other.keyboard.press("Control+Enter")
    expect(entries.locator(".om-entry--note")).to_contain_text("please look")
    other.keyboard.press("Escape")
    other.keyboard.press("e")
    expect(one.locator("#thread-head")).to_contain_text("Closed")
    expect(box).to_have_value("half a sen")

    box.press("Control+a")
    box.press_sequentially("Bring a towel")
    box.press("Control+Enter")  # the note came meanwhile
    one.get_by_role("button", name="Send it all the same").click()
    expect(one.locator("#toasts")).to_contain_text("Sent.")
    one.close()  # who closes the page loses nothing
    assert wait_for(lambda: desk.carried("Bring a towel") == 1, 30)
    assert not other.faults


def test_a_message_taken_back_never_leaves_and_comes_back_into_the_box(desk, browser):
    page = desk.enter(browser, next(iter(desk.logins)))
    box = page.locator("#box-body")
    box.fill("Never mind this one")
    box.press("Control+Enter")
    page.get_by_role("button", name="Undo").click()
    expect(box).to_have_value("Never mind this one")
    box.fill("This one then")
    box.press("Control+Enter")
    assert wait_for(lambda: desk.carried("This one then") == 1, 30)
    assert desk.carried("Never mind this one") == 0


def test_a_cut_line_goes_on_without_a_gap(desk, browser):
    page = desk.enter(browser, next(iter(desk.logins)))
    listens(page)
    desk.omega.end("live")
    desk.hears("While nobody listened")
    # The web says the same, a little later, as long as nobody else does.
    expect(page.locator("#entries")).to_contain_text("While nobody listened")
    desk.omega.start("live")
    desk.hears("And now they do again")
    expect(page.locator("#entries")).to_contain_text("And now they do again")
    expect(page.locator("#entries .om-entry", has_text="While nobody listened")).to_have_count(1)


def test_the_line_is_for_who_may_listen(desk, browser):
    page = desk.enter(browser, next(iter(desk.logins)))
    expect(page.locator("#box-body")).to_be_visible()
    session = next(one["value"] for one in page.context.cookies() if one["name"] == "sessionid")
    ours, theirs = (one["id"] for one in desk.demo["businesses"][:2])
    own = {"Cookie": f"sessionid={session}"}

    def status(business, headers=own, method="GET", path="/admin/inbox/live/"):
        line = http.client.HTTPConnection("127.0.0.1", desk.omega.live_port, timeout=20)
        line.request(method, f"{path}?business={business}", headers=headers)
        try:
            return line.getresponse().status
        finally:
            line.close()

    assert status(ours) == 200
    assert status(ours, {}) == status(ours, {"Cookie": "sessionid=forged"}) == 401
    assert status(theirs) == status("x") == 403
    assert status(ours, own | {"Origin": "https://elsewhere.example"}) == 403
    assert status(ours, method="POST") == status(ours, path="/admin/") == 404


def test_a_session_that_ends_in_mid_reply_keeps_the_text_by_keyboard_on_a_phone(desk, browser):
    name = next(iter(desk.logins))
    page = desk.enter(browser, name, "inbox/", viewport={"width": 390, "height": 780})
    expect(page.locator("#thread")).to_have_count(0)
    listens(page)  # the page's script is there
    page.keyboard.press("/")
    page.keyboard.type("Ines")
    expect(page.locator(".in-row")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("#box-body")).to_be_visible()
    expect(page.locator(".in-left")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.keyboard.press("r")
    page.keyboard.type("What I wrote for an hour")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("Control+Enter")
    link = page.get_by_role("link", name="Log in again")
    expect(page.locator("#box-body")).to_have_value("What I wrote for an hour")
    link.click()
    desk.log_in(page, name)
    expect(page.locator("#box-body")).to_have_value("What I wrote for an hour")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#dialog-keys")).to_be_visible()
    assert not page.faults
