"""Sensitive deeds ask again who one is; one sees where one is logged in, and ends it."""

import time

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from accounts import proofs
from accounts.models import ApiKey, AuditEntry, Client
from accounts.services import logged_in, two_factor
from tests.admin.world import a_business, phone
from tests.security.conftest import PASSWORD
from tests.security.test_security_two_factor import code_of

NEW_KEY = "/admin/accounts/apikey/add/"
LOG_INS = "/admin/log-ins/"
pytestmark = pytest.mark.django_db


def name_of_session(browser):
    return logged_in.name_of(browser.session.session_key)


def age(browser, minutes):
    """So long ago somebody proved to be there."""
    session = browser.session
    for name in (proofs.BEGAN, proofs.PROVED):
        if name in session:
            session[name] = time.time() - minutes * 60
    session.save()


@pytest.fixture
def browser(olga, log_in):
    made = log_in().browser
    made.get("/admin/jsi18n/")
    return made


def asked(answer):
    return answer.status_code == 302 and answer["Location"].startswith("/admin/prove/")


def test_a_log_in_is_proof_for_a_while_and_then_a_key_is_not_to_be_had_without_another(browser, settings):
    assert browser.get(NEW_KEY).status_code == 200
    age(browser, settings.ADMIN_PROOF_MINUTES + 1)
    assert browser.get("/admin/accounts/apikey/").status_code == 200
    answer = browser.get(NEW_KEY)
    assert asked(answer)
    refused = browser.post(answer["Location"], {"password": "not it"})
    assert "This password is not right." in refused.content.decode()
    assert asked(browser.get(NEW_KEY))
    before = browser.session.session_key
    proved = browser.post(answer["Location"], {"password": PASSWORD})
    assert proved["Location"] == NEW_KEY
    assert browser.session.session_key != before
    assert browser.get(NEW_KEY).status_code == 200
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"password refused", "proved again"}


def test_a_deed_whose_proof_is_old_is_not_done(browser, settings):
    age(browser, settings.ADMIN_PROOF_MINUTES + 1)
    answer = browser.post(NEW_KEY, {"name": "smuggled"}, headers={"Referer": f"http://testserver{NEW_KEY}?a=b"})
    assert asked(answer)
    assert answer["Location"].endswith("next=%2Fadmin%2Faccounts%2Fapikey%2Fadd%2F%3Fa%3Db")
    assert "Nothing was done yet." in browser.get(answer["Location"]).content.decode()
    assert not ApiKey.objects.filter(name="smuggled").exists()


def test_erasing_a_client_asks_and_other_buttons_do_not(browser, settings):
    one = Client.objects.create(business=a_business(), phone=phone(), first_name="Ana")
    age(browser, settings.ADMIN_PROOF_MINUTES + 1)
    assert asked(browser.post(f"/admin/accounts/client/{one.pk}/do/erase/"))
    one.refresh_from_db()
    assert one.erased_at is None
    assert browser.get(f"/admin/accounts/client/{one.pk}/change/").status_code == 200


@pytest.mark.parametrize("told", ["https://elsewhere.example/x", "//elsewhere.example", "javascript:alert(1)", ""])
def test_after_the_proof_one_goes_nowhere_else(browser, settings, told):
    age(browser, settings.ADMIN_PROOF_MINUTES + 1)
    answer = browser.post(NEW_KEY, {"name": "x"}, headers={"Referer": told})
    assert answer["Location"].endswith("next=%2Fadmin%2F")
    proved = browser.post(f"/admin/prove/?next={told}", {"password": PASSWORD})
    assert proved["Location"] == "/admin/"


