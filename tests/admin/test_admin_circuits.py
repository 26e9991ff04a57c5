"""Circuit breakers in the admin: which account is shut and why, and the button of who has mended it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from messaging.models import Circuit

pytestmark = pytest.mark.django_db
LIST = "/admin/messaging/circuit/"


def a_circuit(**fields):
    now = timezone.now()
    known = {
        "provider": "twilio", "state": "open", "failures": 9, "opened_at": now, "failed_at": now,
        "probe_at": now + timedelta(seconds=15), "code": "20003", "reason": "Authenticate",
    }  # fmt: skip
    return Circuit.objects.create(**known | fields)


def test_a_shut_account_stands_in_the_list_and_on_the_first_page(browser):
    a_circuit()
    html = browser.get(LIST).content.decode()
    assert "the platform" in html
    assert "Shut: its messages wait" in html
    assert "Authenticate" in html
    assert "Provider accounts shut" in browser.get("/admin/").content.decode()


def test_a_working_one_is_no_card_and_has_no_button(browser):
    one = a_circuit(state="closed", failures=1)
    assert "Provider accounts shut" not in browser.get("/admin/").content.decode()
    assert "Try it now" not in browser.get(f"{LIST}{one.pk}/change/").content.decode()
    assert browser.post(f"{LIST}{one.pk}/do/try_now/").status_code == 404


def test_who_has_mended_it_lets_it_be_tried_at_once(browser):
    one = a_circuit()
    assert "Try it now" in browser.get(f"{LIST}{one.pk}/change/").content.decode()
    answer = browser.post(f"{LIST}{one.pk}/do/try_now/", follow=True)
    assert "The next messages that are due try it" in answer.content.decode()
    one.refresh_from_db()
    assert one.probe_at <= timezone.now()
