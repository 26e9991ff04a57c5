"""The second factor: set up once, asked of everybody who has it, each code good once."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings
from django_otp.oath import totp

from accounts.models import Authenticator, RecoveryCode
from accounts.services import two_factor

PAGE = "/admin/two-factor/"
INBOX = "/admin/conversations/conversation/"


def code_of(user, steps=0):
    """What the person's app shows, or will show so many steps of 30 seconds from now."""
    device = Authenticator.objects.filter(user=user).latest("confirmed")
    return f"{totp(two_factor._key(device), t0=-30 * steps):06d}"


@pytest.fixture
def enrolled(olga):
    """Olga has an authenticator; her recovery codes."""
    codes = two_factor.confirm(two_factor.begin(olga.pk), code_of(olga, -1))
    assert codes is not None
    return codes


@pytest.mark.parametrize("path", ["/admin/", INBOX, "/admin/auth/user/", "/django-rq/", "/admin/password_change/"])
def test_where_it_is_required_nothing_opens_before_it_is_set_up(olga, log_in, path):
    with override_settings(ADMIN_REQUIRE_TWO_FACTOR=True):
        browser = log_in().browser
        assert browser.get(path).url.startswith(PAGE)
        assert browser.post(path).url.startswith(PAGE)


@override_settings(ADMIN_REQUIRE_TWO_FACTOR=True)
def test_a_person_sets_it_up_and_is_in(olga, log_in):
    browser = log_in().browser
    page = browser.get(PAGE).content.decode()
    assert "<svg" in page
    assert re.search(r'id="totp-key">[A-Z2-7]{32}<', page)
    assert "http" not in re.search(r"<svg.*?</svg>", page, re.DOTALL)[0].replace("http://www.w3.org/2000/svg", "")
    assert "This code is not right" in browser.post(PAGE, {"code": "000000"}).content.decode()
    done = browser.post(PAGE, {"code": code_of(olga)}).content.decode()
    assert len(set(re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", done))) == 10
    assert browser.get(INBOX).status_code == 200
    assert "Recovery codes" not in browser.get(PAGE).content.decode()


def test_who_has_it_is_asked_at_each_log_in_also_where_it_is_not_required(olga, enrolled, log_in):
    browser = log_in().browser
    key = browser.session.session_key
    assert browser.get(INBOX).url == f"{PAGE}?next=%2Fadmin%2Fconversations%2Fconversation%2F"
    answer = browser.post(PAGE, {"code": code_of(olga), "next": INBOX})
    assert (answer.status_code, answer.url) == (302, INBOX)
    assert browser.get(INBOX).status_code == 200
    assert browser.session.session_key != key


def test_a_code_is_good_once(olga, enrolled, log_in):
    code = code_of(olga)
    assert log_in().browser.post(PAGE, {"code": code}).status_code == 302
    assert "used already" in log_in().browser.post(PAGE, {"code": code}).content.decode()


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_code_of_another_minute_is_no_good(olga, enrolled, log_in, steps):
    assert log_in().browser.post(PAGE, {"code": code_of(olga, steps)}).status_code == 200


def test_a_recovery_code_is_good_once_however_it_is_typed(olga, enrolled, log_in):
    typed = enrolled[0].upper().replace("-", " ")
    assert log_in().browser.post(PAGE, {"code": typed}).status_code == 302
    assert log_in().browser.post(PAGE, {"code": enrolled[0]}).status_code == 200
    assert log_in().browser.post(PAGE, {"code": enrolled[1]}).status_code == 302


def test_codes_cannot_be_guessed(olga, enrolled, log_in):
    browser = log_in().browser
    for guess in range(9):
        page = browser.post(PAGE, {"code": f"{guess:06d}"}).content.decode()
    assert "Try again in 10 minutes" in page
    assert browser.post(PAGE, {"code": code_of(olga)}).status_code == 200


@pytest.mark.parametrize("code", ["", "\uff11\uff12\uff13\uff14\uff15\uff16", "\x00" * 6, "9" * 5000, "-12345", "abc"])
def test_no_code_gets_a_fault_of_ours(olga, enrolled, log_in, code):
    assert log_in().browser.post(PAGE, {"code": code}).status_code == 200


def test_another_persons_code_and_device_are_none_of_ones_own(olga, enrolled, log_in):
    User.objects.create_superuser("pia", "pia@example.com", "another long password")
    two_factor.confirm(two_factor.begin(User.objects.get(username="pia").pk), code_of(User.objects.get(username="pia")))
    browser = log_in().browser
    assert browser.post(PAGE, {"code": code_of(User.objects.get(username="pia"), 1)}).status_code == 200
    session = browser.session
    device = Authenticator.objects.get(user__username="pia")
    session["otp_device_id"] = device.persistent_id
    session.save()
    assert browser.get(INBOX).url.startswith(PAGE)


def test_it_is_turned_off_where_that_is_allowed_and_reset_by_an_operator(olga, enrolled, log_in):
    browser = log_in().browser
    browser.post(PAGE, {"code": code_of(olga)})
    with override_settings(ADMIN_REQUIRE_TWO_FACTOR=True):
        assert browser.post(PAGE, {"do": "off"}).status_code == 403
    assert len(re.findall(r"-[a-z2-7]{4}<", browser.post(PAGE, {"do": "renew"}).content.decode())) == 10
    assert browser.post(PAGE, {"do": "off"}).status_code == 302
    assert not Authenticator.objects.exists()
    assert not RecoveryCode.objects.exists()
    two_factor.confirm(two_factor.begin(olga.pk), code_of(olga))
    device = Authenticator.objects.get()
    browser.post(PAGE, {"code": code_of(olga, 1)})
    browser.post(f"/admin/accounts/authenticator/{device.pk}/do/reset/")
    assert not Authenticator.objects.exists()


def test_secrets_lie_sealed_and_codes_hashed(olga, enrolled):
    device = Authenticator.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_authenticator")
        assert two_factor._key(device) not in bytes(cursor.fetchone()[0])
        cursor.execute("SELECT code_hash FROM accounts_recoverycode")
        stored = b"".join(bytes(row[0]) for row in cursor.fetchall())
    assert enrolled[0].replace("-", "").encode() not in stored


def test_after_the_code_one_goes_nowhere_else(olga, enrolled, log_in):
    answer = log_in().browser.post(PAGE, {"code": code_of(olga), "next": "https://evil.example/"})
    assert answer.url == "/admin/"
