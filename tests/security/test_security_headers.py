"""What answers tell the browser, and that every page still works under it: looked at in a real one."""

import base64
import hashlib
import re
from pathlib import Path

import django_rq
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect, sync_playwright

from omega_project.lib import headers
from tests.admin.test_admin_browser import FLAGS, aside
from tests.admin.world import a_thread
from tests.contract.world import a_studio
from tests.security.conftest import PASSWORD

expect.set_options(timeout=20_000)
EVERYWHERE = {
    "Permissions-Policy": "camera=()",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/omega/docs", "/omega/redoc", "/omega/schema", "/omega/health", "/omega/nowhere", "/"]
)
def test_every_answer_has_them_and_no_policy_allows_an_inline_script(client, db, path):
    answer = client.get(path)
    for name, value in EVERYWHERE.items():
        assert value in answer.headers[name], (path, name)
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe-inline" not in policy.get("script-src", policy["default-src"])
    assert "*" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*src=)[^>]*>\s*\S", answer.content.decode())


def test_what_is_about_people_is_kept_by_no_cache(client, db):
    studio = a_studio()
    answer = client.get(f"/omega{studio.path}/clients", headers={"X-API-KEY": studio.key})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "no-store" in client.get("/admin/login/").headers["Cache-Control"]


def test_the_one_inline_script_of_the_queues_pages_is_the_one_we_know():
    found = set()
    for page in Path(django_rq.__file__).parent.joinpath("templates").rglob("*.html"):
        for script in re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page.read_text(), re.DOTALL):
            found.add(base64.b64encode(hashlib.sha256(script.encode()).digest()).decode())
    assert [f" 'sha256-{one}'" for one in found] == [headers._QUEUES_SCRIPT]


@pytest.fixture
def page(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        made = browser.new_page()
        made.set_default_timeout(20_000)
        made.refused = []
        made.on("pageerror", lambda error: made.refused.append(str(error)))
        made.on("console", lambda told: made.refused.append(told.text) if "Content Security" in told.text else None)
        yield made
        browser.close()


@pytest.fixture
def thread(transactional_db):
    def work():
        User.objects.create_superuser("olga", "olga@example.com", PASSWORD)
        return a_thread(said="Is the sauna open?")

    return aside(work)


def log_in(page, url):
    page.goto(url)
    page.fill("input[name=username]", "olga")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")


def test_the_admins_pages_work_in_a_browser(live_server, thread, page):
    log_in(page, f"{live_server.url}/admin/")
    expect(page.locator(".om-figures")).to_be_visible()
    for place in ("conversations/conversation/", "accounts/client/", "accounts/client/import/", "accounts/auditentry/"):
        page.goto(f"{live_server.url}/admin/{place}")
        expect(page.locator("#nav-sidebar-apps, aside, nav").first).to_be_visible()
    page.goto(f"{live_server.url}/admin/conversations/conversation/{thread.pk}/change/")
    expect(page.locator("#reply-body")).to_be_visible()
    page.fill("#reply-body", "x" * 161)
    expect(page.locator("#reply-counter")).to_contain_text("2 segment")  # the page's own module runs
    page.goto(f"{live_server.url}/admin/accounts/client/add/")
    page.click(".select2-selection >> nth=0")
    expect(page.locator(".select2-results__option").first).to_contain_text("Studio")  # and so does Django's
    page.goto(f"{live_server.url}/django-rq/")
    page.goto(f"{live_server.url}/admin/two-factor/")
    expect(page.locator(".om-qr svg")).to_be_visible()
    assert page.refused == []


def test_swagger_and_redoc_work_in_a_browser(live_server, thread, page):
    page.goto(f"{live_server.url}/omega/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    page.locator(".opblock-summary-control").first.click()
    expect(page.locator(".opblock.is-open")).to_be_visible()
    page.goto(f"{live_server.url}/omega/redoc")
    expect(page.locator("text=Authentications").or_(page.locator("h1")).first).to_be_visible()
    expect(page.locator("[data-section-id]").first).to_be_visible()
    # ReDoc asks another host for its logo, which tells that host who reads here: that is refused, and nothing else.
    assert [told for told in page.refused if "cdn.redoc.ly/redoc/logo" not in told] == []


def test_a_script_that_somebody_smuggled_in_does_not_run(live_server, thread, page):
    log_in(page, f"{live_server.url}/admin/")
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.smuggled = true';
        document.body.append(script);
        const button = document.createElement('button');
        button.setAttribute('onclick', 'window.smuggled = true');
        document.body.append(button);
        button.click();
    }""")
    assert page.evaluate("() => window.smuggled") is None
    assert len(page.refused) == 2
