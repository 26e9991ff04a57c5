"""The dashboard in a real browser: its charts are drawn under our policy, in the dark too, and it fits a phone."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from conversations.models import Message
from tests.admin.test_admin_browser import aside, log_in, page  # noqa: F401  (page is a fixture)
from tests.admin.world import a_business, a_thread, fails, hears, says

PLACE = "/admin/messaging/reportday/dashboard/"


@pytest.fixture
def business(transactional_db):
    def work():
        User.objects.create_superuser("olga", "olga@example.com", "pass")
        made = a_business(name="Studio")
        for _ in range(3):
            thread = a_thread(made, said="Are you open?")
            Message.objects.filter(pk=says(thread)).update(status="delivered")
            fails(says(thread), retryable=False)
            hears(thread, "Hello?")
        return made

    return aside(work)


def test_charts_are_drawn_and_nothing_is_wider_than_a_phone(live_server, business, page):  # noqa: F811
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    log_in(page, f"{live_server.url}{PLACE}")
    expect(page.locator("html")).to_have_attribute("data-charts", "4")
    page.evaluate("document.documentElement.classList.add('dark')")
    expect(page.locator("html")).to_have_attribute("data-charts", "4")

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")  # once the charts are smaller
    assert faults == []


# Clicks the middle of the first bar that stands for something, and tells how much it stands for.
CLICK = """() => {
  for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
    const chart = Chart.getChart(canvas);
    if (chart.config.type !== "bar") continue;
    for (const [set, one] of chart.data.datasets.entries()) {
      const at = one.data.findIndex((value) => value > 0);
      if (at < 0) continue;
      const bar = chart.getDatasetMeta(set).data[at];
      const box = canvas.getBoundingClientRect();
      const place = { clientX: box.left + bar.x, clientY: box.top + (bar.y + bar.base) / 2, bubbles: true };
      canvas.dispatchEvent(new MouseEvent("click", place));
      return one.data[at];
    }
  }
  return 0;
}"""


def test_a_bar_leads_to_its_rows(live_server, business, page):  # noqa: F811
    log_in(page, f"{live_server.url}{PLACE}")
    expect(page.locator("html")).to_have_attribute("data-charts", "4")
    count = page.evaluate(CLICK)
    page.wait_for_url("**/rows/?**")
    assert count > 0
    expect(page.locator("#result_list tbody tr, .db-rows tbody tr, table tbody tr")).to_have_count(count)