def test_who_has_an_authenticator_proves_it_by_a_code_and_by_no_password(olga, log_in, settings):
    codes = two_factor.confirm(two_factor.begin(olga.pk), code_of(olga, -1))
    browser = log_in().browser
    browser.get("/admin/jsi18n/")
    assert browser.post("/admin/prove/", {"code": codes[0]})["Location"] == "/admin/two-factor/"
    browser.post("/admin/two-factor/", {"code": codes[0]})
    age(browser, settings.ADMIN_PROOF_MINUTES + 1)
    answer = browser.get(NEW_KEY)
    assert asked(answer)
    assert "This code is not right" in browser.post(answer["Location"], {"password": PASSWORD}).content.decode()
    assert "This code is not right" in browser.post(answer["Location"], {"code": codes[0]}).content.decode()
    assert browser.post(answer["Location"], {"code": codes[1]})["Location"] == NEW_KEY
    assert browser.get(NEW_KEY).status_code == 200


def test_the_two_factor_page_asks_too(browser, settings):
    assert browser.get("/admin/two-factor/").status_code == 200
    age(browser, settings.ADMIN_PROOF_MINUTES + 1)
    assert asked(browser.get("/admin/two-factor/"))
    assert asked(browser.post("/admin/two-factor/", {"do": "renew"}))


def test_guesses_at_the_password_are_those_of_the_log_in(browser, settings):
    for _ in range(9):
        refused = browser.post("/admin/prove/", {"password": "wrong"})
    assert "too many tries" in refused.content.decode()
    assert browser.post("/admin/prove/", {"password": PASSWORD}).status_code == 200


def test_nobody_proves_anything_without_a_log_in(client):
    assert client.post("/admin/prove/", {"password": PASSWORD})["Location"] == "/admin/login/"
    assert client.get(LOG_INS)["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("name", sorted(proofs.PAGES))
def test_every_page_that_is_named_is_one(name):
    arguments = [] if name.endswith("_add") or name == "unmask" else ["1"]
    assert reverse(f"admin:{name}", args=arguments)


@pytest.mark.parametrize(("page", "action"), sorted(proofs.DEEDS))
def test_every_deed_that_is_named_is_one(page, action):
    assert reverse(f"admin:{page}", args=[1, action])


def test_one_sees_where_one_is_logged_in_and_nobody_elses(browser, log_in):
    User.objects.create_superuser("pia", "pia@example.com", "another long password")
    other = log_in("pia", "another long password", HTTP_USER_AGENT="Pias browser", REMOTE_ADDR="192.0.2.9").browser
    other.get("/admin/jsi18n/", HTTP_USER_AGENT="Pias browser", REMOTE_ADDR="192.0.2.9")
    second = log_in().browser
    second.get("/admin/jsi18n/", HTTP_USER_AGENT="Firefox <b>of the reception</b>", REMOTE_ADDR="192.0.2.7")
    page = browser.get(LOG_INS).content.decode()
    assert "Firefox &lt;b&gt;of the reception&lt;/b&gt;" in page
    assert "192.0.2.7" in page
    assert page.count("This browser") == 1
    assert "Pias browser" not in page
    assert second.session.session_key not in page
    assert browser.session.session_key not in page


def test_one_ends_a_log_in_or_all_others(browser, log_in):
    tablet, phone_, desk = (log_in().browser for _ in range(3))
    for one in (tablet, phone_, desk):
        one.get("/admin/jsi18n/")
    browser.post(LOG_INS, {"end": name_of_session(tablet)})
    assert tablet.get("/admin/accounts/apikey/").status_code == 302
    assert phone_.get("/admin/accounts/apikey/").status_code == 200
    assert "2 log-ins are ended." in browser.post(LOG_INS, {"end": "others"}, follow=True).content.decode()
    assert phone_.get("/admin/accounts/apikey/").status_code == 302
    assert browser.get("/admin/accounts/apikey/").status_code == 200


def test_nobody_ends_anothers_log_in(browser, log_in):
    User.objects.create_superuser("pia", "pia@example.com", "another long password")
    other = log_in("pia", "another long password").browser
    other.get("/admin/jsi18n/")
    for name in (name_of_session(other), other.session.session_key, "others", "x" * 10_000, "\x00", ""):
        assert browser.post(LOG_INS, {"end": name}).status_code == 302
    assert other.get("/admin/accounts/apikey/").status_code == 200
