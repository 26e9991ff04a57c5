"""People who log in to the admin, and the browser."""

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from tests.admin.conftest import chromium

__all__ = ["chromium"]
PASSWORD = "a long walk by the sea"


@pytest.fixture
def olga(db):
    """A superuser with a password."""
    return User.objects.create_superuser("olga", "olga@example.com", PASSWORD)


@pytest.fixture
def log_in():
    """Log in by the form, as a person or a script does; the answer, and the browser behind it."""

    def work(name="olga", password=PASSWORD, browser=None, **headers):
        browser = browser or Browser()
        answer = browser.post("/admin/login/?next=/admin/", {"username": name, "password": password}, **headers)
        answer.browser = browser
        return answer

    return work
