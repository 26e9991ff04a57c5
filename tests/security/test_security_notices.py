"""Who has a log-in hears of each change of its password and second factor, whoever made it."""

from importlib import import_module

import pytest
from django.contrib.auth.models import User
from django.core import mail

from accounts.services import notices, two_factor
from accounts.services.notices import Change
from omega_project.lib import jobs
from tests.security.conftest import PASSWORD
from tests.security.test_security_two_factor import code_of

NEW = "a longer walk by the sea"


@pytest.fixture
def queued(monkeypatch):
    """Each job as a worker takes it, found by its dotted path."""

    def work(queue, job, *ids):
        module, name = job.rsplit(".", 1)
        getattr(import_module(module), name)(*ids)

    monkeypatch.setattr(jobs, "enqueue", work)


def subjects():
    return [(one.to, one.subject) for one in mail.outbox]


def test_a_new_password_is_told_to_its_person(olga, log_in, queued):
    mail.outbox.clear()
    browser = log_in().browser
    answer = browser.post(
        "/admin/password_change/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    )
    assert answer.status_code == 302
    assert subjects() == [(["olga@example.com"], "omega: A new password was set")]
    assert NEW not in mail.outbox[0].body


def test_one_that_another_set_is_told_too(olga, log_in, queued):
    mei = User.objects.create_user("mei", "mei@example.com", PASSWORD, is_staff=True)
    mail.outbox.clear()
    browser = log_in().browser
    given = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert browser.post(f"/admin/auth/user/{mei.pk}/password/", given).status_code == 302
    assert subjects() == [(["mei@example.com"], "omega: A new password was set")]
    log_in("mei", "something wrong altogether")
    assert len(mail.outbox) == 1


def test_a_second_factor_set_up_or_turned_off_is_told_to_its_person(olga, queued):
    mail.outbox.clear()
    device = two_factor.begin(olga.pk)
    assert two_factor.confirm(device, "000000" if code_of(olga) != "000000" else "111111") is None
    assert mail.outbox == []
    assert two_factor.confirm(device, code_of(olga))
    two_factor.new_recovery_codes(olga.pk)
    two_factor.turn_off(olga.pk)
    told = [
        "Two-factor log-in was set up with an authenticator",
        "New recovery codes were made; those from before are dead",
        "Two-factor log-in was turned off",
    ]
    assert subjects() == [(["olga@example.com"], f"omega: {one}") for one in told]


def test_who_has_no_address_is_not_written_to(db):
    nobody = User.objects.create_user("nobody")
    for change in Change:
        notices.write(user_id=nobody.pk, change=change)
    notices.write(user_id=0, change=Change.PASSWORD)
    assert mail.outbox == []
