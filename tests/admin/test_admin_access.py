"""The admin for everyone: axe-core finds nothing on any main page, light or dark."""

from pathlib import Path

import axe_playwright_python
import pytest

from tests.admin.test_admin_phone import browser, enter, house, open_page

__all__ = ["browser", "house"]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}


def faults(page):
    """What axe-core finds, each as its rule and the places."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [f"{one['id']}: {node['target'][0]} {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_main_page(live_server, house, browser, scheme):
    paths, thread = house
    page = enter(browser, live_server.url, color_scheme=scheme)
    found = {}
    for path in paths:
        open_page(page, f"{live_server.url}/admin/{path}")
        if bad := faults(page):
            found[path] = bad
    page.close()
    sue = enter(browser, live_server.url, "sue", color_scheme=scheme)
    for path in ("accounts/client/", f"reason/?client={thread.client_id}"):
        open_page(sue, f"{live_server.url}/admin/{path}")
        if bad := faults(sue):
            found[f"sue {path}"] = bad
    assert not found, "\n".join(f"{path}\n  " + "\n  ".join(bad) for path, bad in found.items())
