"""GET /voice-calls/token: what Twilio takes for a staff member's client, and nobody else's."""

import time
from datetime import datetime

import jwt
import pytest
from django.conf import settings

from accounts.models import ApiKey, ProviderAccount, Staff
from accounts.services.credentials import create_token
from tests.contract.shapes import assert_error
from tests.contract.world import a_platform_key, a_staff_member, a_studio, get
from tests.voice.world import an_account

pytestmark = pytest.mark.django_db
PATH = "/voice-calls/token"


def ask(studio, staff, key=None, **headers):
    return get(
        PATH, key or (None if headers else studio.key), {"business_id": studio.id, "staff_id": staff.pk}, **headers
    )


def opened(answer, secret=None):
    return jwt.decode(answer["token"], secret or settings.TWILIO_API_KEY_SECRET, algorithms=["HS256"])


def test_a_token_is_the_one_that_twilio_takes():
    studio = a_studio()
    staff = a_staff_member(studio)
    got = ask(studio, staff)
    assert got.status == 200, got.raw
    assert set(got.body) == {"token", "identity", "expires_at"}
    assert got["identity"] == f"b{studio.id}_s{staff.pk}"
    assert got.headers["Cache-Control"] == "no-store"
    assert jwt.get_unverified_header(got["token"]) == {"alg": "HS256", "cty": "twilio-fpa;v=1", "typ": "JWT"}
    claims = opened(got)
    assert (claims["iss"], claims["sub"]) == (settings.TWILIO_API_KEY_SID, settings.TWILIO_ACCOUNT_SID)
    voice = {"incoming": {"allow": True}, "outgoing": {"application_sid": settings.TWILIO_TWIML_APP_SID}}
    assert claims["grants"] == {"identity": got["identity"], "voice": voice}


def test_it_lives_for_an_hour_and_says_so():
    studio = a_studio()
    got = ask(studio, a_staff_member(studio))
    claims = opened(got)
    assert 0 < claims["exp"] - time.time() <= 3600
    assert abs(datetime.fromisoformat(got["expires_at"]).timestamp() - claims["exp"]) <= 1
    assert got["expires_at"].endswith("Z")


def test_it_tells_no_name_or_address():
    studio = a_studio()
    staff = a_staff_member(studio, name="Zoe Quux", email="zoe@example.com", phone="+12125550100")
    got = ask(studio, staff)
    assert not {word for word in ("Zoe", "zoe@", "5550100") if word in str(opened(got)) + got["identity"]}


def test_a_business_with_its_own_account_signs_by_that_one():
    studio = a_studio()
    account = an_account(studio)
    claims = opened(ask(studio, a_staff_member(studio)), "its secret, which is 32 bytes long")
    assert (claims["sub"], claims["iss"]) == (account, "SK" + "b" * 32)
    assert claims["grants"]["voice"]["outgoing"]["application_sid"] == "AP" + "b" * 32


def test_an_account_that_lacks_something_says_what():
    studio = a_studio()
    an_account(studio, twiml_app_sid="")
    got = ask(studio, a_staff_member(studio))
    assert_error(got, 409, "voice_not_set_up")
    assert "twiml_app_sid" in got["detail"]


@pytest.mark.parametrize("name", ["TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET", "TWILIO_TWIML_APP_SID"])
def test_a_platform_that_lacks_something_says_what(name, settings):
    setattr(settings, name, "")
    studio = a_studio()
    got = ask(studio, a_staff_member(studio))
    assert_error(got, 503, "unavailable")
    assert name in got["detail"]


def test_secrets_that_do_not_open_are_503():
    studio = a_studio()
    an_account(studio)
    ProviderAccount.objects.update(secrets=b"garbage")
    assert_error(ask(studio, a_staff_member(studio)), 503, "unavailable")


def test_anothers_staff_is_404_and_an_inactive_one_409():
    ours, theirs = a_studio(), a_studio()
    foreign = a_staff_member(theirs)
    assert_error(ask(ours, foreign), 404, "not_found")
    assert_error(ask(ours, foreign, a_platform_key()), 404, "not_found")
    assert_error(ask(theirs, foreign, ours.key), 403, "permission_denied")
    Staff.objects.filter(pk=foreign.pk).update(is_active=False)
    assert_error(ask(theirs, foreign), 409, "staff_unavailable")


def test_a_staff_members_token_opens_their_own_client_only():
    studio = a_studio()
    mine, other = a_staff_member(studio), a_staff_member(studio)
    key_id = ApiKey.objects.get(business_id=studio.id).pk
    token, _ = create_token(business_id=studio.id, staff_id=mine.pk, key_id=key_id, expires_in=60)
    bearer = {"Authorization": f"Bearer {token}"}
    assert ask(studio, mine, **bearer).status == 200
    assert_error(ask(studio, other, **bearer), 403, "permission_denied")
    whole, _ = create_token(business_id=studio.id, staff_id=None, key_id=key_id, expires_in=60)
    assert ask(studio, other, Authorization=f"Bearer {whole}").status == 200


@pytest.mark.parametrize("query", [{}, {"business_id": "x", "staff_id": "-1"}, {"business_id": "1" * 40}])
def test_what_is_no_id_is_422(query):
    assert get(PATH, a_platform_key(), query).faulty == {"query.business_id", "query.staff_id"}
