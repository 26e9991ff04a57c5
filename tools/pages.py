"""The admin's pages, looked at by a machine in a demo of their own: pictures for the docs, or weight and layout shift.

`python -m tools.pages screenshots` writes docs/images; `python -m tools.pages check` prints a table, and ends with 1
where a page is over its bounds.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Response, sync_playwright

from . import files
from .programs import ROOT

IMAGES = ROOT / "docs" / "images"
MOST_KB, MOST_SHIFT = 300, 0.1
START_SECONDS = 300
CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
# By the name of its picture: the page, and the scheme of colours.
SHOTS = {
    "inbox": ("inbox/", "light"),
    "inbox-dark": ("inbox/", "dark"),
    "message": ("conversations/message/{message}/change/", "light"),
    "template": ("messaging/template/{template}/change/", "light"),
}
PAGES = [
    "", "inbox/", "messaging/reportday/dashboard/",
    "conversations/conversation/", "conversations/message/", "conversations/message/{message}/change/",
    "conversations/message/problems/", "accounts/client/", "messaging/template/",
    "messaging/template/{template}/change/", "messaging/webhookevent/", "preferences/",
]  # fmt: skip
# The shifts of a page's own making, as the browser counts them; those behind somebody's hand are left out.
_SHIFT = """() => { window.omegaShift = 0; new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.omegaShift += one.value;
}).observe({ type: "layout-shift", buffered: true }); }"""


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def demo(home: Path) -> Iterator[dict[str, Any]]:
    """A demo of omega's in a folder of its own; what its run.json says."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    ports = {"PORT": str(_port()), "SANDBOX_PORT": str(_port()), "LIVE_PORT": str(_port())}
    environment = {**os.environ, **ports, "OMEGA_HOME": str(home)}
    program = subprocess.Popen(
        [sys.executable, "-m", "tools.run"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield _facts(home, program)
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(60)
        shutil.rmtree(home, ignore_errors=True)


def _facts(home: Path, program: "subprocess.Popen[bytes]") -> dict[str, Any]:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and program.poll() is None:
        if facts := files.read_json(home / "run.json"):
            return facts
        time.sleep(0.5)
    raise SystemExit("The demo did not start: try `make run`.")


def enter(browser: Browser, facts: dict[str, Any], scheme: str = "light") -> Page:
    """A page that is logged in, as wide as a desk has it."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(facts["admin_url"])
    page.fill("input[name=username]", facts["admin_username"])
    page.fill("input[name=password]", facts["admin_password"])
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("#page")
    return page


def names(page: Page, facts: dict[str, Any]) -> dict[str, str]:
    """A message and a template of the demo: the first in their lists."""
    found = {}
    for name, place in {"message": "conversations/message", "template": "messaging/template"}.items():
        page.goto(f"{facts['admin_url']}{place}/")
        link = page.locator(f"#result_list a[href*='/{place}/']").first.get_attribute("href") or ""
        found[name] = link.split(f"/{place}/")[1].split("/")[0]
    return found


def screenshots(browser: Browser, facts: dict[str, Any]) -> int:
    """Write each picture anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with _closing(enter(browser, facts)) as page:
        known = names(page, facts)
        _past_the_tour(page, facts)
    for name, (path, scheme) in SHOTS.items():
        with _closing(enter(browser, facts, scheme)) as page:
            page.goto(facts["admin_url"] + path.format(**known))
            if path.startswith("inbox"):
                page.locator(".in-row__link").first.click()
            page.wait_for_timeout(1500)  # pictures and fonts; nothing is asserted here
            target = IMAGES / f"{name}.jpg"
            page.screenshot(path=target, type="jpeg", quality=72)
            sys.stdout.write(f"{target.relative_to(ROOT)}  {target.stat().st_size // 1024} KB\n")
    return 0


def _past_the_tour(page: Page, facts: dict[str, Any]) -> None:
    page.goto(facts["admin_url"])
    page.screenshot(path=IMAGES / "tour.jpg", type="jpeg", quality=72)
    page.locator(".om-tour button").click()
    page.wait_for_load_state()


@contextmanager
def _closing(page: Page) -> Iterator[Page]:
    try:
        yield page
    finally:
        page.close()


def check(browser: Browser, facts: dict[str, Any]) -> int:
    """Print what each page weighs as it travels, without media, and how far it moves; 1 where one is over."""
    page = enter(browser, facts)
    known, worst = names(page, facts), 0
    page.close()
    sys.stdout.write(f"{'page':44} {'KB':>6} {'shift':>6} {'ms':>6}\n")
    for path in PAGES:
        kilobytes, shift, milliseconds = _measured(browser, facts, path.format(**known))
        over = kilobytes > MOST_KB or shift > MOST_SHIFT
        worst = max(worst, int(over))
        mark = "  over" if over else ""
        sys.stdout.write(f"/admin/{path.format(**known):37} {kilobytes:6.0f} {shift:6.3f} {milliseconds:6.0f}{mark}\n")
    return worst


def _measured(browser: Browser, facts: dict[str, Any], path: str) -> tuple[float, float, float]:
    """Of a page that nothing is cached of: its kilobytes, its layout shift, and how long until it was loaded."""
    page = enter(browser, facts)
    state = page.context.storage_state()
    page.close()
    context = browser.new_context(viewport={"width": 1280, "height": 800}, storage_state=state)
    fresh, weights = context.new_page(), list[int]()
    fresh.add_init_script(f"({_SHIFT})()")
    fresh.on("response", lambda answer: weights.append(_weight(answer)))
    began = time.perf_counter()
    answer = fresh.goto(facts["admin_url"] + path, wait_until="load")
    if answer is None or not answer.ok:
        raise SystemExit(f"/admin/{path} is no page.")
    milliseconds = (time.perf_counter() - began) * 1000
    fresh.wait_for_timeout(1000)
    shift = float(fresh.evaluate("window.omegaShift || 0"))
    context.close()
    return sum(weights) / 1024, shift, milliseconds


def _weight(answer: Response) -> int:
    if answer.request.resource_type in {"image", "media", "eventsource"}:
        return 0
    try:
        return int(answer.request.sizes()["responseBodySize"])
    except Exception:  # a stream that never ends has no size
        return 0


def main(arguments: list[str]) -> int:
    """`screenshots` or `check`."""
    deeds = {"screenshots": screenshots, "check": check}
    if len(arguments) != 1 or arguments[0] not in deeds:
        sys.stderr.write("Say screenshots or check.\n")
        return 2
    home = Path(os.environ.get("OMEGA_HOME") or ROOT / ".omega").resolve() / "pages"
    with demo(home) as facts, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        return deeds[arguments[0]](browser, facts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
