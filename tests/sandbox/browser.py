"""The browser that the page's tests look through: a Chromium of this machine, which fetches nothing of its own."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on this machine (CI demands one)"
)
# What a mail's cage is there for: a picture that nobody asked for, a script.
CAGED = ('violates the following Content Security Policy directive: "img-src', "Blocked script execution in")


@contextmanager
def browse(url: str, width: int = 1280) -> Iterator[Page]:
    """The page, live; whatever went wrong in it fails at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 860}, locale="en-US")
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(url)
        expect(page.locator("#live")).to_have_text("Live")
        yield page
        browser.close()
        found = [fault for fault in faults if not any(words in fault for words in CAGED)]
        assert not found, found
