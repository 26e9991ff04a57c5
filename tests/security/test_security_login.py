"""Log-in to the admin: guessing is stopped, sessions end, cookies and passwords are as they should be."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone

from accounts.models import LoginTries
from accounts.services import guarding

INBOX = "/admin/conversations/conversation/"


def guess(log_in, times, **who):
    return [log_in(password="wrong", **who) for _ in range(times)][-1]


def is_in(answer):
    return answer.status_code == 302


def test_a_plain_post_logs_in(olga, log_in):
    answer = log_in()
    assert is_in(answer)
    assert answer.browser.get(INBOX).status_code == 200


def test_guessing_is_stopped_with_a_sentence_that_says_when_to_try_again(olga, log_in):
    assert "too many tries" not in guess(log_in, 8).content.decode()
    refused = log_in()  # the right password is of no use now
    assert not is_in(refused)
    assert "Try again in 10 minutes, at " in refused.content.decode()


def test_the_lock_is_of_one_name_at_one_address_and_ends(olga, log_in):
    User.objects.create_superuser("pia", "pia@example.com", "another long password")
    guess(log_in, 9)
    assert is_in(log_in("pia", "another long password"))
    assert is_in(log_in(REMOTE_ADDR="192.0.2.7"))
    guess(log_in, 9)
    LoginTries.objects.update(since=timezone.now() - timedelta(minutes=11))
    assert is_in(log_in())


def test_a_right_password_forgets_the_wrong_ones(olga, log_in):
    for _ in range(3):
        guess(log_in, 7)
        assert is_in(log_in())


def test_upper_case_and_spaces_are_no_new_name(olga, log_in):
    for name in ("olga", " OLGA", "Olga ", "oLga", "olgA", "OLGa", "OlGa", "olGA", "OLgA"):
        answer = log_in(name, "wrong")
    assert "too many tries" in answer.content.decode()


def test_many_machines_guessing_at_one_person_are_stopped(olga, log_in):
    LoginTries.objects.create(kind="name", name="olga", tries=80, since=timezone.now())
    refused = log_in(REMOTE_ADDR="192.0.2.99")
    assert "Try again in 60 minutes" in refused.content.decode()


def test_one_machine_with_one_password_for_everybody_is_stopped(olga, log_in):
    LoginTries.objects.create(kind="address", address="192.0.2.99", tries=160, since=timezone.now())
    assert not is_in(log_in(REMOTE_ADDR="192.0.2.99"))
    assert is_in(log_in(REMOTE_ADDR="192.0.2.98"))


def test_behind_a_proxy_the_caller_counts_and_what_he_makes_up_does_not(olga, log_in):
    with override_settings(TRUSTED_PROXY_COUNT=1):
        for n in range(9):
            refused = log_in(password="wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}, 203.0.113.5")
        assert "too many tries" in refused.content.decode()
        assert is_in(log_in(HTTP_X_FORWARDED_FOR="203.0.113.6"))
    assert set(LoginTries.objects.filter(kind="pair").values_list("address", flat=True)) == {"203.0.113.5"}


@pytest.mark.django_db(transaction=True)
def test_guesses_at_one_moment_count_as_many():
    def one(_):
        try:
            return guarding.take_try(name="olga", address="192.0.2.1") is None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(40))) == 8


def test_an_operator_unlocks_by_command_and_in_the_admin(olga, log_in, capsys):
    guess(log_in, 9)
    call_command("unlock_login", username="olga")
    assert "Unlocked." in capsys.readouterr().out
    answer = log_in()
    assert is_in(answer)
    guess(log_in, 9, browser=None, name="pia")
    row = LoginTries.objects.get(kind="pair", name="pia")
    page = answer.browser.post(f"/admin/accounts/logintries/{row.pk}/do/unlock/", follow=True).content.decode()
    assert "may try again" in page
    assert not LoginTries.objects.filter(kind="pair", name="pia").exists()
    with pytest.raises(CommandError, match="Say whom"):
        call_command("unlock_login")


@pytest.mark.parametrize("name", ["", "x" * 5000, "nul%00", "%ED%A0%80", "%FF", "%27; DROP TABLE"], ids=lambda n: n[:9])
def test_no_name_gets_a_fault_of_ours(db, name):
    body = f"username={name}&password=wrong"
    answer = Browser().post("/admin/login/", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


@pytest.mark.parametrize(("setting", "seconds"), [("omega_seen", 31 * 60), ("omega_began", 13 * 3600)])
def test_a_session_ends(olga, log_in, setting, seconds):
    """After half an hour without a touch, and after twelve hours whatever was done."""
    browser = log_in().browser
    assert browser.get(INBOX).status_code == 200
    session = browser.session
    session[setting] -= seconds
    session.save()
    assert browser.get(INBOX).url.startswith("/admin/login/")
    assert browser.get("/admin/").status_code == 302


def test_work_keeps_a_session_alive_and_a_page_that_asks_for_news_does_not(olga, log_in):
    browser = log_in().browser
    browser.get(INBOX)
    session = browser.session
    session["omega_seen"] -= 600
    session.save()
    before = browser.session["omega_seen"]
    browser.get(f"{INBOX}1/entries/")
    assert browser.session["omega_seen"] == before
    browser.get(INBOX)
    assert browser.session["omega_seen"] > before


def test_the_session_gets_a_new_key_at_log_in_and_dies_at_log_out(olga, log_in):
    browser = Browser()
    session = browser.session
    session["left by"] = "an attacker, before anybody logged in"
    session.save()
    answer = log_in(browser=browser)
    assert browser.session.session_key != session.session_key
    stolen = answer.browser.cookies["sessionid"].value
    answer.browser.post("/admin/logout/")
    answer.browser.cookies["sessionid"] = stolen
    assert answer.browser.get(INBOX).status_code == 302


@pytest.mark.parametrize("weak", ["short", "password1234", "123456789012", "olga@example.com"])
def test_a_weak_password_is_refused(olga, weak):
    with pytest.raises(ValidationError):
        validate_password(weak, olga)
    validate_password("a long walk by the sea " * 4, olga)  # long ones and spaces are fine


def in_production(code):
    """What `code` prints under settings as in production."""
    settings = {
        "DEBUG": "false", "SECRET_KEY": "x" * 60, "PUBLIC_BASE_URL": "https://omega.example.com",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "0" * 32,
        "DJANGO_SETTINGS_MODULE": "omega_project.settings",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", f"from django.conf import settings as s; {code}"],
        env=os.environ | settings, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.strip()


def test_in_production_cookies_are_for_https_alone_and_a_code_is_asked_of_everybody():
    names = ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "ADMIN_REQUIRE_TWO_FACTOR"]
    found = in_production(f"print(s.SESSION_COOKIE_NAME, s.TRUSTED_PROXY_COUNT, *(getattr(s, n) for n in {names}))")
    assert found == "__Host-sessionid 1 True True True True"
