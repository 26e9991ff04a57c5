"""Who is logged in, how pages are asked for, and the browser."""

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from playwright.sync_api import expect

from messaging.services import vocabulary

CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)


@pytest.fixture(autouse=True)
def _fresh_vocabulary():
    vocabulary.forget()


@pytest.fixture
def operator(db):
    return User.objects.create_superuser("olga", "olga@example.com", "pass")


@pytest.fixture
def browser(operator):
    """Somebody who may do everything, logged in."""
    made = Browser()
    made.force_login(operator)
    made.get("/admin/jsi18n/")  # the session's clock runs from its first page, which writes it down
    return made


@pytest.fixture
def chromium():
    """The browser's path; without one the test is skipped, but never in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("There is no chromium, and in CI no test is left out.")
        pytest.skip("There is no chromium on this machine.")
    expect.set_options(timeout=20_000)
    return CHROMIUM
